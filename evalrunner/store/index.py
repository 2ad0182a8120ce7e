"""What a journal holds, found in one pass: where each trial stands, and what is still owed.

Memory grows by eight bytes a planned trial; records are read again by their offset.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from evalrunner.errors import StoreError
from evalrunner.store.batches import BatchLedger
from evalrunner.store.claims import WITHOUT_ANSWER, Claims, calls_of
from evalrunner.store.journal import (
    CorruptLineError,
    cut_torn_tail,
    quarantine,
    read_at,
    read_lines,
)
from evalrunner.types import Batch

MISSING = -1


@dataclass(frozen=True, slots=True, kw_only=True)
class CellShape:
    """Which trials one cell has: rows `first` to `first + n` of `cases.jsonl`, `repeats` each."""

    cell: int
    first: int
    n: int
    repeats: int


@dataclass(slots=True)
class JournalIndex:
    """Offsets of what matters in one journal."""

    shapes: Sequence[CellShape]
    trials: dict[int, npt.NDArray[np.int64]] = field(default_factory=dict)
    """Per cell an array (cases, repeats) of offsets; `MISSING` = no trial. The last record wins."""
    answers: dict[bytes, int] = field(default_factory=dict)
    """Offset of the answer to each request, by the key's bytes; empty unless asked for."""
    claims: Claims = field(default_factory=Claims)
    """Answers that this run paid, and who counts them; empty unless asked for."""
    possibly_billed: dict[str, int] = field(default_factory=dict)
    """Attempts per request key whose outcome nobody saw: sent, but neither answer nor refusal."""
    spent_usd: dict[str, Decimal] = field(default_factory=dict)
    """Paid per model, attempts whose outcome nobody saw at their worst case included."""
    unclaimed_usd: dict[str, Decimal | None] = field(default_factory=dict)
    """A part of `spent_usd`: paid per model for answers that no trial counts, such as those that a
    judge had not seen when the run ended; None = a price is unknown."""
    batches: tuple[Batch, ...] = ()
    """What is out at a provider: handed over together, and not answered yet."""
    held_usd: dict[str, Decimal] = field(default_factory=dict)
    """The worst case of each request in `batches` by its key; a part of `spent_usd`."""
    raced: dict[int, Mapping[str, Any]] = field(default_factory=dict)
    """By cell, the record that says which other cell beat it: it is asked nothing more."""
    sessions: int = 0
    """Number of the last session."""
    corrupt_lines: list[int] = field(default_factory=list)
    """Numbers, from 1, of lines that are not what was written: they count as never written."""
    size: int = 0
    """Bytes of all whole lines."""

    def offset(self, cell: int, case: int, repeat: int) -> int:
        """Offset of a trial by its row in `cases.jsonl`; `MISSING` when there is none."""
        shape = self.shapes[cell]
        return int(self.trials[cell][case - shape.first, repeat])

    def owed(self, cell: int, case: int, repeat: int) -> bool:
        """Whether the trial is still to be done."""
        return cell not in self.raced and self.offset(cell, case, repeat) == MISSING

    def n_owed(self, cell: int) -> int:
        """How many trials of a cell are still to be done."""
        return 0 if cell in self.raced else self._n_missing(cell)

    def n_raced(self, cell: int) -> int:
        """How many trials of a cell will never be done, since another cell beat it."""
        return self._n_missing(cell) if cell in self.raced else 0

    @property
    def n_done(self) -> int:
        """How many trials of all cells are not owed."""
        return sum(int((offsets != MISSING).sum()) for offsets in self.trials.values())

    def _n_missing(self, cell: int) -> int:
        return int((self.trials[cell] == MISSING).sum())


def read_index(path: Path, shapes: Sequence[CellShape], *, resume: bool) -> JournalIndex:
    """The index of the journal at `path`; an empty one when there is no journal yet.

    With `resume`, answers are indexed too, and trials without an outcome (errors, skipped, those
    that a judge failed) are not: they are owed again.
    """
    index = JournalIndex(shapes)
    for shape in shapes:
        index.trials[shape.cell] = np.full((shape.n, shape.repeats), MISSING, dtype=np.int64)
    if not path.exists():
        return index
    pass_ = _Pass(index, resume=resume)
    for line in read_lines(path, bodies=False):
        index.size = line.offset + len(line.raw)
        if line.record is None or not pass_.take(line.record, line.offset):
            index.corrupt_lines.append(line.number)
    pass_.finish()
    return index


def prepare_journal(path: Path, index: JournalIndex) -> None:
    """Make the journal ready for more lines, if it still is what was indexed.

    Called by who holds the run's lock. Raises OSError, StoreError.
    """
    if path.exists():
        cut_torn_tail(path)
    if (path.stat().st_size if path.exists() else 0) != index.size:
        raise StoreError(
            f"{path} grew while it was being read: another process went on with this run; "
            "give the command again"
        )
    if index.corrupt_lines:
        quarantine(path)


