"""The smallest difference that a planned test set shows, and what it takes to show a given one.

As the comparisons of the run will be made: two-sided, at `run.confidence`, and with several of them
at the level that Holm asks of the first.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace
from decimal import Decimal

from evalrunner.planning.pilot import Spread
from evalrunner.stats.mcnemar import mcnemar
from evalrunner.stats.power import (
    POWER,
    connor_cases,
    connor_difference,
    miller_cases,
    miller_difference,
)
from evalrunner.types import Json

ASSUMED = Spread(variance=0.2)
"""Where no earlier run says anything: right or wrong, and one alone is right in 20 % of cases."""
ASSUMED_NOISE = 0.5
"""Share of the spread that goes away with more repeats, where no earlier run had any."""
_REPEATS = (1, 2, 4, 8)
_HALVINGS = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """Cases and repeats that show the difference, and their cost, with nothing cached."""

    cases: int
    repeats: int
    low_usd: Decimal | None
    """None = unknown."""
    high_usd: Decimal | None
    is_assumed: bool = False
    """Whether it stands on `ASSUMED_NOISE`, for want of a run with repeats."""

    def to_json(self) -> dict[str, Json]:
        """As it stands in `plan.json`."""
        low, high = (None if v is None else float(v) for v in (self.low_usd, self.high_usd))
        return {
            "cases": self.cases,
            "repeats": self.repeats,
            "cost": {"low": low, "high": high},
            "assumed_noise": ASSUMED_NOISE if self.is_assumed else None,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class FacetPower:
    """What the cases of one facet can show."""

    facet: int
    dataset: str
    quality: str
    n: int
    """Cases."""
    available: int
    """Cases, those included that `dataset.limit` leaves out."""
    repeats: int
    confidence: float
    n_comparisons: int
    """Of the whole run; at least 1."""
    spread: Spread = ASSUMED
    cluster: str | None = None
    """The field that groups dependent cases."""
    n_clusters: int | None = None
    target: float | None = None
    """`run.target_difference`."""
    usd_per_trial: tuple[Decimal | None, Decimal | None] = (Decimal(0), Decimal(0))
    """Low and high, of all cells of the facet together."""

    @property
    def level(self) -> float:
        """Confidence at which each comparison is made, so that all together have `confidence`."""
        return 1 - (1 - self.confidence) / self.n_comparisons

    @property
    def fewest(self) -> int:
        """Cases that must come out differently, all in favour of one cell, to be a difference."""
        return fewest_discordant(self.level)

    def smallest(self, *, alone: bool = False, n: int | None = None) -> float | None:
        """Smallest visible difference, or that of a single comparison; None = none is."""
        level = self.confidence if alone else self.level
        return smallest_difference(
            n or self.n, repeats=self.repeats, level=level, spread=self.spread
        )

    @property
    def smallest_by_cluster(self) -> float | None:
        """The same if the cases of a cluster always come out alike; None without clusters."""
        is_known = self.n_clusters is None or self.spread.is_clustered
        return None if is_known else self.smallest(n=self.n_clusters)

    @property
    def hopeless(self) -> float | None:
        """Cases that the best cell so far fails, where no better one could be told from it."""
        if self.spread.best is None or not self.spread.is_binary or self.repeats > 1:
            return None
        failures = self.n * (1 - self.spread.best)
        return failures if round(failures) < self.fewest else None

    @property
    def needed(self) -> int | None:
        """Cases that show the target difference with the planned repeats; None without target."""
        return None if self.target is None else self._needed(self.target, self.repeats)

    def options(self) -> list[Option]:
        """Ways to show the target difference: as many repeats as planned, more, and fewer.

        What more repeats save is an assumption where it is not known.
        """
        if self.target is None or self.needed is None:
            return []
        if self.spread.noise is not None:
            repeats = sorted({self.repeats, *_REPEATS} if self.spread.noise else {self.repeats})
            return [self._option(self._needed(self.target, k), k) for k in repeats]
        noisy = replace(self.spread, noise=self.spread.variance * ASSUMED_NOISE)
        return [self._option(self.needed, self.repeats)] + [
            replace(self._option(cases, k), is_assumed=True)
            for k in _REPEATS[1:]
            for cases in [cases_for(self.target, repeats=k, level=self.level, spread=noisy)]
        ]

    def to_json(self) -> dict[str, Json]:
        """An entry of `power` in `plan.json`."""
        return {
            "facet": self.facet,
            "dataset": self.dataset,
            "quality": self.quality,
            "n": self.n,
            "n_available": self.available,
            "n_clusters": self.n_clusters,
            "repeats": self.repeats,
            "confidence": self.confidence,
            "power": POWER,
            "n_comparisons": self.n_comparisons,
            "discordant": self.spread.variance,
            "noise": self.spread.noise,
            "basis": self.spread.origin or "assumed",
            "smallest_difference": self.smallest(),
            "smallest_difference_alone": self.smallest(alone=True),
            "smallest_difference_by_cluster": self.smallest_by_cluster,
            "fewest_discordant": self.fewest,
            "target": self._target_json(),
        }

    def _target_json(self) -> dict[str, Json] | None:
        if self.target is None or self.needed is None:
            return None
        return {
            "difference": self.target,
            "cases": self.needed,
            "is_reachable": self.needed <= self.n,
            "options": [option.to_json() for option in self.options()],
        }

    def _needed(self, difference: float, repeats: int) -> int:
        return cases_for(difference, repeats=repeats, level=self.level, spread=self.spread)

    def _option(self, cases: int, repeats: int) -> Option:
        low, high = (None if usd is None else usd * cases * repeats for usd in self.usd_per_trial)
        return Option(cases=cases, repeats=repeats, low_usd=low, high_usd=high)


def smallest_difference(n: int, *, repeats: int, level: float, spread: Spread) -> float | None:
    """Smallest difference of mean scores that `n` cases show with a probability of 80 %.

    None when they show none. Sources: `connor_difference` for right and wrong; `miller_difference`
    for graded scores, and where it is known what repeats average out.
    """
    if n < fewest_discordant(level):
        return None
    if _is_connor(repeats, spread):
        found = connor_difference(n, discordant=spread.variance, level=level)
        return found or _without_losses(n, level)
    difference = miller_difference(n, **_parts(spread), repeats=repeats, level=level)
    return difference if difference <= 1 else None


def cases_for(difference: float, *, repeats: int, level: float, spread: Spread) -> int:
    """Cases that show this difference with a probability of 80 %; as `smallest_difference`."""
    if _is_connor(repeats, spread):
        found = connor_cases(difference, discordant=spread.variance, level=level)
    else:
        found = miller_cases(difference, **_parts(spread), repeats=repeats, level=level)
    return max(found, fewest_discordant(level))


def fewest_discordant(level: float, *, exact: bool = False) -> int:
    """Cases that one model alone gets right, the other none, until McNemar's test sees it."""
    return next(n for n in itertools.count(1) if mcnemar(n, 0, exact=exact) < 1 - level)


def _is_connor(repeats: int, spread: Spread) -> bool:
    return spread.is_binary and (repeats == 1 or spread.noise is None)


def _parts(spread: Spread) -> dict[str, float]:
    noise = spread.noise or 0.0
    return {"between": max(0.0, spread.variance - noise), "within": noise}


def _without_losses(n: int, level: float) -> float | None:
    """The smallest difference where one model wins every case on which the two differ."""
    low, high = 0.0, 1.0
    if connor_cases(high, discordant=0, level=level) > n:
        return None
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        is_seen = connor_cases(middle, discordant=0, level=level) <= n
        low, high = (low, middle) if is_seen else (middle, high)
    return high
