"""What requests of one model cost: at most before they are sent, and in fact afterwards."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from evalrunner.pricing import UnitPrices, cost_usd, most_usd
from evalrunner.types import Completion, Request

_OUTPUT_LIMITS = ("max_output_tokens", "max_completion_tokens", "max_tokens")


@dataclass(frozen=True, slots=True)
class Tariff:
    """Prices of one model; None = unknown, and so is then every cost."""

    prices: UnitPrices | None
    batch: bool = False

    def most(self, request: Request) -> Decimal | None:
        """The most that one attempt can cost: one token a byte, and the longest answer allowed."""
        if self.prices is None:
            return None
        longest = next(
            (request.body[name] for name in _OUTPUT_LIMITS if name in request.body), None
        )
        if longest is not None and not isinstance(longest, int):
            return None
        return most_usd(request.size, longest, self.prices, batch=self.batch)

    def cost(self, completion: Completion) -> Decimal | None:
        """What an answer that was paid cost; None when its usage or price is unknown."""
        if completion.cost_usd is not None:
            return completion.cost_usd
        return cost_usd(completion.usage, self.prices, batch=self.batch)
