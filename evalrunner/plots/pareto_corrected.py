"""The Pareto figure with scores corrected by labels of people, the judge's own beside them.

The summary knows no frontier of corrected scores, so the one drawn goes by the points alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from evalrunner import formatting
from evalrunner.plots.captions import cost_caption, quality_caption, subtitle, title
from evalrunner.plots.files import write_csv
from evalrunner.plots.pareto import HEADER, point_row
from evalrunner.plots.points import (
    DOMINATED,
    Facet,
    Point,
    on_frontier,
    read_estimate,
    read_facets,
)
from evalrunner.plots.scatter import Scatter, scatter_figure
from evalrunner.types import Estimate

_RAW = ("raw", "raw_low", "raw_high")


def has_corrected(summary: Mapping[str, Any]) -> bool:
    """Whether a cell with a corrected score has a place."""
    return any(point.raw for facet in _facets(summary) for point in facet.drawn)


def pareto_corrected_figure(summary: Mapping[str, Any]) -> Figure:
    """The figure of the facets that have a corrected score; needs one."""
    facets = _facets(summary)
    drawn = [point for facet in facets for point in facet.drawn]
    notes = [["The frontier goes by the corrected points alone, whatever their intervals."]]
    if bare := [point.name for point in drawn if point.raw is None]:
        notes.append([f"Too few labels to be corrected, hollow – {bare[0]}", *bare[1:]])
    return scatter_figure(
        Scatter(
            facets=facets,
            title=title(summary, "Quality without the judge's errors, and cost"),
            subtitle=subtitle(summary, "up and to the left is better"),
            quality=f"{quality_caption(summary)}, corrected",
            caption=cost_caption(drawn),
            lacking="price",
            show=formatting.usd,
            notes=notes,
        )
    )


def write_pareto_corrected_csv(summary: Mapping[str, Any], path: Path) -> None:
    """The numbers of the figure; `quality` is corrected where `raw` is known."""
    rows = [
        (*point_row(point), raw.value, raw.low, raw.high)
        for facet in _facets(summary)
        for point in facet.points
        for raw in [point.raw or Estimate(value=None)]
    ]
    write_csv(path, [[*HEADER, *_RAW], *rows])


def _facets(summary: Mapping[str, Any]) -> tuple[Facet, ...]:
    """Those of the Pareto figure in which a score was corrected."""
    found = {cell["id"]: read_estimate(cell.get("corrected")) for cell in summary["cells"]}
    choices = [entry.get("corrected") or {} for entry in summary.get("recommendations") or ()]
    chosen = {choice.get("cell") for choice in choices}
    facets = (
        replace(facet, points=_corrected(facet.points, found, chosen))
        for facet in read_facets({**summary, "routing": ()})
    )
    return tuple(facet for facet in facets if any(point.raw for point in facet.points))


def _corrected(
    points: tuple[Point, ...], found: Mapping[int, Estimate], chosen: set[int | None]
) -> tuple[Point, ...]:
    """With their corrected scores, those that have one on the frontier; in order of their ids."""
    plain = [
        replace(p, probability=None, tie=None, is_recommended=p.cell in chosen) for p in points
    ]
    moved = on_frontier(
        [
            replace(p, quality=found[p.cell], raw=p.quality)
            for p in plain
            if found[p.cell].value is not None
        ]
    )
    others = [replace(p, status=DOMINATED) for p in plain if found[p.cell].value is None]
    return tuple(sorted([*moved, *others], key=lambda point: point.cell))
