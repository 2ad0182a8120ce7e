"""Which line of a rubric fails most."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from evalrunner.summary.columns import Column
from evalrunner.types import Estimate, Json

_TRACKED = 10_000
"""Different criteria that are counted: a rubric may belong to one case alone."""
_LISTED = 50
_HALF = 0.5


class CriteriaTally:
    """Verdicts by criterion; memory grows with verdicts, not with cases times criteria."""

    def __init__(self) -> None:
        self._found: dict[str, tuple[array[int], array[float]]] = {}

    def add(self, case: int, criteria: Sequence[Mapping[str, Json]]) -> None:
        """Count the criteria of one answer; undecided is half passed, as in its score."""
        for each in criteria:
            name = each["criterion"]
            if name not in self._found:
                if len(self._found) == _TRACKED:
                    continue
                self._found[name] = (array("q"), array("d"))
            cases, values = self._found[name]
            cases.append(case)
            values.append(_HALF if each["passed"] is None else float(each["passed"]))

    def to_json(self, n_cases: int, estimate: Callable[[Column], Estimate]) -> dict[str, Any]:
        """Share passed by criterion, what surely fails most first; of many those asked most."""
        common = sorted(self._found.items(), key=lambda item: -len(item[1][0]))[:_LISTED]
        shares = {
            name: asdict(estimate(_column(n_cases, cases, values)))
            for name, (cases, values) in common
        }
        return dict(sorted(shares.items(), key=_how_surely_met))


def _how_surely_met(item: tuple[str, Mapping[str, Json]]) -> tuple[float, float]:
    """By the upper bound: what failed once says less than what fails a third of the time."""
    share = item[1]
    return (share["value"] if share["high"] is None else share["high"], share["value"])


def _column(n_cases: int, cases: array[int], values: array[float]) -> Column:
    column = Column(n_cases)
    column.add_all(np.asarray(cases), np.asarray(values))
    return column
