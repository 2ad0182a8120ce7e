"""What people say of the outputs: who wins, how sure that is, and who they are that say so."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from evalrunner.report.page.sections.facets import facet_titles
from evalrunner.report.page.source import PageSource
from evalrunner.report.vote_lines import (
    FEW,
    agreement_line,
    caution_lines,
    progress_line,
    verdict_lines,
)

_OPEN = 20
_MOST = 100
"""Pairs and values of a field in the page; all of them are in summary.json."""
_MOST_CRITERIA = 30
"""Many belong to one case alone, and say little."""
_KINDS = {"better": "good", "worse": "bad", "cannot_tell": "warn"}


def section(source: PageSource) -> dict[str, Any] | None:
    """The votes as a whole, then in detail; None where nobody answered a task."""
    human = source.summary.get("human")
    if not human or not human["n_answered"]:
        return None
    titles = facet_titles(source)
    labels = {cell: str(each["label"]) for cell, each in source.cells.items()}
    return {
        "verdict": list(verdict_lines(human, labels)),
        "progress": progress_line(human),
        "agreed": agreement_line(human),
        "cautions": list(caution_lines(human)),
        "figure": source.figure(
            "human", "What people prefer, by cell; the tables have the numbers"
        ),
        "facets": [
            _facet(source, human, facet, title=titles[facet["facet"]])
            for facet in human["bradley_terry"]["facets"]
        ],
        "rated": _rated(source, human["ratings"], titles),
        **{name: human[name] for name in _KEPT},
        "judges": [{**each, "title": titles[each["facet"]]} for each in human["judges"]],
        "few": FEW,
    }


_KEPT = ("agreement", "self_consistency", "side_bias", "seconds", "raters", "n_equal")


def _facet(
    source: PageSource, human: Mapping[str, Any], facet: Mapping[str, Any], *, title: str
) -> dict[str, Any]:
    number, won = facet["facet"], human["win_rates"]
    ratings = {each["cell"]: each["rating"] for each in facet["ratings"]}
    cells = sorted(
        (each for each in won["overall"] if each["facet"] == number),
        key=lambda each: (-each["win_rate"]["value"], each["cell"]),
    )
    pairs = [_pair(source, each) for each in won["pairs"] if each["facet"] == number]
    return {
        "title": title,
        "needs_prior": facet["needs_prior"],
        "rows": [
            {**each, "label": source.label(each["cell"]), "rating": ratings[each["cell"]]}
            for each in cells
        ],
        "pairs": pairs[:_OPEN],
        "more": pairs[_OPEN:_MOST],
        "n_left_out": len(pairs[_MOST:]),
        "slices": [
            _slices(source, field, values, facet=facet, cells=[each["cell"] for each in cells])
            for field, values in won["slices"].items()
        ],
    }


def _pair(source: PageSource, pair: Mapping[str, Any]) -> dict[str, Any]:
    return {
        **pair,
        "label_a": source.label(pair["a"]),
        "label_b": source.label(pair["b"]),
        "kind": _KINDS[pair["conclusion"]],
    }


def _slices(
    source: PageSource,
    field: str,
    values: Mapping[str, Sequence[Mapping[str, Any]]],
    *,
    facet: Mapping[str, Any],
    cells: Sequence[int],
) -> dict[str, Any]:
    """Win rates by value, the one with most cases first; a rating where there are enough."""
    rated = facet["slices"].get(field, {})
    rows: list[dict[str, Any]] = []
    for value, entries in values.items():
        rates = {each["cell"]: each["win_rate"] for each in entries if each["cell"] in cells}
        ratings = {each["cell"]: each["rating"] for each in rated.get(value, ())}
        n = max((each["n"] for each in rates.values()), default=0)
        found = [{"win_rate": rates.get(cell), "rating": ratings.get(cell)} for cell in cells]
        rows.append({"name": value, "n": n, "entries": found})
    rows.sort(key=lambda row: (-row["n"], row["name"]))
    return {
        "name": field,
        "cells": [{"id": cell, "label": source.label(cell)} for cell in cells],
        "rows": rows[:_MOST],
        "n_left_out": len(rows[_MOST:]),
    }


def _rated(
    source: PageSource, ratings: Sequence[Mapping[str, Any]], titles: Mapping[int, str]
) -> list[dict[str, Any]]:
    """Ratings by facet; criteria that were asked of most cases first, then the least met."""
    found = []
    for facet in dict.fromkeys(each["facet"] for each in ratings):
        own = sorted(
            (each for each in ratings if each["facet"] == facet),
            key=lambda each: (-(each["passed"]["value"] or 0.0), each["cell"]),
        )
        names = dict.fromkeys(name for each in own for name in each["criteria"])
        rows = [
            {"name": name, "entries": [each["criteria"].get(name) for each in own]}
            for name in names
        ]
        rows.sort(key=_how_surely_met)
        found.append(
            {
                "title": titles[facet],
                "rows": [{**each, "label": source.label(each["cell"])} for each in own],
                "criteria": rows[:_MOST_CRITERIA],
                "n_left_out": len(rows[_MOST_CRITERIA:]),
            }
        )
    return found


def _how_surely_met(row: Mapping[str, Any]) -> tuple[int, float]:
    known = [each for each in row["entries"] if each is not None]
    return -max(each["n"] for each in known), sum(each["value"] for each in known) / len(known)
