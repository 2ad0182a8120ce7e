"""What a score would be at another mix of categories, and whether the mix decides who wins."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import ArrayLike, NDArray

from evalrunner.stats.intervals import wilson_interval
from evalrunner.types import Estimate

_UNIT = (0.0, 1.0)
_NONE = 1e-12
"""Standard errors below it are those of values without spread, rounded."""

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class PostStratified:
    """A mean reweighted to a mix of categories."""

    estimate: Estimate
    """Without a value when a category of the mix has no case: the total is not identified."""
    low: float | None
    """The mean if all that is missing scored lowest; None for an empty mix."""
    high: float | None
    """The mean if all that is missing scored highest."""
    effective_n: float
    """Cases of a simple sample that would be as good: Kish's."""
    missing: tuple[str, ...]
    """Categories of the mix without a case."""
    missing_share: float


@dataclass(frozen=True, slots=True, kw_only=True)
class CommonMix:
    """Rates of two models as they are, and at one mix of categories."""

    raw: tuple[float, float]
    standardised: tuple[float, float]

    @property
    def is_reversed(self) -> bool:
        """Whether the other model leads at the common mix."""
        raw, common = self.raw[0] - self.raw[1], self.standardised[0] - self.standardised[1]
        return raw * common < 0


def post_stratified(
    values: ArrayLike,
    categories: Sequence[str],
    mix: Mapping[str, float],
    *,
    clusters: ArrayLike | None = None,
    bounds: tuple[float, float] = _UNIT,
    level: float = 0.95,
) -> PostStratified:
    """Mean of values at the shares of `mix`, which need not sum to 1.

    Cases of other categories count for nothing. `bounds` are those of a value. A category with one
    case gets the largest variance there is; values without any spread get Wilson bounds at the
    effective size. Sources: Cochran (1977), Sampling Techniques, ch. 5A; Kish (1965), Survey
    Sampling; Little (1993), JASA 88(423), on categories without a case.
    """
    sample, labels = np.asarray(values, np.float64), np.asarray(categories)
    shares = {name: share / math.fsum(mix.values()) for name, share in mix.items() if share > 0}
    members = {name: np.flatnonzero(labels == name) for name in shares}
    missing = tuple(name for name, cases in members.items() if not cases.size)
    known = {name: cases for name, cases in members.items() if cases.size}
    value = math.fsum(shares[name] * float(sample[cases].mean()) for name, cases in known.items())
    inverse = math.fsum(shares[name] ** 2 / cases.size for name, cases in known.items())
    missing_share = math.fsum(shares[name] for name in missing)
    size = (1 - missing_share) ** 2 / inverse if known else 0.0
    n = sum(cases.size for cases in known.values())
    estimate = Estimate(value=None, n=n, method="post-stratified")
    if not missing and known:
        pulls = _pulls(sample, known, shares, width=bounds[1] - bounds[0])
        error = math.sqrt(_variance(pulls, clusters))
        low, high = _interval(value, error, size=size, bounds=bounds, level=level)
        estimate = Estimate(value=value, low=low, high=high, n=n, method="post-stratified")
    return PostStratified(
        estimate=estimate,
        low=value + missing_share * bounds[0] if shares else None,
        high=value + missing_share * bounds[1] if shares else None,
        effective_n=size,
        missing=missing,
        missing_share=missing_share,
    )


def common_mix(
    one: Mapping[str, tuple[float, float]],
    other: Mapping[str, tuple[float, float]],
    *,
    mix: Mapping[str, float] | None = None,
) -> CommonMix:
    """Compares two models' (passed, n > 0) in the same categories at one mix of these.

    `mix` None = both models' cases together. Sources: Simpson (1951), JRSS B 13(2); Charig et al.
    (1986), BMJ 292, whose kidney stones show it.
    """
    shares = mix or {name: one[name][1] + other[name][1] for name in one}
    total = math.fsum(shares.values())

    def raw(counts: Mapping[str, tuple[float, float]]) -> float:
        passed, n = (math.fsum(column) for column in zip(*counts.values(), strict=True))
        return passed / n

    def standardised(counts: Mapping[str, tuple[float, float]]) -> float:
        rates = (share * counts[name][0] / counts[name][1] for name, share in shares.items())
        return math.fsum(rates) / total

    return CommonMix(
        raw=(raw(one), raw(other)), standardised=(standardised(one), standardised(other))
    )


def _pulls(
    sample: Floats,
    members: Mapping[str, NDArray[np.intp]],
    shares: Mapping[str, float],
    *,
    width: float,
) -> Floats:
    """How far each case pulls the mean off; their squares sum to its variance."""
    pulls = np.zeros(sample.size)
    for name, cases in members.items():
        if cases.size == 1:
            # One case shows no spread: the largest that values of this range can have.
            pulls[cases] = shares[name] * width / 2
        else:
            scale = shares[name] / math.sqrt(cases.size * (cases.size - 1))
            pulls[cases] = scale * (sample[cases] - sample[cases].mean())
    return pulls


def _variance(pulls: Floats, clusters: ArrayLike | None) -> float:
    alone = float(pulls @ pulls)
    if clusters is None:
        return alone
    sums = np.bincount(np.unique(np.asarray(clusters), return_inverse=True)[1], weights=pulls)
    return max(alone, float(sums @ sums))


def _interval(
    value: float, error: float, *, size: float, bounds: tuple[float, float], level: float
) -> tuple[float, float]:
    low, high = bounds
    if error < _NONE:
        found = wilson_interval((value - low) / (high - low) * size, size, level=level)
        return low + (found.low or 0.0) * (high - low), low + (found.high or 0.0) * (high - low)
    half = NormalDist().inv_cdf((1 + level) / 2) * error
    return max(low, value - half), min(high, value + half)
