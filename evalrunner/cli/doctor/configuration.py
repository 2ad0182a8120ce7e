"""Does the project's configuration hold together: each file by itself, and each experiment."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from evalrunner.cli.doctor.check import Check, State
from evalrunner.config import compose, compose_group
from evalrunner.errors import ConfigError, Problem
from evalrunner.project import Project, packaged
from evalrunner.providers import ModelSettings

_GROUPS = ("dataset", "model", "prompt", "scorer", "judge", "pricing", "executor")
_SHOWN = 3


@dataclass(slots=True)
class Survey:
    """What the configuration says, as far as it can be read."""

    checks: list[Check] = field(default_factory=list)
    models: dict[str, ModelSettings] = field(default_factory=dict)
    """By file name; the packaged models and the project's."""
    outputs: str = "outputs"
    cache_dir: str | None = None


def survey(project: Project) -> Survey:
    """Compose every file of the project's `conf/` by itself, then every experiment."""
    found = Survey()
    own = project.conf
    if own is None:
        what = f"no conf/ in {project.root}: the packaged configuration alone is used"
        found.checks.append(Check("conf/", State.OK, what, "evalrunner init DIR writes a project"))
    else:
        found.checks.append(Check("conf/", State.OK, str(own)))
    conf = own or packaged("conf")
    found.checks.append(_files_check(project, conf, found))
    found.checks.append(_experiments_check(project, conf, found))
    return found


def _files_check(project: Project, conf: Path, found: Survey) -> Check:
    names = {group: dict.fromkeys(_names(conf / group)) for group in _GROUPS}
    names["model"] |= dict.fromkeys(_names(packaged("conf") / "model"))
    problems: list[Problem] = []
    for group, options in names.items():
        for name in options:
            try:
                settings: Any = compose_group(group, name, project)
            except ConfigError as error:
                problems += error.problems
            else:
                if group == "model":
                    found.models[name] = settings
    n_files = sum(len(options) for options in names.values())
    return _composes("configuration files", f"{n_files} files compose", problems)


def _experiments_check(project: Project, conf: Path, found: Survey) -> Check:
    problems: list[Problem] = []
    names = [name for name in _names(conf / "experiment") if name != "none"]
    open_ended = []
    for name in names:
        try:
            run = compose((f"experiment={name}",), project).cells[0].settings.run
        except ConfigError as error:
            if all(problem.where in _GROUPS for problem in error.problems):
                open_ended.append(name)
            else:
                problems += error.problems
        else:
            found.outputs, found.cache_dir = run.outputs, run.cache_dir
    detail = f"{', '.join(names) or 'none'}"
    if open_ended:
        detail += f" (something is left to the command line: {', '.join(open_ended)})"
    return _composes("experiments", detail, problems)


def _composes(name: str, detail: str, problems: Sequence[Problem]) -> Check:
    """Each problem is told once: a file that all experiments use would repeat it."""
    distinct = list(dict.fromkeys(problems))
    if not distinct:
        return Check(name, State.OK, detail)
    texts = [f"{problem.where}: {problem.what}" for problem in distinct[:_SHOWN]]
    if len(distinct) > _SHOWN:
        texts.append(f"and {len(distinct) - _SHOWN} more problems")
    return Check(name, State.BROKEN, "; ".join(texts), distinct[0].hint)


def _names(directory: Path) -> Iterator[str]:
    """Options of a group, as one would choose them."""
    for path in sorted(directory.rglob("[!.]*.yaml")):
        yield path.relative_to(directory).with_suffix("").as_posix()
