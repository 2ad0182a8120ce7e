"""What the rules about judges share: who judged which cells."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from evalrunner.flags.base import Summary
from evalrunner.flags.cells import Cell


def judged_facets(summary: Summary) -> Sequence[Mapping[str, Any]]:
    """Facets with a judge."""
    judging = summary["judging"]
    return [] if judging is None else list(judging["facets"])


def judged_cells(summary: Summary) -> Iterator[tuple[int, str, list[Cell]]]:
    """Facet, judged scorer, and the cells with judgements of it."""
    groups: dict[tuple[int, str], list[Cell]] = {}
    for cell in summary["cells"]:
        for scorer in cell["judging"]:
            groups.setdefault((cell["facet"], scorer), []).append(cell)
    for (facet, scorer), cells in sorted(groups.items(), key=lambda item: item[0]):
        yield facet, scorer, cells


def judge_of(summary: Summary, facet: int) -> str:
    """Whose scorer is meant, where there are several facets; each may have a judge of its own."""
    facets = judged_facets(summary)
    name = next((each["judge"] for each in facets if each["facet"] == facet), None)
    return f" by judge {name}" if name and len({each["judge"] for each in facets}) > 1 else ""
