"""Composes and validates every cell of a grid; the problems of all of them come in one error."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hydra.errors import HydraException
from omegaconf.errors import OmegaConfBaseException
from pydantic import TypeAdapter, ValidationError

from evalrunner.config.command_line import read_command_line
from evalrunner.config.grid import (
    GROUP_AXES,
    ComposedCell,
    Grid,
    facets,
    labels,
    run_wide_problems,
)
from evalrunner.config.guard import check_hydra_node
from evalrunner.config.interpolation import Path, resolve
from evalrunner.config.loader import Composition, Loader
from evalrunner.config.overrides import (
    CELLS_LIMIT,
    OUTER_GROUPS,
    Point,
    Setting,
    check_size,
    expand,
    merge,
    read_settings,
    read_sweep_params,
)
from evalrunner.config.problems import (
    Locator,
    counted,
    group_problem,
    hydra_problem,
    missing_group_problem,
    validation_problems,
)
from evalrunner.config.settings import GROUPS, Experiment
from evalrunner.config.show import multirun_yaml, to_yaml
from evalrunner.errors import ConfigError, Problem
from evalrunner.project import Project
from evalrunner.redact import Redactor
from evalrunner.types import Json, sha256_of

_BREAKS = (HydraException, OmegaConfBaseException, UserWarning, ValueError, TypeError)
"""What Hydra raises over a user's mistake: its own errors, and plain ones from its depths."""


def compose_grid(arguments: Sequence[str], project: Project) -> Grid:
    """See `evalrunner.config.compose`."""
    loader, typed = open_settings(arguments, project)
    points = grid_points(typed, loader)
    redactor = Redactor()
    drafts = [_draft(point, loader, redactor) for point in points]
    error = counted([draft if isinstance(draft, list) else [] for draft in drafts])
    if error:
        raise error
    cells = _cells([draft for draft in drafts if isinstance(draft, _Draft)])
    return Grid(
        cells=cells,
        overrides=tuple(setting.typed for setting in typed),
        multirun_yaml=multirun_yaml(typed, loader),
    )


def open_settings(
    arguments: Sequence[str], project: Project
) -> tuple[Loader, tuple[Setting, ...]]:
    """The project's files behind a loader, and the command line, both checked by the guard."""
    line = read_command_line(arguments)
    loader = Loader(project, line.config_name)
    return loader, read_settings(line.overrides, loader)


def compose_file(group: str, name: str, project: Project) -> Any:
    """See `evalrunner.config.compose_group`."""
    loader = Loader(project)
    where = f"{group}={name}"
    if group not in GROUPS:
        raise ConfigError(
            Problem(where=where, what=f"{group!r} is no group with files of settings")
        )
    if loader.find(f"{group}/{name}") is None:
        raise ConfigError(group_problem(group, name, loader.get_group_options(group), where=where))
    try:
        composition = loader.compose((), f"{group}/{name}")
    except _BREAKS as error:
        raise ConfigError(hydra_problem(error, where=where)) from error
    tree = {group: composition.tree.get(group)}
    resolved, problems = _resolved(tree, composition, (), loader)
    locator = Locator((), composition.origins)
    if problems:
        raise ConfigError(_at(problems, locator))
    try:
        return TypeAdapter(GROUPS[group]).validate_python(resolved[group])
    except ValidationError as error:
        found = validation_problems(error, resolved, locator, Experiment, prefix=(group,))
        raise ConfigError(found) from error


def grid_points(typed: Sequence[Setting], loader: Loader) -> list[Point]:
    """Every cell's overrides: swept experiments first, then YAML's sweep, then what was typed."""
    check_size(typed)
    outer = [setting for setting in typed if setting.key in OUTER_GROUPS and setting.is_sweep]
    points: list[Point] = []
    for choice in expand(outer, loader):
        chosen = {setting.key: setting for setting in choice.settings}
        settings = [chosen.get(setting.key, setting) for setting in typed]
        inner = expand(merge(_sweep_params(settings, loader), settings), loader)
        points += [Point(point.settings, (*choice.swept, *point.swept)) for point in inner]
        if len(points) > CELLS_LIMIT:
            raise ConfigError(Problem(where="", what=f"the grid has over {CELLS_LIMIT:,} cells"))
    _check_distinct(points)
    return points


def _check_distinct(points: Sequence[Point]) -> None:
    repeated = [typed for typed, n in Counter(point.typed for point in points).items() if n > 1]
    if repeated:
        hint = "name each value once; run.repeats=N draws several answers per case"
        raise ConfigError(
            Problem(where=" ".join(typed), what="is in the grid more than once", hint=hint)
            for typed in repeated
        )


def _sweep_params(settings: Sequence[Setting], loader: Loader) -> tuple[Setting, ...]:
    """What the chosen files set under `hydra.sweeper.params`."""
    choosing = [
        setting.override
        for setting in settings
        if loader.is_group(setting.override.key_or_group) and not setting.is_sweep
    ]
    try:
        composition = loader.compose(choosing)
    except _BREAKS as error:
        raise ConfigError(hydra_problem(error, where=_blame(settings))) from error
    problems = list(check_hydra_node(composition.tree.get("hydra")))
    problems += _double_params(composition, typed={setting.key for setting in settings})
    if problems:
        raise ConfigError(problems)
    params = _params_in(composition.tree)
    if params is None:
        return ()
    where = Locator((), composition.origins).where(("hydra", "sweeper", "params"))
    return read_sweep_params(params, loader, where=where)


def _params_in(tree: Json) -> Json:
    for key in ("hydra", "sweeper", "params"):
        tree = tree.get(key) if isinstance(tree, Mapping) else None
    return tree


