"""The table of cells: quality, what is missing, cost, latency and Pareto status of each."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from evalrunner.report.page.sections.facets import facet_titles
from evalrunner.report.page.source import PageSource, spent_words
from evalrunner.report.tables import has_corrected, missing_words

_STATUSES = ("frontier", "undecided", "dominated", "unpriced", "canary")
_KINDS = {"frontier": "good", "undecided": "warn", "unpriced": "warn"}
_MISSING = ("n_error", "n_skipped", "n_unscored")
_TWO = 2


def section(page: PageSource) -> dict[str, Any]:
    """What its template shows."""
    cells = page.summary["cells"]
    axes = _varying_axes(page.candidates)
    titles = facet_titles(page)
    groups = [
        {
            "title": titles[facet],
            "rows": [_row(cell, axes) for cell in _by_quality(cells, facet=facet)],
        }
        for facet in titles
    ]
    canaries = [cell for cell in cells if cell["role"] == "canary"]
    if canaries:
        title = "Canaries: answers that must fail, scored like all others"
        groups.append({"title": title, "rows": [_row(cell, axes) for cell in canaries]})
    used = {cell["pareto"]["status"] or cell["role"] for cell in cells}
    return {
        "groups": groups,
        "axes": axes,
        "quality_names": sorted({cell["quality_name"] for cell in cells}),
        "statuses": [status for status in _STATUSES if status in used],
        "has_corrected": has_corrected(cells),
        "has_cut": any(cell["n_refused"] or cell["n_truncated"] for cell in cells),
        "has_spent": any(cell["cost"]["usd_spent"] != 0 for cell in cells),
        "has_latency": any(cell["latency_s"]["p50"] is not None for cell in cells),
        "recommended": {
            entry["cell"] for entry in page.summary["recommendations"] if entry["cell"] is not None
        },
    }


def _row(cell: Mapping[str, Any], axes: Sequence[str]) -> dict[str, Any]:
    status = cell["pareto"]["status"] or cell["role"]
    names = [str(cell["axes"].get(axis, "")) for axis in axes]
    return {
        "cell": cell,
        "corrected": cell.get("corrected") or {"value": None},
        # A canary has no place on the axes: its label says all.
        "names": names if cell["role"] == "candidate" and axes else [cell["label"]],
        "n_missing": sum(cell[name] for name in _MISSING),
        "missing": missing_words(cell),
        "status": status,
        "kind": _KINDS.get(status, ""),
        "spent": spent_words([cell]),
        "is_priced": cell["cost"]["usd_per_1000"] is not None,
    }


def _varying_axes(cells: Sequence[Mapping[str, Any]]) -> list[str]:
    """Axes that get a column each: those that differ within a facet, when there are several."""
    differing: dict[str, None] = {}
    for facet in dict.fromkeys(cell["facet"] for cell in cells):
        members = [cell["axes"] for cell in cells if cell["facet"] == facet]
        for axis in dict.fromkeys(axis for axes in members for axis in axes):
            if len({str(axes.get(axis)) for axes in members}) > 1:
                differing[axis] = None
    return list(differing) if len(differing) >= _TWO else []


def _by_quality(cells: Sequence[Mapping[str, Any]], *, facet: int) -> list[Mapping[str, Any]]:
    """The candidates of a facet, the best first, of equal ones the cheapest."""
    members = [cell for cell in cells if cell["facet"] == facet and cell["role"] == "candidate"]
    return sorted(
        members,
        key=lambda cell: (
            cell["quality"]["value"] is None,
            -(cell["quality"]["value"] or 0),
            (cell["cost"]["usd_per_1000"] or {"value": math.inf})["value"],
        ),
    )
