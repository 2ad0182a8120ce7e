"""A judge against people: how often it errs, and what the pass rate is without its errors.

Verdicts are 0 or 1 and people are right by definition; the corrected mean takes any scores in
[0, 1]. Labelled cases are a random sample, or carry weights that make them one.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import ArrayLike, NDArray

from evalrunner.stats.agreement import cohen_kappa
from evalrunner.stats.intervals import clustered_rate_interval, wilson_interval
from evalrunner.stats.paired import PairedDifference, paired_difference
from evalrunner.types import Estimate

_TWO = 2
"""Fewest labels that show any spread."""

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Confusion:
    """Verdicts of a judge on cases that people decided, too."""

    true_passes: int
    """Both pass."""
    false_fails: int
    """People pass, the judge does not."""
    false_passes: int
    """The judge passes, people do not."""
    true_fails: int
    """None passes."""

    @property
    def n(self) -> int:
        """Labelled cases."""
        return self.true_passes + self.false_fails + self.false_passes + self.true_fails

    @property
    def balanced_accuracy(self) -> float | None:
        """Mean of sensitivity and specificity; 0.5 = the verdict has nothing to do with truth."""
        rates = (
            _rate(self.true_passes, self.false_fails),
            _rate(self.true_fails, self.false_passes),
        )
        return None if rates[0] is None or rates[1] is None else (rates[0] + rates[1]) / 2

    @property
    def matthews(self) -> float | None:
        """Correlation of both verdicts. Source: Matthews (1975), BBA Protein Structure 405(2)."""
        tp, fn, fp, tn = self.true_passes, self.false_fails, self.false_passes, self.true_fails
        spread = (tp + fp) * (tp + fn) * (tn + fp) * (tn + fn)
        return (tp * tn - fp * fn) / math.sqrt(spread) if spread else None

    @property
    def crossover(self) -> float | None:
        """True pass rate below which such a judge inflates and above which it deflates.

        (1 - specificity) / (2 - sensitivity - specificity); None without errors, or a class.
        Source: Rogan and Gladen (1978), American Journal of Epidemiology 107(1).
        """
        missed = _rate(self.false_fails, self.true_passes)
        passed = _rate(self.false_passes, self.true_fails)
        if missed is None or passed is None or missed + passed == 0:
            return None
        return passed / (missed + passed)


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgeErrors:
    """How a judge's verdicts differ from those of people."""

    confusion: Confusion
    sensitivity: Estimate
    """Share of what people pass that the judge passes."""
    specificity: Estimate
    """Share of what people fail that the judge fails."""
    precision: Estimate
    """Share of what the judge passes that people pass."""
    negative_precision: Estimate
    """Share of what the judge fails that people fail."""
    kappa: Estimate
    inflation: PairedDifference
    """Pass rate of the judge above that of people, in paired cases."""


def judge_errors(
    human: ArrayLike,
    judge: ArrayLike,
    *,
    rng: np.random.Generator,
    clusters: ArrayLike | None = None,
    by: str = "cluster",
    level: float = 0.95,
) -> JudgeErrors:
    """Rates of a judge's errors on labelled cases, two columns of 0 and 1.

    `rng` draws the sign flips of the paired test with clusters. Sources: Altman and Bland (1994),
    BMJ 308, on the rates; see `paired_difference` and `cohen_kappa` for the rest.
    """
    people, verdicts = np.asarray(human) == 1, np.asarray(judge) == 1
    codes = None if clusters is None else np.asarray(clusters)

    def share(hits: NDArray[np.bool_], among: NDArray[np.bool_]) -> Estimate:
        if codes is None:
            return wilson_interval(int((hits & among).sum()), int(among.sum()), level=level)
        return clustered_rate_interval(
            hits[among], n_trials=int(among.sum()), clusters=codes[among], by=by, level=level
        )

    confusion = Confusion(
        true_passes=int((people & verdicts).sum()),
        false_fails=int((people & ~verdicts).sum()),
        false_passes=int((~people & verdicts).sum()),
        true_fails=int((~people & ~verdicts).sum()),
    )
    table = [
        [confusion.true_passes, confusion.false_fails],
        [confusion.false_passes, confusion.true_fails],
    ]
    return JudgeErrors(
        confusion=confusion,
        sensitivity=share(verdicts, people),
        specificity=share(~verdicts, ~people),
        precision=share(people, verdicts),
        negative_precision=share(~people, ~verdicts),
        kappa=cohen_kappa(table, level=level),
        inflation=paired_difference(verdicts, people, rng=rng, clusters=codes, by=by, level=level),
    )


