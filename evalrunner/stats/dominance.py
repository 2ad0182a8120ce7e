"""How sure one can be that a cell is worth its money, and that another one beats it.

Quality lies in [0, 1]; matrices are cells x cases with NaN for what is missing. A cell's point is
the mean of what it has; two cells are compared on the cases that both have.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from evalrunner.stats.frontier import pareto_frontier
from evalrunner.stats.resampling import RESAMPLES, bootstrap_replicates

Floats = NDArray[np.float64]
Status: TypeAlias = Literal["frontier", "dominated", "undecided", "unpriced"]

_TWO = 2
"""Fewest independent differences that show any spread."""
_DIGITS = 12
"""Means that agree in as many digits are equal: their sums were rounded differently."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """Where a cell stands between cost and quality, and how sure that is."""

    status: Status
    """`frontier`: no other point beats it and none does so significantly. `dominated`: another
    point beats it, and significantly. `undecided`: neither, or no quality. `unpriced`: no cost."""
    probability: float | None
    """Share of the resamples in which no other cell beats it; None without cost or quality."""
    p_dominated: float | None
    """p-value of "nothing dominates it", adjusted for the number of other cells."""
    dominator: int | None
    """Cell with the strongest evidence of being better and not dearer, if it is significant."""
    substitute: int | None
    """Cell that is significantly not dearer and not worse by the margin or more: with it, this
    one is practically beaten."""


def standings(
    quality: ArrayLike,
    cost: ArrayLike,
    *,
    rng: np.random.Generator,
    margin: float = 0.0,
    clusters: ArrayLike | None = None,
    resamples: int = RESAMPLES,
    level: float = 0.95,
) -> tuple[Standing, ...]:
    """Standing of every cell, from the same cases for all of them.

    Args:
        quality: Cells x cases, in [0, 1].
        cost: Cells x cases, in any unit; a row without any value is left out of the comparison.
        rng: Source of the draws.
        margin: Loss of quality that is practically none, for `substitute`.
        clusters: Codes of dependent cases, which are drawn together.
        resamples: How many.
        level: 1 - the share of cells that are called dominated by mistake.

    The order of the cases changes nothing. Sources: `frontier_probability` and
    `dominance_p_values`; Bonferroni over the other cells.
    """
    qualities, costs = np.asarray(quality, np.float64), np.asarray(cost, np.float64)
    priced = np.any(~np.isnan(costs), axis=1)
    members = np.flatnonzero(priced & np.any(~np.isnan(qualities), axis=1))
    found = [_unknown("undecided" if has_price else "unpriced") for has_price in priced.tolist()]
    if members.size:
        q, c, codes = _in_order(qualities[members], costs[members], clusters)
        probabilities = frontier_probability(q, c, rng=rng, clusters=codes, resamples=resamples)
        once = np.ones((1, q.shape[1]))
        on_frontier = _frontiers(once, quality=q, cost=c)[0]
        beaten = _strongest(dominance_p_values(q, c, clusters=codes))
        matched = _strongest(dominance_p_values(q, c, clusters=codes, margin=margin))
        for place, cell in enumerate(members.tolist()):
            found[cell] = _standing(
                (beaten[0][place], members[beaten[1][place]]),
                (matched[0][place], members[matched[1][place]]),
                probability=float(probabilities[place]),
                on_frontier=bool(on_frontier[place]),
                alpha=1 - level,
            )
    return tuple(found)


def frontier_probability(
    quality: ArrayLike,
    cost: ArrayLike,
    *,
    rng: np.random.Generator,
    clusters: ArrayLike | None = None,
    resamples: int = RESAMPLES,
) -> Floats:
    """Share of the resamples in which each cell's point is on the frontier.

    A resample draws the same cases, or clusters, for quality and cost of all cells; every cell
    needs a value of each. Source: Efron and Tibshirani (1993), An Introduction to the Bootstrap,
    ch. 8, on drawing together what was observed together.
    """
    qualities, costs = np.asarray(quality, np.float64), np.asarray(cost, np.float64)
    masks = bootstrap_replicates(
        partial(_frontiers, quality=qualities, cost=costs),
        qualities.shape[1],
        rng=rng,
        resamples=resamples,
        clusters=clusters,
    )
    shares: Floats = masks.mean(axis=0)
    return shares


def dominance_p_values(
    quality: ArrayLike,
    cost: ArrayLike,
    *,
    clusters: ArrayLike | None = None,
    margin: float = 0.0,
) -> Floats:
    """One-sided p-value for "j is better than i and not dearer", in row i and column j.

    With a margin, j must be better than i - margin. Dominance needs both, so the p-value is the
    larger of the two (Berger (1982), Technometrics 24(4)). Quality: t test on the differences with
    one more case on either side that differs by 1, which keeps its error when few cases differ, or
    none (Bonett and Price (2012), Journal of Educational and Behavioral Statistics 37(4)). Cost: t
    test; equal on all cases is not dearer. 1 on the diagonal, and below two shared clusters.
    """
    from scipy.special import stdtr

    qualities = np.round(np.asarray(quality, np.float64), _DIGITS)
    costs = _rounded(np.asarray(cost, np.float64))
    order, starts = _grouped(clusters, qualities.shape[1])
    qualities, costs = qualities[:, order], costs[:, order]
    p_values = np.ones((len(qualities), len(qualities)))
    for cell in range(len(qualities)):
        gain = _MeanTest.of(qualities - qualities[cell], starts, extra=1.0)
        extra_cost = _MeanTest.of(costs - costs[cell], starts, extra=0.0)
        worse = stdtr(gain.df, -(gain.mean + margin) / gain.error)
        dearer = stdtr(extra_cost.df, _t(extra_cost.mean, extra_cost.error))
        enough = (gain.df > 0) & (extra_cost.df > 0)
        p_values[cell] = np.where(enough, np.maximum(worse, dearer), 1.0)
    np.fill_diagonal(p_values, 1.0)
    return p_values


@dataclass(frozen=True, slots=True)
class _MeanTest:
    """Means of differences with their standard errors, one a row."""

    mean: Floats
    error: Floats
    df: Floats

    @classmethod
    def of(cls, differences: Floats, starts: NDArray[np.int64], *, extra: float) -> _MeanTest:
        """Rows' means over what they know, with one more difference of +`extra` and one of -."""
        known = ~np.isnan(differences)
        values = np.where(known, differences, 0.0)
        sizes = np.add.reduceat(known, starts, axis=1, dtype=np.float64)
        n_clusters = (sizes > 0).sum(axis=1)
        n = np.maximum(sizes.sum(axis=1) + (_TWO if extra else 0), 1)
        mean = values.sum(axis=1) / n
        centred = np.where(known, values - mean[:, None], 0.0)
        by_cluster = np.add.reduceat(centred, starts, axis=1)
        # With few clusters their spread is noisy and can fall under the independent one.
        squares = np.maximum((by_cluster**2).sum(axis=1), (centred**2).sum(axis=1))
        if extra:
            squares = squares + (extra - mean) ** 2 + (extra + mean) ** 2
        correction = np.maximum(n_clusters, 1) / np.maximum(n_clusters - 1, 1)
        return cls(mean, np.sqrt(squares * correction) / n, np.maximum(n_clusters - 1.0, 0))


