"""Two cells, judged and labelled on the same cases: uneven errors, and corrected differences."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, replace
from itertools import combinations
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evalrunner.calibrate.correction import (
    BOUNDS,
    FEWEST,
    corrected_mean,
    sampling_weights,
)
from evalrunner.calibrate.judged import Floats, Instrument, JudgedCell, clusters_of
from evalrunner.stats import holm, prediction_powered_mean, score_inflation
from evalrunner.summary import FacetResult
from evalrunner.types import Estimate


@dataclass(frozen=True, slots=True)
class _ByCase:
    """One cell's columns by case of its facet; NaN = none."""

    scores: Floats
    """Mean of all of the judge's."""
    judged: Floats
    """Mean of the judge's scores of the labelled answers."""
    labels: Floats
    chances: Floats | None

    @classmethod
    def of(cls, cell: JudgedCell, n_cases: int) -> _ByCase:
        scored, kept = ~np.isnan(cell.scores), cell.is_labelled

        def means(values: Floats, among: NDArray[np.bool_]) -> Floats:
            counts = np.bincount(cell.rows[among], minlength=n_cases)
            sums = np.bincount(cell.rows[among], weights=values[among], minlength=n_cases)
            return np.where(counts > 0, sums / np.maximum(counts, 1), np.nan)

        every = np.ones(cell.rows.size, np.bool_)
        return cls(
            scores=means(cell.scores, scored),
            judged=means(cell.scores, kept),
            labels=means(cell.labels, kept),
            chances=None if cell.chances is None else means(cell.chances, every),
        )


def uneven_errors(instrument: Instrument) -> list[dict[str, Any]]:
    """Whether a judge inflates one cell more than another; Holm over the pairs of the facet."""
    facet = instrument.facet
    columns = _columns(instrument)
    found = []
    for a, b in combinations(columns, 2):
        one, other = columns[a], columns[b]
        gaps = [(each.judged - each.labels + 1) / 2 for each in (one, other)]
        common = ~np.isnan(gaps).any(axis=0)
        if common.sum() <= 1:
            continue
        rows = np.flatnonzero(common)
        chances = _least(one.chances, other.chances)
        # Inflation lies in [-1, 1], and scores in [0, 1]: half of its difference is compared.
        half = score_inflation(
            gaps[0][common],
            gaps[1][common],
            rng=facet.rng(f"{instrument.key} uneven {a} {b}"),
            clusters=clusters_of(rows, facet),
            weights=None if chances is None else 1 / chances[common],
            by=facet.by,
            level=facet.options.confidence,
        )
        found.append((a, b, _scaled(half.difference, 2, 0), half.p_value))
    adjusted = holm([math.nan if p is None else p for *_, p in found]) if found else ()
    alpha = 1 - facet.options.confidence
    return [
        {
            "facet": facet.facet,
            "judge": instrument.judge,
            "scorer": instrument.scorer,
            "a": a,
            "b": b,
            "difference": asdict(difference),
            "p": p,
            "p_adjusted": float(p_adjusted),
            "is_uneven": bool(p_adjusted < alpha),
        }
        for (a, b, difference, p), p_adjusted in zip(found, adjusted, strict=True)
    ]


def corrected_comparisons(instrument: Instrument) -> list[dict[str, Any]]:
    """The quality of each pair of cells, as the judge says and as corrected by labels.

    Where one of them has too few labels of its own, or both too few on common cases, the corrected
    difference has no value. p-values are of the normal distribution, Holm over the facet's pairs.
    """
    facet = instrument.facet
    columns = _columns(instrument)
    enough = {c.cell for c in instrument.cells if corrected_mean(c, facet).mean is not None}
    found = []
    for a, b in combinations(columns, 2):
        labelled = ~np.isnan(columns[a].labels) & ~np.isnan(columns[b].labels)
        n = int(labelled.sum())
        is_possible = n >= FEWEST and {a, b} <= enough
        difference = _difference(columns[a], columns[b], facet) if is_possible else None
        found.append((a, b, n, difference, _p_value(difference, facet.options.confidence)))
    known = [p for *_, p in found if p is not None]
    adjusted = iter(holm(known) if known else ())
    return [
        _comparison(facet, (a, b), n, difference, p, None if p is None else float(next(adjusted)))
        for a, b, n, difference, p in found
    ]


def corrected_difference(a: JudgedCell, b: JudgedCell, facet: FacetResult) -> Estimate:
    """Quality of `a` above that of `b` by PPI++ on the paired differences of their cases.

    People must have labelled answers of both to a case for it to count as labelled.
    """
    n = facet.cases.n
    return _difference(_ByCase.of(a, n), _ByCase.of(b, n), facet)


def _comparison(
    facet: FacetResult,
    pair: tuple[int, int],
    n: int,
    difference: Estimate | None,
    p: float | None,
    p_adjusted: float | None,
) -> dict[str, Any]:
    places = [facet.ids.index(cell) for cell in pair]
    conclusion = "cannot_tell"
    if p_adjusted is not None and p_adjusted < 1 - facet.options.confidence:
        is_better = difference is not None and (difference.value or 0) > 0
        conclusion = "better" if is_better else "worse"
    return {
        "facet": facet.facet,
        "a": pair[0],
        "b": pair[1],
        "raw": asdict(facet.difference(*places)),
        "corrected": asdict(difference or Estimate(value=None, n=n, method="too few labels")),
        "n_labels": n,
        "p": p,
        "p_adjusted": p_adjusted,
        "conclusion": conclusion,
    }


def _difference(one: _ByCase, other: _ByCase, facet: FacetResult) -> Estimate:
    """PPI++ of the paired differences, moved to [0, 1] and back."""
    people = (one.labels - other.labels + 1) / 2
    kept = ~np.isnan(people)
    judge = (one.judged - other.judged + 1) / 2
    every = (one.scores - other.scores + 1) / 2
    others = ~np.isnan(every) & ~kept
    codes = facet.cases.clusters
    moved = prediction_powered_mean(
        people[kept],
        judge[kept],
        every[others],
        clusters=None if codes is None else (codes[kept], codes[others]),
        weights=sampling_weights(_least(one.chances, other.chances), kept, others),
        bounds=BOUNDS,
        level=facet.options.confidence,
    )
    return _scaled(moved, 2, -1)


def _columns(instrument: Instrument) -> dict[int, _ByCase]:
    """Of the cells with labels, by id."""
    n = instrument.facet.cases.n
    return {c.cell: _ByCase.of(c, n) for c in instrument.cells if c.is_labelled.any()}


def _least(one: Floats | None, other: Floats | None) -> Floats | None:
    """Chances of a case to be labelled in both of two cells: it is drawn once for both."""
    if one is None or other is None:
        return one if other is None else other
    return np.fmin(one, other)


def _scaled(estimate: Estimate, factor: float, shift: float) -> Estimate:
    value, low, high = (
        None if each is None else factor * each + shift
        for each in (estimate.value, estimate.low, estimate.high)
    )
    return replace(estimate, value=value, low=low, high=high)


def _p_value(difference: Estimate | None, level: float) -> float | None:
    if difference is None or difference.low is None or difference.high is None:
        return None
    z = NormalDist().inv_cdf((1 + level) / 2)
    error = (difference.high - difference.low) / (2 * z)
    return 2 * NormalDist().cdf(-abs(difference.value or 0.0) / error)
