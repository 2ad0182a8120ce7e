"""Why a request got no answer: from statuses, headers, error objects and exceptions.

    HTTP status and error codes ── status_failure, error_object_failure (pure)
    exceptions of SDK and transport ── exception_failure
    our own wall-clock limit ── deadline_failure

The first line of defence against paying twice is to know whether an attempt may have been worked
on. An attempt that never left this machine was not; one whose answer was lost may have been.
"""

from __future__ import annotations

import email.utils
import json
import math
import time
from collections.abc import Mapping
from datetime import UTC

from evalrunner.errors import FailureKind, ProviderError
from evalrunner.formatting import safe_text
from evalrunner.providers.sdk.bodies import mapping
from evalrunner.redact import Redactor
from evalrunner.types import Json

_SHOWN = 500
_SERVER_FROM = 500
_STATUSES = {
    401: FailureKind.AUTH,
    402: FailureKind.QUOTA,
    403: FailureKind.AUTH,
    404: FailureKind.NOT_FOUND,
    408: FailureKind.SERVER,
    409: FailureKind.SERVER,
    429: FailureKind.RATE_LIMIT,
}
_GATEWAY_GAVE_UP = frozenset({504, 524})
"""A proxy stopped waiting for a model that may go on working, and billing."""

_CODES = {
    "insufficient_quota": FailureKind.QUOTA,
    "billing_error": FailureKind.QUOTA,
    "billing_hard_limit_reached": FailureKind.QUOTA,
    "billing_not_active": FailureKind.QUOTA,
    "enforced_spend_limit_reached": FailureKind.QUOTA,
    "contract_spend_limit_reached": FailureKind.QUOTA,
    "linked_organization_spend_limit_reached": FailureKind.QUOTA,
    "linked_organization_billing_unavailable": FailureKind.QUOTA,
    "ramp_limit_exceeded": FailureKind.QUOTA,
    "invalid_api_key": FailureKind.AUTH,
    "authentication_error": FailureKind.AUTH,
    "permission_error": FailureKind.AUTH,
    "model_not_found": FailureKind.NOT_FOUND,
    "not_found_error": FailureKind.NOT_FOUND,
    "rate_limit_exceeded": FailureKind.RATE_LIMIT,
    "rate_limit_error": FailureKind.RATE_LIMIT,
    "api_error": FailureKind.SERVER,
    "overloaded_error": FailureKind.SERVER,
    "server_error": FailureKind.SERVER,
    "timeout_error": FailureKind.SERVER,
    "vector_store_timeout": FailureKind.SERVER,
}
_DECIDES_OVER_STATUS = frozenset({FailureKind.QUOTA})
_SPENT_400 = "credit balance is too low"
"""Anthropic's words for an empty account, which has had no code of its own."""
_TRANSIENT_400 = "truncated json request body"
"""Anthropic answers 400 with this when a proxy of its own lost a part of the request."""


def status_failure(
    status: int, headers: Mapping[str, str], body: bytes, *, redactor: Redactor
) -> ProviderError:
    """The error for an HTTP answer that is not a success. Header names are in lower case."""
    error = _error_of(body)
    kind = _kind_of_status(status, error, headers.get("x-should-retry"))
    said = _message_of(error) or body[: 20 * _SHOWN].decode("utf-8", "replace")
    if location := headers.get("location"):
        said = f"redirected to {location}: set model.base_url to where the API really is"
    return ProviderError(
        _shown(f"HTTP {status}", said, redactor),
        kind=kind,
        status_code=status,
        retry_after_s=retry_after(headers, now=time.time()),
        possibly_billed=status in _GATEWAY_GAVE_UP,
        body=redacted_bytes(body, redactor),
    )


def error_object_failure(
    error: Json,
    body: bytes,
    *,
    redactor: Redactor | None = None,
    where: str = "error in a successful answer",
) -> ProviderError:
    """The error for an error object inside an answer with status 200, by its code."""
    described = error if isinstance(error, dict) else {"message": str(error)}
    words = _words(described)
    status = described.get("code")
    kind = next((_CODES[word] for word in words if word in _CODES), None)
    if kind is None and isinstance(status, int) and not isinstance(status, bool):
        kind = _plain_kind(status)
    if kind is None:
        # Codes of a refused request say what is wrong with it; a bare message says nothing.
        kind = FailureKind.BAD_REQUEST if words else FailureKind.SERVER
    redact = redactor or Redactor()
    said = ": ".join([*words[:1], _message_of(described) or "no message"])
    return ProviderError(
        _shown(where, said, redact),
        kind=kind,
        status_code=200,
        possibly_billed=True,
        body=redacted_bytes(body, redact),
    )