def _frontiers(weights: Floats, *, quality: Floats, cost: Floats) -> Floats:
    """1 for each resample (rows) and cell on its frontier, else 0."""
    means = [_weighted_means(weights, values) for values in (quality, cost)]
    return pareto_frontier(_rounded(means[1]), np.round(means[0], _DIGITS)).astype(np.float64)


def _weighted_means(weights: Floats, values: Floats) -> Floats:
    """Resamples x cells; NaN where a resample holds none of a cell's cases."""
    known = ~np.isnan(values)
    sums = weights @ np.where(known, values, 0.0).T
    sizes = weights @ known.T.astype(np.float64)
    means: Floats = np.where(sizes > 0, sums / np.maximum(sizes, 1), np.nan)
    return means


def _unknown(status: Status) -> Standing:
    return Standing(
        status=status, probability=None, p_dominated=None, dominator=None, substitute=None
    )


def _in_order(
    quality: Floats, cost: Floats, clusters: ArrayLike | None
) -> tuple[Floats, Floats, NDArray[np.generic] | None]:
    """Cases sorted by what is in them, so that their order changes neither draws nor rounding."""
    codes = None if clusters is None else np.asarray(clusters)
    order = np.lexsort((*quality, *cost) if codes is None else (*quality, *cost, codes))
    return quality[:, order], cost[:, order], None if codes is None else codes[order]


def _standing(
    beaten: tuple[float, int],
    matched: tuple[float, int],
    *,
    probability: float,
    on_frontier: bool,
    alpha: float,
) -> Standing:
    is_beaten = beaten[0] < alpha
    # The paired cases can contradict the points where cells miss different cases.
    clear: Status = "frontier" if on_frontier else "dominated"
    return Standing(
        status=clear if is_beaten != on_frontier else "undecided",
        probability=probability,
        p_dominated=float(beaten[0]),
        dominator=int(beaten[1]) if is_beaten else None,
        substitute=int(matched[1]) if matched[0] < alpha else None,
    )


def _rounded(costs: Floats) -> Floats:
    """Costs in units of the largest, without the digits that rounding made."""
    largest = float(np.nanmax(np.abs(costs)))
    return np.round(costs / (largest or 1.0), _DIGITS)


def _grouped(clusters: ArrayLike | None, n: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """An order of the cases with clusters side by side, and where each of them begins."""
    if clusters is None:
        return np.arange(n), np.arange(n)
    codes = np.asarray(clusters)
    order = np.argsort(codes, kind="stable")
    return order, np.unique(codes[order], return_index=True)[1]


def _t(mean: Floats, error: Floats) -> Floats:
    """Equal throughout is not dearer, and without any doubt: minus infinity."""
    certain = error == 0
    return np.where(
        certain, np.where(mean > 0, np.inf, -np.inf), mean / np.where(certain, 1, error)
    )


def _strongest(p_values: Floats) -> tuple[Floats, NDArray[np.int64]]:
    """Each row's smallest p-value, adjusted for the other cells, and whose it is."""
    others = max(len(p_values) - 1, 1)
    return np.minimum(p_values.min(axis=1) * others, 1.0), p_values.argmin(axis=1)
