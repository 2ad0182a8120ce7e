"""An export as it lies in a run directory: what raters get and, apart from it, its key.

`human/tasks.jsonl` is what raters may see; `human/key.jsonl` is what they may not.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import filelock

from evalrunner.errors import ConfigError, Problem, StoreError, disk_remedy
from evalrunner.store.files import read_json, write_json, write_text
from evalrunner.types.people import Task, TaskKey

_SETTINGS, _TASKS, _KEY, _SECRETS = "settings.json", "tasks.jsonl", "key.jsonl", "secrets.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class HumanExport:
    """Tasks for people, their key, and how they were made."""

    settings: Mapping[str, Any]
    """`{seed, kind, cells, choose, by, n, raters, repeats, created_at, chances, …}`."""
    tasks: Sequence[Task]
    """By rater and order."""
    key: Sequence[TaskKey]
    """Of every task, and of the pairs of equal outputs."""


def human_directory(directory: Path) -> Path:
    """Where a run keeps what people are asked."""
    return directory / "human"


@contextlib.contextmanager
def locked_tasks(directory: Path) -> Iterator[None]:
    """Nobody else replaces a run's tasks or takes votes for them meanwhile.

    Raises ConfigError when somebody does, StoreError when the directory cannot be written.
    """
    human = human_directory(directory)
    lock = filelock.FileLock(human / ".lock")
    try:
        human.mkdir(exist_ok=True)
        lock.acquire(timeout=0)
    except filelock.Timeout as error:
        what = "another process works on what people are asked in this run"
        hint = "let `human serve`, `import` or `export` end first"
        raise ConfigError(Problem(where=str(directory), what=what, hint=hint)) from error
    except OSError as error:
        what = f"cannot write into {human}: {error.strerror}; {disk_remedy(error)}"
        raise StoreError(what) from error
    try:
        yield
    finally:
        lock.release()


def write_export(directory: Path, export: HumanExport) -> None:
    """Write the export of a run; the settings last, for they say that the rest is whole.

    Raises StoreError.
    """
    human = human_directory(directory)
    try:
        human.mkdir(exist_ok=True)
        # A kill in between must not leave the settings of an earlier export beside a new key.
        (human / _SETTINGS).unlink(missing_ok=True)
    except OSError as error:
        what = f"cannot replace {human}: {error.strerror}; {disk_remedy(error)}"
        raise StoreError(what) from error
    write_text(human / _KEY, _lines(export.key))
    write_text(human / _TASKS, _lines(export.tasks))
    write_json(human / _SETTINGS, export.settings)


def read_export(directory: Path) -> HumanExport | None:
    """The export of a run, if there is one. Raises StoreError when it is not what was written."""
    human = human_directory(directory)
    if not (human / _SETTINGS).is_file():
        return None
    tasks = [
        Task(**row | {"rating_criteria": tuple(row["rating_criteria"])})
        for row in _rows(human / _TASKS, Task)
    ]
    key = [TaskKey(**row) for row in _rows(human / _KEY, TaskKey)]
    return HumanExport(settings=read_json(human / _SETTINGS), tasks=tasks, key=key)


def write_secrets(directory: Path, secrets: Mapping[str, str]) -> None:
    """Keep each rater's token where only the owner of the run reads it. Raises StoreError."""
    path = human_directory(directory) / _SECRETS
    write_json(path, secrets)
    try:
        path.chmod(0o600)
    except OSError as error:
        raise StoreError(f"cannot protect {path}: {error.strerror}") from error


def read_secrets(directory: Path) -> dict[str, str]:
    """Each rater's token; empty before the first one was made.

    Raises ConfigError when others could have read them, StoreError.
    """
    path = human_directory(directory) / _SECRETS
    if not path.is_file():
        return {}
    if os.name == "posix" and path.stat().st_mode & 0o077:
        what = "holds the raters' secrets and can be read by others"
        raise ConfigError(Problem(where=str(path), what=what, hint=f"type: chmod 600 {path}"))
    return {str(rater): str(token) for rater, token in read_json(path).items()}


def _lines(rows: Sequence[Task] | Sequence[TaskKey]) -> str:
    return "".join(json.dumps(asdict(row), allow_nan=False) + "\n" for row in rows)


def _rows(path: Path, kind: type[Task | TaskKey]) -> list[dict[str, Any]]:
    wanted = set(kind.__dataclass_fields__)
    found = []
    try:
        lines = path.read_bytes().splitlines()
    except OSError as error:
        raise StoreError(f"cannot read {path}: {error.strerror}") from error
    for number, line in enumerate(lines, start=1):
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise StoreError(f"{path}, line {number}: is not JSON") from error
        if not isinstance(row, dict) or set(row) != wanted:
            raise StoreError(f"{path}, line {number}: is no line of an export; export again")
        found.append(row)
    return found
