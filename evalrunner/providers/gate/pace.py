"""How fast requests may go: what the user sets, and what refusals teach."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import NamedTuple

_MINUTE_S = 60.0
_LATE_S = 0.02
"""How much of a timer's lateness is made up for."""
_ENOUGH = 8
"""Fewer accepted requests measure nothing."""
_SHORTEST_S = 0.1
_DOUBLING_PER_S = math.log(2)
_CAREFUL = 0.02
_HURRY = 0.001
_REST_S = (1.0, 10.0)
_LARGEST_EXPONENT = 30.0


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


class _Empty(NamedTuple):
    """A moment at which the provider had nothing left to give."""

    at: float
    accepted: int
    """Requests that it had let through by then."""


class Pace:
    """Requests per second that the provider lets through; no limit before it refuses one.

    A refusal says that the provider's bucket is empty, and between two such moments exactly what
    it permits went through. That is the pace from then on, slowly growing, so that a higher limit
    is found as well. From the first refusal to the second the pace is a guess, rather too high.
    """

    def __init__(self) -> None:
        self._per_s = math.inf
        self._is_measured = False
        self._grown_from = 0.0
        self._rest_s = _REST_S[0]
        self._next_at = -math.inf
        self._started_at: float | None = None
        self._mark: _Empty | None = None
        self._empty: _Empty | None = None
        self._refused: tuple[float, bool] = (math.inf, False)
        """The pace that was refused last, and whether it was measured."""

    @property
    def is_known(self) -> bool:
        """Whether there is any pace to keep."""
        return self._per_s != math.inf

    def per_s(self, now: float) -> float:
        """Requests per second that may go now; infinite before the first refusal."""
        grown_s = max(0.0, now - self._grown_from)
        if self._is_measured:
            # What comes in during a pause is used up within about ten pauses. Who is not refused
            # by then was measured too low, by a bucket that ran over or an idle spell: hurry.
            pauses = grown_s / self._rest_s
            exponent = _CAREFUL * pauses + _HURRY * pauses**2
        else:
            exponent = _DOUBLING_PER_S * grown_s
        return self._per_s * math.exp(min(exponent, _LARGEST_EXPONENT))

    def wait_s(self, now: float) -> float:
        """Seconds until the next request may go; not above 0 when it may go now."""
        return self._next_at - now

    def spend(self, now: float) -> None:
        """A request goes now."""
        if self._started_at is None:
            self._started_at = now
        if self.is_known:
            self._next_at = max(self._next_at, now - _LATE_S) + 1 / self.per_s(now)

    def emptied(self, now: float, *, accepted: int, limit: float) -> None:
        """The provider refuses: `accepted` requests got through so far, `limit` at a time."""
        if self._empty is not None and (
            self._mark is None or self._empty.accepted - self._mark.accepted >= _ENOUGH
        ):
            self._mark = self._empty
        self._refused = (self.per_s(now), self._is_measured)
        self._empty = _Empty(now, accepted)
        self._grown_from = now
        if not self.is_known:
            started = now if self._started_at is None else self._started_at
            self._refused = (2 * max(limit, accepted / max(now - started, _SHORTEST_S)), False)
        self._learn(self._empty)

    def refused(self) -> None:
        """One more of the requests that were under way at that moment was refused."""
        if self._empty is not None:
            self._empty = self._empty._replace(accepted=self._empty.accepted - 1)
            self._learn(self._empty)

    def rests(self, until: float) -> None:
        """Nothing goes before `until`; the pace grows from then on."""
        began = until if self._empty is None else self._empty.at
        self._grown_from = until
        self._rest_s = min(max(until - began, _REST_S[0]), _REST_S[1])

    def _learn(self, empty: _Empty) -> None:
        """The pace that was measured; at least half of a measured one that was too fast."""
        too_fast, was_measured = self._refused
        mark = self._mark
        self._is_measured = mark is not None and empty.accepted - mark.accepted >= _ENOUGH
        if mark is None or not self._is_measured:
            self._per_s = too_fast / 2
            return
        measured = (empty.accepted - mark.accepted) / max(empty.at - mark.at, _SHORTEST_S)
        # Idle time between the two moments looks like a low limit; it must not be believed whole.
        self._per_s = max(measured, too_fast / 2) if was_measured else measured
