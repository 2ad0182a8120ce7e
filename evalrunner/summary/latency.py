"""How long a cell's answers took: quantiles, and a histogram that cells can be compared by."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from evalrunner.stats import quantiles

_PER_DECADE = 8
_FIRST_DECADE, _LAST_DECADE = -7, 5
"""From 0.1 µs to a day; what lies outside counts in the outermost bin."""


def latency_json(latencies: ArrayLike) -> dict[str, Any]:
    """`cells[].latency_s`: p50, p90, p99 and the histogram, all None for no values.

    The edges are the same for every cell, eight to a decade, without the empty bins at both ends.
    """
    sample = np.asarray(latencies, dtype=np.float64)
    return quantiles(sample) | {"histogram": _histogram(sample)}


def _histogram(sample: NDArray[np.float64]) -> dict[str, list[float] | list[int]] | None:
    if sample.size == 0:
        return None
    powers = np.arange(_FIRST_DECADE * _PER_DECADE, _LAST_DECADE * _PER_DECADE + 1)
    # Three digits, so that a file shows 0.00133 and every machine the same number.
    edges = np.array([float(f"{10 ** (power / _PER_DECADE):.3g}") for power in powers])
    bins = np.searchsorted(edges, sample, side="right") - 1
    counts = np.bincount(np.clip(bins, 0, edges.size - 2), minlength=edges.size - 1)
    used = np.flatnonzero(counts)
    first, last = int(used[0]), int(used[-1])
    return {
        "edges_s": edges[first : last + 2].tolist(),
        "counts": counts[first : last + 1].tolist(),
    }
