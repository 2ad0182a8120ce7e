"""What all judge scorers do: ask every member, read each verdict, combine them into one score."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import ClassVar, Generic, TypeVar

from evalrunner.errors import ConfigError, ScorerError
from evalrunner.project import Project
from evalrunner.prompts import TemplateFile
from evalrunner.scorers.judge.asking import Sample, all_of, ask_judge, request_of, samples_of
from evalrunner.scorers.judge.combining import combined
from evalrunner.scorers.judge.settings import JudgeScorerSettings
from evalrunner.scorers.judge.templates import Question, as_text, load_judge_template
from evalrunner.scorers.judge.verdicts import VerdictForm
from evalrunner.scorers.judging import Ask, Judge, JudgeMember, Opponent
from evalrunner.types import Case, Completion, Criterion, Json, Judgement, Request, Score


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """What a case asks of the judge."""

    form: VerdictForm
    values: Mapping[str, Json] = field(default_factory=dict)
    """For the template: written by who runs the evaluation."""
    texts: Mapping[str, str] = field(default_factory=dict)
    """For the template, fenced."""
    weights: Mapping[str, float] = field(default_factory=dict)
    """By criterion, in order; empty where the verdict is a label."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What a valid reply says."""

    value: float
    reason: str
    label: str | None = None
    criteria: tuple[Criterion, ...] = ()


SettingsT = TypeVar("SettingsT", bound=JudgeScorerSettings)


class JudgeBase(ABC, Generic[SettingsT]):
    """A scorer that shows each answer to the judge by itself.

    Args:
        name: The key under `scorer:` in the configuration.
        settings: Its settings.
        project: Where templates are looked up.
        judge: Who is asked.

    Raises ConfigError for templates that cannot be used.
    """

    kind: ClassVar[str]
    properties: ClassVar[Collection[str]]
    """Of a verdict; what the schema must have."""
    shown: ClassVar[Collection[str]] = ("answer",)
    """What a template must show."""
    missing: ClassVar[str] = ""
    """Why a case without a task is unscored."""
    needs_opponents = False

    def __init__(self, name: str, settings: SettingsT, *, project: Project, judge: Judge) -> None:
        self.name = name
        self.settings = settings
        self.judge = judge
        self.template = load_judge_template(
            self.kind,
            scorer=name,
            template=settings.template,
            judge=judge,
            project=project,
            verdict=self.properties,
            shown=self.shown,
        )

    @property
    def files(self) -> tuple[TemplateFile, ...]:
        """The templates and the schema, as read."""
        return self.template.files

    @property
    def max_characters(self) -> int:
        """Longer answers are cut before they are judged."""
        return self.settings.max_characters

    def target_problem(self, case: Case) -> str | None:
        """Why this case can never be judged: a rubric that is none, a field that is missing."""
        try:
            task = self._task(case)
        except ValueError as error:
            return f"case {case.id!r}: {error}"
        if task is None:
            return None
        known = {"input", "answer", *task.values, *task.texts, *case.fields}
        unknown = ", ".join(map(repr, self.template.unknown(known)))
        path = self.template.files[1].path
        return f"case {case.id!r}: {path} reads {unknown}, which it lacks" if unknown else None

    def requests(
        self, case: Case, text: str, *, opponents: Sequence[Opponent] = ()
    ) -> Iterator[tuple[JudgeMember, Request]]:
        """Every request that an answer of this text leads to, re-asks left out. Pure.

        Raises ConfigError when the template fails, ValueError for what `target_problem` reports.
        """
        del opponents
        task = self._task(case)
        if task is None:
            return
        question = self._question(case, text, task)
        for sample in samples_of(self.judge, case):
            yield sample.member, request_of(sample, question, case=case, judge=self.judge)

    async def score(self, case: Case, completion: Completion) -> Score:
        """Nothing: it would have nobody to ask. Raises ScorerError."""
        del case, completion
        raise ScorerError(f"scorer {self.name!r} asks a judge: use judge_answer")

    async def judge_answer(
        self,
        case: Case,
        completion: Completion,
        *,
        ask: Ask,
        opponents: Sequence[Opponent] = (),
    ) -> Score:
        """As `JudgeScorer.judge_answer`. Raises ScorerError when no question can be made."""
        del opponents
        try:
            task = self._task(case)
            if task is None:
                return Score(value=None, reason=self.missing)
            question = self._question(case, completion.text or "", task)
        except (ConfigError, ValueError) as error:
            raise ScorerError(f"scorer {self.name!r}: case {case.id!r}: {error}") from error
        judgements = await all_of(
            self._judgement(sample, question, case=case, task=task, ask=ask)
            for sample in samples_of(self.judge, case)
        )
        return combined(
            judgements, how=self.judge.combine, weights=task.weights, notes=question.notes
        )

    @abstractmethod
    def _task(self, case: Case) -> Task | None:
        """None = the case has nothing to judge by. Raises ValueError for what cannot be used."""

    @abstractmethod
    def _verdict(self, found: Mapping[str, Json], task: Task) -> Verdict:
        """What a verdict says that is valid for the task's form."""

    def _question(self, case: Case, text: str, task: Task) -> Question:
        return self.template.question(
            case,
            texts={"input": as_text(case.input), **task.texts, "answer": text},
            values=task.values,
            form=task.form,
            max_characters=self.settings.max_characters,
        )

    async def _judgement(
        self, sample: Sample, question: Question, *, case: Case, task: Task, ask: Ask
    ) -> Judgement:
        reply = await ask_judge(sample, question, case=case, judge=self.judge, ask=ask)
        failed = Judgement(
            judge=sample.member.name,
            sample=sample.index,
            value=None,
            reason=reply.problem,
            is_retest=sample.is_retest,
            calls=reply.calls,
        )
        if reply.verdict is None:
            return failed
        found = self._verdict(reply.verdict, task)
        return replace(
            failed,
            value=found.value,
            label=found.label,
            reason=found.reason,
            criteria=found.criteria,
        )
