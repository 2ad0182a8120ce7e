"""Tasks and votes for tests, written by hand: who was asked what, and what they said."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from evalrunner.types.people import Rating, TaskKey, Vote
from evalrunner.votes import Asked, CaseGroups


def pair(
    case: str, rater: str = "ann", *, left: int = 0, right: int = 1, **changes: Any
) -> TaskKey:
    """The key of a pairwise task; its id says what it is about."""
    values: dict[str, Any] = {
        "task_id": f"{rater} {case} {left}{right}",
        "rater": rater,
        "order": 0,
        "kind": "pairwise",
        "case_id": case,
        "left": left,
        "right": right,
        "left_repeat": 0,
        "right_repeat": 0,
        "left_sha256": "aa",
        "right_sha256": "bb",
        "chance": 1.0,
    }
    return TaskKey(**values | changes)


def rated(case: str, rater: str = "ann", *, cell: int = 0, **changes: Any) -> TaskKey:
    """The key of a task in which one output is rated."""
    single: dict[str, Any] = {
        "task_id": f"{rater} {case} {cell}",
        "kind": "rubric",
        "right": None,
        "right_repeat": None,
        "right_sha256": None,
    }
    return pair(case, rater, left=cell, **single | changes)


def vote(key: TaskKey, choice: Any, **changes: Any) -> Vote:
    """What the task's rater says."""
    values: dict[str, Any] = {"task_id": key.task_id, "rater": key.rater, "vote": choice}
    return Vote(**values | changes)


def rating(key: TaskKey, criterion: str, label: float | None, **changes: Any) -> Rating:
    """What the task's rater says of one criterion."""
    values: dict[str, Any] = {"task_id": key.task_id, "rater": key.rater, "label": label}
    return Rating(criterion=criterion, **values | changes)


def asked(
    key: Sequence[TaskKey],
    said: Iterable[Any],
    *,
    groups: CaseGroups | None = None,
    facets: Mapping[int, int] | None = None,
    **changes: Any,
) -> Asked:
    """Everything that people were asked; four cells of one facet."""
    cells = dict.fromkeys(range(4), 0) if facets is None else facets
    cases = dict.fromkeys(cells.values(), groups or CaseGroups())
    return Asked(key=key, said=list(said), facets=cells, cases=cases, **changes)


def voted(*choices: str, rater: str = "ann", start: int = 0, **changes: Any) -> Asked:
    """One rater's votes on cell 0 (left) against cell 1, a case each."""
    keys = [pair(f"c{start + n:04}", rater) for n in range(len(choices))]
    given = zip(keys, choices, strict=True)
    return asked(keys, [vote(key, choice) for key, choice in given], **changes)
