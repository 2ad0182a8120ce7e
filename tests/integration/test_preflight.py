"""What is asked about models before money is spent: real SDKs, real HTTP, no paid request."""

from __future__ import annotations

import asyncio
import socket
import time
from dataclasses import replace
from datetime import date

import pytest
from wire_models import APIS, KEY, settings_for
from wire_server import Reply, model_body

from evalrunner.errors import ConfigError
from evalrunner.project import Project
from evalrunner.providers.registry import wire_for
from evalrunner.providers.sdk import clouds
from evalrunner.runner import preflight

TODAY = date(2026, 11, 23)
ENVIRON = {"OPENAI_API_KEY": KEY, "ANTHROPIC_API_KEY": KEY}
LISTED = ("gpt-6-luna", "gpt-6-sol", "claude-opus-5-5", "claude-sonnet-5-5")


@pytest.fixture
def own_host(monkeypatch):
    """Both providers own this machine, so that it is believed about its models."""
    for provider in ("openai", "anthropic"):
        cloud = replace(clouds.CLOUDS[provider, None], hosts=r"127\.0\.0\.1")
        monkeypatch.setitem(clouds.CLOUDS, (provider, None), cloud)


@pytest.fixture(autouse=True)
def nothing_is_paid(wire):
    yield
    assert wire.requests == []


def check(tmp_path, *settings, environ=ENVIRON):
    wires = [wire_for(each, Project(tmp_path)) for each in settings]
    return preflight.check_models(wires, environ=environ, today=TODAY)


def problems(tmp_path, *settings, **changes):
    with pytest.raises(ConfigError) as refused:
        check(tmp_path, *settings, **changes)
    return refused.value.problems


def about(**facts):
    """A server that says the same of every model."""
    return lambda seen: Reply(body=model_body(seen.path.rpartition("/")[2], **facts))


def missing(seen):
    """A server without the model, which lists others."""
    if seen.path.split("?")[0].endswith("/models"):
        return Reply(body={"data": [{"id": name} for name in LISTED]})
    return Reply(status=404, body={"error": {"type": "not_found_error", "message": "no model"}})


def always(**reply):
    return lambda seen: Reply(**reply)


def test_each_distinct_model_is_asked_once_with_its_key(wire, tmp_path):
    one, two = (settings_for("responses", wire.url, name=f"gpt-{n}") for n in (1, 2))
    longer = settings_for("responses", wire.url, name="gpt-1", max_output_tokens=5000)
    claude = settings_for("messages", wire.url)

    warnings = check(tmp_path, one, two, one, longer, claude)

    assert warnings == ()
    assert sorted(seen.path for seen in wire.lookups) == [
        "/v1/models/claude-opus-5-5",
        "/v1/models/gpt-1",
        "/v1/models/gpt-2",
    ]
    assert all(seen.authorized for seen in wire.lookups)


def test_models_are_asked_all_at_the_same_time(wire, tmp_path):
    arrived = []

    def slow(seen):
        arrived.append(time.monotonic())
        return Reply(body=model_body("m"), delay_s=1.0)

    wire.models = slow
    models = [settings_for("responses", wire.url, name=f"gpt-{n}") for n in range(8)]

    check(tmp_path, *models)

    assert len(arrived) == 8
    assert max(arrived) - min(arrived) < 1.0


def test_cloud_clients_have_no_look_up_and_are_not_asked(wire, tmp_path):
    options = {"aws_region": "us-east-1"}
    bedrock = settings_for("messages", wire.url, client="bedrock", client_options=options)

    assert check(tmp_path, bedrock) == ()
    assert wire.lookups == []
    assert wire.connections == 0


@pytest.mark.parametrize("api", APIS)
def test_unknown_model_is_refused_with_the_nearest_names(wire, tmp_path, own_host, api):
    """A5."""
    wire.models = missing
    name = "claude-opus-55" if api == "messages" else "gpt-6-lunna"

    (problem,) = problems(tmp_path, settings_for(api, wire.url, name=name))

    assert problem.where == "model.name"
    assert repr(name) in problem.what
    assert "'claude-opus-5-5'" in problem.hint or "'gpt-6-luna'" in problem.hint


def test_unknown_models_are_named_together(wire, tmp_path, own_host):
    wire.models = missing
    models = [settings_for("responses", wire.url, name=f"zzz-{n}") for n in (1, 2)]

    found = problems(tmp_path, *models)

    assert ["zzz-1" in found[0].what, "zzz-2" in found[1].what] == [True, True]
    assert found[0].hint == "it lists gpt-6-luna, gpt-6-sol, claude-opus-5-5, claude-sonnet-5-5"


def test_unknown_model_of_a_provider_that_lists_none_is_refused_all_the_same(
    wire, tmp_path, own_host
):
    wire.models = always(status=404, body={"error": {"message": "nothing here"}})

    (problem,) = problems(tmp_path, settings_for("responses", wire.url))

    assert "check the name" in problem.hint


def test_alias_that_is_listed_but_cannot_be_looked_up_is_no_problem(wire, tmp_path, own_host):
    wire.models = missing

    assert check(tmp_path, settings_for("responses", wire.url, name="gpt-6-sol")) == ()


def test_model_that_another_server_does_not_list_is_only_a_warning(wire, tmp_path):
    wire.models = missing

    (warning,) = check(tmp_path, settings_for("chat", wire.url, name="gpt-6-lunna"))

    assert warning.startswith("127.0.0.1 does not list the model 'gpt-6-lunna'; did you mean")


