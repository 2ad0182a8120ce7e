"""What a task of Label Studio's JSON export answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from evalrunner.datasets import quoted
from evalrunner.human.importing.words import SKIPPED, TOLD, Question, answer_of, objects_in


def label_studio_answer(task: Mapping[str, Any]) -> dict[str, Any] | None:
    """The one annotation that was submitted; drafts and predictions are none.

    A task that was only skipped is a skip. Raises ValueError.
    """
    data = task.get("data")
    if not isinstance(data, Mapping) or "task_id" not in data:
        raise ValueError("its 'data' has no task_id: this is no task of ours")
    if "annotations" not in task:
        raise ValueError("has no 'annotations': export the project from Label Studio as JSON")
    annotations = objects_in(task["annotations"], "'annotations'")
    submitted = [each for each in annotations if not each.get("was_cancelled")]
    if len(submitted) > 1:
        people = ", ".join(quoted(_annotator(each)) for each in submitted)
        what = f"{len(submitted)} annotations, by {people}"
        raise ValueError(f"{what}; a task is asked one rater: delete all but theirs")
    answer = {name: data[name] for name in TOLD if name in data}
    question: Question = "label" if "criterion" in data else "vote"
    if not submitted:
        return answer | SKIPPED[question] if annotations else None
    said = _said(submitted[0], question)
    return None if said is None else answer | said


def _said(annotation: Mapping[str, Any], question: Question) -> dict[str, Any] | None:
    result = objects_in(annotation.get("result"), "the 'result' of an annotation")
    chosen = _texts(result, question, "choices")
    if len(chosen) > 1:
        raise ValueError(f"{len(chosen)} choices where one is asked for: {quoted(chosen)}")
    value = answer_of(chosen[0], question) if chosen else None
    if value is None:
        return None
    return value | {
        "note": "\n".join(_texts(result, "note", "text")) or None,
        "seconds": annotation.get("lead_time"),
        "at": annotation.get("updated_at") or annotation.get("created_at"),
    }


def _texts(result: Sequence[Mapping[str, Any]], control: str, key: str) -> list[str]:
    found = []
    for region in result:
        value = region.get("value")
        if region.get("from_name") != control or not isinstance(value, Mapping):
            continue
        given = value.get(key)
        texts = [given] if isinstance(given, str) else given
        if not isinstance(texts, list) or not all(isinstance(each, str) for each in texts):
            raise ValueError(f"{control!r} must be a list of texts, not {quoted(given)}")
        found += texts
    return found


def _annotator(annotation: Mapping[str, Any]) -> object:
    person = annotation.get("completed_by")
    return person.get("email", person.get("id")) if isinstance(person, Mapping) else person
