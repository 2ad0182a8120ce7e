"""An event loop whose clock jumps to the next timer: hours of waiting take no time."""

from __future__ import annotations

import asyncio


class VirtualLoop(asyncio.SelectorEventLoop):
    """For code that waits on timers and futures only: no threads, no sockets."""

    def __init__(self):
        super().__init__()
        self._virtual_now = 0.0

    def time(self):
        return self._virtual_now

    def _run_once(self):
        due = [timer.when() for timer in self._scheduled if not timer.cancelled()]
        if not self._ready:
            if not due:
                raise RuntimeError("everybody waits, and nothing will ever happen")
            self._virtual_now = max(self._virtual_now, min(due))
        super()._run_once()


def run(coroutine):
    """What the coroutine returns, in virtual time. Raises RuntimeError for a deadlock."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(coroutine)
