"""The answers of a run that people can be asked about, and how far their verdicts disagree."""

from __future__ import annotations

import json
import weakref
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

from evalrunner.errors import ConfigError, Problem, StoreError
from evalrunner.human.tasks import Output
from evalrunner.planning import CellSpec

_ANSWERED = frozenset({"ok", "refused", "truncated"})


class Answers:
    """The answers of some cells; texts are read when they are asked for.

    Raises ConfigError where the run has no trials yet, StoreError where they cannot be read.

    Args:
        directory: Of the run.
        specs: Cells of one facet.
    """

    def __init__(self, directory: Path, specs: Sequence[CellSpec]) -> None:
        self._path = directory / "trials.jsonl"
        self._specs = {spec.id: spec for spec in specs}
        self._places: dict[str, dict[int, dict[int, int]]] = {}
        """Where the row stands, by case, cell and repeat."""
        self._values: dict[str, dict[int, list[float]]] = {}
        self._wavering: dict[str, float] = {}
        self.n_silent: Counter[int] = Counter()
        """Trials of each cell that have no text to show."""
        try:
            self._file = self._path.open("rb")
            weakref.finalize(self, self._file.close)
            self._scan()
        except FileNotFoundError as error:
            what, hint = "has no trials.jsonl", f"type: evalrunner report {directory}"
            raise ConfigError(Problem(where=str(directory), what=what, hint=hint)) from error
        except OSError as error:
            raise StoreError(f"{self._path} cannot be read: {error.strerror}") from error

    def repeats(self, case_id: str) -> Mapping[int, Sequence[int]]:
        """By cell the repeats that were answered in words; cells without any are left out."""
        return {cell: tuple(found) for cell, found in self._places.get(case_id, {}).items()}

    def output(self, case_id: str, cell: int, repeat: int) -> Output:
        """One of those answers."""
        self._file.seek(self._places[case_id][cell][repeat])
        row = self._parsed(self._file.readline())
        return Output(cell=cell, repeat=repeat, text=row["output"])

    def disagreement(self, case_id: str) -> float:
        """How far the cells' quality differs, or else the verdicts of judges on one answer.

        From 0 to 1: the largest range of either; 0 where nothing was scored.
        """
        means = [fmean(values) for values in self._values.get(case_id, {}).values()]
        return min(1.0, max(_range(means), self._wavering.get(case_id, 0.0)))

    def _scan(self) -> None:
        place = 0
        for line in self._file:
            row = self._parsed(line)
            if row["cell"] in self._specs:
                self._count(row, place)
            place += len(line)

    def _count(self, row: Mapping[str, Any], place: int) -> None:
        case, cell, text = row["case_id"], row["cell"], row["output"]
        if row["status"] in _ANSWERED and isinstance(text, str) and text.strip():
            self._places.setdefault(case, {}).setdefault(cell, {})[row["repeat"]] = place
        else:
            self.n_silent[cell] += 1
        score = row["scores"].get(self._specs[cell].quality_scorer) or {}
        if score.get("value") is not None:
            self._values.setdefault(case, {}).setdefault(cell, []).append(score["value"])
        wavering = _wavering(score.get("judgements") or ())
        self._wavering[case] = max(wavering, self._wavering.get(case, 0.0))

    def _parsed(self, line: bytes) -> dict[str, Any]:
        try:
            row = json.loads(line)
            if row.keys() >= {"cell", "case_id", "repeat", "output", "status", "scores"}:
                return dict(row)
        except (ValueError, AttributeError) as error:
            raise self._foreign() from error
        raise self._foreign()

    def _foreign(self) -> StoreError:
        hint = f"type: evalrunner report {self._path.parent}"
        return StoreError(f"{self._path} has a row that is no trial; {hint}")


def _wavering(judgements: Iterable[Mapping[str, Any]]) -> float:
    """The largest range of verdicts on one answer: of a panel, of repeats, of both orders."""
    values: dict[int | None, list[float]] = {}
    for each in judgements:
        if each["value"] is not None:
            values.setdefault(each.get("opponent"), []).append(each["value"])
    return max(map(_range, values.values()), default=0.0)


def _range(values: Sequence[float]) -> float:
    return max(values) - min(values) if values else 0.0
