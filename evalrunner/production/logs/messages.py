"""Messages as OpenTelemetry records them, in the forms in which a test set holds them.

The present conventions have `{role, parts: [{type, content}]}`, those up to 1.36 one event a
message with `{role, content}`.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from evalrunner.types import Json, canonical_json

Message = dict[str, Any]
_SYSTEM = frozenset({"system", "developer"})
_ROLES = frozenset({"user", "assistant", "tool"})
_HIDDEN = frozenset({"reasoning", "thinking"})


def parsed(value: Json) -> Json:
    """Structured content, which spans may hold as a JSON text."""
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        return value


def messages_of(value: Json) -> list[Message]:
    """`{role, content}` of each message; content is text."""
    value = parsed(value)
    if isinstance(value, str):
        return [{"role": "user", "content": value}] if value else []
    each = value if isinstance(value, list) else [value]
    return [message_of(one) for one in each if isinstance(one, dict)]


def message_of(value: Message) -> Message:
    """One message with its text."""
    return {"role": str(value.get("role") or "user"), "content": _text(value)}


def input_of(messages: Sequence[Message]) -> Json:
    """What the case's input is: the only user turn as text, else all turns but the system's.

    None for none. The system's belong to the prompt under test, not to the case.
    """
    turns = [
        {**turn, "role": turn["role"] if turn["role"] in _ROLES else "user"}
        for turn in messages
        if turn["role"] not in _SYSTEM and turn["content"]
    ]
    is_plain = len(turns) == 1 and turns[0]["role"] == "user"
    return turns[0]["content"] if is_plain else turns or None


def system_of(messages: Sequence[Message]) -> str | None:
    """What the system's turns say."""
    return "\n\n".join(m["content"] for m in messages if m["role"] in _SYSTEM) or None


def _text(message: Message) -> str:
    parts = message.get("parts", message.get("content"))
    if isinstance(parts, str):
        said = parts
    else:
        listed = parts if isinstance(parts, list) else [] if parts is None else [parts]
        said = "\n".join(filter(None, map(_part_text, listed)))
    calls = message.get("tool_calls")
    return "\n".join(filter(None, [said, canonical_json(calls) if calls else ""]))


def _part_text(part: Json) -> str:
    """Text of a part; what a tool was asked or said as it is, without what the model thought."""
    if not isinstance(part, dict):
        return part if isinstance(part, str) else canonical_json(part)
    if part.get("type") in _HIDDEN:
        return ""
    for name in ("content", "text", "result", "response"):
        if name in part:
            found = part[name]
            return found if isinstance(found, str) else canonical_json(found)
    return canonical_json(part)
