"""What judges were asked: their questions, made again and answered by the journal.

The scorers themselves do it, re-asks included, so that there is one place that knows how a question
is put. Nothing is sent and no function of the user's is called.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn, TypeAlias

from evalrunner.config import Experiment
from evalrunner.errors import ConfigError, EvalRunnerError, FailureKind, ProviderError, StoreError
from evalrunner.planning import CellSpec
from evalrunner.planning.frozen import KeptProject
from evalrunner.planning.judges import judge_models, make_judge
from evalrunner.project import Project
from evalrunner.providers import ApiModelSettings, ModelSettings
from evalrunner.providers.registry import Wire, wire_for
from evalrunner.report.page.cases.groups import Page
from evalrunner.scorers import make_scorer
from evalrunner.scorers.judge.settings import JudgeScorerSettings
from evalrunner.scorers.judging import JudgeScorer, Opponent
from evalrunner.store.answers import RawAnswers
from evalrunner.types import Case, Completion, Json, Prompt, Request

Trials: TypeAlias = "Mapping[int, Sequence[Sequence[Mapping[str, Any]]]]"
"""By cell, for each case of a page its rows of `trials.jsonl`."""


class JudgeRequests:
    """Bodies of the judges' requests.

    Args:
        directory: Of the run, which keeps the judges' templates.
        specs: Cells with judges behind an API.
        answers: What the journal holds.
    """

    def __init__(self, directory: Path, specs: Sequence[CellSpec], answers: RawAnswers) -> None:
        self._answers = answers
        project = KeptProject(directory, directory)
        self._scorers = {spec.id: dict(_judge_scorers(spec.settings, project)) for spec in specs}

    def of(self, page: Page, cases: Sequence[Case], trials: Trials) -> dict[str, Json]:
        """Of all trials of a page, by key."""
        asked: dict[str, Json] = {}
        questions = list(self._questions(page, cases, trials))
        if questions:
            asyncio.run(self._put(questions, asked))
        return asked

    def _questions(
        self, page: Page, cases: Sequence[Case], trials: Trials
    ) -> Iterator[tuple[JudgeScorer, Case, Mapping[str, Any], list[Opponent]]]:
        for spec in page.group.specs:
            for at, rows in enumerate(trials.get(spec.id, ())):
                for row in rows:
                    for name, scorer in self._scorers.get(spec.id, {}).items():
                        judgements = row["scores"].get(name, {}).get("judgements") or ()
                        if any(each["calls"] for each in judgements):
                            rivals = _opponents(judgements, trials, at=at, repeat=row["repeat"])
                            yield scorer, cases[at], row, rivals

    async def _put(
        self,
        questions: Sequence[tuple[JudgeScorer, Case, Mapping[str, Any], list[Opponent]]],
        asked: dict[str, Json],
    ) -> None:
        async def ask(wire: Wire, request: Request) -> Completion:
            asked[request.key] = request.body
            record = self._answers.record(request.key) if wire.is_api else None
            if record is None or record["type"] != "call":
                raise ProviderError("not recorded", kind=FailureKind.NO_RECORDING)
            return wire.parse(request, record["body"].encode("utf-8", "surrogateescape"))

        for scorer, case, row, rivals in questions:
            completion = Completion(text=row["output"])
            try:
                await scorer.judge_answer(case, completion, ask=ask, opponents=rivals)
            except (EvalRunnerError, ValueError):
                # What was asked before it failed is known all the same.
                continue


def api_judges(spec: CellSpec) -> Collection[str]:
    """Names of the judges of a cell that are asked over a wire."""
    has_scorer = any(isinstance(s, JudgeScorerSettings) for s in spec.settings.scorer.values())
    models = judge_models(spec.settings.judge).items() if has_scorer else ()
    return [name for name, model in models if isinstance(model, ApiModelSettings)]


def api_wire(model: ModelSettings, project: Project) -> Wire | None:
    """How a model behind an API is asked; None when its base URL is not known here."""
    try:
        return wire_for(model, project)
    except ConfigError:
        return None


def _judge_scorers(settings: Experiment, project: Project) -> Iterator[tuple[str, JudgeScorer]]:
    """The scorers of a cell that can put their questions again."""

    def wire(model: ModelSettings) -> Wire | None:
        return api_wire(model, project) if isinstance(model, ApiModelSettings) else _silent(model)

    for name, scorer in settings.scorer.items():
        if isinstance(scorer, JudgeScorerSettings):
            try:
                judge = make_judge(settings.judge, seed=settings.run.seed, wire=wire)
                made = make_scorer(name, scorer, project=project, judge=judge)
            except (ConfigError, StoreError):
                continue
            if isinstance(made, JudgeScorer):
                yield name, made


def _silent(model: ModelSettings) -> Wire:
    """Stands for a judge that is a function: it must not even be loaded."""

    def build(
        prompt: Prompt, case: Case, sample: int, *, schema: Mapping[str, Json] | None = None
    ) -> Request:
        del prompt, case, schema
        return Request(
            provider=model.provider, model=model.name, origin="", path="", body={}, sample=sample
        )

    def never(*_: object, **__: object) -> NoReturn:
        raise ProviderError("not recorded", kind=FailureKind.NO_RECORDING)

    return Wire(settings=model, build_request=build, parse=never, open=never)


def _opponents(
    judgements: Sequence[Mapping[str, Any]], trials: Trials, *, at: int, repeat: int
) -> list[Opponent]:
    """The answers that an answer was compared with, in the order in which that happened."""
    cells = dict.fromkeys(each["opponent"] for each in judgements)
    return [
        Opponent(cell=cell, text=trials[cell][at][repeat]["output"])
        for cell in cells
        if cell in trials and at < len(trials[cell]) and repeat < len(trials[cell][at])
    ]
