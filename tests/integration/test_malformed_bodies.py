"""Answers with status 200 that are none: an error each, never a completion, never cached."""

from __future__ import annotations

import pytest
from wire_models import APIS, KEY, ask, settings_for
from wire_server import Reply, chat_body, message_body, response_body

from evalrunner.errors import FailureKind, ProviderError
from evalrunner.types import Status

BODY = {"responses": response_body, "chat": chat_body, "messages": message_body}
COUNTS = {
    "responses": ("input_tokens", "output_tokens"),
    "chat": ("prompt_tokens", "completion_tokens"),
    "messages": ("input_tokens", "output_tokens"),
}


def failure(wire, api, body, **reply):
    wire.reply(Reply(body=body, **reply))
    with pytest.raises(ProviderError) as caught:
        ask(settings_for(api, wire.url))
    return caught.value


@pytest.mark.parametrize("api", APIS)
@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b"<html>Please log in</html>", "text/html"),
        (b"<html>Please log in</html>", "application/json"),
        (b"null", "application/json"),
        (b"[]", "application/json"),
        (b"{}", "application/json"),
        (b"", "application/json"),
        (b'"hello"', "application/json"),
        (b'{"output": [', "application/json"),
        (b'{"hello": 1}', "application/json"),
        (b"\xff\xfe\xfd", "application/json"),
        (b"[" * 50_000, "application/json"),
        (b'data: {"type": "x"}\n\n', "text/event-stream"),
    ],
)
def test_a_body_that_is_no_answer_is_an_error(wire, api, body, content_type):
    """A11."""
    failed = failure(wire, api, body, headers={"content-type": content_type})

    assert failed.kind is FailureKind.BAD_BODY
    assert failed.possibly_billed
    assert failed.body == body


@pytest.mark.parametrize("api", APIS)
def test_an_error_shows_the_first_bytes_of_a_bad_body_redacted(wire, api):
    """A11, A22."""
    failed = failure(wire, api, f"<html>{KEY} {'x' * 5000}".encode())

    assert "<html>[redacted] xxx" in str(failed)
    assert KEY not in str(failed)
    assert len(str(failed)) < 400


@pytest.mark.parametrize("api", APIS)
@pytest.mark.parametrize("body", [b"<html>hunter2hunter2", b'{"error": "hunter2hunter2"}'])
def test_a_key_of_any_shape_is_redacted_from_a_bad_body(wire, api, body):
    """A22."""
    wire.reply(Reply(body=body))

    with pytest.raises(ProviderError) as caught:
        ask(settings_for(api, wire.url), api_key="hunter2hunter2")

    assert "hunter2hunter2" not in str(caught.value)


@pytest.mark.parametrize("api", APIS)
@pytest.mark.parametrize("count", [float("nan"), -3, "12", True, 1.5])
def test_counts_that_are_none_make_usage_unknown_and_keep_the_answer(wire, api, count):
    """A12."""
    first, second = COUNTS[api]
    wire.reply(Reply(body=BODY[api](usage={first: count, second: 3})))

    completion = ask(settings_for(api, wire.url))

    assert (completion.text, completion.status) == ("4", Status.OK)
    assert completion.usage is None


@pytest.mark.parametrize("api", APIS)
@pytest.mark.parametrize("usage", [None, [], "much", {}])
def test_a_missing_usage_is_unknown_and_keeps_the_answer(wire, api, usage):
    """A12."""
    wire.reply(Reply(body=BODY[api](usage=usage)))

    completion = ask(settings_for(api, wire.url))

    assert (completion.text, completion.usage) == ("4", None)


@pytest.mark.parametrize("api", APIS)
@pytest.mark.parametrize(
    ("error", "kind"),
    [
        ({"type": "overloaded_error", "message": "busy"}, FailureKind.SERVER),
        ({"code": "server_error", "message": "oops"}, FailureKind.SERVER),
        ({"code": "rate_limit_exceeded", "message": "slow"}, FailureKind.RATE_LIMIT),
        ({"code": "insufficient_quota", "message": "pay"}, FailureKind.QUOTA),
        ({"code": "invalid_prompt", "message": "no"}, FailureKind.BAD_REQUEST),
        ({"code": 503, "message": "upstream"}, FailureKind.SERVER),
        ("something broke", FailureKind.SERVER),
    ],
)
def test_an_error_object_in_a_success_is_an_error_by_its_code(wire, api, error, kind):
    """A13."""
    failed = failure(wire, api, {"error": error})

    assert failed.kind is kind
    assert failed.possibly_billed


def test_a_failed_response_is_an_error_by_its_code(wire):
    """A13."""
    error = {"code": "server_error", "message": "The model had a hiccup"}

    failed = failure(wire, "responses", response_body(status="failed", error=error, output=[]))

    assert failed.kind is FailureKind.SERVER
    assert "hiccup" in str(failed)


def test_a_failed_response_without_a_reason_is_the_servers_fault(wire):
    """A13."""
    failed = failure(wire, "responses", response_body(status="failed", output=[]))

    assert failed.kind is FailureKind.SERVER


@pytest.mark.parametrize(
    ("api", "body"),
    [
        ("responses", response_body(output={"text": "4"})),
        ("responses", response_body(None, status="completed", output=None)),
        ("chat", chat_body(choices=[])),
        ("chat", chat_body(choices=[{"finish_reason": "stop"}])),
        ("chat", chat_body(None, reason=None)),
        ("messages", message_body(content="4")),
        ("messages", message_body(None, reason=None)),
    ],
)
def test_an_answer_without_content_and_reason_is_an_error(wire, api, body):
    """A11."""
    assert failure(wire, api, body).kind is FailureKind.BAD_BODY
