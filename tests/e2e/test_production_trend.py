"""A trend over weeks of logged calls, judged by a model behind a real server."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
from judge_runs import judged_project, judging
from wire_server import Reply

from evalrunner.production import Sampler

MONDAY = datetime(2026, 10, 5, 8, tzinfo=UTC)
RUBRIC = ("scorer=rubric", "scorer.rubric.criteria=[Polite]", "judge=fair", "pricing=even")
N_OFFLINE = 60


@pytest.fixture
def project(cli, wire):
    """A judge that passes what says please, in nine of ten answers of the test set."""
    wire.handler = lambda seen: judging(
        seen, choose=lambda options, text: options[0 if "please" in text else 1]
    )
    judged_project(cli.root, wire.url, n_cases=0)
    rows = (
        {"id": f"c{n}", "input": f"question {n}{' please' * bool(n % 10)}"}
        for n in range(N_OFFLINE)
    )
    path = cli.root / "datasets/tickets.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    done = cli("run", "dataset=tickets", "prompt=short", "model=a", "run.name=t", *RUBRIC, "--yes")
    assert done.code == 0, done.err
    wire.requests.clear()
    return cli


def log(project, week, n, *, good):
    """Records of a week; of ten this many are good."""
    start = MONDAY + timedelta(weeks=week)
    rows = [
        {
            "schema_version": 1,
            "id": f"w{week}-{number}",
            "at": (start + timedelta(minutes=number)).isoformat(),
            "rate": 1.0,
            "input": f"call {week} {number}",
            "output": "yes, please" if number % 10 < good else f"no {number}",
            "metadata": {},
            "model": "gpt-6-luna",
        }
        for number in range(n)
    ]
    path = project.root / "logs" / f"week-{week}.jsonl"
    path.parent.mkdir(exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


def trend(project, week, *words, **env):
    logs = sorted(str(path.relative_to(project.root)) for path in project.root.glob("logs/*"))
    at = (MONDAY + timedelta(weeks=week, days=2)).date().isoformat()
    options = ("--history", "trend.jsonl", "--at", at, "--yes")
    return project("production", "trend", *logs, *options, *words, **env)


def test_a_loss_in_production_fails_the_gate_and_every_verdict_is_paid_once(project, wire):
    (offline,) = (project.root / "outputs/t").glob("*")
    log(project, 0, 40, good=9)

    first = trend(project, 0, "--run", str(offline), "--gate")
    n_first = len(wire.requests)
    again = trend(project, 0, "--run", str(offline), "--gate")

    assert (first.code, again.code) == (0, 0), first.err + again.err
    assert {seen.body["model"] for seen in wire.requests} == {"judge-fair"}
    # Equal answers to different calls are different questions.
    assert (n_first, len(wire.requests)) == (40, 40)
    assert "40 requests to pay" in first.err
    assert "nothing new of 2026-W41" in again.err

    log(project, 0, 50, good=9)
    more = trend(project, 0, *RUBRIC)

    assert more.code == 0, more.err
    lines = [json.loads(line) for line in (project.root / "trend.jsonl").read_text().splitlines()]
    assert (len(wire.requests), lines[1]["supersedes"]) == (40 + 10, lines[0]["id"])

    log(project, 1, 60, good=3)
    # The history knows what it is held to and CI has no run directories, only logs and the cache.
    worse = trend(project, 1, *RUBRIC, "--gate", "--json")

    assert worse.code == 1, worse.err
    found = json.loads(worse.out)
    assert found["gate"]["sentence"].startswith("ALARM")
    assert [point["alarm"] for point in found["segments"][-1]["points"]] == [False, True]
    assert not worse.reached


def test_a_judge_that_stops_working_leaves_no_line(project, wire):
    log(project, 0, 40, good=9)
    wire.handler = lambda seen: Reply(status=401, body={"error": {"message": "bad key"}})

    done = trend(project, 0, *RUBRIC)

    assert done.code == 4, done.err
    assert not (project.root / "trend.jsonl").exists()


def test_what_the_sampler_writes_is_what_a_trend_reads(project):
    with Sampler(rate=1.0, sink=str(project.root / "logs")) as sampler:
        for number in range(40):
            sampler.log(input=f"call {number}", output="yes, please", id=f"call-{number}")
    today = datetime.now(UTC).date()
    week = (today - MONDAY.date()).days // 7

    done = trend(project, week, *RUBRIC, "--at", today.isoformat())

    assert done.code == 0, done.err
    line = json.loads((project.root / "trend.jsonl").read_text())
    assert (line["n_records"], line["score"]["value"], line["is_partial"]) == (40, 1.0, True)
