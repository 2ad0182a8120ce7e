"""One door per model and key: how many requests may be in flight, and when the next may go.

Starts without any setting: concurrency grows while answers come and is cut once per throttling
episode (additive increase, multiplicative decrease). A throttled request pauses everybody.
"""

from __future__ import annotations

import asyncio
import math
import re
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from evalrunner.errors import FailureKind, ProviderError
from evalrunner.providers import Limits

START_CONCURRENCY = 16
MOST_CONCURRENCY = 256
LONGEST_WAIT_S = 120.0
"""Longer waits that a provider asks for end the request instead."""
_CUT = 0.75
_SAME_REJECTIONS = 3
_MINUTE_S = 60.0
_FATAL = frozenset({FailureKind.AUTH, FailureKind.QUOTA})


@dataclass(slots=True)
class Account:
    """What all models behind one key share: once it is refused, nobody may ask again."""

    fatal: ProviderError | None = None


@dataclass(slots=True)
class Bucket:
    """A rate per minute, spent continuously; None = no limit."""

    per_minute: float | None
    level: float = 0.0
    at: float = field(default=-math.inf)

    def wait_s(self, now: float, amount: float) -> float:
        """Seconds until `amount` may be spent; what is above the capacity waits for a full one."""
        if self.per_minute is None:
            return 0.0
        rate = self.per_minute / _MINUTE_S
        # One second's worth may go at once: bursts are what providers throttle first.
        capacity = max(1.0, rate)
        self.level = min(capacity, self.level + max(0.0, now - self.at) * rate)
        self.at = now
        return max(0.0, (min(amount, capacity) - self.level) / rate)

    def spend(self, amount: float) -> None:
        """Take `amount`; the level may go below zero, and the next wait is longer then."""
        if self.per_minute is not None:
            self.level -= amount


