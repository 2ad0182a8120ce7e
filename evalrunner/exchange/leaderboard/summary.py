"""`summary.json` of a leaderboard."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from evalrunner.exchange.leaderboard.rows import Row
from evalrunner.stats import pareto_frontier, wilson_interval
from evalrunner.types import Estimate

_REQUESTS = 1000
_UNKNOWN_COUNTS = ("n_refused", "n_truncated", "n_error", "n_skipped", "n_unscored")


def leaderboard_summary(rows: Sequence[Row], *, name: str, score: str) -> dict[str, Any]:
    """`summary.json` of a leaderboard: one candidate a row, in the file's order."""
    cells = [_cell(number, row, score=score) for number, row in enumerate(rows)]
    costs, qualities = (
        [math.nan if value is None else value for value in column]
        for column in zip(*(_place(cell) for cell in cells), strict=True)
    )
    on_frontier = pareto_frontier(costs, qualities)
    for cell, cost, quality, kept in zip(cells, costs, qualities, on_frontier, strict=True):
        status = "frontier" if kept else "dominated"
        if math.isnan(quality):
            status = "undecided"
        if math.isnan(cost):
            status = "unpriced"
        cell["pareto"] = {"status": status, "probability": None}
    because = (
        "No recommendation: these are aggregates; which of two is better can be told from the "
        "same cases of both only"
    )
    return {
        "schema_version": 1,
        "run": _run_facts(rows, name=name),
        "quality": score,
        "cells": cells,
        "comparisons": [],
        "recommendations": [_no_recommendation(because)],
        "recommendation": _no_recommendation(because),
        "routing": [],
        "calibration": [],
        "human": None,
        "judging": None,
        "flags": list(_flags(rows)),
    }


def _cell(number: int, row: Row, *, score: str) -> dict[str, Any]:
    n = row.n or 0
    quality = Estimate(value=row.score, n=n)
    if row.score is not None and row.n:
        quality = wilson_interval(row.score * row.n, row.n)
    per_1000 = row.cost_usd
    if per_1000 is not None and row.n:
        per_1000 *= _REQUESTS / row.n
    axes = dict.fromkeys(("dataset", "prompt", "judge", "scorer"), "none") | {"model": row.model}
    return {
        "id": number,
        "label": row.model,
        "axes": axes,
        "facet": 0,
        "role": "candidate",
        "quality_name": score,
        **dict.fromkeys(("n_cases", "n_planned", "n_ok"), n),
        **dict.fromkeys(_UNKNOWN_COUNTS, 0),
        "quality": asdict(quality),
        "scores": {score: asdict(quality)},
        "slices": {},
        "cost": {
            "usd_per_1000": None if per_1000 is None else asdict(Estimate(value=per_1000, n=n)),
            "usd_total": row.cost_usd if row.n else None,
            "usd_spent": 0.0,
            "usd_judge": 0.0,
            "usd_per_correct": None,
            "usd_retries": 0.0,
            "saved_cache": 0.0,
            "possibly_billed": 0,
            "unpriced_calls": 0 if per_1000 is not None else n,
            "estimated": False,
        },
        "retried": {"n": 0, "quality_without": None},
        "repeats": None,
        "latency_s": dict.fromkeys(("p50", "p90", "p99")),
        "usage": None,
        "classes": {},
        "judging": {},
        "criteria": {},
    }


def _place(cell: Mapping[str, Any]) -> tuple[float | None, float | None]:
    cost = cell["cost"]["usd_per_1000"]
    return None if cost is None else cost["value"], cell["quality"]["value"]


def _run_facts(rows: Sequence[Row], *, name: str) -> dict[str, Any]:
    return {
        "name": name,
        "started_at": None,
        "finished_at": None,
        "warnings": [],
        "repeats": 1,
        "confidence": 0.95,
        "n_cases": max((row.n or 0 for row in rows), default=0),
        "possibly_billed": 0,
        "corrupt_lines": 0,
    }


def _no_recommendation(because: str) -> dict[str, Any]:
    unknown = ("rule", "best", "baseline", "margin", "difference", "monthly_usd")
    return {
        "facet": 0,
        "cell": None,
        "because": because,
        **dict.fromkeys((*unknown, "requests_per_month", "next_cheaper")),
        "rejected": [],
        "steps": [],
    }


def _flags(rows: Sequence[Row]) -> list[dict[str, Any]]:
    found = []
    unpriced = [row.model for row in rows if row.cost_usd is None]
    if unpriced:
        found.append(
            _flag(
                "unknown_cost",
                f"{len(unpriced)} of {len(rows)} rows have no cost (empty, or 0): "
                f"{', '.join(unpriced)}",
                evidence={"models": unpriced},
                remedy="they are named under the figure and not drawn; add what they cost",
            )
        )
    without_n = [row.model for row in rows if row.n is None]
    if without_n:
        found.append(
            _flag(
                "unknown_n",
                f"{len(without_n)} of {len(rows)} rows do not say on how many cases they rest",
                evidence={"models": without_n},
                remedy="give --n COLUMN or --n NUMBER: without it there is no interval",
            )
        )
    found.append(
        _flag(
            "aggregates_only",
            "these are sums over cases: which of two is better, and whether a point is surely on "
            "the frontier, cannot be told from them",
            evidence={"rows": len(rows)},
            remedy="run the few that matter on your own cases",
        )
    )
    return found


def _flag(code: str, message: str, *, evidence: Mapping[str, Any], remedy: str) -> dict[str, Any]:
    head = {"code": code, "severity": "yellow", "cell": None, "message": message}
    return head | {"evidence": dict(evidence), "remedy": remedy}
