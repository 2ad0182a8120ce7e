"""Judges inside a run: asked as soon as there is an answer, paid once, and asked again alone."""

from __future__ import annotations

import threading
from dataclasses import replace

import pytest
from judge_runs import (
    asked,
    counted_as_paid,
    judge_calls_of,
    judged_project,
    judged_run,
    judging,
    owed_of,
    paid,
    records_of,
    session,
    trials_of,
)
from wire_server import Reply

from evalrunner.runner import Stop

REFUSED = Reply(status=401, body={"error": {"message": "no such key", "type": "invalid_key"}})
REJECTED = Reply(status=400, body={"error": {"message": "too long", "type": "invalid_request"}})
BROKEN = Reply(status=500, body={"error": {"message": "a bad day"}})


@pytest.fixture
def root(tmp_path, wire):
    wire.handler = judging
    return judged_project(tmp_path, wire.url)


def test_judges_start_while_candidates_are_still_answering(tmp_path, wire):
    """No barrier: the first verdict is asked for long before the last candidate is."""

    def handle(seen):
        models = [seen.body["model"] for seen in wire.requests]
        is_slow = models.count("cand-a") > 4 and "judge-fair" not in models
        return replace(judging(seen), delay_s=2.0 if is_slow else 0.0)

    wire.handler = handle
    root = judged_project(tmp_path, wire.url, n_cases=20, concurrency=2)
    run = judged_run(root, "model=a", "judge=fair")

    ending, _ = session(run)

    models = [seen.body["model"] for seen in wire.requests]
    assert models[: models.index("judge-fair")].count("cand-a") < 20
    assert (len(models), ending.reasons, owed_of(run)) == (40, {}, 0)


def test_slow_judge_does_not_keep_candidates_waiting(tmp_path, wire):
    """All candidates are answered while the judge still thinks about the first."""
    all_asked = threading.Event()

    def handle(seen):
        if sum(s.body["model"] == "cand-a" for s in wire.requests) == 20:
            all_asked.set()
        if seen.body["model"] == "judge-fair" and not all_asked.is_set():
            return replace(judging(seen), delay_s=1.0)
        return judging(seen)

    wire.handler = handle
    root = judged_project(tmp_path, wire.url, n_cases=20, concurrency=1)
    run = judged_run(root, "model=a", "judge=fair")

    session(run)

    models = [seen.body["model"] for seen in wire.requests]
    assert models[:22].count("cand-a") == 20
    assert owed_of(run) == 0


def test_two_judges_over_three_models_send_each_candidate_request_once(root, wire):
    run = judged_run(root, "model=a,b,c", "judge=fair,strict")

    session(run)

    assert (len(asked(wire, "cand")), set(asked(wire, "cand").values())) == (9, {1})
    assert (len(asked(wire, "judge")), set(asked(wire, "judge").values())) == (18, {1})
    assert len(trials_of(run)) == 18
    assert counted_as_paid(run) == paid(run)


def test_verdicts_stand_in_the_trial_with_their_calls(root, wire):
    wire.handler = lambda seen: judging(seen, choose=lambda options, _: options[-1])
    run = judged_run(root, "model=a", "judge=fair", "dataset.limit=1")

    session(run)

    (record,) = trials_of(run).values()
    score = record["scores"]["rubric"]
    (verdict,) = score["judgements"]
    (call,) = verdict["calls"]
    assert (score["value"], verdict["judge"], verdict["sample"]) == (0.0, "judge", 0)
    assert [one["passed"] for one in verdict["criteria"]] == [False, False]
    assert (verdict["is_retest"], verdict["opponent"], verdict["is_first"]) == (False, None, None)
    assert call["usage"]["input_tokens"] == 12
    assert (call["cached"], call["attempts"]) == (False, 1)
    assert call["key"] in paid(run)
    assert "incomplete" not in record


def test_refused_answers_are_not_judged(root, wire):
    """A14."""

    def handle(seen):
        if seen.body["model"] == "cand-a":
            refusal = [{"type": "refusal", "refusal": "no"}]
            output = [{"type": "message", "role": "assistant", "content": refusal}]
            return Reply(body=judging(seen).body | {"output": output})
        return judging(seen)

    wire.handler = handle
    run = judged_run(root, "model=a", "judge=fair")

    session(run)

    scores = [record["scores"]["rubric"] for record in trials_of(run).values()]
    assert [(s["value"], s["reason"]) for s in scores] == [(0.0, "refused")] * 3
    assert not asked(wire, "judge")


