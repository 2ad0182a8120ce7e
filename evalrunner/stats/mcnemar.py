"""Two models that are right or wrong on the same independent cases.

Only the cases where one is right and the other wrong tell the two apart. With clusters, repeats or
graded scores none of this applies: `paired` then takes clustered means and sign flips.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from statistics import NormalDist
from typing import Self

import numpy as np
from numpy.typing import ArrayLike

from evalrunner.stats.intervals import wilson_interval
from evalrunner.types import Estimate

_HALVINGS = 60
"""Of an interval of length 1: far below what a float can tell apart."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PairedTable:
    """How often both of two models, only one of them, and none were right."""

    both: int
    a_only: int
    b_only: int
    none: int

    @classmethod
    def of(cls, a: ArrayLike, b: ArrayLike) -> Self:
        """Counts of two columns of 0 and 1, one row a case."""
        first, second = np.asarray(a) == 1, np.asarray(b) == 1
        both, either = int((first & second).sum()), int((first | second).sum())
        return cls(
            both=both,
            a_only=int(first.sum()) - both,
            b_only=int(second.sum()) - both,
            none=first.size - either,
        )

    @property
    def n(self) -> int:
        """Cases."""
        return self.both + self.a_only + self.b_only + self.none

    @property
    def difference(self) -> float | None:
        """Rate of the first less that of the second; None without cases."""
        return (self.a_only - self.b_only) / self.n if self.n else None


def mcnemar(a_only: int, b_only: int, *, exact: bool = False) -> float:
    """Two-sided p-value of two models being right equally often; 1 when nothing tells them apart.

    The mid-p test; `exact` never exceeds its level, and misses more for it. Sources: McNemar
    (1947), Psychometrika 12(2); Fagerland, Lydersen and Laake (2013), BMC Medical Research
    Methodology 13:91, who recommend mid-p.
    """
    n = a_only + b_only
    if n == 0:
        return 1.0
    fewer = min(a_only, b_only)
    steps = np.arange(fewer, 0, -1)
    point = math.exp(
        math.lgamma(n + 1) - math.lgamma(fewer + 1) - math.lgamma(n - fewer + 1) - n * math.log(2)
    )
    tail = point * (1 + float(np.cumprod(steps / (n - steps + 1)).sum()))
    return min(1.0, 2 * tail - (0 if exact else point))


def newcombe_interval(table: PairedTable, *, level: float = 0.95) -> Estimate:
    """Difference of the two rates, its bounds made of the Wilson bounds of both.

    Square-and-add with the corrected correlation, method 10 of Newcombe (1998), Statistics in
    Medicine 17(22). Never empty, also where no case tells the two apart.
    """
    method = "newcombe"
    if table.difference is None:
        return Estimate(value=None, n=0, method=method)
    a_below, a_above = _arms(table.both + table.a_only, table.n, level=level)
    b_below, b_above = _arms(table.both + table.b_only, table.n, level=level)
    phi = _correlation(table)
    return Estimate(
        value=table.difference,
        low=table.difference - _square_and_add(a_below, b_above, phi),
        high=table.difference + _square_and_add(a_above, b_below, phi),
        n=table.n,
        method=method,
    )


def tango_interval(table: PairedTable, *, level: float = 0.95) -> Estimate:
    """Difference of the two rates with the bounds that its score test does not reject.

    Source: Tango (1998), Statistics in Medicine 17(8).
    """
    method = "tango"
    if table.difference is None:
        return Estimate(value=None, n=0, method=method)
    z = NormalDist().inv_cdf((1 + level) / 2)
    return Estimate(
        value=table.difference,
        low=_root(lambda at: _score(table, at) > z, -1.0, table.difference),
        high=_root(lambda at: _score(table, at) >= -z, table.difference, 1.0),
        n=table.n,
        method=method,
    )


def bonett_price_interval(table: PairedTable, *, level: float = 0.95) -> Estimate:
    """Difference of the two rates with normal bounds after one more case won by each.

    Source: Bonett and Price (2012), Journal of Educational and Behavioral Statistics 37(4).
    """
    method = "bonett-price"
    if table.difference is None:
        return Estimate(value=None, n=0, method=method)
    size = table.n + 2
    ahead, behind = (table.a_only + 1) / size, (table.b_only + 1) / size
    centre = ahead - behind
    error = math.sqrt((ahead + behind - centre**2) / size)
    half = NormalDist().inv_cdf((1 + level) / 2) * error
    low, high = max(-1.0, centre - half), min(1.0, centre + half)
    return Estimate(value=table.difference, low=low, high=high, n=table.n, method=method)


def _arms(successes: int, n: int, *, level: float) -> tuple[float, float]:
    """How far the Wilson bounds lie under and above a rate."""
    found = wilson_interval(successes, n, level=level)
    return successes / n - (found.low or 0.0), (found.high or 1.0) - successes / n


def _square_and_add(one: float, other: float, phi: float) -> float:
    return math.sqrt(max(0.0, one**2 - 2 * phi * one * other + other**2))


def _correlation(table: PairedTable) -> float:
    """Phi, drawn towards 0 by half a case where it is positive."""
    a, b = table.both + table.a_only, table.both + table.b_only
    margins = math.sqrt(a * (table.n - a)) * math.sqrt(b * (table.n - b))
    product = float(table.both * table.none - table.a_only * table.b_only)
    if product > 0:
        product = max(0.0, product - table.n / 2)
    return product / margins if margins else 0.0


def _score(table: PairedTable, difference: float) -> float:
    """Standard normal where `difference` is the true one; falls as it grows."""
    n, ahead, behind = table.n, table.a_only, table.b_only
    linear = (2 * n - ahead + behind) * difference - ahead - behind
    constant = -behind * difference * (1 - difference)
    root = math.sqrt(max(0.0, linear**2 - 8 * n * constant))
    lost = (root - linear) / (4 * n)
    variance = n * (2 * lost + difference * (1 - difference))
    distance = ahead - behind - n * difference
    if variance <= 0:
        return math.copysign(math.inf, distance) if distance else 0.0
    return distance / math.sqrt(variance)


def _root(is_before: Callable[[float], bool], low: float, high: float) -> float:
    """Where `is_before`, true at `low`, becomes false."""
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if is_before(middle) else (low, middle)
    return (low + high) / 2
