"""Scores that depend on how they are made: the scorer, the reading of the answer, no answer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations
from statistics import NormalDist
from typing import Any, NamedTuple

from evalrunner.flags.base import Flag, Rule, Summary
from evalrunner.flags.cells import (
    SIGNIFICANT,
    Cell,
    by_cell,
    facets_of,
    in_facet,
    named,
    only,
    others,
)
from evalrunner.formatting import n_of, percent
from evalrunner.stats.contingency import fisher_exact

_METRICS = ("macro_f1", "weighted_f1")
"""Parts of a score's name that are the whole answer's; others are one field's."""
_DISAGREEING, _FEWEST_DISAGREEING = 0.01, 3
"""Share and number of answers that another reading scores differently."""
_NEAR, _LEAST = 0.5, 0.1
"""Of the best candidate's score, and the score itself, from which a canary's is near."""
_TWO = 2
_OTHER = "canary:other_answer"
_REMEDY = (
    "take a score that an empty answer fails: balance the classes, use labels.macro_f1 as "
    "run.quality, or a stricter scorer"
)
_REMEDY_OTHER = (
    "it gives the answer of a case with another target: see whether these targets mean the same, "
    "or take a stricter scorer"
)


def single_metric(summary: Summary) -> Iterator[Flag]:
    """Two scores that put the same two candidates the other way round, each beyond its noise.

    By the intervals of the four scores as if they were independent, which understates the evidence;
    Bonferroni over all pairs and scores of the facet.
    """
    for facet, cells in facets_of(summary):
        found = _turned(cells, level=1 - _confidence(summary))
        if found is None:
            continue
        first, second = found.better, found.worse
        yield Flag(
            code="single_metric",
            severity="yellow",
            message=f"{in_facet(summary, facet)}by {found.one} {first['label']} is better "
            f"({_pair(found.one, first, second)}), by {found.other} {second['label']} "
            f"({_pair(found.other, second, first)}): the winner depends on the score",
            evidence={
                "facet": facet,
                "cells": [first["id"], second["id"]],
                "scores": {
                    name: by_cell({cell["id"]: cell["scores"][name] for cell in (first, second)})
                    for name in (found.one, found.other)
                },
            },
            remedy="say which one decides (run.quality), and hold the other to a lower bound: "
            f"'decide.require={{{found.other}: …}}'",
        )


def extraction_disagrees(summary: Summary) -> Iterator[Flag]:
    """Answers that a second reading of the same text scores differently."""
    groups: dict[tuple[int, str, str], list[Mapping[str, Any]]] = {}
    facets = {cell["id"]: cell["facet"] for cell in summary["cells"]}
    for entry in summary.get("extraction", ()):
        least = max(_DISAGREEING * entry["n"], _FEWEST_DISAGREEING)
        if entry["n_disagree"] >= least:
            key = (facets[entry["cell"]], entry["scorer"], entry["alternative"])
            groups.setdefault(key, []).append(entry)
    scores = {cell["id"]: cell["scores"] for cell in summary["cells"]}
    for (facet, scorer, alternative), entries in sorted(groups.items()):
        entries.sort(key=lambda entry: -entry["n_disagree"] / entry["n"])
        worst, cells = entries[0], [entry["cell"] for entry in entries]
        score = scores[worst["cell"]][scorer]["value"]
        yield Flag(
            code="extraction_disagrees",
            severity="yellow",
            cell=only(cells),
            message=f"{in_facet(summary, facet)}{scorer}: {worst['n_disagree']:,} of "
            f"{n_of(worst['n'], 'answer')} of {named(summary, cells[:1])} score differently when "
            f"read as {alternative}: {percent(worst['value']['value'])}, not {percent(score)}"
            f"{others(cells)}",
            evidence={
                "facet": facet,
                "scorer": scorer,
                "alternative": alternative,
                "readings": by_cell(
                    {
                        entry["cell"]: {name: entry[name] for name in ("n_disagree", "n", "value")}
                        for entry in entries
                    }
                ),
                "cases": by_cell({entry["cell"]: entry["cases"] for entry in entries}),
            },
            remedy="read some of these answers (in the evidence) to see which reading is right; "
            "do not compare with scores that were read the other way",
        )


