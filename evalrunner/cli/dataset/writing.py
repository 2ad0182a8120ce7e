"""Cases as a file: the format is what the ending says, and nothing is overwritten unasked."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

from evalrunner.errors import ConfigError, Problem
from evalrunner.report.tables import spreadsheet_text
from evalrunner.store.files import write_bytes
from evalrunner.types import Case, Json

Fields: TypeAlias = Mapping[str, Json]

_FIRST = ("id", "input", "expected_output")


def check_out(out: str, *, force: bool, source: Path) -> Path:
    """The file to write. Raises ConfigError when it is there already, or of no known format."""
    path = Path(out)
    if path.suffix.lower() not in _WRITERS:
        what = f"{out!r} has no known format"
        hint = f"the formats are {', '.join(_WRITERS)}"
        raise ConfigError(Problem(where="OUT", what=what, hint=hint))
    if path.exists() and path.resolve() == source.resolve():
        what = f"{out!r} is the file that is read"
        raise ConfigError(Problem(where="OUT", what=what, hint="give another name"))
    if path.exists() and not force:
        what = f"{out!r} is there already"
        raise ConfigError(Problem(where="OUT", what=what, hint="--force replaces it"))
    if not path.absolute().parent.is_dir():
        what = f"there is no directory {str(path.absolute().parent)!r}"
        raise ConfigError(Problem(where="OUT", what=what, hint="make it first"))
    return path


def write_set(cases: Iterable[Case], path: Path) -> int:
    """Write the file as a whole; returns how many cells of a CSV file had to be changed.

    Raises ConfigError for Parquet without pyarrow or with columns of several types, and StoreError.
    """
    data, n_changed = _WRITERS[path.suffix.lower()]([_ordered(case.fields) for case in cases])
    write_bytes(path, data)
    return n_changed


def _ordered(fields: Fields) -> Fields:
    """As people write a case."""
    first = {name: fields[name] for name in _FIRST if name in fields}
    return first | dict(fields)


def _json_lines(rows: Sequence[Fields]) -> tuple[bytes, int]:
    return b"".join(_bytes(_dumped(row)) + b"\n" for row in rows), 0


def _json_array(rows: Sequence[Fields]) -> tuple[bytes, int]:
    lines = b",\n".join(_bytes(_dumped(row)) for row in rows)
    return b"[\n" + lines + b"\n]\n", 0


def _csv(rows: Sequence[Fields]) -> tuple[bytes, int]:
    """What is no text is written as JSON, as lists are read; an absent field is an empty cell."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    text, n_changed = io.StringIO(), 0
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([spreadsheet_text(name) for name in names])
    for row in rows:
        plain = [_cell(row.get(name)) for name in names]
        safe = [cell if _is_number(cell) else spreadsheet_text(cell) for cell in plain]
        n_changed += sum(cell != was for cell, was in zip(safe, plain, strict=True))
        writer.writerow(safe)
    return text.getvalue().encode("utf-8"), n_changed


def _parquet(rows: Sequence[Fields]) -> tuple[bytes, int]:
    try:
        import pyarrow as pa
        from pyarrow import parquet
    except ImportError as error:
        what = "Parquet files need the package pyarrow, which is not installed"
        hint = "pip install 'evalrunner[parquet]'"
        raise ConfigError(Problem(where="OUT", what=what, hint=hint)) from error
    names = list(dict.fromkeys(name for row in rows for name in row))
    sink = io.BytesIO()
    try:
        table = pa.table({name: [row.get(name) for row in rows] for name in names})
        parquet.write_table(table, sink)
    except (pa.ArrowException, ValueError, TypeError, OverflowError) as error:
        what = f"these cases fit no columns: {error}"
        hint = "a column has one type: write .jsonl, or make the field text everywhere"
        raise ConfigError(Problem(where="OUT", what=what, hint=hint)) from error
    return sink.getvalue(), 0


_WRITERS: Mapping[str, Callable[[Sequence[Fields]], tuple[bytes, int]]] = {
    ".jsonl": _json_lines,
    ".json": _json_array,
    ".csv": _csv,
    ".parquet": _parquet,
}


def _dumped(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False, allow_nan=False)
    # JSON's own escapes are the only form that half a surrogate pair has.
    return text if text.isprintable() or _is_utf8(text) else json.dumps(value, allow_nan=False)


def _is_utf8(text: str) -> bool:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _bytes(text: str) -> bytes:
    return text.encode("utf-8")


def _cell(value: Json) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else _dumped(value)


def _is_number(cell: str) -> bool:
    """A negative number is no formula: with an apostrophe no scorer would read it."""
    try:
        float(cell)
    except ValueError:
        return False
    return cell == cell.strip()
