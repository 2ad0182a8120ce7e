"""Files beside the figures: written whole or not at all, and safe to open in a spreadsheet."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path

from evalrunner.errors import StoreError, disk_remedy

_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


def write_atomically(path: Path, content: bytes) -> None:
    """Replaces `path` in one step: a reader sees the old file or the new one. Raises StoreError."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        temporary.write_bytes(content)
        temporary.replace(path)
    except OSError as error:
        what = f"cannot write {path}: {error.strerror}; {disk_remedy(error)}"
        raise StoreError(what) from error
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def write_csv(path: Path, rows: Iterable[Sequence[str | float | None]]) -> None:
    """Rows as CSV: None is an empty field, and no text is taken for a formula."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerows([_field(value) for value in row] for row in rows)
    # A name from a stranger may hold a lone surrogate, which UTF-8 cannot.
    write_atomically(path, buffer.getvalue().encode("utf-8", errors="backslashreplace"))


def _field(value: str | float | None) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return f"'{value}" if value.startswith(_FORMULA_STARTS) else value
    return repr(value)
