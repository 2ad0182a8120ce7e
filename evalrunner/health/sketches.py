"""Which texts are nearly equal: MinHash finds candidates, the true Jaccard index decides.

Texts are sets of character 4-grams, hashed. Everything is derived from fixed numbers: the same
texts in the same order give the same pairs.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

NEAR = 0.8
"""Jaccard index of two texts' 4-grams from which they count as nearly equal."""
_GRAM = 4
_BANDS, _ROWS = 20, 6
"""Two texts at `NEAR` share a band with a probability of 99.7 %, at 0.3 with one of 1.5 %."""
_SLACK = 0.11
"""Three standard errors of the index as 120 hashes estimate it: hardly a pair is lost by it."""
_SKETCH = 512
"""Smallest hashes of a text that stand for it in the signature; the verdict takes all."""
_MOST_IN_BUCKET = 24
_PORTION = 1 << 17
"""Characters that are hashed at once."""
_PAIRS = 1 << 18
_MOST_KEPT = 1 << 23
"""Hashes of 4-grams that are kept; more are made anew whenever they are needed."""
_SEED = 0x5EED
_MIX = np.uint64(0x9E3779B97F4A7C15)

Hashes = NDArray[np.uint64]


class Sketches:
    """Normalised texts with signatures of their 4-grams to compare them by."""

    def __init__(self, texts: Sequence[str]) -> None:
        self._texts = texts
        self._signatures = _signatures(texts)
        self._kept: dict[int, Hashes] = {}
        self._n_kept = 0

    def jaccard(self, one: int, other: int, others: Sketches | None = None) -> float:
        """Share of all 4-grams of two texts, the second of `others` if given, that both have."""
        ours, theirs = self.grams(one), (others or self).grams(other)
        both = np.intersect1d(ours, theirs, assume_unique=True).size
        return both / (ours.size + theirs.size - both)

    def pairs(self) -> Iterator[tuple[int, int]]:
        """Texts that may be nearly equal, each pair once; the likeliest pairs first.

        Of many texts in one bucket each is paired with the first one and with its neighbour: so
        every group holds together, without a pair for every two of it.
        """
        found: set[tuple[int, int]] = set()
        for keys in self._band_keys():
            buckets: dict[bytes, list[int]] = defaultdict(list)
            for position, key in enumerate(keys):
                bucket = buckets[key]
                if bucket:
                    found.update(((bucket[0], position), (bucket[-1], position)))
                bucket.append(position)
        yield from self._likely(sorted(found), self)

    def pairs_with(self, others: Sketches) -> Iterator[tuple[int, int]]:
        """Texts of these and of `others` that may be nearly equal; the likeliest pairs first."""
        found: set[tuple[int, int]] = set()
        for keys, other_keys in zip(self._band_keys(), others._band_keys(), strict=True):
            buckets: dict[bytes, list[int]] = defaultdict(list)
            for position, key in enumerate(other_keys):
                if len(buckets[key]) < _MOST_IN_BUCKET:
                    buckets[key].append(position)
            for position, key in enumerate(keys):
                found.update((position, other) for other in buckets.get(key, ()))
        yield from self._likely(sorted(found), others)

    def _likely(self, pairs: list[tuple[int, int]], others: Sketches) -> Iterator[tuple[int, int]]:
        for start in range(0, len(pairs), _PAIRS):
            ours, theirs = np.array(pairs[start : start + _PAIRS], dtype=np.intp).T
            agree = (self._signatures[ours] == others._signatures[theirs]).mean(axis=1)
            order = np.argsort(-agree, kind="stable")
            likely = order[agree[order] >= NEAR - _SLACK]
            yield from ((int(ours[at]), int(theirs[at])) for at in likely)

    def _band_keys(self) -> Iterator[list[bytes]]:
        for band in range(_BANDS):
            rows = np.ascontiguousarray(self._signatures[:, band * _ROWS : (band + 1) * _ROWS])
            yield [row.tobytes() for row in rows]

    def grams(self, position: int) -> Hashes:
        """Sorted hashes of a text's 4-grams."""
        found = self._kept.get(position)
        if found is None:
            found = next(_gram_sets([self._texts[position]]))
            if self._n_kept + found.size <= _MOST_KEPT:
                self._kept[position] = found
                self._n_kept += found.size
        return found


def _signatures(texts: Sequence[str]) -> NDArray[np.uint32]:
    """Texts x hash functions: the smallest value that any 4-gram of the text has under each."""
    rng = np.random.default_rng(_SEED)
    odd = np.uint64(1)
    factors = rng.integers(1 << 63, size=_BANDS * _ROWS, dtype=np.uint64) * np.uint64(2) + odd
    signatures = np.empty((len(texts), factors.size), dtype=np.uint32)
    first = 0
    for portion in _portions(texts):
        # Hashes are sorted: the first ones are the smallest, and the same ones in equal texts.
        kept = [grams[:_SKETCH] for grams in _gram_sets(portion)]
        flat = np.concatenate(kept)
        starts = np.cumsum([0, *(grams.size for grams in kept[:-1])])
        for column, factor in enumerate(factors):
            values = ((flat * factor) >> np.uint64(32)).astype(np.uint32)
            signatures[first : first + len(kept), column] = np.minimum.reduceat(values, starts)
        first += len(kept)
    return signatures


def _portions(texts: Iterable[str]) -> Iterator[list[str]]:
    """So that the hashes of all characters never stand side by side."""
    portion: list[str] = []
    size = 0
    for text in texts:
        portion.append(text)
        size += len(text)
        if size >= _PORTION:
            yield portion
            portion, size = [], 0
    if portion:
        yield portion


def _gram_sets(texts: Sequence[str]) -> Iterator[Hashes]:
    """Sorted distinct hashes of the 4-grams of each text, one of a space at each end."""
    padded = [f" {text} ".ljust(_GRAM) for text in texts]
    codes = np.frombuffer("".join(padded).encode("utf-32-le", "surrogatepass"), dtype=np.uint32)
    hashes = np.zeros(codes.size - _GRAM + 1, dtype=np.uint64)
    for place in range(_GRAM):
        hashes = hashes * _MIX + codes[place : place + hashes.size]
    hashes = _mixed(hashes)
    start = 0
    for text in padded:
        yield np.unique(hashes[start : start + len(text) - _GRAM + 1])
        start += len(text)


def _mixed(values: Hashes) -> Hashes:
    """Every bit depends on every other: the finaliser of SplitMix64."""
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    mixed: Hashes = values ^ (values >> np.uint64(31))
    return mixed
