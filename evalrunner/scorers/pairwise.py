"""The pairwise scorer: which of two answers to the same case is better.

Judges see every pair in both orders, and an answer wins only if it wins in both: a judge that goes
by the place finds no winner. Both cells of a pair ask the same two questions, byte for byte, so
that whichever asks later is answered by the cache.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from statistics import fmean
from typing import Literal, Self

from pydantic import model_validator

from evalrunner.errors import ConfigError, ScorerError
from evalrunner.project import Project
from evalrunner.scorers.judge.asking import all_of, request_of, samples_of
from evalrunner.scorers.judge.base import JudgeBase, Task, Verdict
from evalrunner.scorers.judge.combining import combined
from evalrunner.scorers.judge.settings import JudgeScorerSettings, Text
from evalrunner.scorers.judge.templates import Question, as_text
from evalrunner.scorers.judge.verdicts import VerdictForm, sentence
from evalrunner.scorers.judging import RECORDED_OPPONENT, Ask, Judge, JudgeMember, Opponent
from evalrunner.types import Case, Completion, Json, Judgement, Request, Score

CRITERIA = (
    "How well it serves whoever asked: it is right, it does what was asked, it leaves out nothing "
    "that matters and adds nothing that does not."
)
_TIE = 0.5
_PLACES = {"A": ("first", 1.0), "B": ("second", 0.0), "TIE": ("tie", _TIE)}
"""Label, and what it is worth to the answer that stands first."""


class PairwiseSettings(JudgeScorerSettings):
    """Answers are compared with those of other cells, or with a recorded one."""

    kind: Literal["pairwise"]
    criteria: Text = CRITERIA
    """What better means."""
    against: Literal["baseline", "all"] | None = None
    """Which cells of the facet; null = the one that `run.baseline` selects if it is set, or all."""
    target: str | None = None
    """Which field of the case holds a recorded answer to compare with, instead of other cells."""

    @model_validator(mode="after")
    def _either_cells_or_a_recording(self) -> Self:
        if self.target is not None and self.against is not None:
            raise ValueError("target and against exclude each other: set one of them to null")
        return self


class Pairwise(JudgeBase[PairwiseSettings]):
    """Win 1, tie 0.5, loss 0: the mean over all opponents.

    Of each judge and sample there are two judgements an opponent, one for each order, with the
    value of that order alone. Equal answers are a tie that nobody is asked about: one judgement,
    which has no order.
    """

    kind = "pairwise"
    properties = ("reason", "winner")
    shown = ("answer_a", "answer_b")

    def __init__(
        self, name: str, settings: PairwiseSettings, *, project: Project, judge: Judge
    ) -> None:
        super().__init__(name, settings, project=project, judge=judge)
        self.needs_opponents = settings.target is None
        self._form = VerdictForm(self.template.schema())

    def requests(
        self, case: Case, text: str, *, opponents: Sequence[Opponent] = ()
    ) -> Iterator[tuple[JudgeMember, Request]]:
        """Every request that an answer of this text leads to, re-asks left out. Pure.

        Raises ConfigError when the template fails.
        """
        for rival in self._rivals(case, opponents):
            for question in self._questions(case, text, rival).values():
                for sample in samples_of(self.judge, case):
                    yield sample.member, request_of(sample, question, case=case, judge=self.judge)

    async def judge_answer(
        self,
        case: Case,
        completion: Completion,
        *,
        ask: Ask,
        opponents: Sequence[Opponent] = (),
    ) -> Score:
        """As `JudgeScorer.judge_answer`. Raises ScorerError when no question can be made.

        Unscored `no_opponent`, or `no_target`, when there is nothing to compare with.
        """
        rivals, text = self._rivals(case, opponents), completion.text or ""
        if not rivals:
            return Score(value=None, reason="no_opponent" if self.needs_opponents else "no_target")
        try:
            asked = [self._questions(case, text, rival) for rival in rivals]
        except ConfigError as error:
            raise ScorerError(f"scorer {self.name!r}: case {case.id!r}: {error}") from error
        contests = await all_of(
            self._contest(rival, questions, case=case, ask=ask)
            for rival, questions in zip(rivals, asked, strict=True)
        )
        notes = [note for questions in asked for note in _notes(questions)]
        return self._scored(contests, notes=dict.fromkeys(notes))

    def _task(self, case: Case) -> Task:
        del case
        return Task(
            form=self._form,
            values={"criteria": self.settings.criteria},
            texts=dict.fromkeys(self.shown, ""),
        )

    def _verdict(self, found: Mapping[str, Json], task: Task) -> Verdict:
        """As seen from the first place."""
        del task
        label, value = _PLACES[found["winner"]]
        return Verdict(value=value, label=label, reason=sentence(found["reason"]))

    def _rivals(self, case: Case, opponents: Sequence[Opponent]) -> list[tuple[int, str]]:
        """Cells and texts of those that have an answer."""
        if self.settings.target is None:
            return [(each.cell, each.text) for each in opponents if each.text is not None]
        target = case.fields.get(self.settings.target)
        return [] if target is None else [(RECORDED_OPPONENT, as_text(target))]

    def _questions(self, case: Case, text: str, rival: tuple[int, str]) -> dict[bool, Question]:
        """By whether the judged answer stands first; none for answers that do not differ."""
        other = rival[1]
        if text.strip() == other.strip():
            return {}
        orders = {True: (text, other), False: (other, text)}
        task = self._task(case)
        return {
            is_first: self.template.question(
                case,
                texts={"input": as_text(case.input), **dict(zip(self.shown, texts, strict=True))},
                values=task.values,
                form=task.form,
                max_characters=self.max_characters,
            )
            for is_first, texts in orders.items()
        }

    async def _contest(
        self,
        rival: tuple[int, str],
        questions: Mapping[bool, Question],
        *,
        case: Case,
        ask: Ask,
    ) -> list[Judgement]:
        if not questions:
            judge = self.judge.members[0].name
            tie = Judgement(judge=judge, sample=0, value=_TIE, label="tie", opponent=rival[0])
            return [replace(tie, reason="the answers are the same")]
        orders = [
            (sample, is_first) for sample in samples_of(self.judge, case) for is_first in questions
        ]
        judgements = await all_of(
            self._judgement(sample, questions[is_first], case=case, task=self._task(case), ask=ask)
            for sample, is_first in orders
        )
        return [
            _seen_by_the_judged(judgement, opponent=rival[0], is_first=is_first)
            for judgement, (_, is_first) in zip(judgements, orders, strict=True)
        ]

    def _scored(self, contests: Sequence[list[Judgement]], *, notes: Iterable[str]) -> Score:
        results = [
            combined(list(_pairs(contest)), how=self.judge.combine, weights={})
            for contest in contests
        ]
        judgements = tuple(each for contest in contests for each in contest)
        values = [result.value for result in results if result.value is not None]
        if not values:
            return Score(value=None, reason=results[0].reason, judgements=judgements)
        return Score(
            value=fmean(values),
            label=results[0].label if len(results) == 1 else None,
            reason="; ".join([_told(results), *notes]),
            judgements=judgements,
        )


def _seen_by_the_judged(judgement: Judgement, *, opponent: int, is_first: bool) -> Judgement:
    value = judgement.value if is_first or judgement.value is None else 1 - judgement.value
    return replace(judgement, value=value, opponent=opponent, is_first=is_first)


def _pairs(contest: Iterable[Judgement]) -> Iterator[Judgement]:
    """Both orders of each judge and sample as one verdict: a tie where they differ."""
    found: dict[tuple[str, int], list[Judgement]] = {}
    for each in contest:
        found.setdefault((each.judge, each.sample), []).append(each)
    for orders in found.values():
        failed = [each for each in orders if each.value is None]
        values = {each.value for each in orders}
        value = values.pop() if len(values) == 1 else _TIE
        yield failed[0] if failed else replace(orders[0], value=value, label=_outcome(value))


def _outcome(value: float | None) -> str:
    return "tie" if value is None or value == _TIE else "win" if value > _TIE else "loss"


def _told(results: Sequence[Score]) -> str:
    outcomes = Counter(_outcome(each.value) for each in results if each.value is not None)
    told = f"won {outcomes['win']}, tied {outcomes['tie']}, lost {outcomes['loss']}"
    failed = [each.reason for each in results if each.value is None]
    return f"{told}, without verdict {len(failed)} ({failed[0]})" if failed else told


def _notes(questions: Mapping[bool, Question]) -> Iterator[str]:
    names = {"answer_a": "answer", "answer_b": "other answer"}
    for note in questions[True].notes if questions else ():
        name, _, what = note.partition(" ")
        yield f"{names.get(name, name)} {what}"
