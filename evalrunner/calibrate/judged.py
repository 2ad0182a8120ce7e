"""Answers that a judge scored, some of which people labelled: the columns of a calibration."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from evalrunner.summary import FacetResult
from evalrunner.types import Estimate

PASS = 0.5
"""Least score, and least label, that is a pass."""

Floats = NDArray[np.float64]


def _none() -> Floats:
    return np.empty(0)


@dataclass(frozen=True, kw_only=True)
class CriteriaLabels:
    """Criteria that both a judge and people decided."""

    answers: NDArray[np.intp]
    """Position of the answer that each of them is about."""
    judge: Floats
    people: Floats


@dataclass(frozen=True, kw_only=True)
class JudgedCell:
    """One cell as one judge scored it; an entry of a column is an answer, or a pair of them."""

    cell: int
    rows: NDArray[np.intp]
    """Row of the case in the facet's cases."""
    scores: Floats
    """In [0, 1]; NaN = none."""
    labels: Floats
    """People's, in [0, 1]; NaN = none."""
    prices: Floats
    """USD of what the judge said of it; NaN = unknown."""
    names: Sequence[Hashable] = ()
    """Equal for equal answers to one case, in other cells and facets too."""
    criteria: CriteriaLabels | None = None
    """None where people labelled whole answers only."""
    chances: Floats | None = None
    """With which each became labelled, in (0, 1); None = all with the same."""
    raw: Estimate | None = None
    """Mean of the scores as the summary has it; None = not in it."""

    @cached_property
    def is_labelled(self) -> NDArray[np.bool_]:
        """Answers that both the judge and people scored."""
        return ~np.isnan(self.scores) & ~np.isnan(self.labels)

    @property
    def has_labels(self) -> bool:
        """Whether people said anything that can be held against this judge."""
        n_criteria = 0 if self.criteria is None else self.criteria.judge.size
        return bool(self.is_labelled.any() or n_criteria)


@dataclass(frozen=True, kw_only=True)
class Instrument:
    """What scores answers: a judge, a member of its panel, or a scorer without a judge."""

    facet: FacetResult
    judge: str
    """Name of the judge group's choice; the scorer's where there is no judge."""
    scorer: str
    member: str | None = None
    """A judge of the panel; None = the value that the scorer makes of all of them."""
    model: str | None = None
    cells: tuple[JudgedCell, ...]
    """The facet's candidates, in grid order."""
    is_quality: bool = False
    """Whether its scores are the cells' quality."""
    is_meant: bool = True
    """Whether labels are about it; False = they are about the quality, and it is compared all the
    same."""

    @property
    def key(self) -> str:
        """Names it among the random draws of its facet."""
        return f"calibrate {self.scorer} {self.member or ''}"


@dataclass(frozen=True, kw_only=True)
class Labelled:
    """What people labelled in some cells, as columns for the statistics."""

    scores: Floats
    labels: Floats
    rows: NDArray[np.intp]
    clusters: NDArray[np.intp] | None
    weights: Floats | None
    unit_scores: NDArray[np.bool_]
    """Passed by the judge; units are criteria where people labelled criteria, else answers."""
    unit_labels: NDArray[np.bool_]
    unit_clusters: NDArray[np.intp] | None
    unit_weights: Floats | None
    by: str = "case"
    has_criteria: bool = field(default=False)

    @classmethod
    def of(
        cls,
        cells: Sequence[JudgedCell],
        facet: FacetResult,
        *,
        has_criteria: bool,
        among: NDArray[np.intp] | None = None,
    ) -> Labelled:
        """Of these cells together; `among` are the rows of the cases to look at."""
        kept = [
            cell.is_labelled & (True if among is None else np.isin(cell.rows, among))
            for cell in cells
        ]
        rows = _joined([c.rows[k] for c, k in zip(cells, kept, strict=True)]).astype(np.intp)
        scores = _joined([c.scores[k] for c, k in zip(cells, kept, strict=True)])
        labels = _joined([c.labels[k] for c, k in zip(cells, kept, strict=True)])
        weights = _weights([(c, np.flatnonzero(k)) for c, k in zip(cells, kept, strict=True)])
        units = (scores >= PASS, labels >= PASS, rows, weights)
        if has_criteria:
            units = _criteria(cells, among)
        return cls(
            scores=scores,
            labels=labels,
            rows=rows,
            clusters=clusters_of(rows, facet),
            weights=weights,
            unit_scores=units[0],
            unit_labels=units[1],
            unit_clusters=clusters_of(units[2], facet),
            unit_weights=units[3],
            by=facet.by,
            has_criteria=has_criteria,
        )


def clusters_of(rows: NDArray[np.intp], facet: FacetResult) -> NDArray[np.intp] | None:
    """Codes of what depends on each other, at least answers to one case; None = nothing does."""
    codes = rows if facet.cases.clusters is None else facet.cases.clusters[rows]
    return None if np.unique(codes).size == codes.size else codes


def _criteria(
    cells: Sequence[JudgedCell], among: NDArray[np.intp] | None
) -> tuple[NDArray[np.bool_], NDArray[np.bool_], NDArray[np.intp], Floats | None]:
    found = [(cell, cell.criteria) for cell in cells if cell.criteria is not None]
    kept = [
        np.ones(said.judge.size, np.bool_)
        if among is None
        else np.isin(cell.rows[said.answers], among)
        for cell, said in found
    ]
    both = list(zip(found, kept, strict=True))
    return (
        _joined([said.judge[k] for (_, said), k in both]) >= PASS,
        _joined([said.people[k] for (_, said), k in both]) >= PASS,
        _joined([cell.rows[said.answers[k]] for (cell, said), k in both]).astype(np.intp),
        _weights([(cell, said.answers[k]) for (cell, said), k in both]),
    )


def _weights(parts: Sequence[tuple[JudgedCell, NDArray[np.intp]]]) -> Floats | None:
    """1 / chance of each; None where all have the same."""
    if all(cell.chances is None for cell, _ in parts):
        return None
    return _joined(
        [
            np.ones(places.size) if cell.chances is None else 1 / cell.chances[places]
            for cell, places in parts
        ]
    )


def _joined(parts: Sequence[NDArray[np.generic]]) -> NDArray[np.float64]:
    return np.concatenate([_none(), *(part.astype(np.float64) for part in parts)])
