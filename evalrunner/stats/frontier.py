"""Which points are worth their money, and where the tail of a column lies."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

_QUANTILES = {"p50": 0.5, "p90": 0.9, "p99": 0.99}


def pareto_frontier(costs: ArrayLike, qualities: ArrayLike) -> NDArray[np.bool_]:
    """Mask of the points that no other point dominates: none costs at most as much for as much.

    Of equal quality the cheaper is kept; of points equal in both, all are, for none is better.
    NaN is unknown: such a point is neither on the frontier nor dominates. Source: Zitzler et al.
    (2003), IEEE Transactions on Evolutionary Computation 7(2).
    """
    cost = np.asarray(costs, dtype=np.float64)
    quality = np.asarray(qualities, dtype=np.float64)
    mask = np.zeros(cost.shape, dtype=np.bool_)
    known = np.flatnonzero(~(np.isnan(cost) | np.isnan(quality)))
    best = (np.inf, -np.inf)
    for index in known[np.lexsort((-quality[known], cost[known]))]:
        point = (cost[index], quality[index])
        if point[1] > best[1] or point == best:
            mask[index], best = True, point
    return mask


def quantiles(values: ArrayLike) -> dict[str, float | None]:
    """The 50th, 90th and 99th percentile, interpolated; each None for no values."""
    sample = np.asarray(values, dtype=np.float64)
    if sample.size == 0:
        return dict.fromkeys(_QUANTILES)
    found = np.quantile(sample, list(_QUANTILES.values()))
    return dict(zip(_QUANTILES, found.tolist(), strict=True))
