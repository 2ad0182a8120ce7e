"""The control chart of production: a score a period, and the offline score that it is held to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator

from evalrunner import formatting
from evalrunner.plots.colors import COLORS
from evalrunner.plots.files import write_csv
from evalrunner.plots.page import SIDE, Entry, Page, add_panel
from evalrunner.plots.points import read_estimate
from evalrunner.plots.style import (
    FAINT,
    MUTED,
    PAPER,
    TIE_COLOR,
    WIDTH,
    house_style,
    readable,
    save_figure,
    shortened,
)

MOST_POINTS = 60
_HEIGHT, _LEFT, _BELOW = 3.6, 0.55, 0.45
_MOST_LABELS = 12
_AIR = 0.03
_SCORE, _STANDING, _ALARM = COLORS["palette-1"], COLORS["palette-6"], COLORS["palette-2"]
_NAME = 60
_ESTIMATES = ("score", "standing", "reference", "difference", "corrected")

Point = Mapping[str, Any]


def draw_trend(chart: Mapping[str, Any], directory: Path) -> list[Path]:
    """Writes trend.png, .svg and .csv; `chart` is what `production trend --json` prints."""
    with house_style():
        paths = save_figure(trend_figure(chart), directory, stem="trend")
    paths.append(directory / "trend.csv")
    write_trend_csv(chart, paths[-1])
    return paths


def trend_figure(chart: Mapping[str, Any]) -> Figure:
    """The figure; needs a point."""
    segments = _last_points(chart)
    points = [point for segment in segments for point in segment["points"]]
    latest = points[-1]
    page = Page(
        title="Production",
        subtitle=" · ".join(_subtitle(points)),
        legend=list(_legend(points)),
        notes=list(_notes(segments, latest)),
    )
    figure, foot = page.figure(_HEIGHT + _BELOW)
    axes = add_panel(
        figure,
        left=SIDE + _LEFT,
        bottom=foot + _BELOW,
        width=WIDTH - 2 * SIDE - _LEFT,
        height=_HEIGHT - 0.1,
    )
    for segment in segments:
        _draw_segment(axes, segment["points"])
        if segment is not segments[0]:
            place, period = segment["points"][0]["place"], segment["points"][0]["period"]
            axes.axvline(place - 0.5, color=MUTED, linewidth=1.0, gid=f"segment-{period}")
    _apply_axes(axes, points)
    return figure


def write_trend_csv(chart: Mapping[str, Any], path: Path) -> None:
    """The numbers of every period."""
    ends = [f"{name}{end}" for name in _ESTIMATES for end in ("", "_low", "_high", "_n")]
    rows: list[Sequence[str | float | None]] = [
        ["segment", "period", "since", "by", "moved", "alarm", *ends]
    ]
    for number, segment in enumerate(chart["segments"]):
        for point in segment["points"]:
            found = [read_estimate(point[name]) for name in _ESTIMATES]
            words = [point[name] for name in ("period", "since", "by", "moved")]
            numbers = [end for each in found for end in (each.value, each.low, each.high, each.n)]
            rows.append([number, *words, int(point["alarm"]), *numbers])
    write_csv(path, rows)


def _last_points(chart: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Segments without what is older than the figure can show."""
    left = MOST_POINTS
    kept = []
    for segment in reversed(chart["segments"]):
        points = segment["points"][-left:] if left else []
        left -= len(points)
        if points:
            kept.append({**segment, "points": points})
    return kept[::-1]


def _draw_segment(axes: Axes, points: Sequence[Point]) -> None:
    _draw_band(axes, points, name="reference", color=TIE_COLOR, strength=1.0)
    _draw_band(axes, points, name="standing", color=_STANDING, strength=0.3)
    for point in points:
        score, period, place = read_estimate(point["score"]), point["period"], point["place"]
        if score.value is None:
            continue
        color = _ALARM if point["alarm"] else _SCORE
        if score.low is not None and score.high is not None:
            ends = [score.low, score.high]
            axes.plot([place, place], ends, color=color, linewidth=1.4, gid=f"interval-{period}")
        axes.plot(
            [place],
            [score.value],
            color=color,
            marker="D" if point["alarm"] else "o",
            markersize=7,
            markeredgewidth=1.6,
            markerfacecolor=PAPER if point["is_partial"] else color,
            linestyle="none",
            gid=f"point-{period}",
            zorder=3,
        )


