"""Judges that are no good, and how a run tells: real SDKs, real HTTP, the command line."""

from __future__ import annotations

import hashlib
import json
import threading
from collections import Counter
from random import Random

import pytest
from judge_desk import Desk, flags_of, last, rows_of, summary_of, verdict

pytestmark = pytest.mark.usefixtures("quick_runs")

RUBRIC = ("scorer=rubric", "scorer.rubric.criteria=[Polite,Short]")
CANARIES = ("empty", "constant", "copied_input", "full_marks", "other_answer")


@pytest.fixture
def desk(tmp_path, wire, monkeypatch):
    monkeypatch.setenv("EVALRUNNER_CACHE_DIR", str(tmp_path / "cache"))
    return Desk(tmp_path / "project", wire)


class ByChance:
    """A judge that throws dice: asked again it throws again, and equal runs see equal throws.

    They do not depend on how the question is worded, or a new wording could fail a test by chance.
    """

    def __init__(self):
        self._seen = Counter()
        self._lock = threading.Lock()

    def __call__(self, asked):
        about = f"{asked.model} {asked.fences['ANSWER']}"
        with self._lock:
            self._seen[about] += 1
            seed = f"{self._seen[about]} {about}"
        rng = Random(hashlib.sha256(seed.encode()).hexdigest())
        return verdict(asked, rng.choice)


def test_judge_that_always_says_a_finds_no_winner_and_is_flagged(desk, capsys):
    desk.cases(*(f"question {n}" for n in range(6)))
    desk.judge = lambda asked: json.dumps({"reason": "The first.", "winner": "A"})

    run = desk.run("model=a,b,c", "judge=fair", "scorer=pairwise")

    summary = summary_of(run)
    assert {row["scores"]["pairwise"]["value"] for row in rows_of(run)} == {0.5}
    for cell in summary["cells"]:
        position = cell["judging"]["pairwise"]["position"]
        assert (position["n_pairs"], position["inconsistent"]["value"]) == (12, 1.0)
        assert (position["first"], position["second"]) == (12, 0)
        assert cell["quality"]["value"] == 0.5
    (ranking,) = summary["judging"]["bradley_terry"]
    ratings = [each["value"] for each in ranking["cells"].values()]
    assert max(ratings) - min(ratings) == pytest.approx(0, abs=1e-6)
    flag = flags_of(run)["position_bias"]
    assert flag["severity"] == "red"
    assert "100.0 % of 12 pairs" in flag["message"]
    assert "red position_bias" in capsys.readouterr().out
    # Three pairs of models, six cases, two orders: each is asked once for both of its cells.
    assert sorted(desk.counts("judge").values()) == [1] * 36


@pytest.mark.parametrize("how", ["panel", "repeats"])
def test_judge_that_throws_dice_has_no_agreement_and_is_flagged(desk, how, capsys):
    desk.cases(*(f"question {n}" for n in range(40)))
    desk.judge = ByChance()
    several = {
        "panel": {"panel": {"second": desk.model("judge-strict", "responses")}},
        "repeats": {"repeats": 3},
    }
    first = desk.model("judge-fair", "messages")
    desk.write("conf/judge/several.yaml", {"model": first, **several[how]})

    run = desk.run("model=a", "judge=several", *RUBRIC)

    (cell,) = summary_of(run)["cells"]
    alpha = cell["judging"]["rubric"]["agreement"]["alpha"]
    assert alpha["low"] < 0 < alpha["high"]
    assert abs(alpha["value"]) < 0.25
    flag = flags_of(run)["judge_noise"]
    assert flag["severity"] == "red"
    assert "no better than chance" in flag["message"]
    assert "red judge_noise" in capsys.readouterr().out


def test_judge_that_throws_dice_is_found_out_by_being_asked_again(desk):
    desk.cases(*(f"question {n}" for n in range(40)))
    desk.judge = ByChance()

    run = desk.run("model=a,b", "judge=strict", *RUBRIC, "judge.retest=1")

    summary = summary_of(run)
    for cell in summary["cells"]:
        retest = cell["judging"]["rubric"]["retest"]
        assert retest["n"] >= 40
        assert retest["alpha"]["low"] < 0 < retest["alpha"]["high"]
        assert cell["judging"]["rubric"]["noise"]["half_width"] > 0.08
    (facet,) = summary["judging"]["facets"]
    assert facet["noise"]["half_width"] > 0.1
    flags = [flag for flag in summary["flags"] if flag["code"] == "judge_noise"]
    assert flags[0]["severity"] == "red"


def test_judge_that_passes_everything_is_found_out_by_answers_that_must_fail(desk, capsys):
    run = desk.run("model=a,b", "judge=fair", *RUBRIC, "judge.canaries=true")

    cells = summary_of(run)["cells"]
    canaries = {cell["label"]: cell for cell in cells if cell["role"] == "canary"}
    assert canaries.keys() == {f"canary:{name}" for name in CANARIES}
    assert {cell["quality"]["value"] for cell in canaries.values()} == {1.0}
    assert {cell["pareto"]["status"] for cell in canaries.values()}.isdisjoint({"frontier"})
    flag = flags_of(run)["judge_inflation"]
    assert flag["severity"] == "red"
    passed = {int(cell): found["n_passed"] for cell, found in flag["evidence"]["canaries"].items()}
    assert passed == {cell["id"]: 3 for cell in canaries.values()}
    assert "red judge_inflation" in capsys.readouterr().out


def test_judge_that_fails_what_must_fail_is_not_flagged(desk):
    desk.judge = lambda asked: (
        verdict(asked) if "(cand-" in asked.fences["ANSWER"] else verdict(asked, last)
    )

    run = desk.run("model=a", "judge=fair", *RUBRIC, "judge.canaries=true")

    qualities = {cell["role"]: cell["quality"]["value"] for cell in summary_of(run)["cells"]}
    assert qualities == {"candidate": 1.0, "canary": 0.0}
    assert "judge_inflation" not in flags_of(run)
    answers = {each.fences["ANSWER"] for each in desk.asked("judge")}
    assert {"", "I was charged twice.", "Where is my lamp?"} <= answers


def test_ranking_that_depends_on_the_judge_is_flagged(desk):
    liked = {"judge-fair": "(cand-a)", "judge-strict": "(cand-b)"}
    desk.judge = lambda asked: verdict(
        asked, (lambda o: o[0]) if liked[asked.model] in asked.question else last
    )

    run = desk.run("model=a,b", "judge=fair,strict", *RUBRIC)

    (ranking,) = summary_of(run)["judging"]["rankings"]
    assert [pair["tau_b"] for pair in ranking["pairs"]] == [-1.0]
    assert "judge_dependence" in flags_of(run)
