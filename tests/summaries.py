"""Summaries for tests of flags: as small as rules allow, of cells with so many right answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from evalrunner.flags import find_flags
from evalrunner.stats import bounded_mean_interval, wilson_interval


def rate(right: float, n: int) -> dict[str, Any]:
    """The estimate of `right` of `n` answers."""
    return asdict(wilson_interval(right, n))


def graded(values: Any) -> dict[str, Any]:
    """The estimate of scores between 0 and 1."""
    return asdict(bounded_mean_interval(values))


def cell(number: int, right: float, n: int = 100, **changes: Any) -> dict[str, Any]:
    """A cell of which `right` of `n` answers are right, with all that rules read of it."""
    scores = {"exact_match": rate(right, n)} | changes.pop("scores", {})
    costs = changes.pop("cost", {})
    return {
        "id": number,
        "label": f"m{number}",
        "facet": 0,
        "role": "candidate",
        "family": None,
        "quality_name": "exact_match",
        "quality": scores["exact_match"],
        "scores": scores,
        "slices": {},
        "judging": {},
        "n_cases": n,
        "n_planned": n,
        "n_ok": n,
        "n_refused": 0,
        "n_truncated": 0,
        "n_error": 0,
        "n_skipped": 0,
        "n_unscored": 0,
        "raced": None,
        "usage": {"input_tokens": 10},
        "cost": {"usd_per_1000": rate(0, n), "unpriced_calls": 0} | costs,
        "served_models": [],
    } | changes


def canary(number: int, right: int, n: int = 20, **changes: Any) -> dict[str, Any]:
    """A canary that passes `right` of `n` cases."""
    return cell(number, right, n, role="canary", label="canary:constant", **changes)


def compared(a: int, b: int, value: float, half: float, **changes: Any) -> dict[str, Any]:
    """A comparison of two cells: their difference, and half the width of its interval."""
    return {
        "facet": 0,
        "a": a,
        "b": b,
        "difference": {"value": value, "low": value - half, "high": value + half, "n": 100},
        "p": 0.5,
        "conclusion": "cannot_tell",
        "reverse": "cannot_tell",
        "because": None,
        "n_more": None,
        "margin": 0.02,
        "confidence": 0.95,
        "missing": {"only_a": 0, "only_b": 0, "neither": 0, "low": value, "high": value},
    } | changes


def summary(*cells: Mapping[str, Any], **more: Any) -> dict[str, Any]:
    """A summary of these cells; keywords add to it."""
    return {
        "run": {
            "started_at": "2026-11-20T12:00:00+00:00",
            "confidence": 0.95,
            "max_missing": 0.02,
        },
        "cells": list(cells),
        "comparisons": [],
        "judging": None,
        "calibration": [],
    } | more


def flags(code: str, *cells: Mapping[str, Any], **more: Any) -> Sequence[Any]:
    """The flags of one code that this summary raises."""
    return [flag for flag in find_flags(summary(*cells, **more)) if flag["code"] == code]
