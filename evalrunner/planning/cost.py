"""What a run may cost, before it is run: a range with its basis, and a ceiling."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import TypeAlias

from evalrunner.planning.history import History, Lengths
from evalrunner.pricing import UnitPrices, cost_usd, most_usd
from evalrunner.types import Json, Request, Usage, canonical_json

_BYTES_PER_TOKEN = 3.5
_LEAST_OUTPUT = 0.25
"""Share of `max_output_tokens` that a short answer takes, where nothing is known yet."""


_Size: TypeAlias = "tuple[int, Lengths | None]"
"""Bytes of a request, and the length of its answer."""


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
        self._n_unknown = 0
        self._frame: int | None = None
        self._sizes: Counter[_Size] = Counter()

    def add(self, request: Request, lengths: Lengths | None = None, *, more_bytes: int = 0) -> None:
        """Count one request; `lengths` are those of earlier answers.

        `more_bytes` is what it will hold besides, such as an answer that is not known yet.
        All requests of an estimate are of one model, so that they differ in their body alone.
        """
        if self._frame is None:
            self._frame = request.size - len(canonical_json(request.body))
        self._n_unknown += lengths is None
        # Few sizes are distinct, and a price is dear to compute: once a size, in the end.
        self._sizes[(request.size + more_bytes, lengths)] += 1

    def range(self, history: History | None = None) -> CostRange:
        """What was added up; `history` is where the lengths are from."""
        if not self._sizes:
            return CostRange()
        costs = [
            [None if cost is None else n * cost for cost in self._costs(size, lengths)]
            for (size, lengths), n in self._sizes.items()
        ]
        low, high, ceiling = map(_total, zip(*costs, strict=True))
        return CostRange(low=low, high=high, ceiling=ceiling, basis=self._basis(history))

    def _costs(self, size: int, lengths: Lengths | None) -> tuple[Decimal | None, ...]:
        """Low, high and ceiling of one request."""
        low, high = math.ceil(self._max_output * _LEAST_OUTPUT), self._max_output
        if lengths is not None:
            low, high = min(lengths.low, high), min(lengths.high, high)
        likely = math.ceil((size - (self._frame or 0)) / _BYTES_PER_TOKEN)
        # The ceiling is what a budget reserves, so that a budget of the ceiling is never reached.
        return self._cost(likely, low), self._cost(likely, high), self._most(size)

    def _most(self, size: int) -> Decimal | None:
        if self._prices is None:
            return None
        return most_usd(size, self._max_output, self._prices, batch=self._batch)

    def _cost(self, input_tokens: int, output_tokens: int) -> Decimal | None:
        usage = Usage(input_tokens=input_tokens, output_tokens=output_tokens)
        return cost_usd(usage, self._prices, batch=self._batch)

    def _basis(self, history: History | None) -> str:
        guess = (
            f"no history: bytes / {_BYTES_PER_TOKEN} in, "
            f"{_LEAST_OUTPUT:.0%} to 100 % of max_output_tokens out"
        )
        if history is None or self._n_unknown == self._sizes.total():
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
