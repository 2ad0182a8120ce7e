"""The cells that a section puts side by side: those of one facet, the best first."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

from evalrunner.report.page.source import PageSource

_CANDIDATE_AXES = ("model", "prompt")
Cell = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class FacetCells:
    """Candidates that may be compared."""

    facet: int
    title: str
    """What sets the facet apart from the others; empty when there is only one."""
    cells: tuple[Cell, ...]
    """By quality, those without one last."""

    @property
    def columns(self) -> list[dict[str, Any]]:
        """What a table's head needs of each cell."""
        return [{name: cell[name] for name in ("id", "label", "quality")} for cell in self.cells]


def facets(source: PageSource) -> list[FacetCells]:
    """The facets of a run that have candidates."""
    titles = facet_titles(source)
    members: dict[int, list[Cell]] = {}
    for cell in source.candidates:
        members.setdefault(cell["facet"], []).append(cell)
    return [
        FacetCells(facet=facet, title=titles[facet], cells=tuple(sorted(cells, key=_worse)))
        for facet, cells in sorted(members.items())
    ]


def facet_titles(source: PageSource) -> dict[int, str]:
    """Of each facet the measuring axes that are not the same in all; empty for a single one."""
    first: dict[int, Mapping[str, Any]] = {}
    for cell in source.summary["cells"]:
        first.setdefault(cell["facet"], cell["axes"])
    if len(first) == 1:
        return dict.fromkeys(first, "")
    axes = dict.fromkeys(axis for axes in first.values() for axis in axes)
    varying = [
        axis
        for axis in axes
        if axis.partition(".")[0] not in _CANDIDATE_AXES
        and len({str(chosen.get(axis)) for chosen in first.values()}) > 1
    ]
    return {
        facet: " · ".join(f"{axis}: {chosen.get(axis)}" for axis in varying) or f"facet {facet}"
        for facet, chosen in first.items()
    }


def cases_link(*cells: int, **filters: str) -> str:
    """Address of the cells' cases in the case browser; a filter may be of any text."""
    # A lone surrogate has no UTF-8; the link then finds nothing, and the page is still written.
    chosen = {"cell": ",".join(map(str, cells))} | filters
    return "#cases?" + urlencode(
        chosen, safe=",", quote_via=quote, encoding="utf-8", errors="replace"
    )


def _worse(cell: Cell) -> tuple[float, int]:
    value = cell["quality"]["value"]
    return (math.inf if value is None else -value, cell["id"])
