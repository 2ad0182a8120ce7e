"""Verdicts on the same question, kept in flat arrays until they are compared."""

from __future__ import annotations

from array import array
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

_COMPARED = 10_000
"""Most questions that an agreement is computed from: of more its interval is no help, and slow."""


class Ratings:
    """Groups of ratings, each of one question about one answer."""

    def __init__(self) -> None:
        self._values = array("d")
        self._sizes = array("i")
        self._cases = array("i")

    @property
    def n(self) -> int:
        """How many questions."""
        return len(self._sizes)

    def add(self, case: int, ratings: Sequence[float]) -> None:
        """Count the ratings of one question about the case in this row."""
        self._values.extend(ratings)
        self._sizes.append(len(ratings))
        self._cases.append(case)

    def matrix(self) -> tuple[NDArray[np.float64], NDArray[np.intp]]:
        """Raters x questions with NaN for a gap, and the row of each question's case."""
        sizes = np.asarray(self._sizes)
        ends = np.cumsum(sizes)
        questions = np.repeat(np.arange(sizes.size), sizes)
        places = np.arange(len(self._values)) - np.repeat(ends - sizes, sizes)
        matrix = np.full((int(sizes.max()), sizes.size), np.nan)
        matrix[places, questions] = np.asarray(self._values)
        return matrix, np.asarray(self._cases, dtype=np.intp)


def some_questions(n: int, *, rng: np.random.Generator) -> NDArray[np.intp]:
    """Which of `n` questions to compare: all, or of very many a random part."""
    if n <= _COMPARED:
        return np.arange(n)
    return np.sort(rng.choice(n, size=_COMPARED, replace=False))
