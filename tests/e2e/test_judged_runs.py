"""What judges promise whoever runs them: real SDKs, real HTTP, the command line."""

from __future__ import annotations

import json

import pytest
from judge_desk import (
    PRICE,
    REQUEST_USD,
    Desk,
    last,
    rows_of,
    said,
    scores_of,
    summary_of,
    verdict,
)
from judge_scripts import TICKET, rubric_reply
from wire_server import Reply

pytestmark = pytest.mark.usefixtures("quick_runs")

RUBRIC = ("scorer=rubric", "scorer.rubric.criteria=[Polite,Short]")
BROKEN = Reply(status=529, body={"error": {"type": "overloaded_error", "message": "a bad day"}})
RUBRICS = {
    "I was charged twice.": ["Acknowledges it", {"criterion": "Says what is next", "weight": 2}],
    "Where is my lamp?": ["Says where it is"],
}


@pytest.fixture
def desk(tmp_path, wire, monkeypatch):
    monkeypatch.setenv("EVALRUNNER_CACHE_DIR", str(tmp_path / "cache"))
    return Desk(tmp_path / "project", wire)


@pytest.mark.parametrize("judge", ["fair", "strict"])
def test_ticket_with_four_criteria_gets_four_verdicts_with_reasons_and_a_score(desk, judge):
    replies = {
        "Sorry! It was charged twice.": rubric_reply("PASS", "PASS", "FAIL", "PASS"),
        "It comes.": rubric_reply("FAIL", "FAIL", "PASS", "FAIL", summary="Short of a reply."),
    }
    tickets = dict(zip(("I was charged twice!", "Where is it?"), replies, strict=True))
    desk.cases(*({"input": ticket, "rubric": list(TICKET)} for ticket in tickets))
    desk.candidate = lambda asked: tickets[asked.question]
    desk.judge = lambda asked: replies[asked.fences["ANSWER"]]

    run = desk.run("model=a", f"judge={judge}", "scorer=rubric")

    first, second = scores_of(run).values()
    assert [(one["criterion"], one["passed"]) for one in first["criteria"]] == [
        ("Acknowledges the double charge", True),
        ("Apologizes for the inconvenience", True),
        ("Provides clear next steps", False),
        ("Tone is empathetic", True),
    ]
    assert [one["reason"] for one in first["criteria"]] == [
        f"r{n} (evidence: e{n})" for n in (1, 2, 3, 4)
    ]
    assert (first["value"], first["reason"]) == (3 / 4, "All in all.")
    assert (second["value"], second["reason"]) == (1 / 4, "Short of a reply.")
    (cell,) = summary_of(run)["cells"]
    assert cell["quality"]["value"] == (3 / 4 + 1 / 4) / 2
    passed = {name: share["value"] for name, share in cell["criteria"]["rubric"].items()}
    assert passed == dict.fromkeys(TICKET, 1 / 2)


def test_two_judges_over_three_models_send_each_candidate_request_once(desk):
    run = desk.run("model=a,b,c", "judge=fair,strict", *RUBRIC)

    assert sorted(desk.counts("cand").values()) == [1] * 9
    assert sorted(desk.counts("judge").values()) == [1] * 18
    cells = summary_of(run)["cells"]
    assert [(cell["axes"]["judge"], cell["facet"]) for cell in cells] == [
        *[("fair", 0), ("strict", 1)] * 3
    ]
    assert sum(cell["cost"]["usd_spent"] for cell in cells) == pytest.approx(27 * REQUEST_USD)
    assert sum(cell["cost"]["usd_judge"] for cell in cells) == pytest.approx(18 * REQUEST_USD)


