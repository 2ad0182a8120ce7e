"""Wall time of a run against the ideal `samples * latency / in flight`.

    python benchmarks/wall_time.py [--small]

From the start of the process to the last trial on disk, and to the end of the command with summary
and figures. Bars: 1.15 times the ideal for OpenAI, 1.25 for Anthropic (whose import alone takes
1.5 s), 1.3 for the whole command.
"""

from __future__ import annotations

import harness

LATENCY_S = 0.5
IN_FLIGHT = 100
BARS = {"openai": 1.15, "anthropic": 1.25}
WHOLE_BAR = 1.3


def main() -> None:
    options = harness.arguments(__doc__)
    n, rounds = (200, 1) if options.small else (2_000, 3)
    ideal = n * LATENCY_S / IN_FLIGHT
    taken: dict[str, list[tuple[float, float]]] = {sdk: [] for sdk in BARS}
    most = {}
    client_core, server_core = harness.cores()
    with (
        harness.Server(latency=LATENCY_S, core=server_core) as server,
        harness.project(n_cases=n, url=server.url) as project,
    ):
        for _ in range(rounds):
            for sdk in BARS:
                taken[sdk].append(once(project, sdk, core=client_core))
                most[sdk] = server.stats()["most_in_flight"]
    rows = []
    for sdk, bar in BARS.items():
        last, whole = (harness.middle(values) for values in zip(*taken[sdk], strict=True))
        rows.append((f"{sdk}, last trial", last, last / ideal, bar, _holds(last / ideal, bar)))
        whole_ratio = whole / ideal
        rows.append(
            (f"{sdk}, whole", whole, whole_ratio, WHOLE_BAR, _holds(whole_ratio, WHOLE_BAR))
        )
    harness.show(
        f"Wall time, {n:,} samples at {LATENCY_S * 1000:.0f} ms, {IN_FLIGHT} in flight, ideal "
        f"{ideal:g} s, median of {rounds}",
        ("SDK, until", "seconds", "x ideal", "bar", "met"),
        rows,
        f"most requests in flight, as the server saw it: {max(most.values())}",
    )


def once(project: harness.Project, sdk: str, *, core: int | None) -> tuple[float, float]:
    """Seconds until the last trial was on disk, and until the command ended."""
    project.forget()
    done = project.run(f"model={sdk}", f"model.limits.concurrency={IN_FLIGHT}", core=core)
    # Nothing is written to the journal after the last trial.
    written_at = (project.runs()[-1] / "journal.jsonl").stat().st_mtime
    return written_at - done.started_at, done.wall_s


def _holds(ratio: float, bar: float) -> str:
    return harness.verdict(holds=ratio <= bar)


if __name__ == "__main__":
    main()
