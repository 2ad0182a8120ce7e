"""The real OpenAI SDK over real HTTP: both APIs, every stop reason, every usage class."""

from __future__ import annotations

import pytest
from wire_models import KEY, ask, base_url_of, settings_for
from wire_server import Reply, chat_body, response_body

from evalrunner.providers.openai import OpenAISettings
from evalrunner.providers.sdk import endpoint_of
from evalrunner.types import Status, Usage

OK, REFUSED, TRUNCATED = Status.OK, Status.REFUSED, Status.TRUNCATED


def message(*parts, **fields):
    return {"type": "message", "role": "assistant", "content": list(parts), **fields}


def text(value):
    return {"type": "output_text", "text": value, "annotations": []}


def incomplete(reason):
    return response_body(status="incomplete", incomplete_details={"reason": reason})


@pytest.mark.parametrize("api", ["responses", "chat"])
def test_an_answer_comes_back_with_everything_around_it(wire, api):
    completion = ask(settings_for(api, wire.url), system="be brief")

    assert completion.text == "echo: 2+2?"
    assert completion.status is OK
    assert completion.stop_reason == "complete"
    assert completion.usage == Usage(input_tokens=12, output_tokens=3)
    assert completion.served_model == "gpt-6-luna-2026-09-01"
    assert completion.request_id == f"req_{api}"
    assert completion.service_tier == "default"
    assert 0 < completion.latency_s < 10
    assert completion.started_at > 1.7e9
    assert completion.raw.startswith(b'{"id"')


def test_the_body_on_the_wire_is_the_requests(wire):
    settings = settings_for("responses", wire.url, params={"reasoning": {"effort": "low"}})

    ask(settings, system="be brief")

    [seen] = wire.requests
    assert seen.path == "/v1/responses"
    assert seen.authorized
    assert seen.body == {
        "model": "gpt-6-luna",
        "input": [{"role": "user", "content": "2+2?"}],
        "instructions": "be brief",
        "max_output_tokens": 1024,
        "reasoning": {"effort": "low"},
        "store": False,
    }


def test_structured_output_reaches_both_apis(wire):
    schema = {"type": "object"}

    ask(settings_for("responses", wire.url), schema=schema)
    ask(settings_for("chat", wire.url), schema=schema)

    first, second = wire.requests
    assert first.body["text"]["format"]["schema"] == schema
    assert second.body["response_format"]["json_schema"]["schema"] == schema


@pytest.mark.parametrize(
    ("body", "status", "stop_reason", "answer"),
    [
        (chat_body(reason="stop"), OK, "complete", "4"),
        (chat_body(reason="length"), TRUNCATED, "truncated", "4"),
        (chat_body(reason="content_filter"), REFUSED, "filtered", "4"),
        (chat_body(None, reason="content_filter"), REFUSED, "filtered", None),
        (chat_body(None, reason="tool_calls"), OK, "other:tool_calls", None),
        (chat_body(None, reason="function_call"), OK, "other:function_call", None),
        (chat_body(reason="brand_new"), OK, "other:brand_new", "4"),
        (chat_body(None, reason="length"), TRUNCATED, "truncated", None),
    ],
)
def test_stop_reasons_of_chat(wire, body, status, stop_reason, answer):
    """A14, A15, A16."""
    wire.reply(Reply(body=body))

    completion = ask(settings_for("chat", wire.url))

    assert (completion.status, completion.stop_reason) == (status, stop_reason)
    assert completion.text == answer


def test_a_refusal_in_chat_is_refused_with_its_words(wire):
    """A14."""
    choice = {"message": {"content": None, "refusal": "I can't."}, "finish_reason": "stop"}
    wire.reply(Reply(body=chat_body(choices=[choice])))

    completion = ask(settings_for("chat", wire.url))

    assert (completion.status, completion.stop_reason) == (REFUSED, "refused")
    assert completion.text == "I can't."


@pytest.mark.parametrize(
    ("body", "status", "stop_reason"),
    [
        (response_body(), OK, "complete"),
        (incomplete("max_output_tokens"), TRUNCATED, "truncated"),
        (incomplete("content_filter"), REFUSED, "filtered"),
        (incomplete("max_messages"), TRUNCATED, "other:max_messages"),
        (incomplete("steered"), TRUNCATED, "other:steered"),
        (incomplete("brand_new"), TRUNCATED, "other:brand_new"),
        (response_body(status="brand_new"), OK, "other:brand_new"),
    ],
)
def test_stop_reasons_of_responses(wire, body, status, stop_reason):
    """A14, A15, A16: what says of itself that it is incomplete is never taken for whole."""
    wire.reply(Reply(body=body))

    completion = ask(settings_for("responses", wire.url))

    assert (completion.status, completion.stop_reason, completion.text) == (
        status,
        stop_reason,
        "4",
    )


def test_a_refusal_part_is_refused_with_its_words(wire):
    """A14."""
    output = [message({"type": "refusal", "refusal": "I can't."})]
    wire.reply(Reply(body=response_body(output=output)))

    completion = ask(settings_for("responses", wire.url))

    assert (completion.status, completion.text) == (REFUSED, "I can't.")


@pytest.mark.parametrize("phase", ["final_answer", None])
def test_only_the_final_answer_counts(wire, phase):
    """A17."""
    output = [
        {"type": "reasoning", "summary": []},
        message(text("Let me think... "), phase="commentary"),
        message(text("4"), text("2"), phase=phase),
    ]
    wire.reply(Reply(body=response_body(output=output)))

    completion = ask(settings_for("responses", wire.url))

    assert completion.text == "42"
    assert b"Let me think" in completion.raw


