"""The command before it spends: models are looked up, SDKs are loaded, history is used."""

from __future__ import annotations

import json
import socket
from dataclasses import replace

import pytest
from wire_server import Reply, message_body, model_body

from evalrunner import cli as command
from evalrunner.providers.sdk import clouds

KEYS = {
    "OPENAI_API_KEY": "sk-proj-canary0123456789abcdef",
    "ANTHROPIC_API_KEY": "sk-ant-canary0123456789abcdef",
}
GRID = ("dataset=questions", "model=gpt,claude", "run.max_missing=1")
# Anthropic's SDK takes a second to import: where one model says as much, it is the other.
ONE = ("dataset=questions", "model=gpt", "run.max_missing=1")
ENDING = {"shutdown_date": "2031-05-06"}
WARNING = "gpt-6-luna is to be shut down on 2031-05-06, says 127.0.0.1"


@pytest.fixture
def project(cli, wire):
    """Four cases, and a model behind each SDK on the wire server."""
    write(cli.root, wire.url)
    return cli


def write(root, url):
    files = {
        "conf/dataset/questions.yaml": "name: questions\npath: datasets/questions.jsonl\n",
        "conf/model/gpt.yaml": f"provider: openai\nname: gpt-6-luna\nbase_url: {url}/v1\n",
        "conf/model/claude.yaml": f"provider: anthropic\nname: claude-opus-5-5\nbase_url: {url}\n",
        "datasets/questions.jsonl": "".join(
            json.dumps({"id": f"q{n}", "input": f"{n}?", "expected_output": f"echo: {n}?"}) + "\n"
            for n in range(4)
        ),
    }
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def ending(seen):
    """The server announces the end of one of the models."""
    name = seen.path.rpartition("/")[2]
    return Reply(body=model_body(name, **(ENDING if name == "gpt-6-luna" else {})))


def manifest(run):
    return json.loads((run / "manifest.json").read_text())


def test_run_asks_about_its_models_before_it_sends_anything(project, wire):
    wire.models = ending

    done = project("run", *GRID)

    assert done.code == 0, done.err
    assert sorted(seen.path for seen in wire.lookups) == [
        "/v1/models/claude-opus-5-5",
        "/v1/models/gpt-6-luna",
    ]
    assert done.err.count(f"warning: {WARNING}") == 1
    assert manifest(project.runs()[0])["warnings"] == [WARNING]


def test_run_answered_by_the_cache_asks_about_no_model(project, wire):
    project("run", *GRID)
    asked = len(wire.lookups)

    done = project("run", *GRID, sockets=False)

    assert done.code == 0, done.err
    assert len(wire.lookups) == asked
    assert not {"anthropic", "openai"} & done.modules


def test_only_the_sdk_of_a_model_with_requests_to_pay_is_loaded(project, wire):
    project("run", *ONE)

    done = project("run", *GRID)

    assert done.code == 0, done.err
    assert wire.lookups[-1].path == "/v1/models/claude-opus-5-5"
    assert {"anthropic", "openai"} & done.modules == {"anthropic"}


def test_refused_key_stops_the_run_before_there_is_anything(project, wire):
    wire.models = lambda seen: Reply(status=401, body={"error": {"message": "wrong key"}})

    done = project("run", *GRID, **KEYS)

    assert done.code == 2
    assert "OPENAI_API_KEY" in done.err
    assert "ANTHROPIC_API_KEY" in done.err
    assert "canary" not in done.err
    assert wire.requests == []
    assert project.runs() == []


def test_server_that_does_not_run_stops_the_run_before_there_is_anything(project):
    with socket.create_server(("127.0.0.1", 0)) as closed:
        url = f"http://127.0.0.1:{closed.getsockname()[1]}"
    write(project.root, url)

    done = project("run", *ONE)

    assert done.code == 2
    assert url in done.err
    assert "is the server running?" in done.err
    assert project.runs() == []


