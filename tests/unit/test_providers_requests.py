"""Requests and endpoints: pure, and the same whatever SDK is installed."""

from __future__ import annotations

import subprocess
import sys

import pytest
from wire_models import CASE, prompt, request_for, settings_for

from evalrunner.errors import ConfigError
from evalrunner.providers.anthropic import AnthropicSettings
from evalrunner.providers.openai import OpenAISettings, build_request
from evalrunner.providers.sdk import endpoint_of
from evalrunner.types import Message, Prompt

HOST = "http://127.0.0.1:1"
SCHEMA = {"type": "object", "properties": {"score": {"enum": [0, 1]}}}


def test_a_response_request_is_never_stored():
    request = request_for(settings_for("responses", HOST, max_output_tokens=7), system="be brief")

    assert request.body == {
        "model": "gpt-6-luna",
        "input": [{"role": "user", "content": "2+2?"}],
        "instructions": "be brief",
        "max_output_tokens": 7,
        "store": False,
    }
    assert (request.origin, request.path) == (HOST, "/v1/responses")


def test_a_chat_request_puts_the_system_prompt_first():
    request = request_for(settings_for("chat", HOST), system="be brief")

    assert request.body == {
        "model": "gpt-6-luna",
        "messages": [
            {"role": "system", "content": "be brief"},
            {"role": "user", "content": "2+2?"},
        ],
        "max_completion_tokens": 1024,
    }
    assert request.path == "/v1/chat/completions"


def test_chat_at_openai_itself_is_never_stored():
    settings = OpenAISettings(provider="openai", name="gpt-6-luna", api="chat")

    assert request_for(settings).body["store"] is False


def test_old_chat_servers_get_the_limit_they_know():
    request = request_for(settings_for("chat", HOST, params={"max_tokens": 9}))

    assert request.body["max_tokens"] == 9
    assert "max_completion_tokens" not in request.body


def test_a_message_request_carries_version_and_betas_as_headers():
    settings = settings_for("messages", HOST, betas=["a-1", "b-2"])

    request = request_for(settings, system="be brief")

    assert request.body == {
        "model": "claude-opus-5-5",
        "max_tokens": 1024,
        "messages": [{"role": "user", "content": "2+2?"}],
        "system": "be brief",
    }
    assert request.headers == {"anthropic-version": "2026-10-21", "anthropic-beta": "a-1,b-2"}
    assert request.path == "/v1/messages"


@pytest.mark.parametrize("api", ["responses", "chat", "messages"])
def test_no_system_prompt_leaves_no_field_behind(api):
    body = request_for(settings_for(api, HOST)).body

    assert not {"system", "instructions"} & set(body)


def test_a_schema_keeps_the_params_beside_it():
    settings = settings_for("responses", HOST, params={"text": {"verbosity": "low"}})

    text = request_for(settings, schema=SCHEMA).body["text"]

    form = {"type": "json_schema", "name": "answer", "schema": SCHEMA, "strict": True}
    assert text == {"verbosity": "low", "format": form}
    assert settings.params == {"text": {"verbosity": "low"}}


def test_a_schema_in_chat():
    form = request_for(settings_for("chat", HOST), schema=SCHEMA).body["response_format"]

    assert form["type"] == "json_schema"
    assert form["json_schema"] == {"name": "answer", "schema": SCHEMA, "strict": True}


def test_a_schema_for_claude_keeps_the_effort():
    settings = settings_for("messages", HOST, params={"output_config": {"effort": "low"}})

    output = request_for(settings, schema=SCHEMA).body["output_config"]

    assert output == {"effort": "low", "format": {"type": "json_schema", "schema": SCHEMA}}


def test_messages_with_parts_pass_through_unchanged():
    parts = [{"type": "text", "text": "hello"}]
    asked = Prompt(system=None, messages=(Message(role="user", content=parts),))

    request = build_request(settings_for("chat", HOST), asked, CASE, sample=0)

    assert request.body["messages"] == [{"role": "user", "content": parts}]


def test_repeats_have_keys_of_their_own():
    settings = settings_for("responses", HOST)

    assert request_for(settings, sample=0).key != request_for(settings, sample=1).key


def test_versions_and_betas_of_claude_are_in_the_key():
    plain = request_for(settings_for("messages", HOST))
    beta = request_for(settings_for("messages", HOST, betas=["x"]))
    old = request_for(settings_for("messages", HOST, api_version="2023-06-01"))

    assert len({plain.key, beta.key, old.key}) == 3


