"""Facets for tests of frontier, decision and routing: cells with their columns by case."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from evalrunner.stats import bounded_mean_interval, mean_interval, wilson_interval
from evalrunner.summary import (
    CaseColumns,
    CellResult,
    FacetResult,
    SummaryOptions,
    facet_results,
    mark_pareto,
)


def cell(number: int, label: str, quality: Any, cost: Any, **changes: Any) -> CellResult:
    """A cell with these values by case; `cost` is USD per 1,000 requests, None = unknown."""
    known = np.asarray(quality, dtype=float)
    n = known.size
    usd = np.full(n, np.nan) if cost is None else np.broadcast_to(np.asarray(cost, float), n)
    scored = known[~np.isnan(known)]
    is_rate = bool(np.isin(scored, (0, 1)).all())
    estimate = (
        wilson_interval(scored.sum(), scored.size) if is_rate else bounded_mean_interval(scored)
    )
    columns = {name: changes.pop(name) for name in ("answers", "checks") if name in changes}
    summary = {
        "id": number,
        "label": label,
        "axes": {"dataset": "tickets", "model": label, "prompt": "plain", "judge": "none"},
        "facet": 0,
        "role": "candidate",
        "n_cases": n,
        "n_planned": n,
        "n_error": n - scored.size,
        "n_skipped": 0,
        "n_unscored": 0,
        "quality": asdict(estimate),
        "scores": {"exact_match": asdict(estimate)},
        "slices": {},
        "cost": {
            "usd_per_1000": None if cost is None else asdict(mean_interval(usd, bounds=(0, 1e9))),
            "estimated": False,
        },
        "latency_s": {"p50": 0.5, "p90": 1.0, "p99": 2.0},
        "classes": {},
        "pareto": {"status": None, "probability": None},
    }
    return CellResult(
        summary=summary | changes, quality=known, cost_usd=usd / 1000, classes={}, **columns
    )


def facet(
    results: Sequence[CellResult], *, slices: Any = None, clusters: Any = None, **options: Any
) -> FacetResult:
    """The facet of these cells, its frontier marked."""
    cases = CaseColumns(n=results[0].quality.size, slices=slices or {}, clusters=clusters)
    chosen = SummaryOptions(**({"quality": "exact_match"} | options))
    (made,) = facet_results(results, {0: (cases, chosen)})
    mark_pareto(made)
    return made


def right(n: int, k: int) -> Any:
    """`k` right answers among `n` cases, the first ones."""
    return (np.arange(n) < k).astype(float)
