"""A judge against people: how often it errs, and what its pass rate is without its errors.

Verdicts are 0 or 1, and people are right by definition. For the corrected mean to report, see
`prediction_powered`; the one here is a second opinion.
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
from evalrunner.stats.sampling import weighted_difference, weighted_rate
from evalrunner.stats.two_raters import two_raters
from evalrunner.types import Estimate


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
    agreement: Estimate
    """Share of the verdicts that are those of people."""
    kappa: Estimate
    ac1: Estimate
    inflation: PairedDifference
    """Pass rate of the judge above that of people, in paired cases."""


def judge_errors(
    human: ArrayLike,
    judge: ArrayLike,
    *,
    rng: np.random.Generator,
    clusters: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    by: str = "cluster",
    level: float = 0.95,
) -> JudgeErrors:
    """Rates of a judge's errors on labelled cases, two columns of 0 and 1.

    `rng` draws the sign flips of the paired test with clusters, and the resamples. `weights` are
    inverse probabilities of cases that were not chosen with equal chances; the confusion counts
    cases all the same. Sources: Altman and Bland (1994), BMJ 308, on the rates; see
    `paired_difference`, `cohen_kappa` and `two_raters` for the rest.
    """
    people, verdicts = np.asarray(human) == 1, np.asarray(judge) == 1
    codes = None if clusters is None else np.asarray(clusters)
    pulls = None if weights is None else np.asarray(weights, np.float64)

    def share(hits: NDArray[np.bool_], among: NDArray[np.bool_]) -> Estimate:
        if pulls is not None:
            units = None if codes is None else codes[among]
            return weighted_rate(hits[among], pulls[among], clusters=units, by=by, level=level)
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
    kappa, ac1 = two_raters(
        people, verdicts, rng=rng, clusters=codes, weights=pulls, by=by, level=level
    )
    if codes is None and pulls is None:
        kappa = cohen_kappa(table, level=level)
    return JudgeErrors(
        confusion=confusion,
        sensitivity=share(verdicts, people),
        specificity=share(~verdicts, ~people),
        precision=share(people, verdicts),
        negative_precision=share(~people, ~verdicts),
        agreement=share(people == verdicts, np.ones(people.size, dtype=np.bool_)),
        kappa=kappa,
        ac1=ac1,
        inflation=score_inflation(
            verdicts, people, rng=rng, clusters=codes, weights=pulls, by=by, level=level
        ),
    )


def score_inflation(
    judge: ArrayLike,
    human: ArrayLike,
    *,
    rng: np.random.Generator,
    clusters: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    by: str = "cluster",
    level: float = 0.95,
) -> PairedDifference:
    """Scores of a judge above those of people, both in [0, 1]; arguments as for `judge_errors`."""
    scores, labels = np.asarray(judge, np.float64), np.asarray(human, np.float64)
    if weights is None:
        return paired_difference(scores, labels, rng=rng, clusters=clusters, by=by, level=level)
    return weighted_difference(
        scores - labels, weights, rng=rng, clusters=clusters, by=by, level=level
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
    if n == 0 or sensitivity is None or specificity is None:
        return Estimate(value=None, n=n, method=method)
    # So few labels of one kind that they cannot tell the judge from chance.
    if min(sensitivity + specificity, kept + refused) <= 1:
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


def _rate(hits: int, others: int) -> float | None:
    return hits / (hits + others) if hits + others else None


def _corrected(rate: float, sensitivity: float, specificity: float) -> float:
    return (rate + specificity - 1) / (sensitivity + specificity - 1)


def _cut(rate: float) -> float:
    return min(1.0, max(0.0, rate))
