"""The mix of categories that a test set is held to: typed, from a file, or from a log."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

from evalrunner.cli.dataset.findings import with_article
from evalrunner.config.mixes import mix_problem
from evalrunner.errors import ConfigError, Problem
from evalrunner.formatting import n_of
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


def logged_mix(logs: Sequence[str], field: str) -> tuple[dict[str, float], list[str]]:
    """Each value of a field in production logs, and what to warn of. Raises ConfigError.

    Counts where every call had the same chance to be logged; else the shares of all production,
    each call weighted by 1 / its chance.
    """
    from evalrunner.production.logs import read_logs

    read = read_logs([Path(log) for log in logs])
    found = [(call, value) for call in read.records if (value := call.field(field))]
    if not found:
        what = f"no logged call has {with_article(field)}, as its category or in its metadata"
        raise ConfigError(Problem(where="--production", what=what, hint="--category FIELD"))
    weights: dict[str, float] = defaultdict(float)
    for call, value in found:
        weights[value] += call.weight
    warnings = []
    if read.n_left_out:
        warnings.append(f"{n_of(read.n_left_out, 'line')} of the logs left out: no usable record")
    without = len(read.records) - len(found)
    if without:
        warnings.append(f"{n_of(without, 'logged call')} without {with_article(field)} left out")
    if len({call.rate for call, _ in found}) == 1:
        return dict(Counter(value for _, value in found)), warnings
    total = sum(weights.values())
    return {value: weight / total for value, weight in weights.items()}, warnings


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
