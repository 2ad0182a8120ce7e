"""What a check of a test set found, and how it is shown."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from evalrunner.cli.dataset.reading import TestSet
from evalrunner.formatting import n_of, safe_text
from evalrunner.types import Json

Status: TypeAlias = Literal["ok", "note", "warning", "error"]
_MARKS: Mapping[Status, str] = {"ok": "ok", "note": "·", "warning": "warn", "error": "FAIL"}
_MOST_SHOWN, _MOST_LISTED = 5, 100
_LONGEST = 70


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One check, and what it says."""

    check: str
    status: Status
    message: str
    remedy: str = ""
    groups: Sequence[Sequence[int]] = ()
    """Cases by position: each group belongs together."""
    notes: Mapping[int, str] = field(default_factory=dict)
    """What stands beside a case."""
    evidence: Mapping[str, Json] = field(default_factory=dict)


def finding_json(found: Finding, of: TestSet) -> dict[str, Any]:
    """As JSON; of the groups the first 100."""
    return {
        "check": found.check,
        "status": found.status,
        "message": found.message,
        "remedy": found.remedy,
        "n_groups": len(found.groups),
        "groups": [
            [{"id": of.cases[place].id, "line": of.line(place)} for place in group]
            for group in found.groups[:_MOST_LISTED]
        ],
        "evidence": found.evidence,
    }


def finding_lines(findings: Iterable[Finding], of: TestSet) -> Iterator[str]:
    """A row a check, its cases under it."""
    listed = list(findings)
    width = max(len(found.check) for found in listed)
    for found in listed:
        yield f"{_MARKS[found.status]:<4}  {found.check:<{width}}  {safe_text(found.message)}"
        indent = " " * (width + 8)
        for group in found.groups[:_MOST_SHOWN]:
            yield f"{indent}{_group(group, found, of)}"
        if len(found.groups) > _MOST_SHOWN:
            yield f"{indent}… and {len(found.groups) - _MOST_SHOWN:,} more, see --json"
        if found.remedy and found.status in {"warning", "error"}:
            yield f"{indent}-> {found.remedy}"


def with_article(name: str) -> str:
    """`an 'expected_output'`."""
    return f"{'an' if name[:1].lower() in tuple('aeiou') else 'a'} {name!r}"


def verdict_line(findings: Iterable[Finding]) -> str:
    """`2 errors, 1 warning`."""
    listed = [found.status for found in findings]
    errors, warnings = listed.count("error"), listed.count("warning")
    if not errors and not warnings:
        return "nothing found that would mislead"
    return f"{n_of(errors, 'error')}, {n_of(warnings, 'warning')}"


def _group(group: Sequence[int], found: Finding, of: TestSet) -> str:
    shown = [_place(position, of) for position in group[:_MOST_SHOWN]]
    more = f" and {len(group) - _MOST_SHOWN:,} more" if len(group) > _MOST_SHOWN else ""
    note = found.notes.get(group[0], "")
    return f"{' = '.join(shown)}{more}{f'  {safe_text(note, limit=_LONGEST)}' if note else ''}"


def _place(position: int, of: TestSet) -> str:
    line = of.line(position)
    where = "" if line is None else f" (line {line})"
    return f"{safe_text(of.cases[position].id, limit=_LONGEST)}{where}"
