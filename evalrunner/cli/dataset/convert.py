"""`evalrunner dataset convert PATH OUT`: the same cases in another format, checked."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from evalrunner.cli.dataset.reading import read_test_set, renames_of
from evalrunner.cli.dataset.writing import check_out, write_set
from evalrunner.formatting import n_of
from evalrunner.project import Project


def main(arguments: argparse.Namespace) -> int:
    """Run the command; returns the exit code."""
    fields = renames_of(arguments.map)
    project = Project(Path(arguments.project).resolve())
    read = read_test_set(arguments.path, project, fields=fields)
    out = check_out(arguments.out, force=arguments.force, source=read.path)
    n_changed = write_set(read.cases, out)
    if arguments.json:
        found = {"out": str(out), "n_cases": len(read.cases), "n_changed_cells": n_changed}
        sys.stdout.write(json.dumps(found, indent=2) + "\n")
        return 0
    sys.stdout.write(f"{out}: {n_of(len(read.cases), 'case')}\n")
    if n_changed:
        sys.stderr.write(
            f"warning: {n_of(n_changed, 'cell')} changed, so that no spreadsheet takes text for a "
            "formula (an apostrophe before = + - @) or breaks a row; .jsonl keeps all as it is\n"
        )
    return 0
