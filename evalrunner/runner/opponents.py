"""Answers that other cells wait for: each cell's answer to one case and repeat, handed over once.

A worker holds its trial while it waits here, and no two can wait for each other for ever:

- Whoever waits has handed over its own answer before, and an answer waits for gates and money only,
  never for another trial's score.
- Every lane hands out its trials case by case, in the same order of cases, and has at least as many
  workers as it has trials of one case (`lanes`).
- So take the first case with an answer missing. Trials of earlier cases find all that they wait
  for: they end, and their workers go on. The trials of this case that a lane has handed out hold
  fewer workers than it has, hence the others of this case are handed out as well, before any of a
  later case, and are answered. The case is complete, and so is the next.
- A lane that stops says so (`close`): what it has not handed out is given up as unanswered.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from evalrunner.planning import Cell
from evalrunner.planning.opponents import is_baseline, opponents_of
from evalrunner.runner.records import Trial
from evalrunner.scorers.judging import JudgeScorer, Opponent

MOST_ROUNDS = 10_000
"""A fast cell that waits for nobody is at most so far ahead of those that are compared with it."""


class Answer(NamedTuple):
    """What a trial has for those that are compared with it."""

    text: str | None
    is_final: bool
    """False = the trial is still owed, and may have another answer when the run is resumed."""


@dataclass(slots=True)
class _Round:
    """One case and repeat in all cells of a group."""

    answers: dict[int, asyncio.Future[Answer]]
    """By cell: of the trials that this session owes."""
    open: set[int]
    """Cells whose trial has not ended."""
    begun: set[int] = field(default_factory=set)

    def answer(self, cell: int, answer: Answer) -> None:
        """Hand over an answer; the first one counts."""
        future = self.answers[cell]
        if not future.done():
            future.set_result(answer)


@dataclass(slots=True)
class _Group:
    """Cells that may be compared with each other: of one facet, over the same cases."""

    cells: list[Cell] = field(default_factory=list)
    rounds: dict[tuple[int, int], _Round] = field(default_factory=dict)
    """By case and repeat, from its first trial's beginning to its last trial's end."""
    closed: set[int] = field(default_factory=set)
    """Cells of lanes that hand out nothing more."""


class Opponents:
    """Hands answers from cell to cell; used inside one event loop.

    Args:
        cells: Of the run.
        owed: Whether this session does a trial (cell, row of `cases.jsonl`, repeat).
        recorded: The answer of a trial that an earlier session did.
    """

    def __init__(
        self,
        cells: Sequence[Cell],
        *,
        owed: Callable[[int, int, int], bool],
        recorded: Callable[[int, int, int], str | None],
    ) -> None:
        self._owed = owed
        self._recorded = recorded
        self._groups = _groups(cells)
        self._rivals = {
            (cell.id, scorer.name): opponents_of(cell, group.cells, against=_against(cell, scorer))
            for group in self._groups.values()
            for cell in group.cells
            for scorer in _comparing(cell)
        }

    def __contains__(self, cell: Cell) -> bool:
        """Whether a cell is compared with others, or others with it."""
        return cell.id in self._groups

    def begin(self, trial: Trial) -> None:
        """Note that a trial was handed out: it will be answered, or given up by `end`."""
        if trial.cell in self:
            self._round(trial).begun.add(trial.cell.id)

    def answer(self, trial: Trial, text: str | None, *, is_final: bool = True) -> None:
        """Hand over what a trial was answered; None = it has no answer."""
        if trial.cell in self:
            self._round(trial).answer(trial.cell.id, Answer(text, is_final))

    def end(self, trial: Trial) -> None:
        """Note that a trial needs nothing more; without an answer it is given up."""
        if trial.cell in self:
            self.answer(trial, None, is_final=False)
            self._leave(trial.cell.id, trial.case.index, trial.repeat)

    def close(self, cells: Iterable[Cell]) -> None:
        """Give up the trials of a lane that were not handed out: they never will be."""
        for cell in cells:
            group = self._groups.get(cell.id)
            if group is None or cell.id in group.closed:
                continue
            group.closed.add(cell.id)
            for (case, repeat), round_ in list(group.rounds.items()):
                if cell.id in round_.open - round_.begun:
                    round_.answer(cell.id, Answer(None, is_final=False))
                    self._leave(cell.id, case, repeat)

    async def of(self, trial: Trial, scorer: JudgeScorer) -> tuple[list[Opponent], bool]:
        """Whom an answer is compared with, once all have answered; and whether that is final."""
        rivals = self._rivals[trial.cell.id, scorer.name]
        answers = [await self._answer_of(rival, trial) for rival in rivals]
        opponents = [
            Opponent(cell=rival.id, text=answer.text)
            for rival, answer in zip(rivals, answers, strict=True)
        ]
        return opponents, all(answer.is_final for answer in answers)

    def is_compared_with(self, cell: Cell, scorer: JudgeScorer) -> bool:
        """Whether a cell is the baseline that the others are compared with, and it with nobody."""
        wanted = cell.settings.run.baseline
        alone = not self._rivals[cell.id, scorer.name]
        return alone and bool(wanted) and is_baseline(cell.axes, wanted)

    async def keep_pace(self, trial: Trial) -> None:
        """Let the others catch up: answers are kept until the last one has come for them."""
        if trial.cell in self and len(self._groups[trial.cell.id].rounds) > MOST_ROUNDS:
            await asyncio.wait(self._round(trial).answers.values())

    async def _answer_of(self, rival: Cell, trial: Trial) -> Answer:
        case, repeat = trial.case.index, trial.repeat
        future = self._round(trial).answers.get(rival.id)
        if future is None:
            return Answer(self._recorded(rival.id, case, repeat), is_final=True)
        # Several may wait for it: one that is cancelled must not cancel it for the others.
        return await asyncio.shield(future)

    def _round(self, trial: Trial) -> _Round:
        group, key = self._groups[trial.cell.id], (trial.case.index, trial.repeat)
        if key not in group.rounds:
            loop = asyncio.get_running_loop()
            owed = [cell.id for cell in group.cells if self._owed(cell.id, *key)]
            round_ = _Round({cell: loop.create_future() for cell in owed}, set(owed))
            group.rounds[key] = round_
            for cell in group.closed & round_.open:
                round_.open.discard(cell)
                round_.answer(cell, Answer(None, is_final=False))
        return group.rounds[key]

    def _leave(self, cell: int, case: int, repeat: int) -> None:
        rounds = self._groups[cell].rounds
        round_ = rounds[case, repeat]
        round_.open.discard(cell)
        if not round_.open:
            del rounds[case, repeat]


def _groups(cells: Iterable[Cell]) -> dict[int, _Group]:
    """By cell, the group that it is in; cells of groups without comparisons are left out."""
    groups: dict[tuple[int, int, int, int], _Group] = {}
    for cell in cells:
        key = (cell.facet, cell.first, cell.n, cell.repeats)
        groups.setdefault(key, _Group()).cells.append(cell)
    return {
        cell.id: group
        for group in groups.values()
        if any(_comparing(cell) for cell in group.cells)
        for cell in group.cells
    }


def _comparing(cell: Cell) -> list[JudgeScorer]:
    judges = (scorer for scorer in cell.scorers if isinstance(scorer, JudgeScorer))
    return [scorer for scorer in judges if scorer.needs_opponents]


def _against(cell: Cell, scorer: JudgeScorer) -> str | None:
    return getattr(cell.settings.scorer.get(scorer.name), "against", None)
