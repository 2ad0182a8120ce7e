"""The control chart: where production stands after each period, and whether that is an alarm.

Points that were scored alike, and held to the same offline run, make a segment; in each it starts
anew. The chance of a false alarm in a whole segment, however long, is 1 - confidence at most: one
half of it goes to the offline interval, the other to all windows that may have begun with a change,
the k-th of which gets 1 / (k (k + 1)) of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from statistics import NormalDist
from typing import Literal, TypeAlias

from evalrunner.calibrate.correction import FEWEST
from evalrunner.production.trend.history import Entry, Measure, Offline, Tally
from evalrunner.production.trend.tallies import (
    anytime_corrected,
    anytime_mean,
    has_enough_labels,
)
from evalrunner.types import Estimate

Move: TypeAlias = Literal["lower", "higher"]
Yardstick: TypeAlias = Literal["scores", "people"]
"""Scores against scores by the same measure, or both as people's labels correct them."""
Window: TypeAlias = Callable[..., Estimate | None]

_PARTS = {
    "quality": "the scorer",
    "scorer": "the scorer's settings, template or code",
    "judge": "the judge",
    "rules": "what refused and cut-off answers score",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """One period on the chart."""

    entry: Entry
    since: str
    """First period of the window that says most: the segment's, or one since a change."""
    standing: Estimate
    """Mean of all records since then, with bounds that hold at all times."""
    by: Yardstick | None
    """None = it cannot be held to the offline run, see `unknown`."""
    reference: Estimate | None
    """The offline score that it is held to, with its interval."""
    difference: Estimate | None
    """Production less offline, with bounds that hold at all times."""
    unknown: str | None
    """Why it cannot be told; None = it can."""

    @property
    def moved(self) -> Move | None:
        """Whether the difference excludes 0."""
        return _move(self.difference)

    @property
    def is_alarm(self) -> bool:
        """Whether production is surely worse than the offline score said."""
        return self.unknown is None and self.moved == "lower"


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """Points that may be compared."""

    points: tuple[Point, ...]
    changed: tuple[str, ...] = ()
    """What is another than in the segment before."""


def make_chart(entries: Sequence[Entry], offline: Offline | None) -> tuple[Segment, ...]:
    """Every segment in time; `offline` is for entries that were held to nothing."""
    segments: list[tuple[list[Entry], tuple[str, ...]]] = []
    for entry in entries:
        changed = _changed(segments[-1][0][-1], entry) if segments else ()
        if changed or not segments:
            segments.append(([], changed))
        segments[-1][0].append(entry)
    return tuple(
        Segment(points=tuple(_points(group, offline)), changed=changed)
        for group, changed in segments
    )


def _changed(before: Entry, after: Entry) -> tuple[str, ...]:
    parts = _different_parts(before.measure, after.measure)
    held = [(each.offline.run, each.offline.cell) for each in (before, after) if each.offline]
    if len(set(held)) > 1:
        parts.append("the offline run that it is held to")
    return tuple(parts)


def _different_parts(one: Measure, other: Measure) -> list[str]:
    found = [part for part in _PARTS if getattr(one, part) != getattr(other, part)]
    # A scorer of another name has other settings: that is no second thing to say.
    return [_PARTS[part] for part in found if part != "scorer" or "quality" not in found]


def _points(entries: Sequence[Entry], given: Offline | None) -> Iterator[Point]:
    for place, entry in enumerate(entries):
        yield _point(entries[: place + 1], entry.offline or given)


def _point(entries: Sequence[Entry], offline: Offline | None) -> Point:
    """Of the last entry; the window that is furthest from the offline score counts."""
    by, why = _yardstick(entries, offline)
    alpha = (1 - entries[-1].confidence) / 2
    mean: Window = anytime_corrected if by == "people" else anytime_mean
    reference = None if offline is None or by is None else _reference(offline, by, alpha=alpha)
    found = []
    for k, first in enumerate(entries, start=1):
        periods: list[tuple[Tally, ...]] = [entry.scores for entry in entries[k - 1 :]]
        standing = mean(periods, level=1 - alpha / (k * (k + 1)))
        if standing is not None:
            found.append((first.period, standing, _difference(standing, reference)))
    since, standing, difference = max(found, key=lambda each: _excess(each[2]))
    return Point(
        entry=entries[-1],
        since=since,
        standing=standing,
        by=by,
        reference=reference,
        difference=difference,
        unknown=why or _too_little(entries[-1], standing),
    )


def _yardstick(
    entries: Sequence[Entry], offline: Offline | None
) -> tuple[Yardstick | None, str | None]:
    """What is compared with what, or why nothing is."""
    if offline is None:
        return None, "there is no offline run to hold it to: --run RUN"
    labelled = has_enough_labels(tally for entry in entries for tally in entry.scores)
    measure = offline.measure
    # Without a judge the offline score is right or wrong by the truth, which people label, too.
    is_peoples = offline.corrected is not None or (measure is not None and measure.judge is None)
    is_same = measure == entries[-1].measure
    if labelled and (offline.corrected is not None or (is_peoples and not is_same)):
        return "people", None
    if is_same:
        return "scores", None
    if measure is None:
        what = "how the offline run was scored cannot be made out any more"
    else:
        parts = ", ".join(_different_parts(measure, entries[-1].measure))
        what = f"it was measured otherwise offline ({parts})"
    hint = f"score it alike: evalrunner rescore {offline.run}, or leave out judge= and scorer="
    return None, f"{what}; {hint}"


def _reference(offline: Offline, by: Yardstick, *, alpha: float) -> Estimate:
    """The offline score with the interval at level 1 - alpha, by stretching its own."""
    found = offline.corrected if by == "people" and offline.corrected else offline.score
    if found.value is None or found.low is None or found.high is None:
        # Nothing can be excluded by it.
        return replace(found, low=0.0, high=1.0)
    quantile = NormalDist().inv_cdf
    stretch = quantile(1 - alpha / 2) / quantile((1 + offline.confidence) / 2)
    low = found.value - stretch * (found.value - found.low)
    high = found.value + stretch * (found.high - found.value)
    return replace(found, low=max(0.0, low), high=min(1.0, high))


def _difference(standing: Estimate, reference: Estimate | None) -> Estimate | None:
    """Holds wherever both intervals do: it excludes 0 where they do not overlap."""
    if reference is None or standing.value is None or reference.value is None:
        return None
    bounds = (standing.low, standing.high, reference.low, reference.high)
    low, high, least, most = (0.0 if bound is None else bound for bound in bounds)
    return Estimate(
        value=standing.value - reference.value,
        low=low - most,
        high=high - least,
        n=standing.n,
        method="difference of intervals",
    )


def _move(difference: Estimate | None) -> Move | None:
    if difference is None or difference.low is None or difference.high is None:
        return None
    return "lower" if difference.high < 0 else "higher" if difference.low > 0 else None


def _excess(difference: Estimate | None) -> float:
    """How far the nearer bound is from 0; 0 where it is not excluded, so that the first counts."""
    if difference is None or difference.low is None or difference.high is None:
        return 0.0
    return max(difference.low, -difference.high, 0.0)


def _too_little(entry: Entry, standing: Estimate) -> str | None:
    if not entry.n_scored:
        return f"no record of {entry.period} has a score"
    if standing.n < FEWEST:
        return f"{standing.n} scored records are too few: it takes {FEWEST}"
    return None
