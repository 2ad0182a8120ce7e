"""Files of one process, one a day: private, appended to line by line, whole lines only."""

from __future__ import annotations

import contextlib
import os
import time

_SHARE = 256
"""The directory is measured again when this part of the day's bytes was written."""


class DayFullError(OSError):
    """The files of this day have their full size."""


class DailyFile:
    """Appends lines to `<UTC date>-<process id>-<8 random>.jsonl` in `directory`.

    No two processes share a file: no lock, no torn lines between them on any file system, and what
    a failed write left can be taken back.

    Args:
        max_bytes: Size of all files of a day in the directory, whoever writes them; None = any.
            Many processes may exceed it together, by 1/256 each.
    """

    def __init__(self, directory: str, *, max_bytes: int | None) -> None:
        self._directory = directory
        self._max_bytes = max_bytes
        self._day = ""
        self._fd: int | None = None
        self._size = 0
        self._used = self._unmeasured = 0

    def append(self, line: bytes, at: float) -> None:
        """Write a line of the time `at`, in Unix seconds. Raises OSError, and then has no part."""
        day = time.strftime("%Y-%m-%d", time.gmtime(at))
        if day != self._day:
            self.close()
            self._day, self._unmeasured = day, self._max_bytes or 0
        self._measure(len(line))
        fd, done = self._open(), 0
        try:
            while done < len(line):
                done += os.write(fd, line[done:])
        except OSError:
            self._take_back(fd, done)
            raise
        self._size += done
        self._used += done
        self._unmeasured += done

    def close(self) -> None:
        """Close the file; another line opens a new one."""
        if self._fd is not None:
            with contextlib.suppress(OSError):
                os.close(self._fd)
        self._fd = None

    def _open(self) -> int:
        # A file that somebody removed would swallow the lines.
        if self._fd is not None and os.fstat(self._fd).st_nlink:
            return self._fd
        self.close()
        os.makedirs(self._directory, mode=0o700, exist_ok=True)  # noqa: PTH103 - pathlib is slow to import
        name = f"{self._day}-{os.getpid()}-{os.urandom(4).hex()}.jsonl"
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        self._fd = os.open(f"{self._directory}/{name}", flags, 0o600)
        self._size = 0
        return self._fd

    def _measure(self, n: int) -> None:
        if self._max_bytes is None:
            return
        if self._unmeasured * _SHARE >= self._max_bytes:
            self._used, self._unmeasured = self._size_of_day(), 0
        if self._used + n > self._max_bytes:
            raise DayFullError(0, "the day's files have their full size")

    def _size_of_day(self) -> int:
        try:
            with os.scandir(self._directory) as entries:
                todays = [entry for entry in entries if entry.name.startswith(self._day)]
                return sum(entry.stat(follow_symlinks=False).st_size for entry in todays)
        except FileNotFoundError:
            return 0

    def _take_back(self, fd: int, done: int) -> None:
        """Remove the part of a line; where that fails too, it stays the last one of its file."""
        if done:
            try:
                os.ftruncate(fd, self._size)
            except OSError:
                self.close()
