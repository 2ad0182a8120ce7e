"""Comparisons of answers in both orders: who won, and whether the place decided."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evalrunner.stats import position_bias
from evalrunner.summary.columns import Column
from evalrunner.types import Json

_TIE = 0.5


class PairTally:
    """The pairs of one cell's answers with those of its opponents."""

    def __init__(self, n_cases: int) -> None:
        self._n_cases = n_cases
        self._contests: dict[int, Column] = {}
        self._n = self._first = self._second = 0

    def add(self, case: int, judgements: Sequence[Mapping[str, Json]]) -> None:
        """Count the verdicts on one answer; a pair that lacks an order is left out."""
        for opponent, as_first, as_second in _both_orders(judgements):
            self._n += 1
            self._first += as_first > as_second
            self._second += as_first < as_second
            # A winner is who wins in both orders.
            outcome = as_first if as_first == as_second else _TIE
            self._contest(opponent).add(case, outcome)
        for each in judgements:
            if each.get("opponent") is not None and each.get("is_first") is None:
                # Equal answers, which nobody was asked about.
                self._contest(each["opponent"]).add(case, each["value"])

    def _contest(self, opponent: int) -> Column:
        if opponent not in self._contests:
            self._contests[opponent] = Column(self._n_cases)
        return self._contests[opponent]

    def contests(self) -> dict[int, NDArray[np.float64]]:
        """By opponent: the mean outcome of each case, 1 = won; NaN where they did not meet."""
        return {opponent: self._contests[opponent].means() for opponent in sorted(self._contests)}

    def position(self, *, level: float) -> dict[str, Any] | None:
        """How often the verdict changes with the order, and which place gains by it."""
        if not self._n:
            return None
        found = position_bias(pairs=self._n, first=self._first, second=self._second, level=level)
        return {
            "n_pairs": self._n,
            "inconsistent": asdict(found.inconsistency),
            "first": self._first,
            "second": self._second,
            "net": found.net,
            "p": found.first.p_value,
        }


def _both_orders(
    judgements: Sequence[Mapping[str, Json]],
) -> Iterator[tuple[int, float, float]]:
    """Opponent, and what the answer got in the first and in the second place."""
    orders: dict[tuple[str, int, int], dict[bool, float]] = {}
    for each in judgements:
        is_counted = each["value"] is not None and not each.get("is_retest")
        if is_counted and each.get("is_first") is not None:
            key = (each["judge"], each["sample"], each["opponent"])
            orders.setdefault(key, {})[each["is_first"]] = each["value"]
    for (_, _, opponent), values in orders.items():
        if len(values) == len((True, False)):
            yield opponent, values[True], values[False]
