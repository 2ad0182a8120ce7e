"""What a record exported from Argilla 2 answers.

`records.to_list(flatten=True)` says of each response whether it was submitted. `records.to_json`
does not; there a record's own status does, as one response completes it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from evalrunner.datasets import quoted
from evalrunner.human.importing.words import SKIPPED, TOLD, Question, answer_of, objects_in

_SUFFIX = ".responses"


@dataclass(slots=True)
class _Response:
    """Of one user."""

    status: object
    values: dict[str, Any] = field(default_factory=dict)
    """By question."""


def argilla_answer(record: Mapping[str, Any]) -> dict[str, Any] | None:
    """The one response that was submitted; drafts are none. Discarded only is a skip.

    Raises ValueError.
    """
    shown = _flat(record)
    if "task_id" not in shown:
        raise ValueError("has no metadata 'task_id': this is no record of ours")
    responses = _responses(record)
    submitted = {user: each for user, each in responses.items() if each.status == "submitted"}
    if len(submitted) > 1:
        what = f"{len(submitted)} responses, by {', '.join(map(quoted, submitted))}"
        raise ValueError(f"{what}; a task is asked one rater: leave only theirs")
    answer = {name: shown[name] for name in TOLD if name in shown}
    question: Question = "label" if "criterion" in shown else "vote"
    for response in submitted.values():
        said = _said(response.values, question)
        return None if said is None else answer | said
    is_discarded = any(each.status == "discarded" for each in responses.values())
    return answer | SKIPPED[question] if is_discarded else None


def _said(values: Mapping[str, Any], question: Question) -> dict[str, Any] | None:
    given = values.get(question)
    said = answer_of("" if given is None else str(given), question)
    return None if said is None else said | {"note": values.get("note")}


def _flat(record: Mapping[str, Any]) -> dict[str, Any]:
    flat = dict(record)
    for part in (record.get("fields"), record.get("metadata")):
        flat |= part if isinstance(part, dict) else {}
    return flat


def _responses(record: Mapping[str, Any]) -> dict[str, _Response]:
    """By user."""
    nested = record.get("responses")
    if isinstance(nested, Mapping):
        return _nested(nested, record.get("status"))
    if nested is not None:
        return _by_user(objects_in(nested, "'responses'"))
    if "fields" in record:
        raise ValueError("has no 'responses': export the records with their responses")
    return _columns(record)


def _nested(nested: Mapping[str, Any], status: object) -> dict[str, _Response]:
    if nested and status not in ("completed", "pending"):
        what = "does not say whether its responses were submitted"
        raise ValueError(f"{what}: export with records.to_list(flatten=True)")
    found: dict[str, _Response] = {}
    said = "submitted" if status == "completed" else "draft"
    for question, given in nested.items():
        for each in objects_in(given, f"the responses to {question!r}"):
            response = found.setdefault(str(each.get("user_id")), _Response(said))
            response.values[question] = each.get("value")
    return found


def _by_user(responses: list[dict[str, Any]]) -> dict[str, _Response]:
    found = {}
    for each in responses:
        values = each.get("values")
        by_question = values if isinstance(values, Mapping) else {}
        given = {
            question: value.get("value") if isinstance(value, Mapping) else value
            for question, value in by_question.items()
        }
        found[str(each.get("user_id"))] = _Response(each.get("status"), given)
    return found


def _columns(record: Mapping[str, Any]) -> dict[str, _Response]:
    found: dict[str, _Response] = {}
    for name, values in record.items():
        if not name.endswith(_SUFFIX) or values is None:
            continue
        columns = [values, record.get(f"{name}.users"), record.get(f"{name}.status")]
        lengths = {len(column) if isinstance(column, list) else -1 for column in columns}
        if -1 in lengths or len(lengths) > 1:
            raise ValueError(f"{name!r} must be a list, and so its .users and .status, as long")
        for value, user, status in zip(*columns, strict=True):
            response = found.setdefault(str(user), _Response(status))
            response.values[name.removesuffix(_SUFFIX)] = value
    return found
