"""Runs that ask in batches, as their users start, interrupt, kill and resume them."""

from __future__ import annotations

import json
import os
import signal

import pytest
from batch_server import EXPIRED, BatchServer
from wire_server import WireServer

N_CASES = 20
RUN = ("run", "dataset=many", "run.cache=off", "--yes")
MODELS = {
    "claude": "provider: anthropic\nname: claude-opus-5-5\nbase_url: {url}\n",
    "gpt": "provider: openai\nname: gpt-6-luna\nbase_url: {url}/v1\n",
}


@pytest.fixture
def server():
    wire = WireServer()
    yield BatchServer(wire)
    wire.stop()


@pytest.fixture
def project(cli, server):
    """Twenty questions, and two models that are asked live or in batches."""
    files = {
        "conf/dataset/many.yaml": "name: many\npath: many.jsonl\n",
        "many.jsonl": "".join(
            json.dumps({"id": n, "input": f"{n}?", "expected_output": f"echo: {n}?"}) + "\n"
            for n in range(N_CASES)
        ),
    }
    for name, text in MODELS.items():
        files[f"conf/model/{name}.yaml"] = text.format(url=server.url)
    for name, text in files.items():
        path = cli.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return cli


def batch_run(project, *more):
    return project.start(*RUN, "model.transport=batch", *more)


def summary_of(run):
    return json.loads((run / "summary.json").read_text())


def until_out(project, server, process, n=1):
    """Wait until so many batches are at the provider and have been looked at."""
    project.until(
        lambda: sum(b.looks > 0 for b in server.batches.values()) >= n or process.poll() is not None
    )


def test_batches_cost_half_and_list_prices_stay(project, server):
    server.fate("7?", EXPIRED)
    live = project(*RUN, "model=claude,gpt")
    in_batches = project.wait(batch_run(project, "model=claude,gpt"))

    assert (live.code, in_batches.code) == (0, 0), in_batches.err
    before, after = (summary_of(run)["cells"] for run in project.runs())
    for cell, batched in zip(before, after, strict=True):
        assert batched["n_ok"] == N_CASES
        assert batched["quality"]["value"] == 1.0
        assert batched["cost"]["usd_spent"] == pytest.approx(cell["cost"]["usd_spent"] / 2)
        assert batched["cost"]["usd_per_1000"]["value"] == cell["cost"]["usd_per_1000"]["value"]
        assert batched["latency_s"]["p50"] is None
    assert len(server.batches) == 3
    assert server.asked["7?"] == 3


@pytest.mark.parametrize("model", sorted(MODELS))
def test_interrupt_leaves_the_batch_and_resume_collects_it(project, server, model):
    """E2."""
    server.held = True
    process = batch_run(project, f"model={model}")
    until_out(project, server, process)
    os.kill(process.pid, signal.SIGINT)
    stopped = project.wait(process)
    (run,) = project.runs()

    assert stopped.code == 130, stopped.err
    assert f"{N_CASES} requests go on in batches" in stopped.err
    assert "Traceback" not in stopped.err
    assert f"evalrunner run --resume {run.relative_to(project.root)}" in stopped.err
    assert summary_of(run)["run"]["possibly_billed"] == 0

    server.held = False
    resumed = project("run", "--resume", str(run))

    assert resumed.code == 0, resumed.err
    assert set(server.asked.values()) == {1}
    assert len(server.batches) == 1
    summary = summary_of(run)
    assert summary["cells"][0]["n_ok"] == N_CASES
    assert summary["run"]["possibly_billed"] == 0


@pytest.mark.parametrize("model", sorted(MODELS))
def test_kill_between_creation_and_id_pays_for_nothing_twice(project, server, model):
    """A26, E1."""
    server.creations.append("hang")
    process = batch_run(project, f"model={model}")
    project.until(lambda: server.batches or process.poll() is not None)
    os.kill(process.pid, signal.SIGKILL)
    project.wait(process)
    (run,) = project.runs()

    resumed = project("run", "--resume", str(run))

    assert resumed.code == 0, resumed.err
    assert set(server.asked.values()) == {1}
    assert len(server.asked) == N_CASES
    summary = summary_of(run)
    assert summary["cells"][0]["n_ok"] == N_CASES
    assert summary["run"]["possibly_billed"] == 0


def test_batch_that_is_out_counts_against_the_budget_of_a_resumed_run(project, server):
    """The answers of the batch are paid, whatever else is asked."""
    server.held = True
    # One call costs at most about $0.0129: six of them fit.
    process = batch_run(project, "model=claude", "run.budget_usd=0.08")
    until_out(project, server, process)
    os.kill(process.pid, signal.SIGKILL)
    project.wait(process)
    (run,) = project.runs()
    (first,) = server.batches.values()
    server.held = False

    resumed = project("run", "--resume", str(run))

    assert 0 < len(first.items) < N_CASES
    assert resumed.code == 0, resumed.err
    assert set(server.asked.values()) == {1}
    assert summary_of(run)["cells"][0]["cost"]["usd_spent"] <= 0.08


def test_progress_says_which_batch_is_waited_for(project, server):
    from evalrunner.cli.display import progress_line
    from evalrunner.runner import CellProgress, Progress

    progress = Progress({0: CellProgress(label="a", planned=400)})
    progress.waiting = "batch msgbatch_1: in progress, 120/400 done"

    assert "waiting: batch msgbatch_1: in progress, 120/400 done" in progress_line(progress)


@pytest.mark.parametrize("client", ["azure"])
def test_cloud_clients_have_no_batches(project, client):
    azure = (
        "provider: openai\nname: mine\nclient: azure\ntransport: batch\n"
        "client_options: {azure_endpoint: 'https://x.openai.azure.com', api_version: '2026-10-01'}"
    )
    (project.root / "conf/model/azure.yaml").write_text(azure)

    done = project("plan", "dataset=many", "model=azure", sockets=False)

    assert done.code == 2
    assert "transport" in done.err
    assert "Batch API" in done.err
