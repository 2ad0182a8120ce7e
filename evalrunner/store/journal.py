"""The journal's lines and its writer: append only, a checksum a line, synced in groups.

A line is compact ASCII JSON whose last field, `crc`, is the CRC-32 of the bytes before it, so a
torn or altered line is noticed. Answers wait for their group's sync; intents are written at once.
"""

from __future__ import annotations

import asyncio
import json
import os
import threading
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evalrunner.errors import StoreError

GROUP_DELAY_S = 0.02
"""How long the first answer of a group waits for others: one sync serves them all."""
_CRC_FIELD = b',"crc":"'
_CRC_TAIL = len(_CRC_FIELD) + len('01234567"}')


class CorruptLineError(ValueError):
    """A line that is not what was written."""


def encode_line(record: Mapping[str, Any]) -> bytes:
    """One line for `record`, checksum and newline included."""
    text = json.dumps(record, separators=(",", ":"), allow_nan=False).encode("ascii")
    return b'%b%b%08x"}\n' % (text[:-1], _CRC_FIELD, zlib.crc32(text[:-1]))


def decode_line(line: bytes) -> dict[str, Any]:
    """The record of a line. Raises CorruptLineError when checksum or form is wrong."""
    body = line.rstrip(b"\n")
    head, tail = body[:-_CRC_TAIL], body[-_CRC_TAIL:]
    if tail != b'%b%08x"}' % (_CRC_FIELD, zlib.crc32(head)):
        raise CorruptLineError("checksum does not match")
    try:
        record: dict[str, Any] = json.loads(head + b"}")
    except ValueError as error:
        raise CorruptLineError(str(error)) from error
    return record


@dataclass(frozen=True, slots=True)
class Line:
    """One line as found on disk; `record` is None when it is corrupt."""

    number: int
    offset: int
    record: dict[str, Any] | None


def read_lines(path: Path) -> Iterator[Line]:
    """Every whole line in order; bytes after the last newline are no line."""
    offset = 0
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            if not line.endswith(b"\n"):
                return
            try:
                record = decode_line(line)
            except CorruptLineError:
                record = None
            yield Line(number, offset, record)
            offset += len(line)


def read_at(fd: int, offset: int) -> dict[str, Any]:
    """The record that begins at `offset`. Raises CorruptLineError."""
    data, size = b"", 4096
    while not data.endswith(b"\n"):
        data = os.pread(fd, size, offset)
        end = data.find(b"\n")
        if end >= 0:
            return decode_line(data[: end + 1])
        if len(data) < size:
            raise CorruptLineError("the line has no end")
        size *= 4
    return decode_line(data)


def cut_torn_tail(path: Path) -> int:
    """Move bytes after the last newline to `<name>.torn`; how many there were.

    A line is never appended behind a torn one, or both would be lost.
    """
    with path.open("r+b") as file:
        end = file.seek(0, os.SEEK_END)
        start = _after_last_newline(file, end)
        if start == end:
            return 0
        file.seek(start)
        with path.with_suffix(".torn").open("ab") as torn:
            torn.write(file.read() + b"\n")
        file.truncate(start)
        os.fsync(file.fileno())
    return end - start


def _after_last_newline(file: Any, end: int) -> int:
    block = 65536
    position = end
    while position > 0:
        start = max(0, position - block)
        file.seek(start)
        found = file.read(position - start).rfind(b"\n")
        if found >= 0:
            return int(start + found + 1)
        position = start
    return 0


@dataclass(slots=True)
class _Group:
    """Lines that are synced together, and what else is done with them then."""

    future: asyncio.Future[None]
    lines: list[bytes]
    keys: list[str | None]
    extras: list[Any]


