"""A ranking of items from comparisons in pairs, with an interval for each rating."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from evalrunner.stats.resampling import RESAMPLES, bootstrap_replicates
from evalrunner.types import Estimate

PRIOR = 0.01
"""Wins that each item is given over each other where the votes alone leave a strength infinite."""

_MEAN = 1000.0
_SCALE = 400.0
"""Points that stand for odds of 10 : 1."""
_TOLERANCE = 1e-10
_ITERATIONS = 1000
_TWO = 2

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class BradleyTerry:
    """A ranking of items that were compared in pairs."""

    ratings: tuple[Estimate, ...]
    """On the Elo scale with mean 1000; without a value for an item that was never compared."""
    needs_prior: bool
    """Whether ratings are finite only thanks to `PRIOR`: some items won, or lost, everything
    against the rest, or were never compared with it."""


def bradley_terry(
    pairs: ArrayLike,
    outcomes: ArrayLike,
    *,
    n_items: int,
    cases: ArrayLike,
    rng: np.random.Generator,
    weights: ArrayLike = 1.0,
    resamples: int = RESAMPLES,
    level: float = 0.95,
) -> BradleyTerry:
    """Rates items so that P(i beats j) = 1 / (1 + 10^((rating j - rating i) / 400)).

    Args:
        pairs: Two indices of items a row.
        outcomes: 1 when a row's first item won, 0 when the second did, 0.5 for a tie, which counts
            as half a win of each.
        n_items: How many items there are.
        cases: Code of each row's case: whole cases are drawn, with all their comparisons.
        rng: Source of the draws.
        weights: How many comparisons each row stands for.
        resamples: How many.
        level: Confidence level.

    Bounds are percentiles of the bootstrap; none below two cases, or when all cases say the same.
    Sources: Bradley and Terry (1952), Biometrika 39(3/4); Efron and Tibshirani (1993), ch. 13.
    """
    wins = _wins_by_case(pairs, outcomes, weights, n_items=n_items, cases=cases)
    total = wins.sum(axis=0)
    met = np.flatnonzero((total + total.T).any(axis=1))
    needs_prior = not bool(_is_connected(total[np.ix_(met, met)]))
    method = "Bradley-Terry, bootstrap by case" + (f", prior {PRIOR}" if needs_prior else "")
    ratings = [Estimate(value=None, n=0, method=method)] * n_items
    if met.size:
        estimates = _estimates(
            wins[:, met][:, :, met], method=method, rng=rng, resamples=resamples, level=level
        )
        for item, estimate in zip(met, estimates, strict=True):
            ratings[item] = estimate
    return BradleyTerry(ratings=tuple(ratings), needs_prior=needs_prior)


def bradley_terry_strengths(wins: ArrayLike) -> Floats:
    """Natural logarithms of the strengths, with mean 0: those that make the votes most likely.

    `wins[..., i, j]` is how often item i beat item j. Every item gets `PRIOR` wins over every
    other one in the tables whose maximum would lie at infinity. Sources: Ford (1957), American
    Mathematical Monthly 64(8), on when that is so; Newman (2023), JMLR 24(238), for an iteration
    that needs tens of steps where the classical one (Zermelo's) needs 100,000.
    """
    counts = np.array(wins, dtype=np.float64)
    size = counts.shape[-1]
    counts[~_is_connected(counts)] += PRIOR * (1 - np.eye(size))
    strengths = np.ones(counts.shape[:-1])
    for _ in range(_ITERATIONS):
        before = strengths.copy()
        for item in range(size):
            odds = 1 / (strengths[..., item, None] + strengths)
            won = (counts[..., item, :] * strengths * odds).sum(axis=-1)
            strengths[..., item] = won / (counts[..., :, item] * odds).sum(axis=-1)
        strengths /= np.exp(np.log(strengths).mean(axis=-1, keepdims=True))
        if np.allclose(strengths, before, rtol=_TOLERANCE, atol=0):
            break
    logarithms: Floats = np.log(strengths)
    return logarithms


def _estimates(
    wins: Floats, *, method: str, rng: np.random.Generator, resamples: int, level: float
) -> list[Estimate]:
    def ratings(weights: Floats) -> Floats:
        strengths = bradley_terry_strengths(np.tensordot(weights, wins, axes=1))
        return _MEAN + _SCALE / math.log(10) * strengths

    n = len(wins)
    found = [Estimate(value=value, n=n, method=method) for value in ratings(np.ones(n)).tolist()]
    if n < _TWO:
        return found
    drawn = bootstrap_replicates(ratings, n, rng=rng, resamples=resamples)
    bounds = np.quantile(drawn, [(1 - level) / 2, (1 + level) / 2], axis=0).T.tolist()
    # Where every case says the same so does every resample, and its bounds would claim certainty.
    return [
        estimate if math.isclose(low, high) else replace(estimate, low=low, high=high)
        for estimate, (low, high) in zip(found, bounds, strict=True)
    ]


def _wins_by_case(
    pairs: ArrayLike, outcomes: ArrayLike, weights: ArrayLike, *, n_items: int, cases: ArrayLike
) -> Floats:
    first, second = np.asarray(pairs, dtype=np.int64).reshape(-1, 2).T
    score, weight = np.asarray(outcomes, np.float64), np.asarray(weights, np.float64)
    codes = np.unique(np.asarray(cases), return_inverse=True)[1]
    wins = np.zeros((int(codes.max(initial=-1)) + 1, n_items, n_items))
    np.add.at(wins, (codes, first, second), weight * score)
    np.add.at(wins, (codes, second, first), weight * (1 - score))
    return wins


def _is_connected(wins: Floats) -> NDArray[np.bool_]:
    """Whether each item can be reached from each by a chain of wins."""
    size = wins.shape[-1]
    reached = (wins > 0) | np.eye(size, dtype=np.bool_)
    for _ in range(max(size - 1, 0).bit_length()):
        reached = (reached.astype(np.float64) @ reached.astype(np.float64)) > 0
    return np.asarray(reached.all(axis=(-2, -1)))