def test_resume_asks_only_the_judges_that_failed(root, wire):
    wire.handler = lambda seen: (
        BROKEN if _is_about(seen, "judge-strict", "question 1") else judging(seen)
    )
    run = judged_run(root, "model=a,b", "judge=strict")
    session(run)

    first = trials_of(run)
    assert [bool(r.get("incomplete")) for _, r in sorted(first.items())] == [False, True, False] * 2
    failed = first[0, 1, 0]
    assert (failed["status"], failed["output"]) == ("ok", "question 1 (cand-a)")
    assert failed["scores"]["rubric"]["value"] is None
    assert failed["scores"]["rubric"]["reason"].startswith("judge_error: server")
    assert owed_of(run) == 2

    wire.handler = judging
    n_before = len(wire.requests)
    ending, _ = session(run)

    assert {seen.body["model"] for seen in wire.requests[n_before:]} == {"judge-strict"}
    assert len(wire.requests) == n_before + 2
    assert (owed_of(run), ending.reasons) == (0, {})
    assert set(asked(wire, "cand").values()) == {1}
    assert trials_of(run)[0, 1, 0]["scores"]["rubric"]["value"] == 1.0
    assert counted_as_paid(run) == paid(run)


def test_a_failed_member_of_a_panel_is_asked_again_alone(root, wire):
    wire.handler = lambda seen: BROKEN if seen.body["model"] == "judge-strict" else judging(seen)
    url = f"base_url: '{wire.url}/v1', limits: {{max_attempts: 1}}"
    panel = f"{{second: {{provider: openai, name: judge-strict, {url}}}}}"
    run = judged_run(root, "model=a", "judge=fair", f"judge.panel={panel}", "dataset.limit=1")
    session(run)
    (first,) = trials_of(run).values()

    wire.handler = judging
    session(run)

    (second,) = trials_of(run).values()
    assert (first["incomplete"], first["scores"]["rubric"]["value"]) == (True, 1.0)
    assert [len(one["calls"]) for one in first["scores"]["rubric"]["judgements"]] == [1, 0]
    assert [len(one["calls"]) for one in second["scores"]["rubric"]["judgements"]] == [1, 1]
    assert set(asked(wire, "judge-fair").values()) == {1}
    assert "incomplete" not in second
    assert counted_as_paid(run) == paid(run)


def test_refused_key_of_a_judge_stops_the_run_and_leaves_the_trials_owed(root, wire):
    """A9."""
    wire.handler = lambda seen: REFUSED if seen.body["model"] == "judge-fair" else judging(seen)
    run = judged_run(root, "model=a", "judge=fair", "model.limits.concurrency=1")
    ending, _ = session(run)

    assert Stop.REFUSED in ending.reasons
    assert trials_of(run) == {}
    answered = asked(wire, "cand").total()

    wire.handler = judging
    session(run)

    assert answered >= 1
    assert owed_of(run) == 0
    assert set(asked(wire, "cand").values()) == {1}
    assert counted_as_paid(run) == paid(run)


def test_what_nobody_can_judge_is_not_asked(tmp_path, wire):
    wire.handler = lambda seen: REJECTED if seen.body["model"] == "judge-fair" else judging(seen)
    root = judged_project(tmp_path, wire.url, n_cases=150, concurrency=1)
    run = judged_run(root, "model=a", "judge=fair")

    ending, _ = session(run)

    assert ending.reasons.keys() == {Stop.MODEL}
    # What a worker has taken already is answered all the same.
    assert asked(wire, "cand").total() < 100
    assert owed_of(run) == 150


def test_judge_that_rejects_everything_stops_nobody_else(tmp_path, wire):
    wire.handler = lambda seen: REJECTED if seen.body["model"] == "judge-fair" else judging(seen)
    root = judged_project(tmp_path, wire.url, n_cases=40, concurrency=1)
    run = judged_run(root, "model=a", "judge=fair,strict")

    ending, _ = session(run)

    assert ending.reasons.keys() == {Stop.MODEL}
    assert "too long" in ending.reasons[Stop.MODEL]
    assert asked(wire, "judge-fair").total() <= 4
    done = [cell for cell, _, _ in trials_of(run)]
    assert done.count(1) == 40
    assert done.count(0) <= 3


