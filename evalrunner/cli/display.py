"""The progress of a run: one live line on a terminal, a plain line now and then elsewhere."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from evalrunner.formatting import percent, seconds, usd
from evalrunner.runner import Progress

_EVERY_S = 30.0
_REFRESH_S = 0.25


@contextmanager
def show_progress(progress: Progress) -> Iterator[None]:
    """Show `progress` on stderr until the block ends; the last state stays."""
    if sys.stderr.isatty():
        with _live(progress):
            yield
    else:
        with _plain(progress):
            yield


def progress_line(progress: Progress) -> str:
    """`120/400 · quality 81.2 % · $0.12 · 2 errors (timeout) · ETA 12 s`."""
    parts = [f"{progress.done:,}/{progress.planned:,}"]
    scored = sum(cell.n_scored for cell in progress.cells.values())
    if scored:
        total = sum(cell.quality_sum for cell in progress.cells.values())
        parts.append(f"quality {percent(total / scored)}")
    spent = usd(progress.spent_usd)
    parts.append(
        f"≥ {spent} ({progress.unpriced:,} calls unpriced)" if progress.unpriced else spent
    )
    errors = progress.errors
    if errors:
        kinds = ", ".join(f"{n} {kind}" for kind, n in errors.most_common(3))
        parts.append(f"errors: {kinds}")
    if progress.waiting:
        parts.append(f"waiting: {progress.waiting}")
    elif progress.eta_s is not None and progress.done < progress.planned:
        parts.append(f"ETA {seconds(progress.eta_s)}")
    return " · ".join(parts)


@contextmanager
def _live(progress: Progress) -> Iterator[None]:
    from rich.console import Console
    from rich.live import Live
    from rich.text import Text

    class Line:
        def __rich__(self) -> Text:
            share = progress.done / progress.planned if progress.planned else 1.0
            bar = "━" * round(24 * share)
            return Text.assemble(
                (bar, "green"),
                ("━" * (24 - len(bar)), "bright_black"),
                " ",
                progress_line(progress),
                overflow="ellipsis",
                no_wrap=True,
            )

    live = Live(Line(), console=Console(file=sys.stderr), refresh_per_second=1 / _REFRESH_S)
    live.start()
    try:
        yield
    finally:
        # The terminal may be gone by now: the run goes on without it.
        with suppress(OSError):
            live.stop()


@contextmanager
def _plain(progress: Progress) -> Iterator[None]:
    ended = threading.Event()

    def tell() -> None:
        while not ended.wait(_EVERY_S):
            _say(progress)

    thread = threading.Thread(target=tell, daemon=True, name="progress")
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
        _say(progress)


def _say(progress: Progress) -> None:
    # Whoever read our stderr may be gone: the journal, not the terminal, is the truth.
    with suppress(OSError):
        sys.stderr.write(progress_line(progress) + "\n")
