"""Real processes: many into one directory, forked ones, and ends of every kind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections import Counter

import pytest

COMMON = """
import multiprocessing, os, signal, sys, threading, time
from evalrunner.production import Sampler, configure, log_for_evaluation, sampled

SINK = sys.argv[1]

def log(sampler, mark, n):
    for number in range(n):
        sampler.log(input=f"{mark}-{number}", output="x" * 500)
"""


def start(sink, code, **options):
    # Later versions of Python warn of forks beside threads, which is what these tests are about.
    flags = ["-W", "error", "-W", "ignore:This process:DeprecationWarning"]
    words = [sys.executable, *flags, "-c", COMMON + code, str(sink)]
    return subprocess.Popen(
        words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options
    )


def run(sink, code, **options):
    """Standard output of a process that has to end by itself."""
    process = start(sink, code, **options)
    out, err = process.communicate(timeout=60)

    assert (process.returncode, err) == (0, "")
    return out


def inputs_in(sink):
    """Inputs of all lines, all of which are whole."""
    texts = [path.read_text() for path in sink.glob("*.jsonl")]
    assert all(text.endswith("\n") for text in texts)
    return Counter(json.loads(line)["input"] for text in texts for line in text.splitlines())


def marks(sink):
    return Counter(name.partition("-")[0] for name in inputs_in(sink).elements())


def test_many_processes_in_one_directory_lose_and_tear_nothing(tmp_path):
    code = """
with Sampler(1.0, SINK) as sampler:
    log(sampler, f"p{os.getpid()}", 1000)
"""
    processes = [start(tmp_path, code) for _ in range(8)]
    for process in processes:
        assert process.communicate(timeout=60) == ("", "")

    assert len(list(tmp_path.iterdir())) == 8
    assert marks(tmp_path) == {f"p{process.pid}": 1000 for process in processes}
    assert max(inputs_in(tmp_path).values()) == 1


def test_a_process_that_ends_writes_what_is_queued(tmp_path):
    run(tmp_path, 'log(Sampler(1.0, SINK), "a", 2000)')

    assert marks(tmp_path) == {"a": 2000}


def test_a_process_that_fails_writes_what_is_queued(tmp_path):
    process = start(tmp_path, 'log(Sampler(1.0, SINK), "a", 2000)\nraise RuntimeError("broken")')
    _, err = process.communicate(timeout=60)

    assert "broken" in err
    assert marks(tmp_path) == {"a": 2000}


def test_a_process_stopped_in_the_usual_way_writes_what_is_queued(tmp_path):
    """SIGTERM with a handler that exits, as servers have it."""
    code = """
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
sampler = Sampler(1.0, SINK)
log(sampler, "a", 2000)
os.kill(os.getpid(), signal.SIGTERM)
time.sleep(60)
"""
    run(tmp_path, code)

    assert marks(tmp_path) == {"a": 2000}


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_a_process_that_is_killed_leaves_whole_lines(tmp_path, number):
    code = """
sampler = Sampler(1.0, SINK)
def tell():
    while sampler.written < 100:
        time.sleep(0.001)
    print("started", flush=True)
threading.Thread(target=tell).start()
while True:
    sampler.log(input="a-1", output="x" * 500)
"""
    process = start(tmp_path, code)
    assert process.stdout.readline() == "started\n"
    process.send_signal(number)
    process.communicate(timeout=60)

    assert process.returncode == -number
    assert marks(tmp_path)["a"] >= 100


def test_the_handler_of_the_application_stays_its_own(tmp_path):
    code = """
before = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)
log(Sampler(1.0, SINK), "a", 1)
print(before == (signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)))
"""
    assert run(tmp_path, code) == "True\n"


def test_a_hanging_disk_does_not_keep_a_process_from_ending(tmp_path):
    code = """
import evalrunner.production.writer as writer
writer.EXIT_STALL_S = 0.2
never = threading.Event()
for _ in range(3):
    log(Sampler(1.0, SINK, redact=lambda record: never.wait()), "a", 10)
"""
    run(tmp_path, code)

    assert list(tmp_path.iterdir()) == []


def test_a_forked_child_writes_its_own_and_nothing_twice(tmp_path):
    """The parent forks with records in its queue and a file open."""
    code = """
sampler = Sampler(1.0, SINK)
log(sampler, "before", 50)
sampler.flush()
log(sampler, "queued", 1000)
child = os.fork()
log(sampler, "child" if child == 0 else "parent", 1000)
sampler.close()
print("child" if child == 0 else "parent", sampler.written, sampler.dropped, flush=True)
if child == 0:
    os._exit(0)
os.waitpid(child, 0)
"""
    out = run(tmp_path, code)

    assert set(out.splitlines()) == {"child 1000 0", "parent 2050 0"}
    assert marks(tmp_path) == {"before": 50, "queued": 1000, "child": 1000, "parent": 1000}
    assert max(inputs_in(tmp_path).values()) == 1
    assert len(list(tmp_path.iterdir())) == 2


def test_a_child_may_be_forked_at_any_moment(tmp_path):
    """A thread that logs without end holds locks and has a half-written line at times."""
    code = """
