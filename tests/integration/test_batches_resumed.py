"""Batches outlive the process that handed them over: whoever resumes never pays for them again."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest
from batch_server import EXPIRED, BatchServer
from batch_sessions import drop_records, index_of, records_of, session, stack, texts_of
from wire_models import APIS, request_for, settings_for
from wire_server import Reply

from evalrunner.errors import StoreError
from evalrunner.providers import gated
from evalrunner.store import RunStore

TEXTS = [f"question {n}" for n in range(6)]
ECHOES = [f"echo: {text}" for text in TEXTS]


@pytest.fixture
def server(wire, monkeypatch):
    monkeypatch.setattr(gated, "_BACKOFF_S", 0.01)
    return BatchServer(wire)


@pytest.fixture(params=APIS)
def settings(request, server):
    return settings_for(request.param, server.url, transport="batch")


def leave_it_out(server, settings, directory, texts=TEXTS):
    """A session that is interrupted while its batch is at the provider."""
    server.held = True
    results = session(
        directory, settings, texts, leave_when=lambda batched: "in progress" in batched.status
    )
    server.held = False
    assert set(results) == {None}


def test_batch_that_was_left_is_waited_for_and_not_bought_again(server, settings, tmp_path):
    """A26."""
    leave_it_out(server, settings, tmp_path)
    between = index_of(tmp_path)

    resumed = session(tmp_path, settings, TEXTS)

    (batch,) = between.batches
    assert between.possibly_billed == {}
    assert batch.id in server.batches
    assert texts_of(resumed) == ECHOES
    assert set(server.asked.values()) == {1}
    assert index_of(tmp_path).batches == ()


def test_equal_requests_are_left_and_collected_together(server, settings, tmp_path):
    same = [TEXTS[0]] * 3
    leave_it_out(server, settings, tmp_path, same)

    resumed = session(tmp_path, settings, same)

    assert texts_of(resumed) == ECHOES[:1] * 3
    assert server.asked == {TEXTS[0]: 1}


def test_batch_whose_id_was_lost_is_found_and_not_bought_again(server, settings, tmp_path):
    """A26: a crash between the creation of a batch and the record of its id."""
    leave_it_out(server, settings, tmp_path)
    drop_records(tmp_path, "batch_id")
    (lost,) = index_of(tmp_path).batches

    resumed = session(tmp_path, settings, TEXTS)

    assert lost.id is None
    assert texts_of(resumed) == ECHOES
    assert set(server.asked.values()) == {1}


def test_lost_batch_is_told_from_others_of_the_same_size(server, settings, tmp_path):
    """The others are newer and older, of other runs behind the same key."""
    runs = [tmp_path / name for name in ("older", "lost", "newer", "newest")]
    for number, run in enumerate(runs):
        run.mkdir()
        texts = TEXTS if run.name == "lost" else [f"{number} {text}" for text in TEXTS]
        leave_it_out(server, settings, run, texts)
    drop_records(tmp_path / "lost", "batch_id")

    resumed = session(tmp_path / "lost", settings, TEXTS)

    assert texts_of(resumed) == ECHOES
    assert set(server.asked.values()) == {1}


def test_batch_that_was_never_created_is_created_on_resume(server, settings, tmp_path):
    leave_it_out(server, settings, tmp_path)
    drop_records(tmp_path, "batch_id")
    server.batches.clear()

    resumed = session(tmp_path, settings, TEXTS)

    assert texts_of(resumed) == ECHOES
    assert set(server.asked.values()) == {1}
    assert index_of(tmp_path).possibly_billed == {}


def test_requests_that_no_batch_took_were_never_sent(server, settings, tmp_path):
    """A crash, or Ctrl-C, while requests were still being gathered."""
    results = session(
        tmp_path, settings, TEXTS, leave_when=lambda batched: len(batched._collector), linger_s=9
    )

    index = index_of(tmp_path)
    assert set(results) == {None}
    assert len(records_of(tmp_path, "intent")) == len(TEXTS)
    assert (index.possibly_billed, index.batches, server.batches) == ({}, (), {})


def test_resumed_run_adds_what_was_not_in_the_batch(server, settings, tmp_path):
    leave_it_out(server, settings, tmp_path, TEXTS[:4])

    resumed = session(tmp_path, settings, TEXTS)

    assert texts_of(resumed) == ECHOES
    assert [len(batch.items) for batch in server.batches.values()] == [4, 2]


def test_items_that_nobody_asks_for_stay_for_the_next_session(server, settings, tmp_path):
    leave_it_out(server, settings, tmp_path)

    first = session(tmp_path, settings, TEXTS[:2])
    (batch,) = index_of(tmp_path).batches
    second = session(tmp_path, settings, TEXTS)

    assert len(batch.settled) == 2
    assert texts_of(first) == ECHOES[:2]
    assert texts_of(second) == ECHOES
    assert set(server.asked.values()) == {1}


def test_who_asks_after_the_results_were_read_gets_them_too(server, settings, tmp_path):
    leave_it_out(server, settings, tmp_path)

    async def one_after_the_other():
        async with RunStore(tmp_path, index=index_of(tmp_path)) as store:
            outer, _ = stack(settings, store)
            try:
                return [await outer.complete(request_for(settings, text)) for text in TEXTS]
            finally:
                await outer.aclose()

    assert texts_of(asyncio.run(one_after_the_other())) == ECHOES
    assert set(server.asked.values()) == {1}


def test_who_asks_while_the_results_are_read_gets_them_too(server, settings, tmp_path):
    leave_it_out(server, settings, tmp_path)
    begun = asyncio.Event()

    def slow(content):
        if not begun.is_set():
            # As if the lines of all others had gone by before they were asked for.
            content = b"\n".join(line for line in content.split(b"\n") if b"question 0" in line)
        loop.call_soon_threadsafe(begun.set)
        return Reply(body=content, delay_s=0.2)

    server._download = slow

    async def run():
        async with RunStore(tmp_path, index=index_of(tmp_path)) as store:
            outer, _ = stack(settings, store)
            try:
                first = asyncio.create_task(outer.complete(request_for(settings, TEXTS[0])))
                await begun.wait()
                rest = (outer.complete(request_for(settings, text)) for text in TEXTS[1:])
                late = asyncio.gather(*rest)
                return [await first, *await late]
            finally:
                await outer.aclose()

    with asyncio.Runner() as runner:
        loop = runner.get_loop()
        results = runner.run(run())

    assert texts_of(results) == ECHOES
    assert set(server.asked.values()) == {1}


def test_expired_items_of_an_adopted_batch_go_again(server, settings, tmp_path):
    server.fate("question 2", EXPIRED)
    leave_it_out(server, settings, tmp_path)

    resumed = session(tmp_path, settings, TEXTS)

    assert texts_of(resumed) == ECHOES
    assert server.asked == Counter(TEXTS) + Counter(["question 2"])


def test_batch_that_is_gone_is_bought_again_and_possibly_billed(server, settings, tmp_path):
    """Results are kept for a month: who resumes later finds nothing."""
    leave_it_out(server, settings, tmp_path)
    server.batches.clear()

    resumed = session(tmp_path, settings, TEXTS)

    assert texts_of(resumed) == ECHOES
    assert set(index_of(tmp_path).possibly_billed.values()) == {1}


def test_key_that_stops_working_does_not_lose_the_batch(server, settings, tmp_path):
    server.replies.append(Reply(status=401, body={"error": {"message": "no such key"}}))

    refused = session(tmp_path, settings, TEXTS)
    (batch,) = index_of(tmp_path).batches
    resumed = session(tmp_path, settings, TEXTS)

    assert {error.kind.value for error in refused} == {"auth"}
    assert batch.settled == frozenset()
    assert index_of(tmp_path).possibly_billed == {}
    assert texts_of(resumed) == ECHOES
    assert set(server.asked.values()) == {1}


def test_interrupt_while_a_batch_is_being_created_keeps_its_id(server, settings, tmp_path):
    slow = server.handle

    def handle(seen):
        reply = slow(seen)
        is_creation = seen.method == "POST" and "batches" in seen.path
        return Reply(body=reply.body, status=reply.status, delay_s=0.3 * is_creation)

    server.wire.handler = handle
    results = session(tmp_path, settings, TEXTS, leave_when=lambda _: bool(server.batches))
    (batch,) = index_of(tmp_path).batches

    assert set(results) == {None}
    assert batch.id in server.batches


def test_disk_that_refuses_stops_before_anything_is_handed_over(server, settings, tmp_path):
    async def run():
        async with RunStore(tmp_path, index=index_of(tmp_path)) as store:
            outer, _ = stack(settings, store)

            def full(_):
                raise StoreError("no space left")

            store.batch_begun = full
            try:
                return await asyncio.gather(
                    *(outer.complete(request_for(settings, text)) for text in TEXTS),
                    return_exceptions=True,
                )
            finally:
                await outer.aclose()

    results = asyncio.run(run())

    assert {type(result) for result in results} == {StoreError}
    assert server.batches == {}


async def two_stacks(directory, both, *, until=None):
    """What two models say to all texts; those that still wait `until` something are left."""
    async with RunStore(directory, index=index_of(directory)) as store:
        stacks = [stack(settings, store) for settings in both]
        asked = (
            outer.complete(request_for(settings, text))
            for (outer, _), settings in zip(stacks, both, strict=True)
            for text in TEXTS
        )
        work = asyncio.gather(*asked, return_exceptions=True)
        try:
            while until and not until([b for _, b in stacks]):  # noqa: ASYNC110 - asks a server
                await asyncio.sleep(0.005)
            for _, batched in stacks if until is not None else ():
                batched.leave()
            return await work
        finally:
            for outer, _ in stacks:
                await outer.aclose()


def test_two_models_wait_for_batches_of_their_own_and_find_them_again(server, tmp_path):
    """A judge beside a candidate: the same layers twice over one journal."""
    both = [settings_for(api, server.url, transport="batch") for api in ("messages", "chat")]

    def are_out(stacks):
        return all("in progress" in batched.status for batched in stacks)

    server.held = True
    asyncio.run(two_stacks(tmp_path, both, until=are_out))
    server.held = False
    results = asyncio.run(two_stacks(tmp_path, both))

    assert texts_of(results) == ECHOES * 2
    assert [len(batch.items) for batch in server.batches.values()] == [len(TEXTS)] * 2
    assert len({name.rpartition("_")[0] for name in server.batches}) == 2
