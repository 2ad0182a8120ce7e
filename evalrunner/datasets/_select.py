"""Which cases to take: by value, and by a seeded draw that keeps shares.

The draw sorts by a hash of seed and id instead of shuffling rows. So it is the same on every
machine and version of Python, a smaller limit takes a subset of a larger one, and adding a case
changes nothing about the others.
"""

from __future__ import annotations

import hashlib
from array import array
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence

from evalrunner.types import Json, canonical_json

_MOST_VALUES = 1000


class CaseFilter:
    """Keeps cases that have, in every given field, one of the given values.

    Values are compared as text, so that `3` finds the `"3"` of a CSV file; a list matches when one
    of its items does, and null matches an absent field.
    """

    def __init__(self, wanted: Mapping[str, Json]) -> None:
        self._wanted = {
            name: {text_of(value) for value in (values if isinstance(values, list) else [values])}
            for name, values in wanted.items()
        }
        self._seen: dict[str, set[str]] = {name: set() for name in wanted}
        self._found: dict[str, set[str]] = {name: set() for name in wanted}

    def matches(self, fields: Mapping[str, Json]) -> bool:
        """Whether the case is kept."""
        return all([self._has(name, fields.get(name)) for name in self._wanted])  # noqa: C419 - every field is looked at, to notice its values

    def unmatched(self) -> Iterator[tuple[str, str, set[str]]]:
        """Each wanted value that no case had: its field, itself, and values that cases have."""
        for name, wanted in self._wanted.items():
            for value in sorted(wanted - self._found[name]):
                yield name, value, self._seen[name]

    def _has(self, name: str, value: Json) -> bool:
        texts = {text_of(item) for item in (value if isinstance(value, list) else [value])}
        if len(self._seen[name]) < _MOST_VALUES:
            self._seen[name] |= texts
        hits = texts & self._wanted[name]
        self._found[name] |= hits
        return bool(hits)


def text_of(value: Json) -> str:
    """A value as it is compared and grouped: text as it is, everything else as JSON."""
    return value if isinstance(value, str) else canonical_json(value)


def draw_key(seed: int, case_id: str) -> int:
    """Place of a case in the seeded order: 64 bits of a hash."""
    text = f"{seed}\0{case_id}".encode("utf-8", "surrogatepass")
    return int.from_bytes(hashlib.sha256(text).digest()[:8])


def draw(keys: array[int], limit: int, *, strata: Sequence[str] | None = None) -> list[int]:
    """Positions of the `limit` first cases in seeded order, ascending.

    With `strata` (one a case), each stratum gives its share of `limit`, by largest remainder.
    """
    if limit >= len(keys):
        return list(range(len(keys)))
    if strata is None:
        return sorted(_first(range(len(keys)), keys, limit))
    members: dict[str, list[int]] = defaultdict(list)
    for position, stratum in enumerate(strata):
        members[stratum].append(position)
    shares = shares_of(Counter({name: len(of) for name, of in members.items()}), limit)
    chosen = (position for name, n in shares.items() for position in _first(members[name], keys, n))
    return sorted(chosen)


def shares_of(counts: Mapping[str, int], limit: int) -> dict[str, int]:
    """How many of `limit` each stratum gets: proportional, rounded by largest remainder.

    `limit` is at most the sum of the counts; equal remainders go by name.
    """
    total = sum(counts.values())
    shares = {name: limit * n // total for name, n in counts.items()}
    by_remainder = sorted(counts, key=lambda name: (-(limit * counts[name] % total), name))
    for name in by_remainder[: limit - sum(shares.values())]:
        shares[name] += 1
    return shares


def _first(positions: Sequence[int], keys: array[int], n: int) -> list[int]:
    return sorted(positions, key=lambda position: (keys[position], position))[:n]
