"""The journal of a run under way: one owner, answers kept exactly, nothing paid twice."""

from __future__ import annotations

import asyncio
import errno
import os
import platform
import signal
import subprocess
import sys
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from evalrunner.errors import ConfigError, FailureKind, ProviderError, StoreError
from evalrunner.providers.cached import ResponseCache
from evalrunner.store import JOURNAL, CellShape, RunStore, read_index
from evalrunner.store.journal import read_lines
from evalrunner.types import Answer, Request

SHAPE = CellShape(cell=0, first=0, n=3, repeats=1)


def request(text="2+2?"):
    return Request.build(
        provider="openai",
        model="gpt-6-luna",
        origin="https://api.openai.com:443",
        path="/v1/responses",
        body={"input": text},
    )


def answer(body=b'{"output": "4"}', **changes):
    values = {"started_at": 1.5, "latency_s": 0.25, "attempts": 1, "request_id": "req_1"}
    return Answer(body=body, **{**values, **changes})


def trial(case=0, **changes):
    values = {"cell": 0, "case": case, "repeat": 0, "status": "ok", "cached": False}
    return {**values, "key": request().key, **changes}


def in_store(directory, work, **changes):
    """What `work(store)` returns, in one session of the run."""

    async def run():
        index = read_index(directory / JOURNAL, [SHAPE], resume=True)
        async with RunStore(directory, index=index, **changes) as store:
            return await work(store)

    return asyncio.run(run())


def records(directory, kind):
    found = [line.record for line in read_lines(directory / JOURNAL)]
    return [record for record in found if record["type"] == kind]


@given(st.binary(max_size=300))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25)
def test_body_comes_back_byte_for_byte(tmp_path, body):
    """A21: bytes that are no UTF-8 included."""
    kept = answer(body + b"\xed\xa0\x80\xff\x00\xe2\x80\xa8", service_tier="default")

    async def work(store):
        await store.record(request(repr(body)), kept, cached=False, spent_usd=Decimal("0.1"))
        return store.recorded(request(repr(body)).key)

    assert in_store(tmp_path, work) == kept


def test_answer_is_found_by_a_later_session(tmp_path):
    async def pay(store):
        await store.record(request(), answer(), cached=False, spent_usd=None)

    in_store(tmp_path, pay)

    async def look(store):
        return store.recorded(request().key), store.recorded(request("other").key)

    assert in_store(tmp_path, look) == (answer(), None)


def test_damaged_answer_is_not_there(tmp_path):
    """E5: it is asked for again rather than believed."""

    async def work(store):
        await store.record(request(), answer(), cached=False, spent_usd=None)
        path = tmp_path / JOURNAL
        path.write_bytes(path.read_bytes().replace(b"req_1", b"req_2"))
        return store.recorded(request().key)

    assert in_store(tmp_path, work) is None


def test_answers_that_were_paid_fill_the_cache_and_copies_do_not(tmp_path):
    cache = ResponseCache(tmp_path / "cache" / "responses.sqlite")

    async def work(store):
        await store.record(request("paid"), answer(), cached=False, spent_usd=None)
        await store.record(request("copy"), answer(), cached=True, spent_usd=None)

    in_store(tmp_path, work, cache=cache)
    found = cache.get(request("paid").key), cache.get(request("copy").key)
    cache.close()

    assert found == (answer(), None)


def test_intent_is_on_disk_when_the_call_returns(tmp_path):
    async def work(store):
        store.intend(request(), attempt=1, most_usd=Decimal("0.5"))
        return records(tmp_path, "intent")

    (intent,) = in_store(tmp_path, work)

    assert (intent["key"], intent["attempt"], intent["most_usd"]) == (request().key, 1, 0.5)