def constant_answer(summary: Summary) -> Iterator[Flag]:
    """A canary whose score is near the best candidate's, or above it.

    Canaries of judged scorers are `judge_inflation`'s; candidates never right, `too_hard`'s.
    """
    for facet, cells in facets_of(summary):
        best = cells[0]
        if best["quality"]["value"] == 0:
            continue
        scorer = best["quality_name"].partition(".")[0]
        near = [
            cell
            for cell in summary["cells"]
            if cell["role"] == "canary"
            and cell["facet"] == facet
            and scorer not in cell["judging"]
            and _is_near(cell["quality"], best["quality"])
        ]
        if not near:
            continue
        worst = max(near, key=lambda cell: cell["quality"]["value"])
        is_above = worst["quality"]["value"] >= best["quality"]["value"]
        yield Flag(
            code="constant_answer",
            severity="red" if is_above else "yellow",
            cell=worst["id"],
            message=f"{in_facet(summary, facet)}{worst['label']}, whose answers should fail, "
            f"reaches {percent(worst['quality']['value'])} on "
            f"{n_of(worst['quality']['n'], 'case')}, and {best['label']} "
            f"{percent(best['quality']['value'])}: "
            + ("the score does not tell answers from none" if is_above else "it is not far above"),
            evidence={
                "facet": facet,
                "scorer": scorer,
                "canaries": by_cell({cell["id"]: cell["quality"] for cell in near}),
                "best": by_cell({best["id"]: best["quality"]}),
            },
            remedy=_REMEDY_OTHER if worst["label"] == _OTHER else _REMEDY,
        )


RULES: tuple[Rule, ...] = (single_metric, extraction_disagrees, constant_answer)


class _Turned(NamedTuple):
    """Two candidates and two scores by which the one or the other is better."""

    one: str
    other: str
    better: Cell
    """By the first score."""
    worse: Cell


def _turned(cells: Sequence[Cell], *, level: float) -> _Turned | None:
    """The clearest reversal between the quality and another score."""
    names = _comparable(cells)
    if len(names) < _TWO or len(cells) < _TWO:
        return None
    quality, *rest = names
    pairs = list(combinations(cells, 2))
    normal = NormalDist()
    limit = normal.inv_cdf(1 - level / 2 / (len(pairs) * len(rest)))
    clearest, found = limit, None
    for name in rest:
        for a, b in pairs:
            by_quality, by_other = (_z(a, b, each, level=level) for each in (quality, name))
            size = min(abs(by_quality), abs(by_other))
            if by_quality * by_other < 0 and size > clearest:
                better, worse = (a, b) if by_quality > 0 else (b, a)
                clearest, found = size, _Turned(quality, name, better, worse)
    return found


def _comparable(cells: Sequence[Cell]) -> list[str]:
    """The quality, then the other scores that every candidate has."""
    quality = cells[0]["quality_name"]
    shared = [name for name in cells[0]["scores"] if all(name in c["scores"] for c in cells)]
    whole = [name for name in shared if "." not in name or name.rpartition(".")[2] in _METRICS]
    return [quality, *(name for name in whole if name != quality)] if quality in shared else []


def _z(a: Cell, b: Cell, name: str, *, level: float) -> float:
    one, other = a["scores"][name], b["scores"][name]
    if None in (one["low"], one["high"], other["low"], other["high"]):
        return 0.0
    spread = ((one["high"] - one["low"]) ** 2 + (other["high"] - other["low"]) ** 2) ** 0.5
    error = spread / 2 / NormalDist().inv_cdf(1 - level / 2)
    return float((one["value"] - other["value"]) / error) if error > 0 else 0.0


def _pair(name: str, first: Cell, second: Cell) -> str:
    values = (percent(cell["scores"][name]["value"]) for cell in (first, second))
    return " against ".join(values)


def _is_near(canary: Mapping[str, Any], best: Mapping[str, Any]) -> bool:
    value = canary["value"]
    if value is None or value < max(_LEAST, _NEAR * best["value"]):
        return False
    if value >= best["value"]:
        return True
    passed, best_passed = (round(each["value"] * each["n"]) for each in (canary, best))
    return fisher_exact(passed, canary["n"], best_passed, best["n"]) >= SIGNIFICANT


def _confidence(summary: Summary) -> float:
    return float(summary["run"]["confidence"])
