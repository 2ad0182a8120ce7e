"""From a file to rows: its encoding, and whether it is a table or JSON."""

from __future__ import annotations

import codecs
import csv
import io
import json
import re
from collections.abc import Iterator
from pathlib import Path

from evalrunner.datasets import Problems, StrictDecoder, lines_of_json, quoted
from evalrunner.formatting import n_of
from evalrunner.store.journal import is_whole
from evalrunner.types import Json

_LARGEST = 1 << 28
_LARGEST_CELL = 2**31 - 1
_SPACE = re.compile(r"\s*")
_OLD_BOOK, _ZIP, _GZIP = b"\xd0\xcf\x11\xe0", b"PK\x03\x04", b"\x1f\x8b"
"""First bytes of an .xls, of a .zip as .xlsx and .ods are, and of a .gz."""
_PARTS = (b"[Content_Types].xml", b"application/vnd.oasis.opendocument")
"""What a .zip holds, in plain sight, that is an .xlsx or an .ods."""


def read_text(path: Path, problems: Problems) -> str:
    """The file's text; empty when it has none, which is noted."""
    try:
        size = path.stat().st_size
        if size > _LARGEST:
            problems.file(f"has {size:,} bytes, more than votes ever have")
            return ""
        data = path.read_bytes()
    except OSError as error:
        problems.file(f"cannot be read: {error.strerror}")
        return ""
    if _is_book(data):
        problems.file("is a workbook of a spreadsheet program", "save it as CSV UTF-8")
        return ""
    if data.startswith((_ZIP, _GZIP)) or (b"\0" in data and _encodings(data)[0][:5] == "utf-8"):
        problems.file("is no text file", "give the CSV or JSON that a rater filled in, unpacked")
        return ""
    text = _decoded(data, problems)
    if not text.strip() and not problems:
        problems.file("is empty")
    return text if text.strip() else ""


def _is_book(data: bytes) -> bool:
    is_new = data.startswith(_ZIP) and any(part in data for part in _PARTS)
    return is_new or data.startswith(_OLD_BOOK)


def _decoded(data: bytes, problems: Problems) -> str:
    encodings = _encodings(data)
    for encoding in encodings:
        try:
            return data.decode(encoding)
        except UnicodeDecodeError as error:
            if encoding == encodings[-1]:
                line = data.count(b"\n", 0, error.start) + 1
                what = f"not {' nor '.join(encodings)}: byte 0x{data[error.start]:02x}"
                problems.row(line, what, "save it as UTF-8")
    return ""


def _encodings(data: bytes) -> tuple[str, ...]:
    """What a spreadsheet may have saved in, the likeliest first."""
    if data.startswith(codecs.BOM_UTF8):
        return ("utf-8-sig",)
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return ("utf-16",)
    if b"\0" in data[:2]:
        return ("utf-16-be",) if data[:1] == b"\0" else ("utf-16-le",)
    return ("utf-8",) if data.lstrip()[:1] in {b"{", b"["} else ("utf-8", "cp1252")


def rows_of_table(text: str, problems: Problems) -> Iterator[tuple[int, dict[str, str]]]:
    """First line and cells of each row of a CSV, whatever separates them; blank ones are left out.

    Names of columns are in lower case. A row with too few or too many cells is noted.
    """
    csv.field_size_limit(max(csv.field_size_limit(), _LARGEST_CELL))
    names, separator = _header(text)
    if not _is_sound(names, text, problems):
        return
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    line = 1
    try:
        for cells in reader:
            if line > 1 and any(cell.strip() for cell in cells):
                if len(cells) < len(names) or any(cells[len(names) :]):
                    what = f"{n_of(len(cells), 'cell')}, but the header names {len(names)} columns"
                    problems.row(line, what, "it looks cut or edited by hand: save it again as CSV")
                else:
                    yield line, dict(zip(names, cells, strict=False))
            line = reader.line_num + 1
    except csv.Error as error:
        problems.row(line, f"not CSV: {error}", "it looks cut: a quoted cell has no end")


def _is_sound(names: list[str], text: str, problems: Problems) -> bool:
    if "task_id" not in names or not {"vote", "label"} & {*names}:
        first = text.partition("\n")[0].strip()
        what = "is no file of votes: no columns task_id and vote (or label)"
        problems.file(what, f"its first line is {quoted(first)}")
    twice = sorted({name for name in names if name and names.count(name) > 1})
    if twice:
        problems.row(1, f"columns of the same name: {', '.join(map(quoted, twice))}")
    return not problems


def _header(text: str) -> tuple[list[str], str]:
    first = text.partition("\n")[0].strip("\r")
    for separator in (",", ";", "\t"):
        names = [name.strip().casefold() for name in next(csv.reader([first], delimiter=separator))]
        if "task_id" in names:
            return names, separator
    return [], ","


def rows_of_json(text: str, problems: Problems) -> Iterator[tuple[int, dict[str, Json]]]:
    """Number and object of each row: its line, or its place in a list, as the problems then say."""
    is_list = text.lstrip().startswith("[")
    rows = _elements(text, problems) if is_list else _lines(text, problems)
    for number, value in rows:
        if isinstance(value, dict):
            yield number, value
        else:
            problems.row(number, f"must be an object {{…}}, not {quoted(value)}")


def _lines(text: str, problems: Problems) -> Iterator[tuple[int, Json]]:
    lines = text.split("\n")
    for number, value in lines_of_json(io.StringIO(text, newline="\n"), problems):
        is_ours = isinstance(value, dict) and "crc" in value
        if is_ours and not is_whole(lines[number - 1].strip().encode()):
            problems.row(number, "its checksum does not match: the line was altered")
        else:
            yield number, value


def _elements(text: str, problems: Problems) -> Iterator[tuple[int, Json]]:
    decoder = StrictDecoder()
    position, number, separator = _past_space(text, 0) + 1, 0, ","
    problems.row_word = "record "
    if text[_past_space(text, position) :].startswith("]"):
        position, separator = _past_space(text, position), "]"
    while separator == ",":
        number += 1
        try:
            value, position = decoder.decode(text, _past_space(text, position))
        except json.JSONDecodeError as error:
            line = text.count("\n", 0, error.pos) + 1
            what = f"not JSON: {error.msg}, line {line:,} of the file"
            hint = "the file ends here: it looks cut" if not text[error.pos :].strip() else ""
            problems.row(number, what, hint)
            return
        except RecursionError:
            problems.row(number, "nested too deep")
            return
        for fault in dict.fromkeys(decoder.faults):
            problems.row(number, fault)
        if not decoder.faults:
            yield number, value
        position = _past_space(text, position)
        separator = text[position : position + 1]
        position += 1
    if separator != "]":
        what = "a comma is missing after it" if separator else "the file ends after it, in the list"
        problems.row(number, what, "" if separator else "it looks cut")


def _past_space(text: str, position: int) -> int:
    match = _SPACE.match(text, position)
    return match.end() if match else position
