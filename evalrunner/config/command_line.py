"""The flags among the overrides: Hydra's, those that mean the same here and those that cannot."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from evalrunner.errors import ConfigError, Problem

_MULTIRUN = {"-m", "--multirun", "--run", "-r"}
_CONFIG_NAME = {"--config-name", "-cn"}
_REFUSED = {
    "--config-dir": "put the files into conf/ of a project and use --project DIR",
    "-cd": "put the files into conf/ of a project and use --project DIR",
    "--config-path": "use --project DIR; its conf/ is read",
    "-cp": "use --project DIR; its conf/ is read",
    "--experimental-rerun": "use --resume RUN",
    "--hydra-help": "see evalrunner --help",
}


@dataclass(frozen=True, slots=True)
class CommandLine:
    """Overrides without flags."""

    overrides: tuple[str, ...]
    config_name: str = "config"
    """The file of conf/ that composition starts from."""


def read_command_line(arguments: Sequence[str]) -> CommandLine:
    """Separate flags from overrides. Raises ConfigError naming what to use for a refused flag."""
    overrides: list[str] = []
    problems: list[Problem] = []
    config_name = "config"
    rest = iter(arguments)
    for argument in rest:
        flag, equals, value = argument.partition("=")
        if argument in _MULTIRUN:
            continue  # A single evaluation is a grid of one: the flag changes nothing.
        if flag in _CONFIG_NAME:
            config_name = (value if equals else next(rest, "")).removesuffix(".yaml")
            problems += _name_problems(config_name, flag)
        elif flag in _REFUSED:
            problems.append(Problem(where=flag, what="is refused", hint=_REFUSED[flag]))
            if not equals and flag != "--hydra-help":
                next(rest, None)
        elif argument.startswith("-"):
            problems.append(Problem(where=argument, what="is no option", hint="see --help"))
        else:
            overrides.append(argument)
    if problems:
        raise ConfigError(problems)
    return CommandLine(tuple(overrides), config_name)


def _name_problems(name: str, flag: str) -> list[Problem]:
    if re.fullmatch(r"\w[\w-]*", name):
        return []
    what = f"{name!r} is no name of a file in conf/"
    return [Problem(where=flag, what=what, hint=f"{flag} config")]
