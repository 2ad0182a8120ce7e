"""Judgements in the case browser: those of a panel and of pairwise comparisons, in Chromium."""

from __future__ import annotations

import pytest
from judge_desk import Asked, last, said, verdict
from playwright.sync_api import expect
from wire_server import WireServer

MODEL = (
    "provider: openai\nname: {name}\nlabel: {name}\napi: chat\nbase_url: {url}/v1\n"
    "max_output_tokens: 500\nlimits: {{max_attempts: 1}}\n"
)
CASES = [
    {"id": f"c{n}", "input": f"question {n}", "rubric": ["is polite", "is signed"]}
    for n in range(4)
]


@pytest.fixture(scope="module")
def run(make_run, elsewhere):
    """Two models before a panel of two judges, each asked twice: a rubric, and pair by pair."""
    wire = elsewhere(WireServer)
    wire.handler = _answered
    names = ("cand-a", "cand-b", "judge-one", "judge-two")
    model = {name: MODEL.format(name=name, url=wire.url) for name in names}
    judge = {name: model[name].replace("\n", "\n  ") for name in names}
    files = {
        "conf/model/a.yaml": model["cand-a"],
        "conf/model/b.yaml": model["cand-b"],
        "conf/judge/duo.yaml": (
            f"model:\n  {judge['judge-one']}\n"
            f"panel:\n  second:\n    {judge['judge-two'].replace(chr(10), chr(10) + '  ')}\n"
            "repeats: 2\nretest: 1.0\n"
        ),
    }
    words = ("experiment=base", "model=a,b", "judge=duo", "scorer=[rubric,pairwise]", "--yes")
    try:
        return make_run(*words, files=files, cases=CASES, OPENAI_API_KEY="sk-proj-0123456789")
    finally:
        wire.stop()


@pytest.fixture
def score(page, run):
    """What a scorer says of the answer of a model to a case, with its judgements in sight."""

    def open_(scorer, label, case="c0"):
        page.goto("about:blank")
        page.goto(f"{(run / 'report.html').as_uri()}#case={case}")
        answer = page.locator(".answer", has=page.get_by_role("link", name=label, exact=True))
        found = answer.locator(".score", has=page.locator("strong", has_text=scorer)).first
        fold = found.locator("details")
        if fold.get_attribute("open") is None:
            fold.locator("summary").click()
        expect(fold.locator(".judgement").first).to_be_visible()
        return found

    return open_


def test_each_judge_of_a_panel_has_its_say(score):
    """Samples and retests apart, each with its criteria; the score is the panel's."""
    found = score("rubric", "a")
    judgements = found.locator(".judgement")

    expect(found.locator("> .score-head")).to_have_text("rubric 50.0 %")
    expect(found.locator("summary")).to_have_text("5 judgements")
    expect(judgements.locator("> p:first-child")).to_have_text(
        ["judge 100.0 %", "judge 100.0 %", "second 0.0 %", "second 0.0 %", "judge 100.0 %"]
    )
    expect(judgements.locator("> .answer-none")).to_have_text(
        ["sample 2", "sample 2", "sample 3 · asked again only to measure the judge"]
    )
    expect(judgements.nth(2).locator(".criteria .mark")).to_have_text(["✗failed", "✗failed"])


def test_a_judge_who_gave_no_verdict_is_said(score):
    """Its judgements are in sight at once, with the reason."""
    found = score("rubric", "a", "c1")

    expect(found.locator("summary")).to_have_text("5 judgements, 2 failed")
    expect(found.locator(".judgement.is-failed")).to_have_count(2)
    expect(found.locator(".judgement.is-failed").first).to_contain_text("judge_error")


@pytest.mark.parametrize(("label", "other", "value"), [("a", "b", "100.0 %"), ("b", "a", "0.0 %")])
def test_a_comparison_says_with_whom_and_in_which_order(score, label, other, value):
    """Both orders of each judge; what one wins the other loses."""
    found = score("pairwise", label)

    expect(found.locator("> .score-head")).to_contain_text(f"pairwise {value}")
    expect(found.locator("summary")).to_have_text("10 judgements")
    facts = found.locator(".judgement > .answer-none").all_inner_texts()
    assert sorted(fact.split(" · ")[-1] for fact in facts) == [
        *[f"against {other}, this answer first"] * 5,
        *[f"against {other}, this answer second"] * 5,
    ]


def _answered(seen):
    """Candidates sign; the second judge is strict, and has nothing valid to say of one case."""
    asked = Asked(seen)
    if asked.model.startswith("cand-"):
        return said(asked, f"{asked.question} ({asked.model})")
    if asked.model == "judge-two" and "question 1" in asked.question:
        return said(asked, "no idea")
    return said(asked, verdict(asked, lambda options: _chosen(options, asked)))


def _chosen(options, asked):
    if options == ["A", "B", "TIE"]:
        a, b = (asked.question.find(f"(cand-{name})") for name in "ab")
        return "A" if a < b else "B"
    return last(options) if asked.model == "judge-two" else options[0]
