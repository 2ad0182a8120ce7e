"""The bootstrap over cases, for statistics without a formula (macro F1).

A resample is a row of weights: how often each case was drawn. A statistic takes a matrix of them,
so that many resamples are computed in a few array operations, and clusters need no other code.
Cases that are equal to the statistic may share one column (`copies`), which is the same draw, only
faster: 100,000 cases of 77 classes are a few hundred columns.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from evalrunner.types import Estimate

Statistic = Callable[[NDArray[np.float64]], NDArray[np.float64]]
"""Weights (resamples x cases) to one value a resample; NaN where it is undefined."""

RESAMPLES = 2000
_CELLS_AT_ONCE = 2_000_000
"""Weights held in memory together: 16 MB."""
_TWO = 2


def bootstrap_interval(
    statistic: Statistic,
    n: int,
    *,
    rng: np.random.Generator,
    resamples: int = RESAMPLES,
    level: float = 0.95,
    clusters: ArrayLike | None = None,
    by: str = "cluster",
    copies: ArrayLike | None = None,
) -> Estimate:
    """Statistic of all cases with its percentile bootstrap interval.

    Args:
        statistic: Of a matrix of weights with `n` columns.
        n: Cases, or with `copies` groups of equal ones.
        rng: Source of the draws.
        resamples: How many.
        level: Confidence level.
        clusters: Codes of dependent cases, which are drawn together.
        by: What the clusters are, for the method's name.
        copies: Cases that each column stands for; not together with `clusters`.

    Without an interval below two cases or clusters.
    Source: Efron and Tibshirani (1993), An Introduction to the Bootstrap, ch. 13.
    """
    method = "bootstrap" if clusters is None else f"bootstrap, clustered by {by}"
    once = np.ones(n) if copies is None else np.asarray(copies, dtype=np.float64)
    n_cases = int(once.sum())
    value = float(statistic(once[None, :])[0]) if n else np.nan
    if np.isnan(value):
        return Estimate(value=None, n=n_cases, method=method)
    if (n_cases if clusters is None else _n_groups(clusters)) < _TWO:
        return Estimate(value=value, n=n_cases, method=method)
    drawn = bootstrap_replicates(
        statistic, n, rng=rng, resamples=resamples, clusters=clusters, copies=copies
    )
    low, high = np.nanquantile(drawn, [(1 - level) / 2, (1 + level) / 2])
    return Estimate(value=value, low=float(low), high=float(high), n=n_cases, method=method)


def bootstrap_replicates(
    statistic: Statistic,
    n: int,
    *,
    rng: np.random.Generator,
    resamples: int = RESAMPLES,
    clusters: ArrayLike | None = None,
    copies: ArrayLike | None = None,
) -> NDArray[np.float64]:
    """The statistic of each of `resamples` draws; arguments as for `bootstrap_interval`."""
    step = max(1, _CELLS_AT_ONCE // n)
    parts = []
    for start in range(0, resamples, step):
        rows = min(step, resamples - start)
        if copies is not None:
            weights = _draw_copies(np.asarray(copies), rows, rng=rng)
        elif clusters is not None:
            codes = np.unique(np.asarray(clusters), return_inverse=True)[1]
            weights = _draw(_n_groups(clusters), rows, rng=rng)[:, codes]
        else:
            weights = _draw(n, rows, rng=rng)
        parts.append(statistic(weights))
    return np.concatenate(parts)


def _n_groups(clusters: ArrayLike) -> int:
    return int(np.unique(np.asarray(clusters)).size)


def _draw_copies(
    copies: NDArray[np.int64], rows: int, *, rng: np.random.Generator
) -> NDArray[np.float64]:
    total = int(copies.sum())
    return rng.multinomial(total, copies / total, size=rows).astype(np.float64)


def _draw(n: int, rows: int, *, rng: np.random.Generator) -> NDArray[np.float64]:
    drawn = rng.integers(0, n, size=(rows, n))
    drawn += np.arange(rows)[:, None] * n
    return np.bincount(drawn.ravel(), minlength=rows * n).reshape(rows, n).astype(np.float64)
