"""A test set as the commands about it name one: a file, or a configuration's name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from evalrunner.config import compose_group
from evalrunner.datasets import DatasetSettings, load_cases
from evalrunner.datasets._problems import Problems
from evalrunner.datasets._readers import SUFFIXES, read_rows
from evalrunner.errors import ConfigError, Problem
from evalrunner.project import Project
from evalrunner.types import Case, Json


@dataclass(frozen=True, slots=True, kw_only=True)
class TestSet:
    """Cases with the lines that they stand on."""

    name: str
    path: Path
    shown: str
    """The path as it was given, or as the configuration gives it."""
    cases: tuple[Case, ...]
    lines: Sequence[int] | None
    """Rows of a Parquet file; None where a filter leaves out some."""
    limit: int | None
    """How many of them a run takes; None = all."""
    cluster: str | None

    def line(self, position: int) -> int | None:
        """Of a case."""
        return None if self.lines is None else self.lines[position]


def read_test_set(
    typed: str, project: Project, *, fields: Mapping[str, str] | None = None
) -> TestSet:
    """The cases of a file, or of a file in `conf/dataset` by its name; `limit` is not applied.

    `fields` are renames beyond those of the configuration, new name first; None for a command that
    takes none. Raises ConfigError with every problem.
    """
    is_file = Path(typed).suffix.lower() in SUFFIXES or Path(typed).is_file()
    settings, root = _of_file(Path(typed)) if is_file else (_of_name(typed, project), project)
    limit = settings.limit
    settings = settings.model_copy(
        update={"limit": None, "fields": {**settings.fields, **(fields or {})}}
    )
    try:
        cases = load_cases(settings, root, seed=0, allow_absolute=True)
    except ConfigError as error:
        raise ConfigError(
            [
                _as_typed(problem, takes_map=fields is not None, is_file=is_file)
                for problem in error.problems
            ]
        ) from error
    lines = _lines(cases.path, settings.encoding)
    return TestSet(
        name=settings.name,
        path=cases.path,
        shown=settings.path,
        cases=tuple(cases),
        lines=lines if len(lines) == len(cases) else None,
        limit=limit if limit is not None and limit < len(cases) else None,
        cluster=settings.cluster,
    )


def _as_typed(problem: Problem, *, takes_map: bool, is_file: bool) -> Problem:
    """With a hint that can be typed here: these commands take no `dataset.key=value`."""
    option = "--map " if takes_map else "evalrunner dataset convert PATH OUT --map "
    hint = problem.hint.replace("dataset.fields.", option)
    hint = hint.replace(", or accept it: dataset.allow_empty=true", ", or leave the case out")
    where = "--map" if is_file and problem.where == "dataset.fields" else problem.where
    return replace(problem, where=where, hint=hint)


def _of_file(path: Path) -> tuple[DatasetSettings, Project]:
    here = Path.cwd()
    # As it was typed, so that problems name it so; elsewhere only the whole path leads there.
    is_below = path.resolve().is_relative_to(here.resolve()) and not path.is_absolute()
    shown = path if is_below and not _is_hidden(path) else path.absolute()
    return DatasetSettings(name=path.stem, path=str(shown)), Project(here)


def _is_hidden(path: Path) -> bool:
    return any(part.startswith(".") for part in path.parts)


def _of_name(name: str, project: Project) -> DatasetSettings:
    try:
        settings: DatasetSettings = compose_group("dataset", name, project)
    except ConfigError as error:
        hint = f"give a file ({', '.join(SUFFIXES)}), or a name in conf/dataset"
        what = f"no file {name!r}, and no test set of that name: {error.problems[0].what}"
        raise ConfigError(Problem(where="PATH", what=what, hint=hint)) from error
    return settings


def _lines(path: Path, encoding: str) -> list[int]:
    problems = Problems(str(path), key="dataset")
    rows = read_rows(path, problems, encoding=encoding)
    return [line for line, _ in rows]


def renames_of(typed: Sequence[str]) -> dict[str, str]:
    """What `--map new=old` says, new name first. Raises ConfigError."""
    fields: dict[str, str] = {}
    problems = []
    for text in typed:
        new, equals, old = text.partition("=")
        if not (equals and new and old):
            what, hint = f"{text!r} is no renaming", "write --map input=question"
            problems.append(Problem(where="--map", what=what, hint=hint))
        elif new in fields:
            problems.append(Problem(where="--map", what=f"{new!r} gets two fields"))
        else:
            fields[new] = old
    if problems:
        raise ConfigError(problems)
    return fields


def target_of(case: Case, field: str) -> Json:
    """A target that is one value; None for none, and for an object."""
    value = case.fields.get(field)
    if isinstance(value, list):
        return value[0] if len(value) == 1 else None
    return None if isinstance(value, dict) else value
