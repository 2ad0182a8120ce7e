"""`evalrunner view [RUN|DIR]`: an index over all runs, or one run's report, opened from disk."""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from evalrunner.cli.opening import open_in_browser
from evalrunner.formatting import n_of
from evalrunner.report.page import PAGE
from evalrunner.report.view import Row, is_run, read_row, read_rows, row_json, write_index
from evalrunner.store import JOURNAL, run_directory


def main(arguments: argparse.Namespace) -> int:
    """Run the command; returns the exit code."""
    path = Path(arguments.path or Path(arguments.project) / "outputs")
    if is_run(path):
        page = _report(path)
        rows = [read_row(path, path)]
    else:
        rows = read_rows(path)
        page = write_index(path, rows)
        sys.stderr.write(f"{_tally(rows)}\n")
    if arguments.json:
        found = {"page": str(page), "runs": [row_json(row) for row in rows]}
        sys.stdout.write(json.dumps(found, indent=2, allow_nan=False) + "\n")
        return 0
    sys.stdout.write(f"{page}\n")
    if arguments.open:
        open_in_browser(page.resolve().as_uri())
    return 0


def _report(directory: Path) -> Path:
    """The run's page, rebuilt where it is missing or older than the journal."""
    page, journal = directory / PAGE, directory / JOURNAL
    is_old = page.exists() and journal.exists() and _changed_at(page) < _changed_at(journal)
    if is_old or not page.exists():
        from evalrunner.report import build_report

        build_report(run_directory(directory))
        sys.stderr.write(f"rebuilt: {directory}\n")
    return page


def _changed_at(path: Path) -> int:
    return path.stat().st_mtime_ns


def _tally(rows: Sequence[Row]) -> str:
    """`5 runs: 4 done, 1 stopped`."""
    counts = Counter(row.status.value for row in rows)
    return f"{n_of(len(rows), 'run')}: {', '.join(f'{n:,} {name}' for name, n in counts.items())}"
