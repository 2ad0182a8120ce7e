"""The scores of cells by case: what comparisons are made from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray

from evalrunner.summary import CellResult, ClassTable, FacetResult, SummaryOptions
from evalrunner.summary.tally import F1_METRICS

Floats = NDArray[np.float64]
Rows = NDArray[np.intp]


@dataclass(frozen=True, slots=True, kw_only=True)
class Scores:
    """Cells that answered the same cases, these sorted by id.

    So the order of the cases in their file changes neither a random draw nor a rounding.
    """

    facet: int
    options: SummaryOptions
    cells: tuple[int, ...]
    """Ids."""
    points: tuple[float, ...]
    """Quality of each cell over the cases that it has; NaN = unknown."""
    cases: tuple[str, ...]
    """Ids."""
    quality: Floats
    """Cells x cases; NaN = unscored. Where quality is an F1: the share of right answers."""
    classes: tuple[ClassTable, ...]
    """Of each cell, where quality is an F1; else empty."""
    metric: str | None
    """Which F1."""
    slices: Mapping[str, Mapping[str, Rows]]
    """Field, then value, to the positions of its cases."""
    clusters: Rows | None
    """Codes of dependent cases; None = each case has one score and stands for itself."""
    by: str
    """What the clusters are."""
    left_out: NDArray[np.bool_]
    """Cells x cases: what racing left out, which is not missing."""

    @classmethod
    def build(
        cls,
        facet: FacetResult,
        case_ids: Sequence[str],
    ) -> Self:
        """Scores of a facet's cells; `case_ids` are those of its cases, in their order.

        With repeats each case is a cluster of its own: its mean is no longer right or wrong.
        """
        results, columns, options = facet.results, facet.cases, facet.options
        order = np.array(sorted(range(len(case_ids)), key=case_ids.__getitem__), dtype=np.intp)
        place = np.empty_like(order)
        place[order] = np.arange(order.size)
        scorer, _, metric = options.quality.rpartition(".")
        is_f1 = metric in F1_METRICS and all(scorer in result.classes for result in results)
        tables = [result.classes[scorer] for result in results] if is_f1 else []
        by_case = [_right(table, columns.n) for table in tables]
        if not is_f1:
            by_case = [result.quality for result in results]
        table = np.array(by_case).reshape(len(results), -1)
        clusters, by = columns.clusters, columns.cluster_field or "cluster"
        if clusters is not None:
            clusters = clusters[order]
        elif options.repeats > 1:
            clusters, by = np.arange(order.size), "case"
        return cls(
            facet=facet.facet,
            options=options,
            cells=facet.ids,
            points=tuple(_point(result) for result in results),
            cases=tuple(case_ids[row] for row in order.tolist()),
            quality=table[:, order],
            classes=tuple(replace(each, cases=place[each.cases]) for each in tables),
            metric=metric if is_f1 else None,
            slices={
                field: {value: np.sort(place[rows]) for value, rows in values.items()}
                for field, values in columns.slices.items()
            },
            clusters=clusters,
            by=by,
            left_out=_left_out(results, columns.n)[:, order],
        )

    def stopped(self, pair: tuple[int, int]) -> bool:
        """Whether racing stopped one of two cells."""
        return bool(self.left_out[list(pair)].any())


def _left_out(results: Sequence[CellResult], n_cases: int) -> NDArray[np.bool_]:
    rows = np.zeros((len(results), n_cases), dtype=np.bool_)
    for row, result in zip(rows, results, strict=True):
        if result.left_out is not None:
            row[:] = result.left_out
    return rows


def _point(result: CellResult) -> float:
    value = result.summary["quality"]["value"]
    return np.nan if value is None else float(value)


def _right(table: ClassTable, n_cases: int) -> Floats:
    """Share of right answers of each case; NaN where none is scored."""
    counts = np.bincount(table.cases, minlength=n_cases)
    right = np.bincount(table.cases, weights=table.truth == table.answers, minlength=n_cases)
    return np.where(counts > 0, right / np.maximum(counts, 1), np.nan)
