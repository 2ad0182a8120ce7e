"""Runs with judges, as their users start, kill and resume them."""

from __future__ import annotations

import json
import os
import signal
from dataclasses import replace

import pytest
from judge_runs import asked, counted_as_paid, judged_project, judging, paid, records_of, trials_of

N_CASES = 30
GRID = ("dataset=tickets", "prompt=short", "model=a,b", "pricing=even")
JUDGED = ("judge=fair", "scorer=pairwise", "scorer.pairwise.against=all", "run.cache=off")


@pytest.fixture
def project(cli, wire):
    """Thirty questions for two models, and a judge that takes its time."""
    wire.handler = lambda seen: replace(judging(seen), delay_s=0.05)
    judged_project(cli.root, wire.url, n_cases=N_CASES, concurrency=2)
    return cli


@pytest.mark.parametrize("n_requests", [10, 60])
def test_kill_in_the_middle_buys_no_recorded_answer_again(project, wire, n_requests):
    """E1."""
    process = project.start("run", *GRID, *JUDGED, "--yes")
    project.until(lambda: len(wire.requests) >= n_requests or process.poll() is not None)
    os.kill(process.pid, signal.SIGKILL)
    project.wait(process)
    (run,) = project.runs()
    answered = {record["key"] for record in records_of(run, "call")}
    lost = {record["key"] for record in records_of(run, "intent")} - answered

    resumed = project("run", "--resume", str(run))

    assert resumed.code == 0, resumed.err
    assert set(paid(run).values()) == {1}
    assert sum(n > 1 for n in asked(wire).values()) <= len(lost)
    assert counted_as_paid(run) == paid(run)
    summary = json.loads((run / "summary.json").read_text())
    assert summary["run"]["possibly_billed"] == len(lost)
    assert all("incomplete" not in record for record in trials_of(run).values())


def test_judges_share_the_cache_between_runs(project, wire):
    """A second run with a judge more asks nobody else."""
    cached = tuple(word for word in JUDGED if not word.startswith(("run.cache", "judge")))
    first = project("run", *GRID, *cached, "judge=fair", "--yes")
    n_first = len(wire.requests)

    second = project("run", *GRID, *cached, "judge=fair,strict", "--yes")

    assert (first.code, second.code) == (0, 0), second.err
    assert n_first == 2 * N_CASES + 2 * N_CASES
    assert {seen.body["model"] for seen in wire.requests[n_first:]} == {"judge-strict"}
    assert len(wire.requests) == n_first + 2 * N_CASES
