"""What is read out of raw bodies, whatever arrives."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from wire_models import APIS, module_of, request_for, settings_for
from wire_server import chat_body, message_body, response_body

from evalrunner.errors import ProviderError
from evalrunner.types import Completion, Status

HOST = "http://127.0.0.1:1"
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=8,
)
FIELDS = st.sampled_from(
    ["output", "content", "choices", "usage", "status", "error", "incomplete_details", "model",
     "stop_reason", "service_tier", "id"]
)  # fmt: skip


def parse(api, body):
    settings = settings_for(api, HOST)
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return module_of(settings).parse(request_for(settings), raw)


def outcome_of(api, raw):
    """A completion or a ProviderError; any other exception is a bug."""
    try:
        return parse(api, raw)
    except ProviderError as error:
        return error


NORMAL = {"responses": response_body, "chat": chat_body, "messages": message_body}


@given(st.sampled_from(APIS), st.dictionaries(FIELDS, JSON), st.booleans())
def test_any_json_gives_a_completion_or_a_provider_error(api, fields, damaged):
    body = {**NORMAL[api](), **fields} if damaged else fields
    raw = json.dumps(body).encode()

    outcome = outcome_of(api, raw)

    kept = outcome.raw if isinstance(outcome, Completion) else outcome.body
    assert kept == raw


@given(st.sampled_from(APIS), st.binary(max_size=60))
def test_any_bytes_give_a_completion_or_a_provider_error(api, raw):
    outcome = outcome_of(api, raw)

    assert isinstance(outcome, ProviderError)
    assert outcome.body == raw


@pytest.mark.parametrize("api", APIS)
def test_the_raw_body_is_kept_byte_for_byte(api):
    raw = json.dumps(NORMAL[api](), indent=3).encode()

    assert parse(api, raw).raw == raw


@pytest.mark.parametrize("api", APIS)
def test_strange_characters_survive(api):
    """A21."""
    text = "caf\u00e9 \x00 \ud83d \u202e \u2028 end"

    assert parse(api, NORMAL[api](text)).text == text


@pytest.mark.parametrize("api", APIS)
def test_an_empty_text_is_an_answer_and_no_text_is_none(api):
    assert parse(api, NORMAL[api]("")).text == ""
    assert parse(api, NORMAL[api](None)).text is None


def test_text_in_parts_is_joined():
    parts = [{"type": "text", "text": "4"}, {"type": "text", "text": "2"}]

    assert parse("chat", chat_body(parts)).text == "42"
    assert parse("messages", message_body(content=parts)).text == "42"


def test_messages_without_a_stop_reason_keep_their_text():
    completion = parse("chat", chat_body("4", reason=None))

    assert (completion.text, completion.stop_reason, completion.status) == ("4", None, Status.OK)


def test_a_response_without_a_status_is_complete():
    """Compatible servers leave it out."""
    body = response_body()
    del body["status"]

    assert parse("responses", body).stop_reason == "complete"


@pytest.mark.parametrize("status", ["cancelled", "queued", "in_progress"])
def test_a_response_that_is_not_done_is_no_answer(status):
    with pytest.raises(ProviderError, match=status):
        parse("responses", response_body(status=status))


def test_long_unknown_stop_reasons_are_cut():
    completion = parse("messages", message_body(reason="x" * 1000))

    assert completion.stop_reason == "other:" + "x" * 60


@pytest.mark.parametrize(
    "usage",
    [
        {"input_tokens": 5, "output_tokens": 3, "cache_creation_input_tokens": 4,
         "cache_creation": {"ephemeral_1h_input_tokens": 9}},
        {"input_tokens": 5, "output_tokens": 3,
         "output_tokens_details": {"thinking_tokens": 4}},
        {"input_tokens": True, "output_tokens": 3},
        {"input_tokens": 5.0, "output_tokens": 3},
        {"input_tokens": 5},
        [],
    ],
)  # fmt: skip
def test_usage_of_claude_that_makes_no_sense_is_unknown(usage):
    """A12."""
    assert parse("messages", message_body(usage=usage)).usage is None


@pytest.mark.parametrize(
    "usage",
    [
        {"input_tokens": 5, "output_tokens": 3, "input_tokens_details": {"cached_tokens": 6}},
        {"input_tokens": 5, "output_tokens": 3, "output_tokens_details": {"reasoning_tokens": 4}},
        {"input_tokens": "5", "output_tokens": 3},
        {"output_tokens": 3},
    ],
)
def test_usage_of_openai_that_makes_no_sense_is_unknown(usage):
    """A12."""
    assert parse("responses", response_body(usage=usage)).usage is None


def test_absent_details_count_as_nothing_cached():
    body = chat_body(
        usage={"prompt_tokens": 5, "completion_tokens": 3, "prompt_tokens_details": None}
    )
    usage = parse("chat", body).usage

    assert (usage.input_tokens, usage.cache_read_tokens, usage.output_tokens) == (5, 0, 3)


@pytest.mark.parametrize(
    ("api", "body", "detail"),
    [
        (
            "messages",
            message_body(None, reason="refusal", stop_details={"category": "bio"}),
            "bio",
        ),
        ("messages", message_body(None, reason="refusal", stop_details={"category": 7}), None),
        ("messages", message_body("4"), None),
        (
            "chat",
            chat_body(
                None,
                choices=[
                    {
                        "message": {"role": "assistant", "content": None},
                        "finish_reason": "content_filter",
                        "content_filter_results": {
                            "violence": {"filtered": True},
                            "hate": {"filtered": True},
                            "sexual": {"filtered": False},
                        },
                    }
                ],
            ),
            "hate, violence",
        ),
        ("chat", chat_body("4", reason="content_filter"), None),
        ("responses", response_body("4"), None),
    ],
)
def test_category_of_a_refusal_is_kept_where_the_provider_tells_it(api, body, detail):
    """A14."""
    assert parse(api, body).detail == detail