def test_the_base_url_comes_from_the_first_of_four_places(monkeypatch):
    """A28."""
    own = OpenAISettings(provider="openai", name="m")
    named = OpenAISettings(provider="openai", name="m", base_url_env="MY_URL")
    given = OpenAISettings(provider="openai", name="m", base_url="http://127.0.0.1:3/v1")

    assert endpoint_of(own).base_url == "https://api.openai.com/v1"
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:1/v1")
    monkeypatch.setenv("MY_URL", "http://127.0.0.1:2/v1/")

    assert endpoint_of(own).origin == "http://127.0.0.1:1"
    assert endpoint_of(named).base_url == "http://127.0.0.1:2/v1"
    assert endpoint_of(given).origin == "http://127.0.0.1:3"


def test_the_environments_base_url_is_in_the_request_and_its_key(monkeypatch):
    """A28."""
    settings = AnthropicSettings(provider="anthropic", name="m")
    before = request_for(settings)

    monkeypatch.setenv("ANTHROPIC_BASE_URL", "http://127.0.0.1:1")
    after = request_for(settings)

    assert before.origin == "https://api.anthropic.com"
    assert after.origin == "http://127.0.0.1:1"
    assert before.key != after.key


def test_an_unset_base_url_variable_is_named():
    settings = OpenAISettings(provider="openai", name="m", base_url_env="MY_URL")

    with pytest.raises(ConfigError, match="'MY_URL' is not set"):
        endpoint_of(settings, {})


def test_a_bad_base_url_in_the_environment_is_not_echoed():
    settings = OpenAISettings(provider="openai", name="m", base_url_env="MY_URL")

    with pytest.raises(ConfigError, match="user name or password") as caught:
        endpoint_of(settings, {"MY_URL": "https://user:hunter2@host/v1"})

    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("https://Host.Example:443/v1/", "https://host.example"),
        ("http://[::1]:80", "http://[::1]"),
        ("http://localhost:8000", "http://localhost:8000"),
    ],
)
def test_equal_servers_have_equal_origins(url, origin):
    settings = OpenAISettings(provider="openai", name="m", base_url=url)

    assert endpoint_of(settings).origin == origin


@pytest.mark.parametrize(
    ("host", "loopback"),
    [
        ("127.0.0.1", True),
        ("127.9.9.9", True),
        ("[::1]", True),
        ("localhost", True),
        ("2130706433", False),
        ("127.0.0.1.example.com", False),
        ("localhost.example.com", False),
        ("0.0.0.0", False),
    ],
)
def test_only_this_machine_is_loopback(host, loopback):
    settings = OpenAISettings(provider="openai", name="m", base_url=f"http://{host}/v1")

    assert endpoint_of(settings).is_loopback is loopback


def test_azure_requests_name_their_api_version():
    options = {"azure_endpoint": "https://x.openai.azure.com/", "api_version": "2026-10-01"}
    settings = OpenAISettings(provider="openai", name="dep", client="azure", client_options=options)

    request = request_for(settings)

    assert request.origin == "https://x.openai.azure.com"
    assert request.path == "/openai/responses?api-version=2026-10-01"


def test_bedrock_and_vertex_carry_the_version_in_the_body():
    settings = AnthropicSettings(
        provider="anthropic",
        name="m",
        client="bedrock",
        client_options={"aws_region": "eu-west-1"},
        api_version="2023-06-01",
    )

    request = request_for(settings)

    assert request.body["anthropic_version"] == "2023-06-01"
    assert request.headers == {}
    assert request.origin == "https://bedrock-runtime.eu-west-1.amazonaws.com"


def test_requests_are_built_without_any_sdk():
    code = (
        "import sys\n"
        "from evalrunner.providers import openai, anthropic, keys\n"
        "from evalrunner.types import Case, Message, Prompt\n"
        "p = Prompt(system=None, messages=(Message(role='user', content='x'),))\n"
        "c = Case(id='1', fields={}, sha256='')\n"
        "s = openai.OpenAISettings(provider='openai', name='m')\n"
        "openai.build_request(s, p, c, sample=0)\n"
        "a = anthropic.AnthropicSettings(provider='anthropic', name='m')\n"
        "r = anthropic.build_request(a, p, c, sample=0)\n"
        'anthropic.parse(r, b\'{"content": [], "stop_reason": "end_turn"}\')\n'
        "heavy = {'httpx2', 'aiohttp', 'platformdirs'}\n"
        "loaded = {m.split('.')[0] for m in sys.modules if not m.startswith('evalrunner')}\n"
        "print(sorted(loaded & (heavy | {'anthropic', 'openai'})))\n"
    )

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "[]"


def test_prompts_of_one_text_share_a_key():
    settings = settings_for("chat", HOST)

    first = build_request(settings, prompt("x"), CASE, sample=0)
    second = build_request(settings, prompt("x"), CASE, sample=0)

    assert first.key == second.key
