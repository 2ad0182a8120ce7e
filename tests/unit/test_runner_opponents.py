"""Answers that cells wait for: handed over once, given up when nobody will give them, forgotten."""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass, field
from types import SimpleNamespace

import pytest
import virtual_time

from evalrunner.runner import opponents as module
from evalrunner.runner.opponents import Opponents
from evalrunner.runner.records import Trial
from evalrunner.scorers.judging import JudgeScorer
from evalrunner.types import Case


class Compares(JudgeScorer):
    """A judge scorer, as far as it is looked at here."""

    name = "pairwise"
    needs_opponents = True


@dataclass
class Cell:
    """As much of a planned cell as is looked at here."""

    id: int
    facet: int = 0
    first: int = 0
    n: int = 4
    repeats: int = 1
    role: str = "candidate"
    baseline: dict = field(default_factory=dict)
    scorers: tuple = (Compares(),)

    @property
    def axes(self):
        return {"model": self.id}

    @property
    def settings(self):
        return SimpleNamespace(run=SimpleNamespace(baseline=self.baseline), scorer={})


def opponents_of(cells, *, owed=lambda *_: True):
    return Opponents(cells, owed=owed, recorded=lambda cell, case, repeat: f"kept {cell} {case}")


def trial(cell, case=0, repeat=0):
    asked = Case(id=f"c{case}", fields={}, sha256="", index=case)
    return Trial(cell=cell, case=asked, repeat=repeat)


def rounds_of(opponents):
    groups = {id(group): group for group in opponents._groups.values()}
    return sum(len(group.rounds) for group in groups.values())


def test_an_answer_reaches_whoever_waits_for_it_and_is_then_forgotten():
    async def run():
        cells = [Cell(0), Cell(1)]
        both = opponents_of(cells)
        for cell in cells:
            both.begin(trial(cell))
        waiting = asyncio.create_task(both.of(trial(cells[0]), Compares()))
        await asyncio.sleep(0)
        both.answer(trial(cells[1]), "yes")
        found = await waiting
        both.answer(trial(cells[0]), "no")
        for cell in cells:
            both.end(trial(cell))
        return found, rounds_of(both)

    (found, is_final), left = virtual_time.run(run())

    assert [(one.cell, one.text) for one in found] == [(1, "yes")]
    assert is_final
    assert left == 0


def test_cells_of_other_facets_and_cases_are_not_compared():
    cells = [Cell(0), Cell(1, facet=1), Cell(2, first=4), Cell(3, role="canary")]

    found, is_final = virtual_time.run(opponents_of(cells).of(trial(cells[0]), Compares()))

    assert (found, is_final) == ([], True)


def test_answers_of_an_earlier_session_need_no_waiting():
    cells = [Cell(0), Cell(1)]
    both = opponents_of(cells, owed=lambda cell, *_: cell == 0)

    found, is_final = virtual_time.run(both.of(trial(cells[0], 3), Compares()))

    assert ([one.text for one in found], is_final) == (["kept 1 3"], True)


def test_a_trial_that_ends_without_answer_is_given_up_until_the_run_is_resumed():
    async def run():
        cells = [Cell(0), Cell(1)]
        both = opponents_of(cells)
        both.begin(trial(cells[1]))
        both.begin(trial(cells[0]))
        both.end(trial(cells[1]))
        return await both.of(trial(cells[0]), Compares())

    (found, is_final) = virtual_time.run(run())

    assert ([one.text for one in found], is_final) == ([None], False)


def test_a_closed_lane_gives_up_what_it_has_not_handed_out_and_nothing_else():
    async def run():
        cells = [Cell(0), Cell(1)]
        both = opponents_of(cells)
        for case in range(2):
            both.begin(trial(cells[0], case))
        both.begin(trial(cells[1], 0))
        both.close([cells[1]])
        given_up = [await both.of(trial(cells[0], case), Compares()) for case in (1, 2)]
        both.answer(trial(cells[1], 0), "late, but there")
        return given_up, await both.of(trial(cells[0], 0), Compares())

    given_up, (found, is_final) = virtual_time.run(run())

    assert [final for _, final in given_up] == [False, False]
    assert ([one.text for one in found], is_final) == (["late, but there"], True)


