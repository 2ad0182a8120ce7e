"""What a scatter shows, read from `summary.json`: points, facets, the staircase.

Nothing here draws. `None` means unknown: a cell without a price has no place on a cost axis.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from evalrunner.formatting import percent
from evalrunner.plots.style import MARKERS, readable, shown_names
from evalrunner.stats import pareto_frontier
from evalrunner.types import Estimate

FRONTIER = "frontier"
UNDECIDED = "undecided"
DOMINATED = "dominated"
CANARY = "canary"
CASCADE = "cascade"
ORACLE = "oracle"
ESTIMATED_ONLY = (CASCADE, ORACLE)
"""What no cell is: computed from the recorded grid, never run."""

_MOST_CASCADES = 2
_SURE = 0.95
_OTHER = "other"
_CANDIDATE_AXES = ("model", "prompt")


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """One cell of the grid, as far as a figure needs it."""

    cell: int
    facet: int
    label: str
    """As in the summary; `name` is what the figure shows."""
    name: str
    group: str
    """Cells of one group share colour and shape: a model, or a family of models."""
    x: Estimate
    """What better quality is paid with: US dollars per 1,000 requests, or seconds."""
    quality: Estimate
    status: str
    """`frontier`, `dominated`, `undecided`, `unpriced`, `canary`, `cascade` or `oracle`."""
    estimated: bool
    """The cost rests on estimated token counts."""
    probability: float | None = None
    """Of being on the frontier."""
    tie: int | None = None
    """Cell on the frontier that an undecided one cannot be told from."""
    is_recommended: bool = False
    raw: Estimate | None = None
    """By the judge alone, where `quality` was corrected by labels of people: drawn hollow."""

    @property
    def place(self) -> tuple[float, float] | None:
        """On both axes, None when a value is unknown: such a point is not drawn."""
        if self.x.value is None or self.quality.value is None:
            return None
        return self.x.value, self.quality.value

    @property
    def gid(self) -> str:
        """Of the marker; a page finds the cell by it."""
        return f"estimate-{-self.cell}" if self.status in ESTIMATED_ONLY else f"point-{self.cell}"

    @property
    def chance(self) -> str | None:
        """Of being on the frontier, where the point alone would say too much or too little."""
        clear = {FRONTIER: self.probability or 0, DOMINATED: 1 - (self.probability or 0)}
        if self.probability is None or clear.get(self.status, 0) >= _SURE:
            return None
        return percent(self.probability, digits=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Facet:
    """The cells that may be compared with each other: one panel."""

    title: str
    """What sets this facet apart from the others; empty when there is only one."""
    points: tuple[Point, ...]

    @property
    def drawn(self) -> tuple[Point, ...]:
        """The points that have a place in the panel."""
        return tuple(point for point in self.points if point.place is not None)


def read_facets(summary: Mapping[str, Any]) -> tuple[Facet, ...]:
    """The facets of a summary in order, each with its points in order of their ids."""
    cells = sorted(summary["cells"], key=lambda cell: (cell["facet"], cell["id"]))
    names = shown_names({cell["id"]: cell["label"] for cell in cells})
    groups = _groups(cells)
    chosen = {entry["cell"] for entry in summary.get("recommendations") or ()}
    points = [
        replace(
            _point(cell, name=names[cell["id"]], group=group),
            is_recommended=cell["id"] in chosen,
        )
        for cell, group in zip(cells, groups, strict=True)
    ]
    for entry in summary.get("routing") or ():
        points += _routed(entry, names, number=min(-1, *(point.cell - 1 for point in points)))
    titles = facet_titles(cells)
    return tuple(
        Facet(title=title, points=tuple(p for p in points if p.facet == facet))
        for facet, title in titles.items()
    )


def facet_titles(cells: Sequence[Mapping[str, Any]]) -> dict[int, str]:
    """What sets each facet apart, in order of their numbers; empty when there is only one."""
    first = {cell["facet"]: cell["axes"] for cell in reversed(cells)}
    facets = sorted(first)
    if len(facets) == 1:
        return {facets[0]: ""}
    axes = [axis for axis in dict.fromkeys(a for f in facets for a in first[f]) if _measures(axis)]
    varying = [axis for axis in axes if len({str(first[f].get(axis)) for f in facets}) > 1]
    return {
        facet: readable(" · ".join(f"{axis}: {first[facet].get(axis, '–')}" for axis in varying))
        or f"facet {facet}"
        for facet in facets
    }


def staircase(points: Sequence[Point]) -> list[tuple[float, float]]:
    """Corners (x, quality) of the best quality that each x buys.

    Made of the cells whose status is `frontier`; a later point that is no better adds no step.
    """
    corners: list[tuple[float, float]] = []
    places = [point.place for point in points if point.status == FRONTIER]
    members = sorted((place[0], -place[1]) for place in places if place is not None)
    for x, negated in members:
        quality = -negated
        if not corners:
            corners.append((x, quality))
        elif quality > corners[-1][1]:
            corners += [(x, corners[-1][1]), (x, quality)]
    return corners


def on_frontier(points: Sequence[Point]) -> tuple[Point, ...]:
    """The points marked as on the frontier or not by their places alone; canaries stay canaries."""
    places = [(p.place if p.status != CANARY else None) or (np.nan, np.nan) for p in points]
    mask = pareto_frontier(*zip(*places, strict=True)).tolist() if points else []
    return tuple(
        point
        if point.status == CANARY
        else replace(point, status=FRONTIER if is_member else DOMINATED)
        for point, is_member in zip(points, mask, strict=True)
    )


def interval_words(summary: Mapping[str, Any]) -> str:
    """`95 % intervals`, with the level that the run was made at."""
    level = summary["run"].get("confidence") or 0.95
    return f"{100 * level:g} % intervals"


def read_estimate(value: Mapping[str, Any] | None, *, lowest: float = -math.inf) -> Estimate:
    """The estimate in a summary; numbers that are not finite or under `lowest` are unknown."""
    found = value or {}
    number, low, high = (_finite(found.get(key)) for key in ("value", "low", "high"))
    if number is not None and number < lowest:
        number = None
    return Estimate(value=number, low=low, high=high, n=int(found.get("n") or 0))


def _finite(value: float | None) -> float | None:
    return float(value) if value is not None and math.isfinite(value) else None


def _point(cell: Mapping[str, Any], *, name: str, group: str) -> Point:
    cost, pareto = cell.get("cost") or {}, cell.get("pareto") or {}
    status = pareto.get("status") or DOMINATED
    return Point(
        cell=cell["id"],
        facet=cell["facet"],
        label=cell["label"],
        name=name,
        group=group,
        x=read_estimate(cost.get("usd_per_1000"), lowest=0),
        quality=read_estimate(cell.get("quality")),
        status=CANARY if cell.get("role") == CANARY else status,
        estimated=bool(cost.get("estimated")),
        probability=pareto.get("probability"),
        tie=next(iter(pareto.get("tied_with") or ()), None),
    )


def _routed(entry: Mapping[str, Any], names: Mapping[int, str], *, number: int) -> list[Point]:
    """The cascades that are worth their money, and the oracle, with ids from `number` down."""
    useful = sorted(
        (cascade for cascade in entry["cascades"] if cascade["is_useful"]),
        key=lambda cascade: cascade["cost_share"],
    )
    shown: list[tuple[str, str, Mapping[str, Any]]] = [
        (CASCADE, " → ".join([_first_stage(each, names), names[each["strong"]]]), each)
        for each in useful[:_MOST_CASCADES]
    ]
    if len(entry["oracle"]["shares"]) > 1:
        shown.append((ORACLE, "oracle router", entry["oracle"]))
    return [
        Point(
            cell=number - place,
            facet=entry["facet"],
            label=name,
            name=name,
            group="",
            x=read_estimate(found["usd_per_1000"], lowest=0),
            quality=read_estimate(found["quality"]),
            status=status,
            estimated=False,
        )
        for place, (status, name, found) in enumerate(shown)
    ]


def _first_stage(cascade: Mapping[str, Any], names: Mapping[int, str]) -> str:
    asked = (cascade["cheap"], cascade["partner"])
    return " + ".join(names[cell] for cell in asked if cell is not None)


def _groups(cells: Sequence[Mapping[str, Any]]) -> list[str]:
    """By model where that shows something and shapes suffice, else by the model's first word."""
    models = [readable(str(cell["axes"].get("model", ""))) for cell in cells]
    if len(set(models)) <= len(MARKERS) and len(set(models)) < len(cells):
        return models
    families = [_family(model) for model in models]
    common = sorted(set(families), key=lambda family: (-families.count(family), family))
    # The last shape is shared by the rest once there are more families than shapes.
    own = common if len(common) <= len(MARKERS) else common[: len(MARKERS) - 1]
    return [family if family in own else _OTHER for family in families]


def _family(model: str) -> str:
    word = re.match(r"[^\W\d_]+", model)
    return word.group() if word else model


def _measures(axis: str) -> bool:
    return axis.split(".", 1)[0] not in _CANDIDATE_AXES
