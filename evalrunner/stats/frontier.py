"""Which points are worth their money, and where the tail of a column lies.

Points are taken as they are here; `dominance` says how sure one can be of them.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

_QUANTILES = {"p50": 0.5, "p90": 0.9, "p99": 0.99}

Floats = NDArray[np.float64]


def pareto_frontier(costs: ArrayLike, qualities: ArrayLike) -> NDArray[np.bool_]:
    """Mask of the points that no other point dominates: none costs at most as much for as much.

    Of equal quality the cheaper is kept; of points equal in both, all are, for none is better.
    NaN is unknown: such a point is neither on the frontier nor dominates. The points lie along
    the last axis; along the others, sets of points are judged apart. Source: Zitzler et al.
    (2003), IEEE Transactions on Evolutionary Computation 7(2).
    """
    cost, quality = np.array(costs, dtype=np.float64), np.array(qualities, dtype=np.float64)
    known = ~(np.isnan(cost) | np.isnan(quality))
    cost[~known], quality[~known] = np.inf, -np.inf
    order = np.lexsort((-quality, cost), axis=-1)
    cost, quality = (np.take_along_axis(values, order, -1) for values in (cost, quality))
    best = np.maximum.accumulate(quality, axis=-1)
    before = np.roll(best, 1, axis=-1)
    before[..., :1] = -np.inf
    # Costs rise along the order, so the dearest record so far is the latest one.
    record = np.maximum.accumulate(np.where(quality > before, cost, -np.inf), axis=-1)
    mask = np.empty(known.shape, dtype=np.bool_)
    np.put_along_axis(mask, order, (quality == best) & (cost == record), -1)
    return mask & known


def hypervolume(costs: ArrayLike, qualities: ArrayLike, *, reference: tuple[float, float]) -> float:
    """Area that the points dominate, up to a reference (cost, quality) worse than all of them.

    Points beyond the reference add nothing. Source: Zitzler and Thiele (1998), PPSN V.
    """
    cost, quality = _frontier_points(costs, qualities)
    inside = (cost < reference[0]) & (quality > reference[1])
    edges = np.append(cost[inside], reference[0])
    return float(np.diff(edges) @ (quality[inside] - reference[1]))


def hypervolume_contributions(
    costs: ArrayLike, qualities: ArrayLike, *, reference: tuple[float, float]
) -> Floats:
    """What `hypervolume` loses with each point, in the order given; 0 off the frontier."""
    cost, quality = np.asarray(costs, dtype=np.float64), np.asarray(qualities, dtype=np.float64)
    whole = hypervolume(cost, quality, reference=reference)
    without = [
        hypervolume(np.delete(cost, point), np.delete(quality, point), reference=reference)
        for point in range(cost.size)
    ]
    return np.maximum(whole - np.array(without, dtype=np.float64), 0.0)


def additive_epsilon(points: ArrayLike, others: ArrayLike) -> float:
    """The least that, given to each of `points` on both axes, makes them dominate all `others`.

    Both are rows of (cost, quality); 0 or less when they do already. Source: Zitzler et al.
    (2003), IEEE Transactions on Evolutionary Computation 7(2).
    """
    ours, theirs = np.asarray(points, dtype=np.float64), np.asarray(others, dtype=np.float64)
    behind = (ours[:, None] - theirs[None]) * [1, -1]
    return float(behind.max(axis=2).min(axis=0).max())


def quantiles(values: ArrayLike) -> dict[str, float | None]:
    """The 50th, 90th and 99th percentile, interpolated; each None for no values."""
    sample = np.asarray(values, dtype=np.float64)
    if sample.size == 0:
        return dict.fromkeys(_QUANTILES)
    found = np.quantile(sample, list(_QUANTILES.values()))
    return dict(zip(_QUANTILES, found.tolist(), strict=True))


def _frontier_points(costs: ArrayLike, qualities: ArrayLike) -> tuple[Floats, Floats]:
    """Costs and qualities of the frontier, the cheapest first, equal points once."""
    kept = pareto_frontier(costs, qualities)
    cost = np.asarray(costs, dtype=np.float64)[kept]
    cheapest_first = np.unique(cost, return_index=True)[1]
    return cost[cheapest_first], np.asarray(qualities, dtype=np.float64)[kept][cheapest_first]