def test_reasoning_alone_is_no_text(wire):
    """A15."""
    output = [{"type": "reasoning", "summary": []}]
    details = {"reason": "max_output_tokens"}
    body = response_body(status="incomplete", incomplete_details=details, output=output)
    wire.reply(Reply(body=body))

    completion = ask(settings_for("responses", wire.url))

    assert (completion.text, completion.status) == (None, TRUNCATED)


def test_unknown_parts_are_kept_out_of_the_text_and_noted_once(wire, caplog):
    """A16."""
    output = [message({"type": "hologram_a16"}, text("4")), {"type": "mystery", "x": 1}]
    wire.reply(*[Reply(body=response_body(output=output))] * 2)

    first = ask(settings_for("responses", wire.url))
    ask(settings_for("responses", wire.url))

    assert first.text == "4"
    assert b"hologram_a16" in first.raw
    assert caplog.text.count("hologram_a16") == 1


RESPONSE_USAGE = {
    "input_tokens": 1000,
    "input_tokens_details": {
        "cached_tokens": 300,
        "cache_write_tokens": 200,
        "cache_write_tokens_details": {"ttl_30m_tokens": 150, "ttl_12h_tokens": 50},
    },
    "output_tokens": 90,
    "output_tokens_details": {"reasoning_tokens": 60},
    "total_tokens": 1090,
}
CHAT_USAGE = {
    "prompt_tokens": 1000,
    "prompt_tokens_details": {"cached_tokens": 300, "cache_write_tokens": 200},
    "completion_tokens": 90,
    "completion_tokens_details": {"reasoning_tokens": 60},
    "total_tokens": 1090,
}


def test_response_usage_is_split_into_disjoint_classes(wire):
    wire.reply(Reply(body=response_body(usage=RESPONSE_USAGE)))

    usage = ask(settings_for("responses", wire.url)).usage

    assert usage == Usage(
        input_tokens=500,
        cache_read_tokens=300,
        cache_write_5m_tokens=150,
        cache_write_1h_tokens=50,
        output_tokens=90,
        reasoning_tokens=60,
    )
    assert usage.total_input_tokens == 1000


def test_chat_usage_is_split_into_disjoint_classes(wire):
    wire.reply(Reply(body=chat_body(usage=CHAT_USAGE)))

    usage = ask(settings_for("chat", wire.url)).usage

    assert usage == Usage(
        input_tokens=500,
        cache_read_tokens=300,
        cache_write_5m_tokens=200,
        output_tokens=90,
        reasoning_tokens=60,
    )


def test_the_tier_that_served_is_reported(wire):
    wire.reply(Reply(body=response_body(service_tier="flex")))

    assert ask(settings_for("responses", wire.url)).service_tier == "flex"


def test_a_missing_key_is_fine_on_loopback(wire):
    completion = ask(settings_for("responses", wire.url), api_key=None)

    assert completion.text == "echo: 2+2?"


def test_headers_from_the_environment_stay_at_home(wire, monkeypatch):
    """They would change answers outside the cache key, or carry a gateway's secret."""
    headers = "x-gateway: 1\nAuthorization: Bearer gateway-secret\nopenai-beta: x"
    monkeypatch.setenv("OPENAI_CUSTOM_HEADERS", headers)
    monkeypatch.setenv("OPENAI_ORG_ID", "org-1")
    monkeypatch.setenv("OPENAI_PROJECT_ID", "proj-1")

    ask(settings_for("responses", wire.url))

    [seen] = wire.requests
    ours = {"x-gateway", "openai-beta", "openai-organization", "openai-project"}
    assert not ours & set(seen.headers)
    assert seen.authorized


@pytest.mark.parametrize("api", ["responses", "chat"])
def test_azure_gets_its_own_paths_and_version(wire, api):
    options = {"azure_endpoint": wire.url, "api_version": "2026-10-01"}

    completion = ask(settings_for(api, "", base_url=None, client="azure", client_options=options))

    [seen] = wire.requests
    paths = {
        "responses": "/openai/responses?api-version=2026-10-01",
        "chat": "/openai/deployments/gpt-6-luna/chat/completions?api-version=2026-10-01",
    }
    assert completion.text == "echo: 2+2?"
    assert seen.path == paths[api]
    assert seen.authorized


def test_vertex_takes_the_key_as_an_access_token(wire):
    completion = ask(settings_for("responses", wire.url, client="vertex"))

    assert completion.text == "echo: 2+2?"
    assert wire.requests[0].authorized


def test_bedrock_takes_a_bearer_key(wire):
    options = {"aws_region": "eu-west-1"}

    completion = ask(
        settings_for("responses", wire.url, client="bedrock", client_options=options), api_key=KEY
    )

    assert completion.text == "echo: 2+2?"
    assert wire.requests[0].authorized


@pytest.mark.parametrize(
    ("client", "options", "origin"),
    [
        (None, {}, "https://api.openai.com/v1"),
        (
            "azure",
            {"azure_endpoint": "https://x.openai.azure.com/", "api_version": "2026-10-01"},
            "https://x.openai.azure.com/openai",
        ),
        (
            "bedrock",
            {"aws_region": "eu-west-1"},
            "https://bedrock-mantle.eu-west-1.api.aws/openai/v1",
        ),
        (
            "vertex",
            {"project": "p", "location": "global"},
            "https://aiplatform.googleapis.com/v1/projects/p/locations/global/publishers/openai/v1",
        ),
    ],
)
def test_the_sdks_client_calls_what_the_plan_shows(client, options, origin):
    """No request is sent: the client alone says where it would go."""
    settings = OpenAISettings(provider="openai", name="m", client=client, client_options=options)

    assert base_url_of(settings) == endpoint_of(settings).base_url == origin
