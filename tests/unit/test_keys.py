"""Keys are found by name, checked without being shown, and bound to hosts."""

from __future__ import annotations

import json
import stat

import pytest

from evalrunner.errors import ConfigError, StoreError
from evalrunner.providers.anthropic import AnthropicSettings
from evalrunner.providers.keys import (
    check_key_host,
    find_key,
    key_name,
    key_problems,
    trust_host,
    trusted_hosts,
)
from evalrunner.providers.openai import OpenAISettings

OPENAI = OpenAISettings(provider="openai", name="gpt-6-luna")
CLAUDE = AnthropicSettings(provider="anthropic", name="claude-opus-5-5")
KEY = "sk-test-0123456789abcdefghij"


def environ(tmp_path, **values):
    return {"EVALRUNNER_CONFIG_DIR": str(tmp_path), **values}


@pytest.mark.parametrize("value", [KEY, f"{KEY}\n", f"  {KEY}\t", f'"{KEY}"', f"'{KEY}'\r\n"])
def test_blanks_and_quotes_around_a_key_are_stripped(value):
    """A22."""
    assert find_key(OPENAI, {"OPENAI_API_KEY": value}) == KEY


@pytest.mark.parametrize("value", ["", "   ", "\n", '""'])
def test_an_empty_key_is_none(value):
    assert find_key(OPENAI, {"OPENAI_API_KEY": value}) is None


def test_a_key_of_another_name_is_not_taken():
    settings = OpenAISettings(provider="openai", name="m", api_key_env="MY_KEY")

    assert find_key(settings, {"OPENAI_API_KEY": KEY}) is None


def test_no_key_is_looked_up_when_none_is_named():
    settings = OpenAISettings(provider="openai", name="m", api_key_env=None)

    assert find_key(settings, {"OPENAI_API_KEY": KEY}) is None


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("sk-secret half", "blank or a line break"),
        ("sk-secret\nhalf", "blank or a line break"),
        ("sk-secret\u2026half", "not printable ASCII"),
        ("sk-secret\x07half", "not printable ASCII"),
        ('sk-"secret"half', "quotation mark"),
        ("sk-ant-secret", "key for Anthropic"),
    ],
)
def test_what_cannot_be_the_key_is_refused_without_echo(value, message):
    """A22."""
    with pytest.raises(ConfigError, match=message) as caught:
        find_key(OPENAI, {"OPENAI_API_KEY": value})

    assert "OPENAI_API_KEY" in str(caught.value)
    assert "secret" not in str(caught.value) + repr(caught.value)


def test_a_key_for_openai_is_not_sent_to_anthropic():
    with pytest.raises(ConfigError, match="key for OpenAI"):
        find_key(CLAUDE, {"ANTHROPIC_API_KEY": "sk-proj-secret"})


@pytest.mark.parametrize(
    ("settings", "origin"),
    [
        (OPENAI, "https://api.openai.com"),
        (OPENAI, "https://eu.api.openai.com"),
        (OPENAI, "http://127.0.0.1:8000"),
        (OPENAI, "http://localhost:8000"),
        (OPENAI, "http://[::1]:8000"),
        (CLAUDE, "https://api.anthropic.com"),
    ],
)
def test_a_key_may_go_to_its_own_hosts_and_to_loopback(settings, origin):
    assert check_key_host(settings, origin, ()) is None


@pytest.mark.parametrize(
    ("settings", "origin"),
    [
        (OPENAI, "https://evil.example"),
        (OPENAI, "https://api.openai.com.evil.example"),
        (OPENAI, "https://notapi.openai.com.example"),
        (OPENAI, "https://xapi.openai.com"),
        (OPENAI, "https://api.anthropic.com"),
        (OPENAI, "https://x.openai.azure.com"),
        (OPENAI, "https://127.0.0.1.evil.example"),
        (CLAUDE, "https://api.openai.com"),
    ],
)
def test_a_key_goes_nowhere_else(settings, origin):
    problem = check_key_host(settings, origin, ())

    host = origin.removeprefix("https://")
    assert f"evalrunner trust {host} {settings.api_key_env}" in problem.hint


def test_another_providers_key_does_not_become_ones_own():
    settings = OpenAISettings(provider="openai", name="m", api_key_env="ANTHROPIC_API_KEY")

    assert check_key_host(settings, "https://api.openai.com", ()) is not None


def test_a_key_of_ones_own_naming_goes_to_the_providers_hosts():
    settings = OpenAISettings(provider="openai", name="m", api_key_env="WORK_OPENAI")

    assert check_key_host(settings, "https://api.openai.com", ()) is None


def test_a_key_does_not_travel_unencrypted_to_its_provider():
    problem = check_key_host(OPENAI, "http://api.openai.com", ())

    assert "unencrypted" in problem.what


def test_a_trusted_host_may_have_the_key():
    assert check_key_host(OPENAI, "http://gpu-box.lan:8000", {"gpu-box.lan"}) is None


