"""Whether answers are about this run's tasks, by who was asked, once, and not yet recorded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, TypeAlias

from evalrunner.datasets import Problems, nearest, quoted
from evalrunner.human.forms.csv import cell_text
from evalrunner.human.forms.texts import plain
from evalrunner.human.importing.shown import check_shown
from evalrunner.store.people import LONGEST_NOTE, vote_from_json
from evalrunner.types.people import Rating, Task, Vote

Said: TypeAlias = Vote | Rating
Key: TypeAlias = tuple[str, str | None]
"""Task and criterion."""


@dataclass(frozen=True, slots=True)
class _Taken:
    """An answer, and where it stands."""

    said: Said
    problems: Problems
    line: int
    is_journaled: bool


class Checker:
    """Takes the answers of all files, and notes what is wrong with them.

    Args:
        tasks: Of the run.
        recorded: What is recorded already, by `key_of`.
        may_replace: Whether other answers than the recorded ones are welcome.
    """

    def __init__(
        self, tasks: Sequence[Task], recorded: Mapping[Key, Said], *, may_replace: bool
    ) -> None:
        self._tasks = {task.task_id: task for task in tasks}
        self._raters = {task.rater for task in tasks}
        self._recorded = recorded
        self._may_replace = may_replace
        self._taken: dict[Key, _Taken] = {}

    @property
    def answers(self) -> list[Said]:
        """Everything that was taken."""
        return [taken.said for taken in self._taken.values()]

    def knows(self, answer: Mapping[str, Any]) -> bool:
        """Whether an answer is about a task of the run."""
        return str(answer.get("task_id")) in self._tasks

    def take(self, answer: Mapping[str, Any], *, line: int, problems: Problems) -> None:
        """Take an answer of the form of `votes.jsonl`, or note what is wrong with it."""
        try:
            said = self._said(answer)
        except ValueError as error:
            problems.row(line, str(error))
            return
        taken = _Taken(said, problems, line, "crc" in answer)
        if self._is_first(taken) and self._is_new_or_same(taken):
            self._taken[key_of(said)] = taken

    def _said(self, answer: Mapping[str, Any]) -> Said:
        task = self._task(answer.get("task_id"))
        self._check_rater(answer.get("rater"), task)
        check_shown(answer, task)
        note = answer.get("note")
        if isinstance(note, str) and len(note) > LONGEST_NOTE:
            what = f"the note has {len(note):,} characters"
            raise ValueError(f"{what}; at most {LONGEST_NOTE:,} are kept")
        said = vote_from_json({**answer, "rater": task.rater})
        if said.at is not None:
            _check_time(said.at)
        return _about(task, said)

    def _task(self, task_id: object) -> Task:
        if not isinstance(task_id, str) or not task_id:
            raise ValueError(f"'task_id' must be a text, not {quoted(task_id)}")
        if task_id not in self._tasks:
            raise ValueError(f"this run has no task {quoted(task_id)}")
        return self._tasks[task_id]

    def _check_rater(self, rater: object, task: Task) -> None:
        if rater is None or rater == task.rater:
            return
        if not isinstance(rater, str) or rater not in self._raters:
            raise ValueError(f"unknown rater {quoted(rater)}; {nearest(str(rater), self._raters)}")
        what = f"task {task.task_id} was made for {task.rater!r}"
        raise ValueError(f"{what}, but the file says {quoted(rater)}")

    def _is_first(self, taken: _Taken) -> bool:
        earlier = self._taken.get(key_of(taken.said))
        if earlier is None:
            return True
        # In our own journal the rater came back to the task: there the last line counts.
        is_same_file = earlier.problems is taken.problems
        if is_same_file and earlier.is_journaled and taken.is_journaled:
            return True
        where = f"{earlier.problems.source}, {earlier.problems.name_row(earlier.line)}"
        what = f"{_name(taken.said)} is answered twice: first in {where}"
        taken.problems.row(taken.line, what)
        return False

    def _is_new_or_same(self, taken: _Taken) -> bool:
        recorded = self._recorded.get(key_of(taken.said))
        old = None if recorded is None else value_of(recorded)
        new = value_of(taken.said)
        # A task that was skipped is still to be answered.
        if old is None or old == new or self._may_replace:
            return True
        what = f"{_name(taken.said)} is recorded as {_shown(old)}, here it is {_shown(new)}"
        hint = "delete the row, or give --replace to let the files count"
        taken.problems.row(taken.line, what, hint)
        return False


def key_of(said: Said) -> Key:
    """What an answer is about; a later one on the same replaces an earlier one."""
    return said.task_id, said.criterion if isinstance(said, Rating) else None


def value_of(said: Said) -> str | float | None:
    """What was answered; None for a skip."""
    value = said.label if isinstance(said, Rating) else said.vote
    return None if value == "skip" else value


def _about(task: Task, said: Said) -> Said:
    if isinstance(said, Vote):
        if task.kind == "rubric":
            what = f"task {task.task_id} asks for a label of each criterion, not for a vote"
            raise ValueError(what)
        return said
    if task.kind == "pairwise":
        raise ValueError(f"task {task.task_id} asks which output is better, not for a label")
    if said.criterion in task.rating_criteria:
        return said
    criterion = _criteria(task).get(_squeezed(said.criterion))
    if criterion is None:
        known = nearest(said.criterion, task.rating_criteria)
        raise ValueError(f"task {task.task_id} has no criterion {quoted(said.criterion)}; {known}")
    return replace(said, criterion=criterion)


def _criteria(task: Task) -> dict[str, str]:
    """Criteria by what forms and programs may have made of them; the least changed comes first."""
    found: dict[str, str] = {}
    for written in (str, plain, cell_text):
        for criterion in task.rating_criteria:
            found.setdefault(_squeezed(written(criterion)), criterion)
    return found


def _squeezed(text: str) -> str:
    # Programs write other line ends than they read.
    return " ".join(text.split())


def _check_time(text: str) -> None:
    try:
        datetime.fromisoformat(text)
    except ValueError as error:
        raise ValueError(f"'at' must be a time (ISO 8601), not {quoted(text)}") from error


def _name(said: Said) -> str:
    if isinstance(said, Rating):
        return f"criterion {quoted(said.criterion)} of task {said.task_id}"
    return f"task {said.task_id}"


def _shown(value: str | float | None) -> str:
    if value is None:
        return "skipped"
    return value if isinstance(value, str) else f"{value:g}"
