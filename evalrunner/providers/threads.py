"""Threads for functions that block: as many as calls are under way, reused, never waited for.

Not `asyncio.to_thread`: its pool is small, and functions that hang would first starve all others
and then keep the program from ending. A thread cannot be stopped, only no longer be waited for.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import queue
import threading
from collections.abc import Callable
from typing import Any


class Threads:
    """Runs calls beside one event loop, whose thread alone may use it."""

    def __init__(self) -> None:
        self._jobs: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._idle = threading.Semaphore(0)
        self._started = 0

    async def run(self, call: Callable[[], Any]) -> Any:
        """What `call` returns or raises; what is no Exception comes as a RuntimeError."""
        loop = asyncio.get_running_loop()
        outcome: asyncio.Future[Any] = loop.create_future()
        context = contextvars.copy_context()

        def job() -> None:
            result, failure = None, None
            try:
                result = context.run(call)
            except BaseException as error:  # noqa: BLE001 - whatever it is, somebody waits for it
                failure = _as_exception(error)
            # A closed loop: the run ended while the function hung, nobody waits any more.
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(_settle, outcome, result, failure)

        self._submit(job)
        return await outcome

    def close(self) -> None:
        """Let all threads end, those that are at work when they are done."""
        for _ in range(self._started):
            self._jobs.put(None)
        self._started = 0

    def _submit(self, job: Callable[[], None]) -> None:
        if not self._idle.acquire(blocking=False):
            threading.Thread(target=self._work, daemon=True).start()
            self._started += 1
        self._jobs.put(job)

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            job()
            self._idle.release()


def _as_exception(error: BaseException) -> Exception:
    """An equivalent that a future can hold and that ends neither the task nor the program."""
    if isinstance(error, Exception) and not isinstance(error, StopIteration):
        return error
    described = RuntimeError(f"{type(error).__name__}: {error}")
    return described.with_traceback(error.__traceback__)


def _settle(outcome: asyncio.Future[Any], result: Any, failure: Exception | None) -> None:
    if outcome.cancelled():
        return
    if failure is None:
        outcome.set_result(result)
    else:
        outcome.set_exception(failure)
