"""Which cases people are asked about, and with which chance each of them was chosen.

Every draw is a hash of the seed and the case's id: the same on every machine, and in two runs over
the same cases. Whoever averages over chosen cases weighs each by 1 / chance, so that cases chosen
for being informative bias nothing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from evalrunner.stats.sampling import inclusion_chances, systematic_draw, whole_allocation
from evalrunner.types import Json, canonical_json

FLOOR = 0.2
"""Added to each case's disagreement, in [0, 1]: no case's chance is 0, and none weighs more than
six times as much as another that was drawn."""
_BITS = 53

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Chosen:
    """Some of the cases."""

    ids: tuple[str, ...]
    """In the order of the test set."""
    chances: Mapping[str, float]
    """Of every case that could be chosen, in (0, 1]."""

    @property
    def is_equal(self) -> bool:
        """Whether every case had the same chance."""
        return len(set(self.chances.values())) == 1


def draw(*words: Json) -> float:
    """A number in [0, 1) that is random for all practical purposes, and the same for equal words.

    The first 53 bits of a hash: as many as a float holds.
    """
    digest = hashlib.sha256(canonical_json(words).encode("ascii")).digest()
    return float((int.from_bytes(digest[:8]) >> (64 - _BITS)) / 2**_BITS)


def choose_random(ids: Sequence[str], n: int, *, seed: int) -> Chosen:
    """`n` cases, or all there are, with equal chances; a smaller `n` takes some of the same."""
    n = min(n, len(ids))
    picked = sorted(ids, key=lambda case: draw(seed, "case", case))[:n]
    return _chosen(ids, picked, dict.fromkeys(ids, n / len(ids)))


def choose_stratified(strata: Mapping[str, str], n: int, *, seed: int) -> Chosen:
    """`n` cases, of each stratum in proportion to its size, but at least one.

    `strata` has that of each case; there may be at most `n` of them. A stratum gives whole cases
    only, so that chances differ a little between strata, and more where one is rare.
    """
    members: dict[str, list[str]] = {}
    for case, stratum in strata.items():
        members.setdefault(stratum, []).append(case)
    sizes = [len(each) for each in members.values()]
    wanted = np.asarray(sizes) * min(n, len(strata)) / len(strata)
    picked, chances = list[str](), dict[str, float]()
    for each, share in zip(members.values(), whole_allocation(wanted, sizes, least=1), strict=True):
        of_stratum = choose_random(each, share, seed=seed)
        picked += of_stratum.ids
        chances |= of_stratum.chances
    return _chosen(list(strata), picked, chances)


def choose_informative(disagreement: Mapping[str, float], n: int, *, seed: int) -> Chosen:
    """`n` cases, or all there are, those with more disagreement (in [0, 1]) more often.

    Chances are in proportion to `FLOOR` + disagreement. The draw is systematic, in random order
    from a random start: exactly `n` cases, each with exactly its chance. Source: Madow (1949),
    Annals of Mathematical Statistics 20(3).
    """
    ids = list(disagreement)
    chances = inclusion_chances([FLOOR + disagreement[case] for case in ids], min(n, len(ids)))
    order = sorted(range(len(ids)), key=lambda place: draw(seed, "order", ids[place]))
    hit = systematic_draw(chances[order], start=draw(seed, "start"))
    picked = [ids[order[place]] for place in hit.tolist()]
    return _chosen(ids, picked, dict(zip(ids, chances.tolist(), strict=True)))


def _chosen(ids: Sequence[str], picked: Sequence[str], chances: Mapping[str, float]) -> Chosen:
    kept = set(picked)
    return Chosen(tuple(case for case in ids if case in kept), chances)
