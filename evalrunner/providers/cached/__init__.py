"""The layer that answers without asking: what was answered once is not bought again.

It looks into this run's journal, then into the response cache, and sends each distinct request
once: whoever asks the same while an answer is under way gets that answer.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Literal, TypeAlias

from evalrunner.errors import ProviderError
from evalrunner.providers import Provider
from evalrunner.providers.cached.database import SCHEMA_VERSION, ResponseCache
from evalrunner.types import Answer, Completion, Recorder, Request

__all__ = ["SCHEMA_VERSION", "CacheMode", "Cached", "Flights", "ResponseCache"]

CacheMode = Literal["use", "refresh", "off"]
Flights: TypeAlias = "dict[str, asyncio.Future[Completion]]"
"""Answers under way by request key."""


class Cached:
    """Answers from this run's journal or the cache; sends each distinct request once.

    Args:
        inner: Asked for what is not there.
        parse: Turns a kept body into a completion.
        recorder: Answers of this run; cached answers are copied into it.
        cache: None = this run's answers only.
        mode: `refresh` and `off` do not read the cache (`off` is given no cache at all).
        flights: Shared by layers that may ask the same; None = this layer's own.
    """

    def __init__(
        self,
        inner: Provider,
        *,
        parse: Callable[[Request, bytes], Completion],
        recorder: Recorder,
        cache: ResponseCache | None,
        mode: CacheMode,
        flights: Flights | None = None,
    ) -> None:
        self._inner = inner
        self._parse = parse
        self._recorder = recorder
        self._cache = cache if mode == "use" else None
        self._flights: Flights = {} if flights is None else flights

    async def complete(self, request: Request) -> Completion:
        """The kept answer, the answer of an equal request under way, or a new one.

        Returns once the answer is on disk, be it in the cache.
        """
        while (flight := self._flights.get(request.key)) is not None:
            try:
                # The flight is shared: a cancelled follower must not cancel it for the others.
                completion = await asyncio.shield(flight)
            except _LeaderGoneError:
                continue
            await _on_disk(completion)
            return replace(completion, cached=True)
        return await self._lead(request)

    async def aclose(self) -> None:
        """Close what is asked for missing answers."""
        await self._inner.aclose()

    async def _lead(self, request: Request) -> Completion:
        flight: asyncio.Future[Completion] = asyncio.get_running_loop().create_future()
        self._flights[request.key] = flight
        try:
            completion = self._kept(request) or await self._inner.complete(request)
            # At once: should the leader be cancelled from here on, its followers need not pay.
            flight.set_result(completion)
            await _on_disk(completion)
        except BaseException as error:
            if not flight.done():
                # A cancelled leader must not cancel its followers: one of them asks again.
                flight.set_exception(error if isinstance(error, Exception) else _LeaderGoneError())
                flight.exception()
            raise
        else:
            return completion
        finally:
            self._land(request.key, flight)

    def _land(self, key: str, flight: asyncio.Future[Completion]) -> None:
        """Until it is on disk an answer is found by its flight, from then on in the journal."""
        completion = None if flight.exception() else flight.result()
        if completion is not None and completion.cached and completion.durable is not None:
            copied = asyncio.ensure_future(completion.durable)
            copied.add_done_callback(lambda _: self._flights.pop(key))
        else:
            del self._flights[key]

    def _kept(self, request: Request) -> Completion | None:
        answer = self._recorder.recorded(request.key)
        if answer is not None and (completion := self._completion(request, answer)) is not None:
            return completion
        answer = self._cache.get(request.key) if self._cache else None
        if answer is None or (completion := self._completion(request, answer)) is None:
            return None
        durable = self._recorder.record(request, answer, cached=True, spent_usd=None)
        return replace(completion, durable=durable)

    def _completion(self, request: Request, answer: Answer) -> Completion | None:
        """The completion that was kept; None when this version finds no answer in its body."""
        try:
            completion = self._parse(request, answer.body)
        except ProviderError:
            return None
        return replace(
            completion,
            started_at=answer.started_at,
            latency_s=answer.latency_s,
            attempts=answer.attempts,
            request_id=answer.request_id,
            cached=True,
        )


class _LeaderGoneError(Exception):
    """The request that others waited for was cancelled."""


async def _on_disk(completion: Completion) -> None:
    # The copy of a kept answer is not waited for: what is made of it is written behind it.
    if completion.durable is not None and not completion.cached:
        # The group's future is shared, too.
        await asyncio.shield(completion.durable)
