"""Random access to `trials.jsonl`: the rows of any range of cases, without holding the others.

The file is grouped by cell in grid order, each case's repeats together, so that the rows of a range
of cases are one piece of it for every cell.
"""

from __future__ import annotations

import json
import os
import weakref
from array import array
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from evalrunner.errors import StoreError
from evalrunner.planning import CellSpec


class TrialRows:
    """The rows of a run. Raises StoreError for a file that has not one row for each trial.

    Args:
        path: Of `trials.jsonl`.
        specs: All cells of the run.
    """

    def __init__(self, path: Path, specs: Sequence[CellSpec]) -> None:
        self._path = path
        self._specs = specs
        self._starts: dict[int, array[int]] = {}
        try:
            self._file = path.open("rb")
        except OSError as error:
            raise StoreError(f"{path}: cannot be read: {error.strerror}") from error
        weakref.finalize(self, self._file.close)

    @property
    def n_bytes(self) -> int:
        """Size of the file."""
        return os.fstat(self._file.fileno()).st_size

    def scan(self, spec: CellSpec) -> Iterator[tuple[int, dict[str, Any]]]:
        """(place of its case in the cell, row) of a cell.

        Cells are scanned in grid order, each to its end, before any rows are asked for by range.
        """
        starts = self._starts[spec.id] = array("q")
        for place in range(spec.n):
            starts.append(self._file.tell())
            for _ in range(spec.repeats):
                row = self._parsed(self._file.readline())
                if row.get("cell") != spec.id:
                    raise self._foreign()
                yield place, row
        starts.append(self._file.tell())

    def of(self, spec: CellSpec, places: range) -> list[list[dict[str, Any]]]:
        """The rows of these cases of a cell, a list for each case."""
        starts, here = self._starts[spec.id], places[: max(0, spec.n - places.start)]
        if not here:
            return []
        first, end = starts[here.start], starts[here.stop]
        block = os.pread(self._file.fileno(), end - first, first)
        return [
            [self._parsed(line) for line in block[starts[at] - first : starts[at + 1] - first].split(b"\n")[:-1]]
            for at in here
        ]

    def _parsed(self, line: bytes) -> dict[str, Any]:
        try:
            row: dict[str, Any] = json.loads(line.decode("ascii"))
        except ValueError as error:
            raise self._foreign() from error
        return row

    def _foreign(self) -> StoreError:
        hint = f"type: evalrunner report {self._path.parent}"
        return StoreError(f"{self._path} has not one row for each planned trial; {hint}")
