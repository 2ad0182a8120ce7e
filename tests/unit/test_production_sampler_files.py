"""Files of a sampler: private, bounded, whole, and nobody's problem when the disk is."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
import threading
import time

import pytest

from evalrunner.production import Sampler
from evalrunner.production.daily import DailyFile

DAY = 86_400.0


def lines_in(sink):
    return [line for path in sorted(sink.glob("*.jsonl")) for line in path.read_text().splitlines()]


def log(sampler, n=1, text="a"):
    for _ in range(n):
        sampler.log(input=text, output="b")


def test_files_and_their_directory_are_private(tmp_path):
    sink = tmp_path / "new" / "logs"
    before = os.umask(0)
    try:
        with Sampler(1.0, sink) as sampler:
            log(sampler)
    finally:
        os.umask(before)

    [path] = sink.iterdir()
    assert stat.S_IMODE(sink.stat().st_mode) == 0o700
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_each_day_has_a_file_of_its_own(tmp_path):
    now = [DAY - 1]
    with Sampler(1.0, tmp_path, clock=lambda: now[0]) as sampler:
        log(sampler, 2)
        now[0] = DAY
        log(sampler)

    names = sorted(path.name for path in tmp_path.iterdir())
    assert [name[:11] for name in names] == ["1970-01-01-", "1970-01-02-"]
    assert all(f"-{os.getpid()}-" in name for name in names)
    assert len(lines_in(tmp_path)) == 3


def test_two_samplers_never_share_a_file(tmp_path):
    with Sampler(1.0, tmp_path) as one, Sampler(1.0, tmp_path) as other:
        log(one)
        log(other)

    assert len(list(tmp_path.iterdir())) == 2


def test_a_link_in_the_place_of_a_file_is_not_followed(tmp_path, monkeypatch):
    target = tmp_path / "target"
    target.write_text("")
    sink = tmp_path / "logs"
    sink.mkdir()
    monkeypatch.setattr(os, "urandom", bytes)
    (sink / f"1970-01-01-{os.getpid()}-00000000.jsonl").symlink_to(target)

    with Sampler(1.0, sink, clock=lambda: 0.0) as sampler:
        log(sampler)

    assert sampler.dropped_by == {"disk": 1}
    assert target.read_text() == ""


def test_a_file_that_was_removed_is_replaced(tmp_path):
    with Sampler(1.0, tmp_path) as sampler:
        log(sampler)
        sampler.flush()
        [path] = tmp_path.iterdir()
        path.unlink()
        log(sampler)

    assert len(lines_in(tmp_path)) == 1
    assert sampler.written == 2


def test_a_day_has_a_largest_size_for_all_together(tmp_path):
    now = [0.0]
    limits = {"max_bytes": 5000, "max_record_bytes": 1024, "clock": lambda: now[0]}
    with Sampler(1.0, tmp_path, **limits) as one, Sampler(1.0, tmp_path, **limits) as other:
        for sampler in (one, other):
            log(sampler, 100)
            sampler.flush()
        size = sum(path.stat().st_size for path in tmp_path.iterdir())
        now[0] = DAY
        log(other)

    assert 4500 < size <= 5000
    assert one.written + one.dropped_by["day full"] == 100
    assert other.written == 1
    assert other.dropped_by == {"day full": 100}


def test_a_directory_that_cannot_be_made_costs_records_only(tmp_path):
    (tmp_path / "file").write_text("")
    with Sampler(1.0, tmp_path / "file" / "logs") as sampler:
        log(sampler, 3)

    assert (sampler.written, sampler.dropped_by) == (0, {"disk": 3})


def test_a_directory_that_comes_back_is_used(tmp_path):
    blocker = tmp_path / "logs"
    blocker.write_text("")
    with Sampler(1.0, blocker) as sampler:
        log(sampler)
        sampler.flush()
        blocker.unlink()
        log(sampler)

    assert (sampler.written, sampler.dropped) == (1, 1)
    assert len(lines_in(blocker)) == 1


def test_a_full_device_costs_records_only(tmp_path, monkeypatch):
    """F13: failing disk; every write to /dev/full is refused."""
    real = os.open

    def open_full(path, *args, **kwargs):
        is_log = isinstance(path, str) and path.endswith(".jsonl")
        return real("/dev/full", os.O_WRONLY) if is_log else real(path, *args, **kwargs)

    monkeypatch.setattr(os, "open", open_full)
    with Sampler(1.0, tmp_path) as sampler:
        log(sampler, 3)

    assert (sampler.written, sampler.dropped_by) == (0, {"disk": 3})


_LIMITED = """
import resource, sys
from evalrunner.production import Sampler

resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
with Sampler(1.0, sys.argv[1]) as sampler:
    for number in range(50):
        sampler.log(input="x" * number, output="b", id="c")
