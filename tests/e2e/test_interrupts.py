"""Runs that are stopped half-way: nothing recorded is lost, and resuming pays for nothing twice."""

from __future__ import annotations

import json
import os
import signal
from collections import Counter

import pytest
from wire_server import Reply, WireServer, answer

N_CASES = 30
CONCURRENCY = 4
DELAY_S = 0.15


@pytest.fixture
def server():
    """Answers slowly enough to be interrupted."""
    wire = WireServer()
    wire.handler = lambda seen: Reply(body=answer(seen).body, delay_s=DELAY_S)
    yield wire
    wire.stop()


@pytest.fixture
def project(cli, server):
    """Thirty questions for one slow model on loopback."""
    model = f"provider: openai\nname: gpt-6-luna\nbase_url: {server.url}/v1\n"
    files = {
        "conf/dataset/many.yaml": "name: many\npath: many.jsonl\n",
        "conf/model/slow.yaml": model + f"limits: {{concurrency: {CONCURRENCY}}}\n",
        "many.jsonl": "".join(
            json.dumps({"id": n, "input": f"{n}?", "expected_output": f"echo: {n}?"}) + "\n"
            for n in range(N_CASES)
        ),
    }
    for name, text in files.items():
        path = cli.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return cli


def start(project, server, *, requests):
    """A run that has sent so many requests."""
    process = project.start("run", "dataset=many", "model=slow", "run.cache=off")
    project.until(lambda: len(server.requests) >= requests or process.poll() is not None)
    return process


def records_of(run, kind):
    lines = (run / "journal.jsonl").read_bytes().split(b"\n")[:-1]
    return [record for line in lines if (record := json.loads(line))["type"] == kind]


def times_asked(server):
    return Counter(json.dumps(seen.body, sort_keys=True) for seen in server.requests)


def test_interrupt_drains_reports_and_is_resumed_without_paying_twice(project, server):
    """E2."""
    process = start(project, server, requests=8)
    os.kill(process.pid, signal.SIGINT)
    stopped = project.wait(process)
    (run,) = project.runs()
    n_sent = len(server.requests)

    assert stopped.code == 130, stopped.err
    assert "finishing" in stopped.err
    assert f"evalrunner run --resume {run.relative_to(project.root)}" in stopped.err
    assert "Traceback" not in stopped.err
    assert len(records_of(run, "trial")) == n_sent < N_CASES
    cell = json.loads((run / "summary.json").read_text())["cells"][0]
    assert (cell["n_ok"], cell["n_skipped"]) == (n_sent, N_CASES - n_sent)

    resumed = project("run", "--resume", str(run))

    assert resumed.code == 0, resumed.err
    assert project.runs() == [run]
    assert len(server.requests) == N_CASES
    assert set(times_asked(server).values()) == {1}
    summary = json.loads((run / "summary.json").read_text())
    assert summary["cells"][0]["n_ok"] == N_CASES
    assert summary["run"]["possibly_billed"] == 0


def test_kill_loses_at_most_what_was_under_way_and_says_so(project, server):
    """E1: under way is what was sent, and what was answered but not yet synced to the disk."""
    process = start(project, server, requests=6)
    (run,) = project.runs()
    project.until(lambda: records_of(run, "call"))
    os.kill(process.pid, signal.SIGKILL)
    project.wait(process)
    answered = {record["key"] for record in records_of(run, "call")}
    intended = {record["key"] for record in records_of(run, "intent")}

    resumed = project("run", "--resume", str(run))

    assert resumed.code == 0, resumed.err
    summary = json.loads((run / "summary.json").read_text())
    assert summary["cells"][0]["n_ok"] == N_CASES
    assert summary["run"]["possibly_billed"] == len(intended - answered) < N_CASES
    asked = times_asked(server)
    assert len(asked) == N_CASES
    assert sum(n > 1 for n in asked.values()) <= len(intended - answered)
    assert max(asked.values()) <= 2
    calls = Counter(record["key"] for record in records_of(run, "call"))
    assert set(calls.values()) == {1}


def test_two_processes_never_write_one_run_directory(project, server):
    """D9."""
    server.handler = lambda seen: Reply(body=answer(seen).body, delay_s=30)
    process = start(project, server, requests=CONCURRENCY)
    (run,) = project.runs()

    second = project("run", "--resume", str(run))
    process.kill()
    project.wait(process)

    assert second.code == 2
    assert f"process {process.pid} on " in second.err
    assert len(server.requests) == CONCURRENCY


def test_two_interrupts_drop_what_is_under_way(project, server):
    """E2."""
    server.handler = lambda seen: Reply(body=answer(seen).body, delay_s=30)
    process = start(project, server, requests=CONCURRENCY)
    os.kill(process.pid, signal.SIGINT)
    assert process.stderr is not None
    project.until(lambda: "Ctrl-C again" in process.stderr.readline())
    os.kill(process.pid, signal.SIGINT)
    stopped = project.wait(process)
    (run,) = project.runs()

    assert stopped.code == 130, stopped.err
    summary = json.loads((run / "summary.json").read_text())
    assert summary["run"]["possibly_billed"] == CONCURRENCY


def test_a_closed_terminal_does_not_end_a_run(project, server):
    """E3."""
    process = start(project, server, requests=5)
    os.kill(process.pid, signal.SIGHUP)

    ended = project.wait(process)

    assert ended.code == 0, ended.err
    assert len(server.requests) == N_CASES
    assert len(records_of(project.runs()[0], "trial")) == N_CASES
