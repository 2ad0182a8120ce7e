"""Which outputs of a case are shown side by side."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from evalrunner.human.choosing import draw

_MOST_FOR_ALL = 3
"""Cells up to which each is held against each other."""


def pairs_of(cells: Sequence[int], *, seed: int, case_id: str) -> list[tuple[int, int]]:
    """Pairs of cells, each ascending: all of up to three cells, else a random cycle of the case.

    A cycle shows every cell twice and connects all of them, so that ratings are comparable after a
    single case; over many cases every pair comes up equally often.
    """
    if len(cells) <= _MOST_FOR_ALL:
        return list(itertools.combinations(sorted(cells), 2))
    ring = sorted(cells, key=lambda cell: draw(seed, "cycle", case_id, cell))
    around = zip(ring, [*ring[1:], ring[0]], strict=True)
    return sorted((min(pair), max(pair)) for pair in around)


def is_left_second(pair: tuple[int, int], *, seed: int, rater: str, case_id: str) -> bool:
    """Whether this rater sees the second cell of the pair on the left."""
    return draw(seed, "side", rater, case_id, *pair) < 0.5  # noqa: PLR2004 - a fair coin


def repeat_of(repeats: Sequence[int], *, seed: int, case_id: str, cell: int) -> int:
    """Which of a cell's answers to a case is shown; the same to every rater."""
    return repeats[int(draw(seed, "repeat", case_id, cell) * len(repeats))]
