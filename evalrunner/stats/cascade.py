"""A cheap model first, a dear one where a signal distrusts the cheap answer.

The signal is any number a case that is higher where the cheap answer is more likely right: how
many of the repeats, or of the cells, agree on it (`agreement_signal`), or what a verifier says.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from evalrunner.stats.intervals import bounded_mean_interval, mean_interval
from evalrunner.stats.paired import difference_interval
from evalrunner.stats.routing import FOLDS, seeded_folds
from evalrunner.types import Estimate

_SLACK = 1e-9
"""Qualities that differ by less are equal: their sums were rounded differently."""

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Cascade:
    """What a two-stage cascade reaches on cases that its threshold was not chosen on."""

    threshold: float | None
    """The cheap answer is taken where the signal is at least this; None: nowhere. From all cases,
    for use; the figures below come from the thresholds of the folds."""
    escalated: Estimate
    """Share of the cases that go to the strong model."""
    quality: Estimate
    cost: Estimate
    """Mean over the cases, both stages together where both are asked."""
    difference: Estimate
    """Quality above that of the strong model alone, on the same cases."""
    quality_share: float | None
    """Of the strong model's quality; None when that is 0."""
    cost_share: float | None
    """Of the strong model's cost; None when that is 0."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifiedCascade:
    """What a cascade reaches whose verifier errs as often as said."""

    accepted: float
    """Share of the cases that stay with the cheap model."""
    quality: float
    cost: float


def verified_cascade(
    weak: ArrayLike,
    strong: ArrayLike,
    *,
    weak_cost: float,
    strong_cost: float,
    true_positive_rate: float = 1.0,
    false_positive_rate: float = 0.0,
) -> VerifiedCascade:
    """What a verifier of the cheap answer would reach: by default a perfect one, the upper bound.

    Args:
        weak: 1 where the cheap model is right, else 0; a column with a row for each case.
        strong: The same of the other model.
        weak_cost: Mean cost of a cheap answer, with the verifier's.
        strong_cost: Mean cost of an answer of the strong model.
        true_positive_rate: Share of the right cheap answers that the verifier accepts.
        false_positive_rate: Share of the wrong ones that it accepts.

    The verifier's errors are taken as independent of whether the strong model is right.
    Source: Chen, Zaharia and Zou (2023), FrugalGPT, arXiv 2305.05176, section 3.
    """
    cheap, dear = np.asarray(weak, np.float64), np.asarray(strong, np.float64)
    accepted = true_positive_rate * cheap + false_positive_rate * (1 - cheap)
    share = float(accepted.mean())
    return VerifiedCascade(
        accepted=share,
        quality=float((true_positive_rate * cheap + (1 - accepted) * dear).mean()),
        cost=weak_cost + strong_cost * (1 - share),
    )


def agreement_signal(answers: ArrayLike) -> tuple[Floats, Floats]:
    """The most frequent answer to each case, and which share of the answers it has.

    `answers` are codes, answers x cases, with NaN for a missing one; of equally frequent ones the
    lowest code is taken. NaN and 0 for a case without any. Source: Wang et al. (2023),
    Self-Consistency, ICLR; Yue et al. (2024), Large Language Model Cascades, ICLR.
    """
    codes = np.asarray(answers, np.float64)
    domain = np.unique(codes[~np.isnan(codes)])
    counts = (codes[None] == domain[:, None, None]).sum(axis=1)
    given = np.maximum((~np.isnan(codes)).sum(axis=0), 1)
    if not domain.size:
        return np.full(codes.shape[1], np.nan), np.zeros(codes.shape[1])
    share = counts.max(axis=0) / given
    return np.where(share > 0, domain[counts.argmax(axis=0)], np.nan), share


def two_stage_cascade(
    quality: tuple[ArrayLike, ArrayLike],
    cost: tuple[ArrayLike, ArrayLike],
    signal: ArrayLike,
    *,
    rng: np.random.Generator,
    margin: float = 0.0,
    clusters: ArrayLike | None = None,
    by: str = "cluster",
    level: float = 0.95,
) -> Cascade:
    """Chooses the cheapest threshold that costs at most `margin` of the strong model's quality.

    Args:
        quality: Of the cheap and of the strong model, each in [0, 1] and a value a case.
        cost: Of both, in the same order; the first with all that the signal costs.
        signal: Higher where the cheap answer deserves more trust.
        rng: Divides the cases into folds; each is judged by a threshold from the others.
        margin: Quality that may be given up, on the cases that choose the threshold.
        clusters: Codes of dependent cases, which stay in one fold.
        by: What the clusters are, for the method's name.
        level: Confidence level.

    Cases on which any of the five values is missing (NaN) are left out. Sources: Chen, Zaharia
    and Zou (2023), FrugalGPT, arXiv 2305.05176; Stone (1974), JRSS B 36(2).
    """
    table = np.array([*quality, *cost, signal], dtype=np.float64)
    known = ~np.isnan(table).any(axis=0)
    table = table[:, known]
    codes = None if clusters is None else np.asarray(clusters)[known]
    accepted = np.zeros(table.shape[1], dtype=np.bool_)
    for held_out in seeded_folds(accepted.size, folds=FOLDS, rng=rng, clusters=codes):
        threshold = _threshold(table[:, ~held_out], margin=margin)
        accepted[held_out] = table[4, held_out] >= threshold
    chosen = _threshold(table, margin=margin)
    weak, strong, weak_cost, strong_cost = table[:4]
    reached = np.where(accepted, weak, strong)
    spent = weak_cost + np.where(accepted, 0.0, strong_cost)
    return Cascade(
        threshold=None if math.isinf(chosen) else chosen,
        escalated=bounded_mean_interval(~accepted, clusters=codes, by=by, level=level),
        quality=bounded_mean_interval(reached, clusters=codes, by=by, level=level),
        cost=mean_interval(spent, clusters=codes, by=by, level=level, bounds=(0.0, math.inf)),
        difference=difference_interval(reached - strong, clusters=codes, by=by, level=level),
        quality_share=_share(reached, strong),
        cost_share=_share(spent, strong_cost),
    )


def _threshold(table: Floats, *, margin: float) -> float:
    """Lowest signal from which on the cheap answers may be taken; infinity for none of them."""
    weak, strong, _, _, signal = table
    order = np.argsort(-signal, kind="stable")
    signal = signal[order]
    # What is lost when the cheap answer is taken for the first k cases, of the highest signals.
    lost = np.cumsum((strong - weak)[order]) / max(signal.size, 1)
    is_last = np.append(signal[1:] != signal[:-1], True)[: signal.size]
    fits = np.flatnonzero(is_last & (lost <= margin + _SLACK))
    return float(signal[fits[-1]]) if fits.size else math.inf


def _share(part: Floats, whole: Floats) -> float | None:
    total = float(whole.sum())
    return float(part.sum()) / total if total > 0 else None
