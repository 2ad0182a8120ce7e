"""The slices figure: quality by field value and cell, worst value first."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from evalrunner import formatting
from evalrunner.plots.files import write_csv
from evalrunner.plots.heat import HeatMap, draw_heat_map
from evalrunner.plots.page import SIDE, Page, add_panel
from evalrunner.plots.points import interval_words, read_estimate
from evalrunner.plots.style import WIDTH, house_style, readable, shortened, shown_names, text_size
from evalrunner.types import Estimate

_HEADER = ("field", "value", "cell", "label", "quality", "quality_low", "quality_high", "n")
_MOST_ROWS = 30
_MOST_COLUMNS = 24
_ROW, _WIDEST_COLUMN, _GAP, _TITLE = 0.27, 1.7, 0.25, 0.3


@dataclass(frozen=True, slots=True, kw_only=True)
class _Value:
    """One value of a sliced field over all cells."""

    name: str
    estimates: Mapping[int, Estimate]
    """By cell id; cells without this value are absent."""

    @property
    def mean(self) -> float:
        """What rows are ordered by; values that nobody has a quality for come last."""
        known = [e.value for e in self.estimates.values() if e.value is not None]
        return sum(known) / len(known) if known else float("inf")

    @property
    def n(self) -> int:
        """Cases with this value, in the cell that has most of them scored."""
        return max(estimate.n for estimate in self.estimates.values())


def has_slices(summary: Mapping[str, Any]) -> bool:
    """Whether there is anything to draw."""
    return bool(_fields(summary["cells"]))


def slice_texts(summary: Mapping[str, Any]) -> Iterator[str]:
    """All names that the figure may show."""
    for field, values in _fields(summary["cells"]).items():
        yield field
        yield from (value.name for value in values)


def slices_figure(summary: Mapping[str, Any]) -> Figure:
    """One panel a field; rows are its values, columns the cells."""
    cells = sorted(summary["cells"], key=lambda cell: (cell["facet"], cell["id"]))
    shown = cells[:_MOST_COLUMNS]
    names = shown_names({cell["id"]: cell["label"] for cell in cells})
    fields = _fields(cells)
    with house_style():
        heats = _heat_maps(fields, {cell["id"]: names[cell["id"]] for cell in shown})
        page = Page(
            title="Quality by slice",
            subtitle=f"{readable(str(summary.get('quality') or 'quality'))} in percent, worst first"
            f" · n = cases with this value · {interval_words(summary)} are in slices.csv",
            notes=_notes(fields, left_out=[names[cell["id"]] for cell in cells[_MOST_COLUMNS:]]),
        )
        return _draw(page, heats)


def write_slices_csv(summary: Mapping[str, Any], path: Path) -> None:
    """Every slice of every cell, those left out of the figure included."""
    labels = {cell["id"]: cell["label"] for cell in summary["cells"]}
    rows = [
        (field, value.name, cell, labels[cell], e.value, e.low, e.high, e.n)
        for field, values in _fields(summary["cells"]).items()
        for value in values
        for cell, e in sorted(value.estimates.items())
    ]
    write_csv(path, [_HEADER, *rows])


def _fields(cells: Sequence[Mapping[str, Any]]) -> dict[str, list[_Value]]:
    """The values of each sliced field, worst first, then by name."""
    found: dict[str, dict[str, dict[int, Estimate]]] = {}
    for cell in cells:
        for field, values in (cell.get("slices") or {}).items():
            for value, estimate in values.items():
                by_cell = found.setdefault(field, {}).setdefault(value, {})
                by_cell[cell["id"]] = read_estimate(estimate)
    return {
        field: sorted(
            (_Value(name=name, estimates=estimates) for name, estimates in values.items()),
            key=lambda value: (value.mean, value.name),
        )
        for field, values in sorted(found.items())
        if values
    }


def _heat_maps(
    fields: Mapping[str, Sequence[_Value]], names: Mapping[int, str]
) -> dict[str, HeatMap]:
    known = [
        e.value
        for values in fields.values()
        for v in values[:_MOST_ROWS]
        for e in v.estimates.values()
        if e.value is not None
    ]
    room = min(_WIDEST_COLUMN, 7.2 / len(names)) * 72 - 6
    slanted = any(text_size(name, 8.5)[0] > room for name in names.values())
    return {
        field: HeatMap(
            rows=[f"{shortened(readable(v.name)) or '–'}  n={v.n}" for v in values[:_MOST_ROWS]],
            columns=list(names.values()),
            values=[[_value(v, cell) for cell in names] for v in values[:_MOST_ROWS]],
            texts=[[_text(_value(v, cell)) for cell in names] for v in values[:_MOST_ROWS]],
            low=min(known, default=0.0),
            high=max(known, default=1.0),
            slanted=slanted,
        )
        for field, values in fields.items()
    }


def _draw(page: Page, heats: Mapping[str, HeatMap]) -> Figure:
    left = SIDE + 0.15 + max(heat.name_width() for heat in heats.values())
    # A slanted name reaches about as far to the right as it reaches up.
    slack = max(heat.name_height() if heat.slanted else 0.0 for heat in heats.values())
    columns = len(next(iter(heats.values())).columns)
    width = min(WIDTH - SIDE - slack - left, _WIDEST_COLUMN * columns)
    heights = [_TITLE + h.name_height() + _ROW * len(h.rows) + _GAP for h in heats.values()]
    figure, bottom = page.figure(sum(heights))
    y = bottom + sum(heights)
    for (field, heat), height in zip(heats.items(), heights, strict=True):
        y -= height
        axes = add_panel(
            figure, left=left, bottom=y + _GAP, width=width, height=_ROW * len(heat.rows)
        )
        draw_heat_map(axes, heat)
        figure.text(
            SIDE,
            y + height - _TITLE / 2,
            shortened(readable(field)),
            transform=figure.dpi_scale_trans,
            fontsize=10.5,
            fontweight="bold",
            va="center",
        )
    return figure


def _value(value: _Value, cell: int) -> float | None:
    estimate = value.estimates.get(cell)
    return estimate.value if estimate else None


def _text(value: float | None) -> str:
    return formatting.UNKNOWN if value is None else f"{100 * value:.0f}"


def _notes(fields: Mapping[str, Sequence[_Value]], *, left_out: Sequence[str]) -> list[list[str]]:
    notes = [
        [f"{shortened(readable(field))}: the {_MOST_ROWS} worst of {len(values)} values."]
        for field, values in fields.items()
        if len(values) > _MOST_ROWS
    ]
    if left_out:
        notes.append([f"Not drawn, see slices.csv – {left_out[0]}", *left_out[1:]])
    return notes
