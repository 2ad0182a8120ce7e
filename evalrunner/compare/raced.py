"""The difference of two cells of which racing stopped one: good for any moment of stopping."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from evalrunner.stats import (
    PairedDifference,
    anytime_p_value,
    confidence_sequence,
    difference_sequence,
    mcnemar_e_value,
)
from evalrunner.types import Estimate

Floats = NDArray[np.float64]
Rows = NDArray[np.intp]

_EQUAL = 1e-12
"""Means of the same repeats in another order differ by less."""


def at_any_time(
    found: PairedDifference, differences: Floats, *, clusters: Rows | None, level: float
) -> PairedDifference:
    """`found` with p-value and bounds that hold wherever the scores themselves said to stop.

    `differences` are those of all cases, NaN where one has no score; `clusters` their codes.
    Source of the p-value: `mcnemar_e_value`, over the cases or clusters that tell the two apart.
    """
    known = ~np.isnan(differences)
    if not known.any():
        return found
    values = differences[known]
    sums = values if clusters is None else np.bincount(clusters[known], weights=values)
    wins, losses = int((sums > _EQUAL).sum()), int((sums < -_EQUAL).sum())
    if clusters is None and np.isin(values, (-1, 0, 1)).all():
        bounds = difference_sequence(wins, losses, values.size, level=level)
    else:
        bounds = _bounds_of_means(values, clusters, level=level)
    return replace(
        found,
        difference=replace(bounds, value=found.difference.value),
        p_value=anytime_p_value(mcnemar_e_value(wins, losses)),
        test="anytime McNemar",
    )


def _bounds_of_means(values: Floats, clusters: Rows | None, *, level: float) -> Estimate:
    """Of differences in [-1, 1], moved to [0, 1] and back: wider than need be."""
    largest = 1 if clusters is None else int(np.bincount(clusters).max())
    moved = confidence_sequence(
        float(((values + 1) / 2).sum()), values.size, level=level, largest_cluster=largest
    )
    return replace(moved, low=_back(moved.low), high=_back(moved.high))


def _back(bound: float | None) -> float | None:
    return None if bound is None else 2 * bound - 1
