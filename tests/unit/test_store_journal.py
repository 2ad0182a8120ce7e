"""The journal's lines and its writer: what is acknowledged is on disk, what is broken is known."""

from __future__ import annotations

import asyncio
import errno
import json
import os
import signal
import subprocess
import sys
import threading
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalrunner.errors import StoreError
from evalrunner.store.journal import (
    CorruptLineError,
    JournalWriter,
    cut_torn_tail,
    decode_line,
    encode_line,
    quarantine,
    read_at,
    read_lines,
)

TEXT = st.text(st.characters(exclude_categories=())).filter(
    # Two halves side by side are one character to JSON; no parser ever makes them separate.
    lambda text: json.loads(json.dumps(text)) == text
)
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)


def records(path):
    return [line.record for line in read_lines(path)]


def lines_of(n):
    return [encode_line({"type": "trial", "number": number}) for number in range(n)]


def run_writer(path, work, **changes):
    """What `work(writer)` returns; the writer is closed afterwards."""

    async def run():
        writer = JournalWriter(path, **{"after_sync": lambda _: None, **changes})
        try:
            return await work(writer)
        finally:
            await writer.close()

    return asyncio.run(run())


@given(st.dictionaries(TEXT.filter(lambda name: name != "crc"), JSON, max_size=4))
def test_line_carries_every_record_whole(fields):
    """A21: lone surrogates, NUL, U+2028 and line ends included."""
    record = {"type": "call", **fields}

    line = encode_line(record)

    assert line.isascii()
    assert line.count(b"\n") == 1
    assert decode_line(line) == record
    assert json.loads(line).keys() - {"crc"} == record.keys()


@pytest.mark.parametrize("text", ["\ud800", "a\x00b", "\u2028\u2029\x85", "\r\n", "😀"])
def test_awkward_text_comes_back_the_same(text):
    """A21."""
    assert decode_line(encode_line({"body": text})) == {"body": text}


def test_number_that_is_none_is_refused():
    with pytest.raises(ValueError, match="not JSON compliant"):
        encode_line({"latency_s": float("nan")})


@given(st.data())
def test_altered_line_is_never_taken_for_true(data):
    """E5: one changed byte anywhere."""
    line = encode_line({"type": "call", "key": "ab", "cost": 0.25})
    at = data.draw(st.integers(0, len(line) - 2))
    byte = data.draw(st.integers(0, 255).filter(lambda value: value != line[at]))

    altered = line[:at] + bytes([byte]) + line[at + 1 :]

    with pytest.raises(CorruptLineError):
        decode_line(altered)


@pytest.mark.parametrize("line", [b"\n", b"", b"{}\n", b'{"crc":"00000000"}\n', b"\xff" * 40])
def test_what_is_no_line_is_corrupt(line):
    with pytest.raises(CorruptLineError):
        decode_line(line)


def test_line_with_a_true_checksum_over_nonsense_is_corrupt():
    head = b'{"type":'
    line = b'%b,"crc":"%08x"}\n' % (head, zlib.crc32(head))

    with pytest.raises(CorruptLineError):
        decode_line(line)


def test_journal_cut_at_any_byte_keeps_every_whole_line(tmp_path):
    """E4: a kill or a power cut may end the file anywhere."""
    lines = lines_of(3)
    whole, path = b"".join(lines), tmp_path / "journal.jsonl"
    for end in range(len(whole) + 1):
        kept = whole[:end].count(b"\n")
        torn = end - sum(map(len, lines[:kept]))
        path.write_bytes(whole[:end])
        path.with_suffix(".torn").unlink(missing_ok=True)

        assert cut_torn_tail(path) == torn
        with path.open("ab") as file:
            file.write(encode_line({"type": "session"}))

        assert records(path) == [decode_line(line) for line in lines[:kept]] + [{"type": "session"}]
        assert path.with_suffix(".torn").exists() == bool(torn)


def test_torn_tail_is_kept_aside_and_said(tmp_path, caplog):
    """E4."""
    path = tmp_path / "journal.jsonl"
    path.write_bytes(lines_of(1)[0] + b"x" * 100_000)

    cut_torn_tail(path)

    assert (tmp_path / "journal.torn").read_bytes() == b"x" * 100_000 + b"\n"
    assert "100000 bytes" in caplog.text


