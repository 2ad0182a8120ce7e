"""The parts of all cells, each made once, with every problem collected on the way."""

from __future__ import annotations

import difflib
from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

from evalrunner.config import ComposedCell, Experiment
from evalrunner.datasets import CaseSet, load_cases
from evalrunner.errors import ConfigError, Problem
from evalrunner.project import Project
from evalrunner.prompts import PromptTemplate, load_prompt
from evalrunner.providers.registry import Wire, wire_for
from evalrunner.scorers import Scorer, make_scorer
from evalrunner.scorers.quality import resolve_quality
from evalrunner.scorers.structured import JsonFieldsSettings
from evalrunner.types import Json, sha256_of

Part = TypeVar("Part")
_SHOWN = 20


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
        return self._make(
            ["model", cell.resolved["model"]], lambda: wire_for(cell.settings.model, self._project)
        )

    def scorers(self, cell: ComposedCell) -> tuple[Scorer, ...]:
        """The scorers of a cell that could be made."""
        return self.scorers_of(cell.settings)

    def scorers_of(self, settings: Experiment) -> tuple[Scorer, ...]:
        """As `scorers`, from settings alone."""
        made = (
            self._make(
                ["scorer", name, scorer.model_dump(mode="json", by_alias=True)],
                partial(make_scorer, name, scorer, project=self._project),
            )
            for name, scorer in settings.scorer.items()
        )
        return tuple(scorer for scorer in made if scorer is not None)

    def check_cases(self, cell: ComposedCell) -> None:
        """Render the prompt and read the targets of every case; note what would fail."""
        cases, template = self.case_set(cell), self.template(cell)
        self._note_quality(cell, cases)
        if cases is None:
            return
        if template is not None:
            hidden = _hidden_fields(cell.settings)
            key = ["check prompt", cell.resolved["prompt"], cases.sha256, sorted(hidden)]
            self._note(key, partial(template.problems, cases, hidden=hidden))
        for scorer in self.scorers(cell):
            key = ["check targets", scorer.name, cell.resolved["scorer"][scorer.name], cases.sha256]
            self._note(key, partial(_target_problems, scorer, cell.settings, cases))

    def _note_quality(self, cell: ComposedCell, cases: CaseSet | None) -> None:
        key = ["check quality", cell.settings.run.quality, cell.resolved["scorer"]]
        find = partial(_quality_problems, cell.settings, cases)
        self._note([*key, None if cases is None else cases.sha256], find)

    def _note(self, key: Json, find: Callable[[], list[Problem]]) -> None:
        self.problems.extend(self._make(key, find) or ())

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


def _hidden_fields(settings: Experiment) -> set[str]:
    """Fields that a template must not read: what the answer is scored against."""
    if settings.prompt.allow_target:
        return set()
    targets = {getattr(scorer, "target", None) for scorer in settings.scorer.values()}
    # What a function or a judge compares with is not known; by its name it is the answer.
    return {target for target in targets if target is not None} | {"expected_output", "rubric"}


def _quality_problems(settings: Experiment, cases: CaseSet | None) -> list[Problem]:
    """A `run.quality` that names no scorer, no metric, or a field that no target has."""
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


def _target_problems(scorer: Scorer, settings: Experiment, cases: CaseSet) -> list[Problem]:
    """Targets that cannot be used, and a target that no case has."""
    where = f"scorer.{scorer.name}"
    found = [what for case in cases if (what := scorer.target_problem(case)) is not None]
    problems = [Problem(where=where, what=what) for what in found[:_SHOWN]]
    if len(found) > _SHOWN:
        problems.append(Problem(where=where, what=f"and {len(found) - _SHOWN} more such cases"))
    target = getattr(settings.scorer[scorer.name], "target", None)
    if target is not None and not any(target in case.fields for case in cases):
        problems.append(_no_target(where, target, cases))
    return problems


def _no_target(where: str, target: str, cases: CaseSet) -> Problem:
    fields = sorted(set().union(*(case.fields for case in cases)))
    near = difflib.get_close_matches(target, fields, n=1)
    meant = f"did you mean {near[0]!r}? " if near else ""
    return Problem(
        where=f"{where}.target",
        what=f"no case of {cases.name!r} has the field {target!r}",
        hint=f"{meant}fields of the cases are: {', '.join(fields)}",
    )