def _double_params(composition: Composition, *, typed: set[str]) -> Iterator[Problem]:
    """Keys that a file of sweep/ and another file both sweep: neither may win silently."""
    found: dict[str, dict[bool, str]] = {}
    for origin in composition.origins:
        content = origin.file.content
        for part in reversed(origin.prefix):
            content = {part: content}
        for key in _params_in(content) or {}:
            line = origin.file.line((*("hydra", "sweeper", "params")[len(origin.prefix) :], key))
            shown = f"{origin.file.shown}:{line}" if line else origin.file.shown
            found.setdefault(str(key), {})[origin.config_path.startswith("sweep/")] = shown
    for key, files in found.items():
        if len(files) > 1 and key not in typed:
            what = f"{files[True]} and {files[False]} both sweep {key}"
            hint = f"remove one of them, or type {key}=a,b: the command line wins over both"
            yield Problem(where=f"hydra.sweeper.params.{key}", what=what, hint=hint)


@dataclass(frozen=True, slots=True)
class _Draft:
    point: Point
    axes: dict[str, Json]
    settings: Experiment
    config_yaml: str


def _draft(point: Point, loader: Loader, redactor: Redactor) -> _Draft | list[Problem]:
    """One cell, or what is wrong with it."""
    try:
        composition = loader.compose(point.overrides)
    except ConfigError as error:
        return list(error.problems)
    except _BREAKS as error:
        return [hydra_problem(error, where=_blame(point.settings))]
    problems = list(check_hydra_node(composition.tree.get("hydra")))
    problems += _missing_groups(composition, loader)
    if problems:
        return problems
    tree = _job_tree(composition)
    locator = Locator(point.settings, composition.origins)
    resolved, unresolved = _resolved(tree, composition, point.typed, loader)
    if unresolved:
        return list(_at(unresolved, locator))
    problems = list(_at(_secrets(resolved, (), redactor), locator))
    try:
        settings = Experiment.model_validate(resolved)
    except ValidationError as error:
        return [*problems, *validation_problems(error, resolved, locator, Experiment)]
    if problems:
        return problems
    return _Draft(point, _axes(point, composition, settings), settings, to_yaml(tree))


def _job_tree(composition: Composition) -> dict[str, Json]:
    """Without Hydra's node, and without what an empty file of sweep/ or experiment/ leaves."""
    return {
        key: value
        for key, value in composition.tree.items()
        if key != "hydra" and (value or key not in OUTER_GROUPS)
    }


def _resolved(
    tree: Json, composition: Composition, typed: Sequence[str], loader: Loader
) -> tuple[Json, list[tuple[Path, str]]]:
    hydra = {
        "runtime": {"choices": composition.choices},
        "overrides": {"task": list(typed)},
        "job": {"name": "evalrunner", "config_name": loader.config_name},
    }
    return resolve(tree, hydra)


def _missing_groups(composition: Composition, loader: Loader) -> Iterator[Problem]:
    experiments = loader.get_group_options("experiment") if loader.is_group("experiment") else []
    for group, choice in composition.choices.items():
        if choice == "???":
            yield missing_group_problem(group, loader.get_group_options(group), experiments)


def _secrets(value: Json, path: Path, redactor: Redactor) -> Iterator[tuple[Path, str]]:
    if isinstance(value, str) and redactor.holds_secret(value):
        what = "holds the value of a secret environment variable; write its NAME (api_key_env: ...)"
        yield path, what
    items = value.items() if isinstance(value, Mapping) else ()
    items = enumerate(value) if isinstance(value, list) else items
    for key, item in items:
        yield from _secrets(item, (*path, key), redactor)


def _at(found: Sequence[tuple[Path, str]] | Iterator[Any], locator: Locator) -> Iterator[Problem]:
    for path, what in found:
        yield Problem(where=locator.where(path), what=what)


def _blame(settings: Sequence[Setting]) -> str:
    return " ".join(setting.typed for setting in settings)


def _axes(point: Point, composition: Composition, settings: Experiment) -> dict[str, Json]:
    choices = composition.choices
    scorers = [
        origin.config_path.removeprefix("scorer/")
        for origin in composition.origins
        if origin.config_path.startswith("scorer/")
        and not (origin.parent or "").startswith("scorer/")
    ]
    inline = {
        "dataset": settings.dataset.name,
        "model": settings.model.name,
        "prompt": settings.prompt.user,
        "judge": settings.judge and settings.judge.model.name,
    }
    axes: dict[str, Json] = {key: choices.get(key) or inline.get(key) for key in GROUP_AXES}
    axes["scorer"] = "+".join(dict.fromkeys(scorers) or settings.scorer)
    for setting in point.settings:
        if setting.key in point.swept and setting.key not in GROUP_AXES:
            axes[setting.key] = setting.override.value()
    return axes


def _cells(drafts: Sequence[_Draft]) -> tuple[ComposedCell, ...]:
    problems = run_wide_problems([draft.settings for draft in drafts])
    if problems:
        raise ConfigError(problems)
    axes = [draft.axes for draft in drafts]
    cells = []
    for number, (draft, label, facet) in enumerate(
        zip(drafts, labels(axes), facets(axes), strict=True)
    ):
        resolved = draft.settings.model_dump(mode="json", by_alias=True)
        typed = {s.key for s in draft.point.settings if s.is_typed}
        cells.append(
            ComposedCell(
                id=number,
                overrides=draft.point.typed,
                axes=draft.axes,
                label=label,
                facet=facet,
                settings=draft.settings,
                config_yaml=draft.config_yaml,
                resolved=resolved,
                config_sha256=sha256_of(resolved),
                command_line_keys=frozenset(typed),
            )
        )
    return tuple(cells)
