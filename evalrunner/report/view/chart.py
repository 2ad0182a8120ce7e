"""Where the marks of a trend's little picture are; the template draws them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from evalrunner.formatting import percent
from evalrunner.report.view.files import MeasuredCell
from evalrunner.report.view.trend import Point, Trend

_WIDTH, _HEIGHT = 640, 150
_LEFT, _RIGHT, _TOP, _BOTTOM = 52, 12, 12, 24
_MOST_POINTS = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """One run: its best cell as a dot with the interval, the recommended one as a ring."""

    point: Point
    x: float
    best: float
    low: float | None
    high: float | None
    recommended: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """Coordinates in a box of `width` by `height`; the plot's own edges are the other four."""

    marks: tuple[Mark, ...]
    lines: tuple[tuple[Mark, Mark], ...]
    """Neighbours that can be compared."""
    breaks: tuple[float, ...]
    """Where something changed, and no line goes on."""
    ticks: tuple[tuple[float, str], ...]
    n_left_out: int
    """Older runs, for which there is no room."""
    width: int = _WIDTH
    height: int = _HEIGHT
    left: int = _LEFT
    right: int = _WIDTH - _RIGHT
    top: int = _TOP
    bottom: int = _HEIGHT - _BOTTOM


def make_chart(trend: Trend) -> Chart:
    """The newest runs of a trend, evenly spaced."""
    points = trend.points[-_MOST_POINTS:]
    scale = _Scale.of(points)
    step = (_WIDTH - _LEFT - _RIGHT) / len(points)
    marks = [
        _mark(point, round(_LEFT + (number + 0.5) * step, 1), scale)
        for number, point in enumerate(points)
    ]
    neighbours = list(pairwise(marks))
    return Chart(
        marks=tuple(marks),
        lines=tuple((a, b) for a, b in neighbours if not b.point.changed),
        breaks=tuple(round((a.x + b.x) / 2, 1) for a, b in neighbours if b.point.changed),
        ticks=tuple((scale.y(v) or 0.0, percent(v, digits=0)) for v in (scale.low, scale.high)),
        n_left_out=len(trend.points) - len(points),
    )


@dataclass(frozen=True, slots=True)
class _Scale:
    """Of the vertical axis: from one multiple of 10 % to another."""

    low: float
    high: float

    @classmethod
    def of(cls, points: Sequence[Point]) -> _Scale:
        shares = [share for point in points for share in _shares(point)]
        low = math.floor(round(10 * min(shares), 6)) / 10
        return cls(low, max(math.ceil(round(10 * max(shares), 6)) / 10, low + 0.1))

    def y(self, share: float | None) -> float | None:
        """The height of a share in the picture; None for an unknown one."""
        if share is None:
            return None
        place = (share - self.low) / (self.high - self.low)
        return round(_HEIGHT - _BOTTOM - place * (_HEIGHT - _TOP - _BOTTOM), 1)


def _shares(point: Point) -> Iterator[float]:
    """All that must be on the axis."""
    quality = point.best.quality
    chosen = (quality.value, quality.low, quality.high, _quality(point.recommended))
    yield from (share for share in chosen if share is not None)


def _mark(point: Point, x: float, scale: _Scale) -> Mark:
    quality = point.best.quality
    return Mark(
        point=point,
        x=x,
        best=scale.y(quality.value) or 0.0,
        low=scale.y(quality.low),
        high=scale.y(quality.high),
        recommended=scale.y(_quality(point.recommended)),
    )


def _quality(cell: MeasuredCell | None) -> float | None:
    return None if cell is None else cell.quality.value
