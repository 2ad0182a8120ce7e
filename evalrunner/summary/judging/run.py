"""What only several cells together show of their judges: rankings, length, and how far to trust."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from itertools import combinations
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evalrunner.config.grid import CANDIDATE_AXES
from evalrunner.stats import bradley_terry, kendall_tau, length_bias
from evalrunner.summary.columns import CellResult, SummaryOptions
from evalrunner.types import Json, canonical_json

_RECORDED = "recorded"
"""Stands for a cell where answers were compared with recorded ones."""
_TWO = 2
Floats = NDArray[np.float64]


def judging_summary(
    results: Sequence[CellResult],
    judges: Mapping[int, Sequence[Mapping[str, Json]]],
    *,
    options: SummaryOptions,
) -> dict[str, Any] | None:
    """`summary.json["judging"]`; None for a run that no judge took part in.

    `judges` names the judges of each facet. The `length` of the cells' `judging` is filled in: an
    opponent's length is known only now.
    """
    judged = sorted({r.summary["facet"] for r in results if r.summary["judging"]})
    if not judged:
        return None
    candidates = [r for r in results if r.summary["role"] == "candidate"]
    by_facet = {facet: [r for r in candidates if r.summary["facet"] == facet] for facet in judged}
    _add_lengths(results, options=options)
    return {
        "facets": [
            {
                "facet": facet,
                "judge": _axis(cells, "judge"),
                "judges": list(judges.get(facet, ())),
                "noise": _noise([r.summary for r in cells], level=options.confidence),
            }
            for facet, cells in by_facet.items()
        ],
        "bradley_terry": [
            ranking
            for facet, cells in by_facet.items()
            for ranking in _bradley_terry(facet, cells, options=options)
        ],
        "rankings": _rankings([r.summary for cells in by_facet.values() for r in cells]),
    }


def _axis(cells: Sequence[CellResult], name: str) -> Json:
    return cells[0].summary["axes"].get(name) if cells else None


def _noise(cells: Sequence[dict[str, Any]], *, level: float) -> dict[str, Any] | None:
    """The difference of the two best cells beside what the judge's own noise alone can make."""
    scored = [cell for cell in cells if cell["quality"]["value"] is not None]
    best = sorted(scored, key=lambda cell: (-cell["quality"]["value"], cell["id"]))[:_TWO]
    noises = [
        (cell["judging"].get(cell["quality_name"].partition(".")[0]) or {}).get("noise")
        for cell in best
    ]
    if len(best) < _TWO or None in noises:
        return None
    error = float(np.hypot(*(noise["se"] for noise in noises if noise is not None)))
    return {
        "cells": [cell["id"] for cell in best],
        "difference": best[0]["quality"]["value"] - best[1]["quality"]["value"],
        "half_width": NormalDist().inv_cdf((1 + level) / 2) * error,
    }


def _add_lengths(results: Sequence[CellResult], *, options: SummaryOptions) -> None:
    """Whether the longer answer wins, for each cell and pairwise scorer."""
    lengths = {r.summary["id"]: r.lengths for r in results if r.lengths is not None}
    for result in results:
        own = lengths.get(result.summary["id"])
        for scorer, contests in result.contests.items():
            met = [(other, won) for other, won in contests.items() if other in lengths]
            if own is None or not met:
                continue
            found = length_bias(
                np.concatenate([own for _ in met]),
                np.concatenate([lengths[other] for other, _ in met]),
                np.concatenate([won for _, won in met]),
                level=options.confidence,
            )
            if found.share.n:
                result.summary["judging"][scorer]["length"] = {
                    "n": found.share.n,
                    "longer_won": asdict(found.share),
                    "p": found.p_value,
                }


