"""Lines of a trend's history, made from scores."""

from __future__ import annotations

from datetime import date

from evalrunner.production.trend.history import Entry, Measure, Offline
from evalrunner.production.trend.periods import Period
from evalrunner.production.trend.tallies import corrected_mean, own_mean, tallies_of

MEASURE = Measure(quality="rubric", scorer="s1", judge="j1", rules="r1")
FIRST = Period.of(date(2026, 1, 5), "week")


def tallied(scores, *, weights=None, labels=None):
    """Counts of these scores; `labels` are of the first of them."""
    ids = [f"r{n}" for n in range(len(scores))]
    return tallies_of(
        {name: float(score) for name, score in zip(ids, scores, strict=True)},
        dict(zip(ids, [1.0] * len(ids) if weights is None else weights, strict=True)),
        {name: float(label) for name, label in zip(ids, labels or (), strict=False)},
    )


def offline(scores, *, measure=MEASURE, corrected=None, run="tickets/r1", confidence=0.95):
    """A cell that scored these."""
    return Offline(
        run=run,
        cell="mine/plain",
        measure=measure,
        score=own_mean(tallied(scores), level=confidence),
        corrected=corrected,
        confidence=confidence,
    )


def entry(period, scores, *, held_to=None, measure=MEASURE, **changes):
    """The line of a period in which these were scored."""
    given = {name: changes.pop(name) for name in ("weights", "labels") if name in changes}
    tallies = tallied(scores, **given)
    return Entry(
        **{
            "period": period.name,
            "is_partial": False,
            "run": "production/r2",
            "measure": measure,
            "records_sha256": "d1",
            "n_records": len(scores),
            "n_unscored": 0,
            "scores": tallies,
            "score": own_mean(tallies, level=0.95),
            "corrected": corrected_mean(tallies, level=0.95),
            "confidence": 0.95,
            "offline": held_to,
        }
        | changes
    )


def weeks(n):
    """The first weeks of 2026."""
    found = [FIRST]
    while len(found) < n:
        found.append(found[-1].following)
    return found
