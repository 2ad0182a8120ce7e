"""Cells ranked by the votes on their outputs, with whole cases drawn for the intervals."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import Any

import numpy as np

from evalrunner.stats import BradleyTerry, bradley_terry
from evalrunner.votes.ballots import Asked
from evalrunner.votes.contests import Contest
from evalrunner.votes.wins import FEWEST_CASES, slices_of


def rankings(asked: Asked, met: Sequence[Contest]) -> dict[str, Any]:
    """`bradley_terry` of the summary."""
    slices = list(slices_of(asked, met))
    found = []
    for facet in dict.fromkeys(each.facet for each in met):
        own = [each for each in met if each.facet == facet]
        cells, ranking = _ranking(asked, own, name="")
        found.append(
            {
                "facet": facet,
                "needs_prior": ranking.needs_prior,
                "ratings": _rows(cells, ranking),
                "slices": _sliced(asked, slices, facet=facet),
            }
        )
    return {"facets": found}


def _sliced(
    asked: Asked, slices: Sequence[tuple[str, str, Sequence[Contest]]], *, facet: int
) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for field, value, part in slices:
        own = [each for each in part if each.facet == facet]
        if len({each.case_id for each in own}) >= FEWEST_CASES:
            found.setdefault(field, {})[value] = _rows(
                *_ranking(asked, own, name=f"{field}={value}")
            )
    return found


def _ranking(asked: Asked, own: Sequence[Contest], *, name: str) -> tuple[list[int], BradleyTerry]:
    """The cells that met, and their ranking: each case says what its raters do on average."""
    cells = sorted({cell for each in own for cell in (each.a, each.b)})
    place = {cell: number for number, cell in enumerate(cells)}
    facet = own[0].facet
    code = zlib.crc32(f"votes {name}".encode("utf-8", "surrogatepass"))
    weights = np.array([each.weight for each in own])
    found = bradley_terry(
        [(place[each.a], place[each.b]) for each in own],
        [each.score for each in own],
        n_items=len(cells),
        cases=[asked.unit(facet, each.case_id) for each in own],
        weights=weights / weights.mean(),
        rng=np.random.default_rng([asked.seed, facet, code]),
        level=asked.level,
    )
    by = f"by {asked.cases[facet].by}"
    ratings = tuple(
        replace(each, method=(each.method or "").replace("by case", by)) for each in found.ratings
    )
    return cells, replace(found, ratings=ratings)


def _rows(cells: Sequence[int], ranking: BradleyTerry) -> list[dict[str, Any]]:
    rated = zip(cells, ranking.ratings, strict=True)
    return [{"cell": cell, "rating": asdict(rating)} for cell, rating in rated]
