"""A grid over the recorded answers of another run: other scorers or judges, the same candidates."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from evalrunner.config import ComposedCell, Experiment, Grid, compose
from evalrunner.config.grid import named_cells
from evalrunner.datasets import CaseFile, CaseSet, case_set_of
from evalrunner.errors import ConfigError, Problem
from evalrunner.planning.cells import Cell
from evalrunner.planning.frozen import thaw
from evalrunner.planning.parts import Parts
from evalrunner.project import Project
from evalrunner.prompts import PromptTemplate
from evalrunner.types import Json

_MEASURES = ("scorer", "judge", "pricing", "decide", "production")
_RUN_KEYS = (
    "quality",
    "baseline",
    "budget_usd",
    "confirm_above_usd",
    "max_missing",
    "on_refused",
    "on_truncated",
    "margin",
    "confidence",
    "cache",
    "seed",
    "target_difference",
)
# A composition needs them; nothing of them is used.
_STAND_INS = ("dataset=support_tickets", "model=empty", "prompt=plain", "experiment=none")


class RescoredParts(Parts):
    """Parts whose cases and prompts are those that the earlier run kept.

    Args:
        project: Where scorers and judges are looked up.
        parent: Directory of the earlier run.
        origins: By the id of each new cell, the cell of the earlier run.
    """

    def __init__(self, project: Project, parent: Path, origins: Mapping[int, Cell]) -> None:
        super().__init__(project)
        self._cases = CaseFile(parent / "cases.jsonl")
        self._origins = origins

    def case_set(self, cell: ComposedCell) -> CaseSet | None:
        """The cases as they were asked."""
        origin = self._origins[cell.id]
        name = origin.settings.dataset.name
        return self._make(
            ["cases", origin.first, origin.n, name],
            lambda: case_set_of(self._cases.slice(origin.first, origin.n, name=name)),
        )

    def template(self, cell: ComposedCell) -> PromptTemplate | None:
        """The prompt as it was used."""
        return self._origins[cell.id].template


def rescoring(
    parent: Path, overrides: Sequence[str], project: Project
) -> tuple[Grid, RescoredParts]:
    """Every candidate cell of the run in `parent`, measured as `overrides` say.

    Raises ConfigError for overrides that would change what the candidates were asked, StoreError
    when the run cannot be read.
    """
    problems = [problem for text in overrides if (problem := _refused(text)) is not None]
    if not overrides:
        what = "nothing to change"
        hint = "name other measures: judge=strict,lenient or scorer=[exact_match,rubric]"
        problems.append(Problem(where="rescore", what=what, hint=hint))
    if problems:
        raise ConfigError(problems)
    measures = compose((*_STAND_INS, *overrides), project)
    typed = {_key(text) for text in overrides}
    answers = _answers_path(parent, project)
    found: dict[str, tuple[Cell, dict[str, Json], dict[str, Json], ComposedCell]] = {}
    for origin in thaw(parent):
        if origin.role != "candidate":
            continue
        for measure in measures.cells:
            axes = _axes(origin, measure, typed)
            config = _config(origin, measure, typed, answers=answers)
            # Cells that differed only in how they were measured are one now.
            found.setdefault(str(sorted(axes.items())), (origin, axes, config, measure))
    cells = named_cells(
        [
            (axes, Experiment.model_validate(config), (*origin.overrides, *_typed_at(measure)))
            for origin, axes, config, measure in found.values()
        ]
    )
    origins = {number: origin for number, (origin, *_) in enumerate(found.values())}
    grid = Grid(cells=cells, overrides=tuple(overrides), multirun_yaml=measures.multirun_yaml)
    return grid, RescoredParts(project, parent, origins)


def _refused(text: str) -> Problem | None:
    key = _key(text)
    group = key.partition(".")[0]
    if group in _MEASURES or (group == "run" and key.partition(".")[2] in _RUN_KEYS):
        return None
    return Problem(
        where=text,
        what="this is no measure: the candidates are not called again",
        hint=f"rescore takes {', '.join(_MEASURES)} and run.{{{','.join(_RUN_KEYS)}}}; "
        "for anything else start a new run, the cache makes it cheap",
    )


def _key(text: str) -> str:
    return text.lstrip("+~").partition("=")[0].partition("@")[0].replace("/", ".")


def _typed_at(measure: ComposedCell) -> Iterator[str]:
    return (text for text in measure.overrides if text not in _STAND_INS)


def _axes(origin: Cell, measure: ComposedCell, typed: set[str]) -> dict[str, Json]:
    groups = {key.partition(".")[0] for key in typed}
    changed = {
        key: value
        for key, value in measure.axes.items()
        if key.partition(".")[0] in groups and key not in {"dataset", "model", "prompt"}
    }
    return dict(origin.axes) | changed


def _config(
    origin: Cell, measure: ComposedCell, typed: set[str], *, answers: str
) -> dict[str, Json]:
    """The settings of a new cell: measured anew, answered by what is recorded."""
    config: dict[str, Any] = dict(origin.config)
    groups = {key.partition(".")[0] for key in typed}
    config |= {group: measure.resolved[group] for group in _MEASURES if group in groups}
    run = dict(config["run"])
    run |= {key: measure.resolved["run"][key] for key in _RUN_KEYS if f"run.{key}" in typed}
    if (
        "run.quality" not in typed
        and (run["quality"] or "").partition(".")[0] not in config["scorer"]
    ):
        run["quality"] = None
    # Nothing is sent, so that there is nothing to save by racing.
    config["run"] = run | {"race": False}
    dataset = origin.settings.dataset
    config["dataset"] = {
        "name": dataset.name,
        "path": answers.replace("trials.jsonl", "cases.jsonl"),
        "slices": dataset.slices,
        "cluster": dataset.cluster,
    }
    model = origin.settings.model
    config["model"] = {
        "provider": "replay",
        "name": model.name,
        "label": model.label,
        "price": model.price,
        "path": answers,
        "select": {"cell": origin.id},
        "reprice": True,
    }
    return config


def _answers_path(parent: Path, project: Project) -> str:
    """The run's answers as a path of the project. Raises ConfigError when it is outside."""
    trials = parent / "trials.jsonl"
    if not trials.is_file():
        what, hint = "has no trials.jsonl", f"type: evalrunner report {parent}"
        raise ConfigError(Problem(where=str(parent), what=what, hint=hint))
    try:
        return trials.resolve().relative_to(project.root.resolve()).as_posix()
    except ValueError as error:
        what = f"is outside of the project {project.root}"
        hint = "add --project DIR, the project that the run belongs to, or move the run into it"
        raise ConfigError(Problem(where=str(parent), what=what, hint=hint)) from error
