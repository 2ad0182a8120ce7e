"""The journal's lines: what they look like, how they are read, and what is done with broken ones.

A line is compact ASCII JSON whose last field, `crc`, is the CRC-32 of the bytes before it, so a
torn or altered line is noticed.
"""

from __future__ import annotations

import json
import logging
import os
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from evalrunner.store.files import write_text

_CRC_FIELD = b',"crc":"'
_CRC_TAIL = len(_CRC_FIELD) + len('01234567"}')
_BODY_FIELD = b',"body":"'
_BLOCK = 65_536
_encode = json.JSONEncoder(separators=(",", ":"), allow_nan=False).encode
_decode = json.JSONDecoder().decode
_log = logging.getLogger(__name__)


class CorruptLineError(ValueError):
    """A line that is not what was written."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line as found on disk."""

    number: int
    """From 1."""
    offset: int
    raw: bytes
    """With its newline."""
    record: dict[str, Any] | None
    """None when the line is corrupt."""


def encode_line(record: Mapping[str, Any]) -> bytes:
    """One line for `record`, checksum and newline included. Raises ValueError for NaN."""
    head = _encode(record)[:-1].encode("ascii")
    return b'%b%b%08x"}\n' % (head, _CRC_FIELD, zlib.crc32(head))


def decode_line(line: bytes, *, bodies: bool = True) -> dict[str, Any]:
    """The record of a line. Raises CorruptLineError when checksum or form is wrong.

    Without `bodies`, an answer's raw body, its last field, is left out: most of a journal is that.
    """
    if not is_whole(line):
        raise CorruptLineError("checksum does not match")
    head = line.removesuffix(b"\n")[:-_CRC_TAIL]
    if not bodies:
        # Inside a string the quotes would be escaped: these can only be the field's own.
        head = head.partition(_BODY_FIELD)[0]
    try:
        record: dict[str, Any] = _decode(head.decode() + "}")
    except ValueError as error:
        raise CorruptLineError(str(error)) from error
    return record


def is_whole(line: bytes) -> bool:
    """Whether a line is what was written, by its checksum alone."""
    body = line.removesuffix(b"\n")
    head, tail = body[:-_CRC_TAIL], body[-_CRC_TAIL:]
    return tail == b'%b%08x"}' % (_CRC_FIELD, zlib.crc32(head))


def read_lines(path: Path, *, bodies: bool = True) -> Iterator[Line]:
    """Every whole line in order; bytes after the last newline are no line. See `decode_line`."""
    offset = 0
    with path.open("rb") as file:
        for number, raw in enumerate(file, start=1):
            if not raw.endswith(b"\n"):
                return
            try:
                record = decode_line(raw, bodies=bodies)
            except CorruptLineError:
                record = None
            yield Line(number, offset, raw, record)
            offset += len(raw)


def read_at(fd: int, offset: int) -> dict[str, Any]:
    """The record that begins at `offset`. Raises CorruptLineError."""
    size = 4096
    while True:
        data = os.pread(fd, size, offset)
        end = data.find(b"\n")
        if end >= 0:
            return decode_line(data[:end])
        if len(data) < size:
            raise CorruptLineError("the line has no end")
        size *= 4


def cut_torn_tail(path: Path) -> int:
    """Move bytes after the last newline to `<name>.torn`; how many there were.

    A line is never appended behind a torn one, or both would be lost. Raises OSError.
    """
    with os.fdopen(os.open(path, os.O_RDWR | os.O_NOFOLLOW), "r+b") as file:
        end = file.seek(0, os.SEEK_END)
        start = _after_last_newline(file, end)
        if start == end:
            return 0
        file.seek(start)
        aside = path.with_suffix(".torn")
        _add(aside, file.read() + b"\n")
        file.truncate(start)
        os.fsync(file.fileno())
    _log.warning("%s ended in half a line: its %d bytes are in %s", path, end - start, aside)
    return end - start


def quarantine(path: Path) -> None:
    """Copy the corrupt lines of a journal to `<name>.quarantine`, each with its number.

    The journal itself keeps them: it is never rewritten, and every reader passes over them.
    Raises StoreError.
    """
    corrupt = [line for line in read_lines(path, bodies=False) if line.record is None]
    copies = [
        _encode({"line": line.number, "text": line.raw.decode("utf-8", "surrogateescape")}) + "\n"
        for line in corrupt
    ]
    aside = path.with_suffix(".quarantine")
    write_text(aside, "".join(copies))
    numbers = ", ".join(str(line.number) for line in corrupt)
    _log.warning("%s: damaged lines %s are passed over; copies are in %s", path, numbers, aside)


def _add(path: Path, data: bytes) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW
    with os.fdopen(os.open(path, flags, 0o644), "ab") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _after_last_newline(file: BinaryIO, end: int) -> int:
    position = end
    while position > 0:
        start = max(0, position - _BLOCK)
        file.seek(start)
        found = file.read(position - start).rfind(b"\n")
        if found >= 0:
            return start + found + 1
        position = start
    return 0
