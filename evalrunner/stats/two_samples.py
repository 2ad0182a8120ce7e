"""Whether two samples of texts or vectors are alike: test set and production, for one."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from evalrunner.stats.intervals import wilson_interval
from evalrunner.types import Estimate

_ROUNDING = 1e-12
"""Divisions that are as far apart differ by less."""

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassifierTest:
    """Whether a classifier tells two samples apart on cases it was not trained on."""

    accuracy: Estimate
    p_value: float
    """One-sided and exact, of being no better than chance."""
    z: float
    """The same deviation in standard errors."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MeanDiscrepancy:
    """Squared maximum mean discrepancy of two samples."""

    biased: float
    """Never below 0."""
    unbiased: float
    p_value: float
    """Share of the random divisions into two samples that are at least as far apart."""


def classifier_test(correct: int, n: int, *, chance: float = 0.5) -> ClassifierTest:
    """Tests a classifier that tells test set and production apart, on `n` > 0 held-out cases.

    `chance` is the share of the more frequent sample. Source: Lopez-Paz and Oquab (2017),
    Revisiting Classifier Two-Sample Tests, ICLR.
    """
    from scipy.special import bdtrc

    return ClassifierTest(
        accuracy=wilson_interval(correct, n),
        p_value=float(bdtrc(correct - 1, n, chance)) if correct else 1.0,
        z=(correct - n * chance) / math.sqrt(n * chance * (1 - chance)),
    )


def mean_discrepancy(
    one: ArrayLike,
    other: ArrayLike,
    *,
    rng: np.random.Generator,
    gamma: float | None = None,
    permutations: int = 500,
) -> MeanDiscrepancy:
    """How far two samples of vectors (rows) are apart, with the kernel exp(-gamma distance^2).

    `gamma` None = 1 / the median squared distance. Memory grows with the square of the number of
    cases; each sample needs two. Source: Gretton et al. (2012), JMLR 13, lemma 6.
    """
    rows = [np.asarray(sample, np.float64) for sample in (one, other)]
    x, y = (sample.reshape(len(sample), -1) for sample in rows)
    both = np.concatenate([x, y])
    squares = (both**2).sum(axis=1)
    distances = np.maximum(squares[:, None] + squares[None] - 2 * both @ both.T, 0.0)
    kernel = np.exp(-(_median_gamma(distances) if gamma is None else gamma) * distances)
    member = (np.arange(len(both)) < len(x)).astype(np.float64)
    drawn = rng.permuted(np.tile(member, (permutations, 1)), axis=1)
    found = _discrepancies(np.vstack([member, drawn]), kernel)
    as_far = (found.squared[1:] >= found.squared[0] - _ROUNDING).sum()
    size = (len(x), len(y))
    # The unbiased one leaves out that every case is equal to itself.
    within = [
        (found.within[side, 0] * size[side] - 1) / (size[side] - 1) for side in range(len(size))
    ]
    return MeanDiscrepancy(
        biased=max(0.0, float(found.squared[0])),
        unbiased=float(within[0] + within[1] - 2 * found.between[0]),
        p_value=float(1 + as_far) / (1 + permutations),
    )


@dataclass(frozen=True, slots=True)
class _Means:
    """Mean kernel values, one for each division into two samples."""

    within: Floats
    between: Floats

    @property
    def squared(self) -> Floats:
        found: Floats = self.within.sum(axis=0) - 2 * self.between
        return found


def _discrepancies(members: Floats, kernel: Floats) -> _Means:
    """Of divisions x cases, 1 for the first sample and 0 for the second."""
    others = 1 - members
    sizes = members.sum(axis=1), others.sum(axis=1)
    pulled = members @ kernel, others @ kernel
    return _Means(
        within=np.array(
            [
                (pulled[0] * members).sum(axis=1) / sizes[0] ** 2,
                (pulled[1] * others).sum(axis=1) / sizes[1] ** 2,
            ]
        ),
        between=(pulled[0] * others).sum(axis=1) / (sizes[0] * sizes[1]),
    )


def _median_gamma(distances: Floats) -> float:
    pairs = distances[np.triu_indices(len(distances), k=1)]
    median = float(np.median(pairs))
    return 1 / median if median > 0 else 1.0
