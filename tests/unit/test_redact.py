"""The redactor: what it finds in which shape, and what it does not claim to find."""

import base64
import json
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalrunner.redact import REDACTED, Redactor

CANARY = 'c4n"ary\\k€y/+ 0123'


def redactor(**environ):
    return Redactor(environ)


@pytest.mark.parametrize(
    "name",
    ["OPENAI_API_KEY", "HF_TOKEN", "DB_PASSWORD", "my_secret", "AWS_CREDENTIALS", "Token"],
)
def test_values_of_secret_looking_variables_are_replaced(name):
    """F6."""
    found = redactor(**{name: "canary-value"}).text("before canary-value after")

    assert found == f"before {REDACTED} after"


def test_other_variables_are_left_alone():
    assert redactor(HOME="/home/somebody", LANG="en_US.UTF-8").text("/home/somebody") == (
        "/home/somebody"
    )


def test_short_values_are_no_secrets():
    """A key of seven characters would blank out half of every text."""
    assert redactor(API_KEY="1234567").text("1234567") == "1234567"
    assert redactor(API_KEY="  1234567  ").text("  1234567  ") == "  1234567  "
    assert redactor(API_KEY="").text("abc") == "abc"


@pytest.mark.parametrize(
    "written",
    [
        CANARY,
        json.dumps({"headers": [CANARY]}),
        json.dumps(CANARY, ensure_ascii=False),
        repr(CANARY),
        f"ValueError({CANARY!r})",
        f"https://x.test/?key={quote(CANARY, safe='')}",
        "https://x.test/?key=" + quote(CANARY, safe="").replace("%20", "+"),
        f"Authorization: Bearer {CANARY}",
        f"{CANARY}{CANARY}",
        f"line\n{CANARY}\nline",
    ],
)
def test_secret_is_found_in_every_usual_spelling(written):
    clean = redactor(SOME_KEY=CANARY).text(written)

    assert REDACTED in clean
    assert "c4n" not in clean
    assert "0123" not in clean


def test_value_with_a_line_break_is_found_stripped_too():
    """A22: the variable holds the key and a newline; what travels is the key."""
    clean = redactor(API_KEY="canary-value\n").text("Illegal header b'Bearer canary-value\\n'")

    assert "canary" not in clean


def test_longer_secret_is_replaced_whole():
    clean = redactor(A_KEY="abcdefgh", B_KEY="abcdefgh-ijkl").text("abcdefgh-ijkl")

    assert clean == REDACTED


@pytest.mark.parametrize(
    "text",
    [
        "sk-ant-api03-abcdefghijklmnop",
        "sk-proj-0123456789abcdef",
        "Incorrect API key provided: sk-abcdefghijklmnopqrst.",
        "Bearer eyJhbGciOiJIUzI1NiJ9.e30.abc",
        "rk-0123456789abcdefgh",
    ],
)
def test_what_looks_like_a_key_is_replaced_though_nobody_named_it(text):
    clean = redactor().text(text)

    assert REDACTED in clean
    assert "abc" not in clean
    assert "0123" not in clean


@pytest.mark.parametrize(
    "text", ["task-list-of-many-items-here", "sk-short", "disk-0123456789abcdef0"]
)
def test_words_that_only_resemble_keys_stay(text):
    assert redactor().text(text) == text


def test_secret_in_the_configuration_is_noticed():
    """D3, D13."""
    found = redactor(API_KEY="canary-value")

    assert found.holds_secret("url?key=canary-value")
    assert found.holds_secret(json.dumps("canary-value"))
    assert not found.holds_secret("url?key=API_KEY")


def test_other_encodings_are_not_covered():
    """Documented: whoever encodes a key has to redact it first."""
    encoded = base64.b64encode(b"canary-value").decode()

    assert redactor(API_KEY="canary-value").text(encoded) == encoded


def test_environment_of_the_process_is_the_default(monkeypatch):
    monkeypatch.setenv("CANARY_TOKEN", "canary-value")

    assert Redactor().text("canary-value") == REDACTED


@given(st.text(min_size=8), st.text(), st.text())
def test_secret_never_survives_wherever_it_stands(secret, before, after):
    """Blanks around a secret belong to it or not; what is inside never stays."""
    core = secret.strip()
    clean = redactor(API_KEY=secret).text(before + secret + after)

    if len(core) >= 8 and core not in REDACTED + before + after:
        assert core not in clean.replace(REDACTED, "\x00")


def test_bytes_that_are_no_text_in_the_environment_are_no_trouble():
    assert redactor(API_KEY="caf\udce9-value").text("x caf\udce9-value") == f"x {REDACTED}"
