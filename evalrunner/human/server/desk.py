"""Where each rater is, by what they have said so far, and what they may say next."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, TypeAlias

from evalrunner.human.page import task_json
from evalrunner.store.people import vote_from_json, vote_json
from evalrunner.types.people import Rating, Task, Vote

_LONGEST_S = 3_600.0
"""Somebody who looked at one task for longer did something else."""
_TOLD = ("vote", "criterion", "label", "seconds", "note", "flagged")

_Said: TypeAlias = dict[str | None, Vote | Rating]
"""What was said of a task, by criterion; of a pair under None."""


class RefusedError(Exception):
    """What a rater sent cannot be taken; the message is for them."""

    def __init__(self, message: str, *, status: int = 400) -> None:
        super().__init__(message)
        self.status = status


class Desk:
    """The tasks of some raters, and the last that each said of them.

    Positions are not kept: a rater is at the first task, in order, that lacks an answer.
    """

    def __init__(self, tasks: Iterable[Task], raters: Sequence[str]) -> None:
        ordered = sorted(tasks, key=lambda task: task.order)
        self._places = {
            rater: _Place([task for task in ordered if task.rater == rater]) for rater in raters
        }

    def restore(self, said: Iterable[Vote | Rating]) -> None:
        """Forget what was said, and take it from the records."""
        self._places = {rater: _Place(at.tasks) for rater, at in self._places.items()}
        for each in said:
            if each.rater in self._places and each.task_id in self._places[each.rater].numbers:
                self.take(each)

    def take(self, said: Vote | Rating) -> None:
        """Take what is on record; a later one replaces an earlier one."""
        self._places[said.rater].take(said)

    def progress(self) -> dict[str, tuple[int, int]]:
        """(tasks answered, tasks) of each rater."""
        return {rater: (len(at.done), len(at.tasks)) for rater, at in self._places.items()}

    def view(self, rater: str, task_id: str | None = None) -> dict[str, Any]:
        """What the page shows: the rater's current task, or one that was answered before.

        Raises RefusedError.
        """
        place = self._places[rater]
        current = place.current()
        task = current if task_id is None else place.find(task_id)
        if task_id is not None and (task is None or not (task is current or task_id in place.done)):
            raise RefusedError("there is no such task for you", status=404)
        before = place.before(task)
        return {
            "rater": rater,
            "desk": place.name,
            "n": len(place.tasks),
            "n_done": len(place.done),
            "number": 0 if task is None else place.numbers[task.task_id] + 1,
            "seconds": round(place.seconds, 1),
            "task": None if task is None else task_json(task),
            "said": [] if task is None else place.told(task),
            "before": None if before is None else before.task_id,
        }

    def parse(self, rater: str, record: object) -> Vote | Rating:
        """What a rater says of one of their tasks. Raises RefusedError."""
        if not isinstance(record, dict):
            raise RefusedError("an answer is a JSON object")
        task = self._places[rater].find(str(record.get("task_id")))
        if task is None:
            what = "this task is not, or no longer, one of yours: load the page again"
            raise RefusedError(what, status=404)
        wanted = {name: record[name] for name in _TOLD if name in record}
        now = datetime.now(UTC).isoformat(timespec="seconds")
        wanted |= {"task_id": task.task_id, "rater": rater, "at": now}
        wanted["seconds"] = _sane_seconds(record.get("seconds"))
        try:
            said = vote_from_json(wanted)
        except ValueError as error:
            raise RefusedError(str(error)) from error
        _check_kind(said, task, record)
        return said

    def is_known(self, said: Vote | Rating) -> bool:
        """Whether it repeats what is on record: a page sends again what got no response."""
        last = self._places[said.rater].said[said.task_id].get(_part(said))
        return last is not None and _gist(last) == _gist(said)

    def version(self, said: Vote | Rating) -> int:
        """How often its rater has answered what it is about: 0 = not yet."""
        return self._places[said.rater].versions[said.task_id, _part(said)]


class _Place:
    """One rater's tasks, in order, and what they said."""

    def __init__(self, tasks: Sequence[Task]) -> None:
        self.tasks = tasks
        self.numbers = {task.task_id: number for number, task in enumerate(tasks)}
        names = repr([(task.rater, task.task_id) for task in tasks])
        self.name = hashlib.sha256(names.encode()).hexdigest()[:16]
        """Tells a browser's raters apart, and says nothing."""
        self.said: dict[str, _Said] = {task.task_id: {} for task in tasks}
        self.versions: Counter[tuple[str, str | None]] = Counter()
        self.done: set[str] = set()
        self.seconds = 0.0
        self._first_open = 0

    def find(self, task_id: str) -> Task | None:
        number = self.numbers.get(task_id)
        return None if number is None else self.tasks[number]

    def take(self, said: Vote | Rating) -> None:
        task, answers = self.tasks[self.numbers[said.task_id]], self.said[said.task_id]
        old = answers.get(_part(said))
        self.seconds += (said.seconds or 0.0) - (0.0 if old is None else old.seconds or 0.0)
        answers[_part(said)] = said
        self.versions[said.task_id, _part(said)] += 1
        parts = (None,) if task.kind == "pairwise" else task.rating_criteria
        if all(part in answers for part in parts):
            self.done.add(task.task_id)

    def told(self, task: Task) -> list[dict[str, Any]]:
        """What was said of a task, for the rater's own page."""
        return [
            {name: value for name, value in vote_json(said).items() if name in _TOLD}
            | {"version": self.versions[task.task_id, part]}
            for part, said in self.said[task.task_id].items()
        ]

    def current(self) -> Task | None:
        """The first task that lacks an answer; what is answered stays so."""
        while self._first_open < len(self.tasks):
            task = self.tasks[self._first_open]
            if task.task_id not in self.done:
                return task
            self._first_open += 1
        return None

    def before(self, task: Task | None) -> Task | None:
        """The last answered task in front of this one, or of all."""
        end = len(self.tasks) if task is None else self.numbers[task.task_id]
        earlier = (self.tasks[number] for number in range(end - 1, -1, -1))
        return next((each for each in earlier if each.task_id in self.done), None)


def _part(said: Vote | Rating) -> str | None:
    return said.criterion if isinstance(said, Rating) else None


def _gist(said: Vote | Rating) -> tuple[object, ...]:
    what = said.label if isinstance(said, Rating) else said.vote
    return what, said.note, said.is_flagged


def _sane_seconds(value: Any) -> float | None:
    """Seconds as a page measured them; None where that cannot be."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if is_number and 0 <= value <= _LONGEST_S else None


def _check_kind(said: Vote | Rating, task: Task, record: Mapping[str, Any]) -> None:
    if isinstance(said, Vote):
        if task.kind != "pairwise":
            raise RefusedError("this task asks for its criteria: 'criterion' and 'label'")
    elif task.kind == "pairwise":
        raise RefusedError("this task asks which response is better: 'vote'")
    elif said.criterion not in task.rating_criteria:
        raise RefusedError("'criterion' must be one of the task's")
    elif "label" not in record:
        raise RefusedError("'label' is missing: 1 = met, 0 = not met, null = skipped")
