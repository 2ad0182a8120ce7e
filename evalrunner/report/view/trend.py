"""Quality of one experiment over time, joined only where it was measured alike.

Runs of one name and one way of measuring make a trend. Where the content changed under the same
names, such as the cases of a data set, the line breaks.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from evalrunner.report.view.files import MeasuredCell
from evalrunner.report.view.rows import Row

_WORDS = {
    "cases": "the cases",
    "scorer": "the scorer",
    "judge": "the judge",
    "rules": "what refused and cut-off answers score",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """What one run found."""

    row: Row
    best: MeasuredCell
    recommended: MeasuredCell | None
    measure: Mapping[str, str]
    changed: tuple[str, ...] = ()
    """What is another than in the run before: not to be joined with it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trend:
    """Runs of one experiment, oldest first; at least two."""

    name: str
    title: str
    """How quality was measured."""
    points: tuple[Point, ...]


def find_trends(rows: Iterable[Row]) -> list[Trend]:
    """Every trend of these rows, in their order.

    A rescored run asked nothing anew and is in none.
    """
    found: dict[tuple[str, str], list[Point]] = {}
    for row in rows:
        for facet in row.facets if row.started_at and not row.is_rescored else ():
            if facet.measure and facet.best is not None:
                point = Point(
                    row=row,
                    best=facet.best,
                    recommended=facet.recommended,
                    measure=facet.measure,
                )
                found.setdefault((row.name, facet.title), []).append(point)
    return [
        Trend(name=name, title=title, points=_in_time(points))
        for (name, title), points in found.items()
        if len(points) > 1
    ]


def _in_time(points: Sequence[Point]) -> tuple[Point, ...]:
    ordered = sorted(points, key=lambda point: (str(point.row.started_at), point.row.path))
    later = (replace(after, changed=_changed(before, after)) for before, after in pairwise(ordered))
    return (ordered[0], *later)


def _changed(before: Point, after: Point) -> tuple[str, ...]:
    return tuple(
        words for part, words in _WORDS.items() if before.measure[part] != after.measure[part]
    )
