"""The command line in Hydra's grammar: read, checked, made forgiving, and expanded into cells.

A value override gets Hydra's `++`, so that every documented key can be set whether or not a YAML
file mentions it (pydantic refuses what does not exist); messages and records keep what was typed.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from itertools import islice
from typing import Any

from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.override_parser.types import ChoiceSweep, Override, OverrideType, RangeSweep
from hydra.errors import HydraException

from evalrunner.config.guard import SINGLE_GROUPS, check_override, single_problem
from evalrunner.config.loader import Loader
from evalrunner.config.problems import group_problem, parse_problem
from evalrunner.errors import ConfigError, Problem
from evalrunner.types import Json

CELLS_LIMIT = 10_000
"""A grid larger than this is a slip of the pen."""
OUTER_GROUPS = ("experiment", "sweep", "project")
"""Groups whose files may themselves set `hydra.sweeper.params`: expanded before everything else."""


@dataclass(frozen=True, slots=True)
class Setting:
    """One override, ready for Hydra, with what the user wrote."""

    override: Override
    typed: str
    is_rewritten: bool
    is_typed: bool
    """On the command line, not in a YAML file's `hydra.sweeper.params`."""

    @property
    def key(self) -> str:
        """Without prefix: `model`, `run.seed`, `model@judge.model`."""
        return bare_key(self.override)

    @property
    def line(self) -> str:
        """For Hydra."""
        return str(self.override.input_line)

    @property
    def is_sweep(self) -> bool:
        """Whether it stands for several values."""
        return self.override.is_sweep_override()


@dataclass(frozen=True, slots=True)
class Point:
    """The settings of one cell, none of them a sweep."""

    settings: tuple[Setting, ...]
    swept: tuple[str, ...]
    """Keys with several values in the grid."""

    @property
    def typed(self) -> tuple[str, ...]:
        """As the user would type them for this cell alone."""
        return tuple(setting.typed for setting in self.settings)


def read_settings(texts: Sequence[str], loader: Loader) -> tuple[Setting, ...]:
    """What was typed. Raises ConfigError with every override that is wrong by itself."""
    return _read([(text, text) for text in texts], loader, is_typed=True)


def read_sweep_params(params: Json, loader: Loader, *, where: str) -> tuple[Setting, ...]:
    """`hydra.sweeper.params` of the YAML files as if it had been typed."""
    if not isinstance(params, Mapping):
        raise ConfigError(Problem(where=where, what="is no mapping of keys to values"))
    problems = [
        Problem(
            where=f"{where}.{key}",
            what="is no text",
            hint=f"write the values as one text with commas: {key}: 'a,b'",
        )
        for key, value in params.items()
        if value is None or isinstance(value, Mapping | list)
    ]
    if problems:
        raise ConfigError(problems)
    texts = [f"{key}={_as_text(value)}" for key, value in params.items()]
    return _read([(text, f"{where}: {text}") for text in texts], loader, is_typed=False)


def merge(params: Iterable[Setting], typed: Sequence[Setting]) -> tuple[Setting, ...]:
    """Sweep parameters first, as Hydra orders them; what was typed wins over the same key."""
    keys = {setting.key for setting in typed}
    kept = [setting for setting in params if setting.key not in keys]
    return (*kept, *typed)


def expand(settings: Sequence[Setting], loader: Loader) -> list[Point]:
    """Every combination, the last key fastest. Raises ConfigError for too many or for none."""
    check_size(settings)
    known = {setting.override.get_key_element(): setting for setting in settings}
    swept = tuple(setting.key for setting in known.values() if setting.is_sweep)
    batches = BasicSweeper.split_arguments([s.override for s in settings], None)
    return [
        Point(tuple(_at_point(text, known, loader) for text in texts), swept)
        for texts in batches[0]
    ]


def check_size(settings: Sequence[Setting]) -> None:
    """Refuse a grid that is too large, before it is spelled out."""
    sizes = {setting.key: _size(setting) for setting in settings if setting.is_sweep}
    if math.prod(sizes.values()) > CELLS_LIMIT:
        counts = " x ".join(
            f"{key} ({f'{size:,}' if size <= CELLS_LIMIT else f'over {CELLS_LIMIT:,}'})"
            for key, size in sizes.items()
        )
        what = f"the grid has more than {CELLS_LIMIT:,} cells: {counts}"
        hint = "sweep over fewer values; run.repeats=N draws several answers per case"
        raise ConfigError(Problem(where="", what=what, hint=hint))


