"""The real Anthropic SDK over real HTTP: every stop reason, every usage class, every cloud."""

from __future__ import annotations

import pytest
from wire_models import ask, base_url_of, request_for, settings_for
from wire_server import Reply, message_body

from evalrunner.providers.anthropic import AnthropicSettings
from evalrunner.providers.sdk import endpoint_of
from evalrunner.types import Status, Usage

OK, REFUSED, TRUNCATED = Status.OK, Status.REFUSED, Status.TRUNCATED


def test_an_answer_comes_back_with_everything_around_it(wire):
    completion = ask(settings_for("messages", wire.url), system="be brief")

    assert completion.text == "echo: 2+2?"
    assert completion.status is OK
    assert completion.stop_reason == "complete"
    assert completion.usage == Usage(input_tokens=12, output_tokens=3)
    assert completion.served_model == "claude-opus-5-5-20260901"
    assert completion.request_id == "req_messages"
    assert completion.service_tier == "standard"
    assert 0 < completion.latency_s < 10


def test_the_body_on_the_wire_is_the_requests(wire):
    settings = settings_for("messages", wire.url, params={"thinking": {"type": "adaptive"}})

    ask(settings, system="be brief")

    [seen] = wire.requests
    assert seen.path == "/v1/messages"
    assert seen.authorized
    assert seen.headers["anthropic-version"] == "2026-10-21"
    assert seen.body == {
        "model": "claude-opus-5-5",
        "max_tokens": 1024,
        "messages": [{"role": "user", "content": "2+2?"}],
        "system": "be brief",
        "thinking": {"type": "adaptive"},
    }


def test_an_older_version_with_temperature_reaches_the_wire(wire):
    settings = settings_for(
        "messages", wire.url, api_version="2023-06-01", params={"temperature": 0}, betas=["b-1"]
    )

    ask(settings)

    [seen] = wire.requests
    assert seen.headers["anthropic-version"] == "2023-06-01"
    assert seen.headers["anthropic-beta"] == "b-1"
    assert seen.body["temperature"] == 0


def test_answers_longer_than_the_sdk_would_allow_can_be_asked_for(wire):
    """The SDK refuses max_tokens above 21,333 unless a timeout is given."""
    completion = ask(settings_for("messages", wire.url, max_output_tokens=64_000))

    assert completion.text == "echo: 2+2?"


@pytest.mark.parametrize(
    ("reason", "status", "stop_reason"),
    [
        ("end_turn", OK, "complete"),
        ("stop_sequence", OK, "complete"),
        ("max_tokens", TRUNCATED, "truncated"),
        ("model_context_window_exceeded", TRUNCATED, "context_exceeded"),
        ("pause_turn", TRUNCATED, "paused"),
        ("refusal", REFUSED, "refused"),
        ("tool_use", OK, "other:tool_use"),
        ("brand_new", OK, "other:brand_new"),
    ],
)
def test_stop_reasons_are_mapped(wire, reason, status, stop_reason):
    """A14, A15, A16."""
    wire.reply(Reply(body=message_body(reason=reason)))

    completion = ask(settings_for("messages", wire.url))

    assert (completion.status, completion.stop_reason) == (status, stop_reason)
    assert completion.text == "4"


def test_every_stop_reason_of_the_sdk_is_known():
    from typing import get_args

    from anthropic.types.stop_reason import StopReason

    from evalrunner.providers.anthropic import _STOPS

    assert set(get_args(StopReason)) - set(_STOPS) == {"tool_use"}


def test_a_refusal_without_content_has_no_text(wire):
    """A14."""
    details = {"category": "cyber", "explanation": "no"}
    wire.reply(Reply(body=message_body(None, reason="refusal", stop_details=details)))

    completion = ask(settings_for("messages", wire.url))

    assert (completion.status, completion.text) == (REFUSED, None)
    assert b"cyber" in completion.raw


def test_thinking_is_never_part_of_the_answer(wire):
    blocks = [
        {"type": "thinking", "thinking": "hm", "signature": "s"},
        {"type": "redacted_thinking", "data": "x"},
        {"type": "text", "text": "4"},
    ]
    wire.reply(Reply(body=message_body(content=blocks)))

    assert ask(settings_for("messages", wire.url)).text == "4"


def test_thinking_alone_is_no_text(wire):
    """A15."""
    blocks = [{"type": "thinking", "thinking": "hm", "signature": "s"}]
    wire.reply(Reply(body=message_body(content=blocks, reason="max_tokens")))

    completion = ask(settings_for("messages", wire.url))

    assert (completion.text, completion.status) == (None, TRUNCATED)


def test_unknown_blocks_are_kept_raw_and_noted_once(wire, caplog):
    """A16."""
    blocks = [{"type": "mystery_a16", "x": 1}, {"type": "text", "text": "4"}]
    wire.reply(*[Reply(body=message_body(content=blocks))] * 2)

    first = ask(settings_for("messages", wire.url))
    ask(settings_for("messages", wire.url))

    assert first.text == "4"
    assert b"mystery_a16" in first.raw
    assert caplog.text.count("mystery_a16") == 1


def test_usage_classes_are_taken_over_unmixed(wire):
    usage = {
        "input_tokens": 500,
        "cache_read_input_tokens": 300,
        "cache_creation_input_tokens": 200,
        "cache_creation": {"ephemeral_5m_input_tokens": 150, "ephemeral_1h_input_tokens": 50},
        "output_tokens": 90,
        "output_tokens_details": {"thinking_tokens": 60},
    }
    wire.reply(Reply(body=message_body(usage=usage)))

    counted = ask(settings_for("messages", wire.url)).usage

    assert counted == Usage(
        input_tokens=500,
        cache_read_tokens=300,
        cache_write_5m_tokens=150,
        cache_write_1h_tokens=50,
        output_tokens=90,
        reasoning_tokens=60,
    )
    assert counted.total_input_tokens == 1000


