"""Gathers requests until nothing new has joined for a moment, or a batch is full."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TypeAlias

from evalrunner.providers.batches.api import size_in_batch
from evalrunner.types import Completion, Request

_Kind: TypeAlias = tuple[str, str, tuple[tuple[str, str], ...]]


@dataclass(slots=True, eq=False)
class Waiting:
    """A request, and where its answer is waited for."""

    request: Request
    future: asyncio.Future[Completion]
    size: int
    """Most bytes that it takes in a batch."""

    @classmethod
    def of(cls, request: Request) -> Waiting:
        """A request that nobody has answered yet."""
        future: asyncio.Future[Completion] = asyncio.get_running_loop().create_future()
        return cls(request, future, size_in_batch(request))


@dataclass(slots=True)
class _Group:
    """Requests that may be in one batch: of one model, to one path, with the same headers."""

    waiting: dict[str, Waiting] = field(default_factory=dict)
    size: int = 0


class Collector:
    """The batch that is being collected; used from one event loop.

    Args:
        most_requests: Of one batch.
        most_bytes: Of one batch.
        linger_s: How long nothing new must have joined.
        launch: Given the requests of a batch.
    """

    def __init__(
        self,
        launch: Callable[[list[Waiting]], None],
        *,
        most_requests: int,
        most_bytes: int,
        linger_s: float,
    ) -> None:
        self._launch = launch
        self._most_requests = most_requests
        self._most_bytes = most_bytes
        self._linger_s = linger_s
        self._groups: dict[_Kind, _Group] = {}
        self._last_joined = 0.0
        self._timer: asyncio.TimerHandle | None = None

    def __len__(self) -> int:
        return sum(len(group.waiting) for group in self._groups.values())

    def find(self, request: Request) -> Waiting | None:
        """The equal request that waits here already."""
        group = self._groups.get(_kind(request))
        return group.waiting.get(request.key) if group else None

    def join(self, waiting: Waiting) -> None:
        """Add a request; its batch is launched later, or now if that makes it full."""
        kind = _kind(waiting.request)
        group = self._groups.setdefault(kind, _Group())
        if group.size + waiting.size > self._most_bytes:
            self._send(kind)
            group = self._groups.setdefault(kind, _Group())
        group.waiting[waiting.request.key] = waiting
        group.size += waiting.size
        loop = asyncio.get_running_loop()
        self._last_joined = loop.time()
        if len(group.waiting) >= self._most_requests:
            self._send(kind)
        elif self._timer is None:
            self._timer = loop.call_later(self._linger_s, self._ring)

    def close(self) -> None:
        """Drop everybody who waits: their requests were never sent."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        for waiting in self._all():
            waiting.future.cancel()
        self._groups.clear()

    def _all(self) -> Iterator[Waiting]:
        for group in self._groups.values():
            yield from group.waiting.values()

    def _ring(self) -> None:
        loop = asyncio.get_running_loop()
        left = self._last_joined + self._linger_s - loop.time()
        self._timer = None
        if left > 0:
            self._timer = loop.call_later(left, self._ring)
            return
        for kind in list(self._groups):
            self._send(kind)

    def _send(self, kind: _Kind) -> None:
        group = self._groups.pop(kind)
        waiting = [one for one in group.waiting.values() if not one.future.done()]
        if waiting:
            self._launch(waiting)


def _kind(request: Request) -> _Kind:
    return request.model, request.path, tuple(sorted(request.headers.items()))
