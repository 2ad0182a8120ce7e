"""Tasks for Argilla 2: records, and the settings of the dataset that takes them.

`rg.Settings.from_json` and `dataset.records.from_json` read the two. Argilla shows fields below
one another; a rubric becomes one record a criterion, since a dataset asks all records the same.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from evalrunner.human.forms.texts import criteria_text, input_text, plain
from evalrunner.types.people import Task

_PAIRWISE_FIELDS = {
    "instructions": "Instructions",
    "input": "Input",
    "rating_criteria": "Criteria",
    "output_a": "Left output",
    "output_b": "Right output",
}
_RUBRIC_FIELDS = {
    "instructions": "Instructions",
    "input": "Input",
    "output_a": "Output",
    "criterion": "Criterion",
}
_VOTES = {
    "left": "Left is better",
    "right": "Right is better",
    "tie": "Tie",
    "both_bad": "Both are bad",
}
_LABELS = {"met": "Met", "not_met": "Not met"}


def write_argilla(tasks: Sequence[Task]) -> dict[str, str]:
    """Texts of the files by suffix: records for tasks of one kind, and the dataset's settings."""
    if any(task.kind == "pairwise" for task in tasks):
        question = _question("vote", "Which output is better?", _VOTES)
        settings = _settings(_PAIRWISE_FIELDS, question)
    else:
        question = _question("label", "Does the output meet the criterion?", _LABELS)
        settings = _settings(_RUBRIC_FIELDS, question)
    records = [record for task in tasks for record in _records(task)]
    return {
        ".argilla.json": json.dumps(records, indent=1, allow_nan=False) + "\n",
        ".argilla-settings.json": json.dumps(settings, indent=1) + "\n",
    }


def _settings(fields: Mapping[str, str], question: Mapping[str, Any]) -> dict[str, Any]:
    text = {"type": "text", "use_markdown": False}
    note = {"name": "note", "title": "Note", "required": False, "settings": text}
    return {
        "guidelines": None,
        # An output may be empty, which Argilla takes for missing.
        "fields": [
            {"name": name, "title": title, "required": name == "input", "settings": text}
            for name, title in fields.items()
        ],
        "questions": [question, note],
        "metadata": [
            {"name": name, "title": name, "settings": {"type": "terms"}}
            for name in ("task_id", "rater")
        ],
        "vectors": [],
        "allow_extra_metadata": False,
        "distribution": {"strategy": "overlap", "min_submitted": 1},
        "mapping": None,
    }


def _question(name: str, title: str, labels: Mapping[str, str]) -> dict[str, Any]:
    options = [{"value": value, "text": text} for value, text in labels.items()]
    settings = {"type": "label_selection", "options": options}
    return {"name": name, "title": title, "required": True, "settings": settings}


def _records(task: Task) -> Iterator[dict[str, Any]]:
    shown = {
        "instructions": plain(task.instructions),
        "input": input_text(task.input),
        "output_a": plain(task.output_a),
    }
    metadata = {"task_id": task.task_id, "rater": task.rater}
    if task.kind == "pairwise":
        fields = shown | {
            "output_b": plain(task.output_b or ""),
            "rating_criteria": criteria_text(task.rating_criteria),
        }
        yield {"id": task.task_id, "fields": fields, "metadata": metadata}
        return
    for place, criterion in enumerate(task.rating_criteria, start=1):
        fields = shown | {"criterion": plain(criterion)}
        yield {"id": f"{task.task_id}-{place}", "fields": fields, "metadata": metadata}
