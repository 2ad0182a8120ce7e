"""What raters said, told by cells: sides, copies, skipped and replaced votes are resolved here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from evalrunner.types.people import Choice, Rating, TaskKey, Vote

_TIE = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseGroups:
    """What is known of a facet's cases beside their ids."""

    clusters: Mapping[str, str] = field(default_factory=dict)
    """The group of dependent cases that a case belongs to; one without stands for itself."""
    by: str = "case"
    """What the clusters are."""
    slices: Mapping[str, Mapping[str, frozenset[str]]] = field(default_factory=dict)
    """Field, then value, to the ids of its cases."""


@dataclass(frozen=True, slots=True, order=True)
class Question:
    """What was asked, whichever side an output stood on; equal ones may be compared."""

    facet: int
    case_id: str
    cells: tuple[int, ...]
    """One, or two of which the lower id comes first."""
    repeats: tuple[int, ...]
    criterion: str
    """Empty for a pair."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Opinion:
    """A rater's answer to a question."""

    question: Question
    value: float
    """Of a pair: 1 = the first cell is better, 0.5 = neither; of a criterion: its label."""
    key: TaskKey
    choice: Choice | None = None
    """As it was clicked, of a pair."""

    @property
    def rater(self) -> str:
        """Who says so."""
        return self.key.rater


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskState:
    """How far a rater got with a task."""

    key: TaskKey
    is_answered: bool
    is_skipped: bool
    is_flagged: bool
    seconds: float | None


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What people were asked, and everything that they said, in the order in which they did."""

    key: Sequence[TaskKey]
    said: Sequence[Vote | Rating]
    facets: Mapping[int, int]
    """Of each cell."""
    cases: Mapping[int, CaseGroups]
    """By facet."""
    criteria: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """By task that is rated."""
    lengths: Mapping[str, int] = field(default_factory=dict)
    """Characters of the outputs, by task."""
    level: float = 0.95
    seed: int = 0

    @cached_property
    def tasks(self) -> Mapping[str, TaskKey]:
        """Those that somebody was asked, about cells that the run has."""
        return {each.task_id: each for each in self.key if not each.is_equal and self._knows(each)}

    @cached_property
    def last(self) -> Mapping[tuple[str, str], Vote | Rating]:
        """By task and criterion, what its rater said last."""
        return {_place(said): said for said in self.said if self._is_asked(said)}

    @cached_property
    def unknown_votes(self) -> int:
        """Lines that answer no task of their rater: another export's, another rater's."""
        return sum(not self._is_asked(said) for said in self.said)

    @cached_property
    def states(self) -> Sequence[TaskState]:
        """Of all tasks, by rater and order."""
        tasks = sorted(self.tasks.values(), key=lambda each: (each.rater, each.order, each.task_id))
        return [self._state(each) for each in tasks]

    @cached_property
    def opinions(self) -> Sequence[Opinion]:
        """All but those of copies, sorted."""
        return [each for each in self._opinions if each.key.copy_of is None]

    @cached_property
    def copies(self) -> Sequence[tuple[Opinion, Opinion]]:
        """A rater's answer, and the one to the same question asked again."""
        first = {(each.key.task_id, each.question): each for each in self._opinions}
        return [
            (first[place], each)
            for each in self._opinions
            if each.key.copy_of is not None
            and (place := (each.key.copy_of, each.question)) in first
        ]

    @cached_property
    def equal(self) -> Sequence[Question]:
        """Pairs of equal outputs, which no rater is asked about."""
        found = (each for each in self.key if each.is_equal and self._knows(each))
        return sorted({self.question(each) for each in found})

    @cached_property
    def chances(self) -> Mapping[tuple[int, str], float]:
        """With which each case of a facet was chosen."""
        return {
            (self.facets[each.left], each.case_id): each.chance
            for each in self.key
            if self._knows(each)
        }

    @cached_property
    def is_weighted(self) -> bool:
        """Whether cases were chosen with unequal chances."""
        return len(set(self.chances.values())) > 1

    def weight(self, facet: int, case_id: str) -> float:
        """How many cases a chosen one stands for."""
        return 1 / self.chances[facet, case_id]

    def question(self, key: TaskKey, criterion: str = "") -> Question:
        """What a task asks."""
        sides = [(key.left, key.left_repeat)]
        if key.right is not None:
            sides.append((key.right, key.right_repeat or 0))
        cells, repeats = zip(*sorted(sides), strict=True)
        return Question(self.facets[key.left], key.case_id, cells, repeats, criterion)

    def unit(self, facet: int, case_id: str) -> str:
        """The group of dependent cases that a case belongs to."""
        groups = self.cases.get(facet)
        return case_id if groups is None else groups.clusters.get(case_id, case_id)

    def codes(self, questions: Iterable[Question]) -> NDArray[np.intp]:
        """What makes the answers to these questions depend on each other: at least their case."""
        units = [self.unit(each.facet, each.case_id) for each in questions]
        return np.unique(np.array(units, dtype=np.str_), return_inverse=True)[1]

    @property
    def by(self) -> str:
        """What all facets' clusters are."""
        names = {groups.by for groups in self.cases.values()}
        return names.pop() if len(names) == 1 else "case"

    @cached_property
    def _opinions(self) -> Sequence[Opinion]:
        found = (self._opinion(said) for said in self.last.values())
        return sorted(
            (each for each in found if each is not None),
            key=lambda each: (each.question, each.rater, each.key.order, each.key.task_id),
        )

    def _opinion(self, said: Vote | Rating) -> Opinion | None:
        """None for what was skipped."""
        key = self.tasks[said.task_id]
        if isinstance(said, Rating):
            question = self.question(key, said.criterion)
            return (
                None
                if said.label is None
                else Opinion(question=question, value=said.label, key=key)
            )
        if said.vote == "skip":
            return None
        question = self.question(key)
        left_is_first = (key.left, key.left_repeat) == (question.cells[0], question.repeats[0])
        won = {"left": float(left_is_first), "right": float(not left_is_first)}
        value = won.get(said.vote, _TIE)
        return Opinion(question=question, value=value, key=key, choice=said.vote)

    def _state(self, key: TaskKey) -> TaskState:
        wanted = ("",) if key.kind == "pairwise" else self.criteria.get(key.task_id, ())
        said = [each for name in wanted if (each := self.last.get((key.task_id, name)))]
        values = [each.label if isinstance(each, Rating) else each.vote for each in said]
        is_over = bool(values) and len(values) == len(wanted)
        is_skipped = is_over and all(value in {None, "skip"} for value in values)
        times = [each.seconds for each in said if each.seconds is not None]
        return TaskState(
            key=key,
            is_answered=is_over and not is_skipped,
            is_skipped=is_skipped,
            is_flagged=any(each.is_flagged for each in said),
            # Each rating of an answer tells the time that all of them took.
            seconds=max(times, default=None),
        )

    def _knows(self, key: TaskKey) -> bool:
        return key.left in self.facets and (key.right is None or key.right in self.facets)

    def _is_asked(self, said: Vote | Rating) -> bool:
        key = self.tasks.get(said.task_id)
        if key is None or key.rater != said.rater:
            return False
        if isinstance(said, Rating):
            return key.kind == "rubric" and said.criterion in self.criteria.get(said.task_id, ())
        return key.kind == "pairwise"


def _place(said: Vote | Rating) -> tuple[str, str]:
    return said.task_id, said.criterion if isinstance(said, Rating) else ""
