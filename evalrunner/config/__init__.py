"""Configuration: Hydra composes the grid, pydantic validates every cell of it.

The only package that imports hydra and omegaconf, and only when something is composed; their
objects never leave it. `settings` says which keys there are, `guard` what no YAML file may do.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from importlib import import_module
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from evalrunner.errors import ConfigError
from evalrunner.project import Project
from evalrunner.types import Json

if TYPE_CHECKING:
    from evalrunner.config.grid import ComposedCell, Grid
    from evalrunner.config.settings import (
        DecideSettings,
        ExecutorSettings,
        Experiment,
        JudgeSettings,
        ProductionSettings,
        RunSettings,
    )

__all__ = [
    "ComposedCell",
    "DecideSettings",
    "ExecutorSettings",
    "Experiment",
    "Grid",
    "JudgeSettings",
    "ProductionSettings",
    "RunSettings",
    "changed_settings",
    "complete",
    "compose",
    "compose_group",
    "info",
    "show",
]

Result = TypeVar("Result")
_HOMES = {name: "settings" for name in __all__ if name.endswith("Settings")}
_HOMES |= {"Experiment": "settings", "ComposedCell": "grid", "Grid": "grid"}


def __getattr__(name: str) -> Any:
    """The settings classes need every provider and scorer: imported when one is asked for."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)


def compose(overrides: Sequence[str], project: Project) -> Grid:
    """The grid that the command line and the project's files describe.

    `-m` and `--config-name NAME` may stand among the overrides. Raises ConfigError with every
    problem of every cell, each listed once.
    """
    from evalrunner.config.composition import compose_grid

    return _redacted(lambda: compose_grid(overrides, project))


def changed_settings(config: Mapping[str, Json], overrides: Sequence[str]) -> dict[str, Json]:
    """A frozen cell's settings as JSON, with what a resumed run may change applied.

    Raises ConfigError naming every other override.
    """
    from evalrunner.config.changes import changed

    return _redacted(lambda: changed(config, overrides))


def compose_group(group: str, name: str, project: Project) -> Any:
    """The settings of one file alone: `compose_group("pricing", "list", project)`."""
    from evalrunner.config.composition import compose_file

    return _redacted(lambda: compose_file(group, name, project))


def show(
    overrides: Sequence[str],
    project: Project,
    what: Literal["job", "hydra", "all"] = "job",
    *,
    package: str | None = None,
    resolve: bool = False,
) -> str:
    """What `--cfg` prints: the composed YAML, one document a cell, nothing validated."""
    from evalrunner.config.composition import grid_points, open_settings
    from evalrunner.config.printing import documents

    def text() -> str:
        loader, typed = open_settings(overrides, project)
        cells = [point.settings for point in grid_points(typed, loader)]
        return documents(cells, loader, what=what, package=package, resolve_values=resolve)

    return _redacted(text)


def info(topic: str, overrides: Sequence[str], project: Project) -> str:
    """What Hydra's `--info TOPIC` prints, sweeps left out."""
    from evalrunner.config.composition import open_settings
    from evalrunner.config.printing import info_text

    def text() -> str:
        loader, typed = open_settings(overrides, project)
        return info_text(topic, [setting for setting in typed if not setting.is_sweep], loader)

    return _redacted(text)


def complete(line: str, project: Project) -> list[str]:
    """Overrides that may follow `line`, for shell completion; nothing when conf/ is refused."""
    from evalrunner.config.loader import Loader
    from evalrunner.config.printing import completions

    try:
        return completions(line, Loader(project))
    except ConfigError:
        return []


def _redacted(ask: Callable[[], Result]) -> Result:
    """What `ask` returns; its errors without the secrets that an override may hold."""
    from evalrunner.redact import Redactor

    try:
        return ask()
    except ConfigError as error:
        clean = Redactor().text
        raise ConfigError(
            replace(p, where=clean(p.where), what=clean(p.what), hint=clean(p.hint))
            for p in error.problems
        ) from error.__cause__
