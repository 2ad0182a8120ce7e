"""What people are asked about outputs, and what they say: tasks, votes, ratings and labels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

from evalrunner.types.json import Json

TaskKind: TypeAlias = Literal["pairwise", "rubric"]
Choice: TypeAlias = Literal["left", "right", "tie", "both_bad", "skip"]

CHOICES: tuple[Choice, ...] = get_args(Choice)


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """What a rater sees: one output, or two of them side by side, and nothing of their origin."""

    task_id: str
    """Says nothing: a hash."""
    rater: str
    order: int
    """Place among the rater's tasks, from 0."""
    kind: TaskKind
    input: Json
    output_a: str
    """The only one, or the left one."""
    output_b: str | None
    """The right one; None when a single output is rated."""
    rating_criteria: tuple[str, ...]
    instructions: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskKey:
    """What only we know of a task."""

    task_id: str
    rater: str
    order: int
    kind: TaskKind
    case_id: str
    left: int
    """Cell of `output_a`."""
    right: int | None
    """Cell of `output_b`."""
    left_repeat: int
    right_repeat: int | None
    left_sha256: str
    """Of the output's text."""
    right_sha256: str | None
    chance: float
    """Probability with which the case was chosen, in (0, 1]; a weight is 1 / chance."""
    copy_of: str | None = None
    """The earlier task of this rater that it repeats."""
    is_swapped: bool = False
    """Whether a copy shows the sides the other way round."""
    is_equal: bool = False
    """Both outputs are the same text: a tie that nobody is asked about, so not among the tasks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Vote:
    """Which of two outputs a rater prefers. A later vote of a rater on a task replaces this one."""

    task_id: str
    rater: str
    vote: Choice
    """`left` is `output_a`; `skip` is no answer."""
    seconds: float | None = None
    """Spent on the task."""
    note: str | None = None
    is_flagged: bool = False
    """Whether the rater says that something is wrong with the task."""
    at: str | None = None
    """UTC, ISO 8601."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rating:
    """Whether an output meets a criterion. A later one on the same criterion replaces this one."""

    task_id: str
    rater: str
    criterion: str
    label: float | None
    """In [0, 1]; 1 = met. None = skipped."""
    seconds: float | None = None
    note: str | None = None
    is_flagged: bool = False
    at: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Label:
    """What a person says an output, or one criterion of it, should have scored."""

    case_id: str
    label: float
    """In [0, 1]."""
    cell: int | str | None = None
    """Id or label; None = whichever cells gave this output."""
    scorer: str | None = None
    """The scorer or metric it is about; None = the run's quality."""
    criterion: str | None = None
    repeat: int | None = None
    output_sha256: str | None = None
    """Of the output it was given for."""
    rater: str | None = None