def test_one_that_stops_waiting_takes_nothing_from_the_others():
    async def run():
        cells = [Cell(0), Cell(1), Cell(2)]
        all_three = opponents_of(cells)
        waits = [asyncio.create_task(all_three.of(trial(cell), Compares())) for cell in cells[:2]]
        for cell in cells[:2]:
            all_three.answer(trial(cell), f"of {cell.id}")
        # Now both wait for the third.
        await asyncio.sleep(0.1)
        waits[0].cancel()
        await asyncio.sleep(0.1)
        all_three.answer(trial(cells[2]), "of 2")
        return await asyncio.gather(*waits, return_exceptions=True)

    cancelled, (found, _) = virtual_time.run(run())

    assert isinstance(cancelled, asyncio.CancelledError)
    assert [one.text for one in found] == ["of 0", "of 2"]


def test_the_baseline_is_compared_with_nobody():
    cells = [Cell(0, baseline={"model": 0}), Cell(1, baseline={"model": 0})]
    both = opponents_of(cells)

    assert both.is_compared_with(cells[0], Compares())
    assert not both.is_compared_with(cells[1], Compares())


def test_a_fast_baseline_is_held_back(monkeypatch):
    """Memory: what it answered is kept until the others have come for it."""
    monkeypatch.setattr(module, "MOST_ROUNDS", 3)
    cells = [Cell(0, n=50, baseline={"model": 0}), Cell(1, n=50, baseline={"model": 0})]
    both = opponents_of(cells)
    most = 0

    async def work(cell, seconds):
        nonlocal most
        for case in range(50):
            one = trial(cell, case)
            both.begin(one)
            await asyncio.sleep(seconds)
            both.answer(one, "x")
            await both.of(one, Compares())
            await both.keep_pace(one)
            both.end(one)
            most = max(most, rounds_of(both))

    async def run():
        await asyncio.gather(work(cells[0], 0.001), work(cells[1], 1.0))

    virtual_time.run(run())

    assert 3 <= most <= 5
    assert rounds_of(both) == 0


@dataclass
class Lanes:
    """Lanes of cells 0, 1, 2, ... in turn, each with no more workers than trials of a case."""

    random: random.Random
    n: int
    n_cases: int
    cells: list
    stops: dict
    """By lane, the case at which it stops."""
    done: int = 0

    def __post_init__(self):
        share = self.random.choice([0.6, 1.0])
        keys = [(c.id, i, r) for c in self.cells for i in range(self.n_cases) for r in range(2)]
        self.owed = {key for key in keys if self.random.random() < share}
        self.opponents = opponents_of(self.cells, owed=lambda *key: key in self.owed)

    def trials(self, lane):
        for case in range(self.stops.get(lane, self.n_cases)):
            for cell in self.cells[lane :: self.n]:
                for repeat in range(2):
                    if (cell.id, case, repeat) in self.owed:
                        yield trial(cell, case, repeat)

    async def work(self, lane, trials):
        try:
            for one in trials:
                self.opponents.begin(one)
                await asyncio.sleep(self.random.random())
                if self.random.random() < 0.9:
                    self.opponents.answer(one, "x")
                    await self.opponents.of(one, Compares())
                    await asyncio.sleep(self.random.random())
                self.opponents.end(one)
                self.done += 1
        finally:
            self.opponents.close(self.cells[lane :: self.n])

    async def run(self):
        handed_out = [self.trials(lane) for lane in range(self.n)]
        await asyncio.gather(
            *(
                self.work(lane, handed_out[lane])
                for lane in range(self.n)
                for _ in range(2 * len(self.cells[lane :: self.n]))
            )
        )


@pytest.mark.parametrize("seed", range(60))
def test_lanes_with_a_worker_for_each_trial_of_a_case_never_wait_for_ever(seed):
    """Whatever the order in which answers come, which trials are owed, and which lanes stop."""
    dice = random.Random(seed)
    n, n_cases = dice.randint(2, 4), dice.randint(1, 12)
    cells = [Cell(i, n=n_cases, repeats=2) for i in range(n * dice.randint(1, 3))]
    stops = {lane: dice.randint(0, n_cases) for lane in range(n) if dice.random() < 0.3}
    lanes = Lanes(dice, n, n_cases, cells, stops)

    virtual_time.run(lanes.run())

    assert lanes.done == len(lanes.owed) or stops
    assert rounds_of(lanes.opponents) == 0
