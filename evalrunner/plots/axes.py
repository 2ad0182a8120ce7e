"""The axes of a scatter: logarithmic with a place for 0, and quality; limits and ticks."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from matplotlib.axes import Axes
from matplotlib.markers import TICKDOWN
from matplotlib.text import Text
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, NullLocator

from evalrunner import formatting
from evalrunner.plots.points import Point
from evalrunner.plots.style import FAINT, MUTED, PAPER, TIE_COLOR, text_size
from evalrunner.types import Estimate

_LEAST_SPAN = math.log10(4)
"""Decades; a single point still gets an axis."""
_FURTHEST_INTERVAL = 10
"""A cost interval stretches the axis by at most this factor beyond the points."""
_SLOT = 0.15
"""Share of the width that the $0 slot takes."""
_EDGE = 0.04
"""Share of the height that the axis goes beyond a marker at 0 % or 100 %."""
_MOST_TICKS = 8
_LABEL_SIZE = 9.5


@dataclass(frozen=True, slots=True, kw_only=True)
class LogAxis:
    """A logarithmic axis with a slot for 0 at its left when a cell has a value of 0."""

    left: float
    low: float
    """Where the logarithmic part begins."""
    high: float
    zero: float | None = None
    """The position at which 0 is drawn."""
    has_positive: bool = True
    show: Callable[[float], str] = formatting.usd
    """How a tick is written."""

    def at(self, value: float) -> float:
        """Where `value` is drawn; a bound that the axis does not reach is drawn at its end."""
        if value <= 0 and self.zero is not None:
            return self.zero
        return min(max(value, self.low), self.high)


def log_axis(points: Sequence[Point], *, show: Callable[[float], str] = formatting.usd) -> LogAxis:
    """The axis on which all `points` have a place."""
    values = [point.x.value for point in points if point.x.value]
    has_zero = any(point.x.value == 0 for point in points)
    if not values:
        return LogAxis(left=0.1, low=0.1, high=10, zero=1, has_positive=False, show=show)
    bounds = [
        bound
        for point in points
        if point.x.value
        for bound in (point.x.low, point.x.high)
        if bound is not None and bound > 0
    ]
    first = max(min([*values, *bounds]), min(values) / _FURTHEST_INTERVAL)
    last = min(max([*values, *bounds]), max(values) * _FURTHEST_INTERVAL)
    middle, span = math.log10(first * last) / 2, math.log10(last / first)
    half = max(span, _LEAST_SPAN) / 2
    low, high = middle - 1.14 * half, middle + 1.2 * half
    if not has_zero:
        return LogAxis(left=10**low, low=10**low, high=10**high, show=show)
    slot = (high - low) * _SLOT / (1 - _SLOT)
    left, zero = 10 ** (low - slot), 10 ** (low - 0.65 * slot)
    return LogAxis(left=left, low=10**low, high=10**high, zero=zero, show=show)


def quality_limits(points: Sequence[Point], *, also: Sequence[float] = ()) -> tuple[float, float]:
    """Limits that hold every interval with some air, hardly beyond [0, 1] when the values are.

    `also` are further values to have room for.
    """
    values = [point.quality.value for point in points if point.quality.value is not None]
    values += also
    if not values:
        return 0.0, 1.0
    bounds = [b for point in points for b in (point.quality.low, point.quality.high)]
    ends = [*values, *(bound for bound in bounds if bound is not None)]
    is_share = min(values) >= 0 and max(values) <= 1
    if is_share:
        ends = [min(max(end, 0.0), 1.0) for end in ends]
    air = max(0.1 * (max(ends) - min(ends)), 0.02)
    low, high = min(ends) - air, max(ends) + air
    if is_share:
        low, high = max(low, 0.0), min(high, 1.0)
        # A marker on the edge would cover the tick labels.
        edge = _EDGE * (high - low)
        low -= edge * (low == min(values))
        high += edge * (high == max(values))
    return low, high


def log_ticks(axis: LogAxis, *, width: float) -> tuple[list[float], list[float]]:
    """Labelled and unlabelled positions on the logarithmic part of an axis `width` points wide.

    The densest of a few customary series whose labels have room beside each other.
    """
    if not axis.has_positive:
        return [], []
    decades = _ticks(axis, (1,))
    thinned = [decades[::step] for step in range(1, len(decades) + 1)]
    series = [_ticks(axis, (1, 2, 3, 5, 7)), _ticks(axis, (1, 2, 5)), *thinned]
    major = next((ticks for ticks in series if _has_room(ticks, axis, width=width)), series[0])
    return major, _ticks(axis, range(1, 10)) if len(decades) <= _MOST_TICKS else decades


def apply_log_axis(axes: Axes, axis: LogAxis) -> None:
    """Scale, limits, ticks and the break before the logarithmic part."""
    axes.set_xscale("log")
    axes.set_xlim(axis.left, axis.high)
    width = axes.get_window_extent().width * 72 / axes.figure.dpi
    major, minor = log_ticks(axis, width=width)
    positions = major if axis.zero is None else [axis.zero, *major]
    axes.xaxis.set_major_locator(FixedLocator(positions))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda x, _: _label(x, axis)))
    _make_labels(axes.get_xticklabels())
    _draw_minor_ticks(axes, minor)
    if axis.zero is not None and axis.has_positive:
        _draw_break(axes, axis)


def draw_ceiling(axes: Axes, ceiling: Estimate) -> None:
    """A line across the panel, with its interval as a band behind all else."""
    if ceiling.value is None:
        return
    if ceiling.low is not None and ceiling.high is not None:
        axes.axhspan(
            ceiling.low, ceiling.high, color=TIE_COLOR, linewidth=0, zorder=0.5, gid="ceiling-band"
        )
    ends, level = axes.get_xlim(), [ceiling.value] * 2
    axes.plot(ends, level, color=MUTED, linewidth=1.0, zorder=0.8, gid="ceiling-line")


def apply_quality_axis(axes: Axes, limits: tuple[float, float]) -> None:
    """Limits, and ticks in percent when the quality is a share."""
    low, high = limits
    axes.set_ylim(low, high)
    locator = MaxNLocator(nbins=7, steps=[1, 2, 5, 10])
    is_share = low >= -_EDGE and high <= 1 + _EDGE
    least, most = (max(low, 0.0), min(high, 1.0)) if is_share else (low, high)
    ticks = [float(tick) for tick in locator.tick_values(low, high) if least <= tick <= most]
    axes.yaxis.set_major_locator(FixedLocator(ticks))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda y, _: _quality_label(y, is_share)))
    _make_labels(axes.get_yticklabels())


def _ticks(axis: LogAxis, mantissas: Sequence[int]) -> list[float]:
    first, last = math.floor(math.log10(axis.low)), math.ceil(math.log10(axis.high))
    values = [float(f"{m}e{power}") for power in range(first, last + 1) for m in mantissas]
    return [value for value in values if axis.low <= value <= axis.high]


def _has_room(ticks: Sequence[float], axis: LogAxis, *, width: float) -> bool:
    per_decade = width / math.log10(axis.high / axis.left)
    labels = [text_size(_label(tick, axis), _LABEL_SIZE)[0] for tick in ticks]
    return 0 < len(ticks) <= _MOST_TICKS and all(
        per_decade * math.log10(ticks[i + 1] / ticks[i])
        > (labels[i] + labels[i + 1]) / 2 + _LABEL_SIZE
        for i in range(len(ticks) - 1)
    )


def _label(position: float, axis: LogAxis) -> str:
    shown = axis.show(0 if position == axis.zero else position)
    # `$1`, `$1e-8` and `1 s`: a tick stands on its value.
    return re.sub(r"\.0+(?=e| |$)", "", shown)


def _draw_minor_ticks(axes: Axes, positions: Sequence[float]) -> None:
    """As one line: a tick of matplotlib's takes a millisecond."""
    axes.plot(
        positions,
        [0] * len(positions),
        marker=TICKDOWN,
        markersize=3,
        markeredgewidth=0.6,
        color=FAINT,
        linestyle="none",
        clip_on=False,
        transform=axes.get_xaxis_transform(),
    )


def _make_labels(labels: Sequence[Text]) -> None:
    # Asked for here, they exist in our style: "$" is text whoever draws the figure.
    for label in labels:
        label.set_parse_math(False)


def _quality_label(position: float, is_share: bool) -> str:
    # Limits are never closer than 4 points, so ticks stand on whole points.
    return formatting.percent(position, digits=0) if is_share else f"{position:g}"


def _draw_break(axes: Axes, axis: LogAxis) -> None:
    """Two strokes through the axis: what is left of them is not on its scale."""
    share = math.log(axis.low / axis.left) / math.log(axis.high / axis.left)
    kept: dict[str, Any] = {
        "clip_on": False,
        "transform": axes.transAxes,
        "linestyle": "none",
    }
    gap = [0.8 * share + step for step in (0, 0.003, 0.006)]
    axes.plot(gap, [0] * 3, marker="s", markersize=4, color=PAPER, zorder=4, **kept)
    stroke, ends = [(-0.5, -1.0), (0.5, 1.0)], (gap[0], gap[-1])
    kept["gid"] = f"axis-break-{len(axes.figure.axes)}"  # Of this panel.
    axes.plot(ends, [0, 0], marker=stroke, markersize=9, color=MUTED, zorder=5, **kept)
