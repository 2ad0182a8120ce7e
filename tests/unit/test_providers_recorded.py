"""Every attempt is written down: the intent before it is sent, the raw answer after it."""

from __future__ import annotations

import asyncio
from decimal import Decimal

import pytest

from evalrunner.errors import FailureKind, ProviderError, StoreError
from evalrunner.pricing import UnitPrices
from evalrunner.pricing.units import Rates
from evalrunner.providers.recorded import Recorded
from evalrunner.providers.tariff import Tariff
from evalrunner.store import JOURNAL, RunStore, read_index
from evalrunner.store.journal import read_lines
from evalrunner.types import Completion, Request, Usage

PRICES = UnitPrices(standard=(Rates(input=Decimal(1), output=Decimal(10)),), source="test")


def request(text="2+2?"):
    return Request.build(
        provider="openai",
        model="m",
        origin="https://api.openai.com:443",
        path="/v1/responses",
        body={"input": text, "max_output_tokens": 100},
    )


class Inner:
    """Fails as told, then answers; looks at the journal when it is asked."""

    def __init__(self, directory, *failures):
        self.directory = directory
        self.failures = list(failures)
        self.seen = []
        self.closed = False

    async def complete(self, request):
        self.seen.append([record["type"] for record in records(self.directory)])
        if self.failures:
            raise self.failures.pop(0)
        return Completion(
            text="4",
            raw=b'{"text": "4"}',
            usage=Usage(input_tokens=1000, output_tokens=100),
            started_at=1.5,
            latency_s=0.25,
            request_id="req_1",
        )

    async def aclose(self):
        self.closed = True


def records(directory):
    return [line.record for line in read_lines(directory / JOURNAL)]


def record(directory, inner, work, *, prices=None):
    """What `work(layer)` returns over an open store."""

    async def run():
        index = read_index(directory / JOURNAL, [], resume=True)
        async with RunStore(directory, index=index) as store:
            return await work(Recorded(inner, store, tariff=Tariff(prices)), store)

    return asyncio.run(run())


def failure(**changes):
    return ProviderError("reset", kind=FailureKind.CONNECTION, **changes)


def test_intent_is_written_before_the_request_is_sent(tmp_path):
    """E1."""
    inner = Inner(tmp_path)

    async def work(layer, store):
        completion = await layer.complete(request())
        await completion.durable

    record(tmp_path, inner, work)

    assert inner.seen == [["session", "intent"]]
    assert [entry["type"] for entry in records(tmp_path)] == ["session", "intent", "call"]


def test_nothing_is_sent_when_the_intent_cannot_be_written(tmp_path, monkeypatch):
    """E6."""
    inner = Inner(tmp_path)

    async def work(layer, store):
        def refuse(*_, **__):
            raise StoreError("full")

        monkeypatch.setattr(store, "intend", refuse)
        with pytest.raises(StoreError):
            await layer.complete(request())

    record(tmp_path, inner, work)

    assert inner.seen == []


def test_answer_comes_back_before_it_is_on_disk_and_says_when_it_is(tmp_path):
    """The gate's slot is free while the disk works."""

    async def work(layer, store):
        completion = await layer.complete(request())
        before = store.recorded(request().key)
        await completion.durable
        return before, store.recorded(request().key)

    before, after = record(tmp_path, Inner(tmp_path), work)

    assert before is None
    assert (after.body, after.started_at, after.latency_s, after.request_id) == (
        b'{"text": "4"}',
        1.5,
        0.25,
        "req_1",
    )


def test_failed_attempts_are_noted_and_counted(tmp_path):
    """A10: what may have been billed is marked."""
    inner = Inner(tmp_path, failure(possibly_billed=True), failure())

    async def work(layer, store):
        for _ in range(2):
            with pytest.raises(ProviderError):
                await layer.complete(request())
        return await layer.complete(request())

    completion = record(tmp_path, inner, work)

    found = records(tmp_path)
    assert completion.attempts == 3
    assert [entry["attempt"] for entry in found if entry["type"] == "intent"] == [1, 2, 3]
    assert [
        (entry["attempt"], entry["possibly_billed"])
        for entry in found
        if entry["type"] == "failure"
    ] == [(1, True), (2, False)]
    index = read_index(tmp_path / JOURNAL, [], resume=False)
    assert index.possibly_billed == {request().key: 1}


def test_cancelled_attempt_stays_possibly_billed_although_the_next_one_is_answered(tmp_path):
    """E1, E2."""

    class Slow(Inner):
        async def complete(self, request):
            if not self.seen:
                self.seen.append([])
                await asyncio.sleep(60)
            return await super().complete(request)

    async def work(layer, store):
        task = asyncio.create_task(layer.complete(request()))
        await asyncio.sleep(0.01)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        return await layer.complete(request())

    completion = record(tmp_path, Slow(tmp_path), work)

    assert completion.attempts == 2
    assert read_index(tmp_path / JOURNAL, [], resume=False).possibly_billed == {request().key: 1}


def test_equal_request_of_later_is_counted_from_one_again(tmp_path):
    async def work(layer, store):
        return [(await layer.complete(request())).attempts for _ in range(2)]

    assert record(tmp_path, Inner(tmp_path), work) == [1, 1]


def test_what_it_cost_and_could_cost_is_written_down(tmp_path):
    async def work(layer, store):
        await layer.complete(request())

    record(tmp_path, Inner(tmp_path), work, prices=PRICES)

    _, intent, call = records(tmp_path)
    assert Decimal(str(call["spent_usd"])) == Decimal("0.002")
    assert intent["most_usd"] > 0.001


def test_unknown_price_is_unknown(tmp_path):
    async def work(layer, store):
        await layer.complete(request())

    record(tmp_path, Inner(tmp_path), work)

    _, intent, call = records(tmp_path)
    assert (intent["most_usd"], call["spent_usd"]) == (None, None)


def test_closing_closes_what_is_recorded(tmp_path):
    inner = Inner(tmp_path)

    async def work(layer, store):
        await layer.aclose()

    record(tmp_path, inner, work)

    assert inner.closed
