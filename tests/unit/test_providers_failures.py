"""Statuses, headers, codes and exceptions become one of a dozen kinds, without a network."""

from __future__ import annotations

import math
import ssl
from itertools import pairwise

import aiohttp
import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalrunner.errors import FailureKind
from evalrunner.providers.sdk.failures import (
    error_object_failure,
    exception_failure,
    retry_after,
    status_failure,
)
from evalrunner.redact import Redactor

NO_SECRETS = Redactor({})
CONNECTION = aiohttp.client_reqrep.ConnectionKey("host", 443, True, True, None, None, None)


def failure(status, body=b"", **headers):
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return status_failure(status, named, body, redactor=NO_SECRETS)


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (301, FailureKind.BAD_REQUEST),
        (400, FailureKind.BAD_REQUEST),
        (401, FailureKind.AUTH),
        (402, FailureKind.QUOTA),
        (403, FailureKind.AUTH),
        (404, FailureKind.NOT_FOUND),
        (408, FailureKind.SERVER),
        (409, FailureKind.SERVER),
        (413, FailureKind.BAD_REQUEST),
        (422, FailureKind.BAD_REQUEST),
        (429, FailureKind.RATE_LIMIT),
        (500, FailureKind.SERVER),
        (502, FailureKind.SERVER),
        (503, FailureKind.SERVER),
        (529, FailureKind.SERVER),
    ],
)
def test_statuses_have_kinds(status, kind):
    failed = failure(status)

    assert (failed.kind, failed.status_code, failed.possibly_billed) == (kind, status, False)


def test_a_gateway_that_gave_up_may_have_billed():
    assert failure(504).possibly_billed


@pytest.mark.parametrize(
    "body",
    [
        b'{"error": {"code": "insufficient_quota", "type": "insufficient_quota"}}',
        b'{"error": {"type": "x", "details": {"error_code": "enforced_spend_limit_reached"}}}',
        b'{"error": {"type": "x", "details": {"error_code": "contract_spend_limit_reached"}}}',
        b'{"error": {"type": "x", "details": {"error_code": "ramp_limit_exceeded"}}}',
    ],
)
def test_a_spent_quota_is_no_rate_limit(body):
    assert failure(429, body).kind is FailureKind.QUOTA


def test_a_lost_part_of_the_request_is_the_servers_fault():
    body = b'{"error": {"type": "invalid_request_error", "message": "Truncated JSON request body"}}'

    assert failure(400, body).kind is FailureKind.SERVER


def test_an_empty_account_is_a_spent_quota():
    body = b'{"error": {"message": "Your credit balance is too low to access the API."}}'

    assert failure(400, body).kind is FailureKind.QUOTA


@pytest.mark.parametrize(
    ("status", "should", "kind"),
    [
        (500, "false", FailureKind.BAD_REQUEST),
        (400, "true", FailureKind.SERVER),
        (401, "true", FailureKind.AUTH),
        (429, "false", FailureKind.RATE_LIMIT),
    ],
)
def test_the_providers_advice_on_retries_is_followed(status, should, kind):
    assert failure(status, x_should_retry=should).kind is kind


def test_an_unknown_model_is_named_by_its_code():
    assert failure(400, b'{"error": {"code": "model_not_found"}}').kind is FailureKind.NOT_FOUND


def test_the_api_s_own_message_is_quoted_and_made_inert():
    failed = failure(400, b'{"error": {"message": "bad \\u001b[31m thing"}}')

    assert str(failed) == "HTTP 400: bad \\x1b[31m thing"


def test_keys_are_redacted_from_message_and_body():
    """A22."""
    key = "sk-test-0123456789abcdefghij"
    body = f'{{"error": {{"message": "Incorrect key {key}"}}}}'.encode()

    failed = failure(401, body)

    assert key not in str(failed)
    assert key.encode() not in failed.body


