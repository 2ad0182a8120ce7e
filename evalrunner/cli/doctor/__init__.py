"""`evalrunner doctor`: what stands between this machine and a run; asks no network."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path

from evalrunner.cli.doctor import access, configuration, machine
from evalrunner.cli.doctor.check import Check, State
from evalrunner.formatting import safe_text
from evalrunner.project import Project
from evalrunner.redact import Redactor

EXIT_BROKEN = 2


def main(arguments: argparse.Namespace) -> int:
    """Run the command; returns the exit code: 2 when something is broken."""
    clean = Redactor().text
    checks = [
        replace(check, detail=clean(check.detail), hint=clean(check.hint))
        for check in examine(Project(Path(arguments.project).resolve()))
    ]
    broken = [check for check in checks if check.state is State.BROKEN]
    if arguments.json:
        report = {"ok": not broken, "checks": [asdict(check) for check in checks]}
        sys.stdout.write(json.dumps(report, indent=2) + "\n")
    else:
        sys.stdout.writelines(f"{line}\n" for line in _lines(checks))
    return EXIT_BROKEN if broken else 0


def examine(project: Project) -> Iterator[Check]:
    """Every check, in the order in which a run would meet them."""
    yield from machine.version_checks()
    found = configuration.survey(project)
    yield from found.checks
    yield from access.key_checks(found.models, os.environ)
    yield from access.variable_checks(os.environ)
    yield from access.trust_checks(found.models, os.environ)
    yield access.price_check(found.models, at=datetime.now(UTC))
    yield from machine.cache_checks(found.cache_dir)
    yield from machine.outputs_checks(project.root / found.outputs)


def _lines(checks: Sequence[Check]) -> Iterator[str]:
    width = max(len(check.name) for check in checks)
    for check in checks:
        yield f"{check.state.value:<8} {check.name:<{width}}  {safe_text(check.detail)}"
        if check.hint:
            yield f"{'':<8} {'':<{width}}  -> {safe_text(check.hint)}"
    counts = {state: sum(check.state is state for check in checks) for state in State}
    yield ""
    yield f"{len(checks)} checks: {counts[State.WARNING]} warnings, {counts[State.BROKEN]} broken"
