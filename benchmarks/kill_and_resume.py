"""Killed at random moments and resumed until done: what was paid, and what was paid twice.

    python benchmarks/kill_and_resume.py [--small]

20 SIGKILLs over 1,500 cases with 8 in flight: every recorded answer is kept, no more than 8 answers
a kill are paid twice, and all that may have been paid unseen are listed as possibly billed. Then
5 SIGINTs: nothing is paid twice. The server counts.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import harness

IN_FLIGHT = 8
_PATIENCE_S = 120.0


def main() -> None:
    options = harness.arguments(__doc__)
    n, kills, interrupts = (300, 4, 2) if options.small else (1_500, 20, 5)
    rows = [
        interrupted(n, signal.SIGKILL, kills),
        interrupted(n, signal.SIGINT, interrupts),
    ]
    harness.show(
        f"{n:,} cases, {IN_FLIGHT} in flight, interrupted at random moments",
        (
            "signal",
            "sent",
            "mid-run",
            "answered",
            "recorded, bought again",
            "paid twice",
            "at most",
            "unseen",
            "listed",
            "met",
        ),
        rows,
        "mid-run: while requests were under way; unseen: paid, and not in the journal.",
    )


def interrupted(n: int, number: signal.Signals, times: int) -> tuple[object, ...]:
    """One run that gets a signal `times` times, then is finished."""
    chance = random.Random(7)
    client_core, server_core = harness.cores()
    kept: dict[str, int] = {}
    hits = sent = 0
    # Long enough that all signals come before the end.
    latency = 0.12 if number == signal.SIGKILL else 0.08
    with (
        harness.Server(latency=latency, jitter=0.5, core=server_core) as server,
        harness.project(n_cases=n, url=server.url) as project,
    ):
        while sent < times:
            process = _start(project, core=client_core)
            # Most signals come while requests are under way, some while the session starts.
            if chance.random() < 0.8:
                _wait_until_asking(server, process)
            time.sleep(chance.uniform(0, 1.2))
            busy = server.stats()["in_flight"] > 0
            if process.poll() is not None:
                break
            process.send_signal(number)
            code = process.wait(timeout=_PATIENCE_S)
            _expect(code in {-signal.SIGKILL, 130}, f"ended with {code}", project)
            sent, hits = sent + 1, hits + busy
            _drain(server)
            _note_recorded(project, server.stats()["paid"], kept)
        process = _start(project, core=client_core)
        _expect(process.wait(timeout=_PATIENCE_S) == 0, "the last resume failed", project)
        paid, summary = Counter(server.stats()["paid"]), project.summary()
    answered, listed = summary["cells"][0]["n_ok"], summary["run"]["possibly_billed"]
    again = sum(1 for text, count in kept.items() if paid[text] > count)
    twice = sum(count - 1 for count in paid.values())
    unseen = paid.total() - answered
    most = sent * IN_FLIGHT if number == signal.SIGKILL else 0
    holds = again == 0 and twice <= most and unseen <= listed and answered == n and sent == times
    return (
        number.name,
        sent,
        hits,
        answered,
        again,
        twice,
        most,
        unseen,
        listed,
        harness.verdict(holds=holds),
    )


def _start(project: harness.Project, *, core: int | None) -> subprocess.Popen[str]:
    """The run's first command, or the one that goes on with it."""
    run = _run(project)
    if run is None:
        limit = f"model.limits.concurrency={IN_FLIGHT}"
        words = ["--yes", "dataset=cases", "pricing=bench", "model=openai", limit]
    else:
        words = ["--resume", str(run)]
    return harness.start(project.words("run", *words), cwd=project.root, env=project.env, core=core)


def _run(project: harness.Project) -> Path | None:
    return next((run for run in project.runs() if (run / "journal.jsonl").exists()), None)


def _wait_until_asking(server: harness.Server, process: subprocess.Popen[str]) -> None:
    """Return when this session has sent something, or has ended."""
    before = server.stats()["n_paid"]
    deadline = time.monotonic() + _PATIENCE_S
    while server.stats()["n_paid"] == before and process.poll() is None:
        if time.monotonic() > deadline:
            raise SystemExit("the session never sent anything")
        time.sleep(0.005)


def _drain(server: harness.Server) -> None:
    """Return when the server has nothing under way any more."""
    while server.stats()["in_flight"]:
        time.sleep(0.01)


def _note_recorded(project: harness.Project, paid: Mapping[str, int], kept: dict[str, int]) -> None:
    """For each answer that is in the journal by now: how often it was paid up to here."""
    run = _run(project)
    for record in [] if run is None else harness.journal_records(run, "call"):
        body = json.loads(record["body"])
        text = body["output"][0]["content"][0]["text"]
        kept.setdefault(text, paid[text])


def _expect(claim: bool, what: str, project: harness.Project) -> None:
    if not claim:
        raise SystemExit(f"{what}\n{(project.root / 'stderr').read_text()}")


if __name__ == "__main__":
    if not hasattr(os, "fork"):
        raise SystemExit("signals are those of POSIX")
    main()
