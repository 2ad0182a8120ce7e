"""What people said of the answers: `labels.jsonl`, matched with the trials it is about."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from evalrunner.planning import CellSpec
from evalrunner.types import Json

LABELS = "labels.jsonl"


class Labels:
    """Labels of the quality scorer's verdicts, by case.

    A label that names its output's hash counts for that output alone; one that names neither cell
    nor output counts only where there is but one candidate. Lines that are no label are passed
    over: a page is no place to check them.

    Args:
        directory: Of the run.
        specs: All cells of the run.
    """

    def __init__(self, directory: Path, specs: Sequence[CellSpec]) -> None:
        self._is_alone = sum(spec.role == "candidate" for spec in specs) == 1
        self._by_case: dict[str, list[Mapping[str, Json]]] = {}
        for label in _labels(directory / LABELS):
            self._by_case.setdefault(label["case_id"], []).append(label)

    def of(self, spec: CellSpec, row: Mapping[str, Any]) -> list[float]:
        """The labels of one trial."""
        if not self._by_case:
            return []
        return [
            float(label["label"])
            for label in self._by_case.get(row["case_id"], ())
            if self._is_about(label, spec, row)
        ]

    def _is_about(self, label: Mapping[str, Json], spec: CellSpec, row: Mapping[str, Any]) -> bool:
        if label.get("scorer") not in {None, spec.quality_scorer, spec.quality}:
            return False
        if label.get("repeat") not in {None, row["repeat"]}:
            return False
        bound = label.get("output_sha256")
        if bound is not None and bound != _sha256(row["output"]):
            return False
        cell = label.get("cell")
        if cell is None:
            return bound is not None or (self._is_alone and spec.role == "candidate")
        return cell in (spec.id, spec.label)


def _labels(path: Path) -> Iterator[dict[str, Any]]:
    """The usable labels of whole answers; those of a single criterion are left out."""
    if not path.is_file():
        return
    with path.open("rb") as file:
        for line in file:
            try:
                label = json.loads(line)
            except (ValueError, RecursionError):
                continue
            if isinstance(label, dict) and _is_label(label):
                yield label


def _is_label(label: Mapping[str, Any]) -> bool:
    value = label.get("label")
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0 <= value <= 1:
        return False
    return isinstance(label.get("case_id"), str) and label.get("criterion") is None


def _sha256(output: str | None) -> str | None:
    if output is None:
        return None
    return hashlib.sha256(output.encode("utf-8", "surrogatepass")).hexdigest()
