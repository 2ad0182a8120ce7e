"""What a cell costs: per request, per right answer, and what this run paid."""

from __future__ import annotations

from dataclasses import asdict, replace
from decimal import Decimal
from typing import Any

import numpy as np

from evalrunner.stats import ratio_interval
from evalrunner.summary.columns import CaseColumns, CellInfo, SummaryOptions, dependence
from evalrunner.summary.tally import CellTally
from evalrunner.types import Estimate

_REQUESTS = 1000
"""Costs are shown for this many requests."""


def cost_json(
    tally: CellTally, *, info: CellInfo, cases: CaseColumns, options: SummaryOptions
) -> dict[str, Any]:
    """The costs of design 8, None wherever more is unknown than may be left out."""
    may_miss = options.max_missing * tally.n_answered
    is_priced = tally.n_answered > 0 and tally.unpriced_calls <= may_miss
    mean = _mean_cost(tally, cases=cases, options=options) if is_priced else None
    judge = tally.judge_usd if tally.unknown_judging <= may_miss else None
    spent = tally.spent_usd if tally.unknown_spending <= may_miss else None
    return {
        "usd_per_1000": None if mean is None else asdict(_scaled(mean, _REQUESTS)),
        "usd_total": None if mean is None or mean.value is None else mean.value * cases.n,
        "usd_spent": None if spent is None or judge is None else float(spent + judge),
        "usd_spent_at_least": float(tally.spent_usd + tally.judge_usd),
        "usd_judge": _float(judge),
        "usd_per_correct": _cost_per_correct(tally, cases=cases, options=options)
        if is_priced
        else None,
        "usd_retries": _float(info.costs.retries_usd),
        "saved_cache": _float(info.costs.saved_cache_usd),
        "possibly_billed": info.costs.possibly_billed,
        "unpriced_calls": tally.unpriced_calls,
        "estimated": tally.usage_estimated,
    }


def _mean_cost(tally: CellTally, *, cases: CaseColumns, options: SummaryOptions) -> Estimate | None:
    """Cost of one request: the mean over trials, its interval over cases; None without prices."""
    rows = np.flatnonzero(tally.cost.counts)
    if rows.size == 0:
        return None
    clusters, by = dependence(rows, cases=cases, options=options)
    # Trials over cases is a ratio of two columns when cases have lost different repeats.
    found = ratio_interval(
        tally.cost.sums[rows],
        tally.cost.counts[rows],
        clusters=clusters,
        level=options.confidence,
    )
    return replace(found, method="t" if clusters is None else f"t, clustered by {by}")


def _cost_per_correct(
    tally: CellTally, *, cases: CaseColumns, options: SummaryOptions
) -> dict[str, Any] | None:
    """Cost over quality, of the trials that have both; None when nothing was right."""
    rows = np.flatnonzero(tally.is_paired)
    clusters, by = dependence(rows, cases=cases, options=options)
    found = ratio_interval(
        tally.paired_cost[rows],
        tally.paired_quality[rows],
        clusters=clusters,
        by=by,
        level=options.confidence,
    )
    return None if found.value is None else asdict(found)


def _scaled(estimate: Estimate, factor: float) -> Estimate:
    value, low, high = (
        None if number is None else number * factor
        for number in (estimate.value, estimate.low, estimate.high)
    )
    return replace(estimate, value=value, low=low, high=high)


def _float(value: Decimal | None) -> float | None:
    return None if value is None else float(value)
