"""Judges that are asked in batches: they follow their candidates, and are paid once."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from batch_server import BatchServer
from judge_runs import (
    counted_as_paid,
    judged_project,
    judged_run,
    judging,
    owed_of,
    paid,
    session,
    trials_of,
)

from evalrunner.runner import Stop

BATCHES = ("model.transport=batch", "judge.model.transport=batch")


class JudgingServer(BatchServer):
    """Candidates are answered live or in batches, judges in batches."""

    def _look(self, name, path):
        is_batch = "batches" in path
        return super()._look(name, path) if is_batch else judging(self.wire.requests[-1])

    def _body(self, item):
        return judging(replace(self.wire.requests[-1], body=item["body"])).body

    def items(self, model):
        return [
            json.dumps(item["body"], sort_keys=True)
            for batch in self.batches.values()
            for item in batch.items
            if item["body"]["model"] == model
        ]


@pytest.fixture
def server(wire):
    return JudgingServer(wire)


@pytest.fixture
def root(tmp_path, server):
    return judged_project(tmp_path, server.url, n_cases=6)


def test_batch_of_judges_follows_the_batch_of_candidates(root, server):
    """Two batches in all: no worker is missing while the candidates' is waited for."""
    run = judged_run(root, "model=a", "judge=fair", *BATCHES)

    ending, money = session(run)

    models = [{item["body"]["model"] for item in b.items} for b in server.batches.values()]
    assert models == [{"cand-a"}, {"judge-fair"}]
    assert [len(batch.items) for batch in server.batches.values()] == [6, 6]
    assert (ending.reasons, owed_of(run)) == ({}, 0)
    assert float(money.total.spent) == pytest.approx(12 * 24e-6 / 2)
    assert counted_as_paid(run) == paid(run)


def test_live_answers_are_judged_in_one_batch(root, server):
    run = judged_run(root, "model=a", "judge=fair", "judge.model.transport=batch")

    session(run)

    assert [len(batch.items) for batch in server.batches.values()] == [6]
    values = [record["scores"]["rubric"]["value"] for record in trials_of(run).values()]
    assert values == [1.0] * 6


def test_interrupt_leaves_the_judges_batch_and_resume_collects_it(root, server):
    """E2."""
    server.held = True
    run = judged_run(root, "model=a", "judge=fair", "judge.model.transport=batch")
    is_out = lambda: any(batch.looks for batch in server.batches.values())  # noqa: E731 - a claim

    ending, _ = session(run, interrupt_when=is_out)

    assert ending.reasons.keys() == {Stop.INTERRUPTED}
    assert "6 requests go on in batches" in ending.reasons[Stop.INTERRUPTED]
    assert trials_of(run) == {}

    server.held = False
    session(run)

    assert len(server.batches) == 1
    assert owed_of(run) == 0
    assert counted_as_paid(run) == paid(run)


def test_pairs_are_compared_in_one_batch_after_all_candidates(root, server):
    run = judged_run(root, "model=a,b", "judge=fair", *BATCHES, scorer="pairwise")

    session(run)

    assert [len(batch.items) for batch in server.batches.values()] == [6, 6, 12]
    assert len(set(server.items("judge-fair"))) == 12
    assert owed_of(run) == 0
    assert counted_as_paid(run) == paid(run)
