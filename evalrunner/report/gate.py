"""A gate's checks as a Markdown table for people and as JUnit XML for build servers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from evalrunner.compare import (
    Check,
    Limits,
    Outcome,
    check_cells,
    check_flags,
    outcome_of,
    require_problems,
)
from evalrunner.errors import ConfigError, Problem
from evalrunner.formatting import markdown_text, n_of, safe_text
from evalrunner.planning import CellSpec
from evalrunner.store import write_text

_LONGEST = 300


def check_run(
    summary: Mapping[str, Any], specs: Sequence[CellSpec], *, fail_on: Sequence[str]
) -> list[Check]:
    """The checks of a run by the `decide` settings of its cells, and for the flags named."""
    limits = {spec.id: limits_of(spec) for spec in specs}
    checks = check_cells(summary["cells"], limits, max_missing=summary["run"]["max_missing"])
    return [*checks, *check_flags(summary["flags"], fail_on)]


def limits_of(spec: CellSpec) -> Limits:
    """What a cell must offer."""
    decide = spec.settings.decide
    return Limits(
        quality_floor=decide.quality_floor,
        max_latency_p90_s=decide.max_latency_p90_s,
        require=decide.require,
    )


def check_gate(specs: Sequence[CellSpec], *, fail_on: Sequence[str]) -> None:
    """Raise ConfigError for a gate that asks for nothing, or for what nobody measures."""
    candidates = [spec for spec in specs if spec.role == "candidate"]
    problems = [
        problem
        for spec in candidates
        for problem in require_problems(
            spec.settings.decide.require,
            scorers=spec.settings.scorer,
            slices=spec.settings.dataset.slices,
        )
    ]
    if not fail_on and all(limits_of(spec).is_empty for spec in candidates):
        what = "nothing to check: the gate would pass whatever the run finds"
        hint = "set decide.quality_floor, decide.require or decide.max_latency_p90_s"
        problems.append(Problem(where="--gate", what=what, hint=f"{hint}, or --fail-on flag:CODE"))
    if problems:
        raise ConfigError(dict.fromkeys(problems))


def write_gate(directory: Path, checks: Sequence[Check], *, name: str = "gate") -> None:
    """Write `<name>.md` and `<name>.xml`. Raises StoreError."""
    write_text(directory / f"{name}.md", gate_markdown(checks))
    write_text(directory / f"{name}.xml", gate_junit(checks))


def gate_json(checks: Sequence[Check]) -> dict[str, Any]:
    """The gate as `--json` prints it."""
    return {
        "outcome": outcome_of(checks).value,
        "checks": [
            {
                "cell": check.cell,
                "asked": check.asked,
                "found": check.found,
                "outcome": check.outcome.value,
            }
            for check in checks
        ],
    }


def gate_markdown(checks: Sequence[Check]) -> str:
    """A table of all checks under the outcome."""
    outcome = outcome_of(checks)
    head = [
        f"## Gate {outcome.value}: {_tally(checks)}",
        "",
        "| cell | asked | found | outcome |",
        "| --- | --- | --- | --- |",
    ]
    rows = [
        "| " + " | ".join(_markdown(field) for field in _fields(check)) + " |" for check in checks
    ]
    return "\n".join([*head, *rows]) + "\n"


def gate_junit(checks: Sequence[Check]) -> str:
    """JUnit XML: a test case a check, failed ones as failures, inconclusive ones as errors."""
    from xml.etree import ElementTree as ET

    counts = {outcome: sum(c.outcome is outcome for c in checks) for outcome in Outcome}
    root = ET.Element("testsuites")
    suite = ET.SubElement(
        root,
        "testsuite",
        name="evalrunner gate",
        tests=str(len(checks)),
        failures=str(counts[Outcome.FAILED]),
        errors=str(counts[Outcome.INCONCLUSIVE]),
        skipped="0",
    )
    tags = {Outcome.FAILED: "failure", Outcome.INCONCLUSIVE: "error"}
    for check in checks:
        cell, asked, found, outcome = _fields(check)
        case = ET.SubElement(suite, "testcase", classname=cell or "run", name=asked)
        if check.outcome in tags:
            ET.SubElement(case, tags[check.outcome], message=f"{outcome}: {found}")
    ET.indent(root)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{ET.tostring(root, encoding="unicode")}\n'


def _fields(check: Check) -> tuple[str, str, str, str]:
    """As they may be shown anywhere: XML has no place for control characters at all."""
    cell, asked, found = (
        safe_text(text, limit=_LONGEST) for text in (check.cell, check.asked, check.found)
    )
    return cell, asked, found, check.outcome.value


def _markdown(text: str) -> str:
    return markdown_text(text) or "(run)"


def _tally(checks: Sequence[Check]) -> str:
    counts = {outcome: sum(c.outcome is outcome for c in checks) for outcome in Outcome}
    parts = [f"{n} {outcome.value}" for outcome, n in counts.items() if n]
    return f"{n_of(len(checks), 'check')}, {', '.join(parts)}"
