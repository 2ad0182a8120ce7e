"""What racing leaves of a cell: intervals that allow for the stop, and what it saved."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evalrunner.stats import confidence_sequence
from evalrunner.summary.columns import CellInfo
from evalrunner.summary.tally import CellTally
from evalrunner.types import Estimate, Json


def anytime_interval(
    means: NDArray[np.float64], *, clusters: NDArray[np.intp] | None, level: float
) -> Estimate:
    """Mean of the scored cases, with bounds that hold although the scores said when to stop.

    `clusters` are the codes of all cases, scored or not: how large a cluster is must not depend on
    where the cell was stopped.
    """
    largest = 1 if clusters is None else int(np.bincount(clusters).max())
    return confidence_sequence(float(means.sum()), means.size, level=level, largest_cluster=largest)


def raced_json(info: CellInfo, tally: CellTally) -> dict[str, Json] | None:
    """`cells[].raced`: by whom a cell was beaten, on how many cases; None where it was not.

    `saved_usd` is what its trials that were not done would have cost, judges included, at the mean
    of those that were; None = unknown.
    """
    if info.raced is None:
        return None
    n_skipped = int(tally.left_out.sum())
    return {
        "by": info.raced["by"],
        "e_value": info.raced["e_value"],
        "wins": info.raced["wins"],
        "losses": info.raced["losses"],
        "n": info.raced["n"],
        "cases": info.raced["cases"],
        "n_skipped": n_skipped,
        "saved_usd": _saved_usd(tally, n_skipped),
    }


def missing_share(cell: Mapping[str, Any]) -> float:
    """Share of a cell's trials without a score, of those that racing has not left out.

    `cell` is an entry of `summary.json["cells"]`.
    """
    left_out = (cell.get("raced") or {"n_skipped": 0})["n_skipped"]
    missing = cell["n_error"] + cell["n_skipped"] + cell["n_unscored"] - left_out
    return float(missing / max(cell["n_planned"] - left_out, 1))


def _saved_usd(tally: CellTally, n_skipped: int) -> float | None:
    n_priced = int(tally.cost.counts.sum())
    if not n_priced or tally.unknown_judging:
        return None
    candidate = float(tally.cost.sums.sum()) / n_priced
    return n_skipped * (candidate + float(tally.judge_usd) / tally.n_answered)
