"""A scatter of cells: quality against what it is paid with, one panel a facet.

Left and up is better. Cells on the frontier are filled and joined by a staircase: between two of
them there is nothing to have. What cannot be placed is named under the panels, never drawn at 0.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from evalrunner.plots.axes import (
    apply_log_axis,
    apply_quality_axis,
    draw_ceiling,
    log_axis,
    quality_limits,
)
from evalrunner.plots.captions import is_mixed, legend, notes
from evalrunner.plots.colors import PALETTE
from evalrunner.plots.page import SIDE, Entry, Page, add_panel, write
from evalrunner.plots.panel import LOOKS, Look, draw_panel, label_panel
from evalrunner.plots.points import Facet, Point
from evalrunner.plots.style import MARKERS, MUTED, WIDTH, house_style, shortened, shown_names
from evalrunner.types import Estimate

_LEFT, _GAP = 1.0, 0.75
_MOST_IN_HALF_WIDTH = 8
_TITLE_LENGTH = 56
_SHORTER = (24, 16, 8)
"""Characters of names, where longer ones find no room."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scatter:
    """What to draw, and the words for it."""

    facets: Sequence[Facet]
    title: str
    subtitle: str
    quality: str
    """What the vertical axis shows; `caption` is of the horizontal one."""
    caption: str
    lacking: str
    """What a cell without an x has not got, such as "price"."""
    show: Callable[[float], str]
    """How an x is written."""
    is_stroke_light: bool = False
    """The stroke along x is no interval, and drawn lighter."""
    ceiling: Estimate | None = None
    """A level that nothing drawn can be asked to exceed, and `ceiling_name` in the legend."""
    ceiling_name: str = ""
    notes: Sequence[Sequence[str]] = ()

    @property
    def points(self) -> list[Point]:
        """Of all facets."""
        return [point for facet in self.facets for point in facet.points]

    @property
    def drawn(self) -> list[Point]:
        """Those that have a place."""
        return [point for facet in self.facets for point in facet.drawn]

    @property
    def levels(self) -> list[float]:
        """What else the vertical axis has room for: the ceiling, and uncorrected scores."""
        others = [point.raw.value for point in self.drawn if point.raw is not None]
        if self.ceiling is not None:
            others += [self.ceiling.value, self.ceiling.low, self.ceiling.high]
        return [level for level in others if level is not None]


def scatter_figure(scatter: Scatter) -> Figure:
    """The figure; needs at least one cell."""
    about = [*scatter.notes, *notes(scatter.points, lacking=scatter.lacking)]
    scatter = replace(scatter, notes=about)
    with house_style():
        figure, unnamed = _draw(scatter)
        # Whether there is room for the names is known only now: once more, with shorter ones.
        for limit in _SHORTER:
            if unnamed and max(len(point.name) for point in scatter.drawn) > limit:
                scatter = replace(scatter, facets=_renamed(scatter, limit=limit))
                figure, unnamed = _draw(scatter)
        if unnamed:
            unnamed[0] = f"No room for the names of {unnamed[0]}"
            figure, _ = _draw(replace(scatter, notes=[*about, unnamed]))
    return figure


def _renamed(scatter: Scatter, *, limit: int) -> list[Facet]:
    names = shown_names({point.cell: point.label for point in scatter.points}, limit=limit)
    return [
        replace(facet, points=tuple(replace(p, name=names[p.cell]) for p in facet.points))
        for facet in scatter.facets
    ]


def _draw(scatter: Scatter) -> tuple[Figure, list[str]]:
    """The figure, and the names of points there was no room for."""
    looks, drawn = _looks(scatter.points), scatter.drawn
    grid = _grid(scatter.facets)
    page = Page(
        title=scatter.title,
        subtitle=scatter.subtitle,
        legend=[*legend(drawn, looks), *_ceiling_entry(scatter)],
        notes=scatter.notes,
    )
    figure, bottom = page.figure(grid.body)
    middle = (_LEFT + WIDTH - SIDE) / 2
    write(figure, middle, bottom + grid.caption / 2, text=scatter.caption, size=10, align="center")
    scale, limits = log_axis(drawn, show=scatter.show), quality_limits(drawn, also=scatter.levels)
    unnamed: list[str] = []
    for index, facet in enumerate(scatter.facets):
        axes = grid.panel(figure, index, bottom=bottom)
        axes.set_title(
            shortened(facet.title, limit=_TITLE_LENGTH),
            loc="left",
            fontsize=10.5,
            fontweight="bold",
        )
        if not facet.drawn:
            _say_nothing(axes, facet, lacking=scatter.lacking)
            continue
        apply_log_axis(axes, scale)
        apply_quality_axis(axes, limits)
        if scatter.ceiling is not None:
            draw_ceiling(axes, scatter.ceiling)
        light = scatter.is_stroke_light
        draw_panel(axes, facet.points, looks, scale=scale, is_stroke_light=light)
        if index % grid.columns == 0:
            axes.set_ylabel(scatter.quality, labelpad=8)
        unnamed += label_panel(axes, facet.drawn, mark_estimates=is_mixed(drawn))
    return figure, unnamed


def _ceiling_entry(scatter: Scatter) -> list[Entry]:
    if scatter.ceiling is None or scatter.ceiling.value is None:
        return []
    return [Entry(text=scatter.ceiling_name, marker="", color=MUTED, line=True, width=1.0)]


def _say_nothing(axes: Axes, facet: Facet, *, lacking: str) -> None:
    axes.set_axis_off()
    axes.text(
        0,
        0.9,
        f"No cell has both a {lacking} and a quality, so there is nothing to place here.",
        transform=axes.transAxes,
        va="top",
        color=MUTED,
        gid=f"nothing-{facet.points[0].facet}",
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


def _looks(points: Sequence[Point]) -> dict[str, Look]:
    """Colour and shape of each group, in order of their names."""
    groups = sorted({point.group for point in points if point.status not in LOOKS})
    return {
        group: Look(color=PALETTE[i % len(PALETTE)], marker=MARKERS[i % len(MARKERS)])
        for i, group in enumerate(groups)
    }
