"""The layer that writes down: an intent before each attempt, the raw answer after it."""

from __future__ import annotations

from dataclasses import replace

from evalrunner.errors import ProviderError
from evalrunner.providers import Provider
from evalrunner.providers.tariff import Tariff
from evalrunner.types import Answer, Completion, Recorder, Request


class Recorded:
    """Journals every attempt of `inner`.

    The completion comes back as soon as it is handed to the journal, so that the gate's slot is
    free while the disk works; whoever lets it out awaits `completion.durable`.
    """

    def __init__(self, inner: Provider, recorder: Recorder, *, tariff: Tariff) -> None:
        self._inner = inner
        self._recorder = recorder
        self._tariff = tariff
        self._attempts: dict[str, int] = {}

    async def complete(self, request: Request) -> Completion:
        """The answer of one attempt. Raises ProviderError after noting it, StoreError."""
        attempt = self._attempts.get(request.key, 0) + 1
        self._attempts[request.key] = attempt
        self._recorder.intend(request, attempt=attempt, most_usd=self._tariff.most(request))
        try:
            completion = await self._inner.complete(request)
        except ProviderError as error:
            self._recorder.record_failure(request, error, attempt=attempt)
            raise
        del self._attempts[request.key]
        completion = replace(completion, attempts=attempt)
        durable = self._recorder.record(
            request,
            _answer_of(completion),
            cached=False,
            spent_usd=self._tariff.cost(completion),
        )
        return replace(completion, durable=durable)

    async def aclose(self) -> None:
        """Close the provider that is recorded."""
        await self._inner.aclose()


def _answer_of(completion: Completion) -> Answer:
    return Answer(
        body=completion.raw,
        started_at=completion.started_at,
        latency_s=completion.latency_s,
        attempts=completion.attempts,
        request_id=completion.request_id,
        service_tier=completion.service_tier,
    )
