"""By how much the best of many looks better than it is, for having been chosen by its luck too."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

_STEPS = 2000
_LEAST = 1e-9
"""Of a standard error, so that it can be divided by."""
_REACH = 8
"""Standard errors beyond which a normal variable is never met."""


def selection_optimism(values: ArrayLike, errors: ArrayLike) -> float:
    """Expected excess of the largest of several noisy scores over the true score behind it.

    As if `values` were the true scores and each were measured again with its standard error,
    independently of the others: the mean of (largest measured - true score of whoever is largest).
    0 for a single one. Source: the bootstrap estimate of the bias of a maximum, Efron and
    Tibshirani (1993), An Introduction to the Bootstrap, ch. 10, its normal case as an integral.
    """
    from scipy.special import ndtr

    centers = np.asarray(values, np.float64)
    spreads = np.maximum(np.asarray(errors, np.float64), _LEAST)
    if centers.size < 2 or not np.any(np.asarray(errors) > 0):  # noqa: PLR2004 - nobody to beat
        return 0.0
    edges = np.linspace(
        float((centers - _REACH * spreads).max()),
        float((centers + _REACH * spreads).max()),
        _STEPS + 1,
    )
    below = ndtr((edges - centers[:, None]) / spreads[:, None])
    middles = (edges[1:] + edges[:-1]) / 2
    mid_below = ndtr((middles - centers[:, None]) / spreads[:, None])
    total = 0.0
    for place, center in enumerate(centers.tolist()):
        mass = np.diff(below[place])
        rest = np.delete(mid_below, place, axis=0).prod(axis=0)
        total += float(((middles - center) * mass * rest).sum())
    return max(0.0, total)
