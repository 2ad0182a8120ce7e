"""10,000 votes by 20 raters at once, each through HTTP to `evalrunner human serve`.

    python benchmarks/human_votes.py [--small]

A vote's response comes once the vote is on disk, and carries the next task. No rater ever thinks:
there are always 20 votes under way. Bars: none lost, and 99 % of them answered within 100 ms.
"""

from __future__ import annotations

import http.client
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from importlib import metadata
from pathlib import Path

import harness

from evalrunner.store.people import HumanExport, read_votes, write_export
from evalrunner.types.people import CHOICES, Task

RATERS, BAR_MS = 20, 100
WORDS = ("the", "parcel", "is", "late", "and", "we", "are", "sorry", "that", "you", "still", "wait")
_TICKS = os.sysconf("SC_CLK_TCK")


def main() -> None:
    options = harness.arguments(__doc__)
    each = (1_000 if options.small else 10_000) // RATERS
    with tempfile.TemporaryDirectory(prefix="evalrunner-benchmark-") as name:
        rows = rate(Path(name), each)
    harness.show(
        f"{RATERS * each:,} votes by {RATERS} raters at once",
        ("what", "measured", "bar", "met"),
        rows,
        f"starlette {metadata.version('starlette')}, uvicorn {metadata.version('uvicorn')}",
    )


def rate(run: Path, each: int) -> list[tuple[object, ...]]:
    """Every rater's `each` tasks, and what became of the votes."""
    export(run, each)
    server_core, client_core = harness.cores()
    words = [sys.executable, "-m", "evalrunner", "human", "serve", str(run), "--no-open"]
    process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    if server_core is not None and client_core is not None:
        os.sched_setaffinity(process.pid, {server_core})
        os.sched_setaffinity(0, {client_core})
    assert process.stdout is not None
    links = [process.stdout.readline().split()[1] for _ in range(RATERS)]
    before, started = cpu_s(process.pid), time.perf_counter()
    with ThreadPoolExecutor(RATERS) as pool:
        raters = list(pool.map(rater, links))
    wall, used = time.perf_counter() - started, cpu_s(process.pid) - before
    # Nothing is given a chance to be written later.
    process.kill()
    process.wait()
    said = [vote for votes, _ in raters for vote in votes]
    taken = sorted(1000 * second for _, seconds in raters for second in seconds)
    lost = len(said) - len({*said} & {(vote.task_id, vote.vote) for vote in read_votes(run)[0]})
    p50, p99 = taken[len(taken) // 2], taken[len(taken) * 99 // 100]
    return [
        ("votes that got a response", len(said), RATERS * each, met(len(said) == RATERS * each)),
        ("of them lost, after kill -9", lost, 0, met(lost == 0)),
        ("p50 of a vote, ms", p50, "", ""),
        ("p99 of a vote, ms", p99, BAR_MS, met(p99 < BAR_MS)),
        ("slowest, ms", taken[-1], "", ""),
        ("votes/s", len(said) / wall, "", ""),
        ("CPU of the server, ms a vote", 1000 * used / len(said), "", ""),
    ]


def export(run: Path, each: int) -> None:
    """A run directory with tasks of about 1 kB."""
    rng = random.Random(0)
    (run / "plan.json").write_text('{"schema_version": 1}')
    names = [f"rater-{n}" for n in range(RATERS)]
    tasks = [
        Task(
            task_id=f"{rng.getrandbits(64):016x}",
            rater=name,
            order=place,
            kind="pairwise",
            input=" ".join(rng.choices(WORDS, k=40)),
            output_a=" ".join(rng.choices(WORDS, k=80)),
            output_b=" ".join(rng.choices(WORDS, k=80)),
            rating_criteria=("polite", "short"),
            instructions="Which would you send?",
        )
        for name in names
        for place in range(each)
    ]
    write_export(run, HumanExport(settings={"raters": names}, tasks=tasks, key=[]))


def rater(link: str) -> tuple[list[tuple[str, str]], list[float]]:
    """Vote until there is nothing left: (task, vote) of each, and how long its response took."""
    _, _, address, _, token = link.split("/")
    connection = http.client.HTTPConnection(address, timeout=60)
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    rng = random.Random(token)
    connection.request("GET", "/api/task", headers=headers)
    task = json.loads(connection.getresponse().read())["task"]
    votes, seconds = [], []
    while task is not None:
        vote = rng.choice(CHOICES)
        body = json.dumps({"task_id": task["task_id"], "vote": vote, "seconds": 1.5})
        started = time.perf_counter()
        connection.request("POST", "/api/votes", body, headers)
        answer = connection.getresponse()
        view = json.loads(answer.read())
        seconds.append(time.perf_counter() - started)
        if answer.status != 200:
            raise SystemExit(f"{answer.status}: {view}")
        votes.append((task["task_id"], vote))
        task = view["task"]
    connection.close()
    return votes, seconds


def cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def met(holds: bool) -> str:
    return harness.verdict(holds=holds)


if __name__ == "__main__":
    main()
