"""Whether differences lean to one side: how often chance signs lean as far.

Were two models alike on a case, it might as well have been the other that came out ahead: every
pattern of signs is as likely. Cases of a cluster keep their signs relative to each other. Only
the sizes of the differences matter, so that neither the order of cases nor which model is the first
changes anything.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

FLIPS = 10_000
"""Patterns drawn where there are too many to go through."""
MOST_EXACT = 20
"""Differences whose patterns, 2^20 of them, are all gone through."""

_SLACK = 1e-10
"""Sums that differ by rounding alone count as equal."""
_CELLS_AT_ONCE = 1_000_000
"""Signs held in memory together: 8 MB."""

Floats = NDArray[np.float64]


def sign_flip(
    differences: ArrayLike,
    *,
    rng: np.random.Generator,
    clusters: ArrayLike | None = None,
    flips: int = FLIPS,
) -> Floats:
    """Two-sided p-value of each row of `differences` (comparisons x cases; NaN = not compared).

    Args:
        differences: One a case; a single row may be given as such.
        rng: Source of the signs, which all rows share.
        clusters: Codes of dependent cases, whose signs flip together.
        flips: Patterns drawn.

    Exact up to `MOST_EXACT` cases or clusters that differ, else (1 + those at least as far) /
    (1 + `flips`), which never exceeds its level either. NaN for a row without cases. Sources:
    Fisher (1935), The Design of Experiments, section 21; Phipson and Smyth (2010), Statistical
    Applications in Genetics and Molecular Biology 9(1), on counting the observed pattern.
    """
    table = np.atleast_2d(np.asarray(differences, dtype=np.float64))
    sums = _cluster_sums(np.nan_to_num(table), clusters)
    sizes = -np.sort(-np.abs(sums), axis=1)
    # Less than the slack, or lean as far as it gets: both count as leaning.
    slack = _SLACK * sizes.sum(axis=1)
    leans = np.abs(sums.sum(axis=1)) - slack
    counts = (sizes > slack[:, None]).sum(axis=1)
    p_values = np.ones(len(table))
    few = counts <= MOST_EXACT
    for row in np.flatnonzero(few):
        p_values[row] = _exact(sizes[row, : counts[row]], leans[row])
    if not few.all():
        most = int(counts.max())
        p_values[~few] = _drawn(sizes[~few, :most], leans[~few], rng=rng, flips=flips)
    p_values[np.isnan(table).all(axis=1)] = np.nan
    return p_values


def _cluster_sums(differences: Floats, clusters: ArrayLike | None) -> Floats:
    if clusters is None:
        return differences
    codes = np.unique(np.asarray(clusters), return_inverse=True)[1]
    order = np.argsort(codes, kind="stable")
    starts = np.flatnonzero(np.diff(codes[order], prepend=-1))
    sums: Floats = np.add.reduceat(differences[:, order], starts, axis=1)
    return sums


def _exact(sizes: Floats, lean: float) -> float:
    """Share of all patterns that lean at least `lean`.

    Every sum is one of the first half of the sizes plus one of the second: 2 x 2^10 sums, not 2^20.
    """
    if lean <= 0:
        return 1.0
    middle = sizes.size // 2
    first, second = _signed_sums(sizes[:middle]), np.sort(_signed_sums(sizes[middle:]))
    reached = second.size - np.searchsorted(second, lean - first)
    return float(2 * reached.sum() / (first.size * second.size))


def _signed_sums(sizes: Floats) -> Floats:
    sums = np.zeros(1)
    for size in sizes:
        sums = np.concatenate([sums - size, sums + size])
    return sums


def _drawn(sizes: Floats, leans: Floats, *, rng: np.random.Generator, flips: int) -> Floats:
    width = sizes.shape[1]
    step = max(1, _CELLS_AT_ONCE // width)
    reached = np.zeros(len(sizes), dtype=np.int64)
    for start in range(0, flips, step):
        rows = min(step, flips - start)
        signs = rng.integers(0, 2, size=(rows, width), dtype=np.int8) * 2.0 - 1
        reached += (np.abs(signs @ sizes.T) >= leans).sum(axis=0)
    shares: Floats = (1 + reached) / (1 + flips)
    return shares
