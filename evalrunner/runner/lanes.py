"""A lane: all trials that ask one model.

Lanes run beside each other, so that a throttled or slow model never leaves the others idle.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from evalrunner.datasets import CaseFile
from evalrunner.planning import Cell
from evalrunner.runner.doors import MOST_IN_BATCHES
from evalrunner.runner.records import Trial
from evalrunner.runner.stacks import Stack, Stacks

Owed = Callable[[int, int, int], bool]
"""Whether the trial (cell, row of `cases.jsonl`, repeat) is still to be done."""
Rows = Callable[[Cell], Sequence[int] | None]
"""The rows of a cell's cases in the order in which it does them; None = that of the file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lane:
    """One model's cells, its provider with all layers, and how many workers serve it."""

    cells: Sequence[Cell]
    stack: Stack
    n_workers: int

    def trials(
        self, cases: CaseFile, owed: Owed, *, rows: Rows = lambda _: None
    ) -> Iterator[Trial]:
        """The trials still to be done: case by case, so that all cells advance together.

        `rows` gives cells another order than the file's. Every lane has the cases in the same
        order: see `opponents`, `racing`.
        """
        by_rows: dict[tuple[int, int, int], list[Cell]] = {}
        for cell in self.cells:
            facet = -1 if rows(cell) is None else cell.facet
            by_rows.setdefault((cell.first, cell.n, facet), []).append(cell)
        for (first, n, _), cells in sorted(by_rows.items(), key=lambda item: item[0]):
            order = rows(cells[0])
            for case in cases.slice(first, n) if order is None else map(cases.__getitem__, order):
                for cell in cells:
                    for repeat in range(cell.repeats):
                        if owed(cell.id, case.index, repeat):
                            yield Trial(cell=cell, case=case, repeat=repeat)


def open_lanes(cells: Sequence[Cell], stacks: Stacks) -> list[Lane]:
    """One lane per model configuration; the stacks of candidates and judges are opened."""
    by_model: dict[str, list[Cell]] = {}
    for cell in cells:
        stacks.open(cell.wire, cell.settings)
        by_model.setdefault(stacks.key_of(cell.wire), []).append(cell)
    return [_open_lane(group, stacks) for group in by_model.values()]


def _open_lane(cells: Sequence[Cell], stacks: Stacks) -> Lane:
    stack = stacks.of(cells[0].wire)
    found = [stacks.open(wire, cell.settings) for cell in cells for wire in cell.judge_wires]
    judges = {id(judge): judge for judge in found}.values()
    if any(each.is_batch for each in (stack, *judges)):
        n_workers = min(sum(cell.n_trials for cell in cells), MOST_IN_BATCHES)
    else:
        # Whoever waits for a judge holds a worker, too.
        n_workers = stack.n_workers + sum(judge.capacity for judge in judges)
    if judges:
        # The trials of one case may wait for each other: see `opponents`.
        n_workers = max(n_workers, sum(cell.repeats for cell in cells))
    return Lane(cells=cells, stack=stack, n_workers=n_workers)
