"""What the settings of API models refuse before anything is spent."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from pydantic import ValidationError

from evalrunner.providers.anthropic import API_VERSION, AnthropicSettings
from evalrunner.providers.openai import OpenAISettings

LOOKS_LIKE_A_KEY = [
    "sk-proj-abcdefghijklmnop0123",
    "sk-ant-REDACTED",
    "0123456789abcdef0123456789abcdef",
    "Bearer abcdefgh12345678",
]


def openai_settings(**values):
    return OpenAISettings(**{"provider": "openai", "name": "gpt-6-luna", **values})


def anthropic_settings(**values):
    return AnthropicSettings(**{"provider": "anthropic", "name": "claude-opus-5-5", **values})


def test_each_provider_names_its_own_key_by_default():
    assert openai_settings().api_key_env == "OPENAI_API_KEY"
    assert anthropic_settings().api_key_env == "ANTHROPIC_API_KEY"


def test_a_cloud_client_names_its_own_key_by_default():
    options = {"azure_endpoint": "https://x.openai.azure.com", "api_version": "2026-10-01"}

    azure = openai_settings(client="azure", client_options=options)

    assert azure.api_key_env == "AZURE_OPENAI_API_KEY"


def test_an_explicit_null_key_stays_null():
    assert openai_settings(api_key_env=None).api_key_env is None


@pytest.mark.parametrize("key", LOOKS_LIKE_A_KEY)
def test_a_key_in_place_of_its_name_is_refused_without_echo(key):
    """A22."""
    with pytest.raises(ValidationError, match="looks like a key") as caught:
        openai_settings(api_key_env=key)

    assert key not in str(caught.value)
    assert key not in repr(caught.value)


@pytest.mark.parametrize("name", ["", "MY KEY", "1KEY", "KEY-NAME", "${OPENAI_API_KEY}"])
def test_what_is_no_variable_name_is_refused(name):
    with pytest.raises(ValidationError, match="name of an environment variable"):
        openai_settings(api_key_env=name)


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("ftp://host/v1", "must look like"),
        ("host:8000/v1", "must look like"),
        ("https://", "must look like"),
        ("https://user:pw@host/v1", "user name or password"),
        ("http://127.0.0.1@example.com/v1", "user name or password"),
        ("http://127.0.0.1\\@example.com/v1", "backslash"),
        ("https://host/v1?key=1", "query"),
        ("https://host/v1#x", "fragment"),
        ("https://host:99999/v1", "port"),
        ("https://ho st/v1", "blank"),
    ],
)
def test_a_base_url_that_is_none_or_holds_a_secret_is_refused(url, message):
    with pytest.raises(ValidationError, match=message) as caught:
        openai_settings(base_url=url)

    assert "pw" not in str(caught.value)


def test_base_url_and_its_variable_exclude_each_other():
    with pytest.raises(ValidationError, match="not both"):
        openai_settings(base_url="https://host/v1", base_url_env="MY_URL")


@pytest.mark.parametrize(
    "name", ["model", "input", "messages", "stream", "store", "n", "max_output_tokens"]
)
def test_params_cannot_override_what_the_plan_decides(name):
    with pytest.raises(ValidationError, match=f"'{name}' cannot be set here"):
        openai_settings(params={name: 1})


@pytest.mark.parametrize("name", ["model", "messages", "stream", "system", "max_tokens"])
def test_params_of_claude_cannot_override_what_the_plan_decides(name):
    with pytest.raises(ValidationError, match=f"'{name}' cannot be set here"):
        anthropic_settings(params={name: 1})


@pytest.mark.parametrize("value", [float("nan"), float("inf"), object()])
def test_params_that_are_no_json_are_refused(value):
    with pytest.raises(ValidationError, match="plain JSON"):
        openai_settings(params={"top_p": value})


@pytest.mark.parametrize("name", ["temperature", "top_p", "top_k"])
def test_sampling_parameters_that_claude_refuses_name_the_way_out(name):
    with pytest.raises(ValidationError, match='api_version: "2023-06-01"'):
        anthropic_settings(params={name: 1})


def test_older_claude_versions_take_sampling_parameters():
    settings = anthropic_settings(params={"temperature": 0}, api_version="2023-06-01")

    assert settings.params == {"temperature": 0}


def test_the_default_api_version_is_the_sdks():
    from anthropic._constants import ANTHROPIC_API_VERSION

    assert API_VERSION == ANTHROPIC_API_VERSION


def test_an_api_version_must_be_a_date():
    with pytest.raises(ValidationError, match="api_version"):
        anthropic_settings(api_version="latest")


def test_a_claude_base_url_with_the_version_in_it_is_refused():
    with pytest.raises(ValidationError, match="leave /v1 out"):
        anthropic_settings(base_url="https://proxy.example/v1/")


@pytest.mark.parametrize(
    ("client", "options", "message"),
    [
        ("gcp", {}, "no client 'gcp'.*azure, bedrock, vertex"),
        ("azure", {"api_version": "1"}, "needs client_options.azure_endpoint"),
        ("azure", {"azure_endpoint": "https://x.openai.azure.com"}, "client_options.api_version"),
        ("bedrock", {"aws_region": "eu-west-1", "http_client": "x"}, "no 'http_client'"),
        ("bedrock", {"aws_region": 3}, "must be text"),
        ("bedrock", {"aws_region": "evil.example/#"}, "letters, digits"),
        (None, {"aws_region": "eu-west-1"}, "no 'aws_region'; there are: none"),
    ],
)
def test_client_options_are_checked_against_the_allow_list(client, options, message):
    with pytest.raises(ValidationError, match=message):
        openai_settings(client=client, client_options=options)


def test_an_option_that_makes_the_url_excludes_a_base_url():
    with pytest.raises(
        ValidationError, match=r"client_options\.resource or the base URL, not both"
    ):
        anthropic_settings(
            client="foundry", client_options={"resource": "x"}, base_url="http://127.0.0.1:1"
        )


CONF = Path(__file__).parents[2] / "conf" / "model"
SHIPPED = {
    "claude_haiku_5_5": AnthropicSettings,
    "claude_opus_5_5": AnthropicSettings,
    "claude_sonnet_5_5": AnthropicSettings,
    "gpt_6_1_sol": OpenAISettings,
    "gpt_6_1_terra": OpenAISettings,
    "gpt_6_luna": OpenAISettings,
    "local_openai_compatible": OpenAISettings,
}


@pytest.mark.parametrize("name", SHIPPED)
def test_every_shipped_api_model_is_valid_and_says_how_to_use_it(name):
    text = (CONF / f"{name}.yaml").read_text(encoding="utf-8")

    settings = SHIPPED[name](**yaml.safe_load(text))

    assert text.startswith(f"# evalrunner run model={name}")
    assert settings.label
