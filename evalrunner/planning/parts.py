"""The parts of all cells, each made once, with every problem collected on the way."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

from evalrunner.config import ComposedCell, Experiment
from evalrunner.datasets import CaseSet, load_cases
from evalrunner.errors import ConfigError, Problem
from evalrunner.planning.judges import make_judge
from evalrunner.project import Project
from evalrunner.prompts import PromptTemplate, load_prompt
from evalrunner.providers import ModelSettings
from evalrunner.providers.registry import Wire, wire_for
from evalrunner.scorers import Scorer, ScorerSettings, make_scorer
from evalrunner.scorers.judge.settings import JudgeScorerSettings
from evalrunner.scorers.judging import Judge
from evalrunner.scorers.quality import resolve_quality
from evalrunner.scorers.structured import JsonFieldsSettings
from evalrunner.types import Json, sha256_of

Part = TypeVar("Part")


class Parts:
    """Makes and remembers data sets, templates, wires and scorers; equal settings share a part."""

    def __init__(self, project: Project) -> None:
        self._project = project
        self._made: dict[str, Any] = {}
        self.problems: list[Problem] = []

    def case_set(self, cell: ComposedCell) -> CaseSet | None:
        """The selected cases of a cell; None when they cannot be read."""
        run, typed = cell.settings.run, "dataset.path" in cell.command_line_keys
        # Only a limit draws: a sweep over seeds reads a whole test set once.
        seed = None if cell.settings.dataset.limit is None else run.seed
        return self._make(
            ["dataset", cell.resolved["dataset"], seed, typed],
            lambda: load_cases(
                cell.settings.dataset, self._project, seed=run.seed, allow_absolute=typed
            ),
        )

    def template(self, cell: ComposedCell) -> PromptTemplate | None:
        """The compiled prompt of a cell; None when it cannot be read."""
        typed = sorted(key for key in cell.command_line_keys if key.startswith("prompt."))
        return self._make(
            ["prompt", cell.resolved["prompt"], typed],
            lambda: load_prompt(cell.settings.prompt, self._project, typed=typed),
        )

    def wire(self, cell: ComposedCell) -> Wire | None:
        """How the model of a cell is asked; None when it could never answer."""
        return self._wire(cell.settings.model)

    def scorers(self, cell: ComposedCell) -> tuple[Scorer, ...]:
        """The scorers of a cell that could be made."""
        return self.scorers_of(cell.settings)

    def scorers_of(self, settings: Experiment) -> tuple[Scorer, ...]:
        """As `scorers`, from settings alone."""
        made = (self._scorer(name, scorer, settings) for name, scorer in settings.scorer.items())
        return tuple(scorer for scorer in made if scorer is not None)

    def _scorer(self, name: str, scorer: ScorerSettings, settings: Experiment) -> Scorer | None:
        key = ["scorer", name, scorer.model_dump(mode="json", by_alias=True)]
        if not isinstance(scorer, JudgeScorerSettings):
            return self._make(key, partial(make_scorer, name, scorer, project=self._project))
        judge = self._judge(settings)
        if judge is None and settings.judge is not None:
            return None
        dumped = settings.judge and settings.judge.model_dump(mode="json", by_alias=True)
        return self._make(
            [*key, dumped, settings.run.seed],
            partial(make_scorer, name, scorer, project=self._project, judge=judge),
        )

    def _judge(self, settings: Experiment) -> Judge | None:
        """The judge of a cell; None without one, and when it could not be made."""
        judge, seed = settings.judge, settings.run.seed
        dumped = judge and judge.model_dump(mode="json", by_alias=True)
        return self._make(
            ["judge", dumped, seed], lambda: make_judge(judge, seed=seed, wire=self._wire)
        )

    def _wire(self, model: ModelSettings) -> Wire | None:
        key = ["model", model.model_dump(mode="json", by_alias=True)]
        return self._make(key, lambda: wire_for(model, self._project))

    def check_quality(self, cell: ComposedCell) -> None:
        """Note a `run.quality` that names no scorer, no metric, or a field that no target has."""
        cases = self.case_set(cell)
        key = ["check quality", cell.settings.run.quality, cell.resolved["scorer"]]
        find = partial(_quality_problems, cell.settings, cases)
        found = self._make([*key, None if cases is None else cases.sha256], find)
        self.problems.extend(found or ())

    def _make(self, key: Json, factory: Callable[[], Part]) -> Part | None:
        digest = sha256_of(key)
        if digest not in self._made:
            try:
                self._made[digest] = factory()
            except ConfigError as error:
                self.problems.extend(error.problems)
                self._made[digest] = None
        part: Part | None = self._made[digest]
        return part


def _quality_problems(settings: Experiment, cases: CaseSet | None) -> list[Problem]:
    quality = settings.run.quality
    if quality is None:
        return []
    scorer, metric = resolve_quality(quality, settings.scorer)
    chosen = settings.scorer[scorer]
    if metric is None or not isinstance(chosen, JsonFieldsSettings) or cases is None:
        return []
    targets = (case.fields.get(chosen.target) for case in cases)
    fields = {key for target in targets if isinstance(target, dict) for key in target}
    if chosen.fields is not None or metric in fields:
        return []
    what = f"no target has the field {metric!r}, which {quality!r} names"
    hint = f"fields of the targets are: {', '.join(sorted(fields))}"
    return [Problem(where="run.quality", what=what, hint=hint)]