def rogan_gladen(passes: int, n: int, confusion: Confusion, *, level: float = 0.95) -> Estimate:
    """True pass rate behind `passes` of `n` verdicts of a judge that errs as in `confusion`.

    (p + specificity - 1) / (sensitivity + specificity - 1), cut at [0, 1]. Without a value where
    the judge is no better than chance, or people never passed, or never failed, a case. Sources:
    Rogan and Gladen (1978), American Journal of Epidemiology 107(1); the interval: Lang and
    Reiczigel (2014), Preventive Veterinary Medicine 113(1), and Lee et al. (2025), arXiv
    2511.21140, appendix C.
    """
    method = "Rogan-Gladen, Lang-Reiczigel"
    sensitivity = _rate(confusion.true_passes, confusion.false_fails)
    specificity = _rate(confusion.true_fails, confusion.false_passes)
    positives = confusion.true_passes + confusion.false_fails + 2
    negatives = confusion.true_fails + confusion.false_passes + 2
    kept, refused = (confusion.true_passes + 1) / positives, (confusion.true_fails + 1) / negatives
    is_telling = sensitivity is not None and specificity is not None and kept + refused > 1
    if n == 0 or not is_telling or sensitivity + specificity <= 1:
        return Estimate(value=None, n=n, method=method)
    z = NormalDist().inv_cdf((1 + level) / 2)
    rate = (passes + z * z / 2) / (n + z * z)
    centre = _corrected(rate, kept, refused)
    missed, passed = kept * (1 - kept) / positives, refused * (1 - refused) / negatives
    middle = centre + 2 * z * z * (centre * missed - (1 - centre) * passed)
    spread = rate * (1 - rate) / (n + z * z) + (1 - centre) ** 2 * passed + centre**2 * missed
    half = z * math.sqrt(spread) / (kept + refused - 1)
    value = _cut(_corrected(passes / n, sensitivity, specificity))
    low, high = min(value, _cut(middle - half)), max(value, _cut(middle + half))
    return Estimate(value=value, low=low, high=high, n=n, method=method)