def test_failed_attempt_is_noted_without_keys(tmp_path, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-very-secret-0123456789")
    error = ProviderError(
        "the key sk-very-secret-0123456789 is wrong",
        kind=FailureKind.AUTH,
        status_code=401,
        body=b'{"error": "sk-very-secret-0123456789"}',
    )

    async def work(store):
        store.record_failure(request(), error, attempt=2)

    in_store(tmp_path, work)

    (failure,) = records(tmp_path, "failure")
    assert (failure["kind"], failure["status_code"], failure["attempt"]) == ("auth", 401, 2)
    assert "very-secret" not in (tmp_path / JOURNAL).read_text()


def test_every_session_has_a_number_of_its_own(tmp_path):
    async def attempt(store):
        store.intend(request(), attempt=1, most_usd=None)

    for _ in range(3):
        in_store(tmp_path, attempt)

    assert [record["session"] for record in records(tmp_path, "session")] == [1, 2, 3]
    assert [record["session"] for record in records(tmp_path, "intent")] == [1, 2, 3]
    index = read_index(tmp_path / JOURNAL, [SHAPE], resume=True)
    assert index.possibly_billed == {request().key: 3}


def test_trial_is_done_when_its_future_is(tmp_path):
    async def work(store):
        await asyncio.shield(store.record_trial(trial()))
        return len(records(tmp_path, "trial"))

    assert in_store(tmp_path, work) == 1


def test_answer_that_an_interrupted_session_paid_is_counted_once(tmp_path):
    """E1: answered, then killed before its trial was written; two trials want the answer."""

    async def pay(store):
        await store.record(request(), answer(), cached=False, spent_usd=Decimal("0.1"))

    async def use(store):
        await store.record_trial(trial(0, cached=True))
        await store.record_trial(trial(1, cached=True))

    in_store(tmp_path, pay)
    in_store(tmp_path, use)
    in_store(tmp_path, use)

    assert [record["cached"] for record in records(tmp_path, "trial")] == [False, True, True, True]


def test_answer_from_the_cache_is_nobodys_payment(tmp_path):
    async def copy(store):
        await store.record(request(), answer(), cached=True, spent_usd=None)

    async def use(store):
        await store.record_trial(trial(0, cached=True))

    in_store(tmp_path, copy)
    in_store(tmp_path, use)

    assert [record["cached"] for record in records(tmp_path, "trial")] == [True]


HOLD = """
import asyncio, sys
from pathlib import Path
from evalrunner.store import RunStore, read_index, JOURNAL

async def main(directory):
    index = read_index(directory / JOURNAL, [], resume=True)
    async with RunStore(directory, index=index):
        print("held", flush=True)
        await asyncio.sleep(60)

asyncio.run(main(Path(sys.argv[1])))
"""


def test_second_process_is_refused_and_told_who_is_first(tmp_path):
    """D9: and a killed process leaves no lock behind."""

    async def nothing(store):
        pass

    command = [sys.executable, "-c", HOLD, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(ConfigError, match="is in use by") as caught:
            in_store(tmp_path, nothing)
        holder.send_signal(signal.SIGKILL)

    assert f"process {holder.pid} on {platform.node()}" in str(caught.value)
    in_store(tmp_path, nothing)
    assert len(records(tmp_path, "session")) == 2


def test_refused_opening_frees_the_lock(tmp_path):
    """E14: the journal is a link to somewhere else."""
    (tmp_path / "outside").write_bytes(b"")
    (tmp_path / JOURNAL).symlink_to(tmp_path / "outside")

    async def nothing(store):
        pass

    with pytest.raises(StoreError, match="cannot open"):
        in_store(tmp_path, nothing)
    (tmp_path / JOURNAL).unlink()

    in_store(tmp_path, nothing)


def test_disk_that_is_full_at_the_start_is_said_before_anything_is_sent(tmp_path, monkeypatch):
    """E6."""
    write = os.write

    def full(fd, data):
        if str(tmp_path) in os.readlink(f"/proc/self/fd/{fd}"):  # noqa: PTH115 - a descriptor
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(fd, data)

    async def nothing(store):
        pass

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(StoreError, match="No space left"):
        in_store(tmp_path, nothing)
    monkeypatch.undo()

    in_store(tmp_path, nothing)
    assert [record["session"] for record in records(tmp_path, "session")] == [1]


def test_store_outside_its_block_is_a_mistake(tmp_path):
    index = read_index(tmp_path / JOURNAL, [], resume=True)

    with pytest.raises(RuntimeError, match="outside"):
        RunStore(tmp_path, index=index).recorded("aa" * 32)
