"""How much better one model is than another on the same cases, and whether that may be chance.

A score is a number in [0, 1], one a case: the mean of its repeats. Independent cases that are right
or wrong get the sharper methods for these (`mcnemar`); all others, as those with clusters, a t
interval of the differences by cluster and sign flips by cluster.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from evalrunner.stats.intervals import mean_interval, wilson_interval
from evalrunner.stats.mcnemar import PairedTable, mcnemar, newcombe_interval
from evalrunner.stats.resampling import RESAMPLES, bootstrap_interval
from evalrunner.stats.sign_flip import FLIPS, sign_flip
from evalrunner.types import Estimate

FEW_CLUSTERS = 20
"""Below it the clustered standard error is itself mostly chance."""

_RANGE = (-1.0, 1.0)
_EQUAL = 1e-12
"""Means of the same repeats in another order differ by less."""
_TWO = 2

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class PairedDifference:
    """How much the first of two models scores above the second on the cases of both."""

    difference: Estimate
    p_value: float | None
    """Two-sided, of no difference; None without a common case."""
    test: str
    """Name of the test."""
    wins: int
    """Cases on which the first scores higher."""
    ties: int
    losses: int
    n_clusters: int
    """Independent units: clusters, or cases where there are none."""
    few_clusters: bool
    """Whether there are clusters, and so few that interval and p-value are themselves uncertain."""


def paired_difference(
    a: ArrayLike,
    b: ArrayLike,
    *,
    rng: np.random.Generator,
    clusters: ArrayLike | None = None,
    by: str = "cluster",
    level: float = 0.95,
    flips: int = FLIPS,
) -> PairedDifference:
    """Score of `a` above that of `b`; arguments as for `paired_differences`."""
    return paired_differences(
        [np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64)],
        [(0, 1)],
        rng=rng,
        clusters=clusters,
        by=by,
        level=level,
        flips=flips,
    )[0]


def paired_differences(
    scores: ArrayLike,
    pairs: Sequence[tuple[int, int]],
    *,
    rng: np.random.Generator,
    clusters: ArrayLike | None = None,
    by: str = "cluster",
    level: float = 0.95,
    flips: int = FLIPS,
) -> list[PairedDifference]:
    """Compares each of `pairs` on the cases that both have.

    Args:
        scores: Models x cases in [0, 1]; NaN where a model has no score.
        pairs: Rows of `scores` to compare, the second subtracted from the first.
        rng: Source of the sign flips; all pairs share them.
        clusters: Codes of dependent cases, one a case.
        by: What the clusters are, for the method's name.
        level: Confidence level.
        flips: Sign patterns drawn where there are too many to go through.

    The order of cases changes nothing. With clusters the standard error is that of the cluster
    sums, never smaller than the one that ignores them, with t of C-1 degrees of freedom. P-values
    are those of each pair alone (`multiple`). Sources: see `newcombe_interval`, `mcnemar`,
    `mean_interval`, `sign_flip`.
    """
    table, codes = _in_order(scores, clusters)
    first, second = np.array(pairs, dtype=np.intp).reshape(-1, 2).T
    differences = table[first] - table[second]
    differences[np.abs(differences) <= _EQUAL] = 0
    is_binary = _is_binary(table, clusters)
    binary = is_binary[first] & is_binary[second]
    p_values = np.full(len(pairs), np.nan)
    p_values[~binary] = sign_flip(differences[~binary], rng=rng, clusters=codes, flips=flips)
    test = "sign flip" if clusters is None else f"sign flip, clustered by {by}"
    found = []
    for (a, b), row, is_table, p_value in zip(pairs, differences, binary, p_values, strict=True):
        known = ~np.isnan(row)
        if is_table:
            counts = PairedTable.of(table[a, known], table[b, known])
            found.append(_of_table(counts, level=level))
        else:
            units = None if codes is None else codes[known]
            estimate = difference_interval(row[known], clusters=units, by=by, level=level)
            found.append(_of_differences(row[known], units, estimate, p_value, test=test))
    return found


def difference_interval(
    differences: ArrayLike,
    *,
    clusters: ArrayLike | None = None,
    by: str = "cluster",
    level: float = 0.95,
) -> Estimate:
    """Mean of differences in [-1, 1] with its t interval, by cluster.

    Where all are equal a t interval would have no width and claim certainty. Then at most as many
    cases differ from them as Wilson's bound for none of C units allows, each by all there is.
    Sources: Miller (2024), arXiv 2411.00640, appendix A; Wilson (1927), JASA 22(158).
    """
    sample = np.asarray(differences, dtype=np.float64)
    if sample.size < _TWO or np.ptp(sample) > 0:
        return mean_interval(sample, clusters=clusters, by=by, level=level, bounds=_RANGE)
    units = sample.size if clusters is None else int(np.unique(np.asarray(clusters)).size)
    share, centre = wilson_interval(0, units, level=level).high or 0.0, float(sample[0])
    low, high = (centre + share * (bound - centre) for bound in _RANGE)
    method = "no spread" if clusters is None else f"no spread, clustered by {by}"
    return Estimate(value=centre, low=low, high=high, n=sample.size, method=method)


def bootstrap_difference(
    a: ArrayLike,
    b: ArrayLike,
    *,
    rng: np.random.Generator,
    resamples: int = RESAMPLES,
    clusters: ArrayLike | None = None,
    by: str = "cluster",
    level: float = 0.95,
) -> Estimate:
    """Mean difference with its percentile interval, both models resampled by the same cases.

    Source: Efron and Tibshirani (1993), An Introduction to the Bootstrap, ch. 13.
    """
    table, codes = _in_order([np.asarray(a), np.asarray(b)], clusters)
    differences = table[0] - table[1]
    return bootstrap_interval(
        lambda weights: weights @ differences / weights.sum(axis=1),
        differences.size,
        rng=rng,
        resamples=resamples,
        level=level,
        clusters=codes,
        by=by,
    )


def _in_order(
    scores: ArrayLike, clusters: ArrayLike | None
) -> tuple[Floats, NDArray[np.generic] | None]:
    """Cases sorted by their scores, so that sums are rounded alike whatever their order was."""
    table = np.asarray(scores, dtype=np.float64)
    codes = None if clusters is None else np.asarray(clusters)
    order = np.lexsort(table if codes is None else (*table, codes))
    return table[:, order], None if codes is None else codes[order]


def _is_binary(table: Floats, clusters: ArrayLike | None) -> NDArray[np.bool_]:
    """Models whose scores are all 0 or 1, on cases that are independent."""
    if clusters is not None:
        return np.zeros(len(table), dtype=np.bool_)
    return np.asarray(((table == 0) | (table == 1) | np.isnan(table)).all(axis=1))


def _of_table(counts: PairedTable, *, level: float) -> PairedDifference:
    return PairedDifference(
        difference=newcombe_interval(counts, level=level),
        p_value=mcnemar(counts.a_only, counts.b_only) if counts.n else None,
        test="McNemar mid-p",
        wins=counts.a_only,
        ties=counts.both + counts.none,
        losses=counts.b_only,
        n_clusters=counts.n,
        few_clusters=False,
    )


def _of_differences(
    differences: Floats,
    clusters: NDArray[np.generic] | None,
    estimate: Estimate,
    p_value: float,
    *,
    test: str,
) -> PairedDifference:
    n_clusters = differences.size if clusters is None else int(np.unique(clusters).size)
    wins, losses = int((differences > 0).sum()), int((differences < 0).sum())
    return PairedDifference(
        difference=estimate,
        p_value=float(p_value) if differences.size else None,
        test=test,
        wins=wins,
        ties=differences.size - wins - losses,
        losses=losses,
        n_clusters=n_clusters,
        few_clusters=clusters is not None and n_clusters < FEW_CLUSTERS,
    )