def prediction_powered_mean(
    human: ArrayLike,
    judge: ArrayLike,
    unlabelled: ArrayLike,
    *,
    tuning: float | None = None,
    clusters: tuple[ArrayLike, ArrayLike] | None = None,
    weights: tuple[ArrayLike, ArrayLike] | None = None,
    level: float = 0.95,
) -> Estimate:
    """Mean score that people would give, from few of their labels and many of the judge's.

    Args:
        human: Scores in [0, 1] of the labelled cases.
        judge: The judge's scores of the same cases.
        unlabelled: The judge's scores of the other cases.
        tuning: How far the judge is relied on, 0 = not at all; None = `power_tuning`.
        clusters: Codes of dependent cases among the labelled and the others, in common.
        weights: Inverse probabilities to become labelled, and to stay unlabelled, of cases that
            were not drawn with equal chances.
        level: Confidence level.

    Valid however wrong the judge is; `n` counts the labels, and below two there is no interval.
    Labels without spread get Wilson bounds: an interval of width 0 would claim certainty. Sources:
    Angelopoulos et al. (2023), Science 382; Angelopoulos, Duchi and Zrnic (2023), PPI++, arXiv
    2311.01453; the clustered error as in Miller (2024), arXiv 2411.00640.
    """
    people, labelled, others = (np.asarray(v, np.float64) for v in (human, judge, unlabelled))
    method = "PPI++" if clusters is None else "PPI++, clustered"
    if not people.size:
        return Estimate(value=None, n=0, method=method)
    trust = power_tuning(people, labelled, others) if tuning is None else tuning
    trust = trust if others.size else 0.0
    one, other = (None, None) if weights is None else weights
    parts = [_influence(people - trust * labelled, one), _influence(trust * others, other)]
    value = parts[0][0] + parts[1][0]
    units = np.concatenate([parts[0][1], parts[1][1]])
    codes = np.arange(units.size) if clusters is None else np.concatenate(clusters)
    error = math.sqrt(float((_sums(units, codes) ** 2).sum()))
    half = NormalDist().inv_cdf((1 + level) / 2) * error
    low, high = _cut(value - half), _cut(value + half)
    if people.size < _TWO:
        return Estimate(value=_cut(value), n=people.size, method=method)
    if half == 0:
        low, high = _no_spread(value, np.unique(codes[: people.size]).size, level=level)
    return Estimate(value=_cut(value), low=low, high=high, n=people.size, method=method)


def power_tuning(human: ArrayLike, judge: ArrayLike, unlabelled: ArrayLike) -> float:
    """How far to rely on the judge, in [0, 1], for the narrowest interval; 0 for a constant one.

    Source: Angelopoulos, Duchi and Zrnic (2023), arXiv 2311.01453, section 6.
    """
    people, labelled, others = (np.asarray(v, np.float64) for v in (human, judge, unlabelled))
    scores = np.concatenate([labelled, others])
    if not others.size or np.ptp(scores) == 0:
        return 0.0
    shared = float(((people - people.mean()) * (labelled - labelled.mean())).mean())
    spread = (1 + people.size / others.size) * float(scores.var(ddof=1))
    return min(1.0, max(0.0, shared / spread))


def labels_for_half_width(
    human: ArrayLike,
    judge: ArrayLike,
    *,
    half_width: float,
    tuning: float,
    level: float = 0.95,
) -> int:
    """Labels that give a corrected mean this half width, if the judge scored cases without end.

    z^2 var(human - tuning judge) / half_width^2, from labels that exist. Source: Angelopoulos,
    Duchi and Zrnic (2023), arXiv 2311.01453, on the variance of the corrected mean.
    """
    rest = np.asarray(human, np.float64) - tuning * np.asarray(judge, np.float64)
    z = NormalDist().inv_cdf((1 + level) / 2)
    return math.ceil(z * z * float(rest.var()) / half_width**2)


def _rate(hits: int, others: int) -> float | None:
    return hits / (hits + others) if hits + others else None


def _corrected(rate: float, sensitivity: float, specificity: float) -> float:
    return (rate + specificity - 1) / (sensitivity + specificity - 1)


def _cut(rate: float) -> float:
    return min(1.0, max(0.0, rate))


def _influence(values: Floats, weights: ArrayLike | None) -> tuple[float, Floats]:
    """Weighted mean, and how far each value pulls it; 0 for no values."""
    if not values.size:
        return 0.0, values
    chances = np.ones(values.size) if weights is None else np.asarray(weights, np.float64)
    shares = chances / chances.sum()
    mean = float(shares @ values)
    return mean, shares * (values - mean)


def _sums(values: Floats, codes: NDArray[np.generic]) -> Floats:
    return np.bincount(np.unique(codes, return_inverse=True)[1], weights=values)


def _no_spread(value: float, n: int, *, level: float) -> tuple[float, float]:
    """Wilson bounds at the number of labels, which hold for any variable in [0, 1]."""
    bounds = wilson_interval(_cut(value) * n, n, level=level)
    return bounds.low or 0.0, 1.0 if bounds.high is None else bounds.high
