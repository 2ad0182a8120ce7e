"""What sampling costs the application, what it keeps, and whether processes lose records.

    python benchmarks/sampler.py [--small]

Bars: 5 µs for a call outside of the sample, 50 µs for one inside; 10,000 ± 300 records of 1,000,000
calls at 1 % in bounded memory; 64 processes with 10,000 records each into one directory, none lost
and none torn. Texts are of 1 kB. A sampled call is timed while the writer is idle, as it is between
the calls of an application, and in a loop that keeps it busy.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import harness

from evalrunner.production import Sampler

TEXT = "Which of our offices answers a customer who asks for an invoice? " * 16
TURNS = [{"role": role, "content": TEXT[:500]} for role in ("system", "user", "assistant", "user")]
UNSAMPLED_BAR, SAMPLED_BAR = 5.0, 50.0
_MILLION = """
import resource, sys
from evalrunner.production import Sampler

text, most = sys.argv[2], lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
with Sampler(0.01, sys.argv[1]) as sampler:
    sampler.flush()
    before = most()
    for _ in range(int(sys.argv[3])):
        sampler.log(input=text, output=text)
print(sampler.written, sampler.dropped, most() - before)
"""
_WORKER = """
import sys
from evalrunner.production import Sampler

with Sampler(1.0, sys.argv[1]) as sampler:
    for number in range(int(sys.argv[3])):
        sampler.log(input=f"{sys.argv[4]}-{number}", output=sys.argv[2])
print(sampler.written, sampler.dropped)
"""


def main() -> None:
    options = harness.arguments(__doc__)
    scale = 10 if options.small else 1
    with tempfile.TemporaryDirectory(prefix="evalrunner-benchmark-") as name:
        root = Path(name)
        calls = _calls(root, 100_000 // scale)
        kept = [_million(root / "million", 1_000_000 // scale), _processes(root / "many", scale)]
    harness.show(
        "A call of log() in the application's thread, median",
        ("call", "µs", "CPU µs", "bar µs", "met"),
        calls,
    )
    harness.show(
        "What is kept",
        ("what", "records", "expected", "lost or torn", "more memory MB", "seconds", "met"),
        kept,
    )


def _calls(root: Path, n: int) -> list[tuple[object, ...]]:
    never = 1e-18
    topics = {"rates": {"a": never}, "category": "topic"}
    rows = [
        _unsampled("rate 0", Sampler(0, root), n),
        _unsampled("outside, random id", Sampler(never, root), n),
        _unsampled("outside, id given", Sampler(never, root), n, id="call-123456"),
        _unsampled(
            "outside, by category", Sampler(never, root, **topics), n, metadata={"topic": "a"}
        ),
    ]
    with Sampler(1.0, root / "calls", max_queue=10**6) as sampler:
        for name, value in (("texts", TEXT), ("4 messages", TURNS)):
            rows.append(
                _sampled(f"inside, {name}, idle writer", sampler, value, n // 100, idle=True)
            )
            rows.append(
                _sampled(f"inside, {name}, busy writer", sampler, value, n // 10, idle=False)
            )
    return rows


def _unsampled(name: str, sampler: Sampler, n: int, **more: object) -> tuple[object, ...]:
    blocks = 20
    walls, cpus = [], []
    for _ in range(blocks):
        wall, cpu = _timed(lambda: _log_many(sampler, n // blocks, more))
        walls.append(wall / (n // blocks))
        cpus.append(cpu / (n // blocks))
    return _row(name, walls, cpus, UNSAMPLED_BAR)


def _sampled(
    name: str, sampler: Sampler, value: object, n: int, *, idle: bool
) -> tuple[object, ...]:
    walls, cpus = [], []
    for _ in range(n):
        wall, cpu = _timed(lambda: sampler.log(input=value, output=TEXT))
        walls.append(wall)
        cpus.append(cpu)
        if idle:
            sampler.flush()
    sampler.flush(60)
    return _row(name, walls, cpus, SAMPLED_BAR)


def _log_many(sampler: Sampler, n: int, more: dict[str, object]) -> None:
    for _ in range(n):
        sampler.log(input=TEXT, output=TEXT, **more)


def _timed(work: Callable[[], None]) -> tuple[float, float]:
    """Wall and CPU seconds of this thread."""
    started, cpu = time.perf_counter(), time.thread_time()
    work()
    return time.perf_counter() - started, time.thread_time() - cpu


def _row(name: str, walls: list[float], cpus: list[float], bar: float) -> tuple[object, ...]:
    wall, cpu = 1e6 * harness.middle(walls), 1e6 * harness.middle(cpus)
    return name, wall, cpu, bar, harness.verdict(holds=wall <= bar)


def _million(sink: Path, n: int) -> tuple[object, ...]:
    started = time.perf_counter()
    written, dropped, kilobytes = map(int, _run(_MILLION, sink, n).communicate()[0].split())
    seconds = time.perf_counter() - started
    spread = 300 if n == 1_000_000 else 100
    records, torn = _read(sink)
    holds = abs(written - n // 100) <= spread and not dropped and not torn and records == written
    row = (f"{n:,} calls at 1 %", records, f"{n // 100:,} ± {spread}", dropped + torn)
    return *row, kilobytes / 1000, seconds, harness.verdict(holds=holds)


def _processes(sink: Path, scale: int) -> tuple[object, ...]:
    n_processes, n = 64, 10_000 // scale
    started = time.perf_counter()
    workers = [_run(_WORKER, sink, n, str(number)) for number in range(n_processes)]
    ends = [list(map(int, worker.communicate()[0].split())) for worker in workers]
    seconds = time.perf_counter() - started
    records, torn = _read(sink)
    expected = n_processes * n
    lost = expected - records
    holds = ends == [[n, 0]] * n_processes and lost == torn == 0
    row = (f"{n_processes} processes x {n:,}", records, expected, lost + torn)
    return *row, "", seconds, harness.verdict(holds=holds)


def _run(code: str, sink: Path, n: int, *more: str) -> subprocess.Popen[str]:
    words = [sys.executable, "-c", code, str(sink), TEXT, str(n), *more]
    return subprocess.Popen(words, stdout=subprocess.PIPE, text=True)


def _read(sink: Path) -> tuple[int, int]:
    """Distinct records, and lines that are none."""
    names, torn = set(), 0
    for path in sink.iterdir():
        with path.open() as file:
            for line in file:
                try:
                    names.add(json.loads(line)["id"])
                except ValueError:
                    torn += 1
    return len(names), torn


if __name__ == "__main__":
    main()
