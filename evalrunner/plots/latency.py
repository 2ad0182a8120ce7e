"""The latency figure: how long each cell takes and how good it is.

A point stands at the 90th percentile of its latency, and a stroke leads from there to the median.
The summary knows no frontier of quality and time, so the one drawn goes by the points alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from evalrunner import formatting
from evalrunner.plots.captions import quality_caption, subtitle, title
from evalrunner.plots.files import write_csv
from evalrunner.plots.points import Facet, Point, on_frontier, read_estimate, read_facets
from evalrunner.plots.scatter import Scatter, scatter_figure
from evalrunner.types import Estimate

_HEADER = "facet,cell,label,p50_s,p90_s,p99_s,quality,quality_low,quality_high,n"
_QUANTILES = ("p50", "p90", "p99")


def has_latency(summary: Mapping[str, Any]) -> bool:
    """Whether there is a point to draw."""
    return any(facet.drawn for facet in _facets(summary))


def latency_figure(summary: Mapping[str, Any]) -> Figure:
    """The figure of all cells of a summary; needs at least one cell."""
    return scatter_figure(
        Scatter(
            facets=_facets(summary),
            title=title(summary, "Quality and latency"),
            subtitle=subtitle(summary, "up and to the left is better"),
            quality=quality_caption(summary),
            caption="Latency that 90 % of the requests stay under (log scale)",
            lacking="latency",
            show=formatting.seconds,
            is_stroke_light=True,
            notes=[
                ["The stroke to the left of a point leads to the median latency."],
                ["The frontier goes by the points alone, whatever their intervals."],
            ],
        )
    )


def write_latency_csv(summary: Mapping[str, Any], path: Path) -> None:
    """The numbers of the figure, cells that could not be placed included."""
    times = _times(summary)
    rows = [
        (
            point.facet,
            point.cell,
            point.label,
            *(times[point.cell][name] for name in _QUANTILES),
            point.quality.value,
            point.quality.low,
            point.quality.high,
            point.quality.n,
        )
        for facet in _facets(summary)
        for point in facet.points
    ]
    write_csv(path, [_HEADER.split(","), *rows])


def _facets(summary: Mapping[str, Any]) -> tuple[Facet, ...]:
    """Those of the Pareto figure with seconds for dollars; what was never run took no time."""
    times = _times(summary)
    return tuple(
        replace(facet, points=on_frontier([_timed(p, times[p.cell]) for p in facet.points]))
        for facet in read_facets({**summary, "routing": ()})
    )


def _times(summary: Mapping[str, Any]) -> dict[int, dict[str, float | None]]:
    """Cell id to quantile to seconds; what is not a time is unknown."""
    return {
        cell["id"]: {
            name: read_estimate({"value": (cell.get("latency_s") or {}).get(name)}, lowest=0).value
            for name in _QUANTILES
        }
        for cell in summary["cells"]
    }


def _timed(point: Point, times: Mapping[str, float | None]) -> Point:
    p50, p90 = times["p50"], times["p90"]
    x = Estimate(value=p90, low=p50, high=p90)
    return replace(point, x=x, estimated=False, probability=None, tie=None)
