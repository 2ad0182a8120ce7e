"""Where each cell fails: quality by slice and cell, the worst slice first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from evalrunner.report.page.sections.facets import FacetCells, cases_link, facets
from evalrunner.report.page.sections.shading import Scale
from evalrunner.report.page.source import PageSource

FEW = 10
"""Cases below which a share says little, and is not shaded."""
_OPEN = 20
_MOST = 100
"""Values of a field in the page; all of them are in slices.csv."""


def section(source: PageSource) -> dict[str, Any] | None:
    """A heat map for each facet and sliced field; None where nothing is sliced."""
    found: list[dict[str, Any]] = [
        {"title": facet.title, "cells": facet.columns, "fields": fields}
        for facet in facets(source)
        if (fields := _fields(facet))
    ]
    if not found:
        return None
    shown = [entry for each in found for field in each["fields"] for entry in _entries(field)]
    return {
        "facets": found,
        "few": FEW,
        "has_few": any(entry["is_few"] for entry in shown),
        "has_below": any(entry["is_below"] for entry in shown),
    }


def _entries(field: Mapping[str, Any]) -> list[dict[str, Any]]:
    rows = [*field["rows"], *field["more"]]
    return [entry for row in rows for entry in row["entries"] if entry is not None]


def _fields(facet: FacetCells) -> list[dict[str, Any]]:
    names = dict.fromkeys(name for cell in facet.cells for name in cell["slices"])
    return [_field(facet, name) for name in names]


def _field(facet: FacetCells, name: str) -> dict[str, Any]:
    slices = [cell["slices"].get(name, {}) for cell in facet.cells]
    names = list(dict.fromkeys(value for by_value in slices for value in by_value))
    worst = sorted(names, key=lambda value: (*_badness(slices, value), value))
    # What few cases say is not shaded: its noise would set the scale for all.
    shares = [
        each["value"] for by_value in slices for each in by_value.values() if each["n"] >= FEW
    ]
    scale = Scale.of(shares)
    rows = [_row(facet, name, value, scale=scale) for value in worst[:_MOST]]
    return {
        "name": name,
        "rows": rows[:_OPEN],
        "more": rows[_OPEN:],
        "n_left_out": len(worst) - len(rows),
        "scale": {"low": scale.low, "high": scale.high} if shares else None,
    }


def _badness(slices: Sequence[Mapping[str, Any]], value: str) -> tuple[bool, float]:
    """Mean over the cells; what nobody has a quality for comes last."""
    found = (by_value[value]["value"] for by_value in slices if value in by_value)
    known = [share for share in found if share is not None]
    return (not known, sum(known) / len(known) if known else 0.0)


def _row(facet: FacetCells, field: str, value: str, *, scale: Scale) -> dict[str, Any]:
    found = [cell["slices"].get(field, {}).get(value) for cell in facet.cells]
    n = max(each["n"] for each in found if each is not None)
    return {
        "name": value,
        "n": n,
        "entries": [
            None if each is None else _entry(cell, field, value, n=n, scale=scale)
            for cell, each in zip(facet.cells, found, strict=True)
        ],
    }


def _entry(
    cell: Mapping[str, Any], field: str, value: str, *, n: int, scale: Scale
) -> dict[str, Any]:
    estimate, whole = cell["slices"][field][value], cell["quality"]
    bounds = estimate["high"], whole["low"]
    is_few = estimate["n"] < FEW
    return {
        "estimate": estimate,
        "shade": None if is_few else scale.shade(estimate["value"]),
        "link": cases_link(cell["id"], **{f"slice.{field}": value}),
        "is_few": is_few,
        "is_other_n": estimate["n"] != n,
        "is_below": None not in bounds and bounds[0] < bounds[1],
    }
