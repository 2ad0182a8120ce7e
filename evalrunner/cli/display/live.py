"""The live view of a run: a row a cell, and what holds for all of them, drawn anew in place."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions
from rich.text import Text

from evalrunner.cli.display.words import kinds, quality, status_parts
from evalrunner.cli.widths import fitted, widest
from evalrunner.formatting import n_of, safe_text
from evalrunner.runner import CellProgress, Progress

_BAR = 16
_SHORT_BAR = 8
_WIDE, _MIDDLE, _NARROW = 100, 72, 48
"""Columns from which there is room for a whole bar, a short one, and quality."""
_GAP = "  "
_MOST_ERRORS = 28
_SPARE_LINES = 2
"""Of the terminal: the cursor's, and one between what was said before and the view."""


@dataclass(slots=True)
class LiveView:
    """What is shown of `progress` in a terminal of any size."""

    progress: Progress

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[Text]:
        """The rows that fit, then the status."""
        status = list(_folded(status_parts(self.progress), options.max_width))
        room = console.height - len(status) - _SPARE_LINES
        yield from self.rows(width=options.max_width, room=max(1, room))
        yield from status

    def rows(self, *, width: int, room: int) -> Iterator[Text]:
        """At most `room` lines of `width` columns: if not all fit, who is at work comes first."""
        cells = list(self.progress.cells.values())
        shown, left_out = cells, []
        if len(cells) > room:
            ranked = sorted(cells, key=_rank)
            shown, left_out = ranked[: room - 1], ranked[room - 1 :]
        yield from _table(shown, self.progress, width=width)
        if left_out:
            done = sum(cell.is_done for cell in left_out)
            said = f"… {len(left_out):,} more {'cells' if shown else 'cells in all'}, {done:,} done"
            yield _line(said, "dim")


def _rank(cell: CellProgress) -> int:
    """At work, not begun, done."""
    if cell.is_done:
        return 2
    return 0 if cell.total else 1


def _table(cells: Sequence[CellProgress], progress: Progress, *, width: int) -> Iterator[Text]:
    """One line a cell; what a narrow terminal has no room for is left out, not folded."""
    bar = _BAR if width >= _WIDE else _SHORT_BAR if width >= _MIDDLE else 0
    counts = [f"{cell.total:,}/{cell.planned:,}" for cell in cells]
    scores = [quality(cell, progress) for cell in cells] if width >= _NARROW else [""] * len(cells)
    errors = [_errors(dict(cell.errors), is_long=width >= _WIDE) for cell in cells]
    widths = [bar, widest(counts), widest(scores), min(_MOST_ERRORS, widest(errors))]
    taken = sum(size + len(_GAP) for size in widths if size)
    labels = [safe_text(cell.label) for cell in cells]
    room = min(widest(labels), max(8, width - taken - 1))
    for place, cell in enumerate(cells):
        label = fitted(labels[place], room)
        text = _line(label + " " * (room - cell_len(label)), "dim" if cell.is_done else "")
        if bar:
            full = round(bar * min(1.0, cell.total / cell.planned)) if cell.planned else bar
            text.append(_GAP).append("━" * full, "green").append("━" * (bar - full), "bright_black")
        text.append(_GAP + counts[place].rjust(widths[1]))
        if widths[2]:
            text.append(_GAP + scores[place].ljust(widths[2]))
        if errors[place]:
            text.append(_GAP + errors[place], "red")
        yield text


def _errors(errors: Mapping[str, int], *, is_long: bool) -> str:
    """By kind; without room for that, how many: the status has the kinds of all cells."""
    if not errors or is_long:
        return kinds(errors)
    return n_of(sum(errors.values()), "error")


def _folded(parts: Sequence[str], width: int) -> Iterator[Text]:
    """Parts joined by ` · `, broken between them where a line is full, inside only if too long."""
    line = ""
    for part in parts:
        longer = f"{line} · {part}" if line else part
        if cell_len(longer) <= width:
            line = longer
            continue
        *full, line = ([line] if line else []) + textwrap.wrap(part, max(width, 8))
        yield from map(_line, full)
    yield _line(line)


def _line(text: str, style: str = "") -> Text:
    return Text(text, style=style, no_wrap=True, overflow="ellipsis")