def exception_failure(error: Exception, *, redactor: Redactor) -> ProviderError:
    """The error for an exception of the SDK or its transport, by what lies under it.

    "Connect" in the SDKs' names does not mean "not sent": on the aiohttp transport they report a
    reset before the answer that way too. So the innermost exception decides.
    """
    response = getattr(error, "response", None)
    if response is not None:
        headers = dict(response.headers)
        return status_failure(response.status_code, headers, response.content, redactor=redactor)
    chain = _chain(error)
    kind, billed = _kind_of_transport(chain)
    said = f"{type(chain[-1]).__name__}: {chain[-1]}"
    return ProviderError(_shown("no answer", said, redactor), kind=kind, possibly_billed=billed)


def deadline_failure(deadline_s: float) -> ProviderError:
    """The error for an attempt that took longer than `limits.deadline_s`."""
    return ProviderError(
        f"no complete answer within limits.deadline_s = {deadline_s:g} s",
        kind=FailureKind.TIMEOUT,
        possibly_billed=True,
    )


def retry_after(headers: Mapping[str, str], *, now: float) -> float | None:
    """Seconds the provider asks to wait, unclamped; None when it says nothing usable.

    Reads `retry-after-ms`, then `retry-after` as seconds or as a date. A date is measured from the
    answer's own `date`, so that a wrong clock here does not matter. Negative, NaN and dates in the
    past count as absent.
    """
    milliseconds = _number(headers.get("retry-after-ms"))
    if milliseconds is not None:
        return milliseconds / 1000
    value = headers.get("retry-after")
    seconds = _number(value)
    if seconds is not None or value is None:
        return seconds
    until, sent = _date(value), _date(headers.get("date"))
    if until is None:
        return None
    wait = until - (now if sent is None else sent)
    return wait if wait >= 0 else None


def redacted_bytes(body: bytes, redactor: Redactor) -> bytes:
    """`body` without keys: some servers echo the request they refuse."""
    text = body.decode("utf-8", "surrogateescape")
    clean = redactor.text(text)
    return body if clean == text else clean.encode("utf-8", "surrogateescape")


def _kind_of_status(
    status: int, error: Mapping[str, Json], should_retry: str | None
) -> FailureKind:
    kind = _plain_kind(status)
    coded = next((_CODES[word] for word in _words(error) if word in _CODES), None)
    if coded in _DECIDES_OVER_STATUS or (kind is FailureKind.BAD_REQUEST and coded):
        kind = coded or kind
    if kind is FailureKind.BAD_REQUEST:
        message = _message_of(error).lower()
        if _SPENT_400 in message:
            return FailureKind.QUOTA
        if _TRANSIENT_400 in message:
            kind = FailureKind.SERVER
    if kind is FailureKind.SERVER and should_retry == "false":
        return FailureKind.BAD_REQUEST
    if kind is FailureKind.BAD_REQUEST and should_retry == "true":
        return FailureKind.SERVER
    return kind


def _plain_kind(status: int) -> FailureKind:
    if status >= _SERVER_FROM:
        return FailureKind.SERVER
    return _STATUSES.get(status, FailureKind.BAD_REQUEST)


def _error_of(body: bytes) -> Mapping[str, Json]:
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    inner = mapping(value).get("error", value)
    return {"message": inner} if isinstance(inner, str) else mapping(inner)


def _words(error: Mapping[str, Json]) -> list[str]:
    details = mapping(error.get("details"))
    named = (details.get("error_code"), error.get("code"), error.get("type"))
    return [word for word in named if isinstance(word, str) and word]


def _message_of(error: Mapping[str, Json]) -> str:
    message = error.get("message")
    return message if isinstance(message, str) else ""


def _chain(error: BaseException) -> list[BaseException]:
    chain = [error]
    while chain[-1].__cause__ is not None:
        chain.append(chain[-1].__cause__)
    return chain


def _kind_of_transport(chain: list[BaseException]) -> tuple[FailureKind, bool]:
    import aiohttp
    import httpx2

    not_sent = (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError, aiohttp.InvalidURL)
    timed_out = (aiohttp.SocketTimeoutError, TimeoutError)
    transport = (aiohttp.ClientError, httpx2.HTTPError, OSError)
    if len(chain) == 1 and not isinstance(chain[0], transport):
        # The SDK itself refused: it found no usable credentials.
        return FailureKind.AUTH, False
    if any(isinstance(link, httpx2.DecodingError) for link in chain):
        return FailureKind.BAD_BODY, True
    if any(isinstance(link, not_sent) for link in chain):
        return FailureKind.CONNECTION, False
    if isinstance(chain[-1], timed_out):
        return FailureKind.TIMEOUT, True
    return FailureKind.CONNECTION, True


def _shown(what: str, said: str, redactor: Redactor) -> str:
    # Redacted before it is cut, then made inert: the server wrote it.
    text = safe_text(redactor.text(said).strip(), limit=_SHOWN)
    return f"{what}: {text}" if text else what


def _number(value: str | None) -> float | None:
    try:
        number = float(value or "")
    except ValueError:
        return None
    return number if math.isfinite(number) and number >= 0 else None


def _date(value: str | None) -> float | None:
    try:
        date = email.utils.parsedate_to_datetime(value or "")
    except (ValueError, TypeError, IndexError):
        return None
    return (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp()
