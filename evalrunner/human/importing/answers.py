"""What a row of each form answers: the same fields as a line of `votes.jsonl`.

A reader gives None for a row that nobody answered, and raises ValueError saying what is wrong.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from evalrunner.human.importing.argilla import argilla_answer
from evalrunner.human.importing.label_studio import label_studio_answer
from evalrunner.human.importing.words import SHOWN, answer_of
from evalrunner.types.people import Task, TaskKey

Fields: TypeAlias = Mapping[str, Any]


def own_answer(row: Fields) -> dict[str, Any] | None:
    """Of a line of `votes.jsonl`, or of what the static page downloads."""
    if row.get("rater") is None:
        raise ValueError("'rater' is missing")
    return dict(row)


def table_answer(row: Fields) -> dict[str, Any] | None:
    """Of a row of a spreadsheet."""
    # An apostrophe was ours, or the spreadsheet's: neither an id nor a name begins with one.
    answer: dict[str, Any] = {
        "task_id": row["task_id"].strip().lstrip("'"),
        "rater": row.get("rater", "").strip().lstrip("'") or None,
        "note": row.get("note", "").strip() or None,
        **{name: row[name] for name in SHOWN if name in row},
    }
    vote = answer_of(row.get("vote", ""), "vote")
    if vote is not None:
        return answer | vote
    label = answer_of(row.get("label", ""), "label")
    return None if label is None else answer | {"criterion": row.get("criterion")} | label


READERS: Mapping[str, Callable[[Fields], dict[str, Any] | None]] = {
    "votes": own_answer,
    "csv": table_answer,
    "label-studio": label_studio_answer,
    "argilla": argilla_answer,
}
"""By the form's name on the command line."""


def form_of(row: Fields) -> str | None:
    """Which form a JSON object is of; None when it is of none."""
    if row.keys() & {"annotations", "data"}:
        return "label-studio"
    if row.keys() & {"responses", "fields", "_server_id"}:
        return "argilla"
    return "votes" if "task_id" in row else None


def no_answer(row: Fields) -> str | None:
    """What an object is that nobody answers in: a line of the run's own tasks, or of their key."""
    if row.keys() == TaskKey.__dataclass_fields__.keys():
        return "is the key of the tasks, which no rater must see"
    if row.keys() == Task.__dataclass_fields__.keys():
        return "is the list of the tasks, which nobody answers in"
    return None