class Gate:
    """Admission to one model.

    Args:
        limits: The user's settings.
        account: Shared with the other models behind the same key.
        clock: Monotonic seconds.
    """

    def __init__(
        self, limits: Limits, *, account: Account, clock: Callable[[], float] | None = None
    ) -> None:
        self._clock = clock or (lambda: asyncio.get_running_loop().time())
        self.ceiling = limits.concurrency or MOST_CONCURRENCY
        self.limit = float(limits.concurrency or START_CONCURRENCY)
        self.in_flight = 0
        self.successes = 0
        self.throttled = 0
        self._episodes = 0
        self._account = account
        self._rejections: dict[str, int] = {}
        self._refused: ProviderError | None = None
        self._paused_until = -math.inf
        self._growing_fast = limits.concurrency is None
        self.counts_tokens = limits.tpm is not None
        self._requests = Bucket(limits.rpm)
        self._tokens = Bucket(limits.tpm)
        self._waiters: deque[tuple[asyncio.Future[None], float]] = deque()
        self._timer: asyncio.TimerHandle | None = None

    @property
    def stopped(self) -> ProviderError | None:
        """Why this model is asked no more; None while it may be."""
        return self._account.fatal or self._refused

    def waits_s(self) -> float:
        """Seconds until the shared pause ends; 0 when there is none."""
        return max(0.0, self._paused_until - self._clock())

    async def enter(self, tokens: float = 0.0) -> None:
        """Return when one request of about `tokens` may go; pair with `leave`.

        Raises ProviderError when this model is asked no more.
        """
        if self.stopped:
            raise self.stopped
        if not self._waiters and self._wait_s(tokens) == 0:
            self._take(tokens)
            return
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiters.append((waiter, tokens))
        self._admit()
        try:
            await waiter
        except asyncio.CancelledError:
            if waiter.done() and not waiter.cancelled() and waiter.exception() is None:
                self.leave()
            raise

    def leave(self) -> None:
        """A request came back, one way or the other."""
        self.in_flight -= 1
        self._admit()

    def succeeded(self) -> None:
        """An answer arrived: allow more."""
        self.successes += 1
        self._episodes = 0
        step = 1.0 if self._growing_fast else 1.0 / self.limit
        self.limit = min(float(self.ceiling), self.limit + step)

    def failed(self, error: ProviderError) -> None:
        """An attempt failed: pause, slow down or stop, by its kind."""
        if error.kind in _FATAL:
            self._stop_account(error)
        elif error.kind is FailureKind.RATE_LIMIT:
            self._throttle(error)
        elif error.kind in {FailureKind.BAD_REQUEST, FailureKind.NOT_FOUND}:
            self._count_rejection(error)

    def heed(self, headers: Mapping[str, str]) -> None:
        """Pause when the provider's own headers say that nothing is left until a reset."""
        for kind in ("requests", "tokens", "input-tokens", "output-tokens"):
            for prefix in ("x-ratelimit-", "anthropic-ratelimit-"):
                remaining, reset = _rate_headers(headers, prefix, kind)
                if remaining == 0 and reset is not None and 0 < reset <= LONGEST_WAIT_S:
                    self._pause(reset)

    def _throttle(self, error: ProviderError) -> None:
        self.throttled += 1
        now = self._clock()
        if now >= self._paused_until:
            # One cut an episode: requests that were under way hit the same wall.
            self.limit = max(1.0, self.limit * _CUT)
            self._growing_fast = False
            self._episodes += 1
        asked = error.retry_after_s
        unasked = min(LONGEST_WAIT_S, 0.5 * 2**self._episodes)
        self._pause(unasked if asked is None else min(asked, LONGEST_WAIT_S))

    def _pause(self, seconds: float) -> None:
        self._paused_until = max(self._paused_until, self._clock() + seconds)

    def _count_rejection(self, error: ProviderError) -> None:
        message = str(error)
        self._rejections[message] = self._rejections.get(message, 0) + 1
        if self.successes == 0 and self._rejections[message] >= _SAME_REJECTIONS:
            self._refused = error
            self._fail_waiters(error)

    def _stop_account(self, error: ProviderError) -> None:
        self._account.fatal = self._account.fatal or error
        self._fail_waiters(error)

    def _fail_waiters(self, error: ProviderError) -> None:
        while self._waiters:
            waiter, _ = self._waiters.popleft()
            if not waiter.done():
                waiter.set_exception(error)

    def _wait_s(self, tokens: float) -> float:
        """Seconds until a request may go; infinite while all slots are taken."""
        if self.in_flight >= int(self.limit):
            return math.inf
        now = self._clock()
        return max(
            self._paused_until - now,
            self._requests.wait_s(now, 1.0),
            self._tokens.wait_s(now, tokens),
            0.0,
        )

    def _take(self, tokens: float) -> None:
        self.in_flight += 1
        self._requests.spend(1.0)
        self._tokens.spend(tokens)

    def _admit(self) -> None:
        if self.stopped:
            self._fail_waiters(self.stopped)
        while self._waiters:
            waiter, tokens = self._waiters[0]
            wait = 0.0 if waiter.done() else self._wait_s(tokens)
            if wait > 0:
                self._wake_in(wait)
                return
            self._waiters.popleft()
            if not waiter.done():
                self._take(tokens)
                waiter.set_result(None)

    def _wake_in(self, wait: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if math.isfinite(wait):
            self._timer = asyncio.get_running_loop().call_later(wait, self._admit)


def _number(text: str | None) -> float | None:
    try:
        value = float(text) if text is not None else math.nan
    except ValueError:
        return None
    return value if math.isfinite(value) and value >= 0 else None


def _rate_headers(
    headers: Mapping[str, str], prefix: str, kind: str
) -> tuple[float | None, float | None]:
    """What remains and in how many seconds it is reset, for either provider's header names."""
    if prefix.startswith("anthropic"):
        remaining, reset = (
            headers.get(f"{prefix}{kind}-remaining"),
            headers.get(f"{prefix}{kind}-reset"),
        )
    else:
        remaining, reset = (
            headers.get(f"{prefix}remaining-{kind}"),
            headers.get(f"{prefix}reset-{kind}"),
        )
    return _number(remaining), _reset_s(reset)


_DURATION = re.compile(r"(?:(\d+)h)?(?:(\d+)m(?!s))?(?:([\d.]+)s)?(?:(\d+)ms)?")


def _reset_s(text: str | None) -> float | None:
    """Seconds from `6m0s`, `350ms`, `12`, or an RFC 3339 time."""
    if text is None:
        return None
    if (plain := _number(text)) is not None:
        return plain
    match = _DURATION.fullmatch(text)
    if match and any(match.groups()):
        hours, minutes, secs, ms = (float(part or 0) for part in match.groups())
        return 3600 * hours + 60 * minutes + secs + ms / 1000
    try:
        return (datetime.fromisoformat(text) - datetime.now(UTC)).total_seconds()
    except (ValueError, TypeError):
        return None
