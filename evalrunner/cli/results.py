"""The screen at the end of a run: verdict, table, flags, notes, as wide as the terminal is."""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from evalrunner.cli.widths import fitted, widest
from evalrunner.formatting import n_of
from evalrunner.report.calibration_lines import calibration_lines
from evalrunner.report.comparisons import comparison_lines
from evalrunner.report.decisions import decision_lines
from evalrunner.report.flag_lines import short_flag_lines
from evalrunner.report.judge_lines import judge_lines
from evalrunner.report.racing import race_lines
from evalrunner.report.repeat_lines import repeat_lines
from evalrunner.report.tables import best_first, table_columns

if TYPE_CHECKING:
    from rich.console import Console

    Columns = dict[str, list[str]]
    """Texts by heading."""

_MOST_CELLS = 60
_UNLIMITED = 10_000
"""Columns of a file or a pipe."""
_GAP = 2
_LABEL = 28
"""Columns that a label should have before anything else goes."""
_SHORTEST_LABEL = 12
_NARROWEST = 40
_STYLES = {"red": "bold red", "yellow": "yellow"}


def results(summary: Mapping[str, Any]) -> None:
    """Print to stdout what to use, the table of cells, the flags, and what else was found."""
    from rich.console import Console

    is_terminal = sys.stdout.isatty()
    console = Console(
        width=None if is_terminal else _UNLIMITED, highlight=False, markup=False, emoji=False
    )
    blocks: list[Callable[[], None]] = []
    if decided := list(decision_lines(summary)):
        blocks.append(lambda: _print(console, decided, style="bold"))
    blocks.append(lambda: _print_table(console, summary))
    if flags := list(short_flag_lines(summary)):
        blocks.append(lambda: _print_flags(console, flags))
    if notes := list(_notes(summary)):
        blocks.append(lambda: _print(console, notes))
    for place, block in enumerate(blocks):
        if place:
            console.print()
        block()


def _notes(summary: Mapping[str, Any]) -> Iterator[str]:
    yield from comparison_lines(summary)
    yield from repeat_lines(summary)
    yield from race_lines(summary)
    yield from judge_lines(summary)
    yield from calibration_lines(summary)


def _print(console: Console, lines: Iterable[str], *, style: str = "") -> None:
    """Lines, those that are not indented in `style`; broken between words on a terminal."""
    from rich.text import Text

    for line in lines:
        indent = line[: len(line) - len(line.lstrip())]
        shown = Text("\n".join(_wrapped(console, line)), style="" if indent else style)
        console.print(shown, soft_wrap=True)


def _print_flags(console: Console, lines: Sequence[str]) -> None:
    for line in lines:
        _print(console, [line], style=_STYLES.get(line.partition(" ")[0], ""))


def _wrapped(console: Console, line: str) -> list[str]:
    indent = line[: len(line) - len(line.lstrip())]
    width = max(_NARROWEST, console.width)
    more = f"{indent}  "
    return textwrap.wrap(line, width, subsequent_indent=more, break_on_hyphens=False) or [line]


def _print_table(console: Console, summary: Mapping[str, Any]) -> None:
    from rich.table import Table
    from rich.text import Text

    cells = best_first(summary["cells"])
    shown = cells[:_MOST_CELLS]
    columns = fitting(shown, width=console.width)
    table = Table(box=None, header_style="bold", pad_edge=False, padding=(0, _GAP, 0, 0))
    for place, name in enumerate(columns):
        table.add_column(
            name, justify="left" if place == 0 else "right", no_wrap=True, overflow="ellipsis"
        )
    for place, cell in enumerate(shown):
        style = "bold" if cell["pareto"]["status"] == "frontier" else ""
        table.add_row(*(Text(column[place], style=style) for column in columns.values()))
    console.print(table)
    notes = []
    if cells[_MOST_CELLS:]:
        notes.append(f"… and {n_of(len(cells) - _MOST_CELLS, 'more cell')}, in summary.csv")
    # Nothing is missing where that column is left out: there is nothing to tell.
    left_out = [name for name in table_columns(shown) if name not in {*columns, "missing"}]
    if left_out:
        notes.append(f"(no room for: {', '.join(left_out)})")
    _print(console, notes)


def fitting(cells: Sequence[Mapping[str, Any]], *, width: int) -> Columns:
    """The table's columns, so many and in such a form that they fit into `width`.

    What is given up, in this order: bounds of the cost and reasons of what is missing, the latency,
    the number of cases, missing where nothing is, the Pareto status (the frontier is bold), and
    the middle of labels.
    """
    columns = table_columns(cells)
    if _overflow(columns, width) > 0:
        columns = table_columns(cells, is_short=True)
    optional = ["p50", "n", "Pareto"]
    if not any(cell != "0" for cell in columns["missing"]):
        optional.insert(0, "missing")
    for name in optional:
        if _overflow(columns, width) > 0:
            del columns[name]
    return _with_short_labels(columns, width)


def _overflow(columns: Columns, width: int) -> int:
    """By how much the table is too wide, with labels of which enough is left."""
    label, *others = columns
    least = min(_LABEL, widest([label, *columns[label]]))
    return least + sum(widest([name, *columns[name]]) + _GAP for name in others) - width


def _with_short_labels(columns: Columns, width: int) -> Columns:
    label, *others = columns
    taken = sum(widest([name, *columns[name]]) + _GAP for name in others)
    room = max(_SHORTEST_LABEL, width - taken)
    return columns | {label: [fitted(text, room) for text in columns[label]]}