def test_edited_rubric_of_a_case_pays_the_verdicts_on_this_case_alone(desk):
    desk.cases(*({"input": text, "rubric": rubric} for text, rubric in RUBRICS.items()))
    desk.run("model=a,b", "judge=fair", "scorer=rubric")
    n_before = len(desk.wire.requests)
    edited = RUBRICS | {"Where is my lamp?": ["Says where it is", "Apologizes"]}
    desk.cases(*({"input": text, "rubric": rubric} for text, rubric in edited.items()))

    desk.run("model=a,b", "judge=fair", "scorer=rubric")

    asked = desk.asked(since=n_before)
    assert [each.model for each in asked] == ["judge-fair"] * 2
    assert {each.fences["INPUT"] for each in asked} == {"Where is my lamp?"}


def test_edited_template_of_a_judge_pays_the_verdicts_alone(desk):
    template = "{# judge: rubric #}\n{{ criteria }} {{ input }} {{ answer }} {{ criteria }}\n"
    desk.write("prompts/judge/rubric.j2", template)
    desk.run("model=a,b", "judge=fair", *RUBRIC)
    n_before = len(desk.wire.requests)
    desk.write("prompts/judge/rubric.j2", template.replace("{{ input", "Asked: {{ input"))

    run = desk.run("model=a,b", "judge=fair", *RUBRIC)

    assert [each.model for each in desk.asked(since=n_before)] == ["judge-fair"] * 6
    assert all("Asked: " in each.question for each in desk.asked(since=n_before))
    assert {row["scores"]["rubric"]["value"] for row in rows_of(run)} == {1.0}


def test_changed_weights_change_the_scores_and_cost_nothing(desk):
    """Whether they stand in the configuration or in the cases."""

    def run(weight):
        rubric = ["Polite", {"criterion": "Short", "weight": weight}]
        desk.cases({"input": "Why?"}, {"input": "Why not?", "own": rubric})
        own = json.dumps({"kind": "rubric", "field": "own"})
        desk.write("conf/scorer/own.yaml", f"# @package scorer.own\n{own}\n")
        whole = json.dumps({"kind": "rubric", "criteria": rubric})
        desk.write("conf/scorer/whole.yaml", f"# @package scorer.whole\n{whole}\n")
        return desk.run("model=a,b", "judge=fair", "scorer=[whole,own]")

    desk.judge = lambda _: rubric_reply("PASS", "FAIL")
    first = run(1)
    n_before = len(desk.wire.requests)

    second = run(3)

    assert len(desk.wire.requests) == n_before
    cells = [summary_of(run)["cells"] for run in (first, second)]
    for name in ("whole", "own"):
        values = [[cell["scores"][name]["value"] for cell in each] for each in cells]
        assert values == [[1 / 2, 1 / 2], [1 / 4, 1 / 4]]
    assert [cell["cost"]["usd_judge"] for cell in cells[1]] == [0, 0]


def test_rescoring_asks_other_judges_about_recorded_answers_and_no_candidate(desk, capsys):
    parent = desk.run("model=a,b", "judge=fair", *RUBRIC)
    desk.judge = lambda asked: verdict(asked, last)
    n_before = len(desk.wire.requests)
    before = {path: path.read_bytes() for path in parent.rglob("*") if path.is_file()}

    code = desk.call("rescore", str(parent), "judge=strict", "--yes")

    assert code == 0
    assert [each.model for each in desk.asked(since=n_before)] == ["judge-strict"] * 6
    assert "100.0 % → 0.0 %, 0 up, 3 down of 3 trials" in capsys.readouterr().out
    (again,) = set(desk.runs()) - {parent}
    outputs = [[row["output"] for row in rows_of(run)] for run in (parent, again)]
    assert outputs[0] == outputs[1]
    assert len(rows_of(again, "changes.jsonl")) == 6
    assert {path: path.read_bytes() for path in parent.rglob("*") if path.is_file()} == before
    spent = sum(cell["cost"]["usd_spent"] for cell in summary_of(again)["cells"])
    assert spent == pytest.approx(6 * REQUEST_USD)


