"""From a file to rows: the format by its name and first character, the encoding by its settings."""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

from evalrunner.datasets._json import array_of_json, lines_of_json
from evalrunner.datasets._problems import Problems
from evalrunner.datasets._tables import rows_of_csv, rows_of_parquet
from evalrunner.types import Json

SUFFIXES = (".jsonl", ".json", ".csv", ".parquet")
_CHUNK = 1 << 20


def read_rows(
    path: Path, problems: Problems, *, encoding: str
) -> Iterator[tuple[int, dict[str, Json]]]:
    """Line (in Parquet: number) and value of each row, streamed; what is no row is noted."""
    suffix = path.suffix.lower()
    if suffix == ".parquet":
        yield from rows_of_parquet(path, problems)
        return
    try:
        if suffix == ".csv":
            with _open(path, encoding, newline="") as file:
                yield from rows_of_csv(file, problems)
        else:
            # People name arrays .jsonl and lines .json: the first character decides.
            read = array_of_json if _first_character(path, encoding) == "[" else lines_of_json
            with _open(path, encoding, newline="\n") as file:
                yield from _objects(read(file, problems), problems)
    except UnicodeError as error:
        _note_encoding(path, problems, encoding=encoding, error=error)
    except OSError as error:
        problems.file(f"cannot be read: {error.strerror}")


def _open(path: Path, encoding: str, *, newline: str) -> TextIO:
    codec = "utf-8-sig" if codecs.lookup(encoding).name == "utf-8" else encoding
    return path.open(encoding=codec, newline=newline)


def _first_character(path: Path, encoding: str) -> str:
    with _open(path, encoding, newline="\n") as file:
        while text := file.read(_CHUNK):
            if stripped := text.lstrip(" \t\r\n"):
                return stripped[0]
    return ""


def _objects(
    rows: Iterator[tuple[int, Json]], problems: Problems
) -> Iterator[tuple[int, dict[str, Json]]]:
    for line, value in rows:
        if isinstance(value, dict):
            yield line, value
        else:
            problems.row(line, f"a row must be an object {{…}}, this is {_KINDS[type(value)]}")


_KINDS = {
    str: "a text",
    int: "a number",
    float: "a number",
    bool: "true or false",
    list: "a list",
    type(None): "null",
}


def _note_encoding(path: Path, problems: Problems, *, encoding: str, error: UnicodeError) -> None:
    # Not every error has a place: a UTF-16 file without its mark is refused as a whole.
    is_placed = isinstance(error, UnicodeDecodeError)
    place = _first_undecodable(path, encoding) if is_placed else None
    with path.open("rb") as file:
        start = file.read(2)
    looks_utf16 = start in {codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE} or b"\0" in start
    guess = "utf-16" if looks_utf16 else "cp1252"
    hint = "save it as UTF-8"
    if problems.key:
        hint = f"if it is {guess}, set {problems.key}.encoding={guess}; better, {hint}"
    if place is None:
        problems.file(f"not {encoding}: {error}", hint)
        return
    offset, line, byte = place
    problems.row(line, f"not {encoding}: byte 0x{byte:02x} at offset {offset:,}", hint)


def _first_undecodable(path: Path, encoding: str) -> tuple[int, int, int] | None:
    """Offset, line and value of the first byte that `encoding` has no character for."""
    decoder = codecs.getincrementaldecoder(encoding)()
    offset, line = 0, 1
    with path.open("rb") as file:
        while True:
            chunk = file.read(_CHUNK)
            pending = decoder.getstate()[0]
            try:
                decoder.decode(chunk, final=not chunk)
            except UnicodeDecodeError as error:
                data, at = pending + chunk, error.start
                return offset - len(pending) + at, line + data.count(b"\n", 0, at), data[at]
            if not chunk:
                return None
            offset, line = offset + len(chunk), line + chunk.count(b"\n")
