"""The Pareto figure: what each cell costs and how good it is, one panel a facet.

Left and up is better. Cells on the frontier are filled and joined by a staircase: between two of
them there is nothing to buy. What cannot be placed is named under the panels, never drawn at 0.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from evalrunner.plots.axes import (
    CostAxis,
    apply_cost_axis,
    apply_quality_axis,
    cost_axis,
    quality_limits,
)
from evalrunner.plots.captions import (
    cost_caption,
    is_mixed,
    legend,
    notes,
    quality_caption,
    subtitle,
    title,
)
from evalrunner.plots.colors import PALETTE
from evalrunner.plots.files import write_csv
from evalrunner.plots.page import SIDE, Page, add_panel, write
from evalrunner.plots.panel import LOOKS, Look, draw_panel, label_panel
from evalrunner.plots.points import Facet, read_facets
from evalrunner.plots.style import MARKERS, MUTED, WIDTH, house_style, shortened

_HEADER = (
    "facet,cell,label,usd_per_1000,usd_low,usd_high,quality,quality_low,quality_high,n,status,"
    "probability"
)
_LEFT, _GAP = 1.0, 0.75
_MOST_IN_HALF_WIDTH = 8
_TITLE_LENGTH = 56


def pareto_figure(summary: Mapping[str, Any]) -> Figure:
    """The figure of all cells of a summary; needs at least one cell."""
    facets = read_facets(summary)
    about = notes([point for facet in facets for point in facet.points])
    with house_style():
        figure, unnamed = _draw(summary, facets, about=about)
        if unnamed:
            # Whether there is room for the names is known only now: once more, with a note.
            unnamed[0] = f"No room for the names of {unnamed[0]}"
            figure, _ = _draw(summary, facets, about=[*about, unnamed])
    return figure


def write_pareto_csv(summary: Mapping[str, Any], path: Path) -> None:
    """The numbers of the figure, cells that could not be placed included."""
    rows = [
        (
            point.facet,
            point.cell,
            point.label,
            point.cost.value,
            point.cost.low,
            point.cost.high,
            point.quality.value,
            point.quality.low,
            point.quality.high,
            point.quality.n,
            point.status,
            point.probability,
        )
        for facet in read_facets(summary)
        for point in facet.points
    ]
    write_csv(path, [_HEADER.split(","), *rows])


def _draw(
    summary: Mapping[str, Any], facets: Sequence[Facet], *, about: Sequence[Sequence[str]]
) -> tuple[Figure, list[str]]:
    """The figure, and the names of points there was no room for."""
    looks = _looks(facets)
    drawn = [point for facet in facets for point in facet.drawn]
    grid = _grid(facets)
    page = Page(
        title=title(summary),
        subtitle=subtitle(summary),
        legend=list(legend(drawn, looks)),
        notes=about,
    )
    figure, bottom = page.figure(grid.body)
    middle = (_LEFT + WIDTH - SIDE) / 2
    caption = cost_caption(drawn)
    write(figure, middle, bottom + grid.caption / 2, text=caption, size=10, align="center")
    scale, limits = cost_axis(drawn), quality_limits(drawn)
    unnamed: list[str] = []
    for index, facet in enumerate(facets):
        axes = grid.panel(figure, index, bottom=bottom)
        _draw_facet(axes, facet, looks, scale=scale, limits=limits)
        if index % grid.columns == 0 and facet.drawn:
            axes.set_ylabel(quality_caption(summary), labelpad=8)
        unnamed += label_panel(axes, facet.drawn, mark_estimates=is_mixed(drawn))
    return figure, unnamed


def _draw_facet(
    axes: Axes,
    facet: Facet,
    looks: Mapping[str, Look],
    *,
    scale: CostAxis,
    limits: tuple[float, float],
) -> None:
    axes.set_title(
        shortened(facet.title, limit=_TITLE_LENGTH), loc="left", fontsize=10.5, fontweight="bold"
    )
    if facet.drawn:
        apply_cost_axis(axes, scale)
        apply_quality_axis(axes, limits)
        draw_panel(axes, facet.points, looks, scale=scale)
        return
    axes.set_axis_off()
    axes.text(
        0,
        0.9,
        "No cell has both a price and a quality, so there is nothing to place here.",
        transform=axes.transAxes,
        va="top",
        color=MUTED,
        gid="nothing",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Grid:
    """Where the panels go, in inches."""

    columns: int
    rows: int
    height: float
    """Of a panel; `head` above it is for its title, `under` below it for tick labels."""
    head: float
    under: float
    caption: float

    @property
    def body(self) -> float:
        return self.caption + self.rows * (self.head + self.height + self.under)

    def panel(self, figure: Figure, index: int, *, bottom: float) -> Axes:
        row, column = divmod(index, self.columns)
        width = (WIDTH - SIDE - _LEFT - _GAP * (self.columns - 1)) / self.columns
        below = (self.rows - 1 - row) * (self.head + self.height + self.under)
        return add_panel(
            figure,
            left=_LEFT + column * (width + _GAP),
            bottom=bottom + self.caption + below + self.under,
            width=width,
            height=self.height,
        )


def _grid(facets: Sequence[Facet]) -> _Grid:
    """Two panels beside each other, unless they hold many names."""
    alone, busiest = len(facets) == 1, max(len(facet.drawn) for facet in facets)
    columns = 1 if alone or busiest > _MOST_IN_HALF_WIDTH else 2
    height = (4.5 if alone else 3.5) + 0.09 * max(0, busiest - 10)
    return _Grid(
        columns=columns,
        rows=-(-len(facets) // columns),
        height=height if busiest else 0.4,
        head=0.0 if alone else 0.32,
        under=0.32 if busiest else 0.0,
        caption=0.35 if busiest else 0.0,
    )


def _looks(facets: Sequence[Facet]) -> dict[str, Look]:
    """Colour and shape of each group, in order of their names."""
    points = [p for facet in facets for p in facet.points if p.status not in LOOKS]
    return {
        group: Look(color=PALETTE[i % len(PALETTE)], marker=MARKERS[i % len(MARKERS)])
        for i, group in enumerate(sorted({point.group for point in points}))
    }
