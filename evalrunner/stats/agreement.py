"""How far raters agree: judges with people, and judges with each other.

Ratings are a matrix of raters x cases with NaN for a gap, where labels are codes; tables count how
often rater 1 (rows) and rater 2 (columns) chose each category. A coefficient whose expected
disagreement is 0, because everybody chose the same value throughout, is 0/0: it has no value,
for data without variation tell nothing of who could have told two values apart.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import partial
from statistics import NormalDist
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from evalrunner.stats.intervals import bounded_mean_interval
from evalrunner.stats.resampling import RESAMPLES, bootstrap_interval
from evalrunner.types import Estimate

Floats: TypeAlias = NDArray[np.float64]
Weights: TypeAlias = Literal["none", "linear", "quadratic"]
Metric: TypeAlias = Literal["nominal", "ordinal", "interval"]

_TWO = 2
"""Fewest ratings of a case that can agree."""


def cohen_kappa(table: ArrayLike, *, weights: Weights = "none", level: float = 0.95) -> Estimate:
    """Agreement of two raters beyond chance, with its normal interval cut at [-1, 1].

    `weights` other than none need the categories in their order and equally spaced. Without an
    interval when the raters agree everywhere: its standard error is 0 then, which is no certainty.
    Sources: Cohen (1960, 1968); Fleiss, Cohen and Everitt (1969), Psychological Bulletin 72(5).
    """
    counts = np.asarray(table, dtype=np.float64)
    n = float(counts.sum())
    method = "Cohen's kappa" if weights == "none" else f"Cohen's kappa, {weights} weights"
    if n == 0:
        return Estimate(value=None, n=0, method=method)
    shares, credit = counts / n, _credit(len(counts), weights)
    rows, columns = shares.sum(axis=1), shares.sum(axis=0)
    expected = float(rows @ credit @ columns)
    if math.isclose(expected, 1):
        return Estimate(value=None, n=round(n), method=method)
    kappa = (float((shares * credit).sum()) - expected) / (1 - expected)
    typical = (credit @ columns)[:, None] + (rows @ credit)[None, :]
    spread = float((shares * (credit - typical * (1 - kappa)) ** 2).sum())
    variance = (spread - (kappa - expected * (1 - kappa)) ** 2) / (n * (1 - expected) ** 2)
    if math.isclose(kappa, 1):
        return Estimate(value=1.0, n=round(n), method=method)
    half = NormalDist().inv_cdf((1 + level) / 2) * math.sqrt(max(variance, 0.0))
    low, high = max(-1.0, kappa - half), min(1.0, kappa + half)
    return Estimate(value=kappa, low=low, high=high, n=round(n), method=method)


def fleiss_kappa(counts: ArrayLike) -> float | None:
    """Agreement beyond chance of as many raters on every case; None when all chose the same.

    `counts` says for each case how often each category was chosen. Nominal alpha, which has an
    interval, is the same but for a correction of small samples. Source: Fleiss (1971),
    Psychological Bulletin 76(5).
    """
    chosen = np.asarray(counts, dtype=np.float64)
    expected = float(((chosen.sum(axis=0) / chosen.sum()) ** 2).sum())
    if math.isclose(expected, 1):
        return None
    return (float(_agreeing_share(chosen).mean()) - expected) / (1 - expected)


def gwet_ac1(
    ratings: ArrayLike,
    *,
    rng: np.random.Generator,
    n_categories: int | None = None,
    resamples: int = RESAMPLES,
    level: float = 0.95,
    clusters: ArrayLike | None = None,
    by: str = "cluster",
) -> Estimate:
    """Agreement beyond chance that does not collapse when one category is rare.

    `n_categories` are those that could be chosen; None = those that were. Interval: bootstrap over
    cases. Source: Gwet (2008), British Journal of Mathematical and Statistical Psychology 61(1).
    """
    counts, codes = _counts(ratings, clusters, fewest=1)[1:]
    n_chosen = n_categories or int((counts.sum(axis=0) > 0).sum())
    return _bootstrapped(
        partial(_ac1, counts=counts, n_categories=n_chosen),
        counts,
        clusters=codes,
        name="Gwet's AC1",
        by=by,
        rng=rng,
        resamples=resamples,
        level=level,
    )


def krippendorff_alpha(
    ratings: ArrayLike,
    *,
    rng: np.random.Generator,
    metric: Metric = "nominal",
    resamples: int = RESAMPLES,
    level: float = 0.95,
    clusters: ArrayLike | None = None,
    by: str = "cluster",
) -> Estimate:
    """Agreement of any number of raters, gaps allowed: 1 = perfect, 0 = that of chance.

    `n` counts the cases with two ratings or more. Interval: bootstrap over these cases, or over
    `clusters` (one code for each column of `ratings`); none when all agree everywhere, for then
    every resample does. Source: Krippendorff (2011), Computing Krippendorff's Alpha-Reliability.
    """
    domain, counts, codes = _counts(ratings, clusters, fewest=_TWO)
    disagreement = _DISAGREEMENTS[metric]
    return _bootstrapped(
        partial(_alpha, counts=counts, domain=domain, disagreement=disagreement),
        counts,
        clusters=codes,
        name=f"Krippendorff's alpha, {metric}",
        by=by,
        rng=rng,
        resamples=resamples,
        level=level,
    )


def percent_agreement(
    ratings: ArrayLike,
    *,
    clusters: ArrayLike | None = None,
    by: str = "cluster",
    level: float = 0.95,
) -> Estimate:
    """Share of the pairs of raters that agree, averaged over cases with two ratings or more."""
    counts, codes = _counts(ratings, clusters, fewest=_TWO)[1:]
    return bounded_mean_interval(_agreeing_share(counts), clusters=codes, by=by, level=level)


def _credit(size: int, weights: Weights) -> Floats:
    """What a pair of categories is worth: 1 on the diagonal, less the farther from it."""
    if weights == "none":
        return np.eye(size)
    steps = np.abs(np.subtract.outer(np.arange(size), np.arange(size))) / max(size - 1, 1)
    return 1 - (steps if weights == "linear" else steps**2)


def _counts(
    ratings: ArrayLike, clusters: ArrayLike | None, *, fewest: int
) -> tuple[Floats, Floats, NDArray[np.int64] | None]:
    """Categories, how often each case got each of them, and the cases' clusters.

    Cases with fewer than `fewest` ratings are left out.
    """
    matrix = np.atleast_2d(np.asarray(ratings, dtype=np.float64))
    domain = np.unique(matrix[~np.isnan(matrix)])
    counts = np.zeros((matrix.shape[1], domain.size))
    raters, cases = np.nonzero(~np.isnan(matrix))
    np.add.at(counts, (cases, np.searchsorted(domain, matrix[raters, cases])), 1)
    kept = counts.sum(axis=1) >= fewest
    return domain, counts[kept], None if clusters is None else np.asarray(clusters)[kept]


def _bootstrapped(
    statistic: partial[Floats],
    counts: Floats,
    *,
    clusters: NDArray[np.int64] | None,
    name: str,
    by: str,
    rng: np.random.Generator,
    resamples: int,
    level: float,
) -> Estimate:
    found = bootstrap_interval(
        statistic,
        len(counts),
        rng=rng,
        resamples=resamples,
        level=level,
        clusters=clusters,
        by=by,
    )
    # Where nobody ever disagrees no resample does, and its interval would claim certainty.
    certain = found.low == found.high
    return Estimate(
        value=found.value,
        low=None if certain else found.low,
        high=None if certain else found.high,
        n=found.n,
        method=f"{name}, {found.method}",
    )


def _ac1(weights: Floats, *, counts: Floats, n_categories: int) -> Floats:
    n_ratings = counts.sum(axis=1)
    prevalence = weights @ (counts / n_ratings[:, None]) / weights.sum(axis=1, keepdims=True)
    paired = n_ratings >= _TWO
    seen = weights[:, paired]
    observed = _ratio(seen @ _agreeing_share(counts[paired]), seen.sum(axis=1))
    chance = (prevalence * (1 - prevalence)).sum(axis=1)
    expected = chance / (n_categories - 1) if n_categories >= _TWO else np.ones_like(chance)
    return _ratio(observed - expected, 1 - expected)


def _agreeing_share(counts: Floats) -> Floats:
    """Share of each case's pairs of ratings that are equal."""
    n_ratings = counts.sum(axis=1)
    agreeing: Floats = (counts * (counts - 1)).sum(axis=1) / (n_ratings * (n_ratings - 1))
    return agreeing


