"""Which cells of a facet are worth their money, by their point estimates."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from evalrunner.stats import pareto_frontier


def mark_pareto(cells: Sequence[dict[str, Any]]) -> None:
    """Set `pareto.status` of every entry of `summary.json["cells"]`, within its facet.

    `unpriced` = no cost, `undecided` = no quality, both outside the comparison; canaries have none.
    """
    for facet in sorted({cell["facet"] for cell in cells}):
        candidates = [c for c in cells if c["facet"] == facet and c["role"] == "candidate"]
        costs = [_value(cell["cost"]["usd_per_1000"]) for cell in candidates]
        qualities = [_value(cell["quality"]) for cell in candidates]
        on_frontier = pareto_frontier(costs, qualities)
        for cell, cost, quality, kept in zip(
            candidates, costs, qualities, on_frontier, strict=True
        ):
            status = _status(cost, quality, kept=bool(kept))
            cell["pareto"] = {"status": status, "probability": None}


def _status(cost: float, quality: float, *, kept: bool) -> str:
    if math.isnan(cost):
        return "unpriced"
    if math.isnan(quality):
        return "undecided"
    return "frontier" if kept else "dominated"


def _value(estimate: dict[str, Any] | None) -> float:
    known = estimate is not None and estimate["value"] is not None
    return float(estimate["value"]) if estimate is not None and known else math.nan
