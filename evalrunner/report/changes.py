"""What rescoring changed: each trial whose score is another one than in the run it came from."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from evalrunner.formatting import n_of, percent, safe_text
from evalrunner.planning import CellSpec, read_specs
from evalrunner.store import write_text
from evalrunner.types import Json, canonical_json

CHANGES = "changes.jsonl"
_Trial: TypeAlias = "tuple[int | None, str, int]"
"""Cell, case and repeat."""


@dataclass(slots=True)
class Change:
    """How the scores of one scorer moved in one cell."""

    label: str
    scorer: str
    n: int = 0
    """Trials that both runs scored."""
    before: float = 0.0
    """Sum over these trials."""
    after: float = 0.0
    up: int = 0
    down: int = 0
    newly_scored: int = 0
    newly_unscored: int = 0


def write_changes(parent: Path, directory: Path) -> list[Change]:
    """Compare the scores of a rescored run with those of its parent, by scorer name.

    Writes `changes.jsonl`, a row for every trial whose score moved; returns the sums by cell and
    scorer, for the scorers that both runs have.
    """
    specs = {spec.id: spec for spec in read_specs(directory)}
    origins = {spec.id: _origin(spec) for spec in specs.values() if spec.role == "candidate"}
    before = _scores(parent, set(origins.values()))
    changes: dict[tuple[int, str], Change] = {}
    moved = []
    for row in _rows(directory):
        origin = origins.get(row["cell"])
        old = before.get((origin, row["case_id"], row["repeat"]), {})
        for scorer in sorted(row["scores"].keys() & old.keys()):
            key = (row["cell"], scorer)
            change = changes.setdefault(key, Change(specs[row["cell"]].label, scorer))
            value = row["scores"][scorer]["value"]
            if _count(change, old[scorer], value):
                place = {name: row[name] for name in ("cell", "case_id", "repeat")}
                moved.append(place | {"scorer": scorer, "before": old[scorer], "after": value})
    write_text(directory / CHANGES, "".join(f"{canonical_json(row)}\n" for row in moved))
    return [changes[key] for key in sorted(changes)]


def change_lines(changes: Sequence[Change]) -> Iterator[str]:
    """What changed, a line a cell and scorer; says so when no scorer is in both runs."""
    if not changes:
        yield "no scorer of this run has the name of one of the earlier run: nothing to compare"
        return
    yield "against the earlier run:"
    for change in changes:
        name = f"  {safe_text(change.label, limit=80)} · {safe_text(change.scorer, limit=80)}:"
        if not change.n:
            yield f"{name} no trial is scored in both"
            continue
        before, after = percent(change.before / change.n), percent(change.after / change.n)
        trials = n_of(change.n, "trial")
        yield f"{name} {before} → {after}, {change.up} up, {change.down} down of {trials}"
        if change.newly_scored or change.newly_unscored:
            yield f"{name} {change.newly_scored} newly scored, {change.newly_unscored} unscored now"


def _origin(spec: CellSpec) -> int:
    """The cell of the parent whose answers a cell replays."""
    select: Mapping[str, Json] = getattr(spec.settings.model, "select", {})
    return int(select["cell"])


def _scores(directory: Path, cells: set[int]) -> dict[_Trial, dict[str, float | None]]:
    return {
        (row["cell"], row["case_id"], row["repeat"]): {
            name: score["value"] for name, score in row["scores"].items()
        }
        for row in _rows(directory)
        if row["cell"] in cells
    }


def _rows(directory: Path) -> Iterator[dict[str, Any]]:
    with (directory / "trials.jsonl").open("rb") as file:
        yield from map(json.loads, file)


def _count(change: Change, before: float | None, after: float | None) -> bool:
    """Count one trial; whether its score moved."""
    if before is None or after is None:
        change.newly_scored += before is None and after is not None
        change.newly_unscored += after is None and before is not None
        return before is not after
    change.n += 1
    change.before += before
    change.after += after
    change.up += after > before
    change.down += after < before
    return after != before
