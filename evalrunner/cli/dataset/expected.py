"""The mix of categories that a test set is held to: typed, from a file, or from a log."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from evalrunner.config.mixes import mix_problem
from evalrunner.errors import ConfigError, Problem
from evalrunner.health import shown_value

_OPTION = "--expected"


def read_expected(text: str) -> dict[str, float]:
    """`k=v,k=v`, or a JSON file with one object. Raises ConfigError."""
    mix = _from_file(Path(text)) if text.lower().endswith(".json") else _typed(text)
    problem = mix_problem(mix)
    if problem is not None:
        hint = "give counts, or shares that sum to 1: billing=0.6,refund=0.4"
        raise ConfigError(Problem(where=_OPTION, what=problem, hint=hint))
    return mix


def logged_mix(logs: Sequence[str], field: str) -> dict[str, float]:
    """How often each category stands in production logs. Raises ConfigError."""
    from evalrunner.production.logs import read_logs

    read = read_logs([Path(log) for log in logs])
    if read.problems:
        raise ConfigError(read.problems)
    values = (record.category if field == "category" else None for record in read.records)
    return dict(Counter(value for value in values if value is not None))


def _typed(text: str) -> dict[str, float]:
    mix: dict[str, float] = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        name, equals, number = part.rpartition("=")
        try:
            if not equals or not name:
                raise ValueError(part)  # noqa: TRY301 - as what float raises
            value = float(number)
        except ValueError as error:
            hint = "write billing=60,refund=40, or give a .json file"
            what = f"{part!r} is no category with a number"
            raise ConfigError(Problem(where=_OPTION, what=what, hint=hint)) from error
        mix[name.strip()] = mix.get(name.strip(), 0) + value
    return mix


def _from_file(path: Path) -> dict[str, float]:
    hint = 'write {"billing": 60, "refund": 40}'
    try:
        content = json.loads(path.read_bytes())
    except OSError as error:
        what = f"{str(path)!r} cannot be read: {error.strerror}"
        raise ConfigError(Problem(where=_OPTION, what=what)) from error
    except (ValueError, RecursionError) as error:
        what = f"{str(path)!r} is not JSON: {error}"
        raise ConfigError(Problem(where=_OPTION, what=what, hint=hint)) from error
    if not isinstance(content, Mapping) or not all(
        isinstance(value, int | float) and not isinstance(value, bool) for value in content.values()
    ):
        what = f"{str(path)!r} holds no object of categories with numbers"
        raise ConfigError(Problem(where=_OPTION, what=what, hint=hint))
    return {shown_value(name) or "": float(value) for name, value in content.items()}
