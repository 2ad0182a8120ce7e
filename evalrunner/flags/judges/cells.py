"""What the rules about judges share: who judged which cells, and how cells are named."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from evalrunner.flags.base import Summary
from evalrunner.formatting import n_of

SIGNIFICANT = 0.05
_TWO = 2

Cell = Mapping[str, Any]


def judged_facets(summary: Summary) -> Sequence[Mapping[str, Any]]:
    """Facets with a judge."""
    judging = summary["judging"]
    return [] if judging is None else list(judging["facets"])


def candidates_of(summary: Summary, facet: int) -> list[Cell]:
    """The facet's cells but for canaries."""
    cells = (cell for cell in summary["cells"] if cell["facet"] == facet)
    return [cell for cell in cells if cell["role"] == "candidate"]


def judged_cells(summary: Summary) -> Iterator[tuple[int, str, list[Cell]]]:
    """Facet, judged scorer, and the cells with judgements of it."""
    groups: dict[tuple[int, str], list[Cell]] = {}
    for cell in summary["cells"]:
        for scorer in cell["judging"]:
            groups.setdefault((cell["facet"], scorer), []).append(cell)
    for (facet, scorer), cells in sorted(groups.items(), key=lambda item: item[0]):
        yield facet, scorer, cells


def named(summary: Summary, cells: Sequence[int]) -> str:
    """Labels of one cell or two; of more the first one's, and how many others."""
    labels = {cell["id"]: cell["label"] for cell in summary["cells"]}
    shown = [labels[cell] for cell in dict.fromkeys(cells)]
    return " and ".join(shown if len(shown) <= _TWO else [shown[0], f"{len(shown) - 1} others"])


def others(shown: Sequence[int]) -> str:
    """After what is told of the first of these cells."""
    return f"; likewise {n_of(len(shown) - 1, 'other')}" if len(shown) > 1 else ""


def judge_of(summary: Summary, facet: int) -> str:
    """Whose scorer is meant, where there are several facets; each may have a judge of its own."""
    facets = judged_facets(summary)
    name = next((each["judge"] for each in facets if each["facet"] == facet), None)
    return f" by judge {name}" if name and len({each["judge"] for each in facets}) > 1 else ""


def by_cell(values: Mapping[int, Any]) -> dict[str, Any]:
    """As JSON has it: keys are texts."""
    return {str(cell): value for cell, value in values.items()}