def bare_key(override: Override) -> str:
    """The key without prefix."""
    package = "" if override.package is None else f"@{override.package}"
    return f"{override.key_or_group}{package}"


def _read(
    texts: Sequence[tuple[str, str]], loader: Loader, *, is_typed: bool
) -> tuple[Setting, ...]:
    settings, problems = [], []
    for text, shown in texts:
        try:
            override = _exact_range(loader.parse(text))
        except (HydraException, RecursionError) as error:
            problems.append(parse_problem(text, shown, error, loader.get_group_options))
            continue
        if not override.key_or_group:
            problems.append(parse_problem("", shown, HydraException(), loader.get_group_options))
            continue
        found = list(_check(override, shown, loader))
        problems += found
        if not found:
            settings.append(_forgiving(override, text, loader, is_typed=is_typed))
    if problems:
        raise ConfigError(problems)
    return tuple(settings)


def _check(override: Override, shown: str, loader: Loader) -> Iterable[Problem]:
    refused = _not_repeatable(override, shown)
    if refused:
        return [refused]
    if override.is_sweep_override():
        values: list[Json] = list(islice(override.sweep_iterator(), CELLS_LIMIT + 1))
        values = [Override._convert_value(value) for value in values]  # noqa: SLF001 - as value()
    else:
        values = [override.value()]
    key = bare_key(override).replace("@", ".")
    problems = list(check_override(key, values, text=shown))
    if problems or override.is_delete() or not loader.is_group(override.key_or_group):
        return problems
    return [*problems, *_check_choices(override.key_or_group, values, shown, loader)]


def _check_choices(
    group: str, values: Sequence[Json], shown: str, loader: Loader
) -> Iterator[Problem]:
    options = loader.get_group_options(group)
    if not values:
        yield group_problem(group, None, options, where=shown)
    for value in values:
        if isinstance(value, list) and group in SINGLE_GROUPS:
            yield single_problem(group, value, where=shown)
            continue
        for name in value if isinstance(value, list) else [value]:
            is_name = isinstance(name, str)
            if not isinstance(name, dict) and not (is_name and loader.find(f"{group}/{name}")):
                yield group_problem(
                    group, "null" if name is None else str(name), options, where=shown
                )


def _not_repeatable(override: Override, shown: str) -> Problem | None:
    value = override._value  # noqa: SLF001 - sweeps have no public look inside
    if isinstance(value, ChoiceSweep | RangeSweep) and value.shuffle:
        what = "shuffle() gives another order each time; a plan must come out the same twice"
        return Problem(where=shown, what=what, hint="write the values in the order you want")
    if isinstance(value, RangeSweep) and value.step == 0:
        return Problem(where=shown, what="range() with a step of 0 has no end")
    if override.is_interval_sweep():
        what = "interval() has no single values to try"
        return Problem(where=shown, what=what, hint="use range(start,stop,step) or choice(a,b)")
    return None


def _exact_range(override: Override) -> Override:
    """Hydra steps through binary fractions, and so from 0.1 by 0.1 on to 0.4 of range(0.1,0.4)."""
    sweep = override._value  # noqa: SLF001 - sweeps have no public look inside
    if not isinstance(sweep, RangeSweep):
        return override
    bounds = (sweep.start, sweep.stop, sweep.step)
    if all(isinstance(bound, int) for bound in bounds):
        return override
    exact: Any = [Decimal(str(bound)) for bound in bounds]
    start, stop, step = exact
    return replace(override, _value=replace(sweep, start=start, stop=stop, step=step))


def _forgiving(override: Override, text: str, loader: Loader, *, is_typed: bool) -> Setting:
    is_plain = override.type == OverrideType.CHANGE and override.package is None
    is_value = not loader.is_group(override.key_or_group) or isinstance(override.value(), dict)
    if is_plain and is_value:
        forced = replace(override, type=OverrideType.FORCE_ADD, input_line=f"++{text}")
        return Setting(forced, text, is_rewritten=True, is_typed=is_typed)
    return Setting(override, text, is_rewritten=False, is_typed=is_typed)


def _at_point(text: str, known: Mapping[str, Setting], loader: Loader) -> Setting:
    override = loader.parse(text)
    source = known[override.get_key_element()]
    if not source.is_sweep:
        return source
    typed = text[2:] if source.is_rewritten else text
    return replace(source, override=override, typed=typed)


def _size(setting: Setting) -> int:
    return sum(1 for _ in islice(setting.override.sweep_iterator(), CELLS_LIMIT + 1))


def _as_text(value: Json) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
