"""How often 95 % intervals hold the truth, and how often a comparison of equals calls them apart.

    python benchmarks/coverage.py [--small]

Simulated test sets of 100 to 500 cases and true rates of .5 to .98. Bars: over all of them a kind
of interval covers 94 to 96 % on average and 92 % everywhere; at most 5 % of the comparisons of
equal models are false alarms. Clusters are five cases, or ten in the rows with *: there 100 cases
are fewer than the 20 clusters below which a comparison warns (`few_clusters`), and no bar holds.
"""

from __future__ import annotations

import functools
import zlib
from collections.abc import Callable, Iterable
from statistics import NormalDist

import harness
import numpy as np
from numpy.typing import NDArray

from evalrunner.stats import (
    PairedDifference,
    bounded_mean_interval,
    clustered_rate_interval,
    holm,
    paired_differences,
    wilson_interval,
)
from evalrunner.types import Estimate

SIZES = (100, 200, 350, 500)
RATES = (0.5, 0.7, 0.8, 0.9, 0.95, 0.98)
GAPS = (0.0, 0.03, 0.1)
"""True differences of the two models of a comparison."""
REPEATS = 5
LEVELS = 4
"""A graded score is the share of so many criteria that are met."""
FAMILY = 10
"""Equal models, all pairs of whom are compared and adjusted by Holm."""
FLIPS = 999

Floats = NDArray[np.float64]
Simulated = Iterable[tuple[float, bool]]
"""Pairs of a true difference, or 0, and whether an interval held, or an alarm was false."""
Kind = Callable[[int, float, int, np.random.Generator], Simulated]
"""Of a number of cases, a rate and a number of test sets."""


def main() -> None:
    options = harness.arguments(__doc__)
    sets = 400 if options.small else 4000
    harness.show(
        f"Coverage of 95 % intervals, {sets:,} test sets a point",
        ("interval", "points", "mean", "least", "at n, p, difference", "met"),
        [covered(name, kind, sets) for name, kind in INTERVALS.items()],
        "Bars: mean 94 to 96 %, nowhere under 92 %.",
        f"Standard error of a point: {100 * (0.95 * 0.05 / sets) ** 0.5:.2f} %.",
    )
    harness.show(
        f"False alarms of comparisons at 5 %, {sets:,} test sets a point",
        ("comparison of equal models", "points", "mean", "most", "at n, p", "met"),
        [alarmed(name, kind, sets) for name, kind in COMPARISONS.items()],
        "Bar: mean at most 5 %.",
    )


def covered(name: str, kind: Kind, sets: int) -> tuple[object, ...]:
    """A row of the table of intervals."""
    points = simulate(name, kind, sets)
    mean, least = np.mean(list(points.values())), min(points, key=points.__getitem__)
    met = harness.verdict(holds=bool(0.94 <= mean <= 0.96 and points[least] >= 0.92))
    place = f"{least[0]}, {least[1]}, {least[2]}"
    return name, len(points), f"{mean:.1%}", f"{points[least]:.1%}", place, _bar(name, met)


def alarmed(name: str, kind: Kind, sets: int) -> tuple[object, ...]:
    """A row of the table of comparisons."""
    points = simulate(name, kind, sets)
    mean, most = np.mean(list(points.values())), max(points, key=points.__getitem__)
    met = harness.verdict(holds=bool(mean <= 0.05))
    place = f"{most[0]}, {most[1]}"
    return name, len(points), f"{mean:.1%}", f"{points[most]:.1%}", place, _bar(name, met)


def simulate(name: str, kind: Kind, sets: int) -> dict[tuple[int, float, float], float]:
    """Share of hits at each point; every row has a seed of its own."""
    rng = np.random.default_rng(zlib.crc32(name.encode()))
    hits: dict[tuple[int, float, float], list[bool]] = {}
    for n in SIZES:
        for rate in RATES:
            for gap, hit in kind(n, rate, sets, rng):
                hits.setdefault((n, rate, gap), []).append(hit)
    return {place: float(np.mean(found)) for place, found in hits.items()}


def independent_rates(n: int, rate: float, sets: int, rng: np.random.Generator) -> Simulated:
    return [
        (0.0, holds(wilson_interval(passed, n), rate))
        for passed in rng.binomial(n, rate, sets).tolist()
    ]


