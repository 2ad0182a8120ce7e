"""Answers that must fail, and pass: whatever scores them is too kind."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from evalrunner.flags.base import Flag, Summary
from evalrunner.flags.cells import Cell, by_cell
from evalrunner.flags.judges.cells import judge_of, judged_cells
from evalrunner.formatting import percent

_INFLATED, _SURELY_INFLATED = 0.2, 0.1
"""Mean score of answers that must fail, and its lower bound."""


def passing_canaries(summary: Summary) -> Iterator[Flag]:
    """Answers that must fail, and pass."""
    for facet, scorer, cells in judged_cells(summary):
        passed = {
            cell["id"]: {"score": score, "n_passed": cell["judging"][scorer]["n_passed"]}
            for cell in cells
            if cell["role"] == "canary"
            and (score := cell["scores"][scorer])["value"] is not None
            and _is_inflated(score)
        }
        if not passed:
            continue
        canaries = [cell for cell in cells if cell["id"] in passed]
        worst = max(canaries, key=lambda cell: cell["scores"][scorer]["value"])
        yield Flag(
            code="judge_inflation",
            severity="red",
            cell=worst["id"],
            message=f"{scorer}{judge_of(summary, facet)}: answers that must fail pass: "
            + ", ".join(_passed_of(cell, scorer) for cell in canaries),
            evidence={"facet": facet, "scorer": scorer, "canaries": by_cell(passed)},
            remedy="its scores are too high: take a stricter judge or sharper criteria",
        )


def _passed_of(cell: Cell, scorer: str) -> str:
    judging = cell["judging"][scorer]
    return (
        f"{cell['label'].removeprefix('canary:')} {judging['n_passed']} of "
        f"{judging['n_answers']} (mean score {percent(cell['scores'][scorer]['value'])})"
    )


def _is_inflated(score: Mapping[str, Any]) -> bool:
    is_surely = score["low"] is not None and score["low"] > _SURELY_INFLATED
    return bool(is_surely or score["value"] > _INFLATED)
