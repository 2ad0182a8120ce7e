"""One line of a log: redacted, of a bounded size, pure ASCII."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from evalrunner.production.plain import SPARE, CutText, Snapshot
from evalrunner.redact import Redactor

SCHEMA_VERSION = 1
Record = dict[str, Any]
RedactHook = Callable[[Record], Record | None]
_LONG = ("input", "output", "messages")
"""Fields that are cut to make a record fit."""
_SHORTEST_CUT = 64


class DroppedError(Exception):
    """A record that is not written; its first argument says why in a word or two."""


def line_of(
    draft: Record, *, hook: RedactHook | None, redactor: Redactor, limit: int
) -> tuple[bytes, bool]:
    """The line to write, of at most `limit` bytes, and whether it was cut. Raises DroppedError."""
    at = datetime.fromtimestamp(draft["at"], UTC).isoformat(timespec="milliseconds")
    record = {**draft, "at": at.replace("+00:00", "Z")}
    if hook is not None:
        record = _hooked(record, hook, limit)
    # Last, so that no hook can bring a secret back.
    record = _without_secrets(record, redactor)
    line = _dumped(record)
    if len(line) > limit:
        record, line = _fitted(record, limit)
    return line, "cut" in record


def _hooked(record: Record, hook: RedactHook, limit: int) -> Record:
    kept = {name: record[name] for name in ("schema_version", "id", "at", "rate")}
    try:
        found = hook(record)
    except Exception as error:
        # Written as it was, it would show what the hook was to hide.
        raise DroppedError("redact failed") from error
    if found is None:
        raise DroppedError("redacted")
    if not isinstance(found, dict):
        raise DroppedError("redact failed")
    copies = Snapshot(limit)
    copied = {str(name): copies.take(str(name), value) for name, value in found.items()}
    if copies.cut:
        copied["cut"] = sorted({*record.get("cut", ()), *copies.cut})
    return {**kept, **copied}


def _without_secrets(value: Any, redactor: Redactor) -> Any:
    if isinstance(value, str):
        text = redactor.text(value) if redactor.may_hold_secret(value) else value
        return text[: max(0, len(text) - SPARE)] if isinstance(value, CutText) else text
    if isinstance(value, dict):
        return {
            _without_secrets(name, redactor): _without_secrets(part, redactor)
            for name, part in value.items()
        }
    if isinstance(value, list):
        return [_without_secrets(part, redactor) for part in value]
    return value


def _dumped(record: Record) -> bytes:
    # ASCII: lone surrogates are escaped, as are the line ends of other alphabets.
    text = json.dumps(record, separators=(",", ":"), allow_nan=False)
    return text.encode("ascii") + b"\n"


def _fitted(record: Record, limit: int) -> tuple[Record, bytes]:
    """The record with its long fields cut, the longest first. Raises DroppedError."""
    texts = {name: _as_text(record[name]) for name in _LONG if record.get(name) is not None}
    share = limit // 2
    while share >= _SHORTEST_CUT:
        long = {name: text for name, text in texts.items() if len(text) > share}
        cut = sorted({*record.get("cut", ()), *long})
        fitted = {**record, **{name: text[:share] for name, text in long.items()}, "cut": cut}
        line = _dumped(fitted)
        if len(line) <= limit:
            return fitted, line
        share = share * 3 // 4
    raise DroppedError("too large")


def _as_text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)
