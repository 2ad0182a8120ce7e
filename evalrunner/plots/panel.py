"""One panel of a scatter: markers, intervals, the staircase, and the names beside them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from evalrunner.plots.axes import LogAxis
from evalrunner.plots.labels import Anchor, Box, Placement, place_labels
from evalrunner.plots.points import (
    CANARY,
    CASCADE,
    ESTIMATED_ONLY,
    FRONTIER,
    ORACLE,
    UNDECIDED,
    Point,
    staircase,
)
from evalrunner.plots.style import FAINT, INK, MUTED, PAPER, STAIRS, TIE_COLOR, text_size

_MARKER_SIZE = 8.5
_MANY, _MOST_NAMES = 24, 80
_AIR, _LINE_AIR = _MARKER_SIZE / 2 + 2, 1.5
"""Points kept free around the middle of a marker, and around a line."""
_IN_THE_WAY = (
    *("point-", "estimate-", "recommended-", "raw-"),
    *("y-interval-", "x-interval-", "staircase-", "join-", "ceiling-"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """Colour and shape of a group."""

    color: str
    marker: str


LOOKS = {
    CANARY: Look(color=MUTED, marker="x"),
    CASCADE: Look(color=MUTED, marker=">"),
    ORACLE: Look(color=MUTED, marker="*"),
}
"""Of what is no candidate."""
TIE_WIDTH = 13.0
"""Of the band between cells that cannot be told apart, in points."""
_RING = 17.0
_AIRS = {"point": _AIR, "estimate": _AIR, "raw": _AIR, "recommended": _RING / 2 + 1}


def draw_panel(
    axes: Axes,
    points: Sequence[Point],
    looks: Mapping[str, Look],
    *,
    scale: LogAxis,
    is_stroke_light: bool = False,
) -> None:
    """Intervals, staircase and markers; points without a place are left out."""
    axes.grid(visible=True, which="major")
    axes.tick_params(which="both", length=3)
    _draw_staircase(axes, points, scale=scale)
    where = {
        point.cell: (scale.at(point.place[0]), point.place[1])
        for point in points
        if point.place is not None
    }
    _draw_ties(axes, points, where)
    for point in points:
        if point.cell not in where:
            continue
        look = LOOKS.get(point.status) or looks[point.group]
        at = where[point.cell]
        _draw_intervals(
            axes, point, look.color, at=at, scale=scale, is_stroke_light=is_stroke_light
        )
        if point.raw is not None and point.raw.value is not None:
            _draw_raw(axes, point, look, at=at, raw=point.raw.value)
        _draw_marker(axes, point, look, at=at)
        if point.is_recommended:
            _draw_ring(axes, point, at=at)


def label_panel(axes: Axes, points: Sequence[Point], *, mark_estimates: bool) -> list[str]:
    """Writes the names of the points of a drawn panel; returns those there was no room for."""
    # Names on the frontier choose their places first.
    ordered = sorted(points, key=lambda point: (point.status != FRONTIER, point.cell))
    size = 9.5 if len(points) <= 12 else 8.5 if len(points) <= _MANY else 7.8  # noqa: PLR2004
    texts = [_name(point, mark_estimates=mark_estimates) for point in ordered]
    where = {point.cell: _position(axes, point) for point in points}
    anchors = []
    for point, text in zip(ordered, texts, strict=True):
        width, height = text_size(text, size, bold=point.status == FRONTIER)
        x, y = where[point.cell]
        anchors.append(Anchor(x=x, y=y, width=width, height=height))
    box = axes.bbox
    unit = 72 / axes.figure.dpi
    bounds = (box.x0 * unit + 2, box.y0 * unit + 2, box.x1 * unit - 2, box.y1 * unit - 2)
    # Names of many points stand on light strokes rather than far away.
    kinds = _IN_THE_WAY if len(points) > _MANY else (*_IN_THE_WAY, "stroke-")
    obstacles = _obstacles(axes, kinds)
    placements = place_labels(anchors[:_MOST_NAMES], obstacles=obstacles, bounds=bounds)
    placements += (None,) * (len(points) - len(placements))
    for point, text, placement in zip(ordered, texts, placements, strict=True):
        if placement is not None:
            _write_name(axes, point, text, placement, size=size)
    return [p.name for p, placed in zip(ordered, placements, strict=True) if placed is None]


def _name(point: Point, *, mark_estimates: bool) -> str:
    """The name, with what a reader must know beside it."""
    estimated = " (est.)" if mark_estimates and point.estimated else ""
    return f"{point.name}{estimated}{f' · {point.chance}' if point.chance else ''}"


def _draw_ties(
    axes: Axes, points: Sequence[Point], where: Mapping[int, tuple[float, float]]
) -> None:
    """A band from each undecided cell to the one on the frontier that it may equal."""
    for point in points:
        if point.tie is None or not {point.tie, point.cell} <= where.keys():
            continue
        x, y = zip(where[point.cell], where[point.tie], strict=True)
        axes.plot(
            x,
            y,
            color=TIE_COLOR,
            linewidth=TIE_WIDTH,
            solid_capstyle="round",
            zorder=1,
            clip_on=False,
            gid=f"tie-{point.cell}",
        )


def _draw_ring(axes: Axes, point: Point, *, at: tuple[float, float]) -> None:
    axes.plot(
        [at[0]],
        [at[1]],
        color=INK,
        marker="o",
        markersize=_RING,
        markerfacecolor="none",
        markeredgewidth=1.3,
        linestyle="none",
        clip_on=False,
        zorder=3.6,
        gid=f"recommended-{point.cell}",
    )


def _draw_staircase(axes: Axes, points: Sequence[Point], *, scale: LogAxis) -> None:
    corners = [(scale.at(x), quality) for x, quality in staircase(points)]
    if not corners:
        return
    # To the right edge: more money buys nothing better.
    x, y = zip(*corners, (scale.high, corners[-1][1]), strict=True)
    axes.plot(x, y, color=STAIRS, linewidth=1.4, zorder=2, gid=f"staircase-{points[0].facet}")


def _draw_intervals(
    axes: Axes,
    point: Point,
    color: str,
    *,
    at: tuple[float, float],
    scale: LogAxis,
    is_stroke_light: bool,
) -> None:
    (x, y), across, quality = at, point.x, point.quality
    strength = 0.85 if point.status == FRONTIER else 0.5
    if point.status in ESTIMATED_ONLY:
        strength = 0.3
    style: dict[str, Any] = {"color": color, "linewidth": 1.3, "alpha": strength, "zorder": 2.5}
    if quality.low is not None and quality.high is not None:
        gid = f"y-interval-{point.cell}"
        axes.plot([x, x], [quality.low, quality.high], gid=gid, **style)
    if x != scale.zero and across.low is not None and across.high is not None:
        ends = [max(scale.low, min(scale.high, end)) for end in (across.low, across.high)]
        gid = f"x-interval-{point.cell}"
        if is_stroke_light:
            gid = f"stroke-{point.cell}"
            style |= {"linewidth": 1.0, "alpha": 0.35 * strength}
        axes.plot(ends, [y, y], gid=gid, **style)


def _draw_marker(axes: Axes, point: Point, look: Look, *, at: tuple[float, float]) -> None:
    fills: dict[str, Literal["full", "bottom"]] = {FRONTIER: "full", UNDECIDED: "bottom"}
    hollow = point.status not in fills and point.raw is None
    axes.plot(
        [at[0]],
        [at[1]],
        color=look.color,
        marker=look.marker,
        markersize=_MARKER_SIZE if point.status != CANARY else _MARKER_SIZE - 1.5,
        markeredgewidth=1.6 if point.status not in ESTIMATED_ONLY else 1.2,
        # White, not empty: the point's own interval must not show through.
        markerfacecolor=PAPER if hollow else look.color,
        markerfacecoloralt=PAPER,
        fillstyle=fills.get(point.status, "full"),
        linestyle="none",
        clip_on=False,
        zorder=3.5 if point.status == FRONTIER else 3,
        gid=point.gid,
    )


def _draw_raw(axes: Axes, point: Point, look: Look, *, at: tuple[float, float], raw: float) -> None:
    """What a quality was before it was corrected, joined to what became of it."""
    x, y = at
    gid = f"join-{point.cell}"
    axes.plot([x, x], [y, raw], color=look.color, linewidth=0.8, zorder=2.4, gid=gid)
    axes.plot(
        [x],
        [raw],
        color=look.color,
        marker=look.marker,
        markersize=_MARKER_SIZE - 1.5,
        markeredgewidth=1.2,
        markerfacecolor=PAPER,
        linestyle="none",
        clip_on=False,
        zorder=2.8,
        gid=f"raw-{point.cell}",
    )


def _write_name(axes: Axes, point: Point, text: str, placement: Placement, *, size: float) -> None:
    left, bottom, right, _ = placement.box
    x = {"left": left, "right": right, "center": (left + right) / 2}[placement.align]
    where = _from_points(axes, [(x, bottom)])[0]
    on_frontier = point.status == FRONTIER
    axes.text(
        *where,
        text,
        fontsize=size,
        fontweight="bold" if on_frontier else "normal",
        color=INK if on_frontier else MUTED,
        ha=placement.align,
        va="bottom",
        zorder=4,
        gid=f"name-{point.cell}",
    )
    if placement.leader is not None:
        ends = _from_points(axes, [placement.leader[:2], placement.leader[2:]])
        x_ends, y_ends = zip(*ends, strict=True)
        gid = f"leader-{point.cell}"
        axes.plot(x_ends, y_ends, color=FAINT, linewidth=0.8, zorder=1.5, gid=gid)


def _obstacles(axes: Axes, kinds: tuple[str, ...]) -> list[Box]:
    """Boxes of these kinds of what `draw_panel` drew: lines piece by piece, markers whole."""
    boxes: list[Box] = []
    for line in axes.lines:
        gid = str(line.get_gid() or "")
        if not gid.startswith(kinds):
            continue
        places = _to_points(axes, _data(line))
        air = _AIRS.get(gid.split("-", maxsplit=1)[0], _LINE_AIR)
        for (x0, y0), (x1, y1) in zip(places, places[1:] or places, strict=False):
            left, right = sorted((x0, x1))
            bottom, top = sorted((y0, y1))
            boxes.append((left - air, bottom - air, right + air, top + air))
    return boxes


def _position(axes: Axes, point: Point) -> tuple[float, float]:
    """Where the marker of `point` stands, in points."""
    line = next(line for line in axes.lines if line.get_gid() == point.gid)
    return _to_points(axes, _data(line))[0]


def _data(line: Line2D) -> list[tuple[float, float]]:
    x, y = (np.asarray(values, dtype=float) for values in line.get_data())
    return list(zip(x.tolist(), y.tolist(), strict=True))


def _to_points(axes: Axes, data: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    pixels = axes.transData.transform(data)
    return [(float(x) * 72 / axes.figure.dpi, float(y) * 72 / axes.figure.dpi) for x, y in pixels]


def _from_points(axes: Axes, places: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    pixels = [(x * axes.figure.dpi / 72, y * axes.figure.dpi / 72) for x, y in places]
    return [(float(x), float(y)) for x, y in axes.transData.inverted().transform(pixels)]
