"""What a difference allows to be said, and how many more cases would allow more."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import NormalDist
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from evalrunner.formatting import n_of, points_range
from evalrunner.stats import PairedDifference, connor_cases, miller_cases
from evalrunner.stats.student import t_quantile
from evalrunner.types import Estimate

Conclusion: TypeAlias = Literal["better", "worse", "not_worse", "cannot_tell"]
Aim: TypeAlias = Literal["different", "not_worse"]
Floats = NDArray[np.float64]

BINARY = "McNemar mid-p"
"""The test of scores that are right or wrong."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Missing:
    """Cases without a score of one side, and what they could make of the difference."""

    only_a: int
    """Cases that only the first has a score of."""
    only_b: int
    neither: int
    low: float | None
    """Difference if each missing score were the worst for the first; None = no case at all."""
    high: float | None

    @classmethod
    def of(cls, a: Floats, b: Floats) -> Missing:
        """Of two columns of scores in [0, 1], NaN where one is missing."""
        has_a, has_b = ~np.isnan(a), ~np.isnan(b)
        either = has_a | has_b
        low = high = None
        if either.any():
            low, high = (
                float(np.mean(np.where(has_a, a, worst)[either] - np.where(has_b, b, best)[either]))
                for worst, best in ((0.0, 1.0), (1.0, 0.0))
            )
        return cls(
            only_a=int((has_a & ~has_b).sum()),
            only_b=int((has_b & ~has_a).sum()),
            neither=int((~either).sum()),
            low=low,
            high=high,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """What is said of a pair: of the first against the second, and the other way round."""

    conclusion: Conclusion
    reverse: Conclusion
    because: str | None
    """Why it cannot be told, where more cases are not the answer."""


def judge(
    difference: Estimate,
    p_adjusted: float | None,
    missing: Missing,
    *,
    confidence: float,
    margin: float,
) -> Judged:
    """The conclusion of a comparison and of the same pair seen from the other side.

    Better and worse go by the adjusted p-value; not worse by the lower bound of the difference,
    which must be above -`margin`. What the missing cases could turn round cannot be told.
    """
    if difference.value is None or missing.low is None or missing.high is None:
        because = "no case has a score of both"
        return Judged(conclusion="cannot_tell", reverse="cannot_tell", because=because)
    is_different = p_adjusted is not None and p_adjusted < 1 - confidence
    said = [
        _conclude(sign * difference.value, bound, is_different=is_different, margin=margin)
        for sign, bound in ((1, difference.low), (-1, _negative(difference.high)))
    ]
    bounds = (missing.low, missing.high), (-missing.high, -missing.low)
    kept = [
        each if _survives(each, *bound, margin) else "cannot_tell"
        for each, bound in zip(said, bounds, strict=True)
    ]
    reason = None if kept == said else _reversible(missing)
    return Judged(conclusion=kept[0], reverse=kept[1], because=reason)


def more_cases(
    found: PairedDifference, *, n_comparisons: int, confidence: float, margin: float
) -> tuple[int, Aim] | None:
    """Cases beyond those at hand with which a difference as observed would be told, and as what.

    Enough to call it different (at the level that Holm asks of the first of `n_comparisons`) or not
    worse by more than the margin, whichever takes fewer, with a probability of 80 %. None when that
    cannot be computed, or is fewer than there are. Sources: Connor (1987) for right and wrong,
    Miller (2024) for all else; see `connor_cases`, `miller_cases`.
    """
    n, value = found.difference.n, found.difference.value
    if value is None:
        return None
    strict = 1 - (1 - confidence) / max(n_comparisons, 1)
    aims: dict[Aim, tuple[float, float]] = {
        "different": (abs(value), strict),
        "not_worse": (margin + value, confidence),
    }
    needed = {aim: _cases(found, *each, confidence) for aim, each in aims.items()}
    counts = [(count, aim) for aim, count in needed.items() if count is not None]
    count, aim = min(counts, default=(0, "different"))
    return (count - n, aim) if count > n else None


def _conclude(value: float, low: float | None, *, is_different: bool, margin: float) -> Conclusion:
    if is_different and value != 0:
        return "better" if value > 0 else "worse"
    return "not_worse" if low is not None and low > -margin else "cannot_tell"


def _survives(said: Conclusion, low: float, high: float, margin: float) -> bool:
    """Whether a conclusion holds however the missing cases had come out."""
    holds = {"better": low > 0, "worse": high < 0, "not_worse": low > -margin}
    return holds.get(said, True)


def _reversible(missing: Missing) -> str:
    found = points_range(missing.low or 0.0, missing.high or 0.0)
    cases = n_of(missing.only_a + missing.only_b, "case")
    return f"{cases} missing on one side could make the difference anything from {found}"


def _negative(value: float | None) -> float | None:
    return None if value is None else -value


def _cases(found: PairedDifference, distance: float, level: float, confidence: float) -> int | None:
    n = found.difference.n
    if distance <= 0:
        return None
    if found.test == BINARY:
        discordant = (found.wins + found.losses) / n
        return connor_cases(min(distance, 1.0), discordant=discordant, level=level)
    error = _standard_error(found, confidence)
    return miller_cases(distance, between=n * error**2, level=level) if error else None


def _standard_error(found: PairedDifference, confidence: float) -> float | None:
    """Read off the interval, so that clusters count; None where nothing varies."""
    value, low, high, method = (
        getattr(found.difference, name) for name in ("value", "low", "high", "method")
    )
    if low is None or high is None or method.startswith("no spread"):
        return None
    if method.startswith("t"):
        # One side may be cut at the range.
        return float(max(value - low, high - value)) / t_quantile(
            found.n_clusters - 1, level=confidence
        )
    return float(high - low) / 2 / NormalDist().inv_cdf((1 + confidence) / 2)
