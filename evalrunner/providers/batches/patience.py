"""How long a batch is waited for, how often it is looked at, and through what."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from typing import TypeVar

from evalrunner.errors import FailureKind, ProviderError
from evalrunner.providers.batches.api import NoRoomError, State
from evalrunner.providers.recorded import StillOutError
from evalrunner.types import Batch

T = TypeVar("T")

_GROWTH = 1.5
_TIMES_UNKNOWN = 3
_LONGEST_ASKED_S = 600.0
_FATAL = frozenset({FailureKind.AUTH, FailureKind.QUOTA})


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """Waits between looks at a batch."""

    linger_s: float = 1.0
    """A batch is sent when nothing new has joined for so long."""
    first_s: float = 1.0
    longest_s: float = 60.0
    limit_s: float = 26 * 3600.0
    """Both providers end a batch after a day; two hours more are for them to say so."""
    clock: Callable[[], float] = time.time

    def waits(self) -> Iterator[float]:
        """Seconds to wait before each further look."""
        wait = self.first_s
        while True:
            yield wait
            wait = min(self.longest_s, wait * _GROWTH)

    def is_over(self, since: float) -> bool:
        """Whether what began at `since` has taken longer than it ever should."""
        return self.clock() > since + self.limit_s

    async def insist(self, batch: Batch, ask: Callable[[], Awaitable[T]]) -> T:
        """What `ask` answers about a batch; a connection lost for hours does not end it.

        Raises StillOutError when nobody can tell, and any other ProviderError when the batch is
        over.
        """
        waits, times_unknown = self.waits(), 0
        while True:
            try:
                return await ask()
            except NoRoomError:
                raise
            except ProviderError as error:
                times_unknown += error.kind is FailureKind.NOT_FOUND
                if times_unknown == _TIMES_UNKNOWN:
                    raise _gone(batch, error) from None
                if error.kind in _FATAL or self.is_over(batch.begun_at):
                    raise StillOutError(str(error), kind=error.kind) from None
                wait = longer(next(waits), error)
            await asyncio.sleep(wait)

    async def ended(
        self, batch: Batch, ask: Callable[[], Awaitable[State]], note: Callable[[State], None]
    ) -> State:
        """The last state of a batch; every state on the way goes to `note`."""
        waits = self.waits()
        while True:
            state = await self.insist(batch, ask)
            note(state)
            if state.ended:
                return state
            if self.is_over(batch.begun_at):
                what = f"batch {batch.id} is still {state.status!r}, long after its day is over"
                raise StillOutError(f"{what}; resume to look again", kind=FailureKind.TIMEOUT)
            await asyncio.sleep(next(waits))


def longer(wait: float, error: ProviderError) -> float:
    """`wait`, or what the provider asks for where that is longer and not absurd."""
    return max(wait, min(error.retry_after_s or 0.0, _LONGEST_ASKED_S))


def _gone(batch: Batch, error: ProviderError) -> ProviderError:
    what = f"batch {batch.id} is not there any more, and its answers are lost: {error}"
    return ProviderError(what, kind=FailureKind.SERVER, possibly_billed=True)
