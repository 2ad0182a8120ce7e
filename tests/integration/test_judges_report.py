"""From the wire to the summary: what judges cost, where they fail, and whom they cannot tell."""

from __future__ import annotations

import random

import pytest
from judge_runs import judged_project, judged_run, judging, records_of, session
from wire_server import Reply

from evalrunner.report import build_report


def reported(run):
    session(run)
    return build_report(run, figures=False)


def codes(summary):
    return {flag["code"]: flag["severity"] for flag in summary["flags"]}


def test_judge_cost_is_what_the_journal_says_was_paid(tmp_path, wire):
    """Fault B8: apart, in the spending, and not in the candidates' price."""
    wire.handler = judging
    root = judged_project(tmp_path, wire.url)
    run = judged_run(root, "model=a,b", "judge=fair,strict", "+judge.retest=1")

    summary = reported(run)

    calls = [call for call in records_of(run, "call") if not call["cached"]]
    paid = dict.fromkeys(("cand", "judge"), 0.0)
    for call in calls:
        paid[call["model"].partition("-")[0]] += call["spent_usd"]
    costs = [cell["cost"] for cell in summary["cells"]]
    assert sum(cost["usd_judge"] for cost in costs) == pytest.approx(paid["judge"])
    assert sum(cost["usd_spent"] for cost in costs) == pytest.approx(sum(paid.values()))
    each = paid["cand"] / (2 * 3)
    assert [cost["usd_per_1000"]["value"] for cost in costs] == pytest.approx([1000 * each] * 4)


def test_a_judge_that_refuses_one_candidate_is_flagged(tmp_path, wire):
    """Fault B3: refused verdicts are missing, not failed answers."""

    def handle(seen):
        if seen.body["model"] == "judge-fair" and "(cand-b)" in str(seen.body["input"]):
            refusal = [{"type": "refusal", "refusal": "I will not judge that"}]
            output = [{"type": "message", "role": "assistant", "content": refusal}]
            return Reply(body=judging(seen).body | {"output": output})
        return judging(seen)

    wire.handler = handle
    root = judged_project(tmp_path, wire.url, n_cases=12)

    summary = reported(judged_run(root, "model=a,b", "judge=fair"))

    kept, refused = summary["cells"]
    assert (kept["quality"]["value"], kept["judging"]["rubric"]["n_failed"]) == (1.0, 0)
    assert (refused["quality"]["value"], refused["n_unscored"]) == (None, 12)
    assert refused["judging"]["rubric"]["failures"] == {"refused": 12}
    assert refused["judging"]["rubric"]["refusal_rate"]["value"] == 1
    assert codes(summary)["judge_failures"] == "red"


def test_a_judge_that_always_says_a_names_no_winner(tmp_path, wire):
    """Fault B6: all pairs are inconsistent."""
    wire.handler = judging
    root = judged_project(tmp_path, wire.url, n_cases=8)

    summary = reported(judged_run(root, "model=a,b", "judge=fair", scorer="pairwise"))

    for cell in summary["cells"]:
        position = cell["judging"]["pairwise"]["position"]
        assert (position["n_pairs"], position["inconsistent"]["value"]) == (8, 1)
        assert cell["quality"]["value"] == 0.5
    assert codes(summary)["position_bias"] == "red"


def test_a_judge_that_answers_at_random_is_flagged(tmp_path, wire):
    """Of 80 verdicts that were asked for twice hardly more are equal than by chance."""
    draw = random.Random(3)
    wire.handler = lambda seen: judging(seen, choose=lambda options, _: draw.choice(options))
    root = judged_project(tmp_path, wire.url, n_cases=40)

    summary = reported(judged_run(root, "model=a", "judge=fair", "+judge.repeats=2"))

    alpha = summary["cells"][0]["judging"]["rubric"]["agreement"]["alpha"]
    assert (alpha["n"], alpha["high"] < 0.667) == (80, True)
    assert "judge_noise" in codes(summary)
