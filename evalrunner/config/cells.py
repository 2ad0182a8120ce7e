"""Composes, resolves and validates one cell, and gives the finished ones their names."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from pydantic import ValidationError

from evalrunner.config.grid import GROUP_AXES, ComposedCell, facets, labels, run_wide_problems
from evalrunner.config.guard import check_hydra_node
from evalrunner.config.interpolation import resolve
from evalrunner.config.loader import Composition, Loader
from evalrunner.config.overrides import OUTER_GROUPS, Point, Setting
from evalrunner.config.problems import BREAKS, hydra_problem, missing_group_problem
from evalrunner.config.settings import Experiment
from evalrunner.config.tree import walk
from evalrunner.config.validation import Locator, validation_problems
from evalrunner.errors import ConfigError, Problem
from evalrunner.redact import Redactor
from evalrunner.types import Json, sha256_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A validated cell that does not yet know the other cells."""

    point: Point
    choices: dict[str, Json]
    """The chosen file of every group; of `scorer` all of them, joined."""
    settings: Experiment
    tree: dict[str, Json]
    """As composed, interpolations unresolved."""


def draft_cell(point: Point, loader: Loader, redactor: Redactor) -> Draft:
    """One cell of the grid. Raises ConfigError with everything that is wrong with it."""
    composition = composed(point.settings, loader)
    stop(_missing_groups(composition, loader))
    tree = _job_tree(composition)
    locator = Locator(point.settings, composition.origins)
    resolved = resolved_tree(tree, composition, point.typed, locator=locator)
    problems = list(_secrets(resolved, redactor, locator))
    try:
        settings = Experiment.model_validate(resolved)
    except ValidationError as error:
        problems += validation_problems(error, resolved, locator, Experiment)
        raise ConfigError(problems) from error
    stop(problems)
    choices = composition.choices | _scorer_choice(composition)
    return Draft(point=point, choices=choices, settings=settings, tree=tree)


def finished_cells(drafts: Sequence[Draft]) -> tuple[ComposedCell, ...]:
    """The cells with their labels and facets. Raises ConfigError where they contradict."""
    stop(run_wide_problems([draft.settings for draft in drafts]))
    swept = dict.fromkeys(key for draft in drafts for key in draft.point.swept)
    axes = [_axes(draft, [key for key in swept if key not in GROUP_AXES]) for draft in drafts]
    named = zip(drafts, axes, labels(axes), facets(axes), strict=True)
    return tuple(
        _finished(draft, number=number, axes=axes, label=label, facet=facet)
        for number, (draft, axes, label, facet) in enumerate(named)
    )


def composed(settings: Sequence[Setting], loader: Loader) -> Composition:
    """What Hydra makes of the settings, its complaints as ConfigError."""
    try:
        composition = loader.compose([setting.override for setting in settings])
    except BREAKS as error:
        problem = hydra_problem(error, where=_blamed(str(error), settings))
        missing = str(getattr(error, "missing_cfg_file", None))
        raise ConfigError(
            replace(problem, where=loader.chooser(missing) or problem.where)
        ) from error
    stop(check_hydra_node(composition.tree.get("hydra")))
    return composition


def _blamed(message: str, settings: Sequence[Setting]) -> str:
    """The override that the message speaks of, or else all of them."""
    named = [setting for setting in settings if setting.key in message]
    if named:
        return max(named, key=lambda s: (s.typed in message, len(s.key))).typed
    return " ".join(setting.typed for setting in settings)


def resolved_tree(
    tree: Json, composition: Composition, typed: Sequence[str], *, locator: Locator
) -> Json:
    """`tree` with every interpolation replaced. Raises ConfigError naming those that cannot be."""
    hydra = {
        "runtime": {"choices": composition.choices},
        "overrides": {"task": list(typed)},
        "job": {"name": "evalrunner"},
    }
    resolved, failed = resolve(tree, hydra)
    stop(Problem(where=locator.where(path), what=what) for path, what in failed)
    return resolved


def stop(problems: Iterable[Problem]) -> None:
    """Raise ConfigError if there is any problem."""
    found = tuple(problems)
    if found:
        raise ConfigError(found)


def _finished(
    draft: Draft, *, number: int, axes: dict[str, Json], label: str, facet: int
) -> ComposedCell:
    resolved = draft.settings.model_dump(mode="json", by_alias=True)
    return ComposedCell(
        id=number,
        overrides=draft.point.typed,
        axes=axes,
        label=label,
        facet=facet,
        settings=draft.settings,
        tree=draft.tree,
        resolved=resolved,
        config_sha256=sha256_of(resolved),
        command_line_keys=frozenset(s.key for s in draft.point.settings if s.is_typed),
    )


def _missing_groups(composition: Composition, loader: Loader) -> Iterator[Problem]:
    experiments = loader.get_group_options("experiment")
    for group, choice in reversed(composition.choices.items()):
        if choice == "???":
            yield missing_group_problem(group, loader.get_group_options(group), experiments)


def _job_tree(composition: Composition) -> dict[str, Json]:
    """Without Hydra's node, and without what an empty file of sweep/ or experiment/ leaves."""
    return {
        key: value
        for key, value in composition.tree.items()
        if key != "hydra" and (value or key not in OUTER_GROUPS)
    }


def _secrets(resolved: Json, redactor: Redactor, locator: Locator) -> Iterator[Problem]:
    for path, value in walk(resolved):
        if isinstance(value, str) and redactor.holds_secret(value):
            what = "holds the value of a secret environment variable, which would be written down"
            hint = "write the variable's name, in api_key_env"
            yield Problem(where=locator.where(path), what=what, hint=hint)


def _axes(draft: Draft, swept: Sequence[str]) -> dict[str, Json]:
    settings = draft.settings
    inline: dict[str, Json] = {
        "dataset": settings.dataset.name,
        "model": settings.model.name,
        "prompt": settings.prompt.user,
        "judge": settings.judge and settings.judge.model.name,
        "scorer": "+".join(settings.scorer),
    }
    axes = {key: draft.choices.get(key) or inline[key] for key in GROUP_AXES}
    return axes | {key: _swept_value(draft, key) for key in swept}


def _swept_value(draft: Draft, key: str) -> Json:
    """What the cell sets `key` to; a cell of another experiment may not set it at all."""
    for setting in reversed(draft.point.settings):
        if setting.key == key:
            return setting.override.value()
    if key in draft.choices:
        return draft.choices[key]
    value: Json = draft.tree
    for part in key.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    return value


def _scorer_choice(composition: Composition) -> dict[str, Json]:
    """Hydra keeps no choice of a group that is chosen by a list: read off the files."""
    names = [
        origin.config_path.removeprefix("scorer/")
        for origin in composition.origins
        if origin.config_path.startswith("scorer/")
        and not (origin.parent or "").startswith("scorer/")
    ]
    return {"scorer": "+".join(names)} if names else {}
