"""Racing: cells that another one beats are asked nothing more.

The cells of a race do the same cases in the same drawn order, and wait for each other at the end of
each block (`track`). A worker holds its trial while it waits, and none waits for ever: every lane
hands out its trials in the same order, so that those of the open block are all handed out before
any that waits; and the cells of a lane that stops are out of the race (`close`, `leave`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from evalrunner.datasets import CaseFile
from evalrunner.planning import Cell
from evalrunner.runner.lanes import Owed
from evalrunner.runner.money import Money
from evalrunner.runner.progress import Progress
from evalrunner.runner.records import Trial
from evalrunner.runner.track import Track
from evalrunner.store import RunStore
from evalrunner.summary import CaseColumns
from evalrunner.types import Case


class Racing:
    """The races of a run, one for each facet with `run.race`; used inside one event loop.

    Args:
        cells: Of the run; canaries do not race.
        cases: The run's `cases.jsonl`.
        store: Open: has what earlier sessions found out, and is told who is stopped.
        owed: Whether this session does a trial.
        money: Knows the prices.
        progress: Told how many trials are left out.
    """

    def __init__(
        self,
        cells: Iterable[Cell],
        cases: CaseFile,
        store: RunStore,
        *,
        owed: Owed,
        money: Money,
        progress: Progress,
    ) -> None:
        self._store = store
        self._progress = progress
        self._stopping = False
        self._tracks: dict[int, Track] = {}
        self._opened: dict[Track, asyncio.Event] = {}
        for group in _races(cells):
            prices = (
                money.of(cell.settings.model, cell.settings.pricing)[0].prices for cell in group
            )
            track = Track(list(zip(group, prices, strict=True)), *_read(group[0], cases))
            self._tracks |= {cell.id: track for cell in group}
            self._opened[track] = asyncio.Event()
            self._load(track, owed)
            self._advance(track)

    def rows(self, cell: Cell) -> Sequence[int] | None:
        """Rows of `cases.jsonl` in the order of the race; None = the cell does not race."""
        track = self._tracks.get(cell.id)
        return None if track is None else track.rows

    async def enter(self, trial: Trial) -> bool:
        """Whether a trial is to be done, once that is known: not when its cell was stopped."""
        track = self._tracks.get(trial.cell.id)
        if track is None:
            return True
        entrant = track.entrants[trial.cell.id]
        entrant.n_handed += 1
        while not self._stopping and not track.is_open(trial.cell.id, trial.case.index):
            await self._opened[track].wait()
        return not (entrant.is_raced or self._stopping)

    def done(self, record: Mapping[str, Any]) -> None:
        """Count a trial that is on disk."""
        track = self._tracks.get(record["cell"])
        if track is not None:
            track.add(record)
            track.entrants[record["cell"]].left[track.block_of(record["case"])] -= 1
            self._advance(track)

    def leave(self, cell: Cell) -> None:
        """Note that a trial was not done though it was begun: its cell races no more."""
        track = self._tracks.get(cell.id)
        if track is not None and not track.entrants[cell.id].is_out:
            track.entrants[cell.id].is_out = True
            self._advance(track)
            self._wake(track)

    def close(self, cells: Iterable[Cell]) -> None:
        """Note that a lane hands out nothing more: its cells that owe trials race no more."""
        for cell in cells:
            track = self._tracks.get(cell.id)
            if track is not None:
                entrant = track.entrants[cell.id]
                if entrant.n_handed < entrant.n_owed:
                    self.leave(cell)

    def stop(self) -> None:
        """Let nobody wait any more: the run ends."""
        self._stopping = True
        for track in self._opened:
            self._wake(track)

    def _load(self, track: Track, owed: Owed) -> None:
        """What earlier sessions did, and what this one owes."""
        for cell, entrant in track.entrants.items():
            entrant.is_raced = cell in self._store.raced
            for row in track.rows:
                for repeat in range(entrant.cell.repeats):
                    if owed(cell, row, repeat):
                        entrant.left[track.block_of(row)] += 1
                    elif (record := self._store.trial(cell, row, repeat)) is not None:
                        track.add(record)
            entrant.n_owed = sum(entrant.left)

    def _advance(self, track: Track) -> None:
        before = track.block
        for record in track.advance():
            self._store.record_raced(record)
            left = sum(track.entrants[record["cell"]].left)
            self._progress.cells[record["cell"]].planned -= left
        if track.block > before:
            self._wake(track)

    def _wake(self, track: Track) -> None:
        self._opened[track].set()
        self._opened[track] = asyncio.Event()


def _races(cells: Iterable[Cell]) -> Iterator[list[Cell]]:
    """The candidates of each facet that races."""
    facets: dict[int, list[Cell]] = {}
    for cell in cells:
        if cell.settings.run.race and cell.role == "candidate":
            facets.setdefault(cell.facet, []).append(cell)
    return (facet for facet in facets.values() if len(facet) > 1)


def _read(cell: Cell, cases: CaseFile) -> tuple[list[str], CaseColumns]:
    """Ids, slices and clusters of a cell's cases, read once."""
    ids: list[str] = []

    def noted() -> Iterator[Case]:
        for case in cases.slice(cell.first, cell.n):
            ids.append(case.id)
            yield case

    dataset = cell.settings.dataset
    columns = CaseColumns.build(noted(), slices=dataset.slices, cluster=dataset.cluster)
    return ids, columns
