"""Tests and intervals that hold however often one looks, so that a run may stop early.

Looking at an ordinary p-value after every case raises false alarms from 5 % to 20 %.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from evalrunner.types import Estimate

_HALVINGS = 60
"""Of an interval of length 1: far below what a float can tell apart."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sprt:
    """Where a test of two rates stands after some outcomes."""

    lower: float
    upper: float
    """Limits of the log likelihood ratio: below is H0, above H1."""
    log_ratio: float
    """Where it stopped, or of all outcomes."""
    stopped_at: int | None
    """Outcomes that it took; None = not decided."""
    decision: Literal["H0", "H1"] | None


def mcnemar_e_value(a_only: int, b_only: int) -> float:
    """Evidence, at any time, that two models are not right equally often.

    Of the cases that tell them apart each is a fair coin if they are alike; then this reaches
    1 / alpha with probability alpha at most, however long one plays; for m pairs together, m /
    alpha. Sources: Robbins (1970), Annals of Mathematical Statistics 41(5); Ramdas et al. (2023),
    Statistical Science 38(4).
    """
    n = a_only + b_only
    half = _log_beta(0.5, 0.5) - n * math.log(2)
    return math.exp(min(_log_beta(a_only + 0.5, b_only + 0.5) - half, 700.0))


def anytime_p_value(largest_e_value: float) -> float:
    """P-value that holds at any time, from the largest e-value so far."""
    return min(1.0, 1 / largest_e_value)


def confidence_sequence(
    successes: float, n: int, *, level: float = 0.95, largest_cluster: float = 1
) -> Estimate:
    """Proportion with bounds that hold at all times together, not only at a planned `n`.

    Those rates whose likelihood the flat mixture does not exceed 1 / alpha times. `successes` may
    be the sum of scores between 0 and 1, and cases may depend on each other in clusters of up to
    `largest_cluster`: the bounds then are wider than need be. For with q the flat mixture's rate,
    w <= 1 a cluster's weight and x its mean, (q/p)^(wx) ((1-q)/(1-p))^(w(1-x)) is at most 1 + w
    (x q/p + (1-x)(1-q)/(1-p) - 1) (means of numbers), which is 1 on average. Sources: Robbins
    (1970), Annals of Mathematical Statistics 41(5); Howard et al. (2021), Annals of Statistics
    49(2).
    """
    method = "confidence sequence"
    if n == 0:
        return Estimate(value=None, n=0, method=method)
    # A sum of scores may be rounded past what it can be.
    successes = min(max(successes, 0.0), n)
    rate = successes / n
    won, lost = successes / largest_cluster, (n - successes) / largest_cluster
    least = _log_beta(won + 1, lost + 1) + math.log(1 - level)

    def bound(end: float) -> float:
        """Between the rate, which is always inside, and an end that is outside."""
        inside, outside = rate, end
        for _ in range(_HALVINGS):
            middle = (inside + outside) / 2
            # A middle is rounded to the end itself where the rate is next to it.
            if middle != end and won * math.log(middle) + lost * math.log1p(-middle) > least:
                inside = middle
            else:
                outside = middle
        return inside

    low, high = bound(0.0) if successes else 0.0, bound(1.0) if lost else 1.0
    return Estimate(value=rate, low=low, high=high, n=n, method=method)


def anytime_factor(n: int, *, level: float = 0.95, tightest_at: int = 100) -> float:
    """How many standard errors of a mean its bounds are away that hold at all times together.

    Asymptotic, from the first few dozen observations on; the factor is smallest near `tightest_at`
    of them. Source: Waudby-Smith et al. (2024), Annals of Statistics 52(6), theorem 2.2 and
    appendix B.2.
    """
    alpha = 1 - level
    log = -2 * math.log(alpha)
    mixed = n * (log + math.log(log + 1)) / tightest_at
    return math.sqrt(2 * (1 + 1 / mixed) * math.log(math.sqrt(mixed + 1) / alpha))


def difference_sequence(wins: int, losses: int, n: int, *, level: float = 0.95) -> Estimate:
    """Difference of two rates on the same `n` cases, with bounds that hold at all times together.

    Those differences that some rates of winning, losing and neither have, whose likelihood the flat
    mixture over such rates does not exceed 1 / alpha times. Sources: Robbins (1970), as
    `confidence_sequence`; the likeliest rates of a given difference are those of Tango (1998),
    Statistics in Medicine 17(8).
    """
    method = "confidence sequence"
    if n == 0:
        return Estimate(value=None, n=0, method=method)
    ties = n - wins - losses
    mixture = math.lgamma(3) - math.lgamma(n + 3)
    mixture += sum(math.lgamma(count + 1) for count in (wins, losses, ties))
    least = mixture + math.log(1 - level)
    difference = (wins - losses) / n

    def bound(end: float) -> float:
        """Between the difference, which is always inside, and an end."""
        inside, outside = difference, end
        for _ in range(_HALVINGS):
            middle = (inside + outside) / 2
            if _log_likelihood_of_difference(middle, wins, losses, ties) > least:
                inside = middle
            else:
                outside = middle
        return inside

    return Estimate(value=difference, low=bound(-1.0), high=bound(1.0), n=n, method=method)


def sprt(
    outcomes: Iterable[bool], *, p0: float, p1: float, alpha: float = 0.05, beta: float = 0.2
) -> Sprt:
    """Decides between the rates `p0` (H0) and `p1` (H1) with as few outcomes as it takes.

    `alpha` and `beta` are the probabilities of deciding wrongly under H0 and H1. Source: Wald
    (1945), Annals of Mathematical Statistics 16(2).
    """
    lower, upper = math.log(beta / (1 - alpha)), math.log((1 - beta) / alpha)
    steps = {True: math.log(p1 / p0), False: math.log((1 - p1) / (1 - p0))}
    total, stopped_at = 0.0, None
    decision: Literal["H0", "H1"] | None = None
    for place, outcome in enumerate(outcomes, start=1):
        total += steps[bool(outcome)]
        if not lower < total < upper:
            stopped_at, decision = place, "H1" if total >= upper else "H0"
            break
    return Sprt(lower=lower, upper=upper, log_ratio=total, stopped_at=stopped_at, decision=decision)


def _log_likelihood_of_difference(difference: float, wins: int, losses: int, ties: int) -> float:
    """The largest there is under this difference, strictly between -1 and 1."""
    n, rest = wins + losses + ties, 1 - difference
    linear = (wins + losses) * rest - 2 * difference * (losses + ties)
    root = math.sqrt(max(linear**2 + 8 * n * losses * difference * rest, 0.0))
    lose = (linear + root) / (4 * n)
    lose = min(max(lose, 0.0, -difference), rest / 2)
    rates = (wins, lose + difference), (losses, lose), (ties, rest - 2 * lose)
    if any(count and rate <= 0 for count, rate in rates):
        return -math.inf
    return sum(count * math.log(rate) for count, rate in rates if count)


def _log_beta(a: float, b: float) -> float:
    return math.lgamma(a) + math.lgamma(b) - math.lgamma(a + b)
