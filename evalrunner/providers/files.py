"""Files that decide what a model in this process answers: fingerprinted, and read row by row.

For recordings and training files. Test sets have stricter rules of their own, in `datasets`.
"""

from __future__ import annotations

import csv
import functools
import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from evalrunner.errors import ConfigError, Problem
from evalrunner.project import Project

MOST_SHOWN = 20
_LONGEST_CELL = 2**31 - 1


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a file."""

    line: int
    """Line of a .jsonl or .csv file; in a .json array the number of the element, from 1."""
    offset: int
    """Byte at which a .jsonl row starts; -1 in the other forms, which have no such byte."""
    fields: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """A file and what is in it."""

    path: Path
    sha256: str


def fingerprint(project: Project, name: str, *, where: str) -> Fingerprint:
    """The file `name` of the project or the package, with the hash of its content.

    Read once for every state of the file. Raises ConfigError as `Project.find` does.
    """
    path = _find(project.root, name, where)
    try:
        stat = path.stat()
        return Fingerprint(path, _sha256(path, stat.st_mtime_ns, stat.st_size))
    except OSError as error:
        problem = Problem(where=where, what=f"{name!r} cannot be read: {error.strerror}")
        raise ConfigError(problem) from error


def read_rows(path: Path, *, problems: list[Problem]) -> Iterator[Row]:
    """Rows of a .jsonl, .json (array) or .csv file, UTF-8 with or without a mark.

    Rows that cannot be read are left out and added to `problems`. An empty CSV cell is None.
    """
    forms = {".jsonl": _read_jsonl, ".json": _read_json, ".csv": _read_csv}
    read = forms.get(path.suffix.lower())
    if read is None:
        what = f"cannot read {path.suffix or 'a file without extension'!r} files"
        hint = f"convert it to one of: {', '.join(forms)}"
        problems.append(Problem(where=path.name, what=what, hint=hint))
        return
    try:
        yield from read(path, problems)
    except OSError as error:
        problems.append(Problem(where=path.name, what=f"cannot be read: {error.strerror}"))


def decode_object(line: bytes) -> dict[str, Any]:
    """One JSON object. Raises ValueError for anything else, NaN and infinity included."""
    try:
        value = json.loads(line, parse_constant=_refuse_constant)
    except RecursionError as error:
        raise ValueError("is nested too deeply") from error
    if not isinstance(value, dict):
        raise ValueError(f"is no JSON object but {type(value).__name__}")  # noqa: TRY004 - data
    return value


def raise_problems(problems: list[Problem], path: Path) -> None:
    """Raise ConfigError with the first 20 problems and a count of the rest; nothing for none."""
    if not problems:
        return
    shown, left_out = problems[:MOST_SHOWN], len(problems) - MOST_SHOWN
    if left_out > 0:
        shown.append(Problem(where=path.name, what=f"and {left_out:,} more", n=left_out))
    raise ConfigError(shown)


@functools.lru_cache(maxsize=256)
def _find(root: Path, name: str, where: str) -> Path:
    return Project(root).find(name, where=where)


@functools.lru_cache(maxsize=256)
def _sha256(path: Path, mtime_ns: int, size: int) -> str:
    del mtime_ns, size  # They only tell one state of the file from the next.
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _read_jsonl(path: Path, problems: list[Problem]) -> Iterator[Row]:
    offset = 0
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            start, offset = offset, offset + len(line)
            text = line.removeprefix(b"\xef\xbb\xbf") if number == 1 else line
            if not text.strip():
                continue
            try:
                yield Row(number, start + len(line) - len(text), decode_object(text))
            except ValueError as error:
                problems.append(Problem(where=f"{path.name}:{number}", what=str(error)))


def _read_json(path: Path, problems: list[Problem]) -> Iterator[Row]:
    try:
        rows = json.loads(path.read_bytes().decode("utf-8-sig"), parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        problems.append(Problem(where=path.name, what=f"is no JSON: {error}"))
        return
    if not isinstance(rows, list):
        hint = "one object a line is .jsonl"
        problems.append(Problem(where=path.name, what="is no JSON array of rows", hint=hint))
        return
    for number, row in enumerate(rows, start=1):
        if isinstance(row, dict):
            yield Row(number, -1, row)
        else:
            problems.append(Problem(where=f"{path.name}:row {number}", what="is no JSON object"))


def _read_csv(path: Path, problems: list[Problem]) -> Iterator[Row]:
    csv.field_size_limit(_LONGEST_CELL)
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.DictReader(file, strict=True)
        try:
            for cells in reader:
                if None in cells or None in cells.values():
                    what = "has more or fewer cells than the header"
                    problems.append(Problem(where=f"{path.name}:{reader.line_num}", what=what))
                else:
                    fields = {name: cell or None for name, cell in cells.items()}
                    yield Row(reader.line_num, -1, fields)
        except (csv.Error, UnicodeDecodeError) as error:
            where = f"{path.name}:{reader.line_num + 1}"
            problems.append(Problem(where=where, what=f"cannot be read: {error}"))


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON: write null for an unknown number")
