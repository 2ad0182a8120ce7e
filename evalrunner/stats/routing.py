"""What a router or a cascade of the recorded cells would reach, without asking anybody again.

Quality lies in [0, 1]; matrices are cells x cases with NaN for what is missing. An oracle is an
upper bound; what was chosen on some of the cases is measured on the others.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from evalrunner.stats.intervals import bounded_mean_interval, mean_interval
from evalrunner.types import Estimate

FOLDS = 5
"""Parts of the cases that are judged by what the others chose."""
_SLACK = 1e-9
"""Qualities that differ by less are equal: their sums were rounded differently."""

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Routing:
    """What cases get when each goes to a cell of its own."""

    quality: Estimate
    cost: Estimate
    """Mean over the cases, in the unit that went in."""
    shares: tuple[float, ...]
    """Of the cases, by cell; all 0 without any case."""
    cells: tuple[int | None, ...]
    """Whom each case goes to; None where no cell has both quality and cost."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CategoryRouting:
    """What cases get when each category goes to the cheapest cell that is good enough for it."""

    choices: dict[str, int]
    """Cell of each category, chosen on all its cases."""
    routing: Routing
    """Every case as decided by the other folds: an estimate for new cases."""


def oracle_routing(
    quality: ArrayLike,
    cost: ArrayLike,
    *,
    clusters: ArrayLike | None = None,
    by: str = "cluster",
    level: float = 0.95,
) -> Routing:
    """Every case answered by the cheapest of the cells that do best on it: an upper bound.

    With scores of 0 and 1, a case that nobody solves goes to the cheapest cell. Sources: Chen,
    Zaharia and Zou (2023), FrugalGPT, arXiv 2305.05176; Ong et al. (2024), RouteLLM, arXiv
    2406.18665.
    """
    qualities, costs = _known(quality, cost)
    best = np.max(qualities, axis=0, initial=-np.inf)
    cells = np.where(qualities >= best - _SLACK, costs, np.inf).argmin(axis=0)
    return _routing(cells, qualities, costs, clusters=clusters, by=by, level=level)


def oracle_share_to_match(weak: ArrayLike, strong: ArrayLike) -> float | None:
    """Smallest share of the cases that an oracle sends to `strong` to be as good as it overall.

    None without cases that both have. Source: Ong et al. (2024), RouteLLM, arXiv 2406.18665.
    """
    gains = np.asarray(strong, np.float64) - np.asarray(weak, np.float64)
    gains = gains[~np.isnan(gains)]
    if not gains.size:
        return None
    reached = np.append(0.0, np.cumsum(np.sort(gains)[::-1]))
    return float(np.argmax(reached >= gains.sum() - _SLACK)) / gains.size


def gap_recovered(routed: float, *, weak: float, strong: float) -> float | None:
    """Share of the strong model's lead that a router keeps; None when it has no lead.

    Source: Ong et al. (2024), RouteLLM, arXiv 2406.18665, section 4.
    """
    return (routed - weak) / (strong - weak) if strong > weak else None


def category_routing(
    quality: ArrayLike,
    cost: ArrayLike,
    categories: ArrayLike,
    *,
    rng: np.random.Generator,
    margin: float = 0.0,
    clusters: ArrayLike | None = None,
    by: str = "cluster",
    level: float = 0.95,
) -> CategoryRouting:
    """Sends each category to the cheapest cell whose mean there is at most `margin` below the best.

    A category that the other folds lack goes where all cases together would go. Source: Stone
    (1974), JRSS B 36(2), on choosing by some cases and judging by others.
    """
    qualities, costs = _known(quality, cost)
    names, codes = np.unique(np.asarray(categories), return_inverse=True)
    cells = np.zeros(codes.size, dtype=np.int64)
    for held_out in seeded_folds(codes.size, folds=FOLDS, rng=rng, clusters=clusters):
        overall = _cheapest(qualities, costs, ~held_out, margin=margin)
        for code in range(names.size):
            inside = codes == code
            choice = _cheapest(qualities, costs, inside & ~held_out, margin=margin)
            cells[inside & held_out] = (overall or 0) if choice is None else choice
    choices = {
        str(name): _cheapest(qualities, costs, codes == code, margin=margin)
        for code, name in enumerate(names)
    }
    return CategoryRouting(
        choices={name: cell for name, cell in choices.items() if cell is not None},
        routing=_routing(cells, qualities, costs, clusters=clusters, by=by, level=level),
    )


def seeded_folds(
    n: int,
    *,
    folds: int,
    rng: np.random.Generator,
    clusters: ArrayLike | None = None,
) -> Iterator[NDArray[np.bool_]]:
    """Masks of the cases that each fold holds out; a cluster is never divided.

    As many folds as there are clusters if these are fewer. Source: Stone (1974), JRSS B 36(2).
    """
    codes = np.arange(n) if clusters is None else np.unique(clusters, return_inverse=True)[1]
    n_clusters = int(codes.max(initial=-1)) + 1
    folds = min(folds, n_clusters)
    fold = rng.permutation(np.arange(n_clusters) % max(folds, 1))[codes]
    return (fold == number for number in range(folds))


def _known(quality: ArrayLike, cost: ArrayLike) -> tuple[Floats, Floats]:
    """Both, with -inf and inf where either is missing: no router can choose that cell there."""
    qualities, costs = np.array(quality, np.float64), np.array(cost, np.float64)
    missing = np.isnan(qualities) | np.isnan(costs)
    qualities[missing], costs[missing] = -np.inf, np.inf
    return qualities, costs


def _cheapest(
    qualities: Floats, costs: Floats, cases: NDArray[np.bool_], *, margin: float
) -> int | None:
    """Cheapest cell whose mean over `cases` is at most `margin` below the best one's."""
    known = np.isfinite(costs[:, cases])
    n = known.sum(axis=1)
    if not n.any():
        return None
    means = [
        np.where(known, values[:, cases], 0.0).sum(axis=1) / np.maximum(n, 1)
        for values in (qualities, costs)
    ]
    quality, cost = np.where(n > 0, means[0], -np.inf), np.where(n > 0, means[1], np.inf)
    return int(np.where(quality >= quality.max() - margin - _SLACK, cost, np.inf).argmin())


def _routing(
    cells: NDArray[np.intp],
    qualities: Floats,
    costs: Floats,
    *,
    clusters: ArrayLike | None,
    by: str,
    level: float,
) -> Routing:
    cases = np.arange(cells.size)
    quality, cost = qualities[cells, cases], costs[cells, cases]
    known = np.isfinite(cost)
    codes = None if clusters is None else np.asarray(clusters)[known]
    n_each = np.bincount(cells[known], minlength=len(qualities))
    return Routing(
        quality=bounded_mean_interval(quality[known], clusters=codes, by=by, level=level),
        cost=mean_interval(cost[known], clusters=codes, by=by, level=level, bounds=(0.0, math.inf)),
        shares=tuple((n_each / max(int(known.sum()), 1)).tolist()),
        cells=tuple(
            cell if answered else None
            for cell, answered in zip(cells.tolist(), known.tolist(), strict=True)
        ),
    )
