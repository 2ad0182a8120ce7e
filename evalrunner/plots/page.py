"""The sheet a figure is drawn on: title, subtitle and legend on top, notes below, in inches."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from evalrunner.plots.style import INK, MUTED, PAPER, WIDTH, text_size, wrapped

SIDE = 0.3
"""Margin left and right of all text."""
_TOP, _BOTTOM = 0.32, 0.25
_TITLE_SIZE, _TEXT_SIZE, _NOTE_SIZE = 14, 9.5, 8.5
_LEGEND_ROW, _NOTE_ROW = 0.25, 0.18


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One line of a legend."""

    text: str
    marker: str
    color: str
    fill: Literal["full", "bottom", "none"] = "full"
    line: bool = False
    """A stroke runs through the marker."""
    width: float = 1.6
    """Of the stroke, in points."""
    size: float = 8
    """Of the marker."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """What stands around the panels."""

    title: str
    subtitle: str
    legend: Sequence[Entry] = ()
    notes: Sequence[Sequence[str]] = field(default_factory=tuple)
    """Paragraphs, each a list of pieces that are not broken."""

    def figure(self, body: float) -> tuple[Figure, float]:
        """A figure with `body` inches of free height, and the height at which they begin."""
        rows = _legend_rows(self.legend)
        lines = [line for note in self.notes for line in _note_lines(note)]
        head = _TOP + 0.6 + _LEGEND_ROW * len(rows)
        foot = _BOTTOM + _NOTE_ROW * len(lines)
        figure = Figure(figsize=(WIDTH, head + body + foot), facecolor=PAPER)
        top = head + body + foot
        write(figure, SIDE, top - _TOP, text=self.title, size=_TITLE_SIZE, bold=True)
        write(figure, SIDE, top - _TOP - 0.27, text=self.subtitle, color=MUTED)
        for number, row in enumerate(rows):
            _draw_legend_row(figure, row, number=number, y=top - _TOP - 0.56 - _LEGEND_ROW * number)
        for number, line in enumerate(lines):
            y = foot - 0.08 - _NOTE_ROW * number
            write(figure, SIDE, y, text=line, size=_NOTE_SIZE, color=MUTED)
        return figure, foot


def add_panel(figure: Figure, *, left: float, bottom: float, width: float, height: float) -> Axes:
    """Axes at a place given in inches from the lower left corner."""
    across, up = figure.get_size_inches()
    return figure.add_axes((left / across, bottom / up, width / across, height / up))


def write(
    figure: Figure,
    x: float,
    y: float,
    *,
    text: str,
    size: float = _TEXT_SIZE,
    color: str = INK,
    bold: bool = False,
    align: Literal["left", "center", "right"] = "left",
) -> None:
    """One line of text whose middle is `y` inches up."""
    figure.text(
        x,
        y,
        text,
        transform=figure.dpi_scale_trans,
        fontsize=size,
        fontweight="bold" if bold else "normal",
        color=color,
        ha=align,
        va="center",
    )


def _note_lines(note: Sequence[str]) -> list[str]:
    return wrapped(note, width=(WIDTH - 2 * SIDE) * 72, size=_NOTE_SIZE)


def _entry_width(entry: Entry) -> float:
    return _text_shift(entry) + text_size(entry.text, _TEXT_SIZE)[0] / 72 + 0.2


def _text_shift(entry: Entry) -> float:
    return 0.4 if entry.line else 0.24


def _legend_rows(entries: Sequence[Entry]) -> list[list[Entry]]:
    rows: list[list[Entry]] = []
    used = WIDTH
    for entry in entries:
        width = _entry_width(entry)
        if used + width > WIDTH - 2 * SIDE:
            rows.append([])
            used = 0.0
        rows[-1].append(entry)
        used += width
    return rows


def _draw_legend_row(figure: Figure, entries: Sequence[Entry], *, number: int, y: float) -> None:
    x = SIDE
    for place, entry in enumerate(entries):
        middle = x + (0.15 if entry.line else 0.08)
        handle = Line2D(
            [x, middle, 2 * middle - x],
            [y, y, y],
            color=entry.color,
            linestyle="-" if entry.line else "none",
            linewidth=entry.width,
            marker=entry.marker,
            markevery=[1],
            markersize=entry.size,
            markeredgewidth=1.6,
            fillstyle=entry.fill,
            markerfacecoloralt=PAPER,
            transform=figure.dpi_scale_trans,
            gid=f"legend-{number}-{place}",
        )
        figure.add_artist(handle)
        write(figure, x + _text_shift(entry), y, text=entry.text)
        x += _entry_width(entry)
