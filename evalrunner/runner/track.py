"""One race: cells of a facet, their results by block, and who was beaten where.

Each block is looked at once all cells that still race have done it. So who is stopped, and where,
follows from the answers alone, not from when they came.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from evalrunner.planning import Cell
from evalrunner.planning.opponents import is_baseline
from evalrunner.planning.production import production_price
from evalrunner.pricing import UnitPrices
from evalrunner.scorers.quality import resolve_quality, trial_quality
from evalrunner.stats.racing import Codes, Floats, Race, block_ends, race_order
from evalrunner.store.claims import WITHOUT_ANSWER
from evalrunner.summary import CaseColumns
from evalrunner.types import Json, Usage

LEAST_OF_SLICE = 10
"""Cases of each slice, or all that it has, that a cell does before it may be stopped."""
_TWO = 2
"""Cells that make a race."""


@dataclass(slots=True)
class Entrant:
    """One cell of a race."""

    place: int
    cell: Cell
    prices: UnitPrices | None
    left: list[int]
    """By block: trials that this session owes and has not done."""
    costs: list[list[float | None]]
    """By block: list price of each answered trial; None = unknown."""
    is_raced: bool = False
    """Whether it was beaten, in this session or before: it is asked nothing more."""
    is_out: bool = False
    """Whether its lane stopped: it races no more until the run is resumed."""
    n_owed: int = 0
    """Trials that this session owes."""
    n_handed: int = 0
    """Trials that its lane handed out."""
    spent: float = 0.0
    n_priced: int = 0
    n_answered: int = 0
    """With `spent`: of the blocks that were looked at."""
    quality: tuple[str, str | None] = field(init=False)

    def __post_init__(self) -> None:
        self.quality = resolve_quality(self.cell.quality, self.cell.settings.scorer)

    @property
    def races(self) -> bool:
        """Whether its results count: it may be beaten, and beat others."""
        return not (self.is_raced or self.is_out)

    @property
    def is_done(self) -> bool:
        """Whether it owes nothing more."""
        return not any(self.left)

    @property
    def is_baseline(self) -> bool:
        """Whether it is what `run.baseline` selects."""
        wanted = self.cell.settings.run.baseline
        return bool(wanted) and is_baseline(self.cell.axes, wanted)

    def price(self, record: Mapping[str, Any]) -> float | None:
        """List price of an answered trial; None = unknown, as for what is paid by the second."""
        if record["cost_usd"] is not None:
            return float(record["cost_usd"])
        if self.prices is None or self.prices.per_second is not None:
            return None
        usage = None if record["usage"] is None else Usage(**record["usage"])
        price = production_price(usage, self.prices, self.cell.settings.production)
        return None if price is None else float(price)

    def mean_cost(self, block: int) -> float:
        """List price of a request up to the end of `block`, which is counted now; NaN = unknown."""
        costs = self.costs[block]
        known = [cost for cost in costs if cost is not None]
        # Exact, so that the order in which answers came changes nothing.
        self.spent += math.fsum(known)
        self.n_priced += len(known)
        self.n_answered += len(costs)
        n_unknown = self.n_answered - self.n_priced
        if not self.n_priced or n_unknown > self.cell.settings.run.max_missing * self.n_answered:
            return math.nan
        return self.spent / self.n_priced


class Track:
    """The cells of a facet that race.

    Args:
        cells: With the price of each one's model.
        ids: Of their cases, by row.
        columns: Slices and clusters of these cases.
    """

    def __init__(
        self,
        cells: Sequence[tuple[Cell, UnitPrices | None]],
        ids: Sequence[str],
        columns: CaseColumns,
    ) -> None:
        first, run = cells[0][0], cells[0][0].settings.run
        order = race_order(ids, seed=run.seed, clusters=columns.clusters)
        self.rows: list[int] = (order + first.first).tolist()
        """Rows of `cases.jsonl` in the order of the race."""
        self.block = 0
        """Trials up to this block may be done."""
        self._clusters = (
            np.arange(order.size) if columns.clusters is None else columns.clusters[order]
        )
        self._ends = block_ends(self._clusters)
        self._first = first.first
        self._place = np.empty_like(order)
        self._place[order] = np.arange(order.size)
        self._block = np.searchsorted(self._ends, self._place, side="right")
        self._earliest = _earliest(columns, self._place)
        blocks = range(len(self._ends))
        self.entrants = {
            cell.id: Entrant(place, cell, prices, [0 for _ in blocks], [[] for _ in blocks])
            for place, (cell, prices) in enumerate(cells)
        }
        shape = len(cells), order.size
        self._sums, self._counts = np.zeros(shape), np.zeros(shape, dtype=np.int32)
        self._race = Race(len(cells), confidence=run.confidence)

    def block_of(self, row: int) -> int:
        """The block of a case, by its row in `cases.jsonl`."""
        return int(self._block[row - self._first])

    def is_open(self, cell: int, row: int) -> bool:
        """Whether a trial need not wait: its block is open, or its cell does not race any more."""
        entrant = self.entrants[cell]
        return entrant.is_raced or entrant.is_out or self.block_of(row) <= self.block

    def add(self, record: Mapping[str, Any]) -> None:
        """Count what came of a trial, from its record in the journal."""
        entrant, row = self.entrants[record["cell"]], record["case"]
        if record["status"] not in WITHOUT_ANSWER:
            entrant.costs[self.block_of(row)].append(entrant.price(record))
        value = trial_quality(record["scores"], entrant.quality)
        if value is not None:
            place = entrant.place, self._place[row - self._first]
            self._sums[place] += value
            self._counts[place] += 1

    def advance(self) -> list[dict[str, Json]]:
        """Look at every block that is done, and open the next; who is beaten, for the journal."""
        stopped: list[dict[str, Json]] = []
        last = len(self._ends) - 1
        while self.block < last:
            racing = [each for each in self.entrants.values() if each.races]
            if len(racing) < _TWO:
                self.block = last
            elif any(each.left[self.block] for each in racing):
                break
            else:
                stopped += self._decide(racing)
                self.block += 1
        return stopped

    def _decide(self, racing: Sequence[Entrant]) -> list[dict[str, Json]]:
        entrants, end = list(self.entrants.values()), self._ends[self.block]
        self._race.add(*self._results(racing))
        cost = [each.mean_cost(self.block) for each in entrants]
        if end < self._earliest:
            return []
        found = self._race.beaten(
            cost,
            racing=[each.place for each in racing],
            # Of one that has done everything nothing would be saved.
            kept=[each.place for each in racing if each.is_baseline or each.is_done],
        )
        records: list[dict[str, Json]] = []
        for beaten in found:
            entrant = entrants[beaten.cell]
            entrant.is_raced = True
            names = {"cell": entrant.cell.id, "by": entrants[beaten.by].cell.id}
            records.append(asdict(beaten) | names | {"cases": end, "block": self.block})
        return records

    def _results(self, racing: Sequence[Entrant]) -> tuple[Floats, Codes]:
        """Scores of the open block, NaN for who does not race; and the clusters of its cases."""
        block = slice(self._ends[self.block - 1] if self.block else 0, self._ends[self.block])
        sums, counts = self._sums[:, block], self._counts[:, block]
        quality = np.full(sums.shape, np.nan)
        places = [each.place for each in racing]
        np.divide(sums, counts, out=quality, where=counts > 0)
        quality[np.delete(np.arange(len(quality)), places)] = np.nan
        return quality, self._clusters[block]


def _earliest(columns: CaseColumns, place: Codes) -> int:
    """Cases after which every slice has had its least number."""
    latest = 0
    for values in columns.slices.values():
        for rows in values.values():
            nth = min(LEAST_OF_SLICE, rows.size) - 1
            latest = max(latest, int(np.sort(place[rows])[nth]) + 1)
    return latest
