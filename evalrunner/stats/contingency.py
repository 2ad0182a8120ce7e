"""Whether something happens more often in one group than in another."""

from __future__ import annotations

import math

_SLACK = 1 + 1e-7
"""Probabilities that differ by rounding alone count as equal."""


def fisher_exact(hits: int, n: int, other_hits: int, other_n: int) -> float:
    """Two-sided p-value of `hits` of `n` beside `other_hits` of `other_n`; 1 without any hit.

    Adds up the tables with these margins that are no more likely than this one. Source: Fisher
    (1934), Statistical Methods for Research Workers, 5th ed., section 21.02.
    """
    total, drawn = n + other_n, hits + other_hits
    most, least = min(n, drawn), max(0, drawn - other_n)
    whole = _log_choose(total, drawn)
    chances = [
        math.exp(_log_choose(n, k) + _log_choose(other_n, drawn - k) - whole)
        for k in range(least, most + 1)
    ]
    limit = chances[hits - least] * _SLACK
    return min(1.0, math.fsum(chance for chance in chances if chance <= limit))


def _log_choose(n: int, k: int) -> float:
    return math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)
