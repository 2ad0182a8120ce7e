"""The nouns of the flow: plain frozen values that every layer passes on.

`None` means *unknown*, never 0. Money is `Decimal`, time is seconds as float.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from typing import Any, Protocol, TypeAlias

from evalrunner.errors import ProviderError

Json: TypeAlias = Any
"""Whatever `json.loads` can return."""

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


_encode = json.JSONEncoder(sort_keys=True, separators=(",", ":"), allow_nan=False).encode


def canonical_json(value: Json) -> str:
    """Compact ASCII JSON with sorted keys: equal values give equal text. NaN raises ValueError."""
    return _encode(value)


def sha256_of(value: Json) -> str:
    """Hex SHA-256 of the canonical JSON of `value`."""
    return hashlib.sha256(canonical_json(value).encode("ascii")).hexdigest()


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
    prompt: Prompt | None = None
    """For providers that run in this process; not in the key."""
    case: Case | None = None
    """As `prompt`."""

    @classmethod
    def build(cls, **values: Any) -> Request:
        """Request with its key computed."""
        identity = [
            KEY_SCHEMA,
            values["provider"],
            values["origin"] + values["path"],
            sorted(values.get("headers", {}).items()),
            without_neutral(values["body"]),
            values.get("sample", 0),
        ]
        text = canonical_json(identity).encode("ascii")
        return cls(
            **values,
            key=hashlib.sha256(text).hexdigest(),
            size=len(text),
            has_surrogates=b"\\ud" in text,
        )


def without_neutral(value: Json) -> Json:
    """`value` without the fields of `NEUTRAL_FIELDS`; `cache_control` is dropped at any depth."""
    top = {k: v for k, v in value.items() if k not in NEUTRAL_FIELDS}
    return _without_cache_control(top)


def _without_cache_control(value: Json) -> Json:
    if isinstance(value, str):
        # Most of what a body holds, and by far the cheapest question.
        return value
    if isinstance(value, Mapping):
        return {k: _without_cache_control(v) for k, v in value.items() if k != "cache_control"}
    if isinstance(value, list | tuple):
        return [_without_cache_control(item) for item in value]
    return value


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """Tokens in disjoint classes, so that each is priced once."""

    input_tokens: int = 0
    """Input neither read from nor written to the provider's prompt cache."""
    cache_read_tokens: int = 0
    cache_write_5m_tokens: int = 0
    """Anthropic's five-minute entries, and OpenAI's (30 minutes) which cost the same factor."""
    cache_write_1h_tokens: int = 0
    """Anthropic's one-hour entries, and OpenAI's 12-hour ones."""
    output_tokens: int = 0
    reasoning_tokens: int = 0
    """The part of `output_tokens` that was thinking: never added to it."""
    estimated: bool = False
    """Counted from text, not reported by a provider; whatever is derived from it says so."""

    @property
    def total_input_tokens(self) -> int:
        """All input, cached or not."""
        return (
            self.input_tokens
            + self.cache_read_tokens
            + self.cache_write_5m_tokens
            + self.cache_write_1h_tokens
        )


class Status(StrEnum):
    """Outcome of a trial."""

    OK = "ok"
    REFUSED = "refused"
    TRUNCATED = "truncated"
    ERROR = "error"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True, kw_only=True)
class Completion:
    """An answer that arrived whole, whatever it says."""

    text: str | None
    """The final answer only: no thinking, no commentary. None when there is none."""
    status: Status = Status.OK
    """OK, REFUSED or TRUNCATED."""
    stop_reason: str | None = None
    """complete, truncated, refused, filtered, context_exceeded, paused, or other:RAW."""
    detail: str | None = None
    """What the provider says about a refusal: its category, the filters that struck."""
    usage: Usage | None = None
    cost_usd: Decimal | None = None
    """Only when the answer itself names its cost (a function, a recording)."""
    served_model: str | None = None
    request_id: str | None = None
    service_tier: str | None = None
    raw: bytes = b""
    """The body as received; for answers made in this process a row (`providers.recording`)."""
    started_at: float = 0.0
    """Unix time at which the successful attempt began."""
    latency_s: float | None = None
    """Of the successful attempt alone; None when it was not measured (a recording)."""
    attempts: int = 1
    cached: bool = False
    """Our own cache or this run's journal answered: nothing was paid."""
    durable: Awaitable[None] | None = field(default=None, compare=False, repr=False)
    """Done when the answer is on disk; None for answers that are not recorded one by one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Criterion:
    """One part of a score: a rubric's line, a JSON field."""

    criterion: str
    passed: bool | None
    reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """What one scorer says of one answer."""

    value: float | None
    """In [0, 1]; None = unscored, and then `reason` is a word such as `no_target`."""
    reason: str | None = None
    label: str | None = None
    """What was read out of the answer: the class, the number, the matched text."""
    criteria: tuple[Criterion, ...] = ()
    cost_usd: Decimal | None = None
    """What scoring cost (a judge's calls); None for scorers that cost nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """A number that is printed: with its interval, its n and how it was made."""

    value: float | None
    low: float | None = None
    high: float | None = None
    n: int = 0
    method: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """An answer as it is kept: the raw body, and what the body does not say."""

    body: bytes
    started_at: float
    latency_s: float | None
    attempts: int
    request_id: str | None
    service_tier: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Requests that are handed to a provider together and answered together, hours later."""

    token: str
    """Our own name of it, under which it can be found when its id was lost."""
    model: str
    origin: str
    keys: tuple[str, ...]
    """Of its requests, in the order in which they were handed over."""
    begun_at: float
    """Unix time just before it was created."""
    id: str | None = None
    """The provider's name of it; None = nobody saw whether it was created."""
    settled: frozenset[str] = frozenset()
    """Keys whose outcome is recorded already."""


class Recorder(Protocol):
    """Where answers are written down before anybody sees them; implemented by `store`."""

    run: str
    """Name of the run's directory."""

    def intend(
        self,
        request: Request,
        *,
        attempt: int,
        most_usd: Decimal | None,
        batched: bool = False,
    ) -> None:
        """Write, before sending, that this request is about to be paid, and how much at most.

        `batched` requests are sent once a batch that holds them is begun. Raises StoreError.
        """

    def batch_begun(self, batch: Batch) -> Awaitable[None]:
        """Write what will be in a batch; to be awaited before the batch is created."""

    def batch_created(self, batch: Batch) -> Awaitable[None]:
        """Write the id of a batch; to be awaited before anything is waited for."""

    def batch_void(self, batch: Batch) -> None:
        """Note that a batch was never created: none of its requests was sent."""

    def open_batches(self) -> Sequence[Batch]:
        """Batches of earlier sessions with requests whose outcome is not recorded."""

    def record(
        self, request: Request, answer: Answer, *, cached: bool, spent_usd: Decimal | None
    ) -> Awaitable[None]:
        """Write the answer; what is returned is done once it is on disk (and in the cache)."""

    def record_failure(self, request: Request, error: ProviderError, *, attempt: int) -> None:
        """Note a failed attempt, its body included when one arrived."""

    def recorded(self, key: str) -> Answer | None:
        """The answer to an equal request in this run, if there is one."""
