"""`labels.jsonl`: what people say that outputs should have scored."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from evalrunner.store.people.lines import append_said, number_in, read_said, text_in
from evalrunner.types.people import Label

LABELS = "labels.jsonl"


def read_labels(directory: Path) -> tuple[list[Label], list[int]]:
    """The labels of a run in the order in which they were given, and the lines that are broken."""
    found = list(read_said(directory / LABELS, label_from_json))
    labels = [label for _, label in found if label is not None]
    return labels, [number for number, label in found if label is None]


def append_labels(directory: Path, labels: Sequence[Label]) -> None:
    """Record all of the labels or none; on disk when this returns. Raises StoreError."""
    append_said(directory / LABELS, map(_label_json, labels))


def label_from_json(record: Mapping[str, Any]) -> Label:
    """A label. Raises ValueError that says what is wrong."""
    label = number_in(record, "label", most=1)
    if label is None:
        raise ValueError("'label' is missing")
    cell, repeat = record.get("cell"), record.get("repeat")
    if cell is not None and (isinstance(cell, bool) or not isinstance(cell, int | str)):
        raise ValueError(f"'cell' must be the id or the label of a cell, not {cell!r:.40}")
    if repeat is not None and (isinstance(repeat, bool) or not isinstance(repeat, int)):
        raise ValueError(f"'repeat' must be a whole number, not {repeat!r:.40}")
    return Label(
        case_id=text_in(record, "case_id", needed=True) or "",
        label=label,
        cell=cell,
        scorer=text_in(record, "scorer"),
        criterion=text_in(record, "criterion"),
        repeat=repeat,
        output_sha256=text_in(record, "output_sha256"),
        rater=text_in(record, "rater"),
    )


def _label_json(label: Label) -> dict[str, Any]:
    return {name: value for name, value in asdict(label).items() if value is not None}
