"""The journal alone: records that become durable in a second, by how many wait at a time.

    python benchmarks/journal.py [--small]

Each record is an answer of about 0.6 kB; a group of them shares one `fdatasync`.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from pathlib import Path

import harness

from evalrunner.store.journal import JournalWriter

BODY = "x" * 581


def main() -> None:
    options = harness.arguments(__doc__)
    n = 2_000 if options.small else 20_000
    with tempfile.TemporaryDirectory(prefix="evalrunner-benchmark-") as name:
        rows = [append(Path(name), n, workers) for workers in (1, 8, 50, 200, 1_000)]
    harness.show(
        "Journal, records of 0.6 kB, each awaited until it is on disk",
        ("waiting at a time", "records", "records/s", "CPU µs a record", "mean wait ms"),
        rows,
    )


def append(directory: Path, n: int, workers: int) -> tuple[object, ...]:
    """`workers` writers with one record each under way."""
    # One by one every record waits for a group of its own.
    n = min(n, 50 * workers)
    started, cpu = time.perf_counter(), time.process_time()
    asyncio.run(_append(directory / f"{workers}.jsonl", n, workers))
    wall, used = time.perf_counter() - started, time.process_time() - cpu
    return workers, n, n / wall, 1e6 * used / n, 1000 * wall * workers / n


async def _append(path: Path, n: int, workers: int) -> None:
    journal = JournalWriter(path, after_sync=lambda _: None)
    numbers = iter(range(n))

    async def work() -> None:
        for number in numbers:
            record = {"type": "call", "key": f"{number:064x}", "attempt": 1, "body": BODY}
            await asyncio.shield(journal.append(record, key=record["key"]))

    await asyncio.gather(*(work() for _ in range(workers)))
    await journal.close()


if __name__ == "__main__":
    main()
