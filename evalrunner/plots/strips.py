"""Rows of estimates: a name, strips of marks with their intervals, and words; one row a line.

Drawn straight on the sheet, in inches: axes and ticks for each of many strips would take longer
than everything else.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle
from matplotlib.ticker import MaxNLocator

from evalrunner.plots.page import SIDE, Page, write
from evalrunner.plots.style import (
    FAINT,
    GRID,
    MUTED,
    PAPER,
    TIE_COLOR,
    WIDTH,
    house_style,
    shortened,
    text_size,
)
from evalrunner.types import Estimate

_ROW, _HEAD, _TITLE, _TICKS, _BETWEEN = 0.27, 0.34, 0.34, 0.3, 0.12
_GAP, _COLUMN_GAP = 0.45, 0.22
_SIZE, _TICK_SIZE = 9.0, 8.5
_WIDEST_NAME = 3.9
_MOST_TICKS, _TICK_AIR = 8, 0.07
"""Labels of ticks keep so many inches apart."""
_LIFT = 0.012
"""Of marks above the middle of a line, to where the middle of small letters is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """A value in a strip, with its interval where it has one."""

    estimate: Estimate
    color: str
    marker: str = "o"
    hollow: bool = False
    size: float = 7
    gid: str | None = None
    """Of the marker; its interval's ends with `-interval`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line of a chart."""

    name: str
    marks: Sequence[Sequence[Mark]]
    """By strip; later ones are drawn over earlier ones, and those without a value not at all."""
    words: Sequence[str] = ()
    """By column."""
    joined: bool = False
    """A thin line joins the marks of each strip."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """Rows that may be compared with each other."""

    title: str
    rows: Sequence[Row]


@dataclass(frozen=True, slots=True, kw_only=True)
class Strip:
    """A column of marks on one scale."""

    title: str
    show: Callable[[float], str]
    """How a tick is written."""
    least_span: float
    """So that near equals are not blown up."""
    bounds: tuple[float, float]
    """The scale never goes beyond."""
    reference: float | None = None
    """Marked by a line, and always on the scale."""
    margin: float = 0.0
    """Half the width of the band around the reference."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """All that a figure of rows shows."""

    page: Page
    strips: Sequence[Strip]
    blocks: Sequence[Block]
    columns: Sequence[str] = field(default_factory=tuple)
    """Titles of the words right of the strips."""


def strips_figure(chart: Chart) -> Figure:
    """The figure; needs at least one row."""
    with house_style():
        heights = [_block_height(block) for block in chart.blocks]
        body = _HEAD + sum(heights) + _BETWEEN * (len(heights) - 1) + _TICKS
        figure, bottom = chart.page.figure(body)
        sheet = _Sheet.of(figure, chart)
        top = bottom + body
        sheet.write_heads(y=top - _HEAD / 2)
        y = top - _HEAD
        for block, height in zip(chart.blocks, heights, strict=True):
            sheet.draw_block(block, top=y)
            y -= height + _BETWEEN
        sheet.write_ticks(y=bottom + _TICKS / 2)
    return figure


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """A linear scale between two places, in inches."""

    low: float
    high: float
    left: float
    right: float

    def at(self, value: float) -> float:
        """Where `value` is drawn; beyond the scale, at its end."""
        share = (value - self.low) / (self.high - self.low)
        return self.left + min(max(share, 0.0), 1.0) * (self.right - self.left)

    def ticks(self, show: Callable[[float], str]) -> list[float]:
        """Round values, as many as have room for their labels."""
        air = 1e-9 * (self.high - self.low)
        for most in range(_MOST_TICKS, 1, -1):
            locator = MaxNLocator(nbins=most, steps=[1, 2, 5, 10], min_n_ticks=1)
            found = [float(tick) for tick in locator.tick_values(self.low, self.high)]
            kept = [tick for tick in found if self.low - air <= tick <= self.high + air]
            if self._has_room(kept, show):
                return kept
        return []

    def _has_room(self, ticks: Sequence[float], show: Callable[[float], str]) -> bool:
        halves = [text_size(show(tick), _TICK_SIZE)[0] / 144 + _TICK_AIR / 2 for tick in ticks]
        places = [self.at(tick) for tick in ticks]
        return all(
            places[i + 1] - places[i] > halves[i] + halves[i + 1] for i in range(len(ticks) - 1)
        )


def strip_limits(strip: Strip, marks: Sequence[Mark]) -> tuple[float, float]:
    """Limits that hold every interval and the reference with its band, with some air."""
    ends = [
        end
        for mark in marks
        for end in (mark.estimate.value, mark.estimate.low, mark.estimate.high)
        if end is not None
    ]
    if strip.reference is not None:
        ends += [strip.reference - strip.margin, strip.reference + strip.margin]
    least, most = strip.bounds
    ends = [min(max(end, least), most) for end in ends] or [least, most]
    air = 0.06 * (max(ends) - min(ends))
    low, high = max(min(ends) - air, least), min(max(ends) + air, most)
    lack = max(0.0, strip.least_span - (high - low)) / 2
    low, high = low - lack, high + lack
    # What one end may not take, the other one does.
    low, high = low - max(0.0, high - most), high + max(0.0, least - low)
    return max(low, least), min(high, most)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sheet:
    """A chart with a place for everything."""

    figure: Figure
    chart: Chart
    scales: Sequence[Scale]
    columns: Sequence[float]
    """Where the words begin."""

    @classmethod
    def of(cls, figure: Figure, chart: Chart) -> _Sheet:
        rows = [row for block in chart.blocks for row in block.rows]
        names = _widest([_fitting(row.name) for row in rows])
        widths = [
            _widest([title, *(row.words[i] for row in rows)])
            for i, title in enumerate(chart.columns)
        ]
        words = sum(widths) + _COLUMN_GAP * len(widths)
        left, right = SIDE + names + _GAP, WIDTH - SIDE - words
        width = (right - left - _GAP * (len(chart.strips) - 1)) / len(chart.strips)
        scales = []
        for i, strip in enumerate(chart.strips):
            low, high = strip_limits(strip, [mark for row in rows for mark in row.marks[i]])
            start = left + i * (width + _GAP)
            scales.append(Scale(low=low, high=high, left=start, right=start + width))
        places = [
            right + _COLUMN_GAP * (i + 1) + sum(widths[:i]) for i, _ in enumerate(chart.columns)
        ]
        return cls(figure=figure, chart=chart, scales=scales, columns=places)

    def write_heads(self, *, y: float) -> None:
        """The titles of strips and columns."""
        for scale, strip in zip(self.scales, self.chart.strips, strict=True):
            write(self.figure, scale.left, y, text=strip.title, size=_SIZE, color=MUTED)
        for x, title in zip(self.columns, self.chart.columns, strict=True):
            write(self.figure, x, y, text=title, size=_SIZE, color=MUTED)

    def draw_block(self, block: Block, *, top: float) -> None:
        """Title, grid and rows."""
        if block.title:
            write(self.figure, SIDE, top - _TITLE / 2, text=block.title, size=10.5, bold=True)
            top -= _TITLE
        bottom = top - _ROW * len(block.rows)
        for scale, strip in zip(self.scales, self.chart.strips, strict=True):
            self._draw_grid(scale, strip, bottom=bottom, top=top)
        for number, row in enumerate(block.rows):
            self._draw_row(row, y=top - _ROW * (number + 0.5))

    def write_ticks(self, *, y: float) -> None:
        """The labels of the ticks, once under all blocks."""
        for scale, strip in zip(self.scales, self.chart.strips, strict=True):
            for tick in scale.ticks(strip.show):
                write(
                    self.figure,
                    scale.at(tick),
                    y,
                    text=strip.show(tick),
                    size=_TICK_SIZE,
                    color=MUTED,
                    align="center",
                )

    def _draw_grid(self, scale: Scale, strip: Strip, *, bottom: float, top: float) -> None:
        if strip.reference is not None and strip.margin:
            low, high = (scale.at(strip.reference + side * strip.margin) for side in (-1, 1))
            band = Rectangle(
                (low, bottom),
                high - low,
                top - bottom,
                transform=self.figure.dpi_scale_trans,
                facecolor=TIE_COLOR,
                edgecolor="none",
                zorder=0.5,
            )
            self.figure.add_artist(band)
        for tick in scale.ticks(strip.show):
            x = scale.at(tick)
            self._line([x, x], [bottom, top], color=GRID, linewidth=0.8, zorder=0.6)
        self._line([scale.left, scale.right], [bottom] * 2, color=FAINT, linewidth=0.8, zorder=0.7)
        if strip.reference is not None:
            x = scale.at(strip.reference)
            self._line([x, x], [bottom, top], color=MUTED, linewidth=1.0, zorder=0.8)

    def _draw_row(self, row: Row, *, y: float) -> None:
        write(self.figure, SIDE, y, text=_fitting(row.name), size=_SIZE)
        for x, words in zip(self.columns, row.words, strict=True):
            write(self.figure, x, y, text=words, size=_SIZE)
        for scale, marks in zip(self.scales, row.marks, strict=True):
            known = [(mark, mark.estimate.value) for mark in marks]
            places = [(mark, scale.at(value)) for mark, value in known if value is not None]
            if row.joined and len(places) > 1:
                ends = [x for _, x in places]
                self._line(ends, [y + _LIFT] * len(ends), color=FAINT, linewidth=1.2, zorder=1)
            for mark, x in places:
                self._draw_mark(mark, scale, x=x, y=y + _LIFT)

    def _draw_mark(self, mark: Mark, scale: Scale, *, x: float, y: float) -> None:
        low, high = mark.estimate.low, mark.estimate.high
        if low is not None and high is not None:
            gid = mark.gid and f"{mark.gid}-interval"
            ends = [scale.at(low), scale.at(high)]
            self._line(ends, [y, y], color=mark.color, linewidth=1.4, zorder=2, gid=gid)
        self._line(
            [x],
            [y],
            color=mark.color,
            marker=mark.marker,
            markersize=mark.size,
            markeredgewidth=1.4,
            markerfacecolor=PAPER if mark.hollow else mark.color,
            linestyle="none",
            zorder=3,
            gid=mark.gid,
        )

    def _line(self, x: Sequence[float], y: Sequence[float], **look: Any) -> None:
        line = Line2D(x, y, transform=self.figure.dpi_scale_trans, **look)
        self.figure.add_artist(line)


def _block_height(block: Block) -> float:
    return _ROW * len(block.rows) + (_TITLE if block.title else 0.0)


def _fitting(name: str) -> str:
    """`name`, shortened until it leaves room for the strips."""
    while len(name) > 1 and text_size(name, _SIZE)[0] > 72 * _WIDEST_NAME:
        name = shortened(name, limit=len(name) * 7 // 8)
    return name


def _widest(texts: Sequence[str]) -> float:
    return max(text_size(text, _SIZE)[0] for text in texts) / 72
