"""Processes that are killed again and again, over one run directory and its layers."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from collections import Counter

from evalrunner.providers.cached import ResponseCache
from evalrunner.store import JOURNAL, CellShape, read_index, read_trials
from evalrunner.store.journal import read_lines

N_CASES = 300
IN_FLIGHT = 8
KILLS = 6
SHAPE = CellShape(cell=0, first=0, n=N_CASES, repeats=1)

SESSION = f"""
import asyncio, os, sys
from pathlib import Path
from evalrunner.providers import Limits
from evalrunner.providers.cached import Cached, ResponseCache
from evalrunner.providers.gate import Account, Gate
from evalrunner.providers.gated import Gated
from evalrunner.providers.recorded import Recorded
from evalrunner.providers.tariff import Tariff
from evalrunner.store import JOURNAL, CellShape, RunStore, read_index
from evalrunner.types import Completion, Request

N, IN_FLIGHT = {N_CASES}, {IN_FLIGHT}


class Paid:
    # What arrives here is paid: a line of a file that no kill takes back.
    def __init__(self, till):
        self.till = os.open(till, os.O_WRONLY | os.O_APPEND | os.O_CREAT)

    async def complete(self, request):
        os.write(self.till, request.key.encode() + b"\\n")
        await asyncio.sleep(0.02)
        return Completion(text="4", raw=b"4", started_at=1.0, latency_s=0.02)


async def main(run, till, cache):
    shape = CellShape(cell=0, first=0, n=N, repeats=1)
    index = read_index(run / JOURNAL, [shape], resume=True)
    gate = Gate(Limits(concurrency=IN_FLIGHT), account=Account())
    async with RunStore(run, index=index, cache=cache) as store:
        recorded = Recorded(Paid(till), store, tariff=Tariff(None))
        layers = Cached(
            Gated(recorded, gate, max_attempts=3),
            parse=lambda request, body: Completion(text=body.decode(), raw=body),
            recorder=store,
            cache=cache,
            mode="use",
        )
        owed = (case for case in range(N) if index.owed(0, case, 0))

        async def work():
            for case in owed:
                request = Request.build(
                    provider="openai", model="m", origin="", path="", body={{"input": case}}
                )
                completion = await layers.complete(request)
                await asyncio.shield(
                    store.record_trial(
                        {{
                            "cell": 0,
                            "case": case,
                            "repeat": 0,
                            "status": "ok",
                            "key": request.key,
                            "cached": completion.cached,
                        }}
                    )
                )

        await asyncio.gather(*(work() for _ in range(4 * IN_FLIGHT)))


run, till = Path(sys.argv[1]), Path(sys.argv[2])
cache = ResponseCache(Path(sys.argv[3])) if len(sys.argv) > 3 else None
asyncio.run(main(run, till, cache))
"""


def command(run, till, *cache):
    return [sys.executable, "-c", SESSION, str(run), str(till), *map(str, cache)]


def kill_during(process, run, *, after_answers):
    """SIGKILL once the journal has grown by so many answers."""
    path, before = run / JOURNAL, n_calls(run)
    while process.poll() is None and n_calls(run) < before + after_answers:
        time.sleep(0.005)
    assert path.exists()
    process.kill()
    process.wait()


def n_calls(run):
    path = run / JOURNAL
    return path.read_bytes().count(b'{"type":"call"') if path.exists() else 0


def test_kills_lose_no_recorded_answer_and_pay_twice_only_what_was_under_way(tmp_path):
    """E1: every recorded answer is kept, and all that may have been billed unseen is listed."""
    run, till, moments = tmp_path / "run", tmp_path / "till", random.Random(3)
    run.mkdir()
    for _ in range(KILLS):
        recorded = set(calls(run)) if n_calls(run) else set()
        with subprocess.Popen(command(run, till)) as process:
            kill_during(process, run, after_answers=moments.randint(1, 30))
        assert recorded <= set(calls(run))

    subprocess.run(command(run, till), check=True)

    paid = Counter(till.read_text().split())
    index = read_index(run / JOURNAL, [SHAPE], resume=False)
    assert index.n_done == len(paid) == N_CASES
    assert index.corrupt_lines == []
    assert set(calls(run).values()) == {1}
    assert sum(paid.values()) - N_CASES <= sum(index.possibly_billed.values())
    assert sum(index.possibly_billed.values()) <= KILLS * IN_FLIGHT
    # Each answer is the payment of exactly one trial.
    trials = [record for _, _, record in read_trials(run / JOURNAL, index, 0)]
    assert sum(record["cached"] for record in trials) == 0


def test_answers_of_a_killed_run_are_free_for_the_next_one(tmp_path):
    """E1: what was synced is in the cache, which can lag behind by one group at most."""
    first, second, till = tmp_path / "first", tmp_path / "second", tmp_path / "till"
    cache = tmp_path / "cache" / "responses.sqlite"
    for run in (first, second):
        run.mkdir()
    with subprocess.Popen(command(first, till, cache)) as process:
        kill_during(process, first, after_answers=100)
    recorded = set(calls(first))
    paid_before = len(till.read_text().split())

    subprocess.run(command(second, till, cache), check=True)

    paid = len(till.read_text().split()) - paid_before
    kept = ResponseCache(cache)
    n_kept = sum(kept.get(key) is not None for key in recorded)
    kept.close()
    assert n_kept == len(recorded)
    assert N_CASES - len(recorded) <= paid <= N_CASES - len(recorded) + 4 * IN_FLIGHT


def calls(run):
    """How often each key's answer was recorded."""
    records = (line.record for line in read_lines(run / JOURNAL))
    return Counter(record["key"] for record in records if record and record["type"] == "call")


def test_session_of_a_finished_run_has_nothing_to_do(tmp_path):
    run, till = tmp_path / "run", tmp_path / "till"
    run.mkdir()
    subprocess.run(command(run, till), check=True)
    size = till.stat().st_size

    subprocess.run(command(run, till), check=True)

    assert till.stat().st_size == size
    assert read_index(run / JOURNAL, [SHAPE], resume=True).sessions == 2
