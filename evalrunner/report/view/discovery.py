"""Where run directories are: below a directory, three levels deep at most.

Links are not followed, so that nothing outside is read and no circle is walked.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

_MARKS = ("plan.json", "manifest.json", "journal.jsonl")
"""A directory with one of these is a run directory, or what is left of one."""
_DEPTH = 3
"""The project above `outputs/<name>/<run>` may be given, too."""


def is_run(directory: Path) -> bool:
    """Whether a directory is a run's, readable or not."""
    return any(os.path.lexists(directory / mark) for mark in _MARKS)


def find_runs(root: Path) -> Iterator[Path]:
    """Run directories below `root`, in order of their paths; what cannot be opened is skipped."""
    yield from _found(root, _DEPTH)


def _found(directory: Path, depth: int) -> Iterator[Path]:
    try:
        with os.scandir(directory) as entries:
            names = sorted(
                entry.name
                for entry in entries
                if not entry.name.startswith(".") and entry.is_dir(follow_symlinks=False)
            )
    except OSError:
        return
    for name in names:
        path = directory / name
        if is_run(path):
            yield path
        elif depth > 1:
            yield from _found(path, depth - 1)
