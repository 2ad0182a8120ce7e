"""Racing over the wire: who is beaten gets no further request, and nobody waits for ever."""

from __future__ import annotations

from collections import Counter

import pytest
from judge_runs import (
    judged_project,
    judged_run,
    judging,
    owed_of,
    records_of,
    session,
    trials_of,
)
from runs import new_run
from wire_server import Reply, response_body

from evalrunner.errors import ConfigError
from evalrunner.report import build_report
from evalrunner.runner import Stop
from evalrunner.stats.racing import block_ends

N = 90
ENDS = block_ends(range(N))
RIGHT = {"cand-a": 9, "cand-b": 3, "cand-c": 9}
"""Of ten cases."""
OVERLOADED = Reply(
    status=429, headers={"retry-after": "7200"}, body={"error": {"message": "come back tomorrow"}}
)
RACE = ("dataset=tickets", "pricing=even", "prompt=short", "run.cache=off", "run.race=true")


def solving(seen):
    """The number of the question, as often as the model is right; else none."""
    number = int(seen.body["input"][-1]["content"].split()[-1])
    is_right = number * 7 % 10 < RIGHT[seen.body["model"]]
    return Reply(body=response_body(str(number) if is_right else "who knows"))


def sent(wire):
    return Counter(seen.body["model"] for seen in wire.requests)


@pytest.fixture
def root(tmp_path, wire):
    wire.handler = solving
    return judged_project(tmp_path, wire.url, n_cases=N)


def test_beaten_model_gets_no_further_request(root, wire):
    run = new_run(root, "model=a,b", *RACE)

    ending, _ = session(run)

    (found,) = records_of(run, "raced")
    assert (found["cell"], found["by"], ending.reasons) == (1, 0, {})
    assert found["cases"] in ENDS[:3]
    assert sent(wire) == {"cand-a": N, "cand-b": found["cases"]}


def test_what_was_not_spent_is_in_the_summary(root):
    """A request of 12 tokens in and 3 out is 24 millionths."""
    run = new_run(root, "model=a,b", *RACE)
    session(run)

    summary = build_report(run, figures=False)

    left_out = N - records_of(run, "raced")[0]["cases"]
    assert summary["run"]["race"]["n_trials"] == left_out
    assert summary["run"]["race"]["saved_usd"] == pytest.approx(left_out * 24e-6)


def test_resumed_run_does_not_ask_who_was_beaten(root, wire):
    """The budget ends the run when the race is over."""
    run = new_run(root, "model=a,b", *RACE)
    session(run, budget_usd=(N + 10) * 24e-6)
    beaten = sent(wire)["cand-b"]

    session(run)

    assert len(records_of(run, "raced")) == 1
    assert sent(wire) == {"cand-a": N, "cand-b": beaten}
    assert owed_of(run) == 0


def test_model_that_stops_leaves_the_race_to_the_others(root, wire):
    def handle(seen):
        is_c, n_c = seen.body["model"] == "cand-c", sent(wire)["cand-c"]
        return OVERLOADED if is_c and n_c > 5 else solving(seen)

    wire.handler = handle
    run = new_run(root, "model=a,b,c", *RACE)

    ending, _ = session(run)

    assert list(ending.reasons) == [Stop.MODEL]
    assert [(each["cell"], each["by"]) for each in records_of(run, "raced")] == [(1, 0)]
    assert sum(cell == 0 for cell, *_ in trials_of(run)) == N


def test_model_that_stopped_races_on_when_the_run_is_resumed(root, wire):
    """What it owes is asked; the others' answers are those of before."""

    def handle(seen):
        return OVERLOADED if seen.body["model"] == "cand-b" else solving(seen)

    wire.handler = handle
    run = new_run(root, "model=a,b", *RACE)
    session(run)
    wire.requests.clear()
    wire.handler = solving

    session(run)

    (found,) = records_of(run, "raced")
    assert (found["cell"], found["by"]) == (1, 0)
    assert sent(wire) == {"cand-b": found["cases"]}


def test_judged_cell_is_beaten_by_its_verdicts(tmp_path, wire):
    """Then neither the candidate nor its judge is asked again."""
    wire.handler = lambda seen: judging(
        seen, choose=lambda options, text: "FAIL" if "cand-b" in text else "PASS"
    )
    root = judged_project(tmp_path, wire.url, n_cases=N)
    run = judged_run(root, "model=a,b", "judge=fair", "run.race=true")

    session(run)

    (found,) = records_of(run, "raced")
    assert (found["cell"], found["wins"], found["losses"]) == (1, found["cases"], 0)
    assert found["cases"] == ENDS[0]
    asked = N + ENDS[0]
    assert sent(wire) == {"cand-a": N, "cand-b": ENDS[0], "judge-fair": asked}
    saved = build_report(run, figures=False)["run"]["race"]["saved_usd"]
    assert saved == pytest.approx((N - ENDS[0]) * 2 * 24e-6)


def test_answers_that_are_compared_with_each_other_cannot_be_raced(root):
    with pytest.raises(ConfigError, match="'pairwise' compares answers"):
        judged_run(root, "model=a,b", "judge=fair", "run.race=true", scorer="pairwise")


def test_judge_in_batches_cannot_be_raced(root):
    batch = "judge.model.transport=batch"
    with pytest.raises(ConfigError, match="'judge-fair' is asked in batches"):
        judged_run(root, "model=a,b", "judge=fair", batch, "run.race=true")
