"""The difference of two cells of which racing stopped one: good for any moment of stopping."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from evalrunner.stats import (
    PairedDifference,
    anytime_p_value,
    confidence_sequence,
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
    Sources: `mcnemar_e_value`, over the cases or clusters that tell the two apart;
    `confidence_sequence`, of the difference moved from [-1, 1] to [0, 1].
    """
    known = ~np.isnan(differences)
    if not known.any():
        return found
    codes = np.arange(differences.size) if clusters is None else clusters
    sums = np.bincount(codes[known], weights=differences[known])
    wins, losses = int((sums > _EQUAL).sum()), int((sums < -_EQUAL).sum())
    moved = confidence_sequence(
        float(((differences[known] + 1) / 2).sum()),
        int(known.sum()),
        level=level,
        largest_cluster=int(np.bincount(codes).max()),
    )
    return replace(
        found,
        difference=Estimate(
            value=found.difference.value,
            low=_back(moved.low),
            high=_back(moved.high),
            n=found.difference.n,
            method=moved.method,
        ),
        p_value=anytime_p_value(mcnemar_e_value(wins, losses)),
        test="anytime McNemar",
    )


def _back(bound: float | None) -> float | None:
    return None if bound is None else 2 * bound - 1
