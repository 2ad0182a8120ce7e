"""Scores of a period's records as counts of equal ones, and the means that they say."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from evalrunner.calibrate.correction import FEWEST, FEWEST_OF_A_KIND
from evalrunner.calibrate.judged import PASS
from evalrunner.production.trend.history import Tally
from evalrunner.stats import (
    bounded_mean_interval,
    prediction_powered_mean,
    weighted_rate,
    wilson_interval,
)
from evalrunner.stats.sequential import anytime_factor, confidence_sequence
from evalrunner.types import Estimate

Floats = NDArray[np.float64]


def tallies_of(
    scores: Mapping[str, float], weights: Mapping[str, float], labels: Mapping[str, float]
) -> tuple[Tally, ...]:
    """Counts of scored records, all by their ids; sorted."""
    counts = Counter(
        (score, labels.get(record), weights[record]) for record, score in scores.items()
    )
    ordered = sorted(counts, key=lambda key: (key[0], key[1] is not None, key[1] or 0.0, key[2]))
    return tuple(
        Tally(score=score, label=label, weight=weight, n=counts[score, label, weight])
        for score, label, weight in ordered
    )


def own_mean(tallies: Sequence[Tally], *, level: float) -> Estimate:
    """Mean score of one period, with the interval that holds for it alone."""
    values, weights, _ = _columns(tallies)
    if values.size and np.ptp(weights) > 0:
        return weighted_rate(values, weights, level=level)
    if np.isin(values, (0, 1)).all():
        return wilson_interval(float(values.sum()), values.size, level=level)
    return bounded_mean_interval(values, level=level)


def anytime_mean(periods: Sequence[Sequence[Tally]], *, level: float) -> Estimate:
    """Mean score of some periods together, with bounds that hold however often one looks.

    A weight counts as a share of the heaviest of its period, so that another sampling rate in
    another period changes nothing.
    """
    won = total = 0.0
    for tallies in periods:
        heaviest = max((tally.weight for tally in tallies), default=1.0)
        total += sum(tally.n * tally.weight / heaviest for tally in tallies)
        won += sum(tally.n * tally.weight / heaviest * tally.score for tally in tallies)
    n = sum(tally.n for tallies in periods for tally in tallies)
    if not n:
        return confidence_sequence(0, 0)
    found = confidence_sequence(won / total * n, n, level=level, largest_cluster=n / total)
    return replace(found, value=won / total)


def corrected_mean(tallies: Sequence[Tally], *, level: float) -> Estimate | None:
    """What people would have scored on average, by their labels; None where these are too few."""
    return _corrected(tallies, level=level, is_anytime=False)


def anytime_corrected(periods: Sequence[Sequence[Tally]], *, level: float) -> Estimate | None:
    """As `corrected_mean` of some periods together, with bounds that hold at all times.

    Asymptotic: it needs the few dozen labels without which there is none.
    """
    pooled = [tally for tallies in periods for tally in _relative(tallies)]
    return _corrected(pooled, level=level, is_anytime=True)


def has_enough_labels(tallies: Iterable[Tally]) -> bool:
    """Whether there are labels to correct a mean by: some dozens, and some of either kind."""
    counted = [(tally.label, tally.n) for tally in tallies if tally.label is not None]
    passed = sum(n for label, n in counted if label >= PASS)
    total = sum(n for _, n in counted)
    return total >= FEWEST and min(passed, total - passed) >= FEWEST_OF_A_KIND


def _corrected(tallies: Sequence[Tally], *, level: float, is_anytime: bool) -> Estimate | None:
    if not has_enough_labels(tallies):
        return None
    scores, weights, labels = _columns(tallies)
    known = ~np.isnan(labels)
    found = prediction_powered_mean(
        labels[known],
        scores[known],
        scores[~known],
        weights=(weights[known], weights[~known]) if np.ptp(weights) > 0 else None,
        bounds="normal" if is_anytime else "wilson",
        level=level,
    )
    return _at_any_time(found, level=level) if is_anytime else found


def _at_any_time(found: Estimate, *, level: float) -> Estimate:
    """From bounds for one look, one of which may have been cut at 0 or 1."""
    value, low, high = found.value or 0.0, found.low or 0.0, found.high or 0.0
    z = NormalDist().inv_cdf((1 + level) / 2)
    half = max(value - low, high - value) / z * anytime_factor(found.n, level=level)
    return replace(
        found,
        low=max(0.0, value - half),
        high=min(1.0, value + half),
        method=f"{found.method}, confidence sequence",
    )


def _relative(tallies: Sequence[Tally]) -> list[Tally]:
    heaviest = max((tally.weight for tally in tallies), default=1.0)
    return [replace(tally, weight=tally.weight / heaviest) for tally in tallies]


def _columns(tallies: Sequence[Tally]) -> tuple[Floats, Floats, Floats]:
    """Score, weight and label (NaN = none) of each record."""
    counts = [tally.n for tally in tallies]
    columns = (
        [tally.score for tally in tallies],
        [tally.weight for tally in tallies],
        [np.nan if tally.label is None else tally.label for tally in tallies],
    )
    scores, weights, labels = (np.repeat(np.array(c, np.float64), counts) for c in columns)
    return scores, weights, labels