def _alpha(
    weights: Floats, *, counts: Floats, domain: Floats, disagreement: _Disagreement
) -> Floats:
    observed, expected = disagreement(weights, counts, domain)
    n_ratings = weights @ counts.sum(axis=1)
    alpha: Floats = 1 - (n_ratings - 1) * _ratio(observed, expected)
    return alpha


def _nominal(weights: Floats, counts: Floats, domain: Floats) -> tuple[Floats, Floats]:
    del domain
    size = counts.sum(axis=1)
    inside = (size**2 - (counts**2).sum(axis=1)) / (size - 1)
    total = weights @ counts
    return weights @ inside, total.sum(axis=1) ** 2 - (total**2).sum(axis=1)


def _interval(weights: Floats, counts: Floats, domain: Floats) -> tuple[Floats, Floats]:
    return _squared(weights, counts, np.broadcast_to(domain, (len(weights), domain.size)))


def _ordinal(weights: Floats, counts: Floats, domain: Floats) -> tuple[Floats, Floats]:
    """As `_interval`, of each category's middle rank among all ratings of the resample."""
    del domain
    total = weights @ counts
    return _squared(weights, counts, np.cumsum(total, axis=1) - total / 2)


def _squared(weights: Floats, counts: Floats, places: Floats) -> tuple[Floats, Floats]:
    """Squared distances of all pairs inside the cases, and of all pairs there are.

    `places` says for each resample where on a line the categories lie.
    """
    size, total = counts.sum(axis=1), weights @ counts
    n = total.sum(axis=1)
    # The sum of squares about the mean of all: small numbers, so that nothing cancels.
    places = places - ((total * places).sum(axis=1) / np.maximum(n, 1))[:, None]
    sums, squares = places @ counts.T, places**2 @ counts.T
    inside = 2 * np.maximum(size * squares - sums**2, 0) / (size - 1)
    return (weights * inside).sum(axis=1), 2 * n * (total * places**2).sum(axis=1)


_Disagreement: TypeAlias = Callable[[Floats, Floats, Floats], tuple[Floats, Floats]]
"""Weights, counts and categories to the disagreement inside cases and that of all pairs."""

_DISAGREEMENTS: Mapping[Metric, _Disagreement] = {
    "nominal": _nominal,
    "ordinal": _ordinal,
    "interval": _interval,
}


def _ratio(above: Floats, below: Floats) -> Floats:
    """NaN where it is 0/0."""
    undefined = np.isclose(below, 0)
    ratio: Floats = np.where(undefined, np.nan, above / np.where(undefined, 1, below))
    return ratio
