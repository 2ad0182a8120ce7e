"""Answers that a judge scored, some of which people labelled: the columns of a calibration."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from evalrunner.summary import FacetResult
from evalrunner.types import Estimate

PASS = 0.5
"""Least score, and least label, that is a pass."""
_TWO = 2

Floats = NDArray[np.float64]


def _none() -> Floats:
    return np.empty(0)


@dataclass(frozen=True, kw_only=True)
class Raters:
    """How many raters said something of each of a column's labels, and how many passed it."""

    n: Floats
    passing: Floats


@dataclass(frozen=True, kw_only=True)
class CriteriaLabels:
    """Criteria that both a judge and people decided."""

    answers: NDArray[np.intp]
    """Position of the answer that each of them is about."""
    judge: Floats
    people: Floats
    raters: Raters | None = None
    """None = one rater said each."""


_NO_CRITERIA = CriteriaLabels(answers=np.empty(0, np.intp), judge=_none(), people=_none())


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
    raters: Raters | None = None
    """Who said the labels; None = one rater each."""
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
class Units:
    """A judge's verdicts beside raters': of criteria where people labelled criteria, else answers.

    People pass what most of its raters pass; where as many pass it as fail it, no verdict is
    people's.
    """

    answers: NDArray[np.intp]
    """Position of the answer in the columns of its cell."""
    judge: NDArray[np.bool_]
    raters: Raters

    @classmethod
    def of(cls, cell: JudgedCell, *, has_criteria: bool) -> Units:
        """Of one cell: all that both the judge and people decided."""
        answers, raters = np.flatnonzero(cell.is_labelled), cell.raters
        judge, people = cell.scores[answers], cell.labels[answers]
        if raters is not None:
            raters = Raters(n=raters.n[answers], passing=raters.passing[answers])
        if has_criteria:
            said = cell.criteria or _NO_CRITERIA
            answers, judge, people, raters = said.answers, said.judge, said.people, said.raters
        if raters is None:
            passing = (people >= PASS).astype(np.float64)
            raters = Raters(n=np.ones(people.size), passing=passing)
        return cls(answers=answers, judge=judge >= PASS, raters=raters)

    def where(self, kept: NDArray[np.bool_]) -> Units:
        """Some of them."""
        raters = Raters(n=self.raters.n[kept], passing=self.raters.passing[kept])
        return Units(answers=self.answers[kept], judge=self.judge[kept], raters=raters)

    @property
    def is_divided(self) -> NDArray[np.bool_]:
        """Whether as many raters pass it as fail it."""
        return np.asarray(2 * self.raters.passing == self.raters.n)

    @property
    def people(self) -> NDArray[np.bool_]:
        """What most raters say."""
        return np.asarray(2 * self.raters.passing > self.raters.n)

    @property
    def with_one_rater(self) -> Floats:
        """Share of the raters of each who say what the judge says."""
        share = self.raters.passing / self.raters.n
        return np.where(self.judge, share, 1 - share)


@dataclass(frozen=True, kw_only=True)
class Labelled:
    """What people labelled in some cells, as columns for the statistics."""

    scores: Floats
    labels: Floats
    rows: NDArray[np.intp]
    clusters: NDArray[np.intp] | None
    weights: Floats | None
    unit_scores: NDArray[np.bool_]
    """Passed by the judge; what raters are divided on is left out. See `Units`."""
    unit_labels: NDArray[np.bool_]
    unit_clusters: NDArray[np.intp] | None
    unit_weights: Floats | None
    n_divided: int
    shared: Floats
    """`Units.with_one_rater` of what two raters or more labelled."""
    shared_clusters: NDArray[np.intp] | None
    by: str = "case"

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
        units = [(cell, _units(cell, among, has_criteria=has_criteria)) for cell in cells]
        decided = [(cell, each.where(~each.is_divided)) for cell, each in units]
        shared = [(cell, each.where(each.raters.n >= _TWO)) for cell, each in units]
        return cls(
            scores=scores,
            labels=labels,
            rows=rows,
            clusters=clusters_of(rows, facet),
            weights=weights,
            unit_scores=_joined([each.judge for _, each in decided]) == 1,
            unit_labels=_joined([each.people for _, each in decided]) == 1,
            unit_clusters=clusters_of(_rows(decided), facet),
            unit_weights=_weights([(cell, each.answers) for cell, each in decided]),
            n_divided=sum(int(each.is_divided.sum()) for _, each in units),
            shared=_joined([each.with_one_rater for _, each in shared]),
            shared_clusters=clusters_of(_rows(shared), facet),
            by=facet.by,
        )


def clusters_of(rows: NDArray[np.intp], facet: FacetResult) -> NDArray[np.intp] | None:
    """Codes of what depends on each other, at least answers to one case; None = nothing does."""
    codes = rows if facet.cases.clusters is None else facet.cases.clusters[rows]
    return None if np.unique(codes).size == codes.size else codes


def _units(cell: JudgedCell, among: NDArray[np.intp] | None, *, has_criteria: bool) -> Units:
    units = Units.of(cell, has_criteria=has_criteria)
    return units if among is None else units.where(np.isin(cell.rows[units.answers], among))


def _rows(parts: Sequence[tuple[JudgedCell, Units]]) -> NDArray[np.intp]:
    return _joined([cell.rows[each.answers] for cell, each in parts]).astype(np.intp)


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
