"""People's labels of production records: a file that may hold those of many periods."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from evalrunner.datasets._problems import Problems
from evalrunner.datasets._readers import read_rows
from evalrunner.production.trend.records import SampledRecord
from evalrunner.store.people import label_from_json
from evalrunner.types import Json
from evalrunner.types.people import Label

_SUFFIXES = (".jsonl", ".json", ".csv")
_WORDS = {"pass": 1.0, "yes": 1.0, "true": 1.0, "fail": 0.0, "no": 0.0, "false": 0.0}
"""What a spreadsheet may say instead of a number."""


def read_period_labels(path: Path, records: Sequence[SampledRecord]) -> dict[str, float]:
    """By record the mean of what people said of it; labels of other records are left out.

    Rows are `{id (or case_id), label, rater?, output_sha256?}`; a later one of a rater replaces an
    earlier one. Raises ConfigError with every problem of the file.
    """
    problems = Problems(str(path))
    if path.suffix.lower() not in _SUFFIXES:
        problems.file("is no file of labels", f"it must be one of: {', '.join(_SUFFIXES)}")
        problems.raise_any()
    outputs = {record.id: record.output_sha256 for record in records}
    said: dict[str, dict[str | None, float]] = defaultdict(dict)
    for line, label in _read(path, problems):
        if label.case_id not in outputs:
            continue
        output = outputs[label.case_id]
        if label.output_sha256 not in (None, output):
            what = f"is about another output than record {label.case_id!r} has"
            problems.row(line, what, "label what was logged, or take the label out")
        elif output is None:
            problems.row(line, f"record {label.case_id!r} has no whole output to label")
        else:
            said[label.case_id][label.rater] = label.label
    problems.raise_any()
    return {record: sum(by.values()) / len(by) for record, by in sorted(said.items())}


def _read(path: Path, problems: Problems) -> Iterator[tuple[int, Label]]:
    for line, row in read_rows(path, problems, encoding="utf-8"):
        try:
            label = label_from_json(_fields(row))
        except ValueError as error:
            problems.row(line, str(error), "a label is {id, label from 0 (fail) to 1 (pass)}")
            continue
        if label.criterion is not None:
            problems.row(line, "labels one criterion; here labels are about whole outputs")
        else:
            yield line, label


def _fields(row: Mapping[str, Json]) -> dict[str, Any]:
    """As `label_from_json` reads them. Raises ValueError."""
    found = {name: value for name, value in row.items() if value not in (None, "")}
    if "id" in found:
        found.setdefault("case_id", found.pop("id"))
    label = found.get("label")
    if isinstance(label, str):
        text = label.strip().casefold()
        found["label"] = _WORDS[text] if text in _WORDS else float(text)
    return found
