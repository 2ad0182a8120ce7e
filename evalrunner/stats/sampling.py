"""Which production calls to keep, how many of each kind, and what such a sample says of all."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from evalrunner.stats.intervals import effective_n, ratio_interval, wilson_interval
from evalrunner.stats.paired import FEW_CLUSTERS, PairedDifference
from evalrunner.stats.sign_flip import sign_flip
from evalrunner.types import Estimate

_RANGE = 2**64
_NONE = 1e-9
"""Errors below it are those of values without spread, rounded."""

Floats = NDArray[np.float64]


def is_sampled(identifier: str, rate: float) -> bool:
    """Whether the call with this id belongs to a sample of `rate` in [0, 1].

    The first 8 bytes of sha256, read as a fraction, are below the rate: without state, the same
    on every machine, and a higher rate keeps all that a lower one picked. Source: Duffield and
    Grossglauser (2001), Trajectory Sampling, IEEE/ACM Transactions on Networking 9(3).
    """
    digest = hashlib.sha256(identifier.encode("utf-8", "surrogatepass")).digest()
    # Compared as an integer: as a float the largest of them would be 1, and a rate of 1 skip it.
    return int.from_bytes(digest[:8], "big") < rate * _RANGE


def neyman_allocation(sizes: ArrayLike, spreads: ArrayLike, n: int) -> Floats:
    """How many of `n` cases each stratum gets for the smallest error of the mean; not rounded.

    n N_h s_h / sum of N s; in proportion to the sizes if nothing varies. Source: Neyman (1934),
    Journal of the Royal Statistical Society 97(4); Cochran (1977), section 5.5.
    """
    size = np.asarray(sizes, np.float64)
    pull = size * np.asarray(spreads, np.float64)
    pull = pull if pull.sum() > 0 else size
    shares: Floats = n * pull / pull.sum()
    return shares


def whole_allocation(wanted: ArrayLike, sizes: Sequence[int], *, least: int = 0) -> tuple[int, ...]:
    """Whole numbers in proportion to `wanted`: at least `least` each, at most the stratum's size.

    They sum to the rounded sum of `wanted`, less where all strata together have fewer, more where
    `least` asks for more. Case after case goes to the stratum that is shortest of its share:
    Webster's method. Source: Balinski and Young (1982), Fair Representation.
    """
    shares, most = np.asarray(wanted, np.float64), np.asarray(sizes, np.float64)
    given = np.minimum(float(least), most)
    total = min(round(float(shares.sum())), int(most.sum()))
    for _ in range(total - int(given.sum())):
        claims = np.where(given < most, shares / (2 * given + 1), -1.0)
        given[claims.argmax()] += 1
    return tuple(given.astype(int).tolist())


def inclusion_chances(sizes: ArrayLike, n: int) -> Floats:
    """Chances in proportion to `sizes` that sum to `n`, of at most as many; none is above 1.

    What is too large for its share is certain, and the others share the rest. Source: Särndal,
    Swensson and Wretman (1992), Model Assisted Survey Sampling, section 3.6.
    """
    size = np.asarray(sizes, np.float64)
    is_certain = np.zeros(size.shape, dtype=np.bool_)
    while True:
        rest = float(size[~is_certain].sum())
        left = n - int(is_certain.sum())
        # Multiplied first: all of them, of equal sizes, are certain and not nearly so.
        chances: Floats = np.where(is_certain, 1.0, left * size / rest if rest else 0.0)
        too_large = (chances >= 1) & ~is_certain
        if not too_large.any():
            return chances
        is_certain |= too_large


def systematic_draw(chances: ArrayLike, *, start: float) -> NDArray[np.intp]:
    """Exactly as many places as the chances sum to, each with exactly its chance.

    `start` in [0, 1) is random, and so is the order of what is drawn from. Source: Madow (1949),
    Annals of Mathematical Statistics 20(3).
    """
    chance = np.asarray(chances, np.float64)
    # Those that are certain stand aside: two points never meet in one whose chance is below 1.
    certain, others = np.flatnonzero(chance >= 1), np.flatnonzero(chance < 1)
    n = round(float(chance[others].sum()))
    if n == 0:
        return certain
    ends = np.cumsum(chance[others])
    hit = np.searchsorted(ends, start + np.arange(n), side="right")
    return np.concatenate([certain, others[np.minimum(hit, others.size - 1)]])


def stratified_error(sizes: ArrayLike, spreads: ArrayLike, allocation: ArrayLike) -> float:
    """Standard error of the mean of all strata, each with its share of the cases.

    Source: Cochran (1977), Sampling Techniques, section 5.5, without the finite population
    correction.
    """
    size, spread = np.asarray(sizes, np.float64), np.asarray(spreads, np.float64)
    shares = size / size.sum()
    return math.sqrt(float((shares**2 * spread**2 / np.asarray(allocation, np.float64)).sum()))


def weighted_mean(
    values: ArrayLike,
    weights: ArrayLike,
    *,
    clusters: ArrayLike | None = None,
    by: str = "cluster",
    level: float = 0.95,
) -> Estimate:
    """Mean in [0, 1] of the calls that a sample with unequal chances was drawn from.

    A weight is 1 / the chance to be drawn. Sources: Horvitz and Thompson (1952), JASA 47(260);
    Hajek (1971), on dividing by the sum of the weights.
    """
    weight = np.asarray(weights, np.float64)
    found = ratio_interval(
        weight * np.asarray(values, np.float64), weight, clusters=clusters, by=by, level=level
    )
    method = "weighted, t" if clusters is None else f"weighted, t, clustered by {by}"
    high = None if found.high is None else min(1.0, found.high)
    return replace(found, high=high, method=method)


def weighted_rate(
    values: ArrayLike,
    weights: ArrayLike,
    *,
    clusters: ArrayLike | None = None,
    by: str = "cluster",
    level: float = 0.95,
) -> Estimate:
    """Mean in [0, 1] as `weighted_mean`, with Wilson bounds at the effective sample size.

    Few labels near 0 and 1 need them. Sources: see `weighted_mean`; Korn and Graubard (1998),
    Survey Methodology 24(2).
    """
    sample, weight = np.asarray(values, np.float64), np.asarray(weights, np.float64)
    method = "weighted, wilson" if clusters is None else f"weighted, wilson, clustered by {by}"
    if not sample.size:
        return Estimate(value=None, n=0, method=method)
    shares = weight / weight.sum()
    codes = np.arange(sample.size) if clusters is None else np.asarray(clusters)
    places = np.unique(codes, return_inverse=True)[1]
    rate = float(np.clip(shares @ sample, sample.min(), sample.max()))
    error = float(np.linalg.norm(np.bincount(places, weights=shares * (sample - rate))))
    most = kish_size(np.bincount(places, weights=weight))
    # Of values without spread each cluster counts once.
    size = effective_n(rate, error, most=math.inf) if error > _NONE else most
    bounds = wilson_interval(rate * size, size, level=level)
    return replace(bounds, value=rate, n=sample.size, method=method)


def weighted_difference(
    differences: ArrayLike,
    weights: ArrayLike,
    *,
    rng: np.random.Generator,
    clusters: ArrayLike | None = None,
    by: str = "cluster",
    level: float = 0.95,
) -> PairedDifference:
    """Mean of paired differences in [-1, 1] of a sample with unequal chances; 0 by sign flips.

    Wilson bounds of the differences moved to [0, 1]. Sources: see `weighted_rate` and `sign_flip`.
    """
    gaps, weight = np.asarray(differences, np.float64), np.asarray(weights, np.float64)
    moved = weighted_rate((gaps + 1) / 2, weight, clusters=clusters, by=by, level=level)
    value, low, high = (
        None if v is None else 2 * v - 1 for v in (moved.value, moved.low, moved.high)
    )
    test = "sign flip, weighted"
    p_value = sign_flip(weight * gaps, rng=rng, clusters=clusters)[0] if gaps.size else None
    n_clusters = gaps.size if clusters is None else int(np.unique(np.asarray(clusters)).size)
    wins, losses = int((gaps > 0).sum()), int((gaps < 0).sum())
    return PairedDifference(
        difference=replace(moved, value=value, low=low, high=high),
        p_value=None if p_value is None else float(p_value),
        test=test if clusters is None else f"{test}, clustered by {by}",
        wins=wins,
        ties=gaps.size - wins - losses,
        losses=losses,
        n_clusters=n_clusters,
        few_clusters=clusters is not None and n_clusters < FEW_CLUSTERS,
    )


def kish_size(weights: ArrayLike) -> float:
    """Cases with equal weights that would be worth as much: (sum w)^2 / sum w^2; 0 for none.

    Source: Kish (1965), Survey Sampling, section 11.7.
    """
    weight = np.asarray(weights, np.float64)
    return float(weight.sum() ** 2 / (weight**2).sum()) if weight.any() else 0.0