def test_cache_writes_without_a_split_are_the_short_kind(wire):
    usage = {"input_tokens": 5, "cache_creation_input_tokens": 200, "output_tokens": 9}
    wire.reply(Reply(body=message_body(usage=usage)))

    counted = ask(settings_for("messages", wire.url)).usage

    assert (counted.cache_write_5m_tokens, counted.cache_write_1h_tokens) == (200, 0)


@pytest.mark.parametrize(
    ("fields", "tier"),
    [
        ({"service_tier": "priority"}, "priority"),
        ({"service_tier": "standard", "speed": "fast"}, "fast"),
        ({"service_tier": "batch", "speed": "standard"}, "batch"),
        ({}, None),
    ],
)
def test_what_sets_the_price_is_reported_as_the_tier(wire, fields, tier):
    usage = {"input_tokens": 5, "output_tokens": 9, **fields}
    wire.reply(Reply(body=message_body(usage=usage)))

    assert ask(settings_for("messages", wire.url)).service_tier == tier


def test_a_missing_key_on_loopback_does_not_send_another(wire, monkeypatch):
    """Without a key of ours the SDK would go and find one, and send it."""
    monkeypatch.setenv("ANTHROPIC_AUTH_TOKEN", "somebody-else's")

    completion = ask(settings_for("messages", wire.url), api_key=None)

    assert completion.text == "echo: 2+2?"


def test_headers_from_the_environment_stay_at_home(wire, monkeypatch):
    """They would change answers outside the cache key."""
    headers = "x-gateway: 1\nAnthropic-Beta: sneaky\nanthropic-version: 1999-01-01"
    monkeypatch.setenv("ANTHROPIC_CUSTOM_HEADERS", headers)

    ask(settings_for("messages", wire.url, betas=["b-1"]))

    [seen] = wire.requests
    assert "x-gateway" not in seen.headers
    assert seen.headers["anthropic-beta"] == "b-1"
    assert seen.headers["anthropic-version"] == "2026-10-21"
    assert seen.authorized


CLOUDS = {
    "bedrock": ({"aws_region": "eu-west-1"}, "/model/claude-opus-5-5/invoke"),
    "bedrock_mantle": ({"aws_region": "eu-west-1"}, "/v1/messages"),
    "vertex": (
        {"region": "eu", "project_id": "p"},
        "/projects/p/locations/eu/publishers/anthropic/models/claude-opus-5-5:rawPredict",
    ),
    "aws": ({"aws_region": "eu-west-1", "workspace_id": "w"}, "/v1/messages"),
    "google_cloud": ({}, "/v1/messages"),
    "foundry": ({}, "/v1/messages"),
}


@pytest.mark.parametrize("client", CLOUDS)
def test_every_cloud_client_answers_on_a_base_url_of_ones_own(wire, client):
    options, path = CLOUDS[client]

    completion = ask(settings_for("messages", wire.url, client=client, client_options=options))

    [seen] = wire.requests
    assert completion.text == "echo: 2+2?"
    assert seen.path == path
    assert seen.authorized


def test_bedrock_has_version_and_betas_in_the_body(wire):
    options = {"aws_region": "eu-west-1"}

    ask(
        settings_for(
            "messages",
            wire.url,
            client="bedrock",
            client_options=options,
            api_version="2023-06-01",
            betas=["b-1"],
        )
    )

    body = wire.requests[0].body
    assert (body["anthropic_version"], body["anthropic_beta"]) == ("2023-06-01", ["b-1"])


OWN_HOSTS = pytest.mark.parametrize(
    ("client", "options", "origin"),
    [
        ("bedrock", {"aws_region": "eu-west-1"},
         "https://bedrock-runtime.eu-west-1.amazonaws.com"),
        ("bedrock_mantle", {"aws_region": "eu-west-1"},
         "https://bedrock-mantle.eu-west-1.api.aws"),
        ("vertex", {"region": "global", "project_id": "p"}, "https://aiplatform.googleapis.com"),
        ("vertex", {"region": "europe-west4", "project_id": "p"},
         "https://europe-west4-aiplatform.googleapis.com"),
        ("vertex", {"region": "us", "project_id": "p"},
         "https://aiplatform.us.rep.googleapis.com"),
        ("aws", {"aws_region": "eu-west-1", "workspace_id": "w"},
         "https://aws-external-anthropic.eu-west-1.api.aws"),
        ("google_cloud", {"project": "p", "location": "l", "workspace_id": "w"},
         "https://claude.googleapis.com"),
        ("foundry", {"resource": "r"}, "https://r.services.ai.azure.com"),
    ],
)  # fmt: skip


@OWN_HOSTS
def test_a_clouds_base_url_follows_from_its_options(client, options, origin):
    settings = AnthropicSettings(
        provider="anthropic", name="m", client=client, client_options=options
    )

    assert request_for(settings).origin == origin


@OWN_HOSTS
def test_the_sdks_client_calls_what_the_plan_shows(client, options, origin):
    """No request is sent: the client alone says where it would go."""
    settings = AnthropicSettings(
        provider="anthropic", name="m", client=client, client_options=options
    )

    called = base_url_of(settings)

    assert called == endpoint_of(settings).base_url
    assert called.startswith(origin)
