"""Ratings of single outputs: which share of the criteria people find met, cell by cell."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from statistics import fmean
from typing import Any

from evalrunner.types import Estimate
from evalrunner.votes.ballots import Asked, Opinion
from evalrunner.votes.rates import mean_rate

_Cell = tuple[int, int]
"""Facet and id."""


def ratings(asked: Asked) -> list[dict[str, Any]]:
    """`ratings` of the summary: of whole answers, and of each criterion.

    A mean over raters in each case, then over cases. An answer of which a criterion was skipped
    says something of the others alone.
    """
    cells: dict[_Cell, list[Opinion]] = {}
    for each in asked.opinions:
        if each.choice is None:
            question = each.question
            cells.setdefault((question.facet, question.cells[0]), []).append(each)
    return [
        {
            "facet": facet,
            "cell": cell,
            "passed": asdict(_mean(asked, facet, _passed(asked, own))),
            "criteria": {
                criterion: asdict(_mean(asked, facet, _by_case(asked_of)))
                for criterion, asked_of in _by_criterion(own).items()
            },
        }
        for (facet, cell), own in sorted(cells.items())
    ]


def _passed(asked: Asked, own: Sequence[Opinion]) -> dict[str, list[float]]:
    """By case, each rater's share of the criteria met."""
    tasks: dict[str, list[Opinion]] = {}
    for each in own:
        tasks.setdefault(each.key.task_id, []).append(each)
    found: dict[str, list[float]] = {}
    for task_id, given in tasks.items():
        if len(given) == len(asked.criteria[task_id]):
            share = fmean(each.value for each in given)
            found.setdefault(given[0].question.case_id, []).append(share)
    return found


def _by_case(own: Sequence[Opinion]) -> dict[str, list[float]]:
    found: dict[str, list[float]] = {}
    for each in own:
        found.setdefault(each.question.case_id, []).append(each.value)
    return found


def _by_criterion(own: Sequence[Opinion]) -> dict[str, list[Opinion]]:
    found: dict[str, list[Opinion]] = {}
    for each in sorted(own, key=lambda one: one.key.order):
        found.setdefault(each.question.criterion, []).append(each)
    return found


def _mean(asked: Asked, facet: int, values: Mapping[str, Sequence[float]]) -> Estimate:
    cases = sorted(values)
    return mean_rate(
        [fmean(values[case_id]) for case_id in cases],
        [asked.weight(facet, case_id) for case_id in cases],
        clusters=[asked.unit(facet, case_id) for case_id in cases],
        by=asked.cases[facet].by,
        level=asked.level,
    )
