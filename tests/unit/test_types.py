"""The nouns: identity of requests and prompts, usage classes, errors and marks."""

import dataclasses
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

import evalrunner
from evalrunner.decorators import role_of
from evalrunner.errors import ConfigError, EvalRunnerError, Problem, ProviderError
from evalrunner.types import (
    NEUTRAL_FIELDS,
    Case,
    Message,
    Prompt,
    Request,
    Usage,
    canonical_json,
    sha256_of,
    without_neutral,
)

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
BODY = {"model": "gpt-6-luna", "input": [{"role": "user", "content": "hi"}], "max_output_tokens": 9}


def request(**changes):
    values = {
        "provider": "openai",
        "model": "gpt-6-luna",
        "origin": "https://api.openai.com",
        "path": "/v1/responses",
        "body": BODY,
    }
    return Request.build(**(values | changes))


# --- canonical JSON ----------------------------------------


@given(JSON)
def test_canonical_json_reads_back_equal_and_is_ascii(value):
    text = canonical_json(value)

    assert json.loads(text) == value
    assert text.isascii()


@given(st.dictionaries(st.text(), st.integers(), min_size=2, max_size=5))
def test_order_of_keys_does_not_change_the_hash(mapping):
    assert sha256_of(mapping) == sha256_of(dict(reversed(mapping.items())))


def test_hash_is_that_of_the_compact_text():
    """Golden: printf '{"a":1}' | sha256sum."""
    assert sha256_of({"a": 1}) == "015abd7f5cc57a2dd94b7590f04ad8084273905ee33ec5cebeae62276a97f862"


@pytest.mark.parametrize("value", [float("nan"), [float("inf")], {"a": -float("inf")}])
def test_numbers_that_json_does_not_have_are_refused(value):
    with pytest.raises(ValueError, match="not JSON compliant"):
        canonical_json(value)


# --- requests ----------------------------------------


def test_equal_requests_have_equal_keys():
    assert request().key == request(body=dict(reversed(BODY.items()))).key


@pytest.mark.parametrize(
    "changes",
    [
        {"provider": "anthropic"},
        {"origin": "http://127.0.0.1:8000"},
        {"path": "/v1/chat/completions"},
        {"sample": 1},
        {"headers": {"anthropic-version": "2026-10-21"}},
        {"body": BODY | {"model": "gpt-6-sol"}},
        {"body": BODY | {"max_output_tokens": 10}},
        {"body": BODY | {"field_of_next_year": 0}},
        {"body": BODY | {"input": "hi "}},
    ],
)
def test_whatever_may_change_the_answer_changes_the_key(changes):
    assert request(**changes).key != request().key


@pytest.mark.parametrize("name", sorted(NEUTRAL_FIELDS))
def test_fields_of_billing_and_keeping_are_not_in_the_key(name):
    assert request(body=BODY | {name: "anything"}).key == request().key


def test_cache_marks_are_not_in_the_key_at_any_depth():
    marked = {"role": "user", "content": "hi", "cache_control": {"type": "ephemeral"}}

    assert request(body=BODY | {"input": [marked]}).key == request().key
    assert without_neutral({"a": [{"b": {"cache_control": 1, "user": 2}}], "user": 3}) == {
        "a": [{"b": {"user": 2}}]
    }


def test_prompt_and_case_are_not_in_the_key():
    prompt = Prompt(system=None, messages=(Message(role="user", content="x"),))
    case = Case(id="a", fields={"id": "a", "input": 1}, sha256="0")

    assert request(prompt=prompt, case=case).key == request().key


def test_request_is_not_changed_by_building_its_key():
    body = {"input": "hi", "user": "u"}

    assert request(body=body).body == {"input": "hi", "user": "u"}


# --- prompts, cases, usage ----------------------------------------


def test_prompt_text_is_the_last_turn():
    turns = (Message(role="user", content="a"), Message(role="user", content=[{"b": 1}]))

    assert Prompt(system="s", messages=turns).text == '[{"b":1}]'
    assert Prompt(system="s", messages=turns[:1]).text == "a"


def test_prompt_hash_tells_system_from_user():
    hi, empty = Message(role="user", content="hi"), Message(role="user", content="")
    hashes = {
        Prompt(system=system, messages=messages).sha256
        for system, messages in ((None, (hi,)), ("hi", (empty,)), ("", (hi,)), (None, (hi, empty)))
    }

    assert len(hashes) == 4


def test_lone_surrogate_has_a_hash():
    """A20: it is found before sending, not by a crash of the hash."""
    assert len(Prompt(system=None, messages=(Message(role="user", content="\ud800"),)).sha256) == 64


def test_total_input_counts_every_class_once_and_no_thinking():
    usage = Usage(
        input_tokens=1,
        cache_read_tokens=10,
        cache_write_5m_tokens=100,
        cache_write_1h_tokens=1000,
        output_tokens=7,
        reasoning_tokens=5,
    )

    assert usage.total_input_tokens == 1111


def test_values_are_frozen():
    with pytest.raises(dataclasses.FrozenInstanceError):
        Usage().input_tokens = 1


# --- errors ----------------------------------------


def test_problem_reads_where_what_and_what_next():
    assert str(Problem(where="conf/a.yaml: x", what="is wrong", hint="x=1")) == (
        "conf/a.yaml: x: is wrong\n    x=1"
    )
    assert str(Problem(where="", what="is wrong")) == "is wrong"


def test_config_error_holds_every_problem():
    problems = [Problem(where=name, what="is wrong") for name in "ab"]

    assert ConfigError(problems).problems == tuple(problems)
    assert ConfigError(problems[0]).problems == (problems[0],)
    assert str(ConfigError(iter(problems))) == "a: is wrong\nb: is wrong"


def test_every_expected_error_has_an_exit_code_of_the_command_line():
    def below(kind):
        return {kind}.union(*(below(each) for each in kind.__subclasses__()))

    assert {kind.exit_code for kind in below(EvalRunnerError)} <= {2, 4, 5}
    assert ProviderError in below(EvalRunnerError)


# --- decorators ----------------------------------------


def test_decorators_mark_and_leave_the_function_as_it_is():
    def plain(output):
        return output

    marked = evalrunner.scorer(plain)

    assert marked is plain
    assert marked("x") == "x"
    assert role_of(marked) == "scorer"
    assert role_of(evalrunner.model(lambda prompt: prompt)) == "model"
    assert role_of(len) is None
