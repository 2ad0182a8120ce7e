"""Facts about the cases of each facet: who passes them, and whose label the models contradict.

What follows from them is said by `evalrunner.flags`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evalrunner.report.extraction import may_be_misread
from evalrunner.report.recorded import RecordedRun
from evalrunner.stats.items import ItemAnalysis, item_analysis
from evalrunner.stats.multiple import benjamini_hochberg
from evalrunner.summary import CellResult, FacetResult
from evalrunner.types import Json

Floats = NDArray[np.float64]

_MOST = 50
"""Cases that are named; how many there are is said."""
_STRONG = 0.5
"""Quality of a model whose word counts against a label."""
_FEWEST_STRONG, _ENOUGH_STRONG = 2, 3
"""Models that must agree: two where a facet has no third."""
_LEVEL = 0.05
_LONGEST = 80


def item_facts(run: RecordedRun, facets: Sequence[FacetResult]) -> list[dict[str, Json]]:
    """`summary.json["items"]`. Raises StoreError."""
    return [_of_facet(run, facet) for facet in facets if facet.results]


def _of_facet(run: RecordedRun, facet: FacetResult) -> dict[str, Json]:
    scores = np.array([_by_case(result) for result in facet.results])
    found = item_analysis(scores)
    names = _Names(run, facet)
    strong = _strongest(facet)
    agreed = names.rightly_read(strong, _agreed_against(scores, facet, strong))
    # What all strong models fail is negatively correlated anyway, and told once.
    others = [row for row in _reversed(found, scores) if row not in set(agreed)]
    shown = agreed[:_MOST]
    answers = names.answers(strong[0], shown) if shown else {}
    return {
        "facet": facet.facet,
        "n_cells": len(facet.results),
        "everyone_passes": names.listed(found.solved_by_all),
        "nobody_passes": names.listed(found.solved_by_none),
        "n_agree_against": len(agreed),
        "suspects": [
            {
                "case_id": names.of(row),
                "item_rest": found.item_rest[row],
                "agree": {"answer": answers.get(row), "n_models": len(strong)}
                if row in answers
                else None,
                "because": "the strongest models agree against the label"
                if row in answers
                else "stronger models fail it, weaker ones pass",
            }
            for row in [*shown, *others[: _MOST - len(shown)]]
        ],
        "reliability": found.reliability,
    }


class _Names:
    """Ids and answers of a facet's cases, read when they are asked for."""

    def __init__(self, run: RecordedRun, facet: FacetResult) -> None:
        self._run = run
        self._specs = {spec.id: spec for spec in run.specs}
        self._facet = facet
        self._first = self._specs[facet.ids[0]].first

    def of(self, row: int) -> str:
        return self._run.cases[self._first + row].id

    def listed(self, rows: Sequence[int]) -> dict[str, Json]:
        return {"n": len(rows), "cases": [self.of(row) for row in rows[:_MOST]]}

    def rightly_read(self, places: Sequence[int], rows: Sequence[int]) -> list[int]:
        """Those of these cases whose target is no number that one of these cells mentions."""
        left = set(rows)
        for place in places if left else ():
            spec = self._specs[self._facet.ids[place]]
            settings = spec.settings.scorer.get(spec.quality_scorer)
            if settings is None:  # Scores that were imported say not how they were read.
                continue
            for number, _, record in self._run.trials(spec):
                if number - spec.first in left and record is not None:
                    case, text = self._run.cases[number], record["output"] or ""
                    if may_be_misread(settings, case, text):
                        left.discard(number - spec.first)
        return [row for row in rows if row in left]

    def answers(self, place: int, rows: Sequence[int]) -> dict[int, str | None]:
        """What the cell at a place said on these cases, in its first answer."""
        wanted = set(rows)
        spec = self._specs[self._facet.ids[place]]
        found: dict[int, str | None] = {}
        for number, repeat, record in self._run.trials(spec):
            row = number - spec.first
            if row in wanted and repeat == 0 and record is not None:
                score = record["scores"].get(spec.quality_scorer) or {}
                said = score.get("label") or " ".join((record["output"] or "").split())
                found[row] = said if len(said) <= _LONGEST else f"{said[: _LONGEST - 1]}…"
        return found


def _by_case(result: CellResult) -> Floats:
    """Quality by case; where it is an F1, whether the answer names the right class."""
    name, _, metric = str(result.summary["quality_name"]).rpartition(".")
    table = result.classes.get(name)
    if not metric or table is None or not np.isnan(result.quality).all():
        return result.quality
    size = result.quality.size
    n = np.bincount(table.cases, minlength=size)
    right = np.bincount(table.cases, weights=table.truth == table.answers, minlength=size)
    found: Floats = np.divide(right, n, out=np.full(size, np.nan), where=n > 0)
    return found


def _strongest(facet: FacetResult) -> list[int]:
    """Places of the better half of the models, or three, each in its best cell; or empty."""
    best: dict[str, int] = {}
    quality = [result.summary["quality"]["value"] or 0.0 for result in facet.results]
    for place in sorted(range(len(quality)), key=lambda place: -quality[place]):
        axes: Mapping[str, Any] = facet.results[place].summary["axes"]
        best.setdefault(str(axes.get("model", place)), place)
    half = max(_ENOUGH_STRONG, math.ceil(len(best) / 2))
    strong = [place for place in [*best.values()][:half] if quality[place] >= _STRONG]
    fewest = max(_FEWEST_STRONG, min(_ENOUGH_STRONG, len(best)))
    return strong if len(strong) >= fewest else []


def _agreed_against(scores: Floats, facet: FacetResult, strong: Sequence[int]) -> list[int]:
    """Cases that these cells fail with one and the same answer, in every repeat."""
    answers = [facet.results[place].answers for place in strong]
    known = [table for table in answers if table is not None]
    if not known or len(known) < len(answers):
        return []
    said = np.concatenate(known)
    is_same = (said == said[0]).all(axis=0)  # A missing answer, NaN, equals none.
    is_failed = (scores[list(strong)] == 0).all(axis=0)
    return [int(row) for row in np.flatnonzero(is_same & is_failed)]


def _reversed(found: ItemAnalysis, scores: Floats) -> list[int]:
    """Cases with a negative item-rest correlation that luck does not explain, the lowest first.

    One-sided, by Student's t but never below one over the number of ways in which so many of the
    models could have passed; at a false discovery rate of 5 % over all cases.
    """
    from scipy.special import binom, stdtr

    r = np.array([0.0 if each is None else each for each in found.item_rest])
    known = ~np.isnan(scores)
    n, passed = known.sum(axis=0), np.round(np.where(known, scores, 0.0).sum(axis=0))
    candidates = np.flatnonzero((r < 0) & (n > _FEWEST_STRONG))
    if not candidates.size:
        return []
    degrees = (n - 2)[candidates]
    inside = np.maximum(1 - r[candidates] ** 2, np.finfo(np.float64).tiny)
    p = np.ones(r.size)
    p[candidates] = np.maximum(
        stdtr(degrees, r[candidates] * np.sqrt(degrees / inside)),
        1 / binom(n[candidates], passed[candidates]),
    )
    unlikely = np.flatnonzero(benjamini_hochberg(p) < _LEVEL)
    return [int(row) for row in unlikely[np.argsort(r[unlikely], kind="stable")]]
