"""What a journal says about batches: which requests are out, and what they may cost."""

from __future__ import annotations

import asyncio
from decimal import Decimal

import pytest

from evalrunner.errors import FailureKind, ProviderError
from evalrunner.store import JOURNAL, RunStore, read_index
from evalrunner.types import Answer, Batch, Request

REQUESTS = {
    name: Request.build(
        provider="openai", model="m", origin="http://x", path="/v1/responses", body={"n": name}
    )
    for name in "abc"
}
KEYS = {name: request.key for name, request in REQUESTS.items()}
ANSWER = Answer(body=b"{}", started_at=1.0, latency_s=None, attempts=1, request_id=None)


def batch(names, token="t1"):
    return Batch(
        token=token,
        model="m",
        origin="http://x",
        keys=tuple(KEYS[name] for name in names),
        begun_at=5.0,
    )


class Script:
    """Steps of one session, by their names."""

    def __init__(self, store):
        self.store = store

    def intend(self, names, *, batched=True):
        for name in names:
            usd = Decimal("0.5")
            self.store.intend(REQUESTS[name], attempt=1, most_usd=usd, batched=batched)

    async def begin(self, names, token="t1"):
        await self.store.batch_begun(batch(names, token))

    async def name(self, batch_id="b1", token="t1"):
        made = Batch(token=token, model="m", origin="", keys=(), begun_at=0.0, id=batch_id)
        await self.store.batch_created(made)

    async def answer(self, name, *, cached=False):
        spent = None if cached else Decimal("0.1")
        await self.store.record(REQUESTS[name], ANSWER, cached=cached, spent_usd=spent)

    def fail(self, name, *, possibly_billed=False):
        error = ProviderError("no", kind=FailureKind.SERVER, possibly_billed=possibly_billed)
        self.store.record_failure(REQUESTS[name], error, attempt=1)


def index_of(directory):
    return read_index(directory / JOURNAL, [], resume=True)


@pytest.fixture
def played(tmp_path):
    """Plays sessions, one after the other; returns what the journal then holds."""

    def play(*sessions):
        async def run(script):
            async with RunStore(tmp_path, index=index_of(tmp_path)) as store:
                await script(Script(store))

        for script in sessions:
            asyncio.run(run(script))
        return index_of(tmp_path)

    return play


async def hand_over(s):
    s.intend("abc")
    await s.begin("abc")
    await s.name()


def test_batch_without_outcomes_is_out_and_nothing_in_it_is_lost(played):
    index = played(hand_over)

    (found,) = index.batches
    assert (found.id, found.token, found.begun_at) == ("b1", "t1", 5.0)
    assert found.keys == tuple(KEYS.values())
    assert found.settled == frozenset()
    assert index.possibly_billed == {}


def test_what_is_out_is_booked_at_its_worst_case(played):
    async def session(s):
        await hand_over(s)
        await s.answer("a")

    index = played(session)

    assert index.held_usd == {KEYS["b"]: Decimal("0.5"), KEYS["c"]: Decimal("0.5")}
    assert index.spent_usd == {"m": Decimal("1.1")}


def test_outcomes_settle_items_whichever_session_saw_them(played):
    async def later(s):
        s.intend("ab")
        await s.answer("a")
        s.fail("b")

    index = played(hand_over, later)

    (found,) = index.batches
    assert found.settled == {KEYS["a"], KEYS["b"]}
    assert index.possibly_billed == {}
    assert list(index.held_usd) == [KEYS["c"]]


def test_batch_whose_items_are_all_settled_is_over(played):
    async def later(s):
        s.intend("abc")
        for name in "abc":
            await s.answer(name)

    assert played(hand_over, later).batches == ()


def test_killed_while_waiting_again_is_still_out_once(played):
    async def later(s):
        s.intend("abc")

    index = played(hand_over, later, later)

    assert len(index.batches) == 1
    assert index.possibly_billed == {}
    assert index.spent_usd == {"m": Decimal("1.5")}


def test_failed_item_goes_into_the_next_batch(played):
    async def session(s):
        await hand_over(s)
        s.fail("b")
        s.intend("b")
        await s.begin("b", "t2")
        await s.name("b2", "t2")

    first, second = played(session).batches

    assert (first.id, first.settled) == ("b1", {KEYS["b"]})
    assert (second.id, second.settled) == ("b2", frozenset())


def test_lost_answer_of_a_batch_is_possibly_billed(played):
    async def session(s):
        await hand_over(s)
        s.fail("a", possibly_billed=True)

    assert played(session).possibly_billed == {KEYS["a"]: 1}


def test_batch_that_was_never_created_held_nothing(played):
    async def session(s):
        s.intend("abc")
        await s.begin("abc")
        s.store.batch_void(batch("abc"))

    index = played(session)

    assert (index.batches, index.held_usd, index.spent_usd) == ((), {}, {})
    assert index.possibly_billed == {}


def test_intents_before_any_batch_were_never_sent(played):
    async def session(s):
        s.intend("abc")

    index = played(session)

    assert (index.batches, index.possibly_billed, index.spent_usd) == ((), {}, {})


def test_live_intents_without_an_outcome_are_possibly_billed_as_ever(played):
    async def session(s):
        s.intend("a", batched=False)

    assert played(session).possibly_billed == {KEYS["a"]: 1}


def test_answer_from_the_cache_gives_up_the_one_in_the_batch(played):
    async def later(s):
        await s.answer("a", cached=True)

    index = played(hand_over, later)

    assert index.possibly_billed == {KEYS["a"]: 1}
    assert index.batches[0].settled == {KEYS["a"]}
