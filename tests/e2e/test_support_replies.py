"""The shipped experiment with a judge, run as the documentation tells, against a server of ours."""

from __future__ import annotations

import json
from collections import Counter

import pytest
from judge_desk import Asked, flags_of, last, rows_of, said, summary_of, verdict

KEYS = {
    "OPENAI_API_KEY": "sk-proj-canary0123456789abcdef",
    "ANTHROPIC_API_KEY": "sk-ant-canary0123456789abcdef",
}
MODELS = ("claude-haiku-5-5", "gpt-6-luna", "gpt-6.1-terra")
JUDGE = "claude-opus-5-5"
N_CASES, N_RUN = 40, 12


def answered(seen):
    """Candidates sign what they write; the judge passes all of it but the canaries."""
    asked = Asked(seen)
    if asked.model != JUDGE:
        return said(asked, f"Sorry about {asked.question[:40]!r}! Yours, {asked.model}")
    is_signed = "! Yours, " in asked.fences["ANSWER"]
    return said(asked, verdict(asked) if is_signed else verdict(asked, last))


@pytest.fixture(scope="module")
def shipped(module_cli, module_wire):
    """A project without a file of its own, and the words that send all of it to the server."""
    module_wire.handler = answered
    # Both SDKs share the key, and only one of them adds /v1 itself: the server takes either.
    places = (f"{key}.base_url={module_wire.url}" for key in ("model", "judge.model"))
    return module_cli, ("experiment=support_replies", *places)


@pytest.fixture(scope="module")
def run(shipped):
    cli, words = shipped
    done = cli("run", *words, f"dataset.limit={N_RUN}", "--yes", **KEYS)
    assert done.code == 0, done.err
    (directory,) = cli.runs()
    return directory, done


def test_plan_shows_what_the_judge_may_cost_apart(shipped, module_wire):
    cli, words = shipped

    done = cli("plan", *words, "--json", sockets=False, **KEYS)

    assert done.code == 0, done.err
    plan = json.loads(done.out)
    candidates = [cell for cell in plan["cells"] if cell["role"] == "candidate"]
    canaries = [cell for cell in plan["cells"] if cell["role"] == "canary"]
    assert (len(candidates), len(canaries)) == (3, 5)
    calls, cost = plan["calls"], plan["cost"]
    assert calls["total"] == 3 * N_CASES + 5 * 20
    # A quarter of the cases, chosen by their names, is judged twice.
    assert calls["total"] < calls["judge"]["total"] < 1.5 * calls["total"]
    assert calls["judge"]["to_pay"] == calls["judge"]["total"]
    assert 0 < cost["judge"]["low"] <= cost["judge"]["ceiling"] < cost["ceiling"]
    assert not any("canary0123" in text for text in (done.out, done.err))
    assert done.reached == ""
    assert module_wire.requests == []


def test_every_reply_gets_a_verdict_on_each_of_its_tickets_criteria(run, module_wire):
    directory, _ = run

    cells = summary_of(directory)["cells"]

    sent = Counter(Asked(seen).model for seen in module_wire.requests)
    assert {model: sent[model] for model in MODELS} == dict.fromkeys(MODELS, N_RUN)
    candidates = [cell for cell in cells if cell["role"] == "candidate"]
    assert [cell["quality"]["value"] for cell in candidates] == [1.0] * 3
    assert {cell["n_unscored"] for cell in cells} == {0}
    for row in rows_of(directory):
        (first, *_) = row["scores"]["rubric"]["judgements"]
        assert all(one["reason"] for one in first["criteria"])
        assert len(first["criteria"]) >= 2
    assert all(cell["cost"]["usd_judge"] > 0 for cell in cells)


def test_judge_is_asked_again_tested_by_canaries_and_compared_with_its_own_family(run):
    directory, done = run

    cells = {cell["label"]: cell for cell in summary_of(directory)["cells"]}
    flags = flags_of(directory)

    assert {cell["quality"]["value"] for name, cell in cells.items() if "canary" in name} == {0.0}
    assert "judge_inflation" not in flags
    haiku = cells["claude_haiku_5_5"]
    assert all(cell["judging"]["rubric"]["retest"]["n"] for cell in cells.values())
    assert flags["self_preference"]["evidence"]["cells"] == [haiku["id"]]
    assert "judge strict (claude-opus-5-5)" in done.out


def test_no_key_reaches_the_run_directory_or_the_screen(run):
    directory, done = run

    texts = [path.read_bytes() for path in directory.rglob("*") if path.is_file()]

    assert not any(b"canary0123" in text for text in texts)
    assert "canary0123" not in done.out + done.err
