"""The thread that writes: a bounded queue before it, counters of what did not get through.

Nothing here raises into the application or waits for the disk. A forked child starts with an empty
queue, zero counters, and a thread and file of its own.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import sys
import threading
from _queue import Empty, SimpleQueue  # of `queue`, whose import takes longer than the rest here
from collections import Counter
from collections.abc import Callable
from typing import Any

from evalrunner.production.daily import DailyFile, DayFullError
from evalrunner.production.record import DroppedError, Record

EXIT_STALL_S = 2.0
"""How long the end of the process waits for a disk that takes nothing."""
_PATIENCE = 6
"""So many times a stall is waited for a disk that is slow."""
_HOPELESS_S = 0.1
_MOST_HELD = 64_000_000
"""Characters in a queue, about."""
_STOP = object()
_OPEN: set[Writer] = set()
_WARNED: set[str] = set()
"""Kinds of failure that were reported; each once a process."""
_EXPECTED = {"redacted", "closed", "left early", "no output"}
"""Reasons to drop that the application gave itself."""

LineOf = Callable[[Record], tuple[bytes, bool]]


class Writer:
    """Lines from records, in a thread that starts with the first one."""

    def __init__(self, file: DailyFile, line_of: LineOf, *, max_queue: int) -> None:
        self._file = file
        self._line_of = line_of
        self._max_queue = max_queue
        self._closed = False
        self._expired = False
        self._start_afresh()
        _OPEN.add(self)

    def _start_afresh(self) -> None:
        # Reentrant: a signal handler or a destructor may log in the midst of another log().
        self._lock = threading.RLock()
        # As above, which queue.Queue could not.
        self._queue: SimpleQueue[Any] = SimpleQueue()
        self._thread: threading.Thread | None = None
        self._held = self._done = 0
        self.written = self.cut = 0
        self.dropped: Counter[str] = Counter()
        self.noted: set[str] = set()
        self._causes: dict[str, str] = {}

    def put(self, record: Record, size: int) -> None:
        """Queue a record that holds about `size` characters."""
        thread = self._thread
        if thread is not None and threading.get_ident() == thread.ident:
            # From the redaction hook, or a log handler: one record would make the next one.
            self.drop("recursion")
        elif self._closed:
            self.drop("closed")
        elif self._queue.qsize() >= self._max_queue or self._held + size > _MOST_HELD:
            self.drop("queue full")
        else:
            with self._lock:
                is_running = self._start()
                self._held += size * is_running
            if is_running:
                self._queue.put((record, size))
            else:
                self.drop("no thread")

    def drop(self, reason: str, n: int = 1, *, cause: BaseException | None = None) -> None:
        """Count records that are not written."""
        with self._lock:
            self.dropped[reason] += n
            if cause is not None:
                self._causes.setdefault(reason, _named(cause))

    def counts(self) -> dict[str, int]:
        """How many were dropped for each reason."""
        with self._lock:
            return dict(self.dropped)

    def note(self, problem: str, cause: BaseException) -> None:
        """Warn of something that costs no record, once."""
        with self._lock:
            self.noted.add(problem)
            self._causes.setdefault(problem, _named(cause))

    def flush(self, stall_s: float) -> bool:
        """Wait until what was queued is written or dropped; whether it was in time.

        Waits as long as records get done, up to six times `stall_s`, and `stall_s` for one.
        """
        thread = self._thread
        if thread is None or threading.get_ident() == thread.ident:
            return self._queue.empty()
        done = threading.Event()
        self._queue.put(done)
        return self._wait(done.wait, stall_s)

    def close(self, stall_s: float) -> bool:
        """Write what is queued, wait for it as `flush` does, and take no more."""
        with self._lock:
            is_first, self._closed = not self._closed, True
            thread = self._thread
        _OPEN.discard(self)
        if not is_first or thread is None:
            return True
        self._queue.put(_STOP)
        if threading.get_ident() == thread.ident:
            return False

        def ended(timeout_s: float) -> bool:
            thread.join(timeout_s)
            return not thread.is_alive()

        in_time = self._wait(ended, stall_s)
        if not in_time:
            self._expired = True
            self._drop_queued()
        return in_time

    def _wait(self, finished: Callable[[float], bool], stall_s: float) -> bool:
        for _ in range(_PATIENCE):
            before = self._done
            if finished(stall_s):
                return True
            if self._done == before:
                break
        return False

    def renew(self) -> None:
        """In a forked child: leave to the parent what is the parent's."""
        self._start_afresh()
        self._file.close()

    def _start(self) -> bool:
        if self._thread is not None:
            return True
        # Daemonic: a disk that hangs must not keep the process from ending.
        self._thread = threading.Thread(
            target=self._run, args=(self._queue,), name="evalrunner-sampler", daemon=True
        )
        try:
            self._thread.start()
        except RuntimeError:
            # No more threads for this process, or it is ending.
            self._thread = None
            return False
        _flush_with_multiprocessing()
        return True

    def _run(self, queue: SimpleQueue[Any]) -> None:
        for item in iter(queue.get, _STOP):
            if isinstance(item, threading.Event):
                item.set()
            elif not self._expired:
                self._handle(*item)
        self._file.close()

    def _handle(self, record: Record, size: int) -> None:
        reason, error = None, None
        try:
            line, is_cut = self._line_of(record)
            self._file.append(line, record["at"])
        except DroppedError as dropped:
            reason, error = str(dropped), dropped.__cause__
        except DayFullError:
            reason = "day full"
        except OSError as failed:
            reason, error = "disk", failed
        except Exception as failed:  # noqa: BLE001 - this thread has nobody to tell but the counter
            reason, error = "unserialisable", failed
        with self._lock:
            self._held = max(0, self._held - size)
            self._done += 1
            if reason is None:
                self.written += 1
                self.cut += is_cut
        if reason is not None:
            self.drop(reason, cause=error)
        # Whatever the application's log handlers do.
        with contextlib.suppress(Exception):
            self._warn()

    def _drop_queued(self) -> None:
        n = 0
        while True:
            try:
                n += isinstance(self._queue.get_nowait(), tuple)
            except Empty:
                break
        self._queue.put(_STOP)
        if n:
            self.drop("deadline", n)

    def _warn(self) -> None:
        with self._lock:
            new = (self.dropped.keys() | self.noted) - _WARNED - _EXPECTED
        _WARNED.update(new)
        for problem in sorted(new):
            warn(problem, self._causes.get(problem))


