"""`evalrunner compare RUN[:CELL] RUN[:CELL]`: is the second worse than the first?"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from evalrunner.cli.gate import print_checks
from evalrunner.cli.screens import print_lines
from evalrunner.cli.step_summary import append_step_summary
from evalrunner.compare import Check, check_comparison, outcome_of, plainest_sentence, sentence
from evalrunner.errors import ConfigError, Problem
from evalrunner.formatting import n_of, safe_text
from evalrunner.report.comparisons import contrary_slices
from evalrunner.report.gate import gate_json, write_gate
from evalrunner.report.two_runs import compare_runs

_MOST_IDS = 10
_LONGEST = 80


def main(arguments: argparse.Namespace) -> int:
    """Run the command; returns the exit code."""
    margin = arguments.margin
    if margin is not None and not 0 < margin < 1:
        problem = Problem(where="--margin", what=f"{margin} is no share between 0 and 1")
        raise ConfigError(problem)
    found = compare_runs(arguments.reference, arguments.candidate, margin=margin)
    checks = [_check(entry, _names(entry, found)) for entry in found["comparisons"]]
    if arguments.json:
        gate = {"gate": gate_json(checks)} if arguments.gate else {}
        sys.stdout.write(json.dumps(found | gate, indent=2) + "\n")
    else:
        print_lines(_lines(found))
    if not arguments.gate:
        return 0
    write_gate(Path(found["candidate"]), checks, name="compare")
    if not arguments.json:
        print_checks(checks)
    append_step_summary(Path(found["candidate"]), ["compare.md"])
    return outcome_of(checks).exit_code


def _check(entry: Mapping[str, Any], names: tuple[str, str]) -> Check:
    return check_comparison(
        entry["conclusion"],
        cell=entry["label_a"],
        found=sentence(entry, names),
    )


def _lines(found: Mapping[str, Any]) -> Iterator[str]:
    yield from (f"warning: {warning}" for warning in found["warnings"])
    shown = None
    for entry in found["comparisons"]:
        if entry["cases"] != shown:
            shown = entry["cases"]
            yield from _case_lines(shown)
        names = _names(entry, found)
        yield plainest_sentence(entry, names)
        yield from _flip_lines(entry)
        for field, value, part in contrary_slices(entry):
            where = f"{safe_text(field, limit=_LONGEST)} {safe_text(value, limit=_LONGEST)}"
            yield f"  but in {where}: {plainest_sentence(part, names)}"
    for side, labels in found["unpaired"].items():
        if labels:
            yield f"only in the {side}: {_listed(labels)}"


def _case_lines(cases: Mapping[str, Any]) -> Iterator[str]:
    yield (
        f"{n_of(cases['paired'], 'case')} paired, {cases['only_a']:,} only in the candidate, "
        f"{cases['only_b']:,} only in the reference"
    )
    if cases["changed"]:
        changed = n_of(len(cases["changed"]), "case")
        yield f"{changed} changed and not paired: {_listed(cases['changed'])}"


def _flip_lines(entry: Mapping[str, Any]) -> Iterator[str]:
    for name, sign in (("lost", -1), ("won", 1)):
        ids = [
            flip["case_id"]
            for flip in entry["flips"]
            if (flip["value_a"] - flip["value_b"]) * sign > 0
        ]
        if ids:
            yield f"  {name} {len(ids):,}: {_listed(ids)}"


def _listed(names: list[str]) -> str:
    shown = ", ".join(safe_text(name, limit=_LONGEST) for name in names[:_MOST_IDS])
    more = len(names) - _MOST_IDS
    return f"{shown} and {more:,} more" if more > 0 else shown


def _names(entry: Mapping[str, Any], found: Mapping[str, Any]) -> tuple[str, str]:
    """Labels, with their runs where two runs are compared."""
    labels = entry["label_a"], entry["label_b"]
    if found["candidate"] == found["reference"]:
        return labels
    runs = Path(found["candidate"]).name, Path(found["reference"]).name
    return f"{labels[0]} ({runs[0]})", f"{labels[1]} ({runs[1]})"
