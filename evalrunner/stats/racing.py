"""Racing: cases in a drawn order, block by block, and who is beaten after each block.

A case, or a cluster of dependent ones, is won by the cell with the higher score, and ties are left
out. If two cells win equally often, each case won is a fair coin: the e-value of the wins and
losses then reaches 1 / alpha with probability alpha at most, however often one looks. Of m cells
the best one has m - 1 rivals, so that it is stopped by mistake with probability alpha at most if
(m - 1) / alpha is asked for. For right and wrong answers "wins equally often" is "equal quality";
for graded scores it is a statement about the sign of the difference, not about its mean.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from evalrunner.stats.sequential import mcnemar_e_value

BLOCK = 20
"""Cases of the first blocks."""
_SHARE = 4
"""Later blocks are a quarter of what is done: few waits, and at most so much is sent too late."""
_EQUAL = 1e-12
"""Scores that were rounded differently differ by less."""

Floats = NDArray[np.float64]
Codes = NDArray[np.intp]


@dataclass(frozen=True, slots=True, kw_only=True)
class Beaten:
    """A cell that need not be asked any more; cells are positions."""

    cell: int
    by: int
    e_value: float
    wins: int
    """Of `by`: cases, or clusters."""
    losses: int
    n: int
    """Cases that both have scores of."""


def race_order(ids: Sequence[str], *, seed: int, clusters: ArrayLike | None = None) -> Codes:
    """Positions of the cases in the order of a race; those of a cluster stay together.

    By a hash of seed and id, so that neither the order of the file nor other cases matter.
    """
    drawn = [hashlib.sha256(f"{seed} race {each}".encode("utf-8", "surrogatepass")) for each in ids]
    keys = np.array([int.from_bytes(each.digest()[:8]) for each in drawn], dtype=np.uint64)
    if clusters is None:
        return np.lexsort((np.arange(keys.size), keys))
    codes = np.asarray(clusters, dtype=np.intp)
    # A cluster is drawn by one of its ids: by its smallest hash, large ones would come first.
    leaders: dict[int, int] = {}
    for position in sorted(range(len(ids)), key=lambda row: ids[row]):
        leaders.setdefault(int(codes[position]), position)
    whole = np.array([keys[leaders[code]] for code in codes.tolist()], dtype=np.uint64)
    return np.lexsort((keys, codes, whole))


def block_ends(clusters: ArrayLike) -> list[int]:
    """How many cases are done at the end of each block; no cluster is cut in two.

    `clusters` are the codes of the cases in the order of the race.
    """
    codes = np.asarray(clusters)
    # The end of each run of equal codes.
    stops = np.append(np.flatnonzero(np.diff(codes)) + 1, codes.size)
    ends: list[int] = []
    end = 0
    while end < codes.size:
        wanted = end + max(BLOCK, end // _SHARE)
        end = int(stops[min(int(np.searchsorted(stops, wanted)), stops.size - 1)])
        ends.append(end)
    return ends


class Race:
    """Cells that answer the same cases, and how often each has beaten each.

    Args:
        n_cells: All that take part, whether they are stopped on the way or not.
        confidence: 1 - the probability that the best of them is stopped by mistake.

    Sources: Robbins (1970) and Ramdas et al. (2023), as `mcnemar_e_value`; Bonferroni.
    """

    def __init__(self, n_cells: int, *, confidence: float) -> None:
        self.threshold = (n_cells - 1) / (1 - confidence)
        self._wins = np.zeros((n_cells, n_cells), dtype=np.int64)
        self._n = np.zeros((n_cells, n_cells), dtype=np.int64)

    def add(self, quality: Floats, clusters: Codes) -> None:
        """Count a block: scores, cells x cases, NaN = missing; and the codes of its cases."""
        starts = np.append(0, np.flatnonzero(np.diff(clusters)) + 1)
        for cell, own in enumerate(quality):
            difference = quality - own
            self._n[:, cell] += (~np.isnan(difference)).sum(axis=1)
            sums = np.add.reduceat(np.nan_to_num(difference), starts, axis=1)
            self._wins[:, cell] += (sums > _EQUAL).sum(axis=1)

    def beaten(
        self, cost: Sequence[float], *, racing: Collection[int], kept: Collection[int] = ()
    ) -> list[Beaten]:
        """Cells in `racing`, but not in `kept`, that another one beats at no higher cost.

        NaN = unknown cost. The clearest first; who is stopped stops nobody after that, so that one
        is left.
        """
        pairs = [
            (cell, by)
            for cell in racing
            if cell not in kept
            for by in racing
            if by != cell and cost[by] <= cost[cell]
        ]
        found = [each for pair in pairs if (each := self._pair(*pair)) is not None]
        left, beaten = set(racing), []
        for each in sorted(found, key=lambda one: (-one.e_value, one.cell, one.by)):
            if each.cell in left and each.by in left:
                left.discard(each.cell)
                beaten.append(each)
        return beaten

    def _pair(self, cell: int, by: int) -> Beaten | None:
        wins, losses = int(self._wins[by, cell]), int(self._wins[cell, by])
        e_value = mcnemar_e_value(wins, losses)
        if wins <= losses or e_value < self.threshold:
            return None
        n = int(self._n[by, cell])
        return Beaten(cell=cell, by=by, e_value=e_value, wins=wins, losses=losses, n=n)
