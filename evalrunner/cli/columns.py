"""Rows of text in columns, for what commands print."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

_GAP = "  "


def table_lines(header: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """An empty line, then the rows, the first column to the left; nothing without rows."""
    from rich.cells import cell_len

    if not rows:
        return
    yield ""
    widths = [max(map(cell_len, column)) for column in zip(header, *rows, strict=True)]
    for row in (header, *rows):
        spaces = [" " * (width - cell_len(text)) for text, width in zip(row, widths, strict=True)]
        shown = [row[0] + spaces[0]]
        shown += [space + text for text, space in zip(row[1:], spaces[1:], strict=True)]
        yield _GAP.join(shown).rstrip()