@pytest.mark.parametrize(
    "reply",
    [
        {"status": 404, "body": b"not found"},
        {"status": 405, "body": b"method not allowed"},
        {"body": b"<html>welcome</html>"},
        {"body": {"detail": "what?"}},
    ],
    ids=["404", "405", "html", "no model"],
)
def test_server_without_such_a_look_up_is_no_news(wire, tmp_path, reply):
    wire.models = always(**reply)

    assert check(tmp_path, settings_for("chat", wire.url)) == ()


def test_server_that_keeps_its_models_to_itself_is_only_a_warning(wire, tmp_path):
    wire.models = always(status=403, body=b"not for you")

    (warning,) = check(tmp_path, settings_for("chat", wire.url))

    assert "HTTP 403: not for you" in warning


@pytest.mark.parametrize("api", APIS)
def test_refused_key_is_a_problem_on_any_host(wire, tmp_path, api):
    """A22."""
    error = {"type": "authentication_error", "message": f"bad key {KEY}"}
    wire.models = always(status=401, body={"error": error})

    (problem,) = problems(tmp_path, settings_for(api, wire.url))

    assert "API_KEY" in problem.where
    assert "HTTP 401: bad key" in problem.what
    assert KEY not in str(problem)


@pytest.mark.parametrize(("status", "word"), [(403, "403"), (402, "402")])
def test_account_that_may_not_pay_is_a_problem_of_the_provider(
    wire, tmp_path, own_host, status, word
):
    """A4."""
    wire.models = always(status=status, body={"error": {"message": "no"}})

    (problem,) = problems(tmp_path, settings_for("responses", wire.url))

    assert word in problem.what


def test_key_that_may_ask_models_but_not_about_them_is_only_a_warning(wire, tmp_path, own_host):
    said = "You have insufficient permissions. Missing scopes: api.model.read."
    wire.models = always(status=403, body={"error": {"message": said}})

    (warning,) = check(tmp_path, settings_for("responses", wire.url))

    assert "Missing scopes" in warning


@pytest.mark.parametrize("host", ["own", "other"])
@pytest.mark.parametrize(
    "reply",
    [{"status": 500, "body": b"oops"}, {"status": 529, "body": b""}, {"fault": "reset"}],
    ids=["500", "529", "reset"],
)
def test_provider_with_a_bad_day_is_only_a_warning(wire, tmp_path, request, host, reply):
    if host == "own":
        request.getfixturevalue("own_host")
    wire.models = always(**reply)

    (warning,) = check(tmp_path, settings_for("responses", wire.url))

    assert "could not be asked about 'gpt-6-luna'" in warning


def test_provider_that_hangs_is_given_up_soon_with_a_warning(wire, tmp_path, monkeypatch):
    monkeypatch.setattr(preflight, "DEADLINE_S", 0.2)
    wire.models = always(fault="hang")

    (warning,) = check(tmp_path, settings_for("responses", wire.url, deadline_s=60))

    assert warning.endswith("no answer within 0.2 s")


@pytest.mark.parametrize("api", APIS)
def test_server_that_does_not_run_is_named_with_its_url(tmp_path, api):
    with socket.create_server(("127.0.0.1", 0)) as closed:
        url = f"http://127.0.0.1:{closed.getsockname()[1]}"

    (problem,) = problems(tmp_path, settings_for(api, url))

    assert problem.where == "model.base_url"
    assert url in problem.what
    assert problem.hint == "is the server running?"


def test_retired_model_is_refused(wire, tmp_path):
    wire.models = about(lifecycle="retired", retires_at="2026-06-15T00:00:00Z")

    (problem,) = problems(tmp_path, settings_for("messages", wire.url))

    assert "'claude-opus-5-5' was retired" in problem.what
    assert "on 2026-06-15" in problem.what


@pytest.mark.parametrize(
    ("api", "facts", "said"),
    [
        (
            "messages",
            {"lifecycle": "deprecated", "retires_at": "2026-11-30T00:00:00Z"},
            "claude-opus-5-5 is to be shut down on 2026-11-30, says 127.0.0.1",
        ),
        (
            "messages",
            {"lifecycle": "deprecated", "retires_at": "2026-11-01T00:00:00Z"},
            "claude-opus-5-5 was to be shut down on 2026-11-01, says 127.0.0.1",
        ),
        (
            "messages",
            {"lifecycle": "deprecated", "retires_at": None},
            "claude-opus-5-5 is deprecated, says 127.0.0.1",
        ),
        (
            "responses",
            {"shutdown_date": "2027-01-14"},
            "gpt-6-luna is to be shut down on 2027-01-14, says 127.0.0.1",
        ),
    ],
)
def test_model_that_ends_is_warned_of_once_with_its_date(wire, tmp_path, api, facts, said):
    """A25."""
    wire.models = about(**facts)
    short, long = (settings_for(api, wire.url, max_output_tokens=most) for most in (100, 200))

    assert check(tmp_path, short, long) == (said,)


def test_longer_answers_than_the_model_can_give_are_refused(wire, tmp_path):
    wire.models = about(max_tokens=64_000)
    fits = settings_for("messages", wire.url, max_output_tokens=64_000)
    too_long = settings_for("messages", wire.url, max_output_tokens=64_001)

    (problem,) = problems(tmp_path, fits, too_long)

    assert problem.where == "model.max_output_tokens"
    assert problem.hint == "model.max_output_tokens=64000"


def test_name_with_a_slash_stays_one_part_of_the_path(wire, tmp_path):
    check(tmp_path, settings_for("chat", wire.url, name="meta/llama 4"))

    assert [seen.path for seen in wire.lookups] == ["/v1/models/meta%2Fllama%204"]


def test_run_without_a_model_to_ask_about_starts_no_loop_of_its_own(tmp_path):
    async def inside():
        return check(tmp_path)

    assert asyncio.run(inside()) == ()
