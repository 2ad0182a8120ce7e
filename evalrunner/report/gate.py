"""A gate's checks as a Markdown table for people and as JUnit XML for build servers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element, SubElement, indent, tostring

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
from evalrunner.formatting import n_of, safe_text
from evalrunner.planning import CellSpec
from evalrunner.report.markdown import clipped, table_lines
from evalrunner.store import write_text

_LONGEST = 300
_MOST_LINES = 100
_LARGEST_TABLE = 300_000
"""Bytes: with `summary.md` it fits into the megabyte that build servers show."""


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


def write_gate(
    directory: Path,
    checks: Sequence[Check],
    *,
    name: str = "gate",
    cells: Sequence[Mapping[str, Any]] = (),
) -> None:
    """Write `<name>.md` and `<name>.xml`; `cells` are those of the summary. Raises StoreError."""
    write_text(directory / f"{name}.md", gate_markdown(checks))
    write_text(directory / f"{name}.xml", gate_junit(checks, cells))


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


def gate_lines(checks: Sequence[Check]) -> Iterator[str]:
    """For a terminal: the outcome, then a line a check, what did not pass first."""
    yield _head(checks)
    rows = [_row(check) for check in _ordered(checks)]
    for cell, asked, found, outcome in rows[:_MOST_LINES]:
        yield f"  {outcome}  {cell} · {asked}: {found}"
    if rows[_MOST_LINES:]:
        yield f"… and {n_of(len(rows) - _MOST_LINES, 'more check')}"


def gate_markdown(checks: Sequence[Check]) -> str:
    """A table of all checks under the outcome, what did not pass first."""
    rows = map(_row, _ordered(checks))
    header, rule, *table = table_lines(("cell", "asked", "found", "outcome"), rows)
    shown = clipped(table, _LARGEST_TABLE, rest="\n… and {n} more checks, in gate.xml")
    return "\n".join([f"## {_head(checks)}", "", header, rule, *shown]) + "\n"


def gate_junit(checks: Sequence[Check], cells: Sequence[Mapping[str, Any]] = ()) -> str:
    """JUnit XML: a suite a cell, a test case a check; missed = failure, not to be told = error.

    The suites of `cells` have their quality and costs as properties.
    """
    root = Element("testsuites", {"name": "evalrunner gate"} | _counts(checks))
    known = {cell["label"]: cell for cell in cells if cell["role"] == "candidate"}
    for label in dict.fromkeys(check.cell for check in checks):
        of_cell = [check for check in checks if check.cell == label]
        name = safe_text(label, limit=_LONGEST) or "run"
        suite = SubElement(root, "testsuite", {"name": name} | _counts(of_cell))
        if label in known:
            properties = SubElement(suite, "properties")
            for key, value in _properties(known[label]):
                SubElement(properties, "property", name=key, value=value)
        for check in of_cell:
            _add_case(suite, check)
    indent(root)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{tostring(root, encoding="unicode")}\n'


def _add_case(suite: Element, check: Check) -> None:
    cell, asked, found, outcome = _fields(check)
    case = SubElement(suite, "testcase", classname=cell or "run", name=asked, time="0")
    tag = {Outcome.FAILED: "failure", Outcome.INCONCLUSIVE: "error"}.get(check.outcome)
    if tag is not None:
        # Some readers show the attribute, others the text.
        said = SubElement(case, tag, message=f"{outcome}: {found}", type=f"evalrunner.{outcome}")
        said.text = f"{cell or 'run'}: {asked}: {found}"


def _properties(cell: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Plain numbers, under the names of `summary.json`; without those that are unknown."""
    price = cell["cost"]["usd_per_1000"] or {"value": None}
    found = {
        "quality": cell["quality"]["value"],
        "quality_low": cell["quality"]["low"],
        "quality_high": cell["quality"]["high"],
        "n": cell["quality"]["n"],
        "usd_per_1000": price["value"],
        "usd_spent": cell["cost"]["usd_spent"],
        "latency_p90_s": cell["latency_s"]["p90"],
    }
    yield from ((name, str(value)) for name, value in found.items() if value is not None)


def _counts(checks: Sequence[Check]) -> dict[str, str]:
    counts = Counter(check.outcome for check in checks)
    return {
        "tests": str(len(checks)),
        "failures": str(counts[Outcome.FAILED]),
        "errors": str(counts[Outcome.INCONCLUSIVE]),
        "skipped": "0",
        "time": "0",
    }


def _row(check: Check) -> tuple[str, ...]:
    cell, *others = _fields(check)
    return cell or "(run)", *others


def _fields(check: Check) -> tuple[str, str, str, str]:
    """As they may be shown anywhere: XML has no place for control characters at all."""
    cell, asked, found = (
        safe_text(text, limit=_LONGEST) for text in (check.cell, check.asked, check.found)
    )
    return cell, asked, found, check.outcome.value


def _ordered(checks: Sequence[Check]) -> list[Check]:
    order = (Outcome.FAILED, Outcome.INCONCLUSIVE, Outcome.PASSED)
    return sorted(checks, key=lambda check: order.index(check.outcome))


def _head(checks: Sequence[Check]) -> str:
    return f"Gate {outcome_of(checks).value}: {_tally(checks)}"


def _tally(checks: Sequence[Check]) -> str:
    counts = {outcome: sum(c.outcome is outcome for c in checks) for outcome in Outcome}
    parts = [f"{n} {outcome.value}" for outcome, n in counts.items() if n]
    return f"{n_of(len(checks), 'check')}, {', '.join(parts)}"
