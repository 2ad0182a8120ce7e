"""What the repeats of a cell tell: how reliable it is, and what would make its quality surer.

All of it comes from sums by case, so that memory does not grow with the repeats.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from evalrunner.formatting import n_of, points, usd
from evalrunner.stats import (
    VarianceComponents,
    clustered_rate_interval,
    clustered_se,
    pass_at_k,
    pass_hat_k,
    spread_of_sums,
    variance_components_of_sums,
    wilson_interval,
)
from evalrunner.summary.columns import CaseColumns, Column, SummaryOptions
from evalrunner.types import Estimate, Json

_TWO = 2
_EQUAL = 0.01
"""Relative difference of two standard errors that decides nothing."""


class RepeatCosts:
    """What first answers and their repeats cost: a repeated prompt may be a cached one."""

    def __init__(self) -> None:
        self._usd = [0.0, 0.0]
        self._n = [0, 0]

    def add(self, row: Mapping[str, Json]) -> None:
        """Count an answered trial, judges included, unless it was free or its price is unknown."""
        spent = row["spent_usd"]
        if spent is None or row["cached"]:
            return
        judges = (score.get("spent_usd") for score in row["scores"].values())
        is_repeat = int(row["repeat"] > 0)
        self._usd[is_repeat] += float(spent) + sum(float(each) for each in judges if each)
        self._n[is_repeat] += 1

    def means(self) -> tuple[float, float] | None:
        """USD of a first answer and of a repeat; None where either is unknown or free."""
        if not all(self._n) or not all(self._usd):
            return None
        first, later = (usd / n for usd, n in zip(self._usd, self._n, strict=True))
        return first, later


def repeats_json(
    columns: Mapping[str, Column],
    name: str,
    *,
    costs: RepeatCosts,
    cases: CaseColumns,
    options: SummaryOptions,
) -> dict[str, Any] | None:
    """`cells[].repeats` of the score or metric `name`; None without repeats.

    An F1 has no value by trial; what the answers score stands for it. pass^k and pass@k are of 1 to
    k repeats, of the cases that have so many (`n_whole` have all), and None for graded scores.
    There is no `advice` where more than `max_missing` of the cases lack a repeat.
    Sources: see `variance_components`, `pass_hat_k`, `pass_at_k`.
    """
    k, score = options.repeats, name if name in columns else name.rpartition(".")[0]
    if k == 1 or score not in columns:
        return None
    column = columns[score]
    parts = variance_components_of_sums(column.sums, column.squares, column.counts)
    certainty = None if parts is None else _Certainty.of(parts, column, cases, k=k)
    n_whole = int((column.counts >= k).sum())
    # What is missing comes first: an interrupted run needs no more repeats, but its own.
    is_whole = n_whole >= (1 - options.max_missing) * column.counts.size
    return {
        "k": k,
        "score": score,
        "between": None if parts is None else parts.between,
        "within": None if parts is None else parts.within,
        "icc": None if parts is None else parts.icc,
        "se_one": None if certainty is None else certainty.error(1),
        "se_k": None if certainty is None else certainty.error(k),
        "pass_hat_k": None if column.graded else _passes(pass_hat_k, column, k),
        "pass_at_k": None if column.graded else _passes(pass_at_k, column, k),
        "flip_rate": asdict(_flip_rate(column, cases, options)),
        "n": int((column.counts >= _TWO).sum()),
        "n_whole": n_whole,
        "advice": certainty.advice(costs.means()) if certainty and is_whole else None,
    }


@dataclass(frozen=True, slots=True)
class _Certainty:
    """The standard error of a mean, as it is and as it would be."""

    variance: float
    """Of the mean as it is."""
    within: float
    n: int
    k: int

    @classmethod
    def of(
        cls, parts: VarianceComponents, column: Column, cases: CaseColumns, *, k: int
    ) -> _Certainty:
        """Cases of a cluster count as dependent, never as surer than independent ones."""
        variance = parts.mean_error(k) ** 2
        scored = column.counts > 0
        if cases.clusters is not None and np.unique(cases.clusters[scored]).size >= _TWO:
            by_cluster = clustered_se(column.means()[scored], cases.clusters[scored])
            variance = max(variance, by_cluster**2)
        return cls(variance, parts.within, parts.n, k)

    def error(self, repeats: float) -> float:
        """With so many repeats."""
        saved = self.within * (1 / self.k - 1 / repeats) / self.n
        return math.sqrt(max(0.0, self.variance - saved))

    def advice(self, usd_each: tuple[float, float] | None) -> dict[str, Any] | None:
        """What to spend as much money on again; None where nothing varies.

        A case costs its first answer and its repeats, as they did in this run; where that is not
        known, all cost the same. Source: Cochran (1977), Sampling Techniques, section 10.6.
        """
        if self.variance == 0:
            return None
        first, later = usd_each or (1.0, 1.0)
        case = first + (self.k - 1) * later
        repeats = self.k + case / later
        more_cases, more_repeats = self.error(self.k) / math.sqrt(2), self.error(repeats)
        by_repeats = self.within > 0 and more_repeats <= more_cases * (1 + _EQUAL)
        found = {
            "more": "repeats" if by_repeats else "cases",
            "se_more_cases": more_cases,
            "se_more_repeats": more_repeats,
            "repeats": repeats,
            "cases_asked_once": self.n * case / first,
            "se_asked_once": self.error(1) * math.sqrt(first / case),
            "usd_first": None if usd_each is None else first,
            "usd_repeat": None if usd_each is None else later,
        }
        return found | {"because": self._because(found)}

    def _because(self, found: Mapping[str, Any]) -> str:
        if self.within == 0:
            return "the repeats of a case never differed: asking once is enough"
        price = "every answer at the same price"
        if found["usd_first"] is not None:
            price = f"a first answer cost {usd(found['usd_first'])}, a repeat "
            price += usd(found["usd_repeat"])
        return (
            f"for as much money again twice the cases have a standard error of "
            f"{points(found['se_more_cases'])}, {found['repeats']:.0f} repeats one of "
            f"{points(found['se_more_repeats'])}; for the money of this run "
            f"{n_of(int(found['cases_asked_once']), 'case')} asked once one of "
            f"{points(found['se_asked_once'])} ({price})"
        )


def _passes(chance: Any, column: Column, k: int) -> list[float | None]:
    """Mean over cases for 1 to k repeats; None where no case has so many."""
    found: list[float | None] = []
    for repeats in range(1, k + 1):
        by_case = chance(column.sums, column.counts, k=repeats)[column.counts >= repeats]
        found.append(float(by_case.mean()) if by_case.size else None)
    return found


def _flip_rate(column: Column, cases: CaseColumns, options: SummaryOptions) -> Estimate:
    """Share of the repeated cases whose repeats do not all score the same, as `flip_rate`."""
    rows = np.flatnonzero(column.counts >= _TWO)
    around = spread_of_sums(column.sums[rows], column.squares[rows], column.counts[rows])
    level = options.confidence
    if cases.clusters is None:
        return wilson_interval(int((around > 0).sum()), rows.size, level=level)
    return clustered_rate_interval(
        around > 0,
        n_trials=rows.size,
        clusters=cases.clusters[rows],
        by=cases.cluster_field or "cluster",
        level=level,
    )
