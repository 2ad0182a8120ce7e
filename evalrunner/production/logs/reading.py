"""From files and directories to logged calls, line by line.

A log is written by machines that lose their power and shared with others: what cannot be read is
left out and counted, never fatal.
"""

from __future__ import annotations

import gzip
import json
import zlib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from io import BufferedReader
from pathlib import Path
from typing import BinaryIO, NoReturn

from evalrunner.errors import ConfigError, Problem
from evalrunner.production.logs.otlp import Telemetry, is_telemetry
from evalrunner.production.logs.record import TOO_DEEP, LoggedCall, call_of
from evalrunner.types import Json

_SUFFIXES = (".jsonl", ".json", ".ndjson", ".jsonl.gz", ".json.gz", ".ndjson.gz")
_LONGEST_LINE = 64 << 20
_LARGEST_DOCUMENT = 512 << 20
_MOST_KEPT = 20
_MARK = b"\xef\xbb\xbf"


@dataclass(slots=True)
class Logs:
    """What a log holds; filled while it is read."""

    records: list[LoggedCall] = field(default_factory=list)
    files: list[Path] = field(default_factory=list)
    n_left_out: int = 0
    """Lines, and spans of model calls, that are no usable record."""
    n_other: int = 0
    """Spans and events that are no model call: nothing is wrong with them."""
    problems: list[Problem] = field(default_factory=list)
    """Why, of the first 20 of them."""
    reasons: Counter[str] = field(default_factory=Counter)
    """How often each reason occurred."""

    def leave_out(self, where: str, what: str, hint: str = "") -> None:
        """Count what is not used."""
        self.n_left_out += 1
        self.reasons[what] += 1
        if len(self.problems) < _MOST_KEPT:
            self.problems.append(Problem(where=where, what=what, hint=hint))


def read_logs(paths: Sequence[Path]) -> Logs:
    """All calls of the files, and of all logs in the directories, in the order of their names.

    Raises ConfigError for a path that is no file or directory, or when there is nothing to read.
    """
    logs = Logs()
    logs.records.extend(stream_logs(paths, logs))
    if not logs.records:
        files = f"{len(logs.files):,} file{'' if len(logs.files) == 1 else 's'}"
        what = f"no logged call in {files}"
        hint = "give files that the sampler wrote, or OTLP JSON with gen_ai spans and their content"
        problems = [*logs.problems, Problem(where=" ".join(map(str, paths)), what=what, hint=hint)]
        raise ConfigError(problems)
    return logs


def stream_logs(paths: Sequence[Path], logs: Logs) -> Iterator[LoggedCall]:
    """As `read_logs`, one call at a time; `logs` gets all but the records."""
    logs.files.extend(_files(paths))
    telemetry = Telemetry()
    for path in logs.files:
        for where, value in _values(path, logs):
            if is_telemetry(value):
                yield from telemetry.take(value, where)
                continue
            try:
                yield call_of(value)
            except ValueError as error:
                logs.leave_out(where, str(error))
    yield from telemetry.rest()
    logs.n_other += telemetry.n_other
    for where, what, hint in telemetry.left_out:
        logs.leave_out(where, what, hint)


def _files(paths: Sequence[Path]) -> list[Path]:
    found: dict[Path, None] = {}
    problems = []
    for path in paths:
        try:
            if path.is_dir():
                inside = [each for each in path.rglob("*") if each.name.endswith(_SUFFIXES)]
                found.update(dict.fromkeys(sorted(each for each in inside if each.is_file())))
            elif path.is_file():
                found[path] = None
            else:
                problems.append(Problem(where=str(path), what="no such file or directory"))
        except (OSError, ValueError) as error:
            problems.append(Problem(where=str(path), what=f"cannot be read: {error}"))
    if problems:
        raise ConfigError(problems)
    return list(found)


def _values(path: Path, logs: Logs) -> Iterator[tuple[str, dict[str, Json]]]:
    """Place and content of each object of a file."""
    try:
        with path.open("rb") as file:
            for line, text in _texts(_unpacked(file), path, logs):
                where = f"{path}:{line}"
                try:
                    value = _decoded(text)
                except ValueError as error:
                    logs.leave_out(where, _why(error, text))
                    continue
                for each in value if isinstance(value, list) else [value]:
                    if isinstance(each, dict):
                        yield where, each
                    else:
                        logs.leave_out(where, "is no JSON object")
    except (OSError, EOFError, zlib.error) as error:
        # gzip has no words of its own for most of it, and a torn file has lost its end only.
        what = f"cannot be read to its end: {getattr(error, 'strerror', None) or error}"
        logs.leave_out(str(path), what)


def _unpacked(file: BufferedReader) -> BinaryIO:
    is_packed = file.peek(2)[:2] == b"\x1f\x8b"
    return gzip.open(file) if is_packed else file  # type: ignore[return-value] # it reads alike


def _texts(file: BinaryIO, path: Path, logs: Logs) -> Iterator[tuple[int, bytes]]:
    """Lines with their numbers; a document that spans lines is one, named by its first."""
    number, is_first = 0, True
    while line := file.readline(_LONGEST_LINE):
        number += 1
        if len(line) == _LONGEST_LINE and not line.endswith(b"\n"):
            logs.leave_out(f"{path}:{number}", f"is longer than {_LONGEST_LINE:,} bytes")
            _skip_line(file)
            continue
        text = line.removeprefix(_MARK).strip()
        if not text:
            continue
        if is_first and text[:1] in b"{[" and text[-1:] in b"{[":
            yield number, text + file.read(_LARGEST_DOCUMENT)
            return
        is_first = False
        yield number, text


def _skip_line(file: BinaryIO) -> None:
    while (rest := file.readline(_LONGEST_LINE)) and not rest.endswith(b"\n"):
        pass


def _decoded(text: bytes) -> Json:
    """One JSON value. Raises ValueError."""
    try:
        return json.loads(text, parse_constant=_refuse, parse_float=_finite)
    except RecursionError as error:
        raise ValueError(TOO_DEEP) from error


def _why(error: ValueError, text: bytes) -> str:
    if isinstance(error, json.JSONDecodeError):
        is_torn = text[:1] == b"{" and text[-1:] != b"}"
        return "is torn: its end is missing" if is_torn else f"is not JSON: {error.msg}"
    return "is not UTF-8" if isinstance(error, UnicodeDecodeError) else str(error)


def _refuse(name: str) -> NoReturn:
    raise ValueError(f"holds {name}, which is no JSON")


def _finite(digits: str) -> float:
    number = float(digits)
    if number in {float("inf"), float("-inf")}:
        raise ValueError("holds a number that is too large")
    return number
