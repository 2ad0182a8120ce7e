"""A run directory opened for reading: its cells, cases and journal, never the network."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from evalrunner.datasets import CaseFile
from evalrunner.planning import CellSpec, read_specs
from evalrunner.store import (
    JOURNAL,
    JournalIndex,
    read_index,
    read_json,
    read_trials,
    run_directory,
)
from evalrunner.types import Json


@dataclass(frozen=True, slots=True)
class RecordedRun:
    """What a run directory holds."""

    directory: Path
    manifest: dict[str, Any]
    specs: tuple[CellSpec, ...]
    cases: CaseFile
    index: JournalIndex

    def trials(self, spec: CellSpec) -> Iterator[tuple[int, int, dict[str, Any] | None]]:
        """(row in `cases.jsonl`, repeat, record) of a cell in grid order; None = not recorded."""
        return read_trials(self.directory / JOURNAL, self.index, spec.id)


def open_run(path: Path) -> RecordedRun:
    """The run in a directory. Raises StoreError when it is none, or made by a newer version."""
    directory = run_directory(path)
    specs = read_specs(directory)
    shapes = [spec.shape for spec in specs]
    return RecordedRun(
        directory=directory,
        manifest=read_json(directory / "manifest.json"),
        specs=specs,
        cases=CaseFile(directory / "cases.jsonl"),
        index=read_index(directory / JOURNAL, shapes, resume=False),
    )


@dataclass(slots=True)
class Survey:
    """What one pass over a cell's trials finds out before any of them can be priced."""

    intervals: list[tuple[float, float]] = field(default_factory=list)
    """Start and length of every answer's call, where both were measured."""
    n_answered: int = 0
    served_models: set[str] = field(default_factory=set)
    possibly_billed: int = 0


def survey(run: RecordedRun, spec: CellSpec) -> Survey:
    """The survey of one cell."""
    found = Survey()
    for _, _, record in run.trials(spec):
        if record is None:
            continue
        found.possibly_billed += run.index.possibly_billed.get(record["key"] or "", 0)
        if record["status"] in ANSWERED:
            found.n_answered += 1
            if record["latency_s"] is not None:
                found.intervals.append((record["started_at"], record["latency_s"]))
            if record["served_model"]:
                found.served_models.add(record["served_model"])
    return found


ANSWERED = frozenset({"ok", "refused", "truncated"})


def missing_record(spec: CellSpec, repeat: int, *, ending: Mapping[str, str]) -> dict[str, Json]:
    """The record of a planned trial that was never done; `ending` is the manifest's."""
    kind = "budget" if "budget" in ending else "cancelled"
    message = "; ".join(ending.values()) or "the run ended before this trial"
    return {
        "cell": spec.id,
        "repeat": repeat,
        "prompt_sha256": None,
        "output": None,
        "status": "skipped",
        "error": {"kind": kind, "message": message},
        "stop_reason": None,
        "scores": {},
        "usage": None,
        "cost_usd": None,
        "latency_s": None,
        "attempts": 0,
        "cached": False,
        "served_model": None,
        "request_id": None,
        "service_tier": None,
    }
