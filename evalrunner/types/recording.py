"""What is written down, and the protocol of who writes it."""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Protocol

from evalrunner.errors import ProviderError
from evalrunner.types.requests import Request


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
