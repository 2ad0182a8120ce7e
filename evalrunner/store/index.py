"""What a journal holds, found in one pass: where each trial stands, and what is still owed.

Memory grows by eight bytes a planned trial; records are read again by their offset.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
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
    sessions: int = 0
    corrupt_lines: list[int] = field(default_factory=list)

    def offset(self, cell: int, case: int, repeat: int) -> int:
        """Offset of a trial by its row in `cases.jsonl`; `MISSING` when there is none."""
        shape = self.shapes[cell]
        return int(self.trials[cell][case - shape.first, repeat])

    def done(self, *, cell: int, case: int, repeat: int) -> bool:
        """Whether the trial was recorded, whatever came of it."""
        return self.offset(cell, case, repeat) != MISSING

    def forget(self, path: Path, *, statuses: Collection[str]) -> None:
        """Count trials with one of these statuses as missing: they are to be done again."""
        for shape in self.shapes:
            for case, repeat, record in read_trials(path, self, shape.cell):
                if record is None or record["status"] in statuses:
                    self.trials[shape.cell][case - shape.first, repeat] = MISSING


def read_index(path: Path, shapes: Sequence[CellShape], *, with_answers: bool) -> JournalIndex:
    """The index of the journal at `path`; an empty one when there is no journal yet.

    Trials that ended in an error or were skipped are indexed too: who resumes decides.
    """
    index = JournalIndex(shapes)
    for shape in shapes:
        index.trials[shape.cell] = np.full((shape.n, shape.repeats), MISSING, dtype=np.int64)
    if not path.exists():
        return index
    open_intents: dict[tuple[int, str, int], None] = {}
    for line in read_lines(path):
        if line.record is None:
            index.corrupt_lines.append(line.number)
        else:
            _take(index, line.record, line.offset, open_intents, with_answers=with_answers)
    for _, key, _ in open_intents:
        index.possibly_billed[key] = index.possibly_billed.get(key, 0) + 1
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


def _take(
    index: JournalIndex,
    record: Mapping[str, Any],
    offset: int,
    open_intents: dict[tuple[int, str, int], None],
    *,
    with_answers: bool,
) -> None:
    kind = record.get("type")
    if kind == "trial":
        _take_trial(index, record, offset)
    elif kind == "intent":
        open_intents[_attempt(record)] = None
    elif kind == "call":
        open_intents.pop(_attempt(record), None)
        if with_answers:
            index.answers[record["key"]] = offset
    elif kind == "failure":
        open_intents.pop(_attempt(record), None)
        if record["possibly_billed"]:
            key = record["key"]
            index.possibly_billed[key] = index.possibly_billed.get(key, 0) + 1
    elif kind == "session":
        index.sessions += 1


def _take_trial(index: JournalIndex, record: Mapping[str, Any], offset: int) -> None:
    shape = index.shapes[record["cell"]]
    row, repeat = record["case"] - shape.first, record["repeat"]
    if 0 <= row < shape.n and 0 <= repeat < shape.repeats:
        index.trials[shape.cell][row, repeat] = offset


def _attempt(record: Mapping[str, Any]) -> tuple[int, str, int]:
    return record["session"], record["key"], record["attempt"]
