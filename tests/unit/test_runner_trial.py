"""One trial: failures become values, refusals follow the run's settings."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from types import SimpleNamespace

import pytest

from evalrunner.errors import (
    BudgetExceeded,
    FailureKind,
    ProviderError,
    ScorerError,
    StoreError,
)
from evalrunner.prompts import PromptTemplate, TemplateFile
from evalrunner.runner.judging import Judging
from evalrunner.runner.opponents import Opponents
from evalrunner.runner.records import Trial
from evalrunner.runner.stacks import Stacks
from evalrunner.runner.trial import run_trial, score_all
from evalrunner.types import Case, Completion, Request, Score, Status

CASE = Case(id="c1", fields={"id": "c1", "input": "hi"}, sha256="0" * 64, index=3)


class Answers:
    """A provider that answers, or raises, what it was given."""

    def __init__(self, answer):
        self.answer = answer

    async def complete(self, request):
        if isinstance(self.answer, BaseException):
            raise self.answer
        return self.answer

    async def aclose(self):
        """Nothing to close."""


class Scores:
    """A scorer that says, or raises, what it was given."""

    def __init__(self, name, verdict):
        self.name, self.verdict = name, verdict

    async def score(self, case, completion):
        if isinstance(self.verdict, BaseException):
            raise self.verdict
        return self.verdict


def cell(*scorers, on_refused="fail", on_truncated="fail"):
    """As much of a planned cell as a trial reads."""

    def build(prompt, case, sample):
        return Request.build(
            provider="python", model="m", origin="", path="p", body={}, sample=sample
        )

    return SimpleNamespace(
        id=0,
        facet=0,
        first=0,
        n=4,
        repeats=1,
        scorers=scorers,
        judge_wires=[],
        template=PromptTemplate(system=None, user=TemplateFile("p.j2", "{{ input }}")),
        wire=SimpleNamespace(build_request=build),
        settings=SimpleNamespace(
            run=SimpleNamespace(on_refused=on_refused, on_truncated=on_truncated)
        ),
    )


def run(planned, answer):
    trial = Trial(cell=planned, case=CASE, repeat=0)
    return asyncio.run(run_trial(trial, Answers(answer), judging(planned)))


def judging(planned):
    """Of a run with this cell alone."""
    opponents = Opponents([planned], owed=lambda *_: True, recorded=lambda *_: None)
    stacks = Stacks(recorder=None, cache=None, doors=None, money=None)
    return Judging([planned], stacks=stacks, opponents=opponents)


def test_a_provider_error_becomes_an_unscored_trial_with_its_kind():
    error = ProviderError("slow", kind=FailureKind.TIMEOUT)
    error.attempts = 4

    record = run(cell(Scores("s", Score(value=1.0))), error).to_json()

    assert (record["status"], record["error"]) == ("error", {"kind": "timeout", "message": "slow"})
    assert record["scores"]["s"]["value"] is None
    assert (record["attempts"], record["output"], record["case"]) == (4, None, 3)


def test_a_raising_scorer_leaves_the_answer_and_the_other_scores():
    """A23."""
    broken, fine = Scores("broken", ValueError("boom")), Scores("fine", Score(value=1.0))

    record = run(cell(broken, fine), Completion(text="paid")).to_json()

    assert record["output"] == "paid"
    assert record["scores"]["fine"]["value"] == 1.0
    assert record["scores"]["broken"]["value"] is None
    assert record["scores"]["broken"]["reason"] == "scorer_error: ValueError: boom"


def test_a_defect_of_ours_is_an_internal_error_of_that_trial_only():
    record = run(cell(Scores("s", Score(value=1.0))), RuntimeError("oops")).to_json()

    assert record["error"] == {"kind": "internal", "message": "RuntimeError: oops"}


@pytest.mark.parametrize("error", [BudgetExceeded("cap"), StoreError("disk")])
def test_what_stops_the_run_is_not_turned_into_a_trial(error):
    with pytest.raises(type(error)):
        run(cell(), error)


def test_cancellation_passes_through():
    with pytest.raises(asyncio.CancelledError):
        run(cell(), asyncio.CancelledError())


@pytest.mark.parametrize(
    ("policy", "value"),
    [("fail", 0.0), ("score", 1.0), ("skip", None)],
)
@pytest.mark.parametrize("status", [Status.REFUSED, Status.TRUNCATED])
def test_refusals_and_truncations_follow_their_settings(status, policy, value):
    """A14, A15."""
    planned = cell(Scores("s", Score(value=1.0)), on_refused=policy, on_truncated=policy)

    trial = Trial(cell=planned, case=CASE, repeat=0)
    scores = asyncio.run(score_all(trial, Completion(text="x", status=status)))

    assert scores["s"].value == value


def test_an_answer_is_recorded_with_everything_that_a_report_needs():
    completion = replace(
        Completion(text="out"), served_model="m-1", latency_s=0.5, started_at=9.0, attempts=2
    )

    record = run(cell(Scores("s", Score(value=0.5, label="a"))), completion).to_json()

    kept = ("output", "served_model", "latency_s", "started_at", "attempts", "status", "repeat")
    assert [record[name] for name in kept] == ["out", "m-1", 0.5, 9.0, 2, "ok", 0]
    assert record["scores"]["s"] == {
        "value": 0.5,
        "reason": None,
        "label": "a",
        "criteria": [],
        "cost_usd": None,
    }


def test_a_secret_in_a_scorers_complaint_is_not_recorded(monkeypatch):
    """F6."""
    monkeypatch.setenv("SOME_API_KEY", "canary-0123456789")
    leaks = [
        Scores("own", ScorerError("it said canary-0123456789")),
        Scores("any", ValueError("canary-0123456789")),
    ]

    record = run(cell(*leaks), Completion(text="x")).to_json()

    assert "canary" not in str(record["scores"])
    assert record["scores"]["own"]["reason"] == "scorer_error: it said [redacted]"


def test_a_prompt_that_cannot_be_rendered_is_an_error_of_that_trial_only():
    planned = cell(Scores("s", Score(value=1.0)))
    planned.template = PromptTemplate(system=None, user=TemplateFile("p.j2", "{{ missing }}"))

    record = run(planned, Completion(text="x")).to_json()

    assert record["error"]["kind"] == "internal"
    assert record["prompt_sha256"] is None
