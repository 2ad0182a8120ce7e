"""What judges need of a run: a way to ask, the answers to compare with, a note of what failed."""

from __future__ import annotations

from collections.abc import Awaitable, Sequence

from evalrunner.errors import ProviderError
from evalrunner.planning import Cell
from evalrunner.providers.registry import Wire
from evalrunner.runner.opponents import Opponents
from evalrunner.runner.records import Trial
from evalrunner.runner.stacks import Stacks
from evalrunner.scorers import Scorer
from evalrunner.scorers.judging import JudgeScorer
from evalrunner.types import Completion, Request, Score


class Judging:
    """The judges of a run.

    Args:
        cells: Of the run; their judges' stacks are opened.
        stacks: Where judges are asked, as candidates are.
        opponents: Where answers wait for those that are compared with them.
    """

    def __init__(self, cells: Sequence[Cell], *, stacks: Stacks, opponents: Opponents) -> None:
        self.opponents = opponents
        self.stacks = stacks
        self._judges = {cell.id: judges for cell in cells if (judges := _judges_of(cell))}
        self._gates = {
            cell.id: [gate for wire in cell.judge_wires if (gate := stacks.of(wire).gate)]
            for cell in cells
        }

    def questions(self, trial: Trial, completion: Completion) -> Questions | None:
        """What to put to the judges of a trial; None when its cell has none."""
        judges = self._judges.get(trial.cell.id)
        return None if judges is None else Questions(self, judges, trial, completion)

    def stopped(self, cell: Cell) -> ProviderError | None:
        """Why answers of a cell cannot be judged any more; None while they can."""
        for gate in self._gates[cell.id]:
            if gate.stopped is not None:
                return gate.stopped
        return None


class Questions:
    """What is put to the judges of one trial."""

    def __init__(
        self, judging: Judging, judges: dict[str, JudgeScorer], trial: Trial, completion: Completion
    ) -> None:
        self.errors: list[ProviderError] = []
        """Of requests that got no answer, in the order in which they failed."""
        self.lacks_opponents = False
        self._judging = judging
        self._judges = judges
        self._trial = trial
        self._completion = completion

    def put(self, scorer: Scorer) -> Awaitable[Score] | None:
        """The score, by a judge; None for a scorer that asks nobody."""
        judge = self._judges.get(scorer.name)
        return None if judge is None else self._judged(judge)

    async def _judged(self, scorer: JudgeScorer) -> Score:
        trial, all_opponents = self._trial, self._judging.opponents
        if not scorer.needs_opponents:
            return await scorer.judge_answer(trial.case, self._completion, ask=self._ask)
        if all_opponents.is_compared_with(trial.cell, scorer):
            # A tie with itself: what the others' scores are to be compared with.
            return Score(value=0.5, reason="the baseline: a tie with itself")
        opponents, are_final = await all_opponents.of(trial, scorer)
        self.lacks_opponents |= not are_final
        return await scorer.judge_answer(
            trial.case, self._completion, ask=self._ask, opponents=opponents
        )

    async def _ask(self, wire: Wire, request: Request) -> Completion:
        try:
            return await self._judging.stacks.of(wire).provider.complete(request)
        except ProviderError as error:
            # The scorer makes a judgement of it; whether the trial is done is not its business.
            self.errors.append(error)
            raise


def _judges_of(cell: Cell) -> dict[str, JudgeScorer]:
    return {scorer.name: scorer for scorer in cell.scorers if isinstance(scorer, JudgeScorer)}
