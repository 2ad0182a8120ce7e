"""The mean that people would give to all cases, from a few of their labels and a judge's scores.

Labelled cases are a random sample of all, or carry weights that make them one.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from evalrunner.stats.intervals import effective_n, wilson_interval
from evalrunner.types import Estimate

_TWO = 2
"""Fewest labels that show any spread."""
_NONE = 1e-9
"""Half widths below it are those of scores without spread, rounded."""

Floats = NDArray[np.float64]
Bounds: TypeAlias = Literal["normal", "wilson"]


def prediction_powered_mean(
    human: ArrayLike,
    judge: ArrayLike,
    unlabelled: ArrayLike,
    *,
    tuning: float | None = None,
    clusters: tuple[ArrayLike, ArrayLike] | None = None,
    weights: tuple[ArrayLike, ArrayLike] | None = None,
    bounds: Bounds = "normal",
    level: float = 0.95,
) -> Estimate:
    """Mean score that people would give, from few of their labels and many of the judge's.

    Args:
        human: Scores in [0, 1] of the labelled cases.
        judge: The judge's scores of the same cases.
        unlabelled: The judge's scores of the other cases.
        tuning: How far the judge is relied on, 0 = not at all; None = `power_tuning`.
        clusters: Codes of dependent cases among the labelled and the others, in common.
        weights: Inverse probabilities to become labelled, and to stay unlabelled, of cases that
            were not drawn with equal chances.
        bounds: `normal` as published, or `wilson` at the effective number of labels, which keeps
            its coverage near 0 and 1: with 100 labels and a mean of 0.9, 95 % and not 91 %.
        level: Confidence level.

    Valid however wrong the judge is; `n` counts the labels, and below two there is no interval.
    Without spread the bounds are Wilson's: an interval of width 0 would claim certainty. Sources:
    Angelopoulos et al. (2023), Science 382; Angelopoulos, Duchi and Zrnic (2023), PPI++, arXiv
    2311.01453; errors by cluster as in Miller (2024), arXiv 2411.00640; Korn and Graubard (1998),
    Survey Methodology 24(2).
    """
    people, labelled, others = (np.asarray(v, np.float64) for v in (human, judge, unlabelled))
    method = "PPI++" if bounds == "normal" else "PPI++, wilson"
    if not people.size:
        return Estimate(value=None, n=0, method=method)
    trust = power_tuning(people, labelled, others) if tuning is None else tuning
    chances = (None, None) if weights is None else weights
    parts = [
        _influence(people - trust * labelled * bool(others.size), chances[0]),
        _influence(trust * others, chances[1]),
    ]
    value = min(1.0, max(0.0, parts[0][0] + parts[1][0]))
    if people.size < _TWO:
        return Estimate(value=value, n=people.size, method=method)
    pulls = np.concatenate([parts[0][1], parts[1][1]])
    codes = np.arange(pulls.size) if clusters is None else np.concatenate(clusters)
    sums = np.bincount(np.unique(codes, return_inverse=True)[1], weights=pulls)
    n_units = np.unique(codes[: people.size]).size
    low, high = _bounds(
        value, error=float(np.linalg.norm(sums)), n_units=n_units, bounds=bounds, level=level
    )
    return Estimate(value=value, low=low, high=high, n=people.size, method=method)


def power_tuning(human: ArrayLike, judge: ArrayLike, unlabelled: ArrayLike) -> float:
    """How far to rely on the judge, in [0, 1], for the narrowest interval; 0 for a constant one.

    Source: Angelopoulos, Duchi and Zrnic (2023), arXiv 2311.01453, section 6.
    """
    people, labelled, others = (np.asarray(v, np.float64) for v in (human, judge, unlabelled))
    scores = np.concatenate([labelled, others])
    if not others.size or np.ptp(scores) == 0:
        return 0.0
    shared = float(((people - people.mean()) * (labelled - labelled.mean())).mean())
    spread = (1 + people.size / others.size) * float(scores.var(ddof=1))
    return min(1.0, max(0.0, shared / spread))


def labels_for_half_width(
    human: ArrayLike,
    judge: ArrayLike,
    *,
    half_width: float,
    tuning: float,
    level: float = 0.95,
) -> int:
    """Labels that give a corrected mean this half width, if the judge scored cases without end.

    z^2 var(human - tuning judge) / half_width^2, from labels that exist. Source: Angelopoulos,
    Duchi and Zrnic (2023), arXiv 2311.01453, on the variance of the corrected mean.
    """
    rest = np.asarray(human, np.float64) - tuning * np.asarray(judge, np.float64)
    z = NormalDist().inv_cdf((1 + level) / 2)
    return math.ceil(z * z * float(rest.var()) / half_width**2)


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelSpread:
    """What the number of labels for a corrected mean depends on."""

    human: float
    """Variance of people's labels."""
    judge: float
    """Variance of the judge's scores."""
    shared: float
    """Covariance of both."""

    @classmethod
    def of(cls, human: ArrayLike, judge: ArrayLike) -> LabelSpread | None:
        """From cases with both; None below two, or where people's labels do not vary."""
        people, scores = np.asarray(human, np.float64), np.asarray(judge, np.float64)
        if people.size < _TWO or np.ptp(people) == 0:
            return None
        shared = float(((people - people.mean()) * (scores - scores.mean())).mean())
        return cls(human=float(people.var()), judge=float(scores.var()), shared=shared)


def labels_among(
    n_cases: int, spread: LabelSpread, *, half_width: float, level: float = 0.95
) -> int | None:
    """As `labels_for_half_width` where the judge scored `n_cases` and no more.

    The fewest labels with z^2 (t^2 var(judge) / others + var(human - t judge) / labels) at most
    half_width^2, each time with the best t; None when labels for all of them leave more. Source:
    Angelopoulos, Duchi and Zrnic (2023), arXiv 2311.01453, section 6.
    """
    labels = np.arange(1, n_cases + 1, dtype=np.float64)
    others = n_cases - labels
    ratio = np.divide(labels, others, out=np.full(n_cases, np.inf), where=others > 0)
    tuning = np.zeros(n_cases)
    if spread.judge > 0:
        tuning = np.clip(spread.shared / ((1 + ratio) * spread.judge), 0, 1)
    rest = spread.human - 2 * tuning * spread.shared + tuning**2 * spread.judge
    judged = np.divide(tuning**2 * spread.judge, others, out=np.zeros(n_cases), where=others > 0)
    half = NormalDist().inv_cdf((1 + level) / 2) * np.sqrt(judged + rest / labels)
    reached = np.flatnonzero(half <= half_width)
    return int(labels[reached[0]]) if reached.size else None


def _influence(values: Floats, weights: ArrayLike | None) -> tuple[float, Floats]:
    """Weighted mean, and how far each value pulls it; 0 for no values."""
    if not values.size:
        return 0.0, values
    chances = np.ones(values.size) if weights is None else np.asarray(weights, np.float64)
    shares = chances / chances.sum()
    mean = float(shares @ values)
    return mean, shares * (values - mean)


def _bounds(
    value: float, *, error: float, n_units: int, bounds: Bounds, level: float
) -> tuple[float, float]:
    half = NormalDist().inv_cdf((1 + level) / 2) * error
    if bounds == "normal" and half > _NONE:
        return max(0.0, value - half), min(1.0, value + half)
    # Wilson's hold for any variable in [0, 1], and at the number of labels for one without spread.
    is_inside = half > _NONE and 0 < value < 1
    size = effective_n(value, error, most=math.inf) if is_inside else float(n_units)
    found = wilson_interval(value * size, size, level=level)
    return found.low or 0.0, 1.0 if found.high is None else found.high