def test_resume_after_an_outage_of_the_judge_asks_the_judge_alone(desk):
    desk.judge = lambda _: BROKEN
    run = desk.run("model=a,b", "judge=fair", *RUBRIC, code=3)
    assert summary_of(run)["cells"][0]["quality"]["value"] is None
    desk.judge = verdict
    n_before = len(desk.wire.requests)

    code = desk.call("run", "--resume", str(run))

    assert code == 0
    assert [each.model for each in desk.asked(since=n_before)] == ["judge-fair"] * 6
    cells = summary_of(run)["cells"]
    assert [cell["quality"]["value"] for cell in cells] == [1.0, 1.0]
    assert sum(cell["cost"]["usd_spent"] for cell in cells) == pytest.approx(12 * REQUEST_USD)


def test_budget_is_stopped_by_what_judges_cost_and_the_run_can_go_on(desk, capsys):
    desk.cases(*(f"question {n}" for n in range(20)))
    prices = {"cand-a": PRICE, "judge-fair": {name: 100 * price for name, price in PRICE.items()}}
    desk.write("conf/pricing/even.yaml", {"source": "none", "overrides": prices})
    usage = {"input_tokens": 1000, "output_tokens": 400}
    one = 100 * (1000 * 1 + 400 * 4) / 1e6

    def dear(asked):
        reply = said(asked, verdict(asked))
        return Reply(body=reply.body | {"usage": usage})

    desk.judge = dear
    run = desk.run("model=a", "judge=fair", *RUBRIC, "run.budget_usd=2", code=4)

    n_judged = len(desk.asked("judge"))
    (cell,) = summary_of(run)["cells"]
    assert 0 < n_judged < 20
    assert cell["cost"]["usd_judge"] == pytest.approx(n_judged * one)
    assert cell["cost"]["usd_judge"] < cell["cost"]["usd_spent"] <= 2
    assert f"run --resume {run}" in capsys.readouterr().err

    code = desk.call("run", "--resume", str(run), "run.budget_usd=30")

    assert code == 0
    assert sorted(desk.counts().values()) == [1] * 40
    (cell,) = summary_of(run)["cells"]
    assert cell["quality"]["n"] == 20
    assert cell["cost"]["usd_judge"] == pytest.approx(20 * one)


def test_function_of_ones_own_can_judge(desk):
    desk.write(
        "judges.py",
        "import json\nimport evalrunner\n\n@evalrunner.model\ndef judge(prompt):\n"
        "    verdict = 'PASS' if '(cand-b)' in prompt else 'FAIL'\n"
        "    one = {'evidence': '', 'reason': 'so it is', 'verdict': verdict}\n"
        "    return json.dumps({'criterion_1': one, 'criterion_2': one, 'summary': 'done'})\n",
    )
    own = {"model": {"provider": "python", "function": "judges.py:judge"}}
    desk.write("conf/judge/own.yaml", own)

    run = desk.run("model=a,b", "judge=own", *RUBRIC)

    assert [cell["quality"]["value"] for cell in summary_of(run)["cells"]] == [0.0, 1.0]
    assert len(desk.wire.requests) == len(desk.asked("cand")) == 6


def test_judge_without_a_known_price_costs_an_unknown_amount_and_not_nothing(desk, capsys):
    desk.write("conf/judge/new.yaml", {"model": desk.model("judge-new", "responses")})

    run = desk.run("model=a", "judge=new", *RUBRIC)

    (cell,) = summary_of(run)["cells"]
    assert cell["quality"]["value"] == 1.0
    assert (cell["cost"]["usd_judge"], cell["cost"]["usd_spent"]) == (None, None)
    assert cell["cost"]["usd_per_1000"]["value"] == pytest.approx(1000 * REQUEST_USD)
    assert {row["scores"]["rubric"]["cost_usd"] for row in rows_of(run)} == {None}
    assert "unknown price" in capsys.readouterr().out


def test_server_without_structured_output_is_asked_in_words(desk):
    desk.judge = lambda asked: (
        rubric_reply("PASS", "FAIL") if asked.schema is None else said(asked, "no schemas here")
    )

    run = desk.run("model=a", "judge=fair,strict", *RUBRIC, "judge.structured=false")

    assert {row["scores"]["rubric"]["value"] for row in rows_of(run)} == {1 / 2}
