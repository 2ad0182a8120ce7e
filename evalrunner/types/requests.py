"""What is asked: a case, its prompt, and the request that goes over the wire."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from evalrunner.types.json import Json, canonical_json, sha256_of

KEY_SCHEMA = 1
"""Raised when equal requests must stop sharing recorded answers."""

NEUTRAL_FIELDS = frozenset(
    {
        "cache_control",
        "metadata",
        "prompt_cache_key",
        "prompt_cache_options",
        "prompt_cache_retention",
        "safety_identifier",
        "service_tier",
        "store",
        "stream",
        "stream_options",
        "user",
        "user_profile_id",
    }
)
"""Fields of a wire body that change how an answer is billed or kept, not what it says."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One row of the test set."""

    id: str
    fields: Mapping[str, Json]
    """Every field of the row after renaming, `id` and `input` included."""
    sha256: str
    """Of the canonical JSON of `fields`: cases pair across runs only when it is equal."""
    index: int = -1
    """Row in the run's `cases.jsonl`; -1 outside a run."""

    @property
    def input(self) -> Json:
        """Text, messages, or an object: what the prompt template calls `input`."""
        return self.fields["input"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One turn of a conversation."""

    role: str
    content: Json
    """Text, or a list of content parts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt:
    """A template after rendering: what a candidate is asked."""

    system: str | None
    messages: tuple[Message, ...]

    @property
    def sha256(self) -> str:
        """Identity of the rendered prompt, as kept in `trials.jsonl`."""
        return sha256_of([self.system, [[m.role, m.content] for m in self.messages]])

    @property
    def text(self) -> str:
        """The last user turn as text, for functions and baselines that take one string."""
        content = self.messages[-1].content
        return content if isinstance(content, str) else canonical_json(content)


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """Everything that decides an answer, ready for the wire, and nothing else.

    Built by a provider module without importing its SDK, so that cached runs need none.
    """

    provider: str
    model: str
    origin: str
    """Scheme, host and port that will be called; empty for what runs in this process."""
    path: str
    body: Mapping[str, Json]
    """The whole wire body."""
    headers: Mapping[str, str] = field(default_factory=dict)
    """Headers that change the answer (API version, betas); never a key."""
    sample: int = 0
    """Which of several draws of the same request this is: the repeat, or a judge's re-ask."""
    key: str = ""
    """SHA-256 over all of the above minus `NEUTRAL_FIELDS`; set by `build`."""
    size: int = 0
    """Bytes of the identity that `key` hashes: at least those of the text that is sent."""
    has_surrogates: bool = False
    """Whether the body holds UTF-16 surrogates, as characters beyond U+FFFF do in JSON: only then
    can one of them be alone, which UTF-8 cannot carry."""
    schema: Mapping[str, Json] | None = None
    """Of the JSON that was asked for: what has no JSON to say is read by it; not in the key."""
    prompt: Prompt | None = None
    """For providers that run in this process; not in the key."""
    case: Case | None = None
    """As `prompt`."""

    @classmethod
    def build(cls, **values: Any) -> Request:
        """Request with its key computed."""
        text = _identity(values, _without_fields(values["body"]))
        if b'"cache_control"' in text:
            # Rare, and dear to look for in every part of every body.
            text = _identity(values, without_neutral(values["body"]))
        return cls(
            **values,
            key=hashlib.sha256(text).hexdigest(),
            size=len(text),
            has_surrogates=b"\\ud" in text,
        )


def without_neutral(value: Json) -> Json:
    """`value` without the fields of `NEUTRAL_FIELDS`; `cache_control` is dropped at any depth."""
    return _without_cache_control(_without_fields(value))


def _identity(values: Mapping[str, Any], body: Json) -> bytes:
    """What the key of a request hashes; `body` is its body without neutral fields."""
    identity = [
        KEY_SCHEMA,
        values["provider"],
        values["origin"] + values["path"],
        sorted(values.get("headers", {}).items()),
        body,
        values.get("sample", 0),
    ]
    return canonical_json(identity).encode("ascii")


def _without_fields(body: Mapping[str, Json]) -> dict[str, Json]:
    return {k: v for k, v in body.items() if k not in NEUTRAL_FIELDS}


def _without_cache_control(value: Json) -> Json:
    if isinstance(value, str):
        # Most of what a body holds, and by far the cheapest question.
        return value
    if isinstance(value, Mapping):
        return {k: _without_cache_control(v) for k, v in value.items() if k != "cache_control"}
    if isinstance(value, list | tuple):
        return [_without_cache_control(item) for item in value]
    return value