@pytest.mark.parametrize("linked", ["journal.jsonl", "journal.torn"])
def test_links_are_not_followed(tmp_path, linked):
    """E14: nothing outside the run directory is cut or written."""
    outside, path = tmp_path / "outside", tmp_path / "run" / "journal.jsonl"
    outside.write_bytes(b"half a line")
    path.parent.mkdir()
    path.write_bytes(b"half a line")
    (path.parent / linked).unlink(missing_ok=True)
    (path.parent / linked).symlink_to(outside)

    with pytest.raises(OSError, match="symbolic") as caught:
        cut_torn_tail(path)

    assert caught.value.errno == errno.ELOOP
    assert outside.read_bytes() == b"half a line"


def test_writer_follows_no_link(tmp_path):
    """E14."""
    (tmp_path / "outside").write_bytes(b"")
    (tmp_path / "journal.jsonl").symlink_to(tmp_path / "outside")

    with pytest.raises(OSError, match="symbolic"):
        JournalWriter(tmp_path / "journal.jsonl", after_sync=lambda _: None)


def test_flipped_byte_costs_only_the_lines_it_touches(tmp_path):
    """E5: a newline that appears or goes away touches two lines, any other byte one."""
    lines = lines_of(4)
    whole, path = b"".join(lines), tmp_path / "journal.jsonl"
    good = [decode_line(line) for line in lines]
    for at in range(len(whole)):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 0b0000_0010]) + whole[at + 1 :])
        number = whole[:at].count(b"\n")
        lost = {number, number + 1} if whole[at] == ord("\n") else {number}

        found = [record for record in records(path) if record is not None]

        assert found == [record for n, record in enumerate(good) if n not in lost]


def test_damaged_lines_are_quarantined_with_their_numbers(tmp_path, caplog):
    """E5: the journal itself stays as it is, so that offsets hold."""
    path = tmp_path / "journal.jsonl"
    first, second, third = lines_of(3)
    damaged = second.replace(b"1", b"\xff", 1)
    path.write_bytes(first + damaged + third)

    quarantine(path)

    (copy,) = map(json.loads, (tmp_path / "journal.quarantine").read_text().splitlines())
    assert copy["line"] == 2
    assert copy["text"].encode("utf-8", "surrogateescape") == damaged
    assert path.read_bytes() == first + damaged + third
    assert "lines 2 " in caplog.text


@pytest.mark.parametrize("size", [10, 4_000, 4_096, 16_384, 70_000])
def test_record_is_read_at_its_offset_whatever_its_size(tmp_path, size):
    path = tmp_path / "journal.jsonl"
    first, long = encode_line({"a": 1}), encode_line({"body": "x" * size})
    path.write_bytes(first + long)
    fd = os.open(path, os.O_RDONLY)

    record = read_at(fd, len(first))

    os.close(fd)
    assert record == {"body": "x" * size}


def test_record_without_an_end_is_corrupt(tmp_path):
    path = tmp_path / "journal.jsonl"
    path.write_bytes(lines_of(1)[0][:-1])
    fd = os.open(path, os.O_RDONLY)

    with pytest.raises(CorruptLineError, match="no end"):
        read_at(fd, 0)

    os.close(fd)


def test_line_counts_as_written_only_after_the_sync(tmp_path, monkeypatch):
    """E8: nothing is acknowledged that a power cut could take away."""
    trace, sync = [], os.fdatasync

    def traced(fd):
        trace.append(("sync", path.read_bytes().count(b"\n")))
        sync(fd)

    path = tmp_path / "journal.jsonl"
    monkeypatch.setattr(os, "fdatasync", traced)

    async def work(writer):
        async def one(number):
            await asyncio.shield(writer.append({"number": number}))
            trace.append(("done", number))

        await asyncio.gather(*(one(number) for number in range(50)))

    run_writer(path, work)

    assert trace[0] == ("sync", 50)
    assert len(trace) == 51


def test_waiters_that_come_during_a_sync_share_the_next_one(tmp_path, monkeypatch):
    n_syncs, sync = [], os.fdatasync

    def slow(fd):
        n_syncs.append(1)
        sync(fd)
        # As on a busy disk; this is the writer's own thread.
        signal.sigtimedwait([], 0.05)

    monkeypatch.setattr(os, "fdatasync", slow)

    async def work(writer):
        async def one(number):
            await asyncio.sleep(number * 0.002)
            await asyncio.shield(writer.append({"number": number}))

        await asyncio.gather(*(one(number) for number in range(40)))

    run_writer(tmp_path / "journal.jsonl", work)

    assert len(records(tmp_path / "journal.jsonl")) == 40
    assert len(n_syncs) <= 5


