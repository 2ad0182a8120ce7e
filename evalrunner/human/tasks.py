"""What each rater is asked, in which order, and the key that says what it was about.

Order and sides are drawn for each rater; some tasks come twice, as they were and with their sides
swapped, so that raters can be measured, too. Nothing in a task names where an output comes from.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from evalrunner.human.choosing import draw
from evalrunner.human.pairs import is_left_second
from evalrunner.types import Json, sha256_of
from evalrunner.types.people import Task, TaskKey, TaskKind

_LATER = 1 / 3
"""Share of a rater's tasks that lies at least between one and its copy."""
_SAME, _SWAPPED = 1, 2
"""Number of a copy; the original is 0."""
_ID_DIGITS = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Output:
    """An answer that people are asked about."""

    cell: int
    repeat: int
    text: str

    @property
    def sha256(self) -> str:
        """Hash of the text, as labels are bound to it."""
        return hashlib.sha256(self.text.encode("utf-8", "surrogatepass")).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What is asked of a case: about one output, or which of two is better."""

    case_id: str
    chance: float
    """With which the case was chosen."""
    input: Json
    rating_criteria: tuple[str, ...]
    outputs: tuple[Output, ...]
    """One, or two by ascending cell."""

    @property
    def cells(self) -> tuple[int, ...]:
        """Where the outputs come from."""
        return tuple(output.cell for output in self.outputs)

    @property
    def is_equal(self) -> bool:
        """Whether there is nothing to choose between."""
        return len(self.outputs) > 1 and len({output.text for output in self.outputs}) == 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """How questions become the tasks of raters."""

    run: str
    """Name of the run's directory."""
    kind: TaskKind
    seed: int
    raters: tuple[str, ...]
    overlap: float
    """Share of the cases that every rater is asked about; the others go to one rater each."""
    repeats: float
    """Share of a rater's tasks that is asked again; of pairs as many once more, swapped."""
    instructions: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Showing:
    """A question as a rater is asked it."""

    question: Question
    is_turned: bool
    """The second output is on the left."""
    copy: int = 0

    @property
    def shown(self) -> tuple[Output, Output | None]:
        """Left and right."""
        first, *others = self.question.outputs
        if not others:
            return first, None
        return (others[0], first) if self.is_turned else (first, others[0])


def make_tasks(questions: Sequence[Question], desk: Desk) -> tuple[list[Task], list[TaskKey]]:
    """Tasks by rater and order, and the key of each; last in the key, the pairs of equal outputs.

    Such a pair is a tie that nobody is asked about: it has a line for each rater who would have
    got it, with the order -1.
    """
    tasks, key, ties = list[Task](), list[TaskKey](), list[TaskKey]()
    for rater, dealt in _dealt(questions, desk).items():
        asked = [each for each in dealt if not each.is_equal]
        for order, showing in enumerate(_in_order(asked, desk, rater)):
            tasks.append(_task(showing, desk, rater=rater, order=order))
            key.append(_key(showing, desk, rater=rater, order=order))
        for question in dealt:
            if question.is_equal:
                tie = _Showing(question=question, is_turned=False)
                ties.append(replace(_key(tie, desk, rater=rater, order=-1), is_equal=True))
    return tasks, key + ties


def _dealt(questions: Sequence[Question], desk: Desk) -> dict[str, list[Question]]:
    """Each rater's questions: all of a case go to the same rater, or to every rater."""
    asked = {question.case_id for question in questions if not question.is_equal}
    equal = {question.case_id for question in questions} - asked
    # Apart, so that nobody's share of the work is a case with nothing to do.
    owners = _owners(asked, desk) | _owners(equal, desk)
    return {
        rater: [each for each in questions if rater in owners[each.case_id]]
        for rater in desk.raters
    }


def _owners(case_ids: Iterable[str], desk: Desk) -> dict[str, tuple[str, ...]]:
    cases = sorted(case_ids, key=lambda case_id: draw(desk.seed, "deal", case_id))
    n = round(desk.overlap * len(cases))
    raters = desk.raters
    dealt = {case: (raters[place % len(raters)],) for place, case in enumerate(cases[n:])}
    return dict.fromkeys(cases[:n], raters) | dealt


def _in_order(questions: Sequence[Question], desk: Desk, rater: str) -> list[_Showing]:
    """In this rater's order, copies in its second half and well after what they repeat."""

    def drawn(use: str, question: Question) -> float:
        return draw(desk.seed, use, rater, question.case_id, *question.cells)

    originals = [
        _Showing(question=each, is_turned=_is_turned(each, desk, rater))
        for each in sorted(questions, key=lambda each: drawn("order", each))
    ]
    n, copies = len(originals), _n_copies(len(originals), desk)
    early = sorted(
        range((n + 1) // 2), key=lambda place: drawn("copied", originals[place].question)
    )
    placed = [(float(place), showing) for place, showing in enumerate(originals)]
    for number, copy in enumerate(copies):
        place = early[number % len(early)]
        original = originals[place]
        start = min(max((n + len(copies)) / 2, place + _LATER * n), n)
        later = start + (n - start) * drawn(f"later {copy}", original.question)
        is_turned = original.is_turned != (copy == _SWAPPED)
        placed.append((later, replace(original, is_turned=is_turned, copy=copy)))
    return [showing for _, showing in sorted(placed, key=lambda each: each[0])]


def _n_copies(n: int, desk: Desk) -> list[int]:
    """Kind of each copy that a rater with `n` tasks gets."""
    if not n or not desk.repeats:
        return []
    each = max(1, round(desk.repeats * n))
    return [_SAME] * each + [_SWAPPED] * (each if desk.kind == "pairwise" else 0)


def _is_turned(question: Question, desk: Desk, rater: str) -> bool:
    match question.cells:
        case (a, b):
            return is_left_second((a, b), seed=desk.seed, rater=rater, case_id=question.case_id)
    return False


def _task(showing: _Showing, desk: Desk, *, rater: str, order: int) -> Task:
    left, right = showing.shown
    return Task(
        task_id=_task_id(showing, desk, rater),
        rater=rater,
        order=order,
        kind=desk.kind,
        input=showing.question.input,
        output_a=left.text,
        output_b=None if right is None else right.text,
        rating_criteria=showing.question.rating_criteria,
        instructions=desk.instructions,
    )


def _key(showing: _Showing, desk: Desk, *, rater: str, order: int) -> TaskKey:
    left, right = showing.shown
    original = replace(showing, copy=0)
    return TaskKey(
        task_id=_task_id(showing, desk, rater),
        rater=rater,
        order=order,
        kind=desk.kind,
        case_id=showing.question.case_id,
        left=left.cell,
        right=None if right is None else right.cell,
        left_repeat=left.repeat,
        right_repeat=None if right is None else right.repeat,
        left_sha256=left.sha256,
        right_sha256=None if right is None else right.sha256,
        chance=showing.question.chance,
        copy_of=_task_id(original, desk, rater) if showing.copy else None,
        is_swapped=showing.copy == _SWAPPED,
    )


def _task_id(showing: _Showing, desk: Desk, rater: str) -> str:
    """Says nothing to who does not know the run: its name ends at random.

    Of all that the rater sees, so that an answer is never taken for one to another question; the
    sides follow from the seed.
    """
    question = showing.question
    words: list[Json] = [desk.run, desk.seed, rater, question.case_id, showing.copy]
    words += [list(question.cells), [output.sha256 for output in question.outputs]]
    words += [desk.kind, desk.instructions, question.input, list(question.rating_criteria)]
    return sha256_of(words)[:_ID_DIGITS]
