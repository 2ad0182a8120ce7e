"""A heat map: shaded fields with their numbers in them, for slices and confusion matrices."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap

from evalrunner.plots.colors import COLORS
from evalrunner.plots.style import INK, MUTED, PAPER, text_size

# Light enough for dark text (WCAG AA) all the way.
_SHADES = LinearSegmentedColormap.from_list(
    "evalrunner", [COLORS[f"shade-{depth}"] for depth in ("low", "middle", "high")]
)
_NOTHING = COLORS["unknown"]
SIZE = 8.5
"""Of the row and column names, in points."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HeatMap:
    """Values with names; equal lengths are the caller's promise."""

    rows: Sequence[str]
    columns: Sequence[str]
    values: Sequence[Sequence[float | None]]
    """One sequence a row; None = nothing is known, shown grey."""
    texts: Sequence[Sequence[str]]
    low: float
    """The value of the lightest shade; `high` of the darkest."""
    high: float
    slanted: bool = False
    """Column names are turned, because they are wider than the columns."""
    plain_columns: Sequence[int] = field(default_factory=tuple)
    """Columns that are no part of the scale and stay unshaded."""

    def name_width(self) -> float:
        """Inches that the row names take."""
        return max(text_size(name, SIZE)[0] for name in self.rows) / 72

    def name_height(self) -> float:
        """Inches that the column names take."""
        widest = max(text_size(name, SIZE)[0] for name in self.columns) / 72
        return 0.72 * widest + 0.2 if self.slanted else 0.25


def draw_heat_map(axes: Axes, heat: HeatMap) -> None:
    """Fields, their numbers, and the names on top and at the left."""
    panel = len(axes.figure.axes)  # For ids that differ.
    for spine in axes.spines.values():
        spine.set_visible(False)
    axes.set_xlim(0, len(heat.columns))
    axes.set_ylim(len(heat.rows), 0)
    shades = np.array([[_shade(heat, value) for value in row] for row in heat.values], dtype=float)
    shades[:, list(heat.plain_columns)] = np.nan
    colours = _SHADES.with_extremes(bad=_NOTHING)
    axes.pcolormesh(
        np.ma.masked_invalid(shades),
        cmap=colours,
        vmin=0,
        vmax=1,
        edgecolors=PAPER,
        linewidth=1.5,
        gid=f"fields-{panel}",
    )
    size = _text_size(axes, heat)
    for i, row in enumerate(heat.texts):
        for j, text in enumerate(row):
            if not text:
                continue
            axes.text(
                j + 0.5,
                i + 0.5,
                text,
                ha="center",
                va="center_baseline",
                fontsize=size,
                gid=f"field-{panel}-{i}-{j}",
            )
    _name_axes(axes, heat)


def _name_axes(axes: Axes, heat: HeatMap) -> None:
    axes.tick_params(length=0, labelsize=SIZE, labelcolor=INK, pad=5)
    axes.xaxis.tick_top()
    axes.set_yticks([i + 0.5 for i in range(len(heat.rows))], list(heat.rows))
    axes.set_xticks([j + 0.5 for j in range(len(heat.columns))], list(heat.columns))
    if heat.slanted:
        for name in axes.get_xticklabels():
            name.set(rotation=45, ha="left", rotation_mode="anchor")
    axes.xaxis.set_label_position("top")
    axes.xaxis.label.set_color(MUTED)
    axes.yaxis.label.set_color(MUTED)


def _shade(heat: HeatMap, value: float | None) -> float:
    if value is None:
        return np.nan
    return (value - heat.low) / (heat.high - heat.low) if heat.high > heat.low else 0.5


def _text_size(axes: Axes, heat: HeatMap) -> float:
    """The largest of our sizes at which every number fits into its field."""
    room = axes.get_window_extent().width * 72 / axes.figure.dpi / len(heat.columns) - 4
    longest = max((text for row in heat.texts for text in row), key=len, default="")
    return next((size for size in (9, 8, 7, 6) if text_size(longest, size)[0] <= room), 5)
