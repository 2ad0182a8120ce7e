"""Which cases ask the same, and which of them disagree about the answer."""

from __future__ import annotations

import hashlib
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from evalrunner.health.sketches import NEAR, Sketches
from evalrunner.health.texts import normalised
from evalrunner.types import Json, canonical_json

Group = tuple[int, ...]
"""Positions of cases, ascending."""

_DIGEST = 16
_MOST_REJECTED = 5
_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Duplicates:
    """Groups of cases that ask the same, in the order of their first case."""

    n_distinct: int
    """Cases that are left when each text counts once."""
    equal: tuple[Group, ...]
    """Equal but for case, white space and Unicode's compatible forms."""
    near: tuple[Group, ...]
    """Nearly equal and not equal: of equal ones only the first stands here."""

    @property
    def n_equal(self) -> int:
        """Cases that repeat an earlier one."""
        return sum(len(group) - 1 for group in self.equal)

    @property
    def n_near(self) -> int:
        """Cases that nearly repeat an earlier one, and equal none."""
        return sum(len(group) - 1 for group in self.near)


def find_duplicates(texts: Sequence[str], *, is_near_wanted: bool = True) -> Duplicates:
    """Equal and, if wanted, nearly equal texts; only for these the texts are held in memory.

    Nearly: four fifths of the character 4-grams of both are common, so of a sentence all but a word
    or two; and whatever is so near to one that is. Source: Broder (1997), On the Resemblance and
    Containment of Documents, SEQUENCES.
    """
    first, equal = _distinct(texts)
    near = _near_groups([normalised(texts[place]) for place in first]) if is_near_wanted else []
    return Duplicates(
        n_distinct=len(first),
        equal=tuple(equal),
        near=tuple(tuple(first[place] for place in group) for group in near),
    )


def contradictions(
    duplicates: Duplicates, texts: Sequence[str], targets: Sequence[Json]
) -> tuple[tuple[Group, ...], tuple[Group, ...]]:
    """Groups whose cases have different targets: of equal texts, and of nearly equal ones.

    Nearly equal texts with other numbers in them may well have other answers, and are left out. A
    target None is unknown.
    """
    equal = (group for group in duplicates.equal if _disagree(group, targets))
    near = (
        part
        for group in duplicates.near
        for part in _by_numbers(group, texts)
        if _disagree(part, targets)
    )
    return tuple(equal), tuple(near)


@dataclass(frozen=True, slots=True, kw_only=True)
class Overlap:
    """Cases of a test set that a model may have been trained on."""

    equal: tuple[tuple[int, int], ...]
    """(position in the test set, first such position in the training set)."""
    near: tuple[tuple[int, int], ...]
    """The same of nearly equal texts; no case stands in both."""


def find_overlap(texts: Sequence[str], training: Sequence[str]) -> Overlap:
    """Texts that are, equal or nearly so, in `training`; as `find_duplicates`."""
    known: dict[str, int] = {}
    for position, text in enumerate(training):
        known.setdefault(normalised(text), position)
    ours = [normalised(text) for text in texts]
    equal = tuple((place, known[text]) for place, text in enumerate(ours) if text in known)
    rest = [place for place, text in enumerate(ours) if text not in known]
    sketches, others = Sketches([ours[place] for place in rest]), Sketches(list(known))
    positions = list(known.values())
    near: dict[int, int] = {}
    for one, other in sketches.pairs_with(others):
        if rest[one] not in near and sketches.jaccard(one, other, others) >= NEAR:
            near[rest[one]] = positions[other]
    return Overlap(equal=equal, near=tuple(sorted(near.items())))


def _distinct(texts: Sequence[str]) -> tuple[list[int], list[Group]]:
    """The first position of each text, ascending, and the groups of equal ones.

    By digests: of many cases the texts would take more memory than all else.
    """
    digests = bytearray()
    for text in texts:
        data = normalised(text).encode("utf-8", "surrogatepass")
        digests += hashlib.blake2b(data, digest_size=_DIGEST).digest()
    halves = np.frombuffer(digests, dtype=np.uint64).reshape(-1, 2)
    order = np.lexsort((halves[:, 1], halves[:, 0]))
    is_new = np.ones(order.size, dtype=np.bool_)
    is_new[1:] = (halves[order[1:]] != halves[order[:-1]]).any(axis=1)
    starts = np.flatnonzero(is_new)
    sizes = np.diff(np.append(starts, order.size))
    equal = [
        tuple(order[start : start + size].tolist())
        for start, size in zip(starts.tolist(), sizes.tolist(), strict=True)
        if size > 1
    ]
    return np.sort(order[starts]).tolist(), sorted(equal)


def _near_groups(texts: Sequence[str]) -> list[list[int]]:
    sketches = Sketches(texts)
    parent = list(range(len(texts)))

    def root(position: int) -> int:
        while parent[position] != position:
            parent[position] = parent[parent[position]]
            position = parent[position]
        return position

    rejected = Counter[int]()
    for one, other in sketches.pairs():
        low, high = sorted((root(one), root(other)))
        # Pairs that are joined already need no verdict, nor texts whose likeliest were none.
        if low == high or rejected[other] >= _MOST_REJECTED:
            continue
        if sketches.jaccard(one, other) >= NEAR:
            parent[high] = low
        else:
            rejected[other] += 1
    groups: dict[int, list[int]] = defaultdict(list)
    for position in range(len(texts)):
        groups[root(position)].append(position)
    return [group for group in groups.values() if len(group) > 1]


def _disagree(group: Iterable[int], targets: Sequence[Json]) -> bool:
    known = {_form(targets[place]) for place in group if targets[place] is not None}
    return len(known) > 1


def _form(target: Json) -> str:
    return normalised(target) if isinstance(target, str) else canonical_json(target)


def _by_numbers(group: Group, texts: Sequence[str]) -> list[Group]:
    parts: dict[tuple[str, ...], list[int]] = defaultdict(list)
    for place in group:
        parts[tuple(_NUMBER.findall(normalised(texts[place])))].append(place)
    return [tuple(part) for part in parts.values() if len(part) > 1]
