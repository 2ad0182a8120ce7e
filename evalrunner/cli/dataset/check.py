"""`evalrunner dataset check PATH`: what would make an evaluation by this test set misleading."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping
from pathlib import Path

from evalrunner.cli.dataset.checks import Subject, findings_of
from evalrunner.cli.dataset.expected import logged_mix, read_expected
from evalrunner.cli.dataset.findings import finding_json, finding_lines, verdict_line
from evalrunner.cli.dataset.reading import TestSet, read_test_set, renames_of
from evalrunner.cli.screens import print_lines, warning_lines
from evalrunner.datasets._problems import nearest
from evalrunner.errors import ConfigError, Problem
from evalrunner.formatting import safe_text
from evalrunner.project import Project

_PERCENT = 100
_TARGET, _CATEGORY = "expected_output", "category"


def main(arguments: argparse.Namespace) -> int:
    """Run the command; 0 = fine, 1 = something is wrong, with --strict also a warning."""
    held = _subject(arguments)
    findings = list(findings_of(held))
    statuses = {found.status for found in findings}
    is_fine = not statuses & ({"error", "warning"} if arguments.strict else {"error"})
    if arguments.json:
        found = {
            "path": str(held.of.path),
            "name": held.of.name,
            "n_cases": held.n,
            "ok": is_fine,
            "checks": [finding_json(each, held.of) for each in findings],
        }
        sys.stdout.write(json.dumps(found, indent=2, allow_nan=False) + "\n")
    else:
        print_lines([f"{safe_text(held.of.name)}: {safe_text(held.of.shown)}", ""])
        print_lines(finding_lines(findings, held.of))
        print_lines(["", verdict_line(findings)])
    return 0 if is_fine else 1


def _subject(arguments: argparse.Namespace) -> Subject:
    project = Project(Path(arguments.project).resolve())
    of = read_test_set(arguments.path, project, fields=renames_of(arguments.map))
    _check_fields(arguments, of)
    category = arguments.category or _CATEGORY
    mix, source = _mix(arguments, category)
    return Subject(
        difference=_difference(arguments.difference),
        mix=mix,
        mix_source=source,
        of=of,
        train=None if arguments.train is None else read_test_set(arguments.train, project),
        target=arguments.target or _TARGET,
        category=category,
    )


def _check_fields(arguments: argparse.Namespace, of: TestSet) -> None:
    """A default may be in no case, what was typed may not. Raises ConfigError."""
    names = {name for case in of.cases for name in case.fields}
    problems = [
        Problem(
            where=f"--{option}", what=f"no case has a field {name!r}", hint=nearest(name, names)
        )
        for option in ("target", "category")
        if (name := getattr(arguments, option)) is not None and name not in names
    ]
    if problems:
        raise ConfigError(problems)


def _difference(asked: float | None) -> float | None:
    if asked is not None and not 0 < asked < _PERCENT:
        what = f"{asked:g} is no difference between 0 and 100 points"
        raise ConfigError(
            Problem(where="--difference", what=what, hint="5 means 80 % against 85 %")
        )
    return None if asked is None else asked / _PERCENT


def _mix(arguments: argparse.Namespace, category: str) -> tuple[Mapping[str, float] | None, str]:
    if arguments.expected is not None and arguments.production:
        what = "there can be one mix only"
        hint = "leave out --expected or --production"
        raise ConfigError(Problem(where="--expected", what=what, hint=hint))
    if arguments.expected is not None:
        return read_expected(arguments.expected), "the expected mix"
    if arguments.production:
        mix, warnings = logged_mix(arguments.production, category)
        print_lines(warning_lines(warnings), to=sys.stderr)
        return mix, "the production log"
    return None, ""
