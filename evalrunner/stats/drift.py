"""Whether the mix of categories in production is still that of the test set.

Test first, then size: with few cases and many categories every measure of distance is far from 0
without any drift, so none of them is read against a rule of thumb.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

RESAMPLES = 2000
_FLOOR = 1e-4
"""Share that an empty category counts with in logarithms, as is usual for the PSI."""
_LEAST_EXPECTED = 1
"""Of a category in either row; with many categories the chi-square test holds down to there."""

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class ChiSquare:
    """A chi-square test."""

    statistic: float
    df: int
    p_value: float
    """1 when one category is left."""
    cramers_v: float
    """Size of the difference: 0 = none, 1 = no category in common."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MixDrift:
    """How far the mix of categories in production is from that of the test set."""

    test: ChiSquare
    """Of both being drawn from one mix, rare categories taken together."""
    psi: float
    psi_without_drift: float
    """Mean of the PSI between two samples as large as these, drawn from one mix."""
    psi_p_value: float
    """Share of such samples whose PSI is at least as large: what the size of `psi` means."""
    js_divergence: float
    """Jensen-Shannon, in bits: 0 = the same mix, 1 = no category in common."""
    total_variation: float
    """Share of the cases that would have to change their category."""


def mix_drift(
    test_set: ArrayLike,
    production: ArrayLike,
    *,
    rng: np.random.Generator,
    resamples: int = RESAMPLES,
) -> MixDrift:
    """Compares counts of the same categories in the test set and in a production sample.

    Each needs a case at least. Sources: Yurdakul and Naranjo (2020), Journal of Risk Model
    Validation 14(4), on the PSI of samples without drift; see the measures for theirs.
    """
    before, after = np.asarray(test_set, np.float64), np.asarray(production, np.float64)
    pooled = (before + after) / (before + after).sum()
    psi = float(population_stability(before, after))
    null = population_stability(
        rng.multinomial(round(before.sum()), pooled, size=resamples),
        rng.multinomial(round(after.sum()), pooled, size=resamples),
    )
    return MixDrift(
        test=homogeneity(before, after),
        psi=psi,
        psi_without_drift=float(null.mean()),
        psi_p_value=float((1 + (null >= psi).sum()) / (1 + resamples)),
        js_divergence=js_divergence(before, after),
        total_variation=total_variation(before, after),
    )


def homogeneity(one: ArrayLike, other: ArrayLike) -> ChiSquare:
    """Chi-square test of two rows of counts being drawn from one mix.

    Categories with fewer than 1 expected case in either row are taken together, and with the
    smallest other one if that is still too few. Sources: Pearson (1900), Philosophical Magazine
    50; Cochran (1954), Biometrics 10(4), and Koehler and Larntz (1980), JASA 75(370), on small
    counts; Cramer (1946), Mathematical Methods of Statistics, on the size.
    """
    table = _without_rare(np.array([one, other], dtype=np.float64))
    n, df = float(table.sum()), table.shape[1] - 1
    expected = np.outer(table.sum(axis=1), table.sum(axis=0)) / n
    return _chi_square(table, expected, df=df, n=n)


def goodness_of_fit(counts: ArrayLike, mix: ArrayLike) -> ChiSquare:
    """Chi-square test of counts being drawn from a mix that is known, not sampled.

    Categories that the mix lacks are left out. Source: Pearson (1900), Philosophical Magazine 50.
    """
    observed, shares = np.asarray(counts, np.float64), np.asarray(mix, np.float64)
    observed, shares = observed[shares > 0], shares[shares > 0]
    n = float(observed.sum())
    return _chi_square(observed, n * shares / shares.sum(), df=observed.size - 1, n=n)


def population_stability(one: ArrayLike, other: ArrayLike, *, floor: float = _FLOOR) -> Floats:
    """PSI of two mixes along the last axis: sum of (b - a) ln(b / a) over the shares.

    Empty categories count as `floor`. Source: Siddiqi (2006), Credit Risk Scorecards; read it
    against `MixDrift.psi_without_drift`, not against his 0.1 and 0.25.
    """
    a, b = (np.maximum(_shares(counts), floor) for counts in (one, other))
    return np.asarray(((b - a) * np.log(b / a)).sum(axis=-1))


def kl_divergence(one: ArrayLike, other: ArrayLike) -> float:
    """Kullback-Leibler divergence of the first mix from the second, in nats.

    Infinite where the second lacks a category of the first. Source: Kullback and Leibler (1951),
    Annals of Mathematical Statistics 22(1).
    """
    p, q = _shares(one), _shares(other)
    inside = p > 0
    if (q[inside] == 0).any():
        return math.inf
    return float((p[inside] * np.log(p[inside] / q[inside])).sum())


def js_divergence(one: ArrayLike, other: ArrayLike) -> float:
    """Jensen-Shannon divergence of two mixes in bits, in [0, 1].

    Source: Lin (1991), IEEE Transactions on Information Theory 37(1).
    """
    p, q = _shares(one), _shares(other)
    middle = (p + q) / 2
    return (kl_divergence(p, middle) + kl_divergence(q, middle)) / (2 * math.log(2))


def total_variation(one: ArrayLike, other: ArrayLike) -> float:
    """Half the sum of the differences of the shares: what would have to move.

    Source: Levin, Peres and Wilmer (2009), Markov Chains and Mixing Times, ch. 4.
    """
    return float(np.abs(_shares(one) - _shares(other)).sum() / 2)


def thin_share(test_set: ArrayLike, production: ArrayLike, *, least: int = 5) -> float:
    """Share of production in categories that the test set has fewer than `least` cases of.

    5 as the fewest for which a category's rate says anything: Cochran (1954), Biometrics 10(4).
    """
    return float(_shares(production)[np.asarray(test_set) < least].sum())


def _shares(counts: ArrayLike) -> Floats:
    values = np.asarray(counts, np.float64)
    shares: Floats = values / values.sum(axis=-1, keepdims=True)
    return shares


def _without_rare(table: Floats) -> Floats:
    """Rare columns as one, which is joined to the smallest other if it is rare itself."""
    smaller = float(table.sum(axis=1).min() / table.sum())
    is_rare = table.sum(axis=0) * smaller < _LEAST_EXPECTED
    kept, rest = table[:, ~is_rare], table[:, is_rare].sum(axis=1, keepdims=True)
    if rest.sum() * smaller >= _LEAST_EXPECTED or not kept.size:
        return np.hstack([kept, rest])
    kept[:, kept.sum(axis=0).argmin()] += rest[:, 0]
    return kept


def _chi_square(observed: Floats, expected: Floats, *, df: int, n: float) -> ChiSquare:
    from scipy.special import chdtrc

    statistic = float(((observed - expected) ** 2 / expected).sum())
    return ChiSquare(
        statistic=statistic,
        df=df,
        p_value=float(chdtrc(df, statistic)) if df else 1.0,
        cramers_v=math.sqrt(statistic / n),
    )