def clustered_rates(
    n: int, rate: float, sets: int, rng: np.random.Generator, *, size: int, rho: float
) -> Simulated:
    chances = np.repeat(_betas(rate, rho, (sets, n // size), rng), size, axis=1)
    outcomes = (rng.random((sets, n)) < chances).astype(np.float64)
    codes = np.arange(n) // size
    return [
        (0.0, holds(clustered_rate_interval(row, n_trials=n, clusters=codes), rate))
        for row in outcomes
    ]


def repeated_rates(
    n: int, rate: float, sets: int, rng: np.random.Generator, *, rho: float
) -> Simulated:
    means = rng.binomial(REPEATS, _betas(rate, rho, (sets, n), rng)) / REPEATS
    return [(0.0, holds(clustered_rate_interval(row, n_trials=REPEATS * n), rate)) for row in means]


def graded_means(
    n: int, rate: float, sets: int, rng: np.random.Generator, *, size: int = 1
) -> Simulated:
    chances = np.repeat(_betas(rate, 0.3, (sets, n // size), rng), size, axis=1)
    scores = rng.binomial(LEVELS, chances) / LEVELS
    codes = np.arange(n) // size if size > 1 else None
    return [(0.0, holds(bounded_mean_interval(row, clusters=codes), rate)) for row in scores]


def differences(
    n: int,
    rate: float,
    sets: int,
    rng: np.random.Generator,
    *,
    size: int = 1,
    repeats: int = 1,
) -> Simulated:
    for gap in GAPS:
        for found in _compared(n, (rate, rate - gap), sets, rng, size=size, repeats=repeats):
            yield gap, holds(found.difference, gap)


def false_alarms(
    n: int,
    rate: float,
    sets: int,
    rng: np.random.Generator,
    *,
    size: int = 1,
    repeats: int = 1,
) -> Simulated:
    for found in _compared(n, (rate, rate), sets, rng, size=size, repeats=repeats):
        yield 0.0, found.p_value is not None and found.p_value <= 0.05


def false_families(n: int, rate: float, sets: int, rng: np.random.Generator) -> Simulated:
    """Whether any of all pairs of equal models is called different."""
    pairs = [(a, b) for a in range(FAMILY) for b in range(a)]
    for _ in range(max(1, sets // FAMILY)):
        scores = _scores(n, (rate,) * FAMILY, 1, rng)
        found = paired_differences(scores, pairs, rng=rng, flips=FLIPS)
        yield 0.0, bool(holm([one.p_value or 0.0 for one in found]).min() <= 0.05)


def holds(estimate: Estimate, truth: float) -> bool:
    if estimate.low is None or estimate.high is None:
        return False
    # A bound that is the truth but for rounding holds it.
    return estimate.low - 1e-12 <= truth <= estimate.high + 1e-12


INTERVALS: dict[str, Kind] = {
    "rate": independent_rates,
    "rate by cluster, correlation .2": functools.partial(clustered_rates, size=5, rho=0.2),
    "rate by cluster, correlation .4": functools.partial(clustered_rates, size=5, rho=0.4),
    "rate by cluster of 10, .4 *": functools.partial(clustered_rates, size=10, rho=0.4),
    "rate of 5 repeats, correlation .2": functools.partial(repeated_rates, rho=0.2),
    "rate of 5 repeats, correlation .4": functools.partial(repeated_rates, rho=0.4),
    "graded mean": graded_means,
    "graded mean by cluster": functools.partial(graded_means, size=5),
    "difference": differences,
    "difference by cluster": functools.partial(differences, size=5),
    "difference by cluster of 10 *": functools.partial(differences, size=10),
    "difference of 5 repeats": functools.partial(differences, repeats=REPEATS),
}
COMPARISONS: dict[str, Kind] = {
    "McNemar mid-p": false_alarms,
    "sign flips by cluster": functools.partial(false_alarms, size=5),
    "sign flips by cluster of 10": functools.partial(false_alarms, size=10),
    "sign flips of 5 repeats": functools.partial(false_alarms, repeats=REPEATS),
    "any of 45 pairs, Holm": false_families,
}


def _compared(
    n: int,
    rates: tuple[float, float],
    sets: int,
    rng: np.random.Generator,
    *,
    size: int,
    repeats: int,
) -> list[PairedDifference]:
    scores = _scores(n, rates, sets, rng, size=size, repeats=repeats)
    pairs = [(2 * number, 2 * number + 1) for number in range(sets)]
    codes = np.arange(n) // size if size > 1 else None
    return paired_differences(scores, pairs, rng=rng, clusters=codes, flips=FLIPS)


def _scores(
    n: int,
    rates: tuple[float, ...],
    sets: int,
    rng: np.random.Generator,
    *,
    size: int = 1,
    repeats: int = 1,
) -> Floats:
    """Mean scores of models on the same cases, one model of one test set a row.

    An answer is right if a normal variable lies under the rate's quantile. It is the sum of what
    the models have in common on a cluster and on a case, what a model has of its own on them, and
    chance; a fifth of the variance each.
    """
    models = len(rates)
    limits = np.array([NormalDist().inv_cdf(rate) for rate in rates])[:, None]

    def part(*shape: int, length: int = 1) -> Floats:
        return np.repeat(rng.normal(0, 0.2**0.5, (sets, *shape)), length, axis=-1)

    fixed = part(1, n // size, length=size) + part(1, n)
    own = part(models, n // size, length=size) + part(models, n)
    passed = sum(
        (fixed + own + part(models, n) < limits).astype(np.float64) for _ in range(repeats)
    )
    means: Floats = np.asarray(passed / repeats).reshape(sets * models, n)
    return means


def _betas(rate: float, rho: float, shape: tuple[int, int], rng: np.random.Generator) -> Floats:
    """Chances with mean `rate` that make outcomes of one chance correlate with `rho`."""
    total = (1 - rho) / rho
    return rng.beta(rate * total, (1 - rate) * total, size=shape)


def _bar(name: str, met: str) -> str:
    return "–" if name.endswith("*") else met


if __name__ == "__main__":
    main()
