"""When a batch is sent, and what is in it."""

from __future__ import annotations

import asyncio

from hypothesis import given, settings
from hypothesis import strategies as st

from evalrunner.providers.batches.collector import Collector, Waiting
from evalrunner.types import Request

LINGER_S = 0.04
HUGE = 10**9


def request(name, *, path="/v1/messages", size=0, **headers):
    body = {"name": name, "filling": "x" * size}
    return Request.build(
        provider="anthropic", model="m", origin="", path=path, body=body, headers=headers
    )


def gather(requests, *, most_requests=HUGE, most_bytes=HUGE, pause_s=0.0, then=lambda _: None):
    """Batches of names, in the order in which they were launched, a long linger after the last."""

    async def run():
        launched = []
        collector = Collector(
            launched.append, most_requests=most_requests, most_bytes=most_bytes, linger_s=LINGER_S
        )
        waiting = []
        for one in requests:
            waiting.append(Waiting.of(one))
            collector.join(waiting[-1])
            await asyncio.sleep(pause_s)
        before = len(launched)
        then(collector)
        await asyncio.sleep(3 * LINGER_S)
        assert not launched or len(collector) == 0
        names = [[item.request.body["name"] for item in batch] for batch in launched]
        return names, before, [item.future for item in waiting]

    return asyncio.run(run())


def test_requests_that_keep_joining_are_sent_together():
    names, before, _ = gather([request(n) for n in range(5)], pause_s=LINGER_S / 2)

    assert names == [[0, 1, 2, 3, 4]]
    assert before == 0


def test_request_after_a_pause_is_in_the_next_batch():
    names, _, _ = gather([request(n) for n in range(2)], pause_s=3 * LINGER_S)

    assert names == [[0], [1]]


def test_full_batch_is_sent_at_once():
    names, before, _ = gather([request(n) for n in range(5)], most_requests=2)

    assert names == [[0, 1], [2, 3], [4]]
    assert before == 2


def test_request_that_alone_is_too_large_is_sent_alone():
    """The provider refuses it; it must not keep the others from being sent."""
    names, _, _ = gather([request(0), request(1, size=5000), request(2)], most_bytes=2000)

    assert names == [[0], [1], [2]]


def test_requests_of_different_kinds_are_never_in_one_batch():
    paths = ["/v1/responses", "/v1/chat/completions"]
    mixed = [request(n, path=paths[n % 2]) for n in range(4)]
    mixed += [request(4, path=paths[0], beta="1")]

    names, _, _ = gather(mixed)

    assert sorted(names) == [[0, 2], [1, 3], [4]]


def test_request_that_nobody_waits_for_any_more_is_not_sent():
    def cancel_first(collector):
        collector.find(request(0)).future.cancel()

    names, _, _ = gather([request(n) for n in range(3)], then=cancel_first)

    assert names == [[1, 2]]


def test_closed_collector_sends_nothing_and_lets_everybody_go():
    names, _, futures = gather([request(n) for n in range(3)], then=Collector.close)

    assert names == []
    assert all(future.cancelled() for future in futures)


@settings(deadline=None, max_examples=15)
@given(
    sizes=st.lists(st.integers(0, 1500), max_size=12),
    most_requests=st.integers(1, 5),
    most_bytes=st.integers(1000, 4000),
)
def test_every_request_is_sent_once_and_within_the_limits(sizes, most_requests, most_bytes):
    requests = [request(n, size=size) for n, size in enumerate(sizes)]
    names, _, _ = gather(requests, most_requests=most_requests, most_bytes=most_bytes)

    assert sorted(name for batch in names for name in batch) == list(range(len(sizes)))
    for batch in names:
        assert len(batch) <= most_requests
        assert len(batch) == 1 or sum(sizes[name] for name in batch) <= most_bytes
