"""Which cells of a facet are compared with each other."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

MOST_FOR_ALL = 10
"""Cells up to which every one is compared with every other."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pairing:
    """The comparisons of a facet, by position; the second of each is what the first is held to."""

    pairs: tuple[tuple[int, int], ...]
    reference: int | None
    """The one that all others are compared with; None = all with all."""
    selected: bool = False
    """The reference was chosen for its score on these very cases, which flatters it."""


def choose_pairs(points: Sequence[float], *, baseline: int | None = None) -> Pairing:
    """The baseline against the rest; else all pairs; of many cells the best against the rest.

    `points` are the cells' quality, NaN where it is unknown; the first of equal ones is the best.
    """
    places = range(len(points))
    if baseline is None and len(points) <= MOST_FOR_ALL:
        return Pairing(pairs=tuple(combinations(places, 2)), reference=None)
    best = max(places, key=lambda place: (_or_least(points[place]), -place))
    reference = best if baseline is None else baseline
    return Pairing(
        pairs=tuple((place, reference) for place in places if place != reference),
        reference=reference,
        selected=baseline is None,
    )


def _or_least(point: float) -> float:
    return -math.inf if math.isnan(point) else point
