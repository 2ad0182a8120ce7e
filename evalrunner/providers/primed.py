"""The layer that lets the first request of a shared beginning through alone.

A provider's prompt cache can be read only after the request that writes it has been answered: sent
all at once, every request of a cell would pay for writing the same system prompt.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from evalrunner.errors import ProviderError
from evalrunner.providers import Provider
from evalrunner.providers.sdk.prefixes import is_worth_caching, prefix_key
from evalrunner.types import Completion, Request

_MOST_FAILURES = 3
"""Then the rest goes anyway: what fails alone fails no worse together."""


@dataclass(slots=True)
class _Prefix:
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    is_open: bool = False
    failures: int = 0


class Primed:
    """Sends one request of each distinct beginning, and the others once it has come back.

    Args:
        inner: Asked through its gate, so that the first request has all its attempts.
    """

    def __init__(self, inner: Provider) -> None:
        self._inner = inner
        self._prefixes: dict[str, _Prefix] = {}

    async def complete(self, request: Request) -> Completion:
        """The answer, once the beginning of the request has been answered before."""
        prompt = request.prompt
        if prompt is None or not is_worth_caching(prompt):
            return await self._inner.complete(request)
        prefix = self._prefixes.setdefault(prefix_key(prompt), _Prefix())
        if not prefix.is_open:
            async with prefix.turn:
                if not prefix.is_open:
                    return await self._lead(request, prefix)
        return await self._inner.complete(request)

    async def aclose(self) -> None:
        """Close what is asked."""
        await self._inner.aclose()

    async def _lead(self, request: Request, prefix: _Prefix) -> Completion:
        try:
            completion = await self._inner.complete(request)
        except ProviderError:
            prefix.failures += 1
            prefix.is_open = prefix.failures >= _MOST_FAILURES
            raise
        prefix.is_open = True
        return completion
