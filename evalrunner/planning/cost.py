"""What a run may cost, before it is run: a range with its basis, and a ceiling."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from evalrunner.planning.history import History, Lengths
from evalrunner.pricing import UnitPrices, cost_usd
from evalrunner.types import Json, Usage

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

    def add(self, request_bytes: int, lengths: Lengths | None = None) -> None:
        """Count one request of this many bytes; `lengths` are those of earlier answers."""
        self._n += 1
        self._n_unknown += lengths is None
        low, high = math.ceil(self._max_output * _LEAST_OUTPUT), self._max_output
        if lengths is not None:
            low, high = min(lengths.low, high), min(lengths.high, high)
        likely = math.ceil(request_bytes / _BYTES_PER_TOKEN)
        sizes = ((likely, low), (likely, high), (request_bytes, self._max_output))
        for place, (input_tokens, output_tokens) in enumerate(sizes):
            usage = Usage(input_tokens=input_tokens, output_tokens=output_tokens)
            cost = cost_usd(usage, self._prices, batch=self._batch)
            self._totals[place] = _total((self._totals[place], cost))

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
