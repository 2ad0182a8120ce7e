"""`evalrunner dataset convert PATH OUT`: the same cases in another format, checked."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from evalrunner.cli.dataset.reading import read_test_set
from evalrunner.cli.dataset.writing import check_out, write_set
from evalrunner.errors import ConfigError, Problem
from evalrunner.formatting import n_of
from evalrunner.project import Project


def main(arguments: argparse.Namespace) -> int:
    """Run the command; returns the exit code."""
    fields = _renames(arguments.map)
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


def _renames(typed: Sequence[str]) -> dict[str, str]:
    """`new=old` of each. Raises ConfigError."""
    fields: dict[str, str] = {}
    problems = []
    for text in typed:
        new, equals, old = text.partition("=")
        if not (equals and new and old):
            what, hint = f"{text!r} is no renaming", "write --map input=question"
            problems.append(Problem(where="--map", what=what, hint=hint))
        elif new in fields:
            problems.append(Problem(where="--map", what=f"{new!r} gets two fields"))
        else:
            fields[new] = old
    if problems:
        raise ConfigError(problems)
    return fields
