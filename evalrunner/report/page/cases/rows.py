"""Random access to `trials.jsonl`: the trials of any range of cases, without holding the others.

The file is grouped by cell in grid order, each case's repeats together, so that the rows of a range
of cases are one piece of it for every cell. What a page shows of a row is cut out of its text:
parsing it once more and writing it again would take longer than all else.
"""

from __future__ import annotations

import json
import math
import os
import re
import weakref
from array import array
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from evalrunner.errors import StoreError
from evalrunner.formatting import seconds, usd
from evalrunner.planning import CellSpec
from evalrunner.types import Case

# ASCII, so that half of a surrogate pair is as good as any other character.
encode = json.JSONEncoder(separators=(",", ":"), allow_nan=False).encode
_NEEDED = {"cell", "case_id", "repeat", "output", "status", "scores", "cost_usd", "latency_s"}
_PROMPT = '"prompt_sha256":'
_REQUEST_KEY = re.compile(r'"key":"[0-9a-f]{64}",')
"""Outside of any string, where its quotes would be escaped."""


class TrialRows:
    """The rows of a run. Raises StoreError for a file that has not one row for each trial.

    Args:
        path: Of `trials.jsonl`, as `report` writes it.
        specs: All cells of the run.
    """

    def __init__(self, path: Path, specs: Sequence[CellSpec]) -> None:
        self._path = path
        self._axes = {spec.id: encode(dict(spec.axes)) for spec in specs}
        self._starts: dict[int, array[int]] = {spec.id: array("q") for spec in specs}
        self._measured: dict[int, array[float]] = {spec.id: array("d") for spec in specs}
        """Cost and latency of each trial; NaN = unknown."""
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
        """(place of its case in the cell, row) of every trial of a cell.

        Cells are scanned in grid order, each to its end, before anything else is asked for.
        """
        starts, measured = self._starts[spec.id], self._measured[spec.id]
        offset = self._file.tell()
        for trial in range(spec.n_trials):
            line = self._file.readline()
            row = self._parsed(line.decode("ascii", "replace"))
            if row["cell"] != spec.id:
                raise self._foreign()
            starts.append(offset)
            offset += len(line)
            measured.extend(_or_nan(row[name]) for name in ("cost_usd", "latency_s"))
            yield trial // spec.repeats, row
        starts.append(offset)

    def texts(self, spec: CellSpec, places: range, cases: Sequence[Case]) -> list[list[str]]:
        """The trials of some cases of a cell as JSON, a list a case; `cases` are those cases.

        Cases that the cell was not asked are left out at the end.
        """
        axes, found = self._axes[spec.id], list[list[str]]()
        for case, place, lines in zip(cases, places, self._lines(spec, places), strict=False):
            case_id, given = encode(case.id), encode(case.input)
            found.append([])
            for repeat, line in enumerate(lines):
                head = (
                    f'{{"cell":{spec.id},"case_id":{case_id},"repeat":{repeat},"axes":{axes},'
                    f'"input":{given},{_PROMPT}'
                )
                if not line.startswith(head):
                    raise self._foreign()
                shown = self._shown(spec, place * spec.repeats + repeat)
                tail = _REQUEST_KEY.sub("", line[len(head) : -1])
                found[-1].append(f'{{"repeat":{repeat},"prompt":{tail},"shown":{shown}}}')
        return found

    def rows(self, spec: CellSpec, places: range) -> list[list[dict[str, Any]]]:
        """As `texts`, but the rows themselves."""
        return [[self._parsed(line) for line in lines] for lines in self._lines(spec, places)]

    def _lines(self, spec: CellSpec, places: range) -> list[list[str]]:
        """By case, the lines of its repeats."""
        here = places[: max(0, spec.n - places.start)]
        if not here:
            return []
        n, starts = spec.repeats, self._starts[spec.id]
        first, end = starts[here.start * n], starts[here.stop * n]
        block = os.pread(self._file.fileno(), end - first, first).decode("ascii", "replace")
        lines = block.split("\n")
        return [lines[at : at + n] for at in range(0, len(here) * n, n)]

    def _shown(self, spec: CellSpec, trial: int) -> str:
        """How people read what was measured."""
        cost, latency = (
            None if math.isnan(value) else value
            for value in self._measured[spec.id][2 * trial : 2 * trial + 2]
        )
        return encode({"cost": usd(cost), "latency": seconds(latency)})

    def _parsed(self, line: str) -> dict[str, Any]:
        try:
            row = json.loads(line)
        except ValueError as error:
            raise self._foreign() from error
        if not isinstance(row, dict) or not row.keys() >= _NEEDED:
            raise self._foreign()
        return row

    def _foreign(self) -> StoreError:
        hint = f"type: evalrunner report {self._path.parent}"
        return StoreError(f"{self._path} has not one row for each planned trial; {hint}")


def _or_nan(value: float | None) -> float:
    return math.nan if value is None else value
