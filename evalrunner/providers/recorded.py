"""The layer that writes down: an intent before each attempt, the raw answer after it."""

from __future__ import annotations

from dataclasses import replace

from evalrunner.errors import ProviderError
from evalrunner.providers import Provider
from evalrunner.providers.tariff import Tariff
from evalrunner.types import Answer, Completion, Recorder, Request


class StillOutError(ProviderError):
    """The request is in a batch that goes on at its provider: this is no outcome of it.

    It is not recorded, so that whoever asks again waits for that batch instead of buying anew.
    """


class Recorded:
    """Journals every attempt of `inner`.

    The completion comes back as soon as it is handed to the journal, so that the gate's slot is
    free while the disk works; whoever lets it out awaits `completion.durable`.
    """

    def __init__(self, inner: Provider, recorder: Recorder, *, tariff: Tariff) -> None:
        self._inner = inner
        self._recorder = recorder
        self._tariff = tariff
        self._failed: dict[str, int] = {}
        """Attempts that brought no answer, by request key."""

    async def complete(self, request: Request) -> Completion:
        """The answer of one attempt. Raises ProviderError after noting it, StoreError."""
        key = request.key
        attempt = self._failed.get(key, 0) + 1
        most_usd = self._tariff.most(request)
        if self._tariff.batch:
            self._recorder.intend(request, attempt=attempt, most_usd=most_usd, batched=True)
        else:
            self._recorder.intend(request, attempt=attempt, most_usd=most_usd)
        try:
            completion = await self._inner.complete(request)
        except BaseException as error:
            # The intent of a cancelled attempt stays open: the next one must not close it.
            self._failed[key] = attempt
            if isinstance(error, ProviderError) and not isinstance(error, StillOutError):
                self._recorder.record_failure(request, error, attempt=attempt)
            raise
        self._failed.pop(key, None)
        spent_usd = self._tariff.cost(completion)
        answer = _answer_of(completion, attempt)
        durable = self._recorder.record(request, answer, cached=False, spent_usd=spent_usd)
        return replace(completion, attempts=attempt, durable=durable)

    async def aclose(self) -> None:
        """Close the provider that is recorded."""
        await self._inner.aclose()


def _answer_of(completion: Completion, attempts: int) -> Answer:
    return Answer(
        body=completion.raw,
        started_at=completion.started_at,
        latency_s=completion.latency_s,
        attempts=attempts,
        request_id=completion.request_id,
        service_tier=completion.service_tier,
    )