def test_plan_asks_nobody_and_with_online_says_what_the_providers_say(project, wire):
    wire.models = ending

    offline = project("plan", *ONE, sockets=False)
    assert wire.lookups == []
    online = project("plan", *ONE, "--online")
    as_json = project("plan", *ONE, "--online", "--json")

    assert offline.code == online.code == as_json.code == 0
    assert "warning" not in offline.out
    assert f"warning: {WARNING}" in online.out
    assert json.loads(as_json.out)["warnings"] == [WARNING]
    assert wire.requests == []
    assert project.runs() == []


def test_resumed_run_asks_about_the_models_that_still_owe_trials(project, wire):
    wire.handler = lambda seen: (
        Reply(status=400, body={"error": {"message": "no"}})
        if seen.path.endswith("/responses")
        else Reply(body=message_body("echo"))
    )
    project("run", *GRID)
    (run,) = project.runs()
    asked = len(wire.lookups)
    wire.models = ending

    done = project("run", "--resume", str(run))

    assert [seen.path for seen in wire.lookups[asked:]] == ["/v1/models/gpt-6-luna"]
    assert {"anthropic", "openai"} & done.modules == {"openai"}
    assert f"warning: {WARNING}" in done.err
    assert manifest(run)["warnings"] == [WARNING]


def test_resumed_run_with_a_refused_key_spends_nothing(project, wire):
    wire.handler = lambda seen: Reply(status=400, body={"error": {"message": "no"}})
    project("run", *ONE)
    (run,) = project.runs()
    sent = len(wire.requests)
    wire.models = lambda seen: Reply(status=401, body={"error": {"message": "wrong key"}})

    done = project("run", "--resume", str(run))

    assert done.code == 2
    assert len(wire.requests) == sent


@pytest.fixture
def own_host(monkeypatch, project):
    """This process, in which OpenAI owns the wire server's host."""
    cloud = replace(clouds.CLOUDS["openai", None], hosts=r"127\.0\.0\.1")
    monkeypatch.setitem(clouds.CLOUDS, ("openai", None), cloud)
    monkeypatch.setenv("EVALRUNNER_CACHE_DIR", str(project.root / "cache"))
    return project


def test_misspelt_model_of_a_provider_costs_nothing(own_host, wire, capsys):
    """A5."""
    wire.models = lambda seen: (
        Reply(status=404, body={"error": {"code": "model_not_found", "message": "no such model"}})
        if "lunna" in seen.path
        else Reply(body={"data": [{"id": "gpt-6-luna"}, {"id": "gpt-6-sol"}]})
    )
    words = ["dataset=questions", "model=gpt", "model.name=gpt-6-lunna"]

    code = command.main(["run", "--project", str(own_host.root), *words])

    assert code == 2
    said = capsys.readouterr().err
    assert "has no model 'gpt-6-lunna'" in said
    assert "did you mean 'gpt-6-luna'" in said
    assert wire.requests == []
    assert own_host.runs() == []


def test_model_whose_client_cannot_be_made_leaves_the_others_alone(project, wire):
    (project.root / "conf/model/cloud.yaml").write_text(
        f"provider: anthropic\nname: anthropic.claude-opus-5-5\nbase_url: {wire.url}\n"
        "client: bedrock\nclient_options: {aws_region: us-east-1}\napi_key_env: null\n"
    )

    done = project("run", "dataset=questions", "model=cloud,gpt", "pricing=none")

    assert done.code == 4, done.err
    assert [seen.path for seen in wire.requests] == ["/v1/responses"] * 4
    assert "evalrunner run --resume" in done.err


def test_estimate_of_the_second_run_is_made_from_the_answers_of_the_first(project, wire):
    before = json.loads(project("plan", *ONE, "--json").out)["cost"]
    project("run", *ONE)

    done = project("plan", *ONE, "run.cache=refresh", "--json")

    after = json.loads(done.out)["cost"]
    (run,) = project.runs()
    assert before["basis"].startswith("no history")
    assert after["basis"] == f"history: 4 answers of run {run.parent.name}/{run.name}"
    assert 0 < after["low"] < after["high"] < before["low"]
    assert after["ceiling"] == before["ceiling"]
