"""Composes a grid: every point's overrides, then every cell; all problems come in one error."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pydantic import TypeAdapter, ValidationError

from evalrunner.config.cells import (
    Draft,
    composed,
    draft_cell,
    finished_cells,
    resolved_tree,
    stop,
)
from evalrunner.config.command_line import read_command_line
from evalrunner.config.grid import Grid
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
from evalrunner.config.printing import multirun_yaml
from evalrunner.config.problems import BREAKS, counted, group_problem, hydra_problem
from evalrunner.config.settings import GROUPS, Experiment
from evalrunner.config.tree import embedded
from evalrunner.config.validation import Locator, validation_problems
from evalrunner.errors import ConfigError, Problem
from evalrunner.project import Project
from evalrunner.redact import Redactor
from evalrunner.types import Json

_PARAMS = ("hydra", "sweeper", "params")


def compose_grid(arguments: Sequence[str], project: Project) -> Grid:
    """See `evalrunner.config.compose`."""
    loader, typed = open_settings(arguments, project)
    redactor = Redactor()
    drafts: list[Draft] = []
    problems: list[Sequence[Problem]] = []
    for point in grid_points(typed, loader):
        try:
            drafts.append(draft_cell(point, loader, redactor))
            problems.append(())
        except ConfigError as error:
            problems.append(error.problems)
    stop(counted(problems))
    return Grid(
        cells=finished_cells(drafts),
        overrides=tuple(setting.typed for setting in typed),
        multirun_yaml=multirun_yaml(typed, loader),
    )


def compose_file(group: str, name: str, project: Project) -> Any:
    """See `evalrunner.config.compose_group`."""
    loader = Loader(project)
    where = f"{group}={name}"
    if group not in GROUPS:
        raise ConfigError(group_problem("group", group, sorted(GROUPS), where=where))
    if loader.find(f"{group}/{name}") is None:
        raise ConfigError(group_problem(group, name, loader.get_group_options(group), where=where))
    try:
        composition = loader.compose((), f"{group}/{name}")
    except BREAKS as error:
        raise ConfigError(hydra_problem(error, where=where)) from error
    locator = Locator((), composition.origins)
    tree = {group: composition.tree.get(group)}
    resolved = resolved_tree(tree, composition, (), locator=locator)
    try:
        return TypeAdapter(GROUPS[group]).validate_python(resolved[group])
    except ValidationError as error:
        found = validation_problems(error, resolved, locator, Experiment, prefix=(group,))
        raise ConfigError(found) from error


def open_settings(arguments: Sequence[str], project: Project) -> tuple[Loader, tuple[Setting, ...]]:
    """The project's files behind a loader, and the command line, both checked by the guard."""
    line = read_command_line(arguments)
    loader = Loader(project, line.config_name)
    return loader, read_settings(line.overrides, loader)


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
    stop(_repeated(points))
    return points


def _repeated(points: Sequence[Point]) -> Iterator[Problem]:
    for typed, times in Counter(point.typed for point in points).items():
        if times > 1:
            what = f"is {times} times in the grid"
            hint = "name each value once; run.repeats=N draws several answers per case"
            yield Problem(where=" ".join(typed), what=what, hint=hint)


def _sweep_params(settings: Sequence[Setting], loader: Loader) -> tuple[Setting, ...]:
    """What the chosen files set under `hydra.sweeper.params`."""
    choosing = [
        setting
        for setting in settings
        if loader.is_group(setting.override.key_or_group) and not setting.is_sweep
    ]
    composition = composed(choosing, loader)
    stop(_double_params(composition, typed={setting.key for setting in settings}))
    params = _params_in(composition.tree)
    if params is None:
        return ()
    where = Locator((), composition.origins).where(_PARAMS)
    return read_sweep_params(params, loader, where=where)


def _params_in(tree: Json) -> Json:
    for key in _PARAMS:
        tree = tree.get(key) if isinstance(tree, Mapping) else None
    return tree


def _double_params(composition: Composition, *, typed: set[str]) -> Iterator[Problem]:
    """Keys that a file of sweep/ and another file both sweep: neither may win silently."""
    found: dict[str, dict[bool, str]] = {}
    for origin in composition.origins:
        params = _params_in(embedded(origin.file.content, origin.prefix))
        for key in params if isinstance(params, Mapping) else ():
            line = origin.file.line((*_PARAMS[len(origin.prefix) :], key))
            shown = f"{origin.file.shown}:{line}" if line else origin.file.shown
            found.setdefault(str(key), {})[origin.config_path.startswith("sweep/")] = shown
    for key, files in found.items():
        if len(files) > 1 and key not in typed:
            what = f"{files[True]} and {files[False]} both sweep {key}"
            hint = f"remove one of them, or type {key}=a,b: the command line wins over both"
            yield Problem(where=f"hydra.sweeper.params.{key}", what=what, hint=hint)
