"""Appends to the journal: every line at once, so that a kill loses none; synced in groups."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from evalrunner.errors import StoreError
from evalrunner.store.files import sync_directory
from evalrunner.store.journal.lines import encode_line, read_at

GROUP_DELAY_S = 0.02
"""How long the first line of a group waits for others: one sync serves them all."""
_RESUME = "Free some space or choose another run.outputs, then resume the run"


class _Entry(NamedTuple):
    """A line, by what it is found again, and what else is kept of it once it is on disk."""

    line: bytes
    key: str | None
    extra: Any
    offset: int = -1


@dataclass(slots=True)
class _Group:
    """Lines that are synced together."""

    future: asyncio.Future[None]
    entries: list[_Entry] = field(default_factory=list)


class JournalWriter:
    """Appends lines, and syncs them in groups on a thread of its own.

    Used from one event loop. What the disk refuses is kept in memory and written when the journal
    is closed, if there is space again by then.

    Args:
        path: The journal; created if missing.
        after_sync: Gets the extras of a group once its lines are on disk, on the writer's thread;
            the cache is filled there.
        offsets: Offsets of keyed lines that are already in the file, by the key's bytes.
        group_delay_s: How long the first line of a group waits for others.
        remedy: What to do when the disk refuses a line.
    """

    def __init__(
        self,
        path: Path,
        *,
        after_sync: Callable[[Sequence[Any]], None],
        offsets: dict[bytes, int] | None = None,
        group_delay_s: float = GROUP_DELAY_S,
        remedy: str = _RESUME,
    ) -> None:
        self._name, self._remedy = path.name, remedy
        self._fd = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW, 0o644)
        sync_directory(path.parent)
        self._size = os.fstat(self._fd).st_size
        self._after_sync = after_sync
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="journal")
        self._is_torn = False
        self._group: _Group | None = None
        self._syncing: asyncio.Future[None] | None = None
        self._unwritten: list[_Entry] = []
        self._offsets = {} if offsets is None else offsets
        self._group_delay_s = group_delay_s
        self._is_closed = False

    def write_now(self, record: Mapping[str, Any]) -> None:
        """Write a line without sync: it survives a kill, not a power cut.

        Raises StoreError when the disk refuses, or has refused an answer that still waits.
        """
        if self._unwritten or self._is_closed:
            raise StoreError("the journal could not be written: nothing more is sent")
        try:
            self._write(encode_line(record))
        except OSError as error:
            raise self._refused(error) from error

    def append(
        self, record: Mapping[str, Any], *, key: str | None = None, extra: Any = None
    ) -> asyncio.Future[None]:
        """Write a line; the future is done when it is on disk, and all lines before it.

        The future is shared: await it through `asyncio.shield`. It raises StoreError.
        """
        line = encode_line(record)
        if self._is_closed:
            closed = StoreError("the journal is closed")
            return _fail(asyncio.get_running_loop().create_future(), closed)
        if self._unwritten:
            # What was made of an answer must not count before the answer itself.
            self._unwritten.append(_Entry(line, key, extra))
            lost = StoreError("an earlier line of the journal could not be written")
            return _fail(asyncio.get_running_loop().create_future(), lost)
        try:
            offset = self._write(line)
        except OSError as error:
            self._unwritten.append(_Entry(line, key, extra))
            return _fail(asyncio.get_running_loop().create_future(), self._refused(error))
        if self._group is None:
            loop = asyncio.get_running_loop()
            self._group = _Group(loop.create_future())
            loop.call_later(self._group_delay_s, self._start_sync)
        self._group.entries.append(_Entry(line, key, extra, offset))
        return self._group.future

    def find(self, key: str) -> dict[str, Any] | None:
        """The last line with this key that is on disk. Raises CorruptLineError."""
        offset = self._offsets.get(bytes.fromhex(key))
        return None if offset is None else self.at(offset)

    def at(self, offset: int) -> dict[str, Any]:
        """The line that begins at `offset`. Raises CorruptLineError."""
        return read_at(self._fd, offset)

    async def close(self) -> None:
        """Sync what is left, then let go of the file. Raises StoreError when the disk refuses."""
        try:
            await self._drain()
            if self._unwritten:
                await self._write_again()
        finally:
            self._is_closed = True
            self._thread.shutdown()
            os.close(self._fd)
            if self._group is not None:
                # Its timer still runs; whoever waits for it must not wait for ever.
                behind, self._group = self._group, None
                self._lose(behind, StoreError("the journal was closed before it was on disk"))

    async def _write_again(self) -> None:
        entries, self._unwritten = self._unwritten, []
        self._group = _Group(asyncio.get_running_loop().create_future())
        try:
            for entry in entries:
                offset = self._write(entry.line)
                self._group.entries.append(entry._replace(offset=offset))
        except OSError as error:
            raise self._refused(error) from error
        await self._drain()
        if self._unwritten:
            raise StoreError("the journal could not be synced; the last answers may be lost")

    async def _drain(self) -> None:
        while self._group is not None or self._syncing is not None:
            self._start_sync()
            if self._syncing is not None:
                await asyncio.wait([self._syncing])

    def _start_sync(self) -> None:
        if self._group is None or self._syncing is not None or self._is_closed:
            return
        group, self._group = self._group, None
        loop = asyncio.get_running_loop()
        self._syncing = loop.run_in_executor(self._thread, self._sync, group.entries)
        self._syncing.add_done_callback(lambda done: self._settle(group, done))

    def _sync(self, entries: Sequence[_Entry]) -> None:
        """On the writer's thread."""
        os.fdatasync(self._fd)
        self._after_sync([entry.extra for entry in entries if entry.extra is not None])

    def _settle(self, group: _Group, done: asyncio.Future[None]) -> None:
        self._syncing = None
        error = done.exception()
        if error is None:
            for entry in group.entries:
                if entry.key is not None:
                    self._offsets[bytes.fromhex(entry.key)] = entry.offset
            if not group.future.done():
                group.future.set_result(None)
            self._start_sync()
        else:
            self._lose(group, error)
            if self._group is not None:
                behind, self._group = self._group, None
                self._lose(behind, error)

    def _lose(self, group: _Group, error: BaseException) -> None:
        self._unwritten.extend(group.entries)
        if not group.future.done():
            _fail(group.future, self._refused(error) if isinstance(error, OSError) else error)

    def _refused(self, error: OSError) -> StoreError:
        return StoreError(
            f"cannot write {self._name}: {error.strerror or error}; every earlier answer is "
            f"intact. {self._remedy}"
        )

    def _write(self, data: bytes) -> int:
        """Append `data` whole or not at all; the offset at which it begins."""
        start = self._size
        if self._is_torn:
            os.ftruncate(self._fd, start)
        self._is_torn = True
        try:
            view = memoryview(data)
            while view:
                view = view[os.write(self._fd, view) :]
        except OSError:
            with contextlib.suppress(OSError):
                os.ftruncate(self._fd, start)
                self._is_torn = False
            raise
        self._is_torn = False
        self._size = start + len(data)
        return start


def _fail(future: asyncio.Future[None], error: BaseException) -> asyncio.Future[None]:
    future.set_exception(error)
    # Not every line has somebody waiting for it; the error is kept all the same.
    future.exception()
    return future