def read_trials(
    path: Path, index: JournalIndex, cell: int
) -> Iterator[tuple[int, int, dict[str, Any] | None]]:
    """(row in `cases.jsonl`, repeat, record) of every planned trial of a cell, in grid order.

    The record is None where the trial is missing or its line is corrupt.
    """
    shape = index.shapes[cell]
    if not path.exists():
        yield from (
            (shape.first + c, r, None) for c in range(shape.n) for r in range(shape.repeats)
        )
        return
    fd = os.open(path, os.O_RDONLY)
    try:
        for (case, repeat), offset in np.ndenumerate(index.trials[cell]):
            yield shape.first + case, repeat, _record_at(fd, int(offset))
    finally:
        os.close(fd)


def _record_at(fd: int, offset: int) -> dict[str, Any] | None:
    if offset == MISSING:
        return None
    try:
        return read_at(fd, offset)
    except CorruptLineError:
        return None


class _Pass:
    """One pass over a journal: keeps the attempts whose outcome has not been seen yet."""

    def __init__(self, index: JournalIndex, *, resume: bool) -> None:
        self._index = index
        self._resume = resume
        self._open: dict[tuple[int, str, int], Mapping[str, Any]] = {}
        self._ledger = BatchLedger()
        self._unclaimed: dict[str, tuple[str, float | None]] = {}

    def take(self, record: Mapping[str, Any], offset: int) -> bool:
        """Count one record; False when it is whole and still none of ours."""
        try:
            self._count(record, offset)
        except (AttributeError, IndexError, KeyError, TypeError, ValueError):
            return False
        return True

    def _count(self, record: Mapping[str, Any], offset: int) -> None:
        kind = record.get("type")
        # Not a count: the line that began a session may be corrupt.
        self._index.sessions = max(self._index.sessions, record.get("session", 0))
        if kind == "trial":
            self._take_trial(record, offset)
        elif kind == "intent" and record.get("batched"):
            self._ledger.intend(record)
        elif kind == "intent":
            self._open[_attempt(record)] = record
        elif kind == "call":
            self._take_answer(record, offset)
        elif kind == "failure":
            intent = self._settle(record)
            if record["possibly_billed"]:
                self._lose(intent)
        elif kind in _OF_BATCHES:
            self._ledger.take(record)
        elif kind == "raced":
            self._index.raced[self._shape(record).cell] = record

    def finish(self) -> None:
        """Count what was sent and never came back."""
        for intent in self._open.values():
            self._lose(intent)
        for intent in self._ledger.held():
            self._index.held_usd[intent["key"]] = _usd(intent.get("most_usd"))
            self._spend(intent["model"], intent.get("most_usd"))
        self._index.batches = self._ledger.open_batches()
        for model, paid in self._unclaimed.values():
            total = self._index.unclaimed_usd.get(model, Decimal(0))
            if total is not None:
                total = None if paid is None else total + _usd(paid)
            self._index.unclaimed_usd[model] = total

    def _take_trial(self, record: Mapping[str, Any], offset: int) -> None:
        shape = self._shape(record)
        row, repeat = record["case"] - shape.first, record["repeat"]
        is_owed = record["status"] in WITHOUT_ANSWER or record.get("incomplete", False)
        owed = self._resume and is_owed
        if 0 <= row < shape.n and 0 <= repeat < shape.repeats:
            self._index.trials[shape.cell][row, repeat] = MISSING if owed else offset
        for call in calls_of(record):
            if not call["cached"]:
                self._unclaimed.pop(call["key"], None)
        if self._resume:
            self._index.claims.take(record, is_owed=is_owed)

    def _shape(self, record: Mapping[str, Any]) -> CellShape:
        if record["cell"] < 0:
            raise IndexError(record["cell"])
        cell: int = record["cell"]
        return self._index.shapes[cell]

    def _take_answer(self, record: Mapping[str, Any], offset: int) -> None:
        if self._resume:
            self._index.answers[bytes.fromhex(record["key"])] = offset
        if record["cached"]:
            # Nobody will fetch the answer that a batch gives to this request.
            if (intent := self._ledger.settle(record["key"])) is not None:
                self._lose(intent)
            return
        intent = self._settle(record)
        paid = record["spent_usd"]
        self._spend(record["model"], intent.get("most_usd") if paid is None else paid)
        self._unclaimed[record["key"]] = (record["model"], paid)
        if self._resume:
            self._index.claims.unclaimed.add(record["key"])

    def _settle(self, record: Mapping[str, Any]) -> Mapping[str, Any]:
        """The intent whose outcome `record` is."""
        batched = self._ledger.settle(record["key"])
        return self._open.pop(_attempt(record), batched or record)

    def _lose(self, intent: Mapping[str, Any]) -> None:
        billed = self._index.possibly_billed
        billed[intent["key"]] = billed.get(intent["key"], 0) + 1
        self._spend(intent["model"], intent.get("most_usd"))

    def _spend(self, model: str, amount: float | None) -> None:
        spent = self._index.spent_usd
        spent[model] = spent.get(model, Decimal(0)) + _usd(amount)


_OF_BATCHES = frozenset({"batch", "batch_id", "batch_void"})


def _usd(amount: float | None) -> Decimal:
    return Decimal(str(amount or 0))


def _attempt(record: Mapping[str, Any]) -> tuple[int, str, int]:
    return record["session"], record["key"], record["attempt"]
