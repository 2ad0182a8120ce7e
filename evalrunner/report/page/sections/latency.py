"""How long answers took: quantiles and distribution of each cell, on one axis for all."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from evalrunner.report.page.source import PageSource

_WIDTH, _HEIGHT = 240, 32
"""Units of a histogram; the template has the same."""
_MOST_TICKS = 5


def section(source: PageSource) -> dict[str, Any] | None:
    """A row for each candidate; None where nothing was measured."""
    cells = [cell for cell in source.candidates if cell["latency_s"]["p50"] is not None]
    if not cells:
        return None
    # Absent in summaries of before it was kept.
    histograms = [cell["latency_s"].get("histogram") for cell in cells]
    known = [each for each in histograms if each is not None]
    axis = _Axis.of(known) if known else None
    return {
        "ticks": [] if axis is None else axis.ticks(),
        "rows": [
            {
                "id": cell["id"],
                "label": cell["label"],
                **{name: cell["latency_s"][name] for name in ("p50", "p90", "p99")},
                "n": None if found is None else sum(found["counts"]),
                "picture": None
                if axis is None or found is None
                else _picture(axis, found, p50=cell["latency_s"]["p50"]),
            }
            for cell, found in zip(cells, histograms, strict=True)
        ],
        "has_cached": any(cell["cost"].get("saved_cache") for cell in cells),
    }


@dataclass(frozen=True, slots=True)
class _Axis:
    """Seconds as places, whole decades from end to end."""

    first: int
    last: int
    """Powers of ten."""

    @classmethod
    def of(cls, histograms: list[Mapping[str, Any]]) -> _Axis:
        low = min(found["edges_s"][0] for found in histograms)
        high = max(found["edges_s"][-1] for found in histograms)
        return cls(math.floor(math.log10(low)), math.ceil(math.log10(high)))

    def place(self, seconds: float) -> float:
        lowest = 10.0**self.first
        share = (math.log10(max(seconds, lowest)) - self.first) / (self.last - self.first)
        return _WIDTH * min(share, 1.0)

    def ticks(self) -> list[dict[str, float]]:
        step = math.ceil((self.last - self.first + 1) / _MOST_TICKS)
        powers = range(self.first, self.last + 1, step)
        return [{"seconds": 10.0**power, "x": self.place(10.0**power)} for power in powers]


def _picture(axis: _Axis, found: Mapping[str, Any], *, p50: float) -> dict[str, Any]:
    edges, counts = found["edges_s"], found["counts"]
    places, most = [axis.place(edge) for edge in edges], max(counts)
    return {
        "low_s": edges[0],
        "high_s": edges[-1],
        "p50": axis.place(p50),
        "bars": [
            {
                "x": left,
                "width": right - left,
                # One answer of thousands is still to be seen.
                "height": max(_HEIGHT * count / most, 1.0),
            }
            for left, right, count in zip(places[:-1], places[1:], counts, strict=True)
            if count
        ],
    }
