"""The grid: what a composed cell is, how it is named, and which cells may be compared."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from evalrunner.config.settings import Experiment
from evalrunner.errors import Problem
from evalrunner.types import Json, canonical_json, sha256_of

GROUP_AXES = ("dataset", "model", "prompt", "judge", "scorer")
"""Axes that every cell has."""
CANDIDATE_AXES = ("model", "prompt")
"""These and their keys are what is compared; all other axes are how it is measured."""
RUN_WIDE = (
    "name",
    "outputs",
    "budget_usd",
    "confirm_above_usd",
    "max_missing",
    "cache",
    "cache_dir",
    "cache_remote",
)
"""Keys of `run` that one run can have only one value of."""


@dataclass(frozen=True, kw_only=True)
class ComposedCell:
    """One point of the grid, validated."""

    id: int
    """Index in sweep order."""
    overrides: tuple[str, ...]
    """As the user would type them for this cell alone."""
    axes: Mapping[str, Json]
    """The groups' choices (scorers joined by `+`) and every swept key with its value."""
    label: str
    """The axes that vary; of a grid of one, model and prompt."""
    facet: int
    """Cells with equal measuring axes have equal facets."""
    settings: Experiment
    tree: Mapping[str, Json]
    """As composed, interpolations unresolved."""
    resolved: Mapping[str, Json]
    """JSON-able: `settings` with every default filled in."""
    config_sha256: str
    """Of `resolved`."""
    command_line_keys: frozenset[str]
    """Keys that were typed, not read from YAML: only these may name absolute paths."""

    @cached_property
    def config_yaml(self) -> str:
        """`.hydra/config.yaml` in Hydra's own form."""
        from evalrunner.config.printing import to_yaml

        return to_yaml(self.tree)


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """Every cell of an experiment."""

    cells: tuple[ComposedCell, ...]
    overrides: tuple[str, ...]
    """As typed, sweeps and all."""
    multirun_yaml: str
    """`multirun.yaml` in Hydra's own form."""


def named_cells(
    parts: Sequence[tuple[Mapping[str, Json], Experiment, Sequence[str]]],
) -> tuple[ComposedCell, ...]:
    """Cells from (axes, settings, overrides) that no composition made, named as if one had."""
    axes = [cell_axes for cell_axes, _, _ in parts]
    named = zip(parts, labels(axes), facets(axes), strict=True)
    cells = []
    for number, ((cell_axes, settings, overrides), label, facet) in enumerate(named):
        resolved = settings.model_dump(mode="json", by_alias=True)
        cells.append(
            ComposedCell(
                id=number,
                overrides=tuple(overrides),
                axes=cell_axes,
                label=label,
                facet=facet,
                settings=settings,
                tree=resolved,
                resolved=resolved,
                config_sha256=sha256_of(resolved),
                command_line_keys=frozenset(),
            )
        )
    return tuple(cells)


def labels(axes: Sequence[Mapping[str, Json]]) -> list[str]:
    """A short name per cell, from the axes in which the cells differ."""
    varying = [
        key for key in axes[0] if len({canonical_json(cell.get(key)) for cell in axes}) > 1
    ] or list(CANDIDATE_AXES)
    return ["/".join(_shown(key, cell[key]) for key in varying) for cell in axes]


def facets(axes: Sequence[Mapping[str, Json]]) -> list[int]:
    """A number per cell, equal where everything but model and prompt is equal."""
    numbers: dict[str, int] = {}
    return [numbers.setdefault(_measuring(cell), len(numbers)) for cell in axes]


def run_wide_problems(settings: Sequence[Experiment]) -> list[Problem]:
    """Keys that the cells of one run must agree on, and do not."""
    problems = []
    for key in RUN_WIDE:
        values = list(dict.fromkeys(str(getattr(cell.run, key)) for cell in settings))
        if len(values) > 1:
            what = f"one run has one value of it, but its cells have {', '.join(values)}"
            hint = f"choose one on the command line: run.{key}=VALUE"
            problems.append(Problem(where=f"run.{key}", what=what, hint=hint))
    return problems


def _shown(key: str, value: Json) -> str:
    return f"{key}={value}" if "." in key or "@" in key else str(value)


def _measuring(axes: Mapping[str, Json]) -> str:
    prefixes = tuple(f"{key}." for key in CANDIDATE_AXES)
    return canonical_json(
        {
            key: value
            for key, value in axes.items()
            if key not in CANDIDATE_AXES and not key.startswith(prefixes)
        }
    )
