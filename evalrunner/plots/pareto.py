"""The Pareto figure: what each cell costs and how good it is."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from evalrunner import formatting
from evalrunner.plots.captions import cost_caption, quality_caption, subtitle, title
from evalrunner.plots.files import write_csv
from evalrunner.plots.points import Point, read_facets
from evalrunner.plots.scatter import Scatter, scatter_figure

HEADER = (
    *("facet", "cell", "label", "usd_per_1000", "usd_low", "usd_high"),
    *("quality", "quality_low", "quality_high", "n", "status", "probability"),
)


def pareto_figure(summary: Mapping[str, Any]) -> Figure:
    """The figure of all cells of a summary; needs at least one cell."""
    facets = read_facets(summary)
    return scatter_figure(
        Scatter(
            facets=facets,
            title=title(summary, "Quality and cost"),
            subtitle=subtitle(summary, "up and to the left is better"),
            quality=quality_caption(summary),
            caption=cost_caption([point for facet in facets for point in facet.drawn]),
            lacking="price",
            show=formatting.usd,
        )
    )


def write_pareto_csv(summary: Mapping[str, Any], path: Path) -> None:
    """The numbers of the figure, cells that could not be placed included."""
    rows = [point_row(point) for facet in read_facets(summary) for point in facet.points]
    write_csv(path, [HEADER, *rows])


def point_row(point: Point) -> tuple[str | float | None, ...]:
    """What a CSV says of a point, in the order of `HEADER`."""
    return (
        point.facet,
        point.cell,
        point.label,
        point.x.value,
        point.x.low,
        point.x.high,
        point.quality.value,
        point.quality.low,
        point.quality.high,
        point.quality.n,
        point.status,
        point.probability,
    )
