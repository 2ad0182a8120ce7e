"""How many cases a difference takes to be seen, and which difference a number of cases can show.

Differences are of mean scores, in [0, 1] and without sign. All tests are two-sided.
"""

from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from evalrunner.stats.mcnemar import mcnemar

LEVEL = 0.95
POWER = 0.8

_NEGLIGIBLE = 1e-15
"""Probability of a number of discordant cases below which it is left out."""

Floats = NDArray[np.float64]


def connor_cases(
    difference: float, *, discordant: float, level: float = LEVEL, power: float = POWER
) -> int:
    """Cases at which two models that are right or wrong are told apart with probability `power`.

    `discordant` is the share of cases that exactly one of them gets right; it is at least the
    difference. Sources: Connor (1987), Biometrics 43(1); Miettinen (1968), Biometrics 24(2).
    """
    share = max(discordant, difference)
    null, alternative = _quantiles(level, power)
    root = null * math.sqrt(share) + alternative * math.sqrt(share - difference**2)
    return _whole(root**2 / difference**2)


def connor_difference(
    n: int, *, discordant: float, level: float = LEVEL, power: float = POWER
) -> float | None:
    """Smallest difference that `n` cases show with probability `power`; as `connor_cases`.

    None when it would be larger than `discordant`: then even a model that wins every case on which
    the two differ would be missed.
    """
    null, alternative = _quantiles(level, power)
    # The formula of connor_cases, squared twice, is a quadratic equation in the difference.
    square, linear = n + alternative**2, null * math.sqrt(n * discordant)
    inside = linear**2 - square * discordant * (null**2 - alternative**2)
    difference = (linear + math.sqrt(max(0.0, inside))) / square
    return difference if difference <= discordant else None


def miller_cases(
    difference: float,
    *,
    between: float,
    within: float = 0.0,
    repeats: int = 1,
    level: float = LEVEL,
    power: float = POWER,
) -> int:
    """Cases at which two models with graded or repeated scores are told apart.

    Args:
        difference: Of their mean scores.
        between: Variance over cases of the difference of the two models' true scores.
        within: Variance of the repeats of a case, of both models together.
        repeats: Of each case, by each model.
        level: Confidence level.
        power: Probability of seeing the difference.

    Source: Miller (2024), arXiv 2411.00640, section 5.
    """
    variance = between + within / repeats
    return _whole((sum(_quantiles(level, power)) / difference) ** 2 * variance)


def miller_difference(
    n: int,
    *,
    between: float,
    within: float = 0.0,
    repeats: int = 1,
    level: float = LEVEL,
    power: float = POWER,
) -> float:
    """Smallest difference that `n` cases show with probability `power`; as `miller_cases`."""
    return sum(_quantiles(level, power)) * math.sqrt((between + within / repeats) / n)


def mcnemar_power(
    n: int, *, a_only: float, b_only: float, level: float = LEVEL, exact: bool = False
) -> float:
    """Probability that McNemar's test of `n` cases calls the two models different.

    `a_only` and `b_only` are the probabilities that only one of them is right; where they are
    equal it is the rate of false alarms. Sums over all outcomes. Source: Fagerland, Lydersen and
    Laake (2013), BMC Medical Research Methodology 13:91.
    """
    discordant = a_only + b_only
    if discordant == 0:
        return 0.0
    shares = _binomial(n, discordant)
    return math.fsum(
        share * _rejected(m, a_only / discordant, alpha=1 - level, exact=exact)
        for m, share in enumerate(shares.tolist())
        if share > _NEGLIGIBLE
    )


def _rejected(n: int, rate: float, *, alpha: float, exact: bool) -> float:
    """Probability that `n` discordant cases, each won with `rate`, lean too far."""
    most = -1
    low, high = 0, n // 2
    while low <= high:
        middle = (low + high) // 2
        if mcnemar(middle, n - middle, exact=exact) <= alpha:
            most, low = middle, middle + 1
        else:
            high = middle - 1
    outcomes = _binomial(n, rate)
    return float(outcomes[: most + 1].sum() + outcomes[n - most :].sum())


def _binomial(n: int, rate: float) -> Floats:
    """Probabilities of 0 to `n` successes."""
    counts = np.arange(n + 1)
    if rate in (0, 1):
        return np.where(counts == n * rate, 1.0, 0.0)
    logs = np.concatenate([[0.0], np.cumsum(np.log(counts[1:]))])
    chances: Floats = np.exp(
        logs[n] - logs - logs[::-1] + counts * math.log(rate) + counts[::-1] * math.log1p(-rate)
    )
    return chances


def _quantiles(level: float, power: float) -> tuple[float, float]:
    normal = NormalDist()
    return normal.inv_cdf((1 + level) / 2), normal.inv_cdf(power)


def _whole(cases: float) -> int:
    # Of 626.0000000001 cases, as rounding makes of 626, one is none.
    return math.ceil(cases - 1e-9)