@pytest.mark.parametrize(
    "error",
    [
        b"null",
        b"[]",
        b'"x"',
        b"",
        b"\xff",
        b"[" * 100_000,
        b'{"error": {"message": 5, "code": []}}',
    ],
)
def test_strange_error_bodies_are_still_classified(error):
    assert failure(500, error).kind is FailureKind.SERVER


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "7"}, 7.0),
        ({"retry-after": "0"}, 0.0),
        ({"retry-after": "1.5"}, 1.5),
        ({"retry-after": "1e9"}, 1e9),
        ({"retry-after-ms": "250", "retry-after": "7"}, 0.25),
        ({"retry-after-ms": "-1", "retry-after": "7"}, 7.0),
        ({"retry-after": "Mon, 23 Nov 2026 12:00:30 GMT"}, 30.0),
        ({"retry-after": "Mon, 23 Nov 2026 11:59:00 GMT"}, None),
        ({"retry-after": "-5"}, None),
        ({"retry-after": "NaN"}, None),
        ({"retry-after": "inf"}, None),
        ({"retry-after": "soon"}, None),
        ({"retry-after": ""}, None),
        ({}, None),
    ],
)
def test_waits_are_read_from_every_form(headers, seconds):
    """A3."""
    noon = 1_795_435_200.0  # 2026-11-23 12:00 UTC

    assert retry_after(headers, now=noon) == seconds


def test_a_wrong_clock_here_does_not_stretch_a_wait():
    headers = {
        "retry-after": "Mon, 23 Nov 2026 12:00:30 GMT",
        "date": "Mon, 23 Nov 2026 12:00:00 GMT",
    }

    assert retry_after(headers, now=0.0) == 30.0


@given(st.text(), st.text())
def test_no_header_makes_a_wait_that_is_no_wait(seconds, milliseconds):
    """A3."""
    wait = retry_after({"retry-after": seconds, "retry-after-ms": milliseconds}, now=0.0)

    assert wait is None or (math.isfinite(wait) and wait >= 0)


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        ({"code": "server_error", "message": "x"}, FailureKind.SERVER),
        ({"type": "overloaded_error"}, FailureKind.SERVER),
        ({"code": "rate_limit_exceeded"}, FailureKind.RATE_LIMIT),
        ({"type": "insufficient_quota"}, FailureKind.QUOTA),
        ({"code": "invalid_prompt"}, FailureKind.BAD_REQUEST),
        ({"code": 429, "message": "x"}, FailureKind.RATE_LIMIT),
        ({"code": 502}, FailureKind.SERVER),
        ({"type": "authentication_error"}, FailureKind.AUTH),
        ({"message": "x"}, FailureKind.SERVER),
        ("upstream failed", FailureKind.SERVER),
    ],
)
def test_an_error_object_in_a_success_goes_by_its_code(error, kind):
    """A13."""
    failed = error_object_failure(error, b"{}", redactor=NO_SECRETS)

    assert (failed.kind, failed.possibly_billed, failed.body) == (kind, True, b"{}")


def chained(*errors):
    """The exceptions as the SDKs nest them, outermost first."""
    for outer, inner in pairwise(errors):
        outer.__cause__ = inner
    return errors[0]


@pytest.mark.parametrize(
    ("inner", "kind", "billed"),
    [
        (aiohttp.ClientConnectorError(CONNECTION, OSError(111, "no")), "connection", False),
        (aiohttp.ClientConnectorDNSError(CONNECTION, OSError(-2, "no")), "connection", False),
        (
            aiohttp.ClientConnectorCertificateError(CONNECTION, ssl.CertificateError("no")),
            "connection",
            False,
        ),
        (aiohttp.ConnectionTimeoutError("pool"), "connection", False),
        (aiohttp.ClientOSError(104, "reset"), "connection", True),
        (aiohttp.ServerDisconnectedError(), "connection", True),
        (aiohttp.ClientPayloadError("cut"), "connection", True),
        (aiohttp.SocketTimeoutError("read"), "timeout", True),
    ],
)
def test_only_what_never_left_is_free_to_send_again(inner, kind, billed):
    """The SDK's own name for it is no guide: it says "connect" for a reset, too."""
    error = chained(RuntimeError("Connection error."), httpx2.ConnectError("x"), inner)

    failed = exception_failure(error, redactor=NO_SECRETS)

    assert (failed.kind, failed.possibly_billed) == (kind, billed)


def test_an_answer_that_cannot_be_decoded_is_a_bad_body():
    failed = exception_failure(
        chained(RuntimeError(), httpx2.DecodingError("x")), redactor=NO_SECRETS
    )

    assert (failed.kind, failed.possibly_billed) == (FailureKind.BAD_BODY, True)


def test_an_sdk_without_credentials_is_an_auth_failure():
    failed = exception_failure(RuntimeError("no credentials found"), redactor=NO_SECRETS)

    assert (failed.kind, failed.possibly_billed) == (FailureKind.AUTH, False)


def test_a_bare_timeout_may_have_been_billed():
    failed = exception_failure(TimeoutError(), redactor=NO_SECRETS)

    assert (failed.kind, failed.possibly_billed) == (FailureKind.TIMEOUT, True)
