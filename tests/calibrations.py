"""What `evalrunner calibrate` puts into a summary, for tests: a judge beside people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pages import estimate

ESTIMATES = {
    "sensitivity": (0.95, 0.89, 0.98),
    "specificity": (0.70, 0.58, 0.80),
    "percent": (0.85, 0.79, 0.90),
    "with_one_rater": (0.83, 0.78, 0.89),
    "kappa": (0.66, 0.54, 0.78),
    "ac1": (0.71, 0.60, 0.82),
    "inflation": (0.083, 0.041, 0.125),
    "people": (0.60, 0.52, 0.68),
    "raw": (0.69, 0.64, 0.74),
    "corrected": (0.61, 0.55, 0.67),
    "corrected_rogan_gladen": (0.60, 0.50, 0.70),
}
CEILING = {
    "percent": estimate(0.92, 0.88, 0.95, n=60),
    "kappa": estimate(0.8, 0.7, 0.9, n=60),
    "ac1": estimate(0.82, 0.72, 0.92, n=60),
    "alpha": estimate(0.8, 0.7, 0.9, n=60),
    "n_raters": 2,
    "n": 60,
}


def known(value: float | None, low: float | None = None, high: float | None = None) -> Any:
    """An estimate of 120 labels; bounds 5 points away where none are given."""
    if value is None:
        return estimate(None, n=0)
    return estimate(
        value, value - 0.05 if low is None else low, value + 0.05 if high is None else high, n=120
    )


_POOLED = {"corrected": None, "corrected_rogan_gladen": None, "trust": None, "label_budget": []}


def entry(cell: int | None = None, **changes: Any) -> dict[str, Any]:
    """An entry of `calibration`: a lenient judge; of all cells together where `cell` is None."""
    made: dict[str, Any] = {name: known(*values) for name, values in ESTIMATES.items()}
    return (
        made
        | {
            "judge": "strict",
            "scorer": "rubric",
            "member": None,
            "facet": 0,
            "cell": cell,
            "n_labels": 120,
            "n_cases": 40,
            "n_answers": 400,
            "is_quality": True,
            "unit": "answer",
            "n_units": 120,
            "n_divided": 0,
            "confusion": {
                "true_passes": 70,
                "false_fails": 4,
                "false_passes": 14,
                "true_fails": 32,
            },
            "inflation_p": 0.0004,
            "trust": 0.7,
            "method": "PPI++",
            "refused": None,
            "more_labels": None,
            "label_budget": [
                {"half_width": 0.03, "labels": None},
                {"half_width": 0.05, "labels": 180},
            ],
            "label_spread": None,
            "slices": {},
        }
        | (_POOLED if cell is None else {})
        | changes
    )


def refused(cell: int, **changes: Any) -> dict[str, Any]:
    """An entry of a cell with too few labels."""
    nothing = {
        "corrected": None,
        "corrected_rogan_gladen": None,
        "n_labels": 18,
        "refused": "too few labels to correct it: it needs 12 more labelled answers (has 18)",
        "trust": None,
        "label_budget": [],
        "more_labels": {"labels": 12, "passes": 0, "fails": 3},
    }
    return entry(cell, **nothing | changes)


def instrument(judge: str = "strict", **changes: Any) -> dict[str, Any]:
    """A judge in `calibrated.instruments`."""
    names = ("percent", "with_one_rater", "kappa", "ac1", "inflation")
    measured = {name: known(*ESTIMATES[name]) for name in names}
    return (
        measured
        | {
            "facet": 0,
            "judge": judge,
            "member": None,
            "scorer": "rubric",
            "model": "claude-opus-5-5",
            "n_units": 120,
            "usd_per_1000_verdicts": estimate(4.2, 4.0, 4.4),
            "pareto": {"status": "frontier"},
        }
        | changes
    )


def uneven(a: int = 0, b: int = 1, **changes: Any) -> dict[str, Any]:
    """An entry of `calibrated.uneven`: the judge flatters `a` more."""
    return {
        "facet": 0,
        "judge": "strict",
        "scorer": "rubric",
        "a": a,
        "b": b,
        "difference": known(0.12, 0.04, 0.2),
        "p": 0.003,
        "p_adjusted": 0.009,
        "is_uneven": True,
    } | changes


def comparison(a: int = 0, b: int = 1, **changes: Any) -> dict[str, Any]:
    """An entry of `calibrated.comparisons`: what was better is not, once it is corrected."""
    return {
        "facet": 0,
        "a": a,
        "b": b,
        "raw": known(0.1, 0.03, 0.17),
        "corrected": known(-0.01, -0.1, 0.08),
        "n_labels": 120,
        "conclusion": "cannot_tell",
    } | changes


def calibrated(instruments: Sequence[Mapping[str, Any]] = (), **changes: Any) -> dict[str, Any]:
    """`summary["calibrated"]`."""
    return {
        "ceiling": CEILING,
        "instruments": list(instruments),
        "uneven": [],
        "comparisons": [],
        "sources": {"labels": 120, "ratings": 0, "votes": 0},
        "unused": [],
        "broken_lines": [],
    } | changes
