"""The candidates of a facet side by side: what a frontier and a decision are made from."""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial

import numpy as np
from numpy.typing import NDArray

from evalrunner.stats import bootstrap_replicates, difference_interval, newcombe_interval
from evalrunner.stats.mcnemar import PairedTable
from evalrunner.summary.classes import ClassTable
from evalrunner.summary.columns import CaseColumns, CellResult, SummaryOptions
from evalrunner.types import Estimate

Floats = NDArray[np.float64]

_REQUESTS = 1000


@dataclass(frozen=True, kw_only=True)
class FacetResult:
    """Cells that may be compared, on the same cases. A cell's position counts from 0."""

    facet: int
    results: tuple[CellResult, ...]
    """Candidates only, in grid order."""
    cases: CaseColumns
    options: SummaryOptions

    @property
    def ids(self) -> tuple[int, ...]:
        """Of the cells, by position."""
        return tuple(result.summary["id"] for result in self.results)

    @cached_property
    def quality(self) -> Floats:
        """Cells x cases; NaN = unscored, and everywhere for an F1."""
        return np.array([result.quality for result in self.results]).reshape(-1, self.cases.n)

    @cached_property
    def cost(self) -> Floats:
        """USD per 1,000 requests, cells x cases; NaN = unknown.

        A cell whose summary has no cost has none here.
        """
        rows = [
            result.cost_usd * _REQUESTS
            if result.summary["cost"]["usd_per_1000"] is not None
            else np.full(self.cases.n, np.nan)
            for result in self.results
        ]
        return np.array(rows).reshape(-1, self.cases.n)

    @property
    def by(self) -> str:
        """What the clusters are."""
        return self.cases.cluster_field or "case"

    def rng(self, name: str) -> np.random.Generator:
        """A generator for one purpose, so that none moves what another draws."""
        return np.random.default_rng([self.options.seed, self.facet, zlib.crc32(name.encode())])

    def difference(self, a: int, b: int) -> Estimate:
        """Quality of cell `a` above that of `b`, by position, on the cases of both."""
        if self.replicates is not None:
            return self._f1_difference(a, b)
        known = ~np.isnan(self.quality[[a, b]]).any(axis=0)
        one, other = self.quality[a, known], self.quality[b, known]
        clusters, is_single = self.cases.clusters, self.options.repeats == 1
        if clusters is None and is_single and np.isin([one, other], (0, 1)).all():
            table = PairedTable.of(one, other)
            return newcombe_interval(table, level=self.options.confidence)
        differences = one - other
        codes = None if clusters is None else clusters[known]
        # By size, so that the order of the cases changes no rounding.
        order = np.argsort(differences) if codes is None else np.lexsort((differences, codes))
        return difference_interval(
            differences[order],
            clusters=None if codes is None else codes[order],
            by=self.by,
            level=self.options.confidence,
        )

    def difference_at_worst(self, a: int, b: int) -> float | None:
        """The difference if `a` failed and `b` was right wherever only one of them has a score."""
        one, other = self.quality[a], self.quality[b]
        either = ~(np.isnan(one) & np.isnan(other))
        if not either.any():
            return None
        return float(np.mean(np.nan_to_num(one[either]) - np.nan_to_num(other[either], nan=1.0)))

    @cached_property
    def replicates(self) -> tuple[Floats, Floats] | None:
        """Quality and cost of each cell in each resample of the cases; None but for an F1."""
        scorer, _, metric = self.options.quality.rpartition(".")
        tables = [result.classes.get(scorer) for result in self.results]
        found = [table for table in tables if table is not None]
        if not found or len(found) < len(tables) or not np.isnan(self.quality).all():
            return None
        order = self._case_order(found)
        place = np.empty_like(order)
        place[order] = np.arange(order.size)
        clusters = self.cases.clusters
        drawn = bootstrap_replicates(
            partial(
                _means,
                tables=[(table, place[table.cases]) for table in found],
                metric=metric,
                cost=self.cost[:, order],
            ),
            self.cases.n,
            rng=self.rng("replicates"),
            clusters=None if clusters is None else clusters[order],
        )
        return drawn[:, 0], drawn[:, 1]

    def _f1_difference(self, a: int, b: int) -> Estimate:
        drawn = self.replicates
        points = [self.results[cell].summary["quality"]["value"] for cell in (a, b)]
        if drawn is None or None in points:
            return Estimate(value=None)
        level = self.options.confidence
        low, high = np.nanquantile(
            drawn[0][:, a] - drawn[0][:, b], [(1 - level) / 2, (1 + level) / 2]
        )
        return Estimate(
            value=points[0] - points[1],
            low=float(low),
            high=float(high),
            n=self.cases.n,
            method="bootstrap",
        )

    def _case_order(self, tables: Sequence[ClassTable]) -> NDArray[np.intp]:
        """Cases by what is in them, so that their order in the file draws no other resamples."""
        keys = list(self.cost)
        for table in tables:
            codes = (table.truth + 1) * (len(table.labels) + 1) + table.answers + 1
            keys.append(np.bincount(table.cases, weights=codes**2.0, minlength=self.cases.n))
        if self.cases.clusters is not None:
            keys.append(self.cases.clusters.astype(np.float64))
        return np.lexsort(keys)


def facet_results(
    results: Sequence[CellResult], about: Mapping[int, tuple[CaseColumns, SummaryOptions]]
) -> list[FacetResult]:
    """The facets of a run; `about` has the cases and options of each."""
    return [
        FacetResult(
            facet=facet,
            results=tuple(
                result
                for result in results
                if result.summary["facet"] == facet and result.summary["role"] == "candidate"
            ),
            cases=cases,
            options=options,
        )
        for facet, (cases, options) in sorted(about.items())
    ]


def _means(
    weights: Floats,
    *,
    tables: Sequence[tuple[ClassTable, NDArray[np.intp]]],
    metric: str,
    cost: Floats,
) -> Floats:
    """Resamples x (quality, cost) x cells."""
    rows = np.arange(weights.shape[1])
    quality = [
        replace(table, cases=cases).metric(metric, weights, rows=rows) for table, cases in tables
    ]
    known = ~np.isnan(cost)
    sizes = weights @ known.T.astype(np.float64)
    sums = weights @ np.where(known, cost, 0.0).T
    means = np.where(sizes > 0, sums / np.maximum(sizes, 1), np.nan)
    return np.stack([np.column_stack(quality), means], axis=1)
