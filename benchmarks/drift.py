"""`evalrunner production drift` on 10,000 logged calls: as long as a question, and as a page.

    python benchmarks/drift.py [--small]

The questions are those of banking77: its training file as production, its test set as the test
set. The pages are 250 random words of a vocabulary of 20,000. Bar: 10 s each.
"""

from __future__ import annotations

import json
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

import harness

from evalrunner.project import packaged

BAR_S = 10
WORDS, VOCABULARY = 250, 20_000


def main() -> None:
    options = harness.arguments(__doc__)
    n_cases, n_calls = (300, 1_000) if options.small else (3_000, 10_000)
    with tempfile.TemporaryDirectory(prefix="evalrunner-benchmark-") as name:
        root = Path(name)
        rows = [
            measured(
                root,
                "questions",
                questions("banking77", n_cases),
                questions("banking77_train", n_calls),
            ),
            measured(root, "pages", pages(n_cases, seed=1), pages(n_calls, seed=2)),
        ]
    harness.show(
        f"Drift of {n_calls:,} logged calls against {n_cases:,} cases",
        ("texts", "s", "CPU s", "peak MB", "bar s", "met"),
        rows,
        f"numpy {metadata.version('numpy')}, scipy {metadata.version('scipy')}",
    )


def measured(
    root: Path, name: str, cases: list[dict[str, str]], calls: list[dict[str, str]]
) -> tuple[object, ...]:
    """The command as a process of its own."""
    dataset, log = root / f"{name}.jsonl", root / f"{name}.log.jsonl"
    dataset.write_text("".join(f"{json.dumps(row)}\n" for row in cases))
    log.write_text("".join(f"{json.dumps(row)}\n" for row in records(calls)))
    words = [sys.executable, "-m", "evalrunner", "production", "drift", str(log)]
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    found = subprocess.run(
        [*words, "--dataset", str(dataset), "--json"], check=True, capture_output=True
    )
    wall = time.perf_counter() - started
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert json.loads(found.stdout)["n_calls"] == len(calls)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return name, wall, cpu, after.ru_maxrss / 1000, BAR_S, harness.verdict(holds=wall <= BAR_S)


def records(calls: list[dict[str, str]]) -> Iterator[dict[str, object]]:
    for number, call in enumerate(calls):
        yield {"id": f"call-{number}", "rate": 0.01, "output": "…", **call}


def questions(name: str, n: int) -> list[dict[str, str]]:
    path = packaged("datasets") / f"{name}.jsonl"
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    random.Random(0).shuffle(rows)
    return [{"input": row["input"], "category": row["expected_output"]} for row in rows[:n]]


def pages(n: int, *, seed: int) -> list[dict[str, str]]:
    """Frequent words are frequent: the rank of each is drawn as in natural text."""
    rng = random.Random(seed)
    ranks = [1 / (rank + 1) for rank in range(VOCABULARY)]
    drawn = iter(rng.choices(range(VOCABULARY), weights=ranks, k=n * WORDS))
    return [
        {
            "input": " ".join(f"w{next(drawn)}" for _ in range(WORDS)),
            "category": f"c{rng.randrange(20)}",
        }
        for _ in range(n)
    ]


if __name__ == "__main__":
    main()
