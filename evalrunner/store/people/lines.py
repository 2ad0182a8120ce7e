"""Lines of what people said: those that we wrote carry a checksum, those of others need none."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

from evalrunner.errors import StoreError, disk_remedy
from evalrunner.store.files import append_whole
from evalrunner.store.journal import cut_torn_tail, encode_line, read_lines

ReadT = TypeVar("ReadT")


def read_said(
    path: Path, parse: Callable[[Mapping[str, Any]], ReadT]
) -> Iterator[tuple[int, ReadT | None]]:
    """(line number, what it says) of a file that may be missing; None = the line is broken."""
    if not path.is_file():
        return
    for line in read_lines(path):
        record = line.record if line.record is not None else _plain(line.raw)
        try:
            yield line.number, None if record is None else parse(record)
        except ValueError:
            yield line.number, None


def append_said(path: Path, records: Iterable[Mapping[str, Any]]) -> None:
    """Append all of the records or none; on disk when this returns. Raises StoreError."""
    data = b"".join(map(encode_line, records))
    try:
        if path.exists():
            cut_torn_tail(path)
        append_whole(path, data)
    except OSError as error:
        what = f"cannot write {path}: {error.strerror}; nothing was recorded"
        raise StoreError(f"{what}: {disk_remedy(error)}, then type it again") from error


def _plain(raw: bytes) -> dict[str, Any] | None:
    """A line without checksum, as another program writes it."""
    try:
        record = json.loads(raw)
    except (ValueError, RecursionError):
        return None
    return record if isinstance(record, dict) and "crc" not in record else None


def number_in(record: Mapping[str, Any], name: str, *, most: float | None = None) -> float | None:
    """A number of 0 or more, or None where there is none. Raises ValueError for anything else."""
    value = record.get(name)
    if value is None:
        return None
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not is_number or not 0 <= value < float("inf") or (most is not None and value > most):
        limit = "a number of 0 or more" if most is None else f"a number from 0 to {most:g}"
        raise ValueError(f"{name!r} must be {limit}, not {value!r:.40}")
    return float(value)


def text_in(record: Mapping[str, Any], name: str, *, needed: bool = False) -> str | None:
    """A text, or None where there is none. Raises ValueError for anything else."""
    value = record.get(name)
    if isinstance(value, str) and (value or not needed):
        return value
    if value is None and not needed:
        return None
    if value is None:
        raise ValueError(f"{name!r} is missing")
    raise ValueError(f"{name!r} must be a text, not {value!r:.40}")
