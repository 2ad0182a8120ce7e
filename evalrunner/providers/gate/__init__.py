"""One door per model and key: how many requests may be in flight, and when the next may go.

Starts without any setting: concurrency grows while answers come and is cut once per throttling
episode (additive increase, multiplicative decrease). A throttled request pauses everybody, and
from then on requests go at the pace that the provider was seen to permit.
"""

from __future__ import annotations

import asyncio
import math
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from evalrunner.errors import FailureKind, ProviderError
from evalrunner.formatting import seconds
from evalrunner.providers import Limits
from evalrunner.providers.gate.headers import nothing_left_s
from evalrunner.providers.gate.pace import Bucket, Pace

__all__ = ["LONGEST_WAIT_S", "Account", "Gate"]

START_CONCURRENCY = 16
MOST_CONCURRENCY = 256
LONGEST_WAIT_S = 120.0
"""A provider that asks to wait longer is not asked again in this run."""
_NONSENSE_S = 86_400.0
"""No limit takes longer than a day to reset; such a wait counts as not said."""
_CUT = 0.75
_PAUSE_S = 0.5
_SHORTEST_PAUSE_S = 0.05
_SAME_REJECTIONS = 3
_TICK_S = 1e-6
_PER_TURN = 4
"""Requests that go in one turn of the event loop. What is sent together is answered together, and
each of those answers then waits until all of them are read before its place is taken again."""
_FATAL = frozenset({FailureKind.AUTH, FailureKind.QUOTA})
_REJECTED = frozenset({FailureKind.BAD_REQUEST, FailureKind.NOT_FOUND})


@dataclass(slots=True)
class Account:
    """What all models behind one key share: once it is refused, nobody may ask again."""

    fatal: ProviderError | None = None
    gates: list[Callable[[], None]] = field(default_factory=list)
    """What makes each model's gate look again."""

    def stop(self, error: ProviderError) -> None:
        """Turn away everybody who waits at any of the gates, and who comes later."""
        self.fatal = self.fatal or error
        for look_again in self.gates:
            look_again()


