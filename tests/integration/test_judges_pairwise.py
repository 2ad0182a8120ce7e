"""Pairwise comparisons inside a run: whoever is compared waits for the other's answer."""

from __future__ import annotations

from dataclasses import replace

import pytest
from judge_runs import (
    asked,
    counted_as_paid,
    judged_project,
    judged_run,
    judging,
    owed_of,
    paid,
    session,
    trials_of,
)
from wire_server import Reply

from evalrunner.runner import Stop

REJECTED = Reply(status=400, body={"error": {"message": "too long", "type": "invalid_request"}})
BROKEN = Reply(status=500, body={"error": {"message": "a bad day"}})


@pytest.fixture
def root(tmp_path, wire):
    """Six cases, one request of each model at a time."""
    wire.handler = better_a
    return judged_project(tmp_path, wire.url, n_cases=6, concurrency=1)


def better_a(seen):
    """A judge that finds every answer of model a better, wherever it stands."""
    return judging(seen, choose=_winner)


def _winner(options, text):
    assert options == ["A", "B", "TIE"]
    signed = [text.find(f"(cand-{name})") for name in "abc"]
    if signed[0] < 0:
        return "TIE"
    return "A" if signed[0] == min(place for place in signed if place >= 0) else "B"


def pairwise_run(root, *overrides):
    return judged_run(root, "judge=fair", *overrides, scorer="pairwise")


def scores_of(run, cell):
    """Value and reason of every case of a cell."""
    records = [r for (of, _, _), r in sorted(trials_of(run).items()) if of == cell]
    found = [record["scores"]["pairwise"] for record in records]
    return [(score["value"], score["reason"]) for score in found]


def test_all_cells_are_compared_and_each_pair_is_paid_once(root, wire):
    run = pairwise_run(root, "model=a,b", "scorer.pairwise.against=all", "run.repeats=2")

    session(run)

    assert [value for value, _ in scores_of(run, 0)] == [1.0] * 12
    assert [value for value, _ in scores_of(run, 1)] == [0.0] * 12
    assert set(asked(wire).values()) <= {1, 2}
    n_pairs = len(asked(wire, "judge"))
    assert asked(wire, "judge").total() == n_pairs == 2 * 6
    assert counted_as_paid(run) == paid(run)
    assert owed_of(run) == 0


def test_the_baseline_is_compared_with_nobody(root, wire):
    run = pairwise_run(root, "model=a,b,c", "run.baseline={model: b}")

    session(run)

    assert scores_of(run, 1) == [(0.5, "the baseline: a tie with itself")] * 6
    assert [value for value, _ in scores_of(run, 0)] == [1.0] * 6
    assert [value for value, _ in scores_of(run, 2)] == [0.5] * 6
    opponents = {
        judgement["opponent"]
        for (cell, _, _), record in trials_of(run).items()
        for judgement in record["scores"]["pairwise"].get("judgements", ())
        if cell != 1
    }
    assert opponents == {1}


def test_three_lanes_of_unlike_speed_never_wait_for_each_other_for_ever(root, wire):
    """The slow lane comes last with every case, the judge is as narrow as they are."""
    delays = {"cand-a": 0.0, "cand-b": 0.01, "cand-c": 0.03, "judge-fair": 0.002}
    wire.handler = lambda seen: replace(better_a(seen), delay_s=delays[seen.body["model"]])
    run = pairwise_run(root, "model=a,b,c", "prompt=ask,beg", "scorer.pairwise.against=all")

    ending, _ = session(run)

    assert (ending.reasons, owed_of(run), len(trials_of(run))) == ({}, 0, 36)