def test_cancelled_waiter_cancels_nobody_else(tmp_path):
    async def work(writer):
        async def one():
            await asyncio.shield(writer.append({"type": "call"}))
            return "done"

        tasks = [asyncio.create_task(one()) for _ in range(5)]
        await asyncio.sleep(0)
        tasks[0].cancel()
        return await asyncio.gather(*tasks, return_exceptions=True)

    first, *others = run_writer(tmp_path / "journal.jsonl", work)

    assert isinstance(first, asyncio.CancelledError)
    assert others == ["done"] * 4
    assert len(records(tmp_path / "journal.jsonl")) == 5


def test_waiter_without_a_shield_does_not_stop_the_journal(tmp_path):
    async def work(writer):
        careless = asyncio.create_task(asyncio.wait_for(writer.append({"n": 0}), 0.001))
        await asyncio.gather(careless, return_exceptions=True)
        await asyncio.sleep(0.03)
        await asyncio.shield(writer.append({"n": 1}))

    run_writer(tmp_path / "journal.jsonl", work)

    assert records(tmp_path / "journal.jsonl") == [{"n": 0}, {"n": 1}]


def test_lines_are_in_the_file_at_once(tmp_path):
    """E1: an intent before anything is sent, an answer before its group: a kill loses neither."""
    path = tmp_path / "journal.jsonl"

    async def work(writer):
        writer.write_now({"type": "intent"})
        writer.append({"type": "call"})
        return records(path)

    assert run_writer(path, work) == [{"type": "intent"}, {"type": "call"}]


def test_keyed_lines_are_found_once_they_are_on_disk(tmp_path):
    async def work(writer):
        pending = writer.append({"body": "first"}, key="ab")
        before = writer.find("ab")
        await asyncio.shield(pending)
        writer.write_now({"type": "intent"})
        await asyncio.shield(writer.append({"body": "second"}, key="cd"))
        return before, writer.find("ab"), writer.find("cd"), writer.find("ef")

    found = run_writer(tmp_path / "journal.jsonl", work)

    assert found == (None, {"body": "first"}, {"body": "second"}, None)


def test_extras_are_handed_on_after_the_sync_in_one_piece(tmp_path):
    handed = []

    async def work(writer):
        for number in range(3):
            writer.append({"n": number}, extra=number)
        writer.append({"n": 3})

    run_writer(tmp_path / "journal.jsonl", work, after_sync=handed.append)

    assert handed == [[0, 1, 2]]


def test_close_writes_what_nobody_waited_for(tmp_path):
    async def work(writer):
        for number in range(3):
            writer.append({"n": number})
            await asyncio.sleep(0.001)

    run_writer(tmp_path / "journal.jsonl", work)

    assert records(tmp_path / "journal.jsonl") == [{"n": 0}, {"n": 1}, {"n": 2}]


class Disk:
    """`os.write` with room for so many bytes; a last write may be short, as on a real disk."""

    def __init__(self, monkeypatch, room):
        self.room = room
        self._write = os.write
        monkeypatch.setattr(os, "write", self.write)

    def write(self, fd, data):
        if self.room <= 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        n = self._write(fd, data[: self.room])
        self.room -= n
        return n


def test_full_disk_leaves_no_half_line_and_says_so(tmp_path, monkeypatch):
    """E6: a short write is a failure."""
    path, seen = tmp_path / "journal.jsonl", []

    async def work(writer):
        await asyncio.shield(writer.append({"n": 0}))
        disk = Disk(monkeypatch, room=20)
        with pytest.raises(StoreError, match="No space left"):
            await asyncio.shield(writer.append({"n": 1, "body": "x" * 100}))
        seen.extend(records(path))
        assert path.read_bytes().endswith(b"\n")
        with pytest.raises(StoreError, match="nothing more is sent"):
            writer.write_now({"type": "intent"})
        disk.room = 10_000

    run_writer(path, work)

    assert seen == [{"n": 0}]
    assert [record["n"] for record in records(path)] == [0, 1]


