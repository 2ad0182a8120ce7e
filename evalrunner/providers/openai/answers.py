"""Reads OpenAI's answers: Responses, Chat Completions and Decisions, as raw JSON."""

from __future__ import annotations

from collections.abc import Mapping

from evalrunner.providers.openai.decisions import read_verdict
from evalrunner.providers.sdk.bodies import (
    UnusableError,
    bad_body,
    joined,
    mapping,
    note_unknown_block,
    objects,
    other,
    read_object,
    text_or_none,
    tokens,
)
from evalrunner.providers.sdk.failures import error_object_failure
from evalrunner.redact import Redactor
from evalrunner.types import Completion, Json, Request, Status, Usage

# Tuples: what arrives may be a list, and sets cannot even be asked about those.
_NO_ANSWER = ("failed", "cancelled", "queued", "in_progress")
_FINAL = (None, "final_answer")


def parse(request: Request, body: bytes, *, redactor: Redactor | None = None) -> Completion:
    """The completion in a raw body. Raises ProviderError for what is no answer."""
    answer = read_object(body, redactor=redactor)
    if error := _error_in(answer):
        raise error_object_failure(error, body, redactor=redactor)
    try:
        text, status, stop_reason = _read(request, answer)
    except UnusableError as error:
        raise bad_body(str(error), body, redactor=redactor) from None
    return Completion(
        text=text,
        status=status,
        stop_reason=stop_reason,
        detail=_filters(answer) if stop_reason == "filtered" else None,
        usage=_usage(answer.get("usage")),
        served_model=text_or_none(answer.get("model")),
        request_id=text_or_none(answer.get("id")),
        service_tier=text_or_none(answer.get("service_tier")),
        raw=body,
    )


def _error_in(answer: Mapping[str, Json]) -> Json:
    """The error that came in place of an answer; None when there is an answer."""
    if answer.get("error"):
        return answer["error"]
    if answer.get("status") in _NO_ANSWER:
        message = f"the response has the status {answer['status']!r} instead of an answer"
        return {"type": "server_error", "message": message}
    return None


def _read(request: Request, answer: Mapping[str, Json]) -> tuple[str | None, Status, str | None]:
    path = request.path.split("?")[0]
    if path.endswith("/chat/completions"):
        return _read_chat(answer)
    return read_verdict(request, answer) if path.endswith("/decisions") else _read_response(answer)


def _read_response(answer: Mapping[str, Json]) -> tuple[str | None, Status, str | None]:
    if not isinstance(answer.get("output"), list):
        raise UnusableError("no list 'output'")
    state = answer.get("status", "completed")
    text, refusal = _output_text(objects(answer["output"]))
    reason = mapping(answer.get("incomplete_details")).get("reason")
    if state == "incomplete" and reason == "content_filter":
        return text, Status.REFUSED, "filtered"
    if refusal is not None:
        return text or refusal, Status.REFUSED, "refused"
    if state == "incomplete":
        known = reason == "max_output_tokens"
        return text, Status.TRUNCATED, "truncated" if known else other(reason)
    if state != "completed":
        return text, Status.OK, None if state is None else other(state)
    return text, Status.OK, "complete"


def _output_text(items: list[dict[str, Json]]) -> tuple[str | None, str | None]:
    """Final text and refusal: commentary is thinking aloud and never part of the answer."""
    texts, refusals = [], []
    for item in items:
        if item.get("type") != "message" or item.get("phase") not in _FINAL:
            continue
        for part in objects(item.get("content")):
            if part.get("type") == "refusal":
                refusals.append(str(part.get("refusal") or ""))
            elif isinstance(part.get("text"), str):
                texts.append(part["text"])
            else:
                note_unknown_block(str(part.get("type")))
    return joined(texts), joined(refusals)


def _read_chat(answer: Mapping[str, Json]) -> tuple[str | None, Status, str | None]:
    choices = objects(answer.get("choices"))
    if not choices or not isinstance(choices[0].get("message"), dict):
        raise UnusableError("no message in 'choices'")
    message, reason = choices[0]["message"], choices[0].get("finish_reason")
    text, refusal = _chat_text(message.get("content")), text_or_none(message.get("refusal"))
    if reason == "content_filter":
        return text, Status.REFUSED, "filtered"
    if refusal:
        return text or refusal, Status.REFUSED, "refused"
    if reason == "length":
        return text, Status.TRUNCATED, "truncated"
    if reason == "stop":
        return text, Status.OK, "complete"
    if reason is None and not text:
        raise UnusableError("neither content nor a stop reason")
    return text, Status.OK, None if reason is None else other(reason)


def _chat_text(content: Json) -> str | None:
    if isinstance(content, list):
        return joined([p["text"] for p in objects(content) if isinstance(p.get("text"), str)])
    return text_or_none(content)


def _filters(answer: Mapping[str, Json]) -> str | None:
    """Names of the content filters that struck, where the server tells (Azure does)."""
    choices = objects(answer.get("choices"))
    results = mapping(choices[0].get("content_filter_results")) if choices else {}
    struck = sorted(name for name, found in results.items() if mapping(found).get("filtered"))
    return ", ".join(struck) or None


def _usage(usage: Json) -> Usage | None:
    """Disjoint classes from OpenAI's, where input includes what was read and written.

    None when a part is missing or makes no sense: then the cost is unknown, never too low.
    """
    if not isinstance(usage, dict):
        return None
    old = "prompt_tokens" in usage
    prompt, answer = ("prompt", "completion") if old else ("input", "output")
    details = mapping(usage.get(f"{prompt}_tokens_details"))
    split = mapping(details.get("cache_write_tokens_details"))
    try:
        total, output = tokens(usage, f"{prompt}_tokens"), tokens(usage, f"{answer}_tokens")
        read, written = (
            tokens(details, "cached_tokens", 0),
            tokens(details, "cache_write_tokens", 0),
        )
        long = tokens(split, "ttl_12h_tokens", 0)
        thought = tokens(mapping(usage.get(f"{answer}_tokens_details")), "reasoning_tokens", 0)
    except ValueError:
        return None
    if read + written > total or long > written or thought > output:
        return None
    return Usage(
        input_tokens=total - read - written,
        cache_read_tokens=read,
        cache_write_5m_tokens=written - long,
        cache_write_1h_tokens=long,
        output_tokens=output,
        reasoning_tokens=thought,
    )