def test_answer_whose_opponent_failed_is_compared_when_there_is_one(root, wire):
    """The score is missing, not lost, and nothing is bought twice to get it."""

    def handle(seen):
        lost = seen.body["model"] == "cand-b" and "question 2" in str(seen.body["input"])
        return BROKEN if lost else better_a(seen)

    wire.handler = handle
    run = pairwise_run(root, "model=a,b", "scorer.pairwise.against=all")
    session(run)

    first = trials_of(run)
    assert scores_of(run, 0)[2] == (None, "no_opponent")
    assert first[0, 2, 0]["output"] == "question 2 (cand-a)"
    assert (first[0, 2, 0]["incomplete"], first[1, 2, 0]["status"]) == (True, "error")
    assert owed_of(run) == 2

    wire.handler = better_a
    n_before = len(wire.requests)
    session(run)

    models = [seen.body["model"] for seen in wire.requests[n_before:]]
    assert sorted(models) == ["cand-b", "judge-fair", "judge-fair"]
    assert scores_of(run, 0)[2][0] == 1.0
    assert scores_of(run, 1)[2][0] == 0.0
    assert counted_as_paid(run) == paid(run)


def test_lane_that_stops_keeps_nobody_waiting(tmp_path, wire):
    """Model b rejects everything: what would be compared with it is answered, and owed."""
    wire.handler = lambda s: REJECTED if s.body["model"] == "cand-b" else better_a(s)
    root = judged_project(tmp_path, wire.url, n_cases=120, concurrency=1)
    run = pairwise_run(root, "model=a,b,c", "scorer.pairwise.against=all")

    ending, _ = session(run)

    assert ending.reasons.keys() == {Stop.MODEL}
    trials = trials_of(run)
    assert sum(cell == 0 for cell, _, _ in trials) == 120
    assert all(trials[0, case, 0]["incomplete"] for case in range(120))
    assert {value for value, _ in scores_of(run, 0)} == {1.0}

    wire.handler = better_a
    session(run)

    assert owed_of(run) == 0
    assert set(asked(wire, "cand-a").values()) == set(asked(wire, "judge").values()) == {1}
    assert counted_as_paid(run) == paid(run)


def test_budget_that_runs_out_keeps_nobody_waiting(root, wire):
    run = pairwise_run(root, "model=a,b,c", "scorer.pairwise.against=all")

    ending, money = session(run, budget_usd=0.004)

    assert ending.reasons.keys() == {Stop.BUDGET}
    assert money.total.spent <= money.total.limit
    assert owed_of(run) > 0

    session(run)

    assert owed_of(run) == 0
    assert set(asked(wire).values()) == {1}
    assert counted_as_paid(run) == paid(run)


@pytest.mark.parametrize("n_requests", [1, 7, 20])
def test_interrupt_keeps_nobody_waiting(root, wire, n_requests):
    """E2."""
    wire.handler = lambda seen: replace(better_a(seen), delay_s=0.01)
    run = pairwise_run(root, "model=a,b", "scorer.pairwise.against=all")

    ending, _ = session(run, interrupt_when=lambda: len(wire.requests) >= n_requests)

    assert ending.reasons.keys() == {Stop.INTERRUPTED}
    assert not any(record.get("incomplete") for record in trials_of(run).values())

    session(run)

    assert owed_of(run) == 0
    assert set(asked(wire).values()) == {1}
    assert counted_as_paid(run) == paid(run)


def test_interrupt_records_no_trial_for_want_of_an_opponent(root, wire):
    """Model a has answered, model b never will: a's trials are owed, not unscored."""

    def handle(seen):
        return replace(better_a(seen), delay_s=0.5 if seen.body["model"] == "cand-b" else 0.0)

    wire.handler = handle
    run = pairwise_run(root, "model=a,b", "scorer.pairwise.against=all")

    session(run, interrupt_when=lambda: asked(wire, "cand-a").total() >= 4)

    assert not any(record.get("incomplete") for record in trials_of(run).values())
    assert owed_of(run) >= 8


def test_answers_of_an_earlier_session_are_compared_with(root, wire):
    """Only model b is owed: the answers of a come from the journal."""
    wire.handler = lambda s: BROKEN if s.body["model"] == "cand-b" else better_a(s)
    run = pairwise_run(root, "model=a,b", "run.baseline={model: a}")
    session(run)
    assert owed_of(run) == 6
    wire.handler = better_a

    session(run)

    assert [value for value, _ in scores_of(run, 1)] == [0.0] * 6
    assert set(asked(wire, "cand-a").values()) == {1}
