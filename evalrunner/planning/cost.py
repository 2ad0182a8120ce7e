"""What a run may cost, before it is run: a range with its basis, and a ceiling."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from evalrunner.planning.history import History, Lengths
from evalrunner.pricing import UnitPrices, cost_usd, most_usd
from evalrunner.types import Json, Request, Usage, canonical_json

_BYTES_PER_TOKEN = 3.5
_LEAST_OUTPUT = 0.25
"""Share of `max_output_tokens` that a short answer takes, where nothing is known yet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CostRange:
    """USD; None = a price is unknown."""

    low: Decimal | None = Decimal(0)
    high: Decimal | None = Decimal(0)
    ceiling: Decimal | None = Decimal(0)
    """Every answer as long as `max_output_tokens` allows, one token a byte of input."""
    basis: str = "no request to pay"

    @classmethod
    def sum(cls, ranges: Iterable[CostRange]) -> CostRange:
        """Of all together; unknown when one is unknown."""
        listed = list(ranges)
        bases = sorted({entry.basis for entry in listed if entry.ceiling != 0})
        return cls(
            low=_total(entry.low for entry in listed),
            high=_total(entry.high for entry in listed),
            ceiling=_total(entry.ceiling for entry in listed),
            basis="; ".join(bases) or cls().basis,
        )

    def to_json(self) -> dict[str, Json]:
        """`cost` of `plan.json`: numbers in USD, null where unknown."""
        numbers = {name: getattr(self, name) for name in ("low", "high", "ceiling")}
        return {k: None if v is None else float(v) for k, v in numbers.items()} | {
            "basis": self.basis
        }


class CostEstimate:
    """Adds up what the requests of one cell may cost.

    Args:
        prices: Of the cell's model; None = unknown.
        max_output_tokens: Longest answer.
        batch: Batch prices.
    """

    def __init__(
        self, prices: UnitPrices | None, *, max_output_tokens: int, batch: bool = False
    ) -> None:
        self._prices = prices
        self._max_output = max_output_tokens
        self._batch = batch
        self._n = 0
        self._n_unknown = 0
        self._totals: list[Decimal | None] = [Decimal(0)] * 3

    def add(self, request: Request, lengths: Lengths | None = None) -> None:
        """Count one request; `lengths` are those of earlier answers."""
        self._n += 1
        self._n_unknown += lengths is None
        low, high = math.ceil(self._max_output * _LEAST_OUTPUT), self._max_output
        if lengths is not None:
            low, high = min(lengths.low, high), min(lengths.high, high)
        likely = math.ceil(len(canonical_json(request.body)) / _BYTES_PER_TOKEN)
        costs = (
            self._cost(likely, low),
            self._cost(likely, high),
            # What a budget reserves, so that a budget of the ceiling is never reached.
            self._most(request.size),
        )
        self._totals = [_total(pair) for pair in zip(self._totals, costs, strict=True)]

    def _most(self, size: int) -> Decimal | None:
        if self._prices is None:
            return None
        return most_usd(size, self._max_output, self._prices, batch=self._batch)

    def _cost(self, input_tokens: int, output_tokens: int) -> Decimal | None:
        usage = Usage(input_tokens=input_tokens, output_tokens=output_tokens)
        return cost_usd(usage, self._prices, batch=self._batch)

    def range(self, history: History | None = None) -> CostRange:
        """What was added up; `history` is where the lengths are from."""
        if self._n == 0:
            return CostRange()
        low, high, ceiling = self._totals
        return CostRange(low=low, high=high, ceiling=ceiling, basis=self._basis(history))

    def _basis(self, history: History | None) -> str:
        guess = (
            f"no history: bytes / {_BYTES_PER_TOKEN} in, "
            f"{_LEAST_OUTPUT:.0%} to 100 % of max_output_tokens out"
        )
        if history is None or self._n_unknown == self._n:
            return guess
        known = f"history: {history.origin}"
        return f"{known}; {guess}" if self._n_unknown else known


def _total(values: Iterable[Decimal | None]) -> Decimal | None:
    total = Decimal(0)
    for value in values:
        if value is None:
            return None
        total += value
    return total
