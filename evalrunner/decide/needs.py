"""What a recommendation must satisfy, and the candidates that it is made from."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from evalrunner.formatting import points, points_interval, usd
from evalrunner.summary import FacetResult, missing_share
from evalrunner.types import Estimate, Json

_REQUESTS = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Needs:
    """The keys of `run` and `decide` that a recommendation depends on."""

    confidence: float = 0.95
    margin: float = 0.02
    """Loss of quality that does not matter."""
    max_missing: float = 0.02
    baseline: Mapping[str, Json] = field(default_factory=dict)
    """Axes that select the cell to compare with; empty = none."""
    requests_per_month: float | None = None
    budget_usd_per_month: float | None = None
    quality_floor: float | None = None
    max_latency_p90_s: float | None = None
    require: Mapping[str, float] = field(default_factory=dict)

    @property
    def level(self) -> str:
        """`95 %`."""
        return f"{100 * self.confidence:g} %"

    def monthly(self, candidate: Candidate) -> float | None:
        """USD a month; None when cost or volume is unknown."""
        if candidate.cost.value is None or self.requests_per_month is None:
            return None
        return candidate.cost.value * self.requests_per_month / _REQUESTS


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """One cell, as far as a decision looks at it."""

    position: int
    """In its facet."""
    id: int
    label: str
    quality: Estimate
    cost: Estimate
    """USD per 1,000 requests; a value of None = unknown."""
    summary: Mapping[str, Any]

    @property
    def missing(self) -> float:
        """Share of the trials without a score, of those that racing has not left out."""
        return missing_share(self.summary)

    @property
    def price(self) -> str:
        """`$0.42 per 1,000 requests`."""
        estimated = " (estimated)" if self.summary["cost"]["estimated"] else ""
        return f"{usd(self.cost.value)} per 1,000 requests{estimated}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Against:
    """A candidate's quality against another's, on the cases of both."""

    difference: Estimate
    at_worst: float | None
    """The difference if every score missing on one side had come out against it."""
    is_worse: bool
    n_more: int | None
    """Cases beyond those at hand that would tell; None = unknown."""

    def is_within(self, margin: float) -> bool:
        """Whether a loss of `margin` or more is ruled out, whatever is missing."""
        low, worst = self.difference.low, self.at_worst
        return low is not None and low > -margin and (worst is None or worst > -margin)


@dataclass(frozen=True, kw_only=True)
class Rivals:
    """The candidates of a facet, and what is known of each against each."""

    facet: FacetResult
    candidates: tuple[Candidate, ...]
    comparisons: Sequence[Mapping[str, Any]]
    """Of `summary.json`, whose words a recommendation must not contradict."""
    margin: float

    @classmethod
    def of(
        cls, facet: FacetResult, comparisons: Sequence[Mapping[str, Any]], *, margin: float
    ) -> Rivals:
        """Of every candidate of `facet`."""
        found = [
            Candidate(
                position=position,
                id=result.summary["id"],
                label=result.summary["label"],
                quality=Estimate(**result.summary["quality"]),
                cost=Estimate(**(result.summary["cost"]["usd_per_1000"] or {"value": None})),
                summary=result.summary,
            )
            for position, result in enumerate(facet.results)
        ]
        return cls(facet=facet, candidates=tuple(found), comparisons=comparisons, margin=margin)

    def against(self, one: Candidate, other: Candidate) -> Against:
        """`one` against `other`: as compared already, or else here."""
        at_worst = self.facet.difference_at_worst(one.position, other.position)
        said = self._compared(one, other)
        if said is not None:
            difference, is_worse, n_more = said
        else:
            difference, n_more = self.facet.difference(one.position, other.position), None
            is_worse = difference.high is not None and difference.high < 0
        if n_more is None:
            n_more = _more_cases(difference, margin=self.margin)
        return Against(difference=difference, at_worst=at_worst, is_worse=is_worse, n_more=n_more)

    def _compared(
        self, one: Candidate, other: Candidate
    ) -> tuple[Estimate, bool, int | None] | None:
        for entry in self.comparisons:
            found = Estimate(**entry["difference"])
            if (entry["a"], entry["b"]) == (one.id, other.id):
                return found, entry["conclusion"] == "worse", entry.get("n_more")
            if (entry["a"], entry["b"]) == (other.id, one.id):
                turned = replace(
                    found,
                    value=_negative(found.value),
                    low=_negative(found.high),
                    high=_negative(found.low),
                )
                return turned, entry["conclusion"] == "better", None
        return None


def loss_words(difference: Estimate) -> str:
    """A loss with its interval: `3.0 points (0.9 to 5.1)`."""
    if difference.value is None:
        return "an unknown number of points"
    if difference.low is None or difference.high is None:
        return points(-difference.value)
    value, low, high = difference.value, difference.low, difference.high
    return points_interval(replace(difference, value=-value, low=-high, high=-low))


def _more_cases(difference: Estimate, *, margin: float) -> int | None:
    """Cases beyond those at hand with which an interval around the same difference would tell.

    Its width shrinks with the root of the cases, until it leaves out 0 or a loss of the margin,
    whichever comes first.
    """
    value, low, high, n = difference.value, difference.low, difference.high, difference.n
    if value is None or low is None or high is None:
        return None
    widths = []
    if value > -margin:
        widths.append((value - low) / (value + margin))
    if value < 0:
        widths.append((high - value) / -value)
    needed = math.ceil(n * min(widths) ** 2)
    return needed - n if needed > n else None


def _negative(value: float | None) -> float | None:
    return None if value is None else -value