class JournalWriter:
    """Appends lines and syncs them in groups on a thread of its own.

    Used from one event loop. `after_sync` gets the extras of a group once its lines are on disk
    (the cache is filled there); `offsets` maps each key given to `append` to its line.

    Args:
        path: The journal; created if missing.
        after_sync: Called on the writer's thread.
        offsets: Offsets of keyed lines that are already in the file.
    """

    def __init__(
        self,
        path: Path,
        *,
        after_sync: Callable[[Sequence[Any]], None],
        offsets: dict[str, int] | None = None,
    ) -> None:
        self._fd = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW, 0o644)
        self._size = os.fstat(self._fd).st_size
        self._after_sync = after_sync
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="journal")
        self._lock = threading.Lock()
        self._group: _Group | None = None
        self._syncing: asyncio.Future[None] | None = None
        self._unwritten: list[_Group] = []
        self.offsets = {} if offsets is None else offsets

    def write_now(self, record: Mapping[str, Any]) -> None:
        """Write a line at once, without sync: it survives a kill, not a power cut.

        Raises StoreError when the disk refuses.
        """
        try:
            self._write(encode_line(record))
        except OSError as error:
            raise _store_error(error) from error

    def append(
        self, record: Mapping[str, Any], *, key: str | None = None, extra: Any = None
    ) -> asyncio.Future[None]:
        """Add a line to the current group; the future is done when it is on disk.

        The future is shared: await it through `asyncio.shield`. It raises StoreError.
        """
        loop = asyncio.get_running_loop()
        if self._group is None:
            self._group = _Group(loop.create_future(), [], [], [])
            loop.call_later(GROUP_DELAY_S, self._start_sync)
        group = self._group
        group.lines.append(encode_line(record))
        group.keys.append(key)
        if extra is not None:
            group.extras.append(extra)
        return group.future

    def read(self, offset: int) -> dict[str, Any]:
        """The record of a line by its offset. Raises CorruptLineError."""
        return read_at(self._fd, offset)

    async def close(self) -> None:
        """Sync what is left, then let go of the file. Raises StoreError when the disk refuses."""
        try:
            while self._group is not None or self._syncing is not None:
                self._start_sync()
                if self._syncing is not None:
                    await asyncio.wait([self._syncing])
            await asyncio.get_running_loop().run_in_executor(self._thread, self._retry_unwritten)
        finally:
            self._thread.shutdown()
            os.close(self._fd)

    def _start_sync(self) -> None:
        if self._group is None or self._syncing is not None:
            return
        group, self._group = self._group, None
        loop = asyncio.get_running_loop()
        self._syncing = loop.run_in_executor(self._thread, self._sync, group)
        self._syncing.add_done_callback(lambda done: self._settle(group, done))

    def _settle(self, group: _Group, done: asyncio.Future[None]) -> None:
        self._syncing = None
        error = done.exception()
        if error is None:
            group.future.set_result(None)
        else:
            self._unwritten.append(group)
            group.future.set_exception(error)
            # Not every line has somebody waiting for it; the error is kept all the same.
            group.future.exception()
        self._start_sync()

    def _sync(self, group: _Group) -> None:
        try:
            start = self._write(b"".join(group.lines))
            os.fdatasync(self._fd)
        except OSError as error:
            raise _store_error(error) from error
        for line, key in zip(group.lines, group.keys, strict=True):
            if key is not None:
                self.offsets[key] = start
            start += len(line)
        self._after_sync(group.extras)

    def _retry_unwritten(self) -> None:
        while self._unwritten:
            self._sync(self._unwritten[0])
            del self._unwritten[0]

    def _write(self, data: bytes) -> int:
        """Append `data` whole or not at all; the offset at which it begins."""
        with self._lock:
            start = self._size
            view = memoryview(data)
            try:
                while view:
                    view = view[os.write(self._fd, view) :]
            except OSError:
                os.ftruncate(self._fd, start)
                raise
            self._size = start + len(data)
            return start


def _store_error(error: OSError) -> StoreError:
    return StoreError(
        f"cannot write the journal: {error.strerror or error}; every earlier answer is intact. "
        "Free some space or choose another run.outputs, then resume the run"
    )
