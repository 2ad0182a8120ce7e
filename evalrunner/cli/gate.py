"""`--gate` and `--fail-on flag:CODE`: whether a run is good enough, as an exit code."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from evalrunner.cli.screens import results
from evalrunner.compare import outcome_of
from evalrunner.errors import ConfigError, Problem
from evalrunner.planning import CellSpec
from evalrunner.report.gate import check_gate, check_run, gate_json, gate_markdown, write_gate


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
            Problem(where=f"--fail-on {kind}{colon}{code}", what="is not flag:CODE")
            for kind, colon, code in named
            if kind != "flag" or not code
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
        """Print the summary and the gate, write `gate.md` and `gate.xml`; the gate's exit code."""
        checks = check_run(summary, specs if self.limits else (), fail_on=self.flags)
        write_gate(directory, checks)
        if as_json:
            show_summary({**summary, "gate": gate_json(checks)}, as_json=True)
        else:
            show_summary(summary, as_json=False)
            sys.stdout.write(f"\n{gate_markdown(checks)}")
        return outcome_of(checks).exit_code


def show_summary(summary: Mapping[str, Any], *, as_json: bool) -> None:
    """Print a summary to stdout."""
    if as_json:
        sys.stdout.write(json.dumps(summary, indent=2) + "\n")
    else:
        results(summary)
