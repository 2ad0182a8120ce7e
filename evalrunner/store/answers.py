"""Where the raw answers of a run stand in its journal, and which requests each trial led to.

Found in one pass that parses next to nothing: a line's kind, its key and its checksum.
"""

from __future__ import annotations

import os
import re
import weakref
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from evalrunner.store.index import CellShape
from evalrunner.store.journal import CorruptLineError, is_whole, read_at

_TRIAL = re.compile(
    rb'\{"type":"trial","cell":(\d+),"case":(\d+),"case_id":"(?:[^"\\]|\\.)*","repeat":(\d+),'
    rb'"key":"([0-9a-f]{64})"'
)
_ANSWER = re.compile(rb'\{"type":"(call|failure)","session":\d+,"key":"([0-9a-f]{64})"')
_KEY_BYTES = 32


class RawAnswers:
    """The bodies that a journal holds, by request key; of several for one request the last.

    Corrupt lines count as never written. Without a journal, or cells, there are none.

    Args:
        path: The journal.
        shapes: Of all cells.
    """

    def __init__(self, path: Path, shapes: Sequence[CellShape]) -> None:
        self._shapes = {shape.cell: shape for shape in shapes}
        self._keys = {s.cell: bytearray(s.n * s.repeats * _KEY_BYTES) for s in shapes}
        self._offsets: dict[bytes, int] = {}
        self._failures: dict[bytes, int] = {}
        self._fd: int | None = None
        if shapes and path.is_file():
            self._fd = os.open(path, os.O_RDONLY)
            weakref.finalize(self, os.close, self._fd)
            self._scan(path)

    def __len__(self) -> int:
        return len(self._offsets) + len(self._failures)

    def key(self, cell: int, place: int, repeat: int) -> str | None:
        """The key of a trial's request, by the place of its case in the cell; None = unknown."""
        start = (place * self._shapes[cell].repeats + repeat) * _KEY_BYTES
        key = self._keys[cell][start : start + _KEY_BYTES]
        return key.hex() if any(key) else None

    def record(self, key: str) -> dict[str, Any] | None:
        """The journal's record of the answer to a request; of what failed, of its last failure."""
        known = bytes.fromhex(key)
        offset = self._offsets.get(known, self._failures.get(known))
        if offset is None or self._fd is None:
            return None
        try:
            return read_at(self._fd, offset)
        except CorruptLineError:
            return None

    def _scan(self, path: Path) -> None:
        offset = 0
        with path.open("rb") as file:
            for line in file:
                if (answer := _ANSWER.match(line)) and is_whole(line):
                    found = self._offsets if answer[1] == b"call" else self._failures
                    found[bytes.fromhex(answer[2].decode())] = offset
                elif (trial := _TRIAL.match(line)) and is_whole(line):
                    self._take(*map(int, trial.group(1, 2, 3)), key=trial[4])
                offset += len(line)

    def _take(self, cell: int, case: int, repeat: int, *, key: bytes) -> None:
        shape = self._shapes.get(cell)
        if shape is None or not 0 <= case - shape.first < shape.n or repeat >= shape.repeats:
            return
        start = ((case - shape.first) * shape.repeats + repeat) * _KEY_BYTES
        self._keys[cell][start : start + _KEY_BYTES] = bytes.fromhex(key.decode())