def _bradley_terry(
    facet: int, results: Sequence[CellResult], *, options: SummaryOptions
) -> Iterator[dict[str, Any]]:
    """A ranking for each pairwise scorer with two or more cells that met."""
    contests = {r.summary["id"]: r.contests for r in results}
    for scorer in dict.fromkeys(name for found in contests.values() for name in found):
        met = _met({cell: found.get(scorer, {}) for cell, found in contests.items()})
        items = sorted({item for pair in met for item in pair}, key=lambda item: (item < 0, item))
        if len(items) < _TWO:
            continue
        pairs, outcomes, cases = _rows(met, items)
        name = f"{facet} {scorer} bradley_terry"
        found = bradley_terry(
            pairs,
            outcomes,
            n_items=len(items),
            cases=cases,
            rng=np.random.default_rng([options.seed, zlib.crc32(name.encode())]),
            level=options.confidence,
        )
        yield {
            "facet": facet,
            "scorer": scorer,
            "scale": "elo",
            "needs_prior": found.needs_prior,
            "cells": {
                str(item) if item >= 0 else _RECORDED: asdict(rating)
                for item, rating in zip(items, found.ratings, strict=True)
            },
        }


def _met(contests: Mapping[int, Mapping[int, Floats]]) -> dict[tuple[int, int], Floats]:
    """Outcomes of each pair, once: two cells that were compared both hold the same verdicts."""
    met: dict[tuple[int, int], Floats] = {}
    for cell, opponents in sorted(contests.items()):
        for other, outcomes in opponents.items():
            is_known = other in contests or other < 0
            if is_known and (other, cell) not in met and not np.isnan(outcomes).all():
                met[cell, other] = outcomes
    return met


def _rows(
    met: Mapping[tuple[int, int], Floats], items: Sequence[int]
) -> tuple[NDArray[np.intp], Floats, NDArray[np.intp]]:
    """Pairs of positions in `items`, outcomes and cases, a row for every comparison."""
    place = {item: number for number, item in enumerate(items)}
    cases = {pair: np.flatnonzero(~np.isnan(outcomes)) for pair, outcomes in met.items()}
    return (
        np.repeat(
            [[place[a], place[b]] for a, b in met], [found.size for found in cases.values()], axis=0
        ),
        np.concatenate([met[pair][found] for pair, found in cases.items()]),
        np.concatenate(list(cases.values())),
    )


def _rankings(cells: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """How far facets that differ only in their judge rank the same candidates alike."""
    groups: dict[str, dict[int, dict[str, dict[str, Any]]]] = {}
    for cell in cells:
        if cell["quality_name"].partition(".")[0] not in cell["judging"]:
            continue
        facets = groups.setdefault(_key(cell, is_candidate=False), {})
        facets.setdefault(cell["facet"], {})[_key(cell, is_candidate=True)] = cell
    return [_ranking(facets) for facets in groups.values() if len(facets) >= _TWO]


def _ranking(facets: Mapping[int, Mapping[str, dict[str, Any]]]) -> dict[str, Any]:
    pairs = []
    for one, two in combinations(facets, 2):
        shared = [key for key in facets[one] if key in facets[two]]
        first, second = ([_quality(facets[f][key]) for key in shared] for f in (one, two))
        tau = kendall_tau(first, second) if shared else None
        pairs.append({"a": one, "b": two, "tau_b": tau, "n": len(shared)})
    return {"facets": list(facets), "pairs": pairs, "top": _tops(facets)}


def _tops(facets: Mapping[int, Mapping[str, dict[str, Any]]]) -> list[dict[str, Any]]:
    """The best cell of each facet; `candidate` is equal for equal candidates of other facets."""
    tops = []
    for facet, cells in facets.items():
        scored = {key: cell for key, cell in cells.items() if cell["quality"]["value"] is not None}
        if scored:
            key = max(scored, key=lambda k: (scored[k]["quality"]["value"], -scored[k]["id"]))
            tops.append({"facet": facet, "cell": scored[key]["id"], "candidate": key})
    return tops


def _quality(cell: Mapping[str, Any]) -> float:
    value = cell["quality"]["value"]
    return np.nan if value is None else value


def _key(cell: Mapping[str, Any], *, is_candidate: bool) -> str:
    """What is compared, or how it is measured whoever judges, as text."""
    chosen = {}
    for axis, value in cell["axes"].items():
        group = axis.partition(".")[0].partition("@")
        is_judge = "judge" in {group[0], group[2]} or axis.partition("@")[2].startswith("judge.")
        if not is_judge and (axis.partition(".")[0] in CANDIDATE_AXES) == is_candidate:
            chosen[axis] = value
    return canonical_json(chosen)
