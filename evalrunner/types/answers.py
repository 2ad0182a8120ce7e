"""What comes back: usage, completion, score, and the estimates made from many of them."""

from __future__ import annotations

from collections.abc import Awaitable
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum


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
class JudgeCall:
    """One request of a judge that was answered."""

    key: str
    """Of its request: the raw answer stands under it in the journal."""
    usage: Usage | None = None
    cost_usd: Decimal | None = None
    """Only when the answer itself names its cost (a function)."""
    served_model: str | None = None
    attempts: int = 1
    cached: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """One verdict of one judge on one answer, or why there is none."""

    judge: str
    """Its name in the panel; `judge` for the one under `judge.model`."""
    sample: int
    """Which of several verdicts of the same judge on the same answer this is."""
    value: float | None
    """In [0, 1]; None = no verdict, and then `reason` begins with `judge_error`."""
    label: str | None = None
    """The level, the choice, the winner; None for a rubric."""
    reason: str | None = None
    criteria: tuple[Criterion, ...] = ()
    is_retest: bool = False
    """Asked only to measure the judge's own noise: not part of the score."""
    opponent: int | None = None
    """Pairwise: id of the cell that the answer was compared with; -1 for a recorded reference."""
    is_first: bool | None = None
    """Pairwise: whether the judged answer stood first."""
    calls: tuple[JudgeCall, ...] = ()


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
    """What scoring cost beyond `judgements`; None for scorers that cost nothing."""
    judgements: tuple[Judgement, ...] = ()
    """Of a judge scorer: every verdict that went into the value, and those that failed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """A number that is printed: with its interval, its n and how it was made."""

    value: float | None
    low: float | None = None
    high: float | None = None
    n: int = 0
    method: str | None = None
