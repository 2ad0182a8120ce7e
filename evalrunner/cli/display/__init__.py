"""The progress of a run: a live view on a terminal, a plain line now and then elsewhere."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from typing import TextIO

from evalrunner.cli.display.words import WARN_SHARE, cap_warning, last_line, progress_line
from evalrunner.runner import Progress

__all__ = ["progress_line", "show_progress"]

_EVERY_S = 30.0
_LOOK_S = 0.25
_MOST_CPU = 0.02
"""Of one processor, for drawing: the view slows down before the run does."""


@contextmanager
def show_progress(progress: Progress) -> Iterator[None]:
    """Show `progress` on stderr until the block ends, then its last state in one line."""
    with ExitStack() as stack:
        if is_live(sys.stderr, os.environ):
            show = stack.enter_context(_live(progress))
        else:
            show = _every(_EVERY_S, lambda: _say(progress_line(progress)))
        stack.enter_context(_ticking(progress, show))
        yield
    _say(last_line(progress))


def is_live(stream: TextIO, environ: Mapping[str, str]) -> bool:
    """Whether a stream is a terminal that somebody watches and whose lines can be redrawn."""
    in_ci = environ.get("CI", "").lower() not in {"", "0", "false"}
    is_dumb = environ.get("TERM", "").lower() in {"dumb", "unknown"}
    return stream.isatty() and not in_ci and not is_dumb


@contextmanager
def _live(progress: Progress) -> Iterator[Callable[[], None]]:
    """What draws the view once; it is gone at the end, and what others write stays above it."""
    from rich.console import Console
    from rich.live import Live

    from evalrunner.cli.display.live import LiveView

    console = Console(file=sys.stderr, highlight=False, markup=False, emoji=False)
    live = Live(
        LiveView(progress),
        console=console,
        auto_refresh=False,
        transient=True,
        redirect_stdout=False,
        vertical_overflow="crop",
    )
    live.start()
    try:
        yield live.refresh
    finally:
        # The terminal may be gone by now: the run goes on without it.
        with suppress(OSError):
            live.stop()


def _every(seconds: float, show: Callable[[], None]) -> Callable[[], None]:
    """`show`, but only when so much time has passed since the last time."""
    next_at = time.monotonic() + seconds

    def perhaps() -> None:
        nonlocal next_at
        if time.monotonic() >= next_at:
            next_at += seconds
            show()

    return perhaps


@contextmanager
def _ticking(progress: Progress, show: Callable[[], None]) -> Iterator[None]:
    """Call `show` now and then from a thread, and warn of budgets that are nearly spent."""
    ended, warned = threading.Event(), set[str]()

    def tick() -> None:
        pause = _LOOK_S
        # A terminal that is gone does not come back.
        with suppress(OSError):
            while not ended.wait(pause):
                began = time.thread_time()
                _warn(progress, warned)
                show()
                pause = max(_LOOK_S, (time.thread_time() - began) / _MOST_CPU)

    thread = threading.Thread(target=tick, daemon=True, name="progress")
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
        _warn(progress, warned)


def _warn(progress: Progress, warned: set[str]) -> None:
    for cap in progress.caps:
        if cap.share >= WARN_SHARE and cap.name not in warned:
            warned.add(cap.name)
            _say(cap_warning(cap))


def _say(line: str) -> None:
    # Whoever read our stderr may be gone: the journal, not the terminal, is the truth.
    with suppress(OSError):
        sys.stderr.write(f"{line}\n")
