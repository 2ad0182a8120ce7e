"""Text in the columns of a terminal, where some characters take two."""

from __future__ import annotations

from collections.abc import Iterable


def widest(texts: Iterable[str]) -> int:
    """Columns of the longest text; 0 of none."""
    from rich.cells import cell_len

    return max(map(cell_len, texts), default=0)


def fitted(text: str, width: int) -> str:
    """Text of at most `width` columns, cut in the middle: labels differ at their ends."""
    from rich.cells import cell_len, chop_cells

    if cell_len(text) <= width:
        return text
    if width < len("a…b"):
        return chop_cells(text, max(1, width))[0]
    head, tail = width - 1 - (width - 1) // 2, (width - 1) // 2
    start, end = chop_cells(text, head)[0], chop_cells(text[::-1], tail)[0][::-1]
    return f"{start}…{end}"
