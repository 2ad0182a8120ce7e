"""Agreement beyond chance of two raters who pass or fail, when verdicts depend on each other.

Several criteria of one answer, or several models' answers to one case, are no independent evidence:
`cohen_kappa` would be too sure of them.
"""

from __future__ import annotations

from functools import partial

import numpy as np
from numpy.typing import ArrayLike, NDArray

from evalrunner.stats.resampling import bootstrap_interval
from evalrunner.types import Estimate

Floats = NDArray[np.float64]

_CERTAIN = 1e-9


def two_raters(
    first: ArrayLike,
    second: ArrayLike,
    *,
    rng: np.random.Generator,
    clusters: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    by: str = "cluster",
    level: float = 0.95,
) -> tuple[Estimate, Estimate]:
    """Cohen's kappa and Gwet's AC1 of two columns of 0 and 1, with bootstrap intervals.

    Whole clusters are drawn. `weights` are inverse probabilities of units that were not sampled
    with equal chances. Without an interval where both always agree: every resample does. Sources:
    Cohen (1960), Educational and Psychological Measurement 20(1); Gwet (2008), British Journal of
    Mathematical and Statistical Psychology 61(1); Field and Welsh (2007), JRSS B 69(3), on drawing
    clusters.
    """
    one, two = (np.asarray(each) == 1 for each in (first, second))
    share = np.ones(one.size) if weights is None else np.asarray(weights, np.float64)
    codes = np.arange(one.size) if clusters is None else np.asarray(clusters)
    place = np.unique(codes, return_inverse=True)[1]
    kinds = 2 * ~one + ~two
    n_units = int(place.max()) + 1 if one.size else 0
    # A cluster is drawn as its table of both pass, first only, second only, none passes.
    sums = np.bincount(4 * place + kinds, weights=share, minlength=4 * n_units)
    tables: Floats = sums.astype(np.float64).reshape(-1, 4)
    tables = tables[np.lexsort(tables.T)]
    found = []
    for name, statistic in (("Cohen's kappa", _kappa), ("Gwet's AC1", _ac1)):
        drawn = bootstrap_interval(partial(statistic, tables=tables), n_units, rng=rng, level=level)
        is_certain = drawn.low is not None and (drawn.high or 0.0) - drawn.low < _CERTAIN
        how = "bootstrap" if clusters is None else f"bootstrap, clustered by {by}"
        found.append(
            Estimate(
                value=drawn.value,
                low=None if is_certain else drawn.low,
                high=None if is_certain else drawn.high,
                n=one.size,
                method=f"{name}, {how}",
            )
        )
    return found[0], found[1]


def _kappa(drawn: Floats, *, tables: Floats) -> Floats:
    agreed, first, second = _rates(drawn, tables)
    return _beyond(agreed, first * second + (1 - first) * (1 - second))


def _ac1(drawn: Floats, *, tables: Floats) -> Floats:
    agreed, first, second = _rates(drawn, tables)
    passed = (first + second) / 2
    return _beyond(agreed, 2 * passed * (1 - passed))


def _rates(drawn: Floats, tables: Floats) -> tuple[Floats, Floats, Floats]:
    """Share of agreement, and pass rates of the first and of the second, of each resample."""
    sums = drawn @ tables
    both, only_first, only_second, none = sums.T / sums.sum(axis=1)
    return both + none, both + only_first, both + only_second


def _beyond(agreed: Floats, expected: Floats) -> Floats:
    """NaN where chance alone would always agree."""
    undefined = np.isclose(expected, 1)
    found: Floats = np.where(
        undefined, np.nan, (agreed - expected) / np.where(undefined, 1, 1 - expected)
    )
    return found
