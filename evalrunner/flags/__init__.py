"""Warnings drawn from a summary: what its numbers alone would let a reader overlook.

Pure: `summary.json` in, flags out. Each rule is a function from the summary to its flags.
"""

from __future__ import annotations

from dataclasses import asdict

from evalrunner.flags import items, judges, missing, money, power, scorers, slices, test_sets
from evalrunner.flags.base import Flag, Rule, Summary
from evalrunner.types import Json

__all__ = ["CODES", "Flag", "find_flags"]

_RULES: tuple[Rule, ...] = (
    *judges.RULES,
    *scorers.RULES,
    *missing.RULES,
    *slices.RULES,
    *test_sets.RULES,
    *items.RULES,
    *power.RULES,
    *money.RULES,
)
CODES: tuple[str, ...] = tuple(rule.__name__ for rule in _RULES)
"""What a flag may be called: each rule raises flags of its own name."""


def find_flags(summary: Summary) -> list[dict[str, Json]]:
    """All flags as they stand in `summary.json`: by rule, then by facet, scorer and cell."""
    return [asdict(flag) for rule in _RULES for flag in rule(summary)]
