"""What asking several times tells: how reliable a model is, and whether more repeats would help.

Tables are cases x repeats, with NaN where a trial has no score.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from evalrunner.stats.intervals import clustered_rate_interval, wilson_interval
from evalrunner.types import Estimate

_TWO = 2
_ROUNDING = 1e-12

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class VarianceComponents:
    """Where the spread of scores comes from: from the cases, or from asking again."""

    between: float
    """Variance of the cases' true means; 0 where the repeats alone explain the spread."""
    within: float
    """Variance of the repeats of a case."""
    n: int
    """Cases."""

    @property
    def icc(self) -> float | None:
        """Share of the variance that lies between cases; None where nothing varies."""
        total = self.between + self.within
        return self.between / total if total else None

    def mean_error(self, repeats: int, *, n: int | None = None) -> float:
        """Standard error of the mean score of `n` cases (None = of these) with so many repeats."""
        return math.sqrt((self.between + self.within / repeats) / (n or self.n))


def variance_components(scores: ArrayLike) -> VarianceComponents | None:
    """Splits the variance of scores into that between cases and that of repeats.

    None below two cases, or where no case was repeated. One-way random effects; cases may have
    different numbers of repeats. Sources: Searle, Casella and McCulloch (1992), Variance
    Components, ch. 3; Miller (2024), arXiv 2411.00640, section 3.
    """
    table = np.asarray(scores, dtype=np.float64)
    counts = (~np.isnan(table)).sum(axis=1)
    return variance_components_of_sums(
        np.nansum(table, axis=1), np.nansum(table**2, axis=1), counts
    )


def variance_components_of_sums(
    sums: ArrayLike, squares: ArrayLike, counts: ArrayLike
) -> VarianceComponents | None:
    """As `variance_components`, of each case's sum of scores, of their squares, and repeats."""
    has_any = np.asarray(counts) > 0
    totals, sizes = (np.asarray(each, dtype=np.float64)[has_any] for each in (sums, counts))
    n, total = totals.size, float(sizes.sum())
    if n < _TWO or total == n:
        return None
    means = totals / sizes
    around = spread_of_sums(totals, np.asarray(squares)[has_any], sizes)
    within = float(around.sum()) / (total - n)
    spread = float((sizes * (means - totals.sum() / total) ** 2).sum()) / (n - 1)
    typical = (total - float((sizes**2).sum()) / total) / (n - 1)
    return VarianceComponents(between=max(0.0, (spread - within) / typical), within=within, n=n)


def spread_of_sums(sums: ArrayLike, squares: ArrayLike, counts: ArrayLike) -> Floats:
    """Squared distances of each case's scores from their mean, added up; 0 = they are all equal."""
    sizes = np.maximum(np.asarray(counts, dtype=np.float64), 1)
    around = np.asarray(squares) - np.asarray(sums, dtype=np.float64) ** 2 / sizes
    # Scores are in [0, 1]: what is smaller is rounding.
    return np.where(around > _ROUNDING, around, 0.0)


def pass_at_k(passed: ArrayLike, repeats: ArrayLike, *, k: int) -> Floats:
    """Probability, case by case, that at least one of `k` repeats passes.

    From `passed` of `repeats`, drawn without replacement, so without bias; NaN below `k` repeats.
    Source: Chen et al. (2021), arXiv 2107.03374, equation 1.
    """
    successes, trials = np.broadcast_arrays(np.asarray(passed), np.asarray(repeats))
    return 1 - _all_drawn(trials - successes, trials, k=k)


def pass_hat_k(passed: ArrayLike, repeats: ArrayLike, *, k: int) -> Floats:
    """Probability, case by case, that all of `k` repeats pass: right every time.

    As `pass_at_k`. Source: Yao et al. (2024), arXiv 2406.12045.
    """
    successes, trials = np.broadcast_arrays(np.asarray(passed), np.asarray(repeats))
    return _all_drawn(successes, trials, k=k)


def flip_rate(
    scores: ArrayLike,
    *,
    clusters: ArrayLike | None = None,
    by: str = "cluster",
    level: float = 0.95,
) -> Estimate:
    """Share of the cases with two repeats or more whose repeats do not all score the same.

    More repeats find more of them. Source of the bounds: Wilson (1927), JASA 22(158), by cluster as
    in `clustered_rate_interval`.
    """
    table = np.asarray(scores, dtype=np.float64)
    repeated = (~np.isnan(table)).sum(axis=1) >= _TWO
    kept = table[repeated]
    flipped = np.nanmin(kept, axis=1) < np.nanmax(kept, axis=1) if len(kept) else np.empty(0)
    if clusters is None:
        return wilson_interval(int(flipped.sum()), len(kept), level=level)
    codes = np.asarray(clusters)[repeated]
    return clustered_rate_interval(flipped, n_trials=len(kept), clusters=codes, by=by, level=level)


def _all_drawn(marked: NDArray[np.generic], total: NDArray[np.generic], *, k: int) -> Floats:
    """Probability that `k` drawn of `total` are all `marked`: C(marked, k) / C(total, k)."""
    steps = np.arange(k)
    size = np.asarray(total, dtype=np.float64)[..., None]
    left = np.maximum(np.asarray(marked, dtype=np.float64)[..., None] - steps, 0)
    enough = size >= k
    chances: Floats = np.where(enough, left / np.where(enough, size - steps, 1), np.nan).prod(
        axis=-1
    )
    return chances
