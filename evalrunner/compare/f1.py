"""The difference of two F1s, which have no value by case."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from evalrunner.scorers.classification import OUTSIDE
from evalrunner.stats import bootstrap_interval
from evalrunner.summary import ClassTable
from evalrunner.types import Estimate

SWAPS = 2000
"""Patterns drawn by the test."""
_CELLS_AT_ONCE = 1_000_000
_SLACK = 1e-12

Floats = NDArray[np.float64]
Rows = NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class F1Pair:
    """The answers of two models to the same cases, equal cases kept once where they may be."""

    a: ClassTable
    b: ClassTable
    rows: Rows
    """What the tables call their cases."""
    copies: NDArray[np.int64]
    """Cases that each row stands for."""
    clusters: Rows | None

    @classmethod
    def of(cls, a: ClassTable, b: ClassTable, *, clusters: Rows | None) -> F1Pair:
        """The trials of the cases that both have."""
        common = np.intersect1d(a.cases, b.cases)
        first, second = a.of_cases(common), b.of_cases(common)
        if clusters is not None:
            return cls(first, second, common, np.ones(common.size, np.int64), clusters[common])
        # One trial a case: those with the same truth and answers are one row.
        orders = np.argsort(first.cases), np.argsort(second.cases)
        truth = first.truth[orders[0]]
        columns = [truth, first.answers[orders[0]], second.answers[orders[1]]]
        unique, copies = np.unique(np.column_stack(columns), axis=0, return_counts=True)
        rows = np.arange(len(unique))
        merged = [
            replace(first, cases=rows, truth=unique[:, 0], answers=unique[:, column])
            for column in (1, 2)
        ]
        return cls(merged[0], merged[1], rows, copies.astype(np.int64), None)

    @property
    def n(self) -> int:
        """Cases."""
        return int(self.copies.sum())

    def interval(self, metric: str, *, rng: np.random.Generator, by: str, level: float) -> Estimate:
        """Difference with its percentile interval, both models resampled by the same cases.

        Source: Efron and Tibshirani (1993), An Introduction to the Bootstrap, ch. 13.
        """
        return bootstrap_interval(
            lambda weights: _difference((self.a, self.b), metric, (weights, weights), self.rows),
            self.rows.size,
            rng=rng,
            level=level,
            clusters=self.clusters,
            by=by,
            copies=self.copies if self.clusters is None else None,
        )

    def p_value(self, metric: str, *, rng: np.random.Generator) -> float:
        """Two-sided, of no difference: how often answers swapped by chance differ as much.

        Cases of a cluster are swapped together. Source: Noreen (1989), Computer-Intensive Methods
        for Testing Hypotheses, ch. 2 (approximate randomisation).
        """
        width = self.rows.size
        pooled = replace(
            self.a,
            cases=np.concatenate([self._places(self.a), self._places(self.b) + width]),
            truth=np.concatenate([self.a.truth, self.b.truth]),
            answers=np.concatenate([self.a.answers, self.b.answers]),
        )
        both, rows = (pooled, pooled), np.arange(2 * width)

        def distances(swapped: Floats) -> Floats:
            kept = self.copies - swapped
            weights = np.hstack([kept, swapped]), np.hstack([swapped, kept])
            return np.abs(_difference(both, metric, weights, rows))

        observed = distances(np.zeros((1, width)))[0] - _SLACK
        reached, step = 0, max(1, _CELLS_AT_ONCE // (2 * width))
        for begin in range(0, SWAPS, step):
            swapped = self._swapped(min(step, SWAPS - begin), rng)
            reached += int((distances(swapped) >= observed).sum())
        return (1 + reached) / (1 + SWAPS)

    def _places(self, table: ClassTable) -> Rows:
        return np.searchsorted(self.rows, table.cases)

    def _swapped(self, draws: int, rng: np.random.Generator) -> Floats:
        """How many of the cases of each row change sides."""
        if self.clusters is None:
            return rng.binomial(self.copies, 0.5, size=(draws, self.rows.size)).astype(np.float64)
        codes = np.unique(self.clusters, return_inverse=True)[1]
        return rng.integers(0, 2, size=(draws, codes.max() + 1)).astype(np.float64)[:, codes]


def _difference(
    tables: tuple[ClassTable, ClassTable],
    metric: str,
    weights: tuple[Floats, Floats],
    rows: Rows,
) -> Floats:
    first, second = (
        table.metric(metric, drawn, rows=rows) for table, drawn in zip(tables, weights, strict=True)
    )
    return first - second


def f1_bounds(a: ClassTable, b: ClassTable, metric: str) -> tuple[float, float] | None:
    """Difference with the answers that one side lacks all wrong for it, and all right.

    None where neither has any case.
    """
    every = np.union1d(a.cases, b.cases)
    if not every.size:
        return None
    once = np.ones((1, every.size))
    low, high = (
        _difference(
            (_filled(a, b, is_right=is_best), _filled(b, a, is_right=not is_best)),
            metric,
            (once, once),
            every,
        )[0]
        for is_best in (False, True)
    )
    return float(low), float(high)


def _filled(table: ClassTable, other: ClassTable, *, is_right: bool) -> ClassTable:
    """With the cases that only the other has, answered rightly or by no label at all."""
    more = ~np.isin(other.cases, table.cases)
    truth = other.truth[more]
    return replace(
        table,
        cases=np.concatenate([table.cases, other.cases[more]]),
        truth=np.concatenate([table.truth, truth]),
        answers=np.concatenate(
            [table.answers, truth if is_right else np.full_like(truth, OUTSIDE)]
        ),
    )
