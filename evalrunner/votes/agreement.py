"""How far raters agree with each other, and with themselves when asked again.

Answers are told by cells, so that two raters who saw a pair the other way round can agree. Equal
outputs, which nobody was asked about, and copies are left out. `both_bad` is a tie here too: this
is the agreement that a judge's, who has no such choice, is held to.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import asdict, replace
from itertools import combinations
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from evalrunner.stats import (
    bootstrap_interval,
    gwet_ac1,
    krippendorff_alpha,
    percent_agreement,
)
from evalrunner.types import Estimate
from evalrunner.votes.ballots import Asked, Opinion, Question

_TWO = 2
_MOST_PAIRS = 45
"""Pairs of raters that are told one by one: those of ten raters."""
_PREFERENCES = 3
"""One of two, the other, or neither."""

Floats: TypeAlias = NDArray[np.float64]
Codes: TypeAlias = NDArray[np.intp]


def agreement(asked: Asked) -> dict[str, Any] | None:
    """`agreement` of the summary; None where no question has the answers of two raters."""
    raters, questions, matrix = answers(asked)
    if not questions:
        return None
    codes = asked.codes(questions)
    how: dict[str, Any] = {"clusters": codes, "by": asked.by, "level": asked.level}
    n_categories = _n_categories(questions, matrix)
    ac1 = gwet_ac1(matrix, rng=_rng(asked, "ac1"), n_categories=n_categories, **how)
    alpha = krippendorff_alpha(matrix, rng=_rng(asked, "alpha"), **how)
    return {
        "n_raters": len(raters),
        "percent": told(asked, percent_agreement(matrix, **how)),
        "kappa": told(asked, _kappa_of(asked, matrix, codes)) if len(raters) == _TWO else None,
        "ac1": told(asked, ac1),
        "alpha": told(asked, alpha),
        "pairs": [
            {
                "a": raters[a],
                "b": raters[b],
                "percent": told(asked, percent_agreement(matrix[[a, b]], **how)),
                "kappa": told(asked, _kappa_of(asked, matrix[[a, b]], codes)),
            }
            for a, b in list(combinations(range(len(raters)), 2))[:_MOST_PAIRS]
            if _shared(matrix[[a, b]]).any()
        ],
    }


def told(asked: Asked, found: Estimate) -> dict[str, Any]:
    """An estimate of raters: of cases with unequal chances it speaks of those that were chosen."""
    if not asked.is_weighted:
        return asdict(found)
    return asdict(replace(found, method=f"{found.method}, unweighted"))


def answers(asked: Asked) -> tuple[list[str], list[Question], Floats]:
    """Raters, the questions that two or more of them answered, and what they said (NaN = nothing).

    Pairs where there are any: their categories are others than those of ratings.
    """
    given = [each for each in asked.opinions if each.choice is not None] or list(asked.opinions)
    said: dict[Question, dict[str, float]] = {}
    for each in given:
        said.setdefault(each.question, {})[each.rater] = each.value
    questions = [question for question, by_rater in said.items() if len(by_rater) >= _TWO]
    raters = sorted({rater for question in questions for rater in said[question]})
    matrix = np.full((len(raters), len(questions)), np.nan)
    for column, question in enumerate(questions):
        for row, rater in enumerate(raters):
            matrix[row, column] = said[question].get(rater, np.nan)
    return raters, questions, matrix


def self_consistency(asked: Asked) -> dict[str, Any] | None:
    """`self_consistency` of the summary; None without a copy that was answered twice."""
    if not asked.copies:
        return None
    matrix = np.array([[each.value for each in pair] for pair in asked.copies]).T
    codes = asked.codes(second.question for _, second in asked.copies)
    return {
        "same": told(asked, same_again(asked, asked.copies, swapped=False)),
        "swapped": told(asked, same_again(asked, asked.copies, swapped=True)),
        "kappa": told(asked, _kappa_of(asked, matrix, codes)),
    }


def same_again(
    asked: Asked, copies: Sequence[tuple[Opinion, Opinion]], *, swapped: bool
) -> Estimate:
    """Share of the copies, those with swapped sides or the others, that got the same answer."""
    some = [pair for pair in copies if pair[1].key.is_swapped == swapped]
    matrix = np.array([[each.value for each in pair] for pair in some]).reshape(-1, 2).T
    codes = asked.codes(second.question for _, second in some)
    return percent_agreement(matrix, clusters=codes, by=asked.by, level=asked.level)


def kappa(
    matrix: Floats, codes: Codes, *, rng: np.random.Generator, by: str, level: float
) -> Estimate:
    """Cohen's kappa of the two rows of `matrix` with its bootstrap interval by cluster.

    `stats.cohen_kappa` has a formula for it, of questions that are independent of each other; here
    several are of one case. Without an interval where all agree: every resample does then.
    """
    shared = _shared(matrix)
    both = matrix[:, shared]
    domain = np.unique(both)
    first, second = (np.asarray(row[:, None] == domain, np.float64) for row in both)
    agreed = (both[0] == both[1]).astype(np.float64)

    def statistic(weights: Floats) -> Floats:
        n = weights.sum(axis=1)
        expected = ((weights @ first) * (weights @ second)).sum(axis=1) / n**2
        certain = np.isclose(expected, 1)
        found: Floats = np.where(
            certain, np.nan, (weights @ agreed / n - expected) / np.where(certain, 1, 1 - expected)
        )
        return found

    some = codes[shared]
    found = bootstrap_interval(statistic, some.size, rng=rng, level=level, clusters=some, by=by)
    is_certain = found.low == found.high
    return Estimate(
        value=found.value,
        low=None if is_certain else found.low,
        high=None if is_certain else found.high,
        n=found.n,
        method=f"Cohen's kappa, {found.method}",
    )


def _kappa_of(asked: Asked, matrix: Floats, codes: Codes) -> Estimate:
    return kappa(matrix, codes, rng=_rng(asked, "kappa"), by=asked.by, level=asked.level)


def _shared(matrix: Floats) -> NDArray[np.bool_]:
    """Which questions both rows answer."""
    return np.asarray((~np.isnan(matrix)).all(axis=0))


def _n_categories(questions: Sequence[Question], matrix: Floats) -> int | None:
    if not questions[0].criterion:
        return _PREFERENCES
    # Ratings are met or not; graded ones have as many categories as were used.
    return _TWO if np.isin(matrix[~np.isnan(matrix)], (0, 1)).all() else None


def _rng(asked: Asked, name: str) -> np.random.Generator:
    return np.random.default_rng([asked.seed, zlib.crc32(f"votes {name}".encode())])
