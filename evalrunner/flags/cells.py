"""What the rules share: the candidates by facet, and how cells are named."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from evalrunner.flags.base import Summary
from evalrunner.formatting import n_of

SIGNIFICANT = 0.05
_TWO, _SHOWN = 2, 3

Cell = Mapping[str, Any]


def facets_of(summary: Summary) -> Iterator[tuple[int, list[Cell]]]:
    """Each facet with its candidates that have a quality, the best first."""
    groups: dict[int, list[Cell]] = {}
    for cell in summary["cells"]:
        if cell["role"] == "candidate" and cell["quality"]["value"] is not None:
            groups.setdefault(cell["facet"], []).append(cell)
    for facet, cells in sorted(groups.items()):
        yield facet, sorted(cells, key=lambda cell: -cell["quality"]["value"])


def all_facets(summary: Summary) -> list[int]:
    """Each facet, also those of which nothing is scored."""
    return sorted({cell["facet"] for cell in summary["cells"]})


def candidates_of(summary: Summary, facet: int) -> list[Cell]:
    """The facet's cells but for canaries."""
    cells = (cell for cell in summary["cells"] if cell["facet"] == facet)
    return [cell for cell in cells if cell["role"] == "candidate"]


def n_answers(cell: Cell) -> int:
    """How many of its calls were answered, also by a refusal or in part."""
    return int(cell["n_ok"] + cell["n_refused"] + cell["n_truncated"])


def in_facet(summary: Summary, facet: int) -> str:
    """Which facet is meant, where there are several: `facet 1: `."""
    is_only = len({cell["facet"] for cell in summary["cells"]}) == 1
    return "" if is_only else f"facet {facet}: "


def named(summary: Summary, cells: Sequence[int]) -> str:
    """Labels of one cell or two; of more the first one's, and how many others."""
    labels = {cell["id"]: cell["label"] for cell in summary["cells"]}
    shown = [labels[cell] for cell in dict.fromkeys(cells)]
    return " and ".join(shown if len(shown) <= _TWO else [shown[0], f"{len(shown) - 1} others"])


def others(shown: Sequence[int]) -> str:
    """After what is told of the first of these cells."""
    return f"; likewise {n_of(len(shown) - 1, 'other')}" if len(shown) > 1 else ""


def only(cells: Sequence[int]) -> int | None:
    """The cell that a flag is about; None for several."""
    return cells[0] if len(set(cells)) == 1 else None


def by_cell(values: Mapping[int, Any]) -> dict[str, Any]:
    """As JSON has it: keys are texts."""
    return {str(cell): value for cell, value in values.items()}


def listed(names: Sequence[str], *, n: int | None = None) -> str:
    """The first three of these names, and how many more there are, of `n` in all."""
    more = (len(names) if n is None else n) - _SHOWN
    return ", ".join(names[:_SHOWN]) + (f" and {more:,} more" if more > 0 else "")