print(sampler.written, sampler.dropped_by)
"""


def test_a_line_that_did_not_fit_leaves_no_part(tmp_path):
    """F13: the limit cuts a write short in the middle of a line, which is taken back."""
    done = subprocess.run(
        [sys.executable, "-c", _LIMITED, str(tmp_path)], capture_output=True, text=True, check=True
    )

    lines = lines_in(tmp_path)
    [path] = tmp_path.iterdir()
    assert all(json.loads(line)["id"] == "c" for line in lines)
    assert path.read_text().endswith("\n")
    assert done.stdout == f"{len(lines)} {{'disk': {50 - len(lines)}}}\n"
    assert done.stderr.count("\n") == 1


def test_a_part_that_cannot_be_taken_back_is_the_last_of_its_file(tmp_path, monkeypatch):
    file = DailyFile(str(tmp_path), max_bytes=None)
    file.append(b"first\n", 0.0)
    real = os.write

    def short(fd, data):
        monkeypatch.setattr(os, "write", refused)
        return real(fd, data[:3])

    def refused(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "write", short)
    with monkeypatch.context() as patched:
        patched.setattr(os, "ftruncate", refused)
        with pytest.raises(OSError, match="No space"):
            file.append(b"second\n", 0.0)
    monkeypatch.setattr(os, "write", real)
    file.append(b"third\n", 0.0)
    file.close()

    assert sorted(path.read_bytes() for path in tmp_path.iterdir()) == [b"first\nsec", b"third\n"]


def test_a_full_queue_drops_and_counts_and_never_waits(tmp_path):
    release = threading.Event()

    def slow(record):
        release.wait(30)
        return record

    with Sampler(1.0, tmp_path, redact=slow, max_queue=10) as sampler:
        log(sampler, 100)
        full = sampler.dropped_by["queue full"]
        release.set()

    assert 89 <= full <= 90
    assert sampler.written + full == 100


def test_waiting_texts_have_a_bound_of_their_own(tmp_path, monkeypatch):
    monkeypatch.setattr("evalrunner.production.writer._MOST_HELD", 100_000)
    release = threading.Event()

    def slow(record):
        release.wait(30)
        return record

    with Sampler(1.0, tmp_path, redact=slow) as sampler:
        log(sampler, 100, text="x" * 10_000)
        assert sampler.dropped_by["queue full"] > 85
        release.set()
        sampler.flush()
        log(sampler, text="again")

    assert json.loads(lines_in(tmp_path)[-1])["input"] == "again"


def test_a_disk_that_hangs_does_not_keep_anybody(tmp_path):
    """The deadline passes, and what was not written is counted."""
    hangs, release = threading.Event(), threading.Event()

    def hanging(record):
        hangs.set()
        release.wait(30)
        return record

    sampler = Sampler(1.0, tmp_path, redact=hanging)
    log(sampler, 5)
    hangs.wait(30)
    assert not sampler.flush(0.05)
    sampler.close(0.05)
    left = sampler.dropped_by["deadline"]
    release.set()

    assert left == 4


def test_a_slow_disk_is_waited_for_as_long_as_it_takes_something(tmp_path):
    def slow(record):
        time.sleep(0.15)
        return record

    with Sampler(1.0, tmp_path, redact=slow) as sampler:
        log(sampler, 10)
        sampler.close(1.0)

    assert (sampler.written, sampler.dropped) == (10, 0)


def test_many_threads_lose_nothing(tmp_path):
    with Sampler(1.0, tmp_path) as sampler:
        threads = [threading.Thread(target=log, args=(sampler, 200)) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    assert sampler.written == len(lines_in(tmp_path)) == 1600


def test_a_signal_handler_may_log(tmp_path):
    """A handler runs between any two steps of an interrupted log()."""
    with Sampler(1.0, tmp_path) as sampler:
        before = signal.signal(signal.SIGALRM, lambda *_: log(sampler, text="signal"))
        signal.setitimer(signal.ITIMER_REAL, 0.001, 0.001)
        try:
            log(sampler, 3000)
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, before)

    inputs = [json.loads(line)["input"] for line in lines_in(tmp_path)]
    assert inputs.count("a") == 3000
    assert sampler.written == len(inputs) > 3000
    assert sampler.dropped == 0


def test_no_thread_to_be_had_costs_records_only(tmp_path, monkeypatch):
    def refused(_):
        raise RuntimeError("can't start new thread")

    with Sampler(1.0, tmp_path) as sampler:
        with monkeypatch.context() as patched:
            patched.setattr(threading.Thread, "start", refused)
            log(sampler)
        log(sampler)

    assert (sampler.written, sampler.dropped_by) == (1, {"no thread": 1})
