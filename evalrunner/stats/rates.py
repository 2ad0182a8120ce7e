"""Intervals of a rate that keep what Wilson's does not promise, from the beta distribution.

Wilson's interval (`intervals`) covers 95 % on average over rates; Clopper and Pearson's at every
rate, for which it is wider; the credible ones say where the rate lies, given a prior.
"""

from __future__ import annotations

from evalrunner.types import Estimate

_JEFFREYS = 0.5
_FLAT = 1.0


def clopper_pearson_interval(successes: int, n: int, *, level: float = 0.95) -> Estimate:
    """Proportion with bounds that cover it in at least `level` of all samples, at every rate.

    Without bounds for n = 0. Source: Clopper and Pearson (1934), Biometrika 26(4).
    """
    failures = n - successes
    below = _quantile((1 - level) / 2, successes, failures + 1) if successes else 0.0
    above = _quantile((1 + level) / 2, successes + 1, failures) if failures else 1.0
    return _estimate(successes, n, bounds=(below, above), method="clopper-pearson")


def jeffreys_interval(successes: int, n: int, *, level: float = 0.95) -> Estimate:
    """Proportion with the credible interval of the prior Beta(1/2, 1/2).

    Source: Brown, Cai and DasGupta (2001), Statistical Science 16(2).
    """
    bounds = _credible(successes, n, prior=_JEFFREYS, level=level)
    return _estimate(successes, n, bounds=bounds, method="jeffreys")


def flat_prior_interval(successes: int, n: int, *, level: float = 0.95) -> Estimate:
    """Proportion with the credible interval of a prior that finds every rate equally likely.

    Source: Bowyer, Aitchison and Ivanova (2025), arXiv 2503.01747.
    """
    bounds = _credible(successes, n, prior=_FLAT, level=level)
    return _estimate(successes, n, bounds=bounds, method="bayes, flat prior")


def _credible(successes: int, n: int, *, prior: float, level: float) -> tuple[float, float]:
    shape = (successes + prior, n - successes + prior)
    return _quantile((1 - level) / 2, *shape), _quantile((1 + level) / 2, *shape)


def _quantile(probability: float, a: float, b: float) -> float:
    from scipy.special import betaincinv

    return float(betaincinv(a, b, probability))


def _estimate(successes: int, n: int, *, bounds: tuple[float, float], method: str) -> Estimate:
    if n == 0:
        return Estimate(value=None, n=0, method=method)
    return Estimate(value=successes / n, low=bounds[0], high=bounds[1], n=n, method=method)