def warn(problem: str, cause: str | None) -> None:
    """Tell the application's log; the caller sees to it that it is told once."""
    import logging

    logging.getLogger("evalrunner.production").warning(
        "production sampling: %s%s (reported once a process; `dropped_by` counts)",
        problem,
        f", {cause}" if cause else "",
    )


def _named(error: BaseException) -> str:
    """The error without its text, which may quote what was to be redacted."""
    detail = error.strerror if isinstance(error, OSError) else None
    return f"{type(error).__name__}: {detail}" if detail else type(error).__name__


def _close_all() -> None:
    _finish([writer.close for writer in list(_OPEN)])


def _flush_all() -> None:
    _finish([writer.flush for writer in list(_OPEN)])


def _finish(methods: list[Callable[[float], bool]]) -> None:
    stall = EXIT_STALL_S
    for method in methods:
        # One disk that hangs is waited for once, not by each of its writers.
        stall = stall if method(stall) else _HOPELESS_S


def _flush_with_multiprocessing() -> None:
    """Its forked workers end without `atexit`, but with its own finalizers."""
    util = sys.modules.get("multiprocessing.util")
    if util is not None:
        util.Finalize(None, _flush_all, exitpriority=10)


def _renew_all() -> None:
    for writer in list(_OPEN):
        writer.renew()


atexit.register(_close_all)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew_all)