sampler = Sampler(1.0, SINK)
stop = threading.Event()
def busy():
    while not stop.is_set():
        log(sampler, "busy", 100)
        sampler.flush()
thread = threading.Thread(target=busy)
thread.start()
for number in range(30):
    child = os.fork()
    if child == 0:
        sampler.log(input=f"child-{number}", output="b")
        sampler.close()
        os._exit(0 if sampler.written == 1 else 1)
    assert os.waitpid(child, 0)[1] == 0
stop.set()
thread.join()
"""
    run(tmp_path, code)

    found = inputs_in(tmp_path)
    assert [found[f"child-{number}"] for number in range(30)] == [1] * 30


def test_a_child_that_ends_normally_needs_no_close(tmp_path):
    code = """
sampler = Sampler(1.0, SINK)
log(sampler, "parent", 10)
child = os.fork()
if child == 0:
    log(sampler, "child", 500)
    sys.exit(0)
assert os.waitpid(child, 0)[1] == 0
"""
    run(tmp_path, code)

    assert marks(tmp_path) == {"parent": 10, "child": 500}


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_workers_of_multiprocessing_need_no_close(tmp_path, method):
    """They leave by os._exit when they were forked."""
    code = f"""
sampler = Sampler(1.0, SINK)
log(sampler, "parent", 10)
context = multiprocessing.get_context({method!r})
script = __import__("worker")
workers = [context.Process(target=script.work, args=(SINK, number)) for number in range(3)]
for worker in workers:
    worker.start()
for worker in workers:
    worker.join()
"""
    script = (
        "from evalrunner.production import Sampler\n"
        "def work(sink, mark):\n"
        "    sampler = Sampler(1.0, sink)\n"
        "    for number in range(300):\n"
        "        sampler.log(input=f'{mark}-{number}', output='b')\n"
    )
    (tmp_path / "worker.py").write_text(script)
    sink = tmp_path / "logs"

    run(sink, code, env={**os.environ, "PYTHONPATH": str(tmp_path)})

    assert marks(sink) == {"parent": 10, "0": 300, "1": 300, "2": 300}


def test_the_environment_configures_a_process(tmp_path):
    code = """
log_for_evaluation("direct-1", "b", {"topic": "sums"})

@sampled(rate=1.0)
def answer(question):
    return "b"

answer("decorated-1")
"""
    settings = {"EVALRUNNER_SAMPLE_RATE": "1.0", "EVALRUNNER_SAMPLE_DIR": str(tmp_path / "logs")}
    run(tmp_path, code, env={**os.environ, **settings})

    assert marks(tmp_path / "logs") == {"direct": 1, "decorated": 1}


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"EVALRUNNER_SAMPLE_RATE": "1.0"},
        {"EVALRUNNER_SAMPLE_DIR": "logs"},
        {"EVALRUNNER_SAMPLE_RATE": "0", "EVALRUNNER_SAMPLE_DIR": "logs"},
        {"EVALRUNNER_SAMPLE_RATE": "", "EVALRUNNER_SAMPLE_DIR": "logs"},
    ],
)
def test_without_both_variables_or_at_zero_nothing_happens(tmp_path, settings):
    code = """
log_for_evaluation("a-1", "b")
answer = sampled(rate=1.0)(lambda question: "b")
answer("a-2")
print(threading.active_count())
"""
    out = run(tmp_path, code, env={**os.environ, **settings}, cwd=tmp_path)

    assert out == "1\n"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("rate", ["lots", "2", "nan"])
def test_a_wrong_rate_in_the_environment_is_told_once_and_harms_nobody(tmp_path, rate):
    settings = {"EVALRUNNER_SAMPLE_RATE": rate, "EVALRUNNER_SAMPLE_DIR": "logs"}
    process = start(
        tmp_path,
        'log_for_evaluation("a-1", "b")\n' * 3 + 'print("done")',
        env={**os.environ, **settings},
        cwd=tmp_path,
    )
    out, err = process.communicate(timeout=60)

    assert (out, process.returncode) == ("done\n", 0)
    assert err.count("\n") == 1
    assert f"EVALRUNNER_SAMPLE_RATE must be a number from 0 to 1, not {rate!r}" in err


def test_configure_replaces_the_sampler_of_the_process(tmp_path):
    code = """
first = configure(1.0, SINK + "/one")
log_for_evaluation("a-1", "b", id="x")
second = configure(rate=1.0, sink=SINK + "/two")
log_for_evaluation("b-1", "b")
print(first.written, first.dropped_by)
first.log(input="a", output="b")
print(first.dropped_by)
"""
    out = run(tmp_path, code)

    assert out == "1 {}\n{'closed': 1}\n"
    assert marks(tmp_path / "one") == {"a": 1}
    assert marks(tmp_path / "two") == {"b": 1}
