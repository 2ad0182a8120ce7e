"""What a run tells whoever shows its progress: gates, budgets, and what was done before."""

from __future__ import annotations

import asyncio
from decimal import Decimal

import pytest
from runs import AT, new_run, planned, project, trial, write_journal
from virtual_time import run

from evalrunner.errors import FailureKind, ProviderError
from evalrunner.planning import thaw
from evalrunner.runner import Cap, Door, Money, Progress
from evalrunner.runner.doors import Doors
from evalrunner.store import JOURNAL, read_index

KEYS = {
    "OPENAI_API_KEY": "sk-proj-0123456789abcdef",
    "ANTHROPIC_API_KEY": "sk-ant-api03-0123456789abcdef",
}


@pytest.fixture
def root(tmp_path):
    return project(tmp_path)


def throttled(seconds):
    return ProviderError("429", kind=FailureKind.RATE_LIMIT, retry_after_s=seconds)


def test_gate_tells_what_it_was_cut_from_until_it_is_regained(root):
    (cell,) = planned(root, "model=luna", environ=KEYS).cells

    async def episode():
        doors = Doors()
        gate = doors.gate(cell.wire)
        states = doors.states()
        number = await gate.enter()
        gate.failed(throttled(14.0), episode=number)
        states += doors.states()
        gate.leave()
        await asyncio.sleep(60)
        while int(gate.limit) < 16:
            while gate.in_flight < int(gate.limit):
                await gate.enter()
            gate.succeeded()
            gate.leave()
        return [*states, *doors.states()]

    before, cut, regained = run(episode())

    assert before == Door(model="gpt-6-luna", in_flight=0, limit=16)
    assert cut == Door(model="gpt-6-luna", in_flight=1, limit=12, was=16, resumes_s=14.0)
    assert (regained.limit, regained.was, regained.resumes_s) == (16, None, 0.0)


def test_money_tells_every_budget_that_has_a_limit(root):
    plan = planned(
        root, "model=luna,opus", "model.limits.budget_usd=3", "run.budget_usd=5", environ=KEYS
    )
    spent = {"gpt-6-luna": Decimal(2), "claude-opus-5-5": Decimal(1)}
    money = Money(plan.cells, at=AT, spent_usd=spent)
    for cell in plan.cells:
        money.of(cell.wire.settings, cell.settings.pricing)

    assert money.caps == [
        Cap(name="run.budget_usd", spent=Decimal(3), limit=Decimal(5)),
        Cap(name="limits.budget_usd of gpt-6-luna", spent=Decimal(2), limit=Decimal(3)),
        Cap(name="limits.budget_usd of claude-opus-5-5", spent=Decimal(1), limit=Decimal(3)),
    ]


def test_resumed_run_begins_with_what_each_cell_has_done(root):
    directory = new_run(root, "prompt=ask,beg", "run.repeats=2", "run.confidence=0.9")
    write_journal(directory, [trial(0, 0), trial(0, 1), trial(1, 2, repeat=1)])
    cells = thaw(directory)
    index = read_index(directory / JOURNAL, [cell.shape for cell in cells], resume=True)

    progress = Progress.of(cells, index)

    assert [(c.total, c.planned, c.done) for c in progress.cells.values()] == [(2, 6, 0), (1, 6, 0)]
    assert (progress.done, progress.planned, progress.level) == (3, 12, 0.9)
    assert {c.repeats for c in progress.cells.values()} == {2}
