"""The layer that owns all retries: bounded attempts behind the model's gate.

The SDKs' own retries are off: several workers that each retry on their own lose cases to a rate
limit, while one shared pause loses none.
"""

from __future__ import annotations

import asyncio
import random

from evalrunner.errors import FailureKind, ProviderError
from evalrunner.providers import Provider
from evalrunner.providers.gate import LONGEST_WAIT_S, Gate
from evalrunner.types import Completion, Request

_BACKOFF_S = 0.5
_LONGEST_BACKOFF_S = 30.0
_BAD_BODY_ATTEMPTS = 3
_THROTTLED_FOR_ONE = 5
_BYTES_PER_TOKEN = 3.5
_TRANSIENT = frozenset(
    {
        FailureKind.RATE_LIMIT,
        FailureKind.SERVER,
        FailureKind.TIMEOUT,
        FailureKind.CONNECTION,
        FailureKind.BAD_BODY,
    }
)


class Gated:
    """Lets requests through a gate, and sends them again where that can help.

    Args:
        inner: One attempt.
        gate: Shared by all who ask the same model with the same key.
        max_attempts: Most attempts of one request. While others get through, five throttled
            attempts count as one: a request that is refused for its size must end all the same.
    """

    def __init__(self, inner: Provider, gate: Gate, *, max_attempts: int) -> None:
        self._inner = inner
        self.gate = gate
        self._max_attempts = max_attempts

    async def complete(self, request: Request) -> Completion:
        """The answer. Raises the last attempt's ProviderError with `attempts` set."""
        tokens = _token_estimate(request) if self.gate.counts_tokens else 0.0
        sent, failed = 0, 0.0
        while True:
            successes = self.gate.successes
            try:
                episode = await self.gate.enter(tokens)
            except ProviderError as error:
                error.attempts = sent
                raise
            try:
                return await self._attempt(request, episode)
            except ProviderError as error:
                error.attempts = sent = sent + 1
                is_throttled = error.kind is FailureKind.RATE_LIMIT
                others_got_through = self.gate.successes != successes
                failed += 1 / _THROTTLED_FOR_ONE if is_throttled and others_got_through else 1
                if not self._worth_another(error, failed):
                    raise
                await _back_off(error, failed)

    async def aclose(self) -> None:
        """Close the provider behind the gate."""
        await self._inner.aclose()

    async def _attempt(self, request: Request, episode: int) -> Completion:
        try:
            completion = await self._inner.complete(request)
        except ProviderError as error:
            self.gate.failed(error, episode=episode)
            raise
        else:
            self.gate.succeeded()
            return completion
        finally:
            self.gate.leave()

    def _worth_another(self, error: ProviderError, failed: float) -> bool:
        if self.gate.stopped or failed >= self._max_attempts:
            return False
        if error.kind is FailureKind.BAD_BODY:
            return failed < _BAD_BODY_ATTEMPTS
        return error.kind in _TRANSIENT


async def _back_off(error: ProviderError, failed: float) -> None:
    """Sleep before a retry; a throttled request waits at the gate, with everybody else."""
    if error.kind is FailureKind.RATE_LIMIT:
        return
    longest = min(_LONGEST_BACKOFF_S, _BACKOFF_S * 2.0 ** (failed - 1))
    asked = min(error.retry_after_s or 0.0, LONGEST_WAIT_S)
    await asyncio.sleep(max(asked, longest * random.uniform(0.5, 1.0)))  # noqa: S311 - jitter


def _token_estimate(request: Request) -> float:
    """Rough tokens of a request, for a tokens-per-minute target."""
    body = request.body
    output = body.get("max_output_tokens") or body.get("max_completion_tokens")
    characters = sum(len(str(body.get(name, ""))) for name in ("input", "messages", "system"))
    return characters / _BYTES_PER_TOKEN + float(output or body.get("max_tokens") or 0)