def _draw_band(
    axes: Axes, points: Sequence[Point], *, name: str, color: str, strength: float
) -> None:
    """A value as a line with its interval around it, a step a period."""
    for point in points:
        found, x = read_estimate(point[name]), (point["place"] - 0.5, point["place"] + 0.5)
        if found.value is None or found.low is None or found.high is None:
            continue
        gid = f"{name}-{point['period']}"
        axes.fill_between(
            x, found.low, found.high, color=color, alpha=strength, linewidth=0, zorder=1, gid=gid
        )
        line = MUTED if name == "reference" else color
        axes.plot(x, [found.value] * 2, color=line, linewidth=1.2, zorder=2)


def _apply_axes(axes: Axes, points: Sequence[Point]) -> None:
    ends = [
        end
        for point in points
        for each in (read_estimate(point[name]) for name in ("score", "standing", "reference"))
        for end in (each.value, each.low, each.high)
        if end is not None
    ]
    low, high = max(0.0, min(ends, default=0.0) - _AIR), min(1.0, max(ends, default=1.0) + _AIR)
    axes.set_ylim(low - 0.01, high + 0.01)
    axes.set_xlim(points[0]["place"] - 0.5, points[-1]["place"] + 0.5)
    step = -(-len(points) // _MOST_LABELS)
    # From the right: the latest period always has its name.
    names = {point["place"]: point["period"] for point in points[::-1][::step]}
    axes.xaxis.set_major_locator(FixedLocator(sorted(names)))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda x, _: names.get(round(x), "")))
    ticks = MaxNLocator(nbins=6, steps=[1, 2, 5, 10]).tick_values(low, high)
    axes.yaxis.set_major_locator(FixedLocator([float(t) for t in ticks if low <= t <= high]))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda y, _: formatting.percent(y, digits=0)))
    axes.grid(visible=True, axis="y")
    axes.tick_params(axis="x", color=FAINT)


def _subtitle(points: Sequence[Point]) -> Iterator[str]:
    latest = points[-1]
    yield shortened(readable(str(latest["quality"])), limit=_NAME)
    yield formatting.n_of(sum(point["n_records"] for point in points), "record")
    if latest["offline"] is not None:
        yield shortened(f"held to {readable(latest['offline']['cell'])}", limit=_NAME)


def _legend(points: Sequence[Point]) -> Iterator[Entry]:
    level = formatting.percent(points[-1]["confidence"], digits=0)
    text = f"a period, {level} interval"
    yield Entry(text=text, marker="o", color=_SCORE, line=True, size=7)
    if any(point["alarm"] for point in points):
        yield Entry(text="alarm", marker="D", color=_ALARM, size=7)
    if any(point["is_partial"] for point in points):
        yield Entry(text="had not ended", marker="o", color=_SCORE, fill="none", size=7)
    yield Entry(text="all since a change, at any time", marker="s", color=_STANDING, size=9)
    if any(point["reference"] for point in points):
        yield Entry(text="offline", marker="s", color=TIE_COLOR, size=9)


def _notes(segments: Sequence[Mapping[str, Any]], latest: Point) -> Iterator[list[str]]:
    for segment in segments:
        if segment["changed"]:
            changed = " and ".join(segment["changed"])
            yield [f"From {segment['points'][0]['period']} on not comparable: changed {changed}."]
    if latest["by"] == "people":
        yield ["Bands are corrected by people's labels, points are not."]
    if latest["reference"] is not None:
        yield ["An alarm is raised where the two bands do not overlap, production below offline."]
