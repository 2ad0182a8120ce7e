"""Judges against people: how they err, what cells would have scored without it, and how sure.

Pure: judged answers and labels in, entries of `summary.json` out. Where labels come from, and which
answers they are about, is `report`'s to say.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from evalrunner.calibrate.ceiling import Opinions, human_ceiling
from evalrunner.calibrate.correction import budget_of, corrected_mean
from evalrunner.calibrate.entries import entries_of
from evalrunner.calibrate.instruments import compare_instruments
from evalrunner.calibrate.judged import PASS, CriteriaLabels, Instrument, JudgedCell, Raters
from evalrunner.calibrate.pairs import (
    corrected_comparisons,
    corrected_difference,
    uneven_errors,
)

__all__ = [
    "PASS",
    "Calibration",
    "CriteriaLabels",
    "Instrument",
    "JudgedCell",
    "Opinions",
    "Raters",
    "budget_of",
    "calibrate",
    "corrected_difference",
    "corrected_mean",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """What labels say of a run's judges, as `summary.json` has it."""

    entries: list[dict[str, Any]]
    calibrated: dict[str, Any]
    corrected: dict[int, dict[str, Any]]
    """By cell, the corrected quality."""


def calibrate(
    instruments: Sequence[Instrument],
    opinions: Sequence[Opinions],
    *,
    seed: int = 0,
    by: str = "case",
    level: float = 0.95,
) -> Calibration:
    """Hold every instrument that has labels against people.

    `opinions` are what raters said of the same units as instruments judge; `by` says what their
    cases are.
    """
    held = [each for each in instruments if any(cell.has_labels for cell in each.cells)]
    found = [list(entries_of(each)) for each in held]
    meant = [(each, own) for each, own in zip(held, found, strict=True) if each.is_meant]
    whole = [each for each, _ in meant if each.member is None]
    return Calibration(
        entries=[entry for _, own in meant for entry in own],
        calibrated={
            "ceiling": human_ceiling(
                opinions, rng=np.random.default_rng([seed, len(opinions)]), by=by, level=level
            ),
            "instruments": compare_instruments(held, [own[0] for own in found]),
            "uneven": [entry for each in whole for entry in uneven_errors(each)],
            "comparisons": [
                entry for each in whole if each.is_quality for entry in corrected_comparisons(each)
            ],
        },
        corrected={
            entry["cell"]: entry["corrected"]
            for each, own in meant
            for entry in own
            if each.is_quality and each.member is None and entry["corrected"] is not None
        },
    )