class Gate:
    """Admission to one model. Used from one event loop.

    Args:
        limits: The user's settings.
        account: Shared with the other models behind the same key.
    """

    def __init__(self, limits: Limits, *, account: Account) -> None:
        self.ceiling = limits.concurrency or MOST_CONCURRENCY
        self.limit = float(limits.concurrency or START_CONCURRENCY)
        self.in_flight = 0
        self.successes = 0
        self.throttled = 0
        self.episodes = 0
        """Times that the provider began to refuse requests; a burst of refusals is one."""
        self.counts_tokens = limits.tpm is not None
        self._account = account
        account.gates.append(self._admit)
        self._sent = 0
        self._sent_in_turn = 0
        self._fruitless = 0
        self._rejections: dict[str, int] = {}
        self._suspicion: ProviderError | None = None
        self._refused: ProviderError | None = None
        self._paused_until = -math.inf
        self._regain_to = math.inf if limits.concurrency is None else self.limit
        self._pace = Pace()
        self._requests = Bucket(limits.rpm)
        self._tokens = Bucket(limits.tpm)
        self._waiters: deque[tuple[asyncio.Future[int], float]] = deque()
        self._timer: asyncio.TimerHandle | None = None

    @property
    def stopped(self) -> ProviderError | None:
        """Why this model is asked no more; None while it may be."""
        return self._account.fatal or self._refused

    @property
    def cut_from(self) -> float | None:
        """The limit before the last refusals; None once it is that high again."""
        return self._regain_to if self.episodes and self.limit < self._regain_to else None

    def waits_s(self) -> float:
        """Seconds until the shared pause ends; 0 when there is none."""
        return max(0.0, self._paused_until - _now())

    async def enter(self, tokens: float = 0.0) -> int:
        """Return when one request of about `tokens` may go; pair with `leave`.

        What is returned goes to `failed`. Raises ProviderError when this model is asked no more.
        """
        if self.stopped:
            raise _again(self.stopped)
        if not self._waiters and self._wait_s(tokens) == 0:
            return self._take(tokens)
        waiter: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._waiters.append((waiter, tokens))
        self._admit()
        try:
            return await waiter
        except asyncio.CancelledError:
            if waiter.done() and not waiter.cancelled() and waiter.exception() is None:
                self.leave()
            raise

    def leave(self) -> None:
        """A request came back, one way or the other."""
        self.in_flight -= 1
        if self._suspicion and not self.in_flight:
            self._refused = self._refused or self._suspicion
        self._admit()

    def succeeded(self) -> None:
        """An answer arrived: allow more, if all that was allowed is in use."""
        self.successes += 1
        self._fruitless = 0
        self._suspicion = None
        if self.in_flight >= int(self.limit):
            step = 1.0 if self.limit < self._regain_to else 1.0 / self.limit
            self.limit = min(float(self.ceiling), self.limit + step)

    def failed(self, error: ProviderError, *, episode: int) -> None:
        """An attempt that entered in `episode` failed: pause, slow down or stop, by its kind."""
        if error.kind in _FATAL:
            self._account.stop(error)
        elif error.kind is FailureKind.RATE_LIMIT:
            self._throttle(error, episode)
        elif error.kind in _REJECTED and not self.successes:
            self._count_rejection(error)

    def heed(self, headers: Mapping[str, str]) -> None:
        """Wait where the provider's own headers say that nothing is left."""
        wait = nothing_left_s(headers)
        if wait is None:
            return
        if not self._pace.is_known:
            # Whoever waits must not go all at once when the wait is over.
            self._pace.emptied(_now(), accepted=self._sent - self.throttled, limit=self.limit)
        self._pause(wait)

    def _admit(self) -> None:
        """Let go whoever may go now, or turn everybody away."""
        while self._waiters:
            waiter, tokens = self._waiters[0]
            if not waiter.done():
                if self.stopped:
                    waiter.set_exception(_again(self.stopped))
                elif wait := self._wait_s(tokens):
                    self._admit_in(wait)
                    return
                else:
                    waiter.set_result(self._take(tokens))
            self._waiters.popleft()

    def _throttle(self, error: ProviderError, episode: int) -> None:
        self.throttled += 1
        if episode == self.episodes:
            # Requests that were under way hit the same wall: one cut for all of them.
            self.episodes += 1
            self._fruitless += 1
            self._regain_to = self.limit
            self.limit = max(1.0, self.limit * _CUT)
            self._pace.emptied(_now(), accepted=self._sent - self.throttled, limit=self.limit)
        else:
            self._pace.refused()
        asked = error.retry_after_s
        if asked is not None and LONGEST_WAIT_S < asked <= _NONSENSE_S:
            error.args = (f"the provider asks to wait {seconds(asked)}, then resume: {error}",)
            self._refused = self._refused or error
            self._admit()
            return
        self._pause(self._pause_s(None if asked is None or asked > _NONSENSE_S else asked))

    def _pause_s(self, asked: float | None) -> float:
        """At least what is asked, and longer each time that nobody got through in between."""
        shortest = _PAUSE_S if asked is None else _SHORTEST_PAUSE_S
        backed_off = shortest * 2.0 ** min(self._fruitless - 1, 16)
        return max(asked or 0.0, min(backed_off, LONGEST_WAIT_S))

    def _pause(self, wait: float) -> None:
        until = _now() + wait
        if until > self._paused_until:
            self._paused_until = until
            self._pace.rests(until)

    def _count_rejection(self, error: ProviderError) -> None:
        message = str(error)
        self._rejections[message] = self._rejections.get(message, 0) + 1
        if self._rejections[message] >= _SAME_REJECTIONS:
            # Rejections come fast and answers slowly: who is under way may still be answered.
            self._suspicion = error

    def _wait_s(self, tokens: float) -> float:
        """Seconds until a request may go; infinite while that depends on others, or on the turn."""
        if self.in_flight >= int(self.limit) or (self._suspicion and self.in_flight):
            return math.inf
        if self._sent_in_turn >= _PER_TURN:
            return math.inf
        now = _now()
        wait = max(
            self._paused_until - now,
            self._pace.wait_s(now),
            self._requests.wait_s(now, 1.0),
            self._tokens.wait_s(now, tokens),
        )
        # A shorter wait than the clock can tell would never end.
        return wait if wait > _TICK_S else 0.0

    def _take(self, tokens: float) -> int:
        self.in_flight += 1
        self._sent += 1
        if not self._sent_in_turn:
            asyncio.get_running_loop().call_soon(self._turn)
        self._sent_in_turn += 1
        self._pace.spend(_now())
        self._requests.spend(1.0)
        self._tokens.spend(tokens)
        return self.episodes

    def _turn(self) -> None:
        self._sent_in_turn = 0
        self._admit()

    def _admit_in(self, wait: float) -> None:
        at = _now() + wait
        if math.isinf(at) or (self._timer is not None and self._timer.when() <= at):
            return
        if self._timer is not None:
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_at(at, self._ring)

    def _ring(self) -> None:
        self._timer = None
        self._admit()


def _now() -> float:
    return asyncio.get_running_loop().time()


def _again(error: ProviderError) -> ProviderError:
    """The same refusal for somebody else, who sent nothing."""
    fresh = type(error).__new__(type(error), *error.args)
    fresh.__dict__.update(error.__dict__, body=b"", possibly_billed=False, attempts=0)
    return fresh
