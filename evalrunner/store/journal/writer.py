"""Appends to the journal: intents at once, everything else in groups that share one sync."""

from __future__ import annotations

import asyncio
import contextlib
import os
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from evalrunner.errors import StoreError
from evalrunner.store.files import sync_directory
from evalrunner.store.journal.lines import encode_line, read_at

GROUP_DELAY_S = 0.02
"""How long the first answer of a group waits for others: one sync serves them all."""


@dataclass(slots=True)
class _Group:
    """Lines that are synced together, and what else is done with them then."""

    future: asyncio.Future[None]
    lines: list[bytes] = field(default_factory=list)
    keys: list[str | None] = field(default_factory=list)
    extras: list[Any] = field(default_factory=list)


class JournalWriter:
    """Appends lines and syncs them in groups on a thread of its own.

    Used from one event loop. What the disk refuses is kept in memory and written when the journal
    is closed, if there is space again by then.

    Args:
        path: The journal; created if missing.
        after_sync: Gets the extras of a group once its lines are on disk, on the writer's thread;
            the cache is filled there.
        offsets: Offsets of keyed lines that are already in the file, by the key's bytes.
    """

    def __init__(
        self,
        path: Path,
        *,
        after_sync: Callable[[Sequence[Any]], None],
        offsets: dict[bytes, int] | None = None,
    ) -> None:
        self._fd = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW, 0o644)
        sync_directory(path.parent)
        self._size = os.fstat(self._fd).st_size
        self._after_sync = after_sync
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="journal")
        self._lock = threading.Lock()
        self._is_torn = False
        self._group: _Group | None = None
        self._syncing: asyncio.Future[None] | None = None
        self._unwritten: list[_Group] = []
        self._offsets = {} if offsets is None else offsets

    def write_now(self, record: Mapping[str, Any]) -> None:
        """Write a line at once, without sync: it survives a kill, not a power cut.

        Raises StoreError when the disk refuses, or has refused an answer that still waits.
        """
        if self._unwritten:
            raise StoreError("the journal could not be written: nothing more is sent")
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
        group = self._group
        if group is None:
            loop = asyncio.get_running_loop()
            group = self._group = _Group(loop.create_future())
            loop.call_later(GROUP_DELAY_S, self._start_sync)
        group.lines.append(encode_line(record))
        group.keys.append(key)
        if extra is not None:
            group.extras.append(extra)
        return group.future

    def find(self, key: str) -> dict[str, Any] | None:
        """The last line with this key that is on disk. Raises CorruptLineError."""
        offset = self._offsets.get(bytes.fromhex(key))
        return None if offset is None else read_at(self._fd, offset)

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
        if error is not None:
            self._unwritten.append(group)
        if not group.future.done():
            if error is None:
                group.future.set_result(None)
            else:
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
                self._offsets[bytes.fromhex(key)] = start
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


def _store_error(error: OSError) -> StoreError:
    return StoreError(
        f"cannot write the journal: {error.strerror or error}; every earlier answer is intact. "
        "Free some space or choose another run.outputs, then resume the run"
    )
