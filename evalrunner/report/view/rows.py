"""One run as a row of the index: what it was, how it ended, and what it found."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

import filelock

from evalrunner.config.grid import CANDIDATE_AXES
from evalrunner.report.page import PAGE
from evalrunner.report.view.files import (
    ManifestFacts,
    MeasuredCell,
    PlanFacts,
    PlannedCell,
    Recommended,
    SummaryFacts,
    UnreadableError,
    read_facts,
)
from evalrunner.store import JOURNAL

_STAMP = re.compile(r"(\d{8}T\d{6}Z)-\w+")


class Status(StrEnum):
    """How a run stands."""

    DONE = "done"
    STOPPED = "stopped"
    """Before its last trial: it can be resumed."""
    RUNNING = "running"
    """A process holds its lock."""
    IMPORTED = "imported"
    """Other people's results: there was no run."""
    UNREADABLE = "unreadable"


@dataclass(frozen=True, slots=True, kw_only=True)
class Facet:
    """What a run found in one facet: among cells that were measured alike."""

    title: str
    """Quality, data set, judge and what else was swept: how it was measured, in words."""
    measure: Mapping[str, str]
    """The same by content: `cases`, `scorer`, `judge`, `rules`. Equal = comparable."""
    best: MeasuredCell | None
    """The candidate of highest quality; None when none has any."""
    recommended: MeasuredCell | None
    because: str | None
    """Why that one, or why none."""

    def to_json(self) -> dict[str, Any]:
        """As `--json` prints it."""
        return {
            "title": self.title,
            "measure": dict(self.measure),
            "best": _cell_json(self.best),
            "recommended": _cell_json(self.recommended),
            "because": self.because,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One run; what could not be read is None or empty."""

    path: str
    """Of its directory, relative to the index."""
    name: str
    started_at: datetime | None
    status: Status
    reason: str = ""
    """Why it stopped, or cannot be read."""
    models: tuple[str, ...] = ()
    n_cells: int | None = None
    """Candidates; canaries are not counted."""
    n_cases: int | None = None
    repeats: int | None = None
    facets: tuple[Facet, ...] = ()
    n_missing: int | None = None
    """Trials that should have a score and have none."""
    usd_spent: float | None = None
    flags: tuple[tuple[str, str], ...] = ()
    """Severity and code of each kind of flag, red ones first."""
    is_rescored: bool = False
    """Its answers are those of an earlier run."""
    is_stale: bool = False
    """The journal has grown since the summary was made."""
    files: frozenset[str] = field(default_factory=frozenset)
    """What the index can link to."""


def read_row(directory: Path, root: Path) -> Row:
    """The row of a run directory below `root`; never fails."""
    known: dict[str, Any] = {
        "path": "." if directory == root else directory.relative_to(root).as_posix(),
        "name": directory.parent.name if _stamp(directory) else directory.name,
        "started_at": _stamp(directory),
        "files": frozenset(name for name in (PAGE, "summary.md") if (directory / name).is_file()),
    }
    try:
        for facts in _read(directory):
            known |= facts
    except UnreadableError as error:
        known |= {"status": Status.UNREADABLE, "reason": str(error)}
    return Row(**known)


def _read(directory: Path) -> Iterator[dict[str, Any]]:
    """What the files say, the surest first. Raises UnreadableError."""
    manifest = read_facts(directory / "manifest.json", ManifestFacts)
    if manifest is None:
        raise UnreadableError("it has no manifest.json")
    yield {"is_rescored": manifest.parent is not None}
    if manifest.started_at is not None:
        yield {"started_at": manifest.started_at.astimezone(UTC)}
    is_imported = manifest.kind == "leaderboard"
    plan = read_facts(directory / "plan.json", PlanFacts)
    if plan is None and not is_imported:
        raise UnreadableError("it has no plan.json")
    if plan is not None and plan.cells:
        yield _grid(plan)
    summary = read_facts(directory / "summary.json", SummaryFacts)
    if summary is None and is_imported:
        raise UnreadableError("it has no summary.json")
    if summary is not None:
        yield _results(summary, plan)
        yield {"is_stale": _is_stale(directory)}
    yield {"status": Status.IMPORTED} if is_imported else _ending(directory, manifest)


def _grid(plan: PlanFacts) -> dict[str, Any]:
    candidates = [cell for cell in plan.cells if cell.role == "candidate"]
    return {
        "name": plan.cells[0].config.run.name,
        "models": tuple(dict.fromkeys(str(cell.axes.get("model", "")) for cell in candidates)),
        "n_cells": len(candidates),
        "n_cases": plan.cases.n,
        "repeats": plan.repeats,
    }


def _ending(directory: Path, manifest: ManifestFacts) -> dict[str, Any]:
    if _is_locked(directory):
        return {"status": Status.RUNNING}
    if manifest.finished_at is None:
        return {"status": Status.STOPPED, "reason": "killed"}
    if manifest.ending:
        return {"status": Status.STOPPED, "reason": ", ".join(manifest.ending)}
    return {"status": Status.DONE}


def _results(summary: SummaryFacts, plan: PlanFacts | None) -> dict[str, Any]:
    candidates = [cell for cell in summary.cells if cell.role == "candidate"]
    spent = [cell.cost.usd_spent for cell in summary.cells]
    known = [usd for usd in spent if usd is not None]
    kinds = dict.fromkeys((flag.severity, flag.code) for flag in summary.flags)
    found: dict[str, Any] = {
        "facets": tuple(_facets(candidates, summary.recommendations, plan)),
        "n_missing": sum(cell.n_missing for cell in candidates),
        "usd_spent": sum(known) if len(known) == len(spent) else None,
        "flags": tuple(sorted(kinds, key=lambda kind: (kind[0] != "red", *kind))),
    }
    if plan is None:
        found |= {
            "name": summary.run.name,
            "models": tuple(cell.label for cell in candidates),
            "n_cells": len(candidates),
            "n_cases": summary.run.n_cases,
        }
    return found


def _facets(
    cells: Sequence[MeasuredCell], recommendations: Iterable[Recommended], plan: PlanFacts | None
) -> Iterator[Facet]:
    planned = {cell.id: cell for cell in plan.cells} if plan else {}
    decided = {entry.facet: entry for entry in recommendations}
    groups: dict[int, list[MeasuredCell]] = {}
    for cell in cells:
        groups.setdefault(cell.facet, []).append(cell)
    for facet, group in sorted(groups.items()):
        decision = decided.get(facet)
        chosen = None if decision is None else decision.cell
        yield Facet(
            title=_title(group[0]),
            measure=_measure(planned.get(group[0].id), group[0].quality_name, plan),
            best=max(
                (cell for cell in group if cell.quality.value is not None),
                key=lambda cell: cell.quality.value or 0.0,
                default=None,
            ),
            recommended=next((cell for cell in group if cell.id == chosen), None),
            because=None if decision is None else decision.because,
        )


def _title(cell: MeasuredCell) -> str:
    """`labels · banking77`, `rubric · support_tickets · judge strict · pricing none`."""
    axes = {
        axis: str(value)
        for axis, value in cell.axes.items()
        if axis.partition(".")[0] not in CANDIDATE_AXES and value not in ("none", cell.quality_name)
    }
    dataset = axes.pop("dataset", "")
    parts = (dataset, *(f"{axis} {value}" for axis, value in axes.items()))
    return " · ".join((cell.quality_name, *filter(None, parts)))


def _measure(cell: PlannedCell | None, quality: str, plan: PlanFacts | None) -> dict[str, str]:
    """Empty for what nothing can be compared with."""
    if cell is None or plan is None:
        return {}
    config = cell.config
    scorer = config.scorer.get(quality.partition(".")[0], config.scorer)
    return {
        "cases": _cases_sha256(cell, plan),
        "scorer": _digest([quality, scorer]),
        "judge": _digest(config.judge),
        "rules": _digest([config.run.on_refused, config.run.on_truncated]),
    }


def _cases_sha256(cell: PlannedCell, plan: PlanFacts) -> str:
    """Of the test set that a cell answers; of all of them, where a plan does not tell."""
    first = 0
    for each in plan.cases.sets:
        if (first, each.n) == (cell.cases.first, cell.cases.n):
            return each.sha256
        first += each.n
    return plan.cases.sha256


def _cell_json(cell: MeasuredCell | None) -> dict[str, Any] | None:
    if cell is None:
        return None
    return {"cell": cell.id, "label": cell.label, "quality": cell.quality.model_dump()}


def _digest(value: Any) -> str:
    # Canonical JSON would refuse a NaN, which a file of another maker may hold.
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode("ascii")).hexdigest()


def _is_locked(directory: Path) -> bool:
    """Whether a process works in a run directory."""
    path = directory / ".lock"
    if path.is_symlink() or not path.is_file():
        return False
    try:
        with filelock.FileLock(path, timeout=0):
            return False
    except filelock.Timeout:
        return True
    except OSError:
        # A directory that cannot be written in: nobody can be running there.
        return False


def _is_stale(directory: Path) -> bool:
    try:
        journal = (directory / JOURNAL).stat().st_mtime_ns
        return journal > (directory / "summary.json").stat().st_mtime_ns
    except OSError:
        return False


def _stamp(directory: Path) -> datetime | None:
    """When a run began by its directory's name; None for another name."""
    found = _STAMP.fullmatch(directory.name)
    try:
        return datetime.strptime(found[1], "%Y%m%dT%H%M%S%z") if found else None
    except ValueError:
        return None
