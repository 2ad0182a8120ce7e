"""`labels.jsonl`: what people say that outputs should have scored."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from evalrunner.errors import StoreError
from evalrunner.store.files import sync_directory
from evalrunner.store.journal import cut_torn_tail, encode_line
from evalrunner.store.people.lines import number_in, read_said, text_in
from evalrunner.types.people import Label

LABELS = "labels.jsonl"


def read_labels(directory: Path) -> tuple[list[Label], list[int]]:
    """The labels of a run in the order in which they were given, and the lines that are broken."""
    found = list(read_said(directory / LABELS, label_from_json))
    labels = [label for _, label in found if label is not None]
    return labels, [number for number, label in found if label is None]


def append_labels(directory: Path, labels: Sequence[Label]) -> None:
    """Record labels; they are on disk when this returns. Raises StoreError."""
    path = directory / LABELS
    try:
        if path.exists():
            cut_torn_tail(path)
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW
        with os.fdopen(os.open(path, flags, 0o644), "ab") as file:
            file.write(b"".join(encode_line(_label_json(label)) for label in labels))
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise StoreError(f"cannot write {path}: {error.strerror}") from error
    sync_directory(directory)


def label_from_json(record: Mapping[str, Any]) -> Label:
    """A label. Raises ValueError that says what is wrong."""
    label = number_in(record, "label", most=1)
    if label is None:
        raise ValueError("'label' must be a number from 0 to 1")
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
