"""P-values of several comparisons, raised so that looking at many makes no more false alarms."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]


def holm(p_values: ArrayLike) -> Floats:
    """P-values adjusted so that all their false alarms together have at most the level.

    In the order of the input. Source: Holm (1979), Scandinavian Journal of Statistics 6(2).
    """
    p, order = _ascending(p_values)
    return _restored(np.maximum.accumulate(np.arange(p.size, 0, -1) * p), order)


def benjamini_hochberg(p_values: ArrayLike) -> Floats:
    """P-values adjusted so that of what they call different at most the level is a false alarm.

    In the order of the input; for independent or positively dependent tests, as those of the
    slices of one run. Source: Benjamini and Hochberg (1995), JRSS B 57(1).
    """
    p, order = _ascending(p_values)
    scaled = p.size * p / np.arange(1, p.size + 1)
    return _restored(np.minimum.accumulate(scaled[::-1])[::-1], order)


def _ascending(p_values: ArrayLike) -> tuple[Floats, NDArray[np.intp]]:
    p = np.asarray(p_values, dtype=np.float64)
    order = np.argsort(p, kind="stable")
    return p[order], order


def _restored(adjusted: Floats, order: NDArray[np.intp]) -> Floats:
    restored = np.empty_like(adjusted)
    restored[order] = np.minimum(adjusted, 1)
    return restored
