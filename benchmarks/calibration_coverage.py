"""How often 95 % intervals of corrected scores hold the truth, where the judge is off by 10 points.

    python benchmarks/calibration_coverage.py [--small]

Simulated cells of 400 answers, 100 of which people labelled. The judge passes 10 points too many,
or too few; a constant judge passes all. `unequal` labels are drawn with unequal chances, more often
where the judge is in doubt, and weighted. `difference` is that of two cells of which the judge
flatters one. Bar: the corrected interval covers 93 to 97 % everywhere; the judge's own, beside it,
hardly ever holds the truth.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import dataclass

import harness
import numpy as np
from numpy.typing import NDArray

from evalrunner.calibrate import JudgedCell, corrected_difference, corrected_mean
from evalrunner.stats import difference_interval, wilson_interval
from evalrunner.summary import CaseColumns, FacetResult, SummaryOptions
from evalrunner.types import Estimate

ANSWERS, LABELS = 400, 100
RATES = (0.5, 0.6, 0.7, 0.8, 0.9)
OFF = 0.1
DOUBTED = 0.3
"""Share of the answers that are drawn more often, where chances are unequal."""
WORST, BEST = 0.93, 0.97

Floats = NDArray[np.float64]
FACET = FacetResult(
    facet=0,
    results=(),
    cases=CaseColumns(n=ANSWERS),
    options=SummaryOptions(quality="judge"),
)


@dataclass(frozen=True)
class Simulated:
    """One cell: its true rate, what the judge says, and what is made of it."""

    truth: float
    raw: Estimate
    corrected: Estimate | None


Kind = Callable[[float, np.random.Generator], Simulated]


def main() -> None:
    options = harness.arguments(__doc__)
    sets = 300 if options.small else 2000
    harness.show(
        f"Coverage of 95 % intervals: {LABELS} labels of {ANSWERS} answers, {sets:,} sets a point",
        ("judge, labels", "true rate", "corrected", "the judge's own", "half width", "met"),
        [row(name, rate, kind, sets) for name, kind in KINDS.items() for rate in RATES],
        f"Bar: corrected {100 * WORST:g} to {100 * BEST:g} %.",
        f"Standard error of a point: {100 * (0.95 * 0.05 / sets) ** 0.5:.2f} %.",
    )


def row(name: str, rate: float, kind: Kind, sets: int) -> tuple[str, ...]:
    rng = np.random.default_rng([round(100 * rate), zlib.crc32(name.encode())])
    found = [kind(rate, rng) for _ in range(sets)]
    known = [each for each in found if each.corrected is not None]
    corrected = np.mean([holds(each.corrected, each.truth) for each in known])
    raw = np.mean([holds(each.raw, each.truth) for each in found])
    half = np.mean([(e.corrected.high - e.corrected.low) / 2 for e in known if e.corrected])
    # A point may miss the bar by two of its standard errors and be on it.
    slack = 2 * (0.95 * 0.05 / sets) ** 0.5
    is_met = WORST - slack <= corrected <= BEST + slack
    shown = (f"{100 * corrected:.1f} %", f"{100 * raw:.1f} %", f"± {100 * half:.1f}")
    return (name, f"{rate:g}", *shown, "yes" if is_met else "no")


def holds(estimate: Estimate | None, truth: float) -> bool:
    """Whether an interval holds the truth."""
    if estimate is None or estimate.low is None or estimate.high is None:
        return False
    return estimate.low <= truth <= estimate.high


def flattering(rate: float, rng: np.random.Generator) -> Simulated:
    return one(rate, OFF, rng)


def strict(rate: float, rng: np.random.Generator) -> Simulated:
    return one(rate, -OFF, rng)


def constant(rate: float, rng: np.random.Generator) -> Simulated:
    return one(rate, 1 - rate, rng)


def unequal(rate: float, rng: np.random.Generator) -> Simulated:
    truth, judge = answers(rate, OFF, rng)
    # Answers that people fail are among the doubted ones twice as often: without weights it shows.
    doubted = rng.random(ANSWERS) < DOUBTED * np.where(truth == 1, 0.8, 1.6)
    size = np.where(doubted, 2.5, 1.0)
    chances = np.minimum(1.0, LABELS * size / size.sum())
    labels = np.where(rng.random(ANSWERS) < chances, truth, np.nan)
    return made(rate, judge, labels, chances)


def difference(rate: float, rng: np.random.Generator) -> Simulated:
    """Cell a is 5 points better, and cell b the one that the judge flatters."""
    drawn = rng.choice(ANSWERS, LABELS, replace=False)
    better = min(rate + 0.05, 0.95)
    cells, scores = [], []
    for place, (own, off) in enumerate(((better, 0.0), (rate, OFF))):
        truth, judge = answers(own, off, rng)
        labels = np.full(ANSWERS, np.nan)
        labels[drawn] = truth[drawn]
        cells.append(cell(judge, labels, None, place))
        scores.append(judge)
    return Simulated(
        truth=better - rate,
        raw=difference_interval(scores[0] - scores[1]),
        corrected=corrected_difference(*cells, FACET),
    )


def one(rate: float, off: float, rng: np.random.Generator) -> Simulated:
    """Labels drawn with equal chances."""
    truth, judge = answers(rate, off, rng)
    labels = np.full(ANSWERS, np.nan)
    drawn = rng.choice(ANSWERS, LABELS, replace=False)
    labels[drawn] = truth[drawn]
    return made(rate, judge, labels, None)


def answers(rate: float, off: float, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """What people would say of all answers, and what a judge says that is off by so much."""
    truth = (rng.random(ANSWERS) < rate).astype(float)
    wrong = 0.05 if abs(off) < 1 - rate else 0.0
    # Errors of both kinds that together move the pass rate by `off`.
    missed = wrong + max(0.0, -off) / rate
    passed = min(1.0, (wrong * rate + max(0.0, off)) / (1 - rate))
    passes = np.where(truth == 1, rng.random(ANSWERS) >= missed, rng.random(ANSWERS) < passed)
    return truth, passes.astype(float)


def made(rate: float, judge: Floats, labels: Floats, chances: Floats | None) -> Simulated:
    return Simulated(
        truth=rate,
        raw=wilson_interval(judge.sum(), judge.size),
        corrected=corrected_mean(cell(judge, labels, chances), FACET).mean,
    )


def cell(judge: Floats, labels: Floats, chances: Floats | None, number: int = 0) -> JudgedCell:
    return JudgedCell(
        cell=number,
        rows=np.arange(ANSWERS),
        scores=judge,
        labels=labels,
        prices=np.zeros(ANSWERS),
        chances=chances,
    )


KINDS: dict[str, Kind] = {
    "flattering": flattering,
    "strict": strict,
    "constant": constant,
    "unequal": unequal,
    "difference": difference,
}


if __name__ == "__main__":
    main()
