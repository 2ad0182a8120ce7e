"""What pairs of answers say: who wins how often, and whether place or length decides.

An outcome is 1 when the first of two wins, 0 when the second does, 0.5 for a tie.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from evalrunner.stats.intervals import bounded_mean_interval, wilson_interval
from evalrunner.types import Estimate

_TIE = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class SignTest:
    """How often one of two things happened that ought to be equally frequent."""

    share: Estimate
    p_value: float | None
    """Two-sided, exact; None without any observation."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PositionBias:
    """Whether a judge that sees both orders of a pair favours a place."""

    inconsistency: Estimate
    """Share of the pairs whose verdict changes with the order."""
    first: SignTest
    """How many of those lean to the answer that stands first."""
    net: float | None
    """(Pairs that lean to the first - pairs that lean to the second) / all pairs."""


def win_rate(
    outcomes: ArrayLike,
    *,
    clusters: ArrayLike | None = None,
    by: str = "cluster",
    level: float = 0.95,
) -> Estimate:
    """(Wins + ties / 2) / n, with the interval of a mean of scores in [0, 1].

    SE = sd / sqrt(n), the draws as halves, as in the leaderboard of Li et al. (2023), AlpacaEval.
    """
    return bounded_mean_interval(outcomes, clusters=clusters, by=by, level=level)


def sign_test(ahead: int, behind: int, *, level: float = 0.95) -> SignTest:
    """Share of `ahead` among both, its Wilson interval, and whether it differs from one half.

    Ties are left out, and every observation counts as independent. Source: Dixon and Mood (1946),
    JASA 41(236).
    """
    from scipy.special import bdtr

    n = ahead + behind
    share = wilson_interval(ahead, n, level=level)
    p_value = min(1.0, 2 * float(bdtr(min(ahead, behind), n, 0.5))) if n else None
    return SignTest(share=share, p_value=p_value)


def position_bias(*, pairs: int, first: int, second: int, level: float = 0.95) -> PositionBias:
    """Bias to a place, from pairs that were judged in both orders.

    `first` counts the pairs where the answer that stood first won in both orders, or won in one
    and tied in the other; `second` those of the other place. The test is made among these alone:
    a consistent pair leans nowhere. Sources: Zheng et al. (2023), arXiv 2306.05685, section 3.3;
    Shi et al. (2024), arXiv 2406.07791.
    """
    return PositionBias(
        inconsistency=wilson_interval(first + second, pairs, level=level),
        first=sign_test(first, second, level=level),
        net=(first - second) / pairs if pairs else None,
    )


def length_bias(
    first_lengths: ArrayLike,
    second_lengths: ArrayLike,
    outcomes: ArrayLike,
    *,
    level: float = 0.95,
) -> SignTest:
    """How often the longer of two answers won, where there was a winner and a longer one.

    An association: the longer answer may be the better one. Source: Dubois et al. (2024),
    arXiv 2404.04475, on why it is worth asking.
    """
    longer = np.sign(np.asarray(first_lengths) - np.asarray(second_lengths))
    won = np.sign(np.asarray(outcomes, dtype=np.float64) - _TIE)
    agreeing = longer * won
    return sign_test(int((agreeing > 0).sum()), int((agreeing < 0).sum()), level=level)
