"""Which production calls to keep, how many of each kind, and what such a sample says of all."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from evalrunner.stats.intervals import ratio_interval
from evalrunner.types import Estimate

_RANGE = 2**64

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


def kish_size(weights: ArrayLike) -> float:
    """Cases with equal weights that would be worth as much: (sum w)^2 / sum w^2; 0 for none.

    Source: Kish (1965), Survey Sampling, section 11.7.
    """
    weight = np.asarray(weights, np.float64)
    return float(weight.sum() ** 2 / (weight**2).sum()) if weight.any() else 0.0
