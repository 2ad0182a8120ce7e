"""A provider that throttles: 50 workers against a bucket of 20 requests a second.

    python benchmarks/throttled.py [--small]

For each way in which a provider may say how long to wait. Nothing may be lost, and at least 85 % of
the permitted rate must be reached: the bucket's burst plus its rate times the time from the first
request to the last answer.
"""

from __future__ import annotations

import harness

RATE = 20.0
BURST = 20.0
IN_FLIGHT = 50
BAR = 0.85


def main() -> None:
    options = harness.arguments(__doc__)
    n = 100 if options.small else 300
    rows = [throttle(n, form) for form in ("ms", "seconds", "none")]
    harness.show(
        f"{n} cases, {IN_FLIGHT} workers, {RATE:g} requests/s with a burst of {BURST:g}",
        ("retry-after in", "lost", "refused", "seconds", "per second", "of permitted", "met"),
        rows,
    )


def throttle(n: int, form: str) -> tuple[object, ...]:
    """One run against a bucket that tells to wait in one form."""
    client_core, server_core = harness.cores()
    with (
        harness.Server(
            latency=0.1, rate=RATE, burst=BURST, retry_after=form, core=server_core
        ) as server,
        harness.project(n_cases=n, url=server.url) as project,
    ):
        limit = f"model.limits.concurrency={IN_FLIGHT}"
        project.run("model=openai", limit, "run.max_missing=1", core=client_core)
        seen, cell = server.stats(), project.summary()["cells"][0]
    lost = n - int(cell["n_ok"])
    share = seen["n_paid"] / (BURST + RATE * seen["seconds"])
    met = harness.verdict(holds=lost == 0 and share >= BAR)
    rate = seen["n_paid"] / seen["seconds"]
    return form, lost, seen["throttled"], seen["seconds"], rate, f"{share:.0%}", met


if __name__ == "__main__":
    main()
