"""A run directory opened for reading: its cells, cases and journal, never the network."""

from __future__ import annotations

from array import array
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
from evalrunner.summary import RACED
from evalrunner.types import Case, Json

_LARGEST_KEPT = 16_000_000
"""Bytes of cases that may stay in memory; parsed they take several times as much."""
ANSWERED = frozenset({"ok", "refused", "truncated"})
_KEYS = {
    "attempts",
    "cached",
    "cost_usd",
    "error",
    "key",
    "latency_s",
    "output",
    "prompt_sha256",
    "repeat",
    "request_id",
    "scores",
    "served_model",
    "started_at",
    "status",
    "stop_reason",
    "usage",
}
"""What a trial's record must have; one without is read as if it were missing."""


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
        for row, repeat, record in read_trials(self.directory / JOURNAL, self.index, spec.id):
            is_whole = record is not None and record.keys() >= _KEYS
            yield row, repeat, record if is_whole else None


def open_run(path: Path) -> RecordedRun:
    """The run in a directory. Raises StoreError when it is none, or made by a newer version."""
    directory = run_directory(path)
    specs = read_specs(directory)
    shapes = [spec.shape for spec in specs]
    return RecordedRun(
        directory=directory,
        manifest=read_json(directory / "manifest.json"),
        specs=specs,
        cases=_Cases(directory / "cases.jsonl"),
        index=read_index(directory / JOURNAL, shapes, resume=False),
    )


class _Cases(CaseFile):
    """Cases that every cell reads again: those of a file that is not large are parsed once."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self._is_kept = path.stat().st_size <= _LARGEST_KEPT
        self._kept: dict[int, Case] = {}

    def _read(self, position: int) -> Case:
        case = self._kept.get(position)
        if case is None:
            case = super()._read(position)
            if self._is_kept:
                self._kept[position] = case
        return case


@dataclass(slots=True)
class Survey:
    """What one pass over a cell's trials finds out before any of them can be priced."""

    starts: array[float] = field(default_factory=lambda: array("d"))
    """When each answer's call began, where its time was measured; 0 = the moment is unknown."""
    lengths: array[float] = field(default_factory=lambda: array("d"))
    """Seconds, as `starts`."""
    is_paid: bytearray = field(default_factory=bytearray)
    """As `starts`: 0 for a cached answer, whose call was another one's."""
    n_answered: int = 0
    n_paid: int = 0
    """Answers that are not cached."""
    possibly_billed: int = 0


def survey(run: RecordedRun, spec: CellSpec, *, billed: dict[str, int]) -> Survey:
    """The survey of one cell.

    `billed` is how many attempts at each request may have been charged unseen; those of this cell
    are taken out, so that a request that several trials share is counted once.
    """
    found = Survey()
    for _, _, record in run.trials(spec):
        if record is None:
            continue
        found.possibly_billed += billed.pop(record["key"] or "", 0)
        for key in _judge_keys(record):
            found.possibly_billed += billed.pop(key, 0)
        if record["status"] in ANSWERED:
            _take_answer(found, record)
    return found


def _judge_keys(record: Mapping[str, Any]) -> Iterator[str]:
    """Of every request that the judges of an answer were sent, and answered."""
    for score in record["scores"].values():
        for judgement in score.get("judgements") or ():
            yield from (call["key"] for call in judgement["calls"])


def _take_answer(found: Survey, record: Mapping[str, Any]) -> None:
    is_paid = not record["cached"]
    found.n_answered += 1
    found.n_paid += is_paid
    if record["latency_s"] is not None:
        found.starts.append(record["started_at"] or 0.0)
        found.lengths.append(record["latency_s"])
        found.is_paid.append(is_paid)


def missing_record(
    spec: CellSpec, repeat: int, *, ending: Mapping[str, str], raced: str | None = None
) -> dict[str, Json]:
    """The record of a planned trial that was never done.

    `ending` is the manifest's, `raced` why the cell was stopped, if it was.
    """
    kind = "budget" if "budget" in ending else "cancelled"
    message = "; ".join(ending.values()) or "the run ended before this trial"
    if raced is not None:
        kind, message = RACED, raced
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
        "detail": None,
    }
