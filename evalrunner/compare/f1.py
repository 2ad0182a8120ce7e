"""The difference of two F1s, which have no value by case."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evalrunner.scorers.classification import METRICS, OUTSIDE, ClassCounts
from evalrunner.stats import bootstrap_interval
from evalrunner.summary import ClassTable
from evalrunner.types import Estimate

SWAPS = 2000
"""Patterns drawn by the test."""

_CELLS_AT_ONCE = 2_000_000
"""Weights held in memory together: 16 MB."""
_SLACK = 1e-12

Floats = NDArray[np.float64]
Rows = NDArray[np.intp]


@dataclass(frozen=True, slots=True, kw_only=True)
class F1Pair:
    """The answers of two models to the cases that both have scores of."""

    metric: str
    a: _Answers
    b: _Answers
    clusters: Rows | None
    """Codes of dependent cases, one for each that is compared."""

    @classmethod
    def of(cls, a: ClassTable, b: ClassTable, *, metric: str, clusters: Rows | None) -> F1Pair:
        """A pair; `clusters` has a code for every case of the test set."""
        common = np.intersect1d(a.cases, b.cases)
        return cls(
            metric=metric,
            a=_Answers.of(a.of_cases(common), common),
            b=_Answers.of(b.of_cases(common), common),
            clusters=None if clusters is None else clusters[common],
        )

    @property
    def n(self) -> int:
        """Cases."""
        return self.a.n

    def interval(self, *, rng: np.random.Generator, by: str, level: float) -> Estimate:
        """Difference with its percentile interval, both models resampled by the same cases.

        Source: Efron and Tibshirani (1993), An Introduction to the Bootstrap, ch. 13.
        """

        def difference(weights: Floats) -> Floats:
            columns = np.ascontiguousarray(weights.T)
            return self._f1(self.a.counts(columns)) - self._f1(self.b.counts(columns))

        return bootstrap_interval(
            difference, self.n, rng=rng, level=level, clusters=self.clusters, by=by
        )

    def p_value(self, *, rng: np.random.Generator) -> float:
        """Two-sided, of no difference: how often answers swapped by chance differ as much.

        Cases of a cluster are swapped together. Source: Noreen (1989), Computer-Intensive Methods
        for Testing Hypotheses, ch. 2 (approximate randomisation).
        """
        observed = self._distance(np.zeros((self.n, 1)))[0] - _SLACK
        reached, step = 0, max(1, _CELLS_AT_ONCE // self.n)
        for begin in range(0, SWAPS, step):
            swapped = self._swapped(min(step, SWAPS - begin), rng)
            reached += int((self._distance(swapped) >= observed).sum())
        return (1 + reached) / (1 + SWAPS)

    def _distance(self, swapped: Floats) -> Floats:
        """Between the F1s after the cases marked in each column changed sides."""
        kept = 1 - swapped
        one = self.a.counts(kept) + self.b.counts(swapped)
        other = self.a.counts(swapped) + self.b.counts(kept)
        return np.abs(self._f1(one) - self._f1(other))

    def _f1(self, counts: Floats) -> Floats:
        right, predicted, true = np.split(counts.T, 3, axis=1)
        counted = ClassCounts(true_positive=right, predicted=predicted, support=true)
        return METRICS[self.metric](counted)

    def _swapped(self, draws: int, rng: np.random.Generator) -> Floats:
        """Cases x draws."""
        if self.clusters is None:
            return rng.integers(0, 2, size=(self.n, draws), dtype=np.int8).astype(np.float64)
        codes = np.unique(self.clusters, return_inverse=True)[1]
        signs = rng.integers(0, 2, size=(int(codes.max()) + 1, draws), dtype=np.int8)
        return signs.astype(np.float64)[codes]


@dataclass(frozen=True, slots=True)
class _Answers:
    """What each case adds to the right answers, the answers and the truths of every class."""

    table: Any
    """Sparse, (3 x labels) x cases."""

    @classmethod
    def of(cls, table: ClassTable, cases: Rows) -> _Answers:
        """Of the trials in `table`, which are of these sorted cases."""
        from scipy.sparse import csr_array

        is_inside, n = table.answers != OUTSIDE, len(table.labels)
        is_right = table.truth == table.answers
        column = np.searchsorted(cases, table.cases)
        rows = [table.truth[is_right], table.answers[is_inside] + n, table.truth + 2 * n]
        columns = [column[is_right], column[is_inside], column]
        places = np.concatenate(rows), np.concatenate(columns)
        return cls(csr_array((np.ones(places[0].size), places), shape=(3 * n, cases.size)))

    @property
    def n(self) -> int:
        """Cases."""
        return int(self.table.shape[1])

    def counts(self, weights: Floats) -> Floats:
        """(3 x labels) x draws, of weights that are cases x draws."""
        counted: Floats = self.table @ weights
        return counted


def f1_bounds(a: ClassTable, b: ClassTable, metric: str) -> tuple[float, float] | None:
    """Difference with the answers that one side lacks all wrong for it, and all right.

    None where neither has any case.
    """
    every = np.union1d(a.cases, b.cases)
    if not every.size:
        return None
    once = np.ones((1, every.size))
    low, high = (
        _filled(a, b, is_right=is_best).metric(metric, once, rows=every)
        - _filled(b, a, is_right=not is_best).metric(metric, once, rows=every)
        for is_best in (False, True)
    )
    return float(low[0]), float(high[0])


def _filled(table: ClassTable, other: ClassTable, *, is_right: bool) -> ClassTable:
    """With the cases that only the other has, answered rightly or by no label at all."""
    more = ~np.isin(other.cases, table.cases)
    truth = other.truth[more]
    answers = truth if is_right else np.full_like(truth, OUTSIDE)
    return replace(
        table,
        cases=np.concatenate([table.cases, other.cases[more]]),
        truth=np.concatenate([table.truth, truth]),
        answers=np.concatenate([table.answers, answers]),
    )
