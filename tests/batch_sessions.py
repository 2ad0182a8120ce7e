"""Sessions of a run that asks in batches, one after the other, over one run directory."""

from __future__ import annotations

import asyncio
import json

from wire_models import module_of, provider_for, request_for

from evalrunner.providers import Limits
from evalrunner.providers.batched import Batched
from evalrunner.providers.batches import batch_api
from evalrunner.providers.batches.patience import Patience
from evalrunner.providers.cached import Cached
from evalrunner.providers.gate import Account, Gate
from evalrunner.providers.gated import Gated
from evalrunner.providers.recorded import Recorded
from evalrunner.providers.tariff import Tariff
from evalrunner.store import JOURNAL, RunStore, read_index

QUICK = {"linger_s": 0.05, "first_s": 0.01, "longest_s": 0.05}


def index_of(directory):
    """What the journal holds."""
    return read_index(directory / JOURNAL, [], resume=True)


def records_of(directory, kind):
    lines = (directory / JOURNAL).read_text().splitlines()
    return [record for line in lines if (record := json.loads(line))["type"] == kind]


def drop_records(directory, kind):
    """Forget records, as if the process had died before it wrote them."""
    path = directory / JOURNAL
    kept = [line for line in path.read_text().splitlines() if json.loads(line)["type"] != kind]
    path.write_text("".join(f"{line}\n" for line in kept))


def stack(settings, store, *, api_key="sk-test-0123456789abcdefghij", most=None, **patience):
    """All layers around the Batch API of a model: the outermost, and the one in the wire's place.

    `most` = (requests, bytes) of one batch, in place of the provider's own limits.
    """
    api = batch_api(provider_for(settings, api_key=api_key))
    if most is not None:
        api.most_requests, api.most_bytes = most
    api.look_again_s = 0.01
    batched = Batched(api, store, patience=Patience(**{**QUICK, **patience}))
    recorded = Recorded(batched, store, tariff=Tariff(None, batch=True))
    gate = Gate(Limits(concurrency=1000), account=Account())
    gated = Gated(recorded, gate, max_attempts=settings.limits.max_attempts)
    parse = module_of(settings).parse
    return Cached(gated, parse=parse, recorder=store, cache=None, mode="off"), batched


def session(directory, settings, texts, *, leave_when=None, **options):
    """The completion, or the error, of each text; None for those that were left in a batch.

    Waiting ends as Ctrl-C ends it once `leave_when()` holds.
    """

    async def run():
        async with RunStore(directory, index=index_of(directory)) as store:
            outer, batched = stack(settings, store, **options)
            requests = [request_for(settings, text) for text in texts]
            work = asyncio.gather(*map(outer.complete, requests), return_exceptions=True)
            try:
                if leave_when is not None:
                    while not leave_when(batched):  # noqa: ASYNC110 - it may ask a server
                        await asyncio.sleep(0.005)
                    batched.leave()
                return await work
            finally:
                await outer.aclose()

    results = asyncio.run(run())
    return [None if isinstance(result, asyncio.CancelledError) else result for result in results]


def texts_of(results):
    """The texts of completions."""
    return [getattr(result, "text", result) for result in results]
