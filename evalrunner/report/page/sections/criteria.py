"""Which lines of a rubric fail: criteria by cell, the worst first."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from evalrunner.report.page.sections.facets import FacetCells, facets
from evalrunner.report.page.sections.shading import Scale
from evalrunner.report.page.source import PageSource

ENOUGH = 5
"""Answers of one cell before a criterion's share is more than an anecdote."""
_LISTED = 50
"""Criteria that the summary has of one cell at most."""
_MOST = 200
_WHOLE = 1e-9


def section(source: PageSource) -> dict[str, Any] | None:
    """For each facet and judged scorer the criteria; None where no rubric has any."""
    found = [
        _scorer(facet, scorer)
        for facet in facets(source)
        for scorer in dict.fromkeys(name for cell in facet.cells for name in cell["criteria"])
        if any(cell["criteria"].get(scorer) for cell in facet.cells)
    ]
    return {"groups": found, "enough": ENOUGH} if found else None


def _scorer(facet: FacetCells, scorer: str) -> dict[str, Any]:
    by_cell = [cell["criteria"].get(scorer, {}) for cell in facet.cells]
    names = dict.fromkeys(name for criteria in by_cell for name in criteria)
    scale = Scale.of(
        each["value"] for found in by_cell for each in found.values() if each["n"] >= ENOUGH
    )
    rows = [_row(name, [found.get(name) for found in by_cell], scale=scale) for name in names]
    worst = sorted(rows, key=lambda row: (row["mean"] is None, row["mean"] or 0.0, -row["n"]))
    often = [row for row in worst if row["n"] >= ENOUGH]
    rare = [row for row in worst if row["n"] < ENOUGH]
    return {
        "title": facet.title,
        "scorer": scorer,
        "cells": facet.columns,
        "rows": often,
        "rare": rare[:_MOST],
        "n_rare": len(rare),
        "n_never_met": sum(row["mean"] == 0 for row in rare),
        "is_cut": any(len(criteria) >= _LISTED for criteria in by_cell),
    }


def _row(name: str, found: list[Mapping[str, Any] | None], *, scale: Scale) -> dict[str, Any]:
    known = [each["value"] for each in found if each is not None and each["value"] is not None]
    return {
        "name": name,
        "n": max(each["n"] for each in found if each is not None),
        "mean": sum(known) / len(known) if known else None,
        "entries": [
            None
            if each is None
            else {
                "estimate": each,
                "n_met": _n_met(each),
                "shade": scale.shade(each["value"]) if each["n"] >= ENOUGH else None,
            }
            for each in found
        ],
    }


def _n_met(share: Mapping[str, Any]) -> int | None:
    """How many answers met it; None where some did by half, or not every time."""
    if share["value"] is None:
        return None
    met = share["value"] * share["n"]
    return round(met) if abs(met - round(met)) < _WHOLE else None
