"""How far results depend on the judge: on which one is asked, and on asking it again."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from evalrunner.stats.intervals import clustered_rate_interval
from evalrunner.types import Estimate

_TWO = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class RetestNoise:
    """How much the verdicts of one judge on the same answers differ from each other."""

    changed: Estimate
    """Share of the verdicts that were another one the second time."""
    sd: float | None
    """Standard deviation of a single verdict around what the judge would say on average."""

    def mean_error(self, n: int) -> float | None:
        """Standard error that the judge's noise alone gives a mean over `n` answers."""
        return None if self.sd is None or n < 1 else self.sd / math.sqrt(n)


def kendall_tau(first: ArrayLike, second: ArrayLike) -> float | None:
    """Tau-b of two rankings of the same items: 1 = the same order, -1 = reversed.

    Items that one of them does not rank (NaN) are left out; None when one of them ties them all.
    Source: Kendall (1945), Biometrika 33(3).
    """
    pair = np.asarray([first, second], dtype=np.float64)
    pair = pair[:, ~np.isnan(pair).any(axis=0)]
    one, two = np.sign(pair[:, :, None] - pair[:, None, :])
    ordered = float((one**2).sum() * (two**2).sum())
    return None if ordered == 0 else float((one * two).sum() / math.sqrt(ordered))


def retest_noise(
    first: ArrayLike,
    second: ArrayLike,
    *,
    clusters: ArrayLike | None = None,
    by: str = "case",
    level: float = 0.95,
) -> RetestNoise:
    """Noise of a judge from two verdicts on each of several answers.

    The standard deviation is that of the differences over sqrt(2); None below two pairs. Answers
    with a missing verdict (NaN) are left out. Source: Hopkins (2000), Sports Medicine 30(1).
    """
    pair = np.asarray([first, second], dtype=np.float64)
    known = ~np.isnan(pair).any(axis=0)
    differences = pair[0, known] - pair[1, known]
    codes = None if clusters is None else np.asarray(clusters)[known]
    changed = clustered_rate_interval(
        differences != 0, n_trials=differences.size, clusters=codes, by=by, level=level
    )
    enough = differences.size >= _TWO
    sd = float(differences.std(ddof=1)) / math.sqrt(2) if enough else None
    return RetestNoise(changed=changed, sd=sd)
