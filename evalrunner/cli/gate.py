"""`--gate` and `--fail-on flag:CODE`: whether a run is good enough, as an exit code."""

from __future__ import annotations

import argparse
import difflib
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from evalrunner.cli.results import results
from evalrunner.cli.screens import print_lines
from evalrunner.cli.step_summary import append_step_summary
from evalrunner.compare import Check, outcome_of
from evalrunner.errors import ConfigError, Problem
from evalrunner.flags import CODES
from evalrunner.planning import CellSpec
from evalrunner.report.gate import check_gate, check_run, gate_json, gate_lines, write_gate


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """What was asked on the command line."""

    limits: bool
    """Whether the cells are held to their `decide` settings."""
    flags: tuple[str, ...]
    """Codes that must not be raised."""

    @classmethod
    def of(cls, arguments: argparse.Namespace) -> Self | None:
        """None when no gate is asked for. Raises ConfigError for what is no `flag:CODE`."""
        named = [str(word).partition(":") for word in arguments.fail_on]
        problems = [
            problem
            for kind, colon, code in named
            if (problem := _problem(kind, code, where=f"--fail-on {kind}{colon}{code}"))
        ]
        if problems:
            raise ConfigError(problems)
        codes = tuple(code for _, _, code in named)
        return cls(limits=arguments.gate, flags=codes) if arguments.gate or codes else None

    def check_plan(self, specs: Sequence[CellSpec]) -> None:
        """Raise ConfigError when it asks for nothing, or for what the cells do not measure."""
        if self.limits:
            check_gate(specs, fail_on=self.flags)

    def show(
        self,
        summary: Mapping[str, Any],
        specs: Sequence[CellSpec],
        directory: Path,
        *,
        as_json: bool,
    ) -> int:
        """Print the summary and the gate, write `gate.md` and `gate.xml`; the gate's exit code.

        Where a build server shows summaries, both are appended there.
        """
        checks = check_run(summary, specs if self.limits else (), fail_on=self.flags)
        write_gate(directory, checks, cells=summary["cells"])
        if as_json:
            _print_json({**summary, "gate": gate_json(checks)})
        else:
            results(summary)
            print_checks(checks)
        append_step_summary(directory, ["summary.md", "gate.md"])
        return outcome_of(checks).exit_code


def _problem(kind: str, code: str, *, where: str) -> Problem | None:
    """A flag that nobody raises would never fail a run."""
    known = f"the flags are: {', '.join(CODES)}"
    if kind != "flag" or not code:
        return Problem(where=where, what="is not flag:CODE", hint=known)
    if code in CODES:
        return None
    near = difflib.get_close_matches(code, CODES, n=1, cutoff=0.5)
    hint = f"--fail-on flag:{near[0]}? {known}" if near else known
    return Problem(where=where, what=f"there is no flag {code!r}", hint=hint)


def print_checks(checks: Sequence[Check]) -> None:
    """Print the outcome of a gate, and a line for each check: what did not pass first."""
    print_lines(["", *gate_lines(checks)])


def show_summary(summary: Mapping[str, Any], directory: Path, *, as_json: bool) -> None:
    """Print a run's summary to stdout, and append it to what a build server shows."""
    if as_json:
        _print_json(summary)
    else:
        results(summary)
    append_step_summary(directory, ["summary.md"])


def _print_json(summary: Mapping[str, Any]) -> None:
    sys.stdout.write(json.dumps(summary, indent=2) + "\n")
