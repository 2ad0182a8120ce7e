"""What a request asked: the text of its last user turn, and all turns where there is more."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

API_OF_PATH = {
    "/chat/completions": "chat",
    "/responses": "responses",
    "/responses?beta=true": "responses",
    "/v1/messages": "messages",
    "/v1/messages?beta=true": "messages",
}
_TEXT_TYPES = {"text", "input_text"}


class Asked(NamedTuple):
    """A request as a record shows it."""

    input: str | None
    messages: list[Any] | None
    """None if `input` is all there is."""
    metadata: Mapping[str, Any]
    model: str | None


def asked_of(api: str, body: Any) -> Asked:
    """Read the body that an SDK is about to send. Raises TypeError for one that is no object."""
    if not isinstance(body, Mapping):
        raise TypeError(f"the body of a request is {type(body).__name__}")
    turns = _turns(body.get("input" if api == "responses" else "messages"))
    system = body.get({"responses": "instructions", "messages": "system"}.get(api, ""))
    # What was not given is a value of the SDK's own.
    if isinstance(system, str | list) and system:
        turns = [{"role": "system", "content": system}, *turns]
    users = [turn for turn in turns if field(turn, "role") == "user"]
    text = text_of(field(users[-1], "content")) if users else None
    is_all = len(turns) == 1 and isinstance(field(turns[0], "content"), str) and text is not None
    metadata, model = body.get("metadata"), body.get("model")
    return Asked(
        input=text,
        messages=None if is_all else turns,
        metadata=metadata if isinstance(metadata, Mapping) else {},
        model=model if isinstance(model, str) else None,
    )


def field(value: Any, name: str) -> Any:
    """A field of an object from JSON, or of the SDK's class for it; None without one."""
    return value.get(name) if isinstance(value, Mapping) else getattr(value, name, None)


def text_of(content: Any) -> str | None:
    """The text of a turn: all of it, or its parts that are text."""
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, list | tuple) else ()
    texts = [field(part, "text") for part in parts if field(part, "type") in _TEXT_TYPES]
    return "\n".join(texts) if texts else None


def _turns(value: Any) -> list[Any]:
    if isinstance(value, str):
        return [{"role": "user", "content": value}]
    # A list of its own: the application's grows with the next turn. An iterator is not ours to use.
    return list(value) if isinstance(value, list | tuple) else []
