"""The checks of a test set, one a function."""

from __future__ import annotations

from collections.abc import Iterator

from evalrunner.cli.dataset.checks.cases import (
    contradictory,
    leaks,
    repeated,
    schema,
    targets,
    trained_on,
)
from evalrunner.cli.dataset.checks.subject import Subject
from evalrunner.cli.dataset.checks.whole import coverage, edges, lengths, scripts, size
from evalrunner.cli.dataset.findings import Finding

__all__ = ["Subject", "findings_of"]


def findings_of(held: Subject) -> Iterator[Finding]:
    """All that is checked, in the order in which it is shown."""
    yield schema(held)
    yield from repeated(held)
    yield from contradictory(held)
    yield from targets(held)
    yield from leaks(held)
    yield from coverage(held)
    yield edges(held)
    yield scripts(held)
    yield lengths(held)
    yield size(held)
    if held.train is not None:
        yield from trained_on(held, held.train)
