"""What the run cost, by cell and by what the money was spent on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from evalrunner.report.page.source import PageSource

_SAVED = ("saved_cache", "saved_batch", "saved_prompt_cache")
_SPENT = ("candidate", "usd_judge", "usd_retries", "usd_spent")
_SUMMED = (*_SPENT, *_SAVED, "possibly_billed", "unpriced_calls")


def section(source: PageSource) -> dict[str, Any] | None:
    """A row for each cell, canaries included, and their sums; None for imported results.

    A sum leaves out what is unknown; `is_partial` names those.
    """
    if not source.plan:
        return None
    rows = [_row(cell) for cell in source.summary["cells"]]
    return {
        "rows": rows,
        "total": {name: _sum(row[name] for row in rows) for name in _SUMMED},
        "is_partial": {name: any(row[name] is None for row in rows) for name in _SUMMED},
        "has": {name: any(row[name] for row in rows) for name in _SUMMED},
        "is_estimated": any(row["is_estimated"] for row in rows),
    }


def _row(cell: Mapping[str, Any]) -> dict[str, Any]:
    cost = cell["cost"]
    spent, judge = cost["usd_spent"], cost["usd_judge"]
    prompt_cache = cost.get("prompt_cache")
    return {
        "id": cell["id"],
        "label": cell["label"],
        "is_canary": cell["role"] == "canary",
        "candidate": None if spent is None or judge is None else max(spent - judge, 0.0),
        # Absent in summaries of before it was kept.
        "saved_batch": cost.get("saved_batch"),
        "saved_prompt_cache": 0.0 if prompt_cache is None else prompt_cache["saved_usd"],
        "hit_share": None if prompt_cache is None else prompt_cache["hit_share"],
        **{
            name: cost[name]
            for name in (
                "usd_judge",
                "usd_retries",
                "usd_spent",
                "saved_cache",
                "possibly_billed",
                "usd_per_1000",
                "usd_total",
                "usd_per_correct",
            )
        },
        # A canary is no call: it has no price because it needs none.
        "unpriced_calls": 0 if cell["role"] == "canary" else cost["unpriced_calls"],
        "is_estimated": cost["estimated"],
    }


def _sum(amounts: Iterable[float | None]) -> float | None:
    known = [amount for amount in amounts if amount is not None]
    return sum(known) if known else None
