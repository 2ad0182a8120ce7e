"""`evalrunner human import RUN FILE…`: votes from files that raters filled in."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from pathlib import Path

from evalrunner.cli.screens import print_lines
from evalrunner.formatting import n_of
from evalrunner.human.importing import Imported, import_votes
from evalrunner.store import run_directory


def main(arguments: argparse.Namespace) -> int:
    """Run the command; returns the exit code."""
    directory = run_directory(Path(arguments.run))
    files = [Path(name) for name in arguments.files]
    imported = import_votes(directory, files, form=arguments.form, may_replace=arguments.replace)
    if arguments.json:
        sys.stdout.write(json.dumps(_as_json(imported), indent=2) + "\n")
        return 0
    print_lines(_lines(imported))
    sys.stderr.write(f"next: evalrunner human report {arguments.run}\n")
    return 0


def _as_json(imported: Imported) -> dict[str, object]:
    raters = [
        {
            "rater": rater,
            "n_read": n,
            "n_recorded": imported.recorded[rater],
            "n_replaced": imported.replaced[rater],
            "n_known": imported.known[rater],
        }
        for rater, n in sorted(imported.read.items())
    ]
    return {"raters": raters, "n_unanswered": imported.n_unanswered}


def _lines(imported: Imported) -> Iterator[str]:
    if not imported.read:
        yield "no votes in these files"
    for rater, n in sorted(imported.read.items()):
        line = f"{rater}: {n_of(n, 'vote')} read, {imported.recorded[rater]:,} recorded"
        if imported.replaced[rater]:
            line += f" ({imported.replaced[rater]:,} in place of an earlier one)"
        if imported.known[rater]:
            line += f", {imported.known[rater]:,} skipped: recorded before with the same value"
        yield line
    if imported.n_unanswered:
        yield f"{n_of(imported.n_unanswered, 'row')} without an answer"
