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

from evalrunner.store.journal import CorruptLineError, read_at, read_lines

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
    answers: dict[str, int] = field(default_factory=dict)
    """Offset of the answer to each request key; empty unless asked for."""
    possibly_billed: dict[str, int] = field(default_factory=dict)
    """Attempts per request key whose outcome nobody saw: sent, but neither answer nor refusal."""
    spent_usd: dict[str, Decimal] = field(default_factory=dict)
    """Paid per model, attempts whose outcome nobody saw at their worst case included."""
    sessions: int = 0
    corrupt_lines: list[int] = field(default_factory=list)

    def offset(self, cell: int, case: int, repeat: int) -> int:
        """Offset of a trial by its row in `cases.jsonl`; `MISSING` when there is none."""
        shape = self.shapes[cell]
        return int(self.trials[cell][case - shape.first, repeat])

    def owed(self, cell: int, case: int, repeat: int) -> bool:
        """Whether the trial is still to be done."""
        return self.offset(cell, case, repeat) == MISSING

    def n_owed(self, cell: int) -> int:
        """How many trials of a cell are still to be done."""
        return int((self.trials[cell] == MISSING).sum())

    @property
    def n_done(self) -> int:
        """How many trials of all cells are not owed."""
        return sum(int((offsets != MISSING).sum()) for offsets in self.trials.values())


def read_index(path: Path, shapes: Sequence[CellShape], *, resume: bool) -> JournalIndex:
    """The index of the journal at `path`; an empty one when there is no journal yet.

    With `resume`, answers are indexed too, and trials without an outcome (errors, skipped) are
    not: they are owed again.
    """
    index = JournalIndex(shapes)
    for shape in shapes:
        index.trials[shape.cell] = np.full((shape.n, shape.repeats), MISSING, dtype=np.int64)
    if not path.exists():
        return index
    pass_ = _Pass(index, resume=resume)
    for line in read_lines(path):
        if line.record is None:
            index.corrupt_lines.append(line.number)
        else:
            pass_.take(line.record, line.offset)
    pass_.finish()
    return index


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

    def take(self, record: Mapping[str, Any], offset: int) -> None:
        """Count one record."""
        kind = record.get("type")
        if kind == "trial":
            self._take_trial(record, offset)
        elif kind == "intent":
            self._open[_attempt(record)] = record
        elif kind == "call":
            self._take_answer(record, offset)
        elif kind == "failure":
            intent = self._open.pop(_attempt(record), record)
            if record["possibly_billed"]:
                self._lose(intent)
        elif kind == "session":
            self._index.sessions += 1

    def finish(self) -> None:
        """Count what was sent and never came back."""
        for intent in self._open.values():
            self._lose(intent)

    def _take_trial(self, record: Mapping[str, Any], offset: int) -> None:
        shape = self._index.shapes[record["cell"]]
        row, repeat = record["case"] - shape.first, record["repeat"]
        owed = self._resume and record["status"] in _OWED
        if 0 <= row < shape.n and 0 <= repeat < shape.repeats:
            self._index.trials[shape.cell][row, repeat] = MISSING if owed else offset

    def _take_answer(self, record: Mapping[str, Any], offset: int) -> None:
        intent = self._open.pop(_attempt(record), record)
        if self._resume:
            self._index.answers[record["key"]] = offset
        if not record["cached"]:
            paid = record["spent_usd"]
            self._spend(record["model"], intent.get("most_usd") if paid is None else paid)

    def _lose(self, intent: Mapping[str, Any]) -> None:
        billed = self._index.possibly_billed
        billed[intent["key"]] = billed.get(intent["key"], 0) + 1
        self._spend(intent["model"], intent.get("most_usd"))

    def _spend(self, model: str, amount: float | None) -> None:
        spent = self._index.spent_usd
        spent[model] = spent.get(model, Decimal(0)) + Decimal(str(amount or 0))


_OWED = frozenset({"error", "skipped"})


def _attempt(record: Mapping[str, Any]) -> tuple[int, str, int]:
    return record["session"], record["key"], record["attempt"]
