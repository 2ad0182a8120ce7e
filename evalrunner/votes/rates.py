"""Means of what people said, of cases that may have been chosen with unequal chances."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from evalrunner.stats import weighted_rate, win_rate
from evalrunner.types import Estimate


def mean_rate(
    values: ArrayLike,
    weights: ArrayLike,
    *,
    clusters: Sequence[str],
    by: str,
    level: float,
) -> Estimate:
    """Mean of values in [0, 1], one a case; `clusters` names what each case depends on.

    With equal weights as `stats.win_rate`, else as `stats.weighted_rate`.
    """
    value, weight = np.asarray(values, np.float64), np.asarray(weights, np.float64)
    codes = np.unique(np.array(clusters, dtype=np.str_), return_inverse=True)[1]
    some = None if np.unique(codes).size == value.size else codes
    if value.size == 0 or np.ptp(weight) == 0:
        return win_rate(value, clusters=some, by=by, level=level)
    return weighted_rate(value, weight, clusters=some, by=by, level=level)
