"""What each case of a test set is worth for telling models apart, and whether the set still can.

Matrices are models x cases with scores in [0, 1] and NaN for what is missing; repeats count as
models of their own.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

_TWO = 2
_THREE = 3
"""Fewest models that a correlation can be made of: two always lie on a line."""
_NONE = 1e-12
"""Variances below it are those of equal scores, rounded."""

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemAnalysis:
    """What the models' scores say of each case, in the order of the columns."""

    difficulty: tuple[float | None, ...]
    """Mean score, so high is easy; None without any."""
    item_rest: tuple[float | None, ...]
    """Correlation with the models' mean on the other cases; None where either does not vary, or
    for fewer than three models. Negative: stronger models fail it, so look at its label."""
    reliability: float | None
    """KR-20, of graded scores Cronbach's alpha, over the cases without a gap; None without two
    such cases, two models, or any spread."""
    solved_by_all: tuple[int, ...]
    """Cases that every model solves in full: they tell nobody apart."""
    solved_by_none: tuple[int, ...]
    """Cases that nobody scores on at all: too hard, or their label is wrong."""


def item_analysis(scores: ArrayLike) -> ItemAnalysis:
    """Difficulty and discrimination of every case, and reliability of the whole set.

    Sources: Lord and Novick (1968), Statistical Theories of Mental Test Scores, ch. 15; Kuder and
    Richardson (1937), Psychometrika 2(3); Cronbach (1951), Psychometrika 16(3).
    """
    matrix = np.atleast_2d(np.asarray(scores, np.float64))
    known = ~np.isnan(matrix)
    n = known.sum(axis=0)
    values = np.where(known, matrix, 0.0)
    means = values.sum(axis=0) / np.maximum(n, 1)
    others = (known.sum(axis=1, keepdims=True) - known).astype(np.float64)
    rest = (values.sum(axis=1, keepdims=True) - values) / np.maximum(others, 1)
    usable = known & (others > 0)
    correlations = _correlations(values, rest, usable)
    return ItemAnalysis(
        difficulty=tuple(
            mean if size else None for mean, size in zip(means.tolist(), n.tolist(), strict=True)
        ),
        item_rest=tuple(None if math.isnan(r) else r for r in correlations.tolist()),
        reliability=_reliability(matrix[:, known.all(axis=0)]),
        solved_by_all=_where((n > 0) & ((values == 1) == known).all(axis=0)),
        solved_by_none=_where((n > 0) & (values == 0).all(axis=0)),
    )


def two_parameter_logistic(
    ability: ArrayLike, *, discrimination: float, difficulty: float
) -> tuple[Floats, Floats]:
    """Chance to solve an item, and the information that asking it gives, at each ability.

    P = 1 / (1 + exp(-a (theta - b))) and a^2 P (1 - P). Source: Birnbaum (1968), in Lord and
    Novick; fitting a and b takes 30 models and more.
    """
    theta = np.asarray(ability, np.float64)
    chance = 1 / (1 + np.exp(-discrimination * (theta - difficulty)))
    return chance, discrimination**2 * chance * (1 - chance)


def chance_rate_at_least(successes: int, n: int, *, threshold: float, prior: float = 0.5) -> float:
    """Probability that the true rate is `threshold` or more, as when a set is too easy.

    The prior is Beta(prior, prior): 0.5 = Jeffreys', 1 = flat. Source: Brown, Cai and DasGupta
    (2001), Statistical Science 16(2).
    """
    from scipy.special import betaincc

    return float(betaincc(successes + prior, n - successes + prior, threshold))


def best_possible_p(failures: int) -> float:
    """Smallest p-value that any model could have against one that fails `failures` cases.

    2^(1 - failures): the other solves these and breaks none. Follows from the exact test of
    McNemar (1947), Psychometrika 12(2).
    """
    return min(1.0, 2.0 ** (1 - failures))


def failures_to_tell_apart(level: float = 0.95) -> int:
    """Fewest failures with which `best_possible_p` is below 1 - `level`: 6 at 95 %."""
    failures = 1
    while best_possible_p(failures) >= 1 - level:
        failures += 1
    return failures


def _correlations(one: Floats, other: Floats, usable: NDArray[np.bool_]) -> Floats:
    """Pearson's, column by column over the usable rows; NaN where it is 0/0."""
    n = np.maximum(usable.sum(axis=0), 1)
    x, y = (
        np.where(usable, values - np.where(usable, values, 0.0).sum(axis=0) / n, 0.0)
        for values in (one, other)
    )
    spread = (x**2).sum(axis=0) * (y**2).sum(axis=0)
    defined = (spread > _NONE**2) & (usable.sum(axis=0) >= _THREE)
    found: Floats = np.where(
        defined, (x * y).sum(axis=0) / np.sqrt(np.where(defined, spread, 1.0)), np.nan
    )
    return found


def _reliability(complete: Floats) -> float | None:
    n_models, n_cases = complete.shape
    if n_models < _TWO or n_cases < _TWO:
        return None
    total = float(complete.sum(axis=1).var())
    if total < _NONE:
        return None
    within = float(complete.var(axis=0).sum())
    return float(n_cases / (n_cases - 1) * (1 - within / total))


def _where(mask: NDArray[np.bool_]) -> tuple[int, ...]:
    return tuple(np.flatnonzero(mask).tolist())