def test_budget_counts_judges(tmp_path, wire):
    """F3."""
    wire.handler = judging
    root = judged_project(tmp_path, wire.url, n_cases=40, concurrency=4)
    run = judged_run(root, "model=a", "judge=fair")

    ending, money = session(run, budget_usd=0.005)

    assert ending.reasons.keys() == {Stop.BUDGET}
    assert money.total.spent <= money.total.limit
    assert asked(wire, "judge")
    assert float(money.total.spent) == pytest.approx(24e-6 * len(wire.requests))
    n_owed = owed_of(run)
    assert 0 < n_owed < 40

    _, money = session(run, budget_usd=5)

    assert owed_of(run) == 0
    assert (len(asked(wire)), set(asked(wire).values())) == (80, {1})
    assert float(money.total.spent) == pytest.approx(80 * 24e-6)
    assert counted_as_paid(run) == paid(run)


def test_a_function_that_judges_is_asked_once_and_recorded(root, wire):
    (root / "models.py").write_text(
        "import json, pathlib\nimport evalrunner\n\n"
        "@evalrunner.model\ndef echo(prompt):\n    return prompt\n\n"
        "@evalrunner.model\ndef judge(prompt):\n"
        "    path = pathlib.Path(__file__).parent / 'asked'\n"
        "    with path.open('a') as file:\n        file.write('x')\n"
        "    one = {'evidence': '', 'reason': 'r', 'verdict': 'PASS'}\n"
        "    return json.dumps({'criterion_1': one, 'criterion_2': one, 'summary': 's'})\n"
    )
    (root / "conf/judge/own.yaml").write_text(
        "model: {provider: python, function: models.py:judge}\n"
    )
    wire.handler = lambda seen: BROKEN if _is_about(seen, "cand-a", "question 1") else judging(seen)
    run = judged_run(root, "model=a", "judge=own")
    session(run)
    wire.handler = judging

    session(run)

    values = [record["scores"]["rubric"]["value"] for record in trials_of(run).values()]
    assert values == [1.0] * 3
    assert (root / "asked").read_text() == "xxx"
    assert owed_of(run) == 0


def test_interrupt_leaves_what_was_not_judged_owed(tmp_path, wire):
    """E2."""
    wire.handler = lambda seen: replace(judging(seen), delay_s=0.02)
    root = judged_project(tmp_path, wire.url, n_cases=40, concurrency=3)
    run = judged_run(root, "model=a,b", "judge=fair")

    ending, _ = session(run, interrupt_when=lambda: asked(wire, "judge").total() >= 10)

    assert ending.reasons.keys() == {Stop.INTERRUPTED}
    assert not any(record.get("incomplete") for record in trials_of(run).values())
    assert 0 < owed_of(run) < 80

    session(run)

    assert owed_of(run) == 0
    assert (len(asked(wire)), set(asked(wire).values())) == (160, {1})
    assert counted_as_paid(run) == paid(run)


def test_a_judge_that_is_the_candidates_model_shares_its_limit(tmp_path, wire):
    """One gate per model and key: candidates and judges together are never above it."""
    wire.handler = lambda seen: replace(judging(seen), delay_s=0.01)
    root = judged_project(tmp_path, wire.url, n_cases=10)
    model = (
        f"{{provider: openai, name: own, base_url: '{wire.url}/v1', limits: {{concurrency: 2}}}}"
    )
    (root / "conf/model/own.yaml").write_text(f"{model}\n")
    (root / "conf/judge/own.yaml").write_text(f"model: {model}\n")
    run = judged_run(root, "model=own", "judge=own", "pricing.overrides.own={input: 1, output: 1}")

    session(run)

    assert owed_of(run) == 0
    assert len(wire.requests) == 20
    # A connection carries one request at a time.
    assert wire.connections <= 2


def test_judges_calls_are_in_the_journal_like_all_others(root, wire):
    run = judged_run(root, "model=a", "judge=fair")

    session(run)

    keys = {call["key"] for record in trials_of(run).values() for call in judge_calls_of(record)}
    intents = {record["key"] for record in records_of(run, "intent")}
    assert len(keys) == 3
    assert keys <= intents
    assert keys <= {record["key"] for record in records_of(run, "call")}


def _is_about(seen, model, text):
    return seen.body["model"] == model and text in str(seen.body["input"])