def test_nothing_counts_behind_a_line_that_does_not_fit(tmp_path, monkeypatch):
    """E6: a trial must not be done while the answer that it scores is not on disk."""
    path = tmp_path / "journal.jsonl"

    async def work(writer):
        disk = Disk(monkeypatch, room=60)
        answer = writer.append({"n": 0, "body": "x" * 100})
        trial = writer.append({"n": 1})
        failures = await asyncio.gather(answer, trial, return_exceptions=True)
        disk.room = 10_000
        return [str(failure) for failure in failures], records(path)

    failures, on_disk = run_writer(path, work)

    assert "No space left" in failures[0]
    assert failures[1] == "an earlier line of the journal could not be written"
    assert on_disk == []
    assert [record["n"] for record in records(path)] == [0, 1]


def test_answers_kept_in_memory_are_lost_loudly_when_the_disk_stays_full(tmp_path, monkeypatch):
    """E6."""

    async def work(writer):
        await asyncio.shield(writer.append({"n": 0}))
        Disk(monkeypatch, room=0)
        writer.append({"n": 1})

    with pytest.raises(StoreError, match="every earlier answer is intact"):
        run_writer(tmp_path / "journal.jsonl", work)

    assert records(tmp_path / "journal.jsonl") == [{"n": 0}]


@pytest.mark.parametrize("delay_s", [0.0, 0.01])
def test_no_timer_of_a_closed_journal_fires(tmp_path, monkeypatch, delay_s):
    """E6: on a disk that stays full the last group is given up, and its timer with it."""
    faults = []

    async def run():
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _, context: faults.append(context))
        writer = JournalWriter(
            tmp_path / "journal.jsonl", after_sync=lambda _: None, group_delay_s=delay_s
        )
        first = writer.append({"n": 0})
        Disk(monkeypatch, room=0)
        writer.append({"n": 1})
        with pytest.raises(StoreError, match="No space left"):
            await writer.close()
        await asyncio.sleep(0.03)
        late = [writer.append({"n": 2})]
        with pytest.raises(StoreError):
            writer.write_now({"n": 3})
        return await asyncio.gather(first, *late, return_exceptions=True)

    first, late = asyncio.run(run())

    assert faults == []
    assert first is None
    assert str(late) == "the journal is closed"
    assert records(tmp_path / "journal.jsonl") == [{"n": 0}]


def test_what_to_do_about_a_full_disk_is_the_owners_to_say(tmp_path, monkeypatch):
    async def work(writer):
        Disk(monkeypatch, room=0)
        writer.append({"n": 1})

    with pytest.raises(StoreError) as caught:
        run_writer(tmp_path / "votes.jsonl", work, remedy="Sweep the disk")

    assert str(caught.value).startswith("cannot write votes.jsonl: No space left on device")
    assert str(caught.value).endswith("every earlier answer is intact. Sweep the disk")


def test_refused_intent_is_an_error_of_the_store(tmp_path, monkeypatch):
    async def work(writer):
        disk = Disk(monkeypatch, room=0)
        with pytest.raises(StoreError, match="No space left"):
            writer.write_now({"type": "intent"})
        disk.room = 1_000

    run_writer(tmp_path / "journal.jsonl", work)

    assert records(tmp_path / "journal.jsonl") == []


def test_nothing_is_appended_behind_half_a_line_that_could_not_be_cut(tmp_path, monkeypatch):
    """E4, E6: the cut is tried again before the next line."""
    truncate, fails = os.ftruncate, [True]

    def stubborn(fd, length):
        if fails and fails.pop():
            raise OSError(errno.EIO, "Input/output error")
        truncate(fd, length)

    monkeypatch.setattr(os, "ftruncate", stubborn)

    async def work(writer):
        disk = Disk(monkeypatch, room=10)
        with pytest.raises(StoreError):
            writer.write_now({"type": "intent"})
        disk.room = 1_000
        writer.write_now({"type": "session"})

    run_writer(tmp_path / "journal.jsonl", work)

    assert records(tmp_path / "journal.jsonl") == [{"type": "session"}]
    assert not fails


def test_disk_that_never_syncs_is_said_at_the_end(tmp_path, monkeypatch):
    """E8."""

    def broken(fd):
        raise OSError(errno.EIO, "Input/output error")

    async def work(writer):
        monkeypatch.setattr(os, "fdatasync", broken)
        writer.append({"n": 1})

    with pytest.raises(StoreError, match="could not be synced"):
        run_writer(tmp_path / "journal.jsonl", work)