@pytest.mark.parametrize(
    ("client", "options", "origin", "allowed"),
    [
        ("bedrock", {"aws_region": "eu-west-1"},
         "https://bedrock-runtime.eu-west-1.amazonaws.com", True),
        ("bedrock", {"aws_region": "eu-west-1"}, "https://evil.s3.amazonaws.com", False),
        ("vertex", {"region": "eu", "project_id": "p"},
         "https://aiplatform.eu.rep.googleapis.com", True),
        ("vertex", {"region": "eu", "project_id": "p"}, "https://storage.googleapis.com", False),
        ("foundry", {"resource": "r"}, "https://r.services.ai.azure.com", True),
        ("foundry", {"resource": "r"}, "https://r.azurewebsites.net", False),
        ("google_cloud", {"project": "p", "location": "l", "workspace_id": "w"},
         "https://claude.googleapis.com", True),
    ],
)  # fmt: skip
def test_cloud_credentials_go_to_that_cloud_only(client, options, origin, allowed):
    settings = AnthropicSettings(
        provider="anthropic", name="m", client=client, client_options=options
    )

    assert (check_key_host(settings, origin, ()) is None) is allowed


def test_ambient_cloud_credentials_have_a_name_to_trust_by():
    settings = AnthropicSettings(
        provider="anthropic",
        name="m",
        client="vertex",
        client_options={"region": "eu", "project_id": "p"},
        base_url="https://proxy.example",
    )

    assert key_name(settings) == "GOOGLE_CREDENTIALS"
    assert "trust proxy.example GOOGLE_CREDENTIALS" in key_problems(settings, {})[0].hint


def test_trust_is_kept_per_key_and_host(tmp_path):
    env = environ(tmp_path)

    trust_host("Gpu-Box.lan", "MY_KEY", env)
    trust_host("other.lan", "MY_KEY", env)

    assert trusted_hosts("MY_KEY", env) == {"gpu-box.lan", "other.lan"}
    assert trusted_hosts("OPENAI_API_KEY", env) == frozenset()
    assert json.loads((tmp_path / "trust.json").read_text()) == {
        "MY_KEY": ["gpu-box.lan", "other.lan"]
    }


def test_the_trust_file_is_the_users_own(tmp_path):
    path = trust_host("host.lan", "MY_KEY", environ(tmp_path / "new"))

    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [file.name for file in path.parent.iterdir()] == ["trust.json"]


@pytest.mark.parametrize("host", ["https://host", "host/path", "", "a b", "user@host"])
def test_only_host_names_can_be_trusted(host, tmp_path):
    with pytest.raises(ConfigError, match="no host name"):
        trust_host(host, "MY_KEY", environ(tmp_path))


def test_a_key_typed_as_a_key_name_is_not_echoed(tmp_path):
    with pytest.raises(ConfigError, match="never give the key itself") as caught:
        trust_host("host.lan", KEY, environ(tmp_path))

    assert KEY not in str(caught.value)


@pytest.mark.parametrize("text", ["{", "[]", '{"K": "host"}', '{"K": [1]}', "\x00"])
def test_a_broken_trust_file_is_named_and_nothing_is_trusted(tmp_path, text):
    (tmp_path / "trust.json").write_text(text)

    with pytest.raises(ConfigError, match=r"trust\.json"):
        trusted_hosts("K", environ(tmp_path))


def test_a_directory_that_cannot_be_made_is_a_store_error(tmp_path):
    (tmp_path / "file").write_text("")

    with pytest.raises(StoreError, match=r"cannot write .*trust\.json"):
        trust_host("host.lan", "MY_KEY", environ(tmp_path / "file" / "below"))


def test_without_an_override_trust_is_kept_in_the_users_config_directory(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("EVALRUNNER_CONFIG_DIR")

    path = trust_host("host.lan", "MY_KEY")

    assert path.is_relative_to(tmp_path)
    assert path.parts[-2:] == ("evalrunner", "trust.json")
    assert trusted_hosts("MY_KEY") == {"host.lan"}


def test_a_missing_key_is_a_problem_only_where_it_is_needed(tmp_path):
    local = OpenAISettings(provider="openai", name="m", base_url="http://127.0.0.1:1/v1")
    keyless = OpenAISettings(
        provider="openai", name="m", base_url="http://gpu.lan/v1", api_key_env=None
    )
    vertex = AnthropicSettings(
        provider="anthropic",
        name="m",
        client="vertex",
        client_options={"region": "eu", "project_id": "p"},
    )
    env = environ(tmp_path)

    assert "OPENAI_API_KEY is not set" in key_problems(OPENAI, env)[0].what
    assert key_problems(local, env) == []
    assert key_problems(keyless, env) == []
    assert key_problems(vertex, env) == []


def test_all_key_problems_come_together(tmp_path):
    settings = OpenAISettings(provider="openai", name="m", base_url="https://evil.example/v1")

    problems = key_problems(settings, environ(tmp_path))

    assert len(problems) == 2
    assert problems[0].where == "model.base_url"


def test_a_variables_base_url_is_checked_like_any_other(tmp_path):
    """A28."""
    env = environ(tmp_path, OPENAI_API_KEY=KEY, OPENAI_BASE_URL="https://evil.example/v1")

    problems = key_problems(OPENAI, env)

    assert problems[0].where == "environment variable OPENAI_BASE_URL"
    assert KEY not in str(problems[0])
    trust_host("evil.example", "OPENAI_API_KEY", env)
    assert key_problems(OPENAI, env) == []


def test_a_host_trusted_for_this_run_only_needs_no_file(tmp_path):
    env = environ(tmp_path, OPENAI_API_KEY=KEY, OPENAI_BASE_URL="https://proxy.example/v1")

    assert key_problems(OPENAI, env, trusted=["proxy.example"]) == []


def test_a_flawed_key_is_a_problem_like_any_other(tmp_path):
    problems = key_problems(OPENAI, environ(tmp_path, OPENAI_API_KEY="a b"))

    assert "blank" in problems[0].what
