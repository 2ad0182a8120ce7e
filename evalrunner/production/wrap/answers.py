"""What an answer says, in the forms of the three APIs: as JSON objects, or the SDKs' classes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from evalrunner.production.wrap.asked import field

Usage = Mapping[str, int]


class Answer(NamedTuple):
    """A whole answer as a record shows it."""

    id: str | None
    output: Any
    """Text, or the parts of an answer that has tool calls."""
    model: str | None
    usage: Usage | None
    stop_reason: str | None


def chat_answer(body: Any) -> Answer | None:
    """Of a chat completion: its first choice."""
    choices = field(body, "choices")
    if not choices:
        return None
    message = field(choices[0], "message")
    parts = [text_part(field(message, "content") or field(message, "refusal"))]
    parts += [
        tool_part(
            field(field(call, "function"), "name"), field(field(call, "function"), "arguments")
        )
        for call in field(message, "tool_calls") or ()
    ]
    reason = field(choices[0], "finish_reason")
    return _answer(body, parts, openai_usage(field(body, "usage")), reason)


def response_answer(body: Any) -> Answer | None:
    """Of a response; None for one that failed or is not there yet."""
    status = field(body, "status")
    if status not in {"completed", "incomplete"}:
        return None
    parts = []
    for item in field(body, "output") or ():
        if field(item, "type") == "message":
            contents = field(item, "content") or ()
            parts += [text_part(field(one, "text") or field(one, "refusal")) for one in contents]
        elif field(item, "type") == "function_call":
            parts.append(tool_part(field(item, "name"), field(item, "arguments")))
    reason = field(field(body, "incomplete_details"), "reason") or status
    return _answer(body, parts, openai_usage(field(body, "usage")), reason)


def message_answer(body: Any) -> Answer | None:
    """Of a message."""
    content = field(body, "content")
    if content is None:
        return None
    parts = []
    for block in content:
        if field(block, "type") == "text":
            parts.append(text_part(field(block, "text")))
        elif field(block, "type") == "tool_use":
            parts.append(tool_part(field(block, "name"), field(block, "input")))
    reason = field(body, "stop_reason")
    return _answer(body, parts, anthropic_usage(field(body, "usage")), reason)


ANSWERS: Mapping[str, Callable[[Any], Answer | None]] = {
    "chat": chat_answer,
    "responses": response_answer,
    "messages": message_answer,
}


def text_part(text: str | None) -> dict[str, Any] | None:
    """A part of an answer; None for none."""
    return {"type": "text", "text": text} if text else None


def tool_part(name: Any, arguments: Any) -> dict[str, Any]:
    """As above, for the call of a tool."""
    return {"type": "tool_call", "name": name, "arguments": arguments}


def output_of(parts: list[dict[str, Any] | None]) -> Any:
    """Text if all parts are, otherwise the parts."""
    present = [part for part in parts if part is not None]
    if all(part["type"] == "text" for part in present):
        return "".join(part["text"] for part in present)
    return present


def openai_usage(usage: Any) -> Usage | None:
    """Tokens of either of OpenAI's forms, each counted in one class."""
    if usage is None:
        return None
    prompt, answer = (
        ("prompt", "completion")
        if field(usage, "prompt_tokens") is not None
        else ("input", "output")
    )
    details = field(usage, f"{prompt}_tokens_details")
    read, written = field(details, "cached_tokens") or 0, field(details, "cache_write_tokens") or 0
    total = field(usage, f"{prompt}_tokens") or 0
    return _usage(total - read - written, read, written, field(usage, f"{answer}_tokens"))


def anthropic_usage(usage: Any) -> Usage | None:
    """Tokens of a message, which come in disjoint classes."""
    if usage is None:
        return None
    read, written = (field(usage, f"cache_{kind}_input_tokens") for kind in ("read", "creation"))
    return _usage(field(usage, "input_tokens"), read, written, field(usage, "output_tokens"))


def _usage(fresh: int | None, read: int | None, written: int | None, output: int | None) -> Usage:
    return {
        "input_tokens": fresh or 0,
        "cache_read_tokens": read or 0,
        "cache_write_tokens": written or 0,
        "output_tokens": output or 0,
    }


def _answer(
    body: Any, parts: list[dict[str, Any] | None], usage: Usage | None, reason: Any
) -> Answer:
    return Answer(field(body, "id"), output_of(parts), field(body, "model"), usage, reason)
