"""What is said of a log that was read."""

from __future__ import annotations

from collections.abc import Iterator

from evalrunner.formatting import n_of, safe_text
from evalrunner.production.logs import Logs

_MOST_SHOWN = 5


def log_lines(logs: Logs) -> Iterator[str]:
    """How much was read, and the first of what could not be."""
    yield f"read {n_of(len(logs.records), 'call')} of {n_of(len(logs.files), 'file')}"
    if not logs.n_left_out:
        return
    yield f"warning: {n_of(logs.n_left_out, 'record')} left out, the first:"
    for problem in logs.problems[:_MOST_SHOWN]:
        yield from (f"  {safe_text(line)}" for line in str(problem).split("\n"))
