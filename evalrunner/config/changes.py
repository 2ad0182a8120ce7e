"""What a resumed run may change of its frozen settings, and nothing else."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence

import yaml
from pydantic import ValidationError

from evalrunner.config.settings import Experiment
from evalrunner.errors import ConfigError, Problem
from evalrunner.types import Json

CHANGEABLE = (
    "run.budget_usd",
    "run.confirm_above_usd",
    "run.max_missing",
    "run.cache",
    "model.limits.",
    "judge.model.limits.",
    "executor.",
)
"""Keys that change how a run goes on, not what it measures; a dot at the end: all keys below."""


def changed(config: Mapping[str, Json], overrides: Sequence[str]) -> dict[str, Json]:
    """A cell's settings as JSON with `overrides` (`run.budget_usd=10`) applied.

    Raises ConfigError naming every override that a resumed run does not take.
    """
    result: dict[str, Json] = copy.deepcopy(dict(config))
    problems = [problem for word in overrides if (problem := _apply(result, word)) is not None]
    if problems:
        raise ConfigError(problems)
    if overrides:
        _check(result)
    return result


def _apply(config: dict[str, Json], override: str) -> Problem | None:
    key, equals, text = override.lstrip("+").partition("=")
    if not equals or not any(key == known or _is_below(key, known) for known in CHANGEABLE):
        return Problem(
            where=override,
            what="a resumed run reads its frozen plan; this would make it another run",
            hint=f"it takes {', '.join(name.rstrip('.') for name in CHANGEABLE)}; "
            "for anything else start a new run, the cache makes it cheap",
        )
    try:
        value = yaml.safe_load(text)
    except yaml.YAMLError:
        return Problem(where=override, what=f"{text!r} is no value")
    *parents, last = key.split(".")
    place = config
    for parent in parents:
        place = place.setdefault(parent, {})
    place[last] = "off" if key == "run.cache" and value is False else value
    return None


def _is_below(key: str, known: str) -> bool:
    return known.endswith(".") and key.startswith(known)


def _check(config: Mapping[str, Json]) -> None:
    try:
        Experiment.model_validate(config)
    except ValidationError as error:
        raise ConfigError(
            Problem(where=".".join(map(str, found["loc"])), what=found["msg"])
            for found in error.errors()
        ) from error