def test_failed_sync_is_not_an_acknowledgement(tmp_path, monkeypatch):
    """E8: the line is written again at the end."""
    sync, fails = os.fdatasync, [True]

    def broken(fd):
        if fails and fails.pop():
            raise OSError(errno.EIO, "Input/output error")
        sync(fd)

    monkeypatch.setattr(os, "fdatasync", broken)

    async def work(writer):
        with pytest.raises(StoreError, match="Input/output"):
            await asyncio.shield(writer.append({"n": 1}, key="ab"))
        return writer.find("ab")

    assert run_writer(tmp_path / "journal.jsonl", work) is None
    assert {"n": 1} in records(tmp_path / "journal.jsonl")


def test_nothing_counts_behind_a_failed_sync(tmp_path, monkeypatch):
    """E8: the next group's own sync would work, and say nothing about the lines before it."""
    sync = os.fdatasync

    async def work(writer):
        loop, started, appended = asyncio.get_running_loop(), asyncio.Event(), threading.Event()

        def broken(fd):
            monkeypatch.setattr(os, "fdatasync", sync)
            loop.call_soon_threadsafe(started.set)
            appended.wait(timeout=10)
            raise OSError(errno.EIO, "Input/output error")

        monkeypatch.setattr(os, "fdatasync", broken)
        answer = writer.append({"n": 0})
        await started.wait()
        trial = writer.append({"n": 1})
        appended.set()
        return await asyncio.gather(answer, trial, return_exceptions=True)

    failures = run_writer(tmp_path / "journal.jsonl", work)

    assert [isinstance(failure, StoreError) for failure in failures] == [True, True]
    assert [record["n"] for record in records(tmp_path / "journal.jsonl")][-2:] == [0, 1]


def test_killed_process_loses_no_acknowledged_record(tmp_path):
    """E1: SIGKILL in the middle of the stream, three times, into one journal."""
    path = tmp_path / "journal.jsonl"
    acknowledged = set()
    for life in range(3):
        command = [sys.executable, "-c", KILLED, str(path), str(life)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
            told = [child.stdout.readline().strip() for _ in range(100)]
            child.kill()
            told += child.stdout.read().splitlines()
        acknowledged |= set(told) - {""}
        cut_torn_tail(path)

    found = [f"{record['life']}-{record['n']}" for record in records(path)]

    assert len(acknowledged) >= 300
    assert acknowledged <= set(found)
    assert len(found) == len(set(found))


KILLED = """
import asyncio, sys
from pathlib import Path
from evalrunner.store.journal import JournalWriter

async def main(path, life):
    writer = JournalWriter(path, after_sync=lambda _: None)
    numbers = iter(range(100_000))
    async def work():
        for n in numbers:
            await asyncio.shield(writer.append({"life": life, "n": n, "body": "x" * 500}))
            sys.stdout.write(f"{life}-{n}\\n")
            sys.stdout.flush()
    await asyncio.gather(*(work() for _ in range(20)))

asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2])))
"""


def test_full_disk_of_a_real_process(tmp_path):
    """E6: a file size limit of the kernel; earlier records intact, later ones at the end."""
    path = tmp_path / "journal.jsonl"

    done = subprocess.run(
        [sys.executable, "-c", FULL, str(path)], capture_output=True, text=True, check=True
    )

    assert done.stdout.split() == ["0", "StoreError", "1", "whole", "closed"]
    assert [record["n"] for record in records(path)] == [0, 1]


FULL = """
import asyncio, resource, signal, sys
from pathlib import Path
from evalrunner.errors import StoreError
from evalrunner.store.journal import JournalWriter, read_lines

def limit(n):
    resource.setrlimit(resource.RLIMIT_FSIZE, (n, resource.RLIM_INFINITY))

async def main(path):
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    writer = JournalWriter(path, after_sync=lambda _: None)
    await asyncio.shield(writer.append({"n": 0}))
    print(0)
    limit(path.stat().st_size + 100)
    try:
        await asyncio.shield(writer.append({"n": 1, "body": "x" * 5000}))
    except StoreError as error:
        print(type(error).__name__)
    print(len(list(read_lines(path))))
    print("whole" if path.read_bytes().endswith(b"\\n") else "torn")
    limit(resource.RLIM_INFINITY)
    await writer.close()
    print("closed")

asyncio.run(main(Path(sys.argv[1])))
"""
