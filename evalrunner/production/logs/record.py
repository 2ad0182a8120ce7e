"""One logged production call, whoever logged it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from evalrunner.types import Json, Usage, sha256_of

MAX_DEPTH = 90
"""Less than a test set may have, which such a call is to become a part of."""
TOO_DEEP = f"is nested more than {MAX_DEPTH} levels deep"
_KNOWN = 1
"""Version of the sampler's records up to which their fields mean what is read here."""
_TOKENS = {
    "input_tokens": "input_tokens",
    "cache_read_tokens": "cache_read_tokens",
    "cache_write_tokens": "cache_write_5m_tokens",
    "cache_write_5m_tokens": "cache_write_5m_tokens",
    "cache_write_1h_tokens": "cache_write_1h_tokens",
    "output_tokens": "output_tokens",
    "reasoning_tokens": "reasoning_tokens",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class LoggedCall:
    """What an application asked a model, and what it answered."""

    id: str
    at: datetime | None
    """UTC."""
    input: Json
    """Text, messages, or an object."""
    output: Json
    """Text, or JSON; None = nothing was answered, or nothing was logged."""
    category: str | None = None
    metadata: Mapping[str, Json] = field(default_factory=dict)
    rate: float = 1.0
    """Probability in (0, 1] with which a call like this was logged."""
    model: str | None = None
    usage: Usage | None = None
    latency_s: float | None = None
    stop_reason: str | None = None
    messages: Json = None
    """All turns, where there is more than `input`."""
    cut: tuple[str, ...] = ()
    """Fields that are only beginnings of what there was."""

    @property
    def weight(self) -> float:
        """How many production calls it stands for."""
        return 1 / self.rate

    def field(self, name: str) -> str | None:
        """The category, or a value of the metadata, as a name; None for none."""
        if name == "category" and self.category is not None:
            return self.category
        return name_of(self.metadata.get(name))


def call_of(fields: Mapping[str, Json]) -> LoggedCall:
    """The call in a record of the sampler. Raises ValueError, saying why it is none."""
    if "input" not in fields or "output" not in fields:
        raise ValueError("is no logged call: it has no 'input' and 'output'")
    version = fields.get("schema_version", _KNOWN)
    if not isinstance(version, int) or version > _KNOWN:
        raise ValueError(f"has schema_version {version!r}, newer than this version reads")
    check_depth(fields)
    metadata = fields.get("metadata")
    cut = fields.get("cut")
    return LoggedCall(
        id=identity(fields.get("id"), fields["input"], fields.get("at")),
        at=_time(fields.get("at")),
        input=fields["input"],
        output=fields["output"],
        category=name_of(fields.get("category")),
        metadata=metadata if isinstance(metadata, dict) else {},
        rate=_rate(fields.get("rate", 1.0)),
        model=text_or_none(fields.get("model")),
        usage=_usage(fields.get("usage")),
        latency_s=_seconds(fields.get("latency_s")),
        stop_reason=text_or_none(fields.get("stop_reason")),
        messages=fields.get("messages"),
        cut=tuple(map(str, cut)) if isinstance(cut, list) else (),
    )


def check_depth(value: Json) -> None:
    """Raise ValueError for a value that later steps could not follow."""
    level = [value]
    for _ in range(MAX_DEPTH + 1):
        level = [
            item
            for parent in level
            if isinstance(parent, dict | list)
            for item in (parent.values() if isinstance(parent, dict) else parent)
        ]
        if not level:
            return
    raise ValueError(TOO_DEEP)


def identity(name: Json, *said: Json) -> str:
    """The call's id; where it has none, a hash of what is known of it."""
    if isinstance(name, str) and name.strip():
        return name
    is_number = isinstance(name, int) and not isinstance(name, bool)
    return str(name) if is_number else sha256_of(list(said))[:32]


def name_of(value: Json) -> str | None:
    """A value that calls can be grouped by, as text; None for none, a list, or an object."""
    if value is None or value == "" or isinstance(value, list | dict):
        return None
    return str(value).lower() if isinstance(value, bool) else str(value)


def text_or_none(value: Json) -> str | None:
    """The value if it is a text that says something."""
    return value if isinstance(value, str) and value else None


def _rate(value: Json) -> float:
    # Without a rate that means something its weight is unknown, and so is every share of the log.
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= 1:
        raise ValueError(f"has the rate {str(value)[:40]!r}, which is no probability above 0")
    return float(value)


def _time(value: Json) -> datetime | None:
    if not isinstance(value, str):
        return None
    try:
        found = datetime.fromisoformat(value)
        return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _usage(value: Json) -> Usage | None:
    if not isinstance(value, dict):
        return None
    counts = {ours: value[name] for name, ours in _TOKENS.items() if is_count(value.get(name))}
    return Usage(**counts) if {"input_tokens", "output_tokens"} <= counts.keys() else None


def is_count(value: Json) -> bool:
    """Whether a value counts something."""
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _seconds(value: Json) -> float | None:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if is_number and math.isfinite(value) and value >= 0 else None
