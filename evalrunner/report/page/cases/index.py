"""The index of the case browser: what is filtered and sorted by, of every case at once.

One letter and one number a trial's cell and case, so that 100,000 of them open at once.
"""

from __future__ import annotations

from array import array
from collections.abc import Mapping, Sequence
from typing import Any

from evalrunner.datasets import CaseFile
from evalrunner.planning import CellSpec
from evalrunner.planning.opponents import is_baseline
from evalrunner.report.page.cases.groups import Group
from evalrunner.report.page.cases.labels import Labels
from evalrunner.scorers.quality import resolve_quality, trial_quality
from evalrunner.summary import CaseColumns
from evalrunner.types import Case, Json, canonical_json

_LETTERS = bytes(range(256)).replace(bytes(range(7)), b"-ortuse")
"""Of the worst repeat: ok, refused, truncated, unscored, skipped, error; - = never planned."""
_RANKS = {"ok": 1, "refused": 2, "truncated": 3, "skipped": 5, "error": 6}
_UNSCORED = 4
_LONGEST_TITLE = 90
_READ_FOR_TITLE = 1000


class CellColumns:
    """Score, status and label of each case of one cell."""

    def __init__(self, spec: CellSpec, labels: Labels) -> None:
        self._spec = spec
        self._quality = resolve_quality(spec.quality, spec.settings.scorer)
        self._labels = labels
        self._sums = array("d", bytes(8 * spec.n))
        self._counts = array("i", bytes(4 * spec.n))
        self._ranks = bytearray(spec.n)
        self._people: dict[int, list[float]] = {}

    def add(self, place: int, row: Mapping[str, Any]) -> None:
        """Count one trial of a case."""
        quality = trial_quality(row["scores"], self._quality)
        rank = _RANKS[row["status"]]
        if quality is not None:
            self._sums[place] += quality
            self._counts[place] += 1
        elif rank == _RANKS["ok"]:
            rank = _UNSCORED
        self._ranks[place] = max(self._ranks[place], rank)
        if given := self._labels.of(self._spec, row):
            self._people.setdefault(place, []).extend(given)

    def score(self, n: int) -> list[float | None]:
        """Mean quality of each of `n` cases over its repeats."""
        pairs = zip(self._sums, self._counts, strict=True)
        means = [short(total / count) if count else None for total, count in pairs]
        return [*means, *[None] * (n - len(means))]

    def status(self, n: int) -> str:
        """A letter for each of `n` cases."""
        return self._ranks.ljust(n, b"\0").translate(_LETTERS).decode("ascii")

    def people(self, n: int) -> list[float | None] | None:
        """Mean label of each of `n` cases; None where nobody labelled the cell."""
        if not self._people:
            return None
        means = {place: short(sum(given) / len(given)) for place, given in self._people.items()}
        return [means.get(place) for place in range(n)]


def short(value: float) -> float:
    """Three decimals, and none where there are none."""
    rounded = round(value, 3)
    return int(rounded) if rounded == int(rounded) else rounded


def cell_entries(
    specs: Sequence[CellSpec], groups: Sequence[Group], summary: Mapping[str, Any]
) -> list[dict[str, Json]]:
    """The cells of the index."""
    places = {spec.id: at for at, group in enumerate(groups) for spec in group.specs}
    references = _references(specs, summary)
    return [
        {
            "id": spec.id,
            "label": spec.label,
            "facet": spec.facet,
            "role": spec.role,
            "group": places[spec.id],
            "repeats": spec.repeats,
            "quality": spec.quality,
            "reference": references.get(spec.id),
        }
        for spec in specs
    ]


def group_entry(
    group: Group, cases: CaseFile, columns: Mapping[int, CellColumns]
) -> dict[str, Json]:
    """One group of the index."""
    own = {str(spec.id): columns[spec.id] for spec in group.specs}
    people = {name: column.people(group.n) for name, column in own.items()}
    ids, titles = [], []
    for case in cases.slice(group.first, group.n):
        ids.append(case.id)
        titles.append(title_of(case))
    return {
        "first_page": group.first_page,
        "n_pages": group.n_pages,
        "cells": [spec.id for spec in group.specs],
        "ids": ids,
        "titles": titles,
        "slices": _slices(group, cases),
        "score": {name: column.score(group.n) for name, column in own.items()},
        "status": {name: column.status(group.n) for name, column in own.items()},
        "people": {name: means for name, means in people.items() if means is not None},
    }


def title_of(case: Case) -> str:
    """The beginning of a case's input as one line; of messages the last."""
    given = case.input
    if isinstance(given, list) and given and isinstance(given[-1], dict):
        given = given[-1].get("content", given)
    text = given if isinstance(given, str) else canonical_json(given)
    return " ".join(text[:_READ_FOR_TITLE].split())[:_LONGEST_TITLE]


def _slices(group: Group, cases: CaseFile) -> dict[str, Json]:
    """By field, the values and which one each case has; of several values the first counts."""
    fields = dict.fromkeys(name for s in group.specs for name in s.settings.dataset.slices)
    if not fields:
        return {}
    found = CaseColumns.build(cases.slice(group.first, group.n), slices=list(fields)).slices
    entries = {}
    for name, members in found.items():
        codes = [-1] * group.n
        for code, rows in enumerate(members.values()):
            for row in rows.tolist():
                codes[row] = code if codes[row] < 0 else codes[row]
        entries[name] = {"values": list(members), "codes": codes}
    return entries


def _references(specs: Sequence[CellSpec], summary: Mapping[str, Any]) -> dict[int, int]:
    """By candidate, the cell it is compared with: its facet's baseline, or else the best one."""
    points = {cell["id"]: cell["quality"]["value"] for cell in summary["cells"]}
    references: dict[int, int] = {}
    for facet in dict.fromkeys(spec.facet for spec in specs):
        cells = [s for s in specs if s.facet == facet and s.role == "candidate"]
        chosen = [s for s in cells if (b := s.settings.run.baseline) and is_baseline(s.axes, b)]
        known = [s for s in cells if points.get(s.id) is not None]
        best = chosen[:1] or sorted(known, key=lambda s: -points[s.id])[:1]
        references |= {s.id: best[0].id for s in cells if best and s.id != best[0].id}
    return references
