"""Texts as vectors of their words: TF-IDF, of length 1."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from evalrunner.health import normalised

Matrix: TypeAlias = Any
"""A sparse matrix of scipy, a row a text."""
Floats = NDArray[np.float64]

_LONGEST = 4000
"""Characters of a text that are read: its subject shows in its first page."""
# Alphabets without spaces: their characters are the words.
_SCRIPTS = "\u0e00-\u0e7f\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff"
_WORD = re.compile(rf"[{_SCRIPTS}]|[^\W{_SCRIPTS}]+")


@dataclass(frozen=True, slots=True)
class Vectors:
    """Texts in one space."""

    rows: Matrix
    words: tuple[str, ...]
    """Of the columns."""

    def document_shares(self, places: NDArray[np.intp]) -> Floats:
        """Share of these texts that have each word."""
        counts = np.bincount(self.rows[places].indices, minlength=len(self.words))
        return counts / max(1, places.size)


def vectors_of(texts: Sequence[str]) -> Vectors:
    """TF-IDF with 1 + log(tf) and smoothed idf; a text without a word is all zero."""
    from scipy import sparse

    known: dict[str, int] = {}
    columns, values, ends = list[int](), list[int](), [0]
    for text in texts:
        counts = Counter(_WORD.findall(normalised(text[:_LONGEST])))
        columns += [known.setdefault(word, len(known)) for word in counts]
        values += counts.values()
        ends.append(len(columns))
    frequency = np.bincount(columns, minlength=len(known))
    idf = np.log((1 + len(texts)) / (1 + frequency)) + 1
    weights = (1 + np.log(np.array(values, dtype=np.float64))) * idf[np.array(columns, np.intp)]
    lengths = np.sqrt(np.bincount(_owners(ends), weights=weights**2, minlength=len(texts)))
    weights /= np.maximum(lengths, np.finfo(np.float64).tiny)[_owners(ends)]
    rows = sparse.csr_matrix((weights, columns, ends), shape=(len(texts), max(1, len(known))))
    return Vectors(rows, tuple(known))


def _owners(ends: Sequence[int]) -> NDArray[np.intp]:
    """Which text each value belongs to."""
    return np.repeat(np.arange(len(ends) - 1), np.diff(ends))
