"""Quantiles of Student's t, without scipy: importing it takes longer than a whole summary."""

from __future__ import annotations

import functools
import math
from statistics import NormalDist

_MOST_TERMS = 2_000
"""Degrees of freedom up to which the distribution is summed up exactly."""
_SETTLED = 1e-12


@functools.lru_cache(maxsize=1024)
def t_quantile(df: int, *, level: float) -> float:
    """The t with P(-t <= T <= t) = `level` for `df` >= 1 degrees of freedom.

    Source: Abramowitz and Stegun (1964), Handbook of Mathematical Functions, 26.7.3 to 26.7.5.
    """
    normal = NormalDist().inv_cdf((1 + level) / 2)
    if df > _MOST_TERMS:
        return _expansion(normal, df)
    # The probability is concave in the angle and t is longer than the normal's quantile: from
    # there Newton's steps go up to the root and never beyond it.
    angle = math.atan(normal / math.sqrt(df))
    slope = 2 / math.sqrt(math.pi) * math.exp(math.lgamma((df + 1) / 2) - math.lgamma(df / 2))
    step = 1.0
    while step > _SETTLED * angle:
        step = (level - _probability(angle, df)) / (slope * math.cos(angle) ** (df - 1))
        angle += step
    return math.sqrt(df) * math.tan(angle)


def _probability(angle: float, df: int) -> float:
    """P(|T| <= sqrt(df) tan(angle)), a finite sum: 26.7.3 for odd, 26.7.4 for even `df`."""
    sine, cosine = math.sin(angle), math.cos(angle)
    is_odd = df % 2
    term = cosine if is_odd else 1.0
    total = 0.0
    for k in range(is_odd + 1, df, 2):
        total += term
        term *= cosine * cosine * k / (k + 1)
    return 2 / math.pi * (angle + sine * total) if is_odd else sine * total


def _expansion(normal: float, df: int) -> float:
    """26.7.5, in falling powers of `df`; what is left out is less than 1e-11 of t."""
    z, square = normal, normal * normal
    terms = (
        z * (square + 1) / 4,
        z * ((5 * square + 16) * square + 3) / 96,
        z * (((3 * square + 19) * square + 17) * square - 15) / 384,
        z * ((((79 * square + 776) * square + 1482) * square - 1920) * square - 945) / 92_160,
    )
    return z + sum(term / float(df) ** power for power, term in enumerate(terms, start=1))
