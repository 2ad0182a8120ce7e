"""Wall time of a run whose answers are judged, against the ideal `samples * both / in flight`.

    python benchmarks/judge_pipeline.py [--small]

Candidate and judge are one model behind one gate: 100 requests in flight, whoever sends them. From
the start of the process to the last trial on disk, and to the end of the command with summary and
figures. Bars: 1.25 and 1.5 times the ideal.
"""

from __future__ import annotations

import harness

LATENCY_S = 0.2
IN_FLIGHT = 100
LAST_BAR, WHOLE_BAR = 1.25, 1.5
SDKS = ("openai", "anthropic")
CRITERIA = "[Names the office, Is polite, Is short]"


def main() -> None:
    options = harness.arguments(__doc__)
    n, rounds = (100, 1) if options.small else (1_000, 3)
    ideal = n * 2 * LATENCY_S / IN_FLIGHT
    taken: dict[str, list[tuple[float, float]]] = {sdk: [] for sdk in SDKS}
    client_core, server_core = harness.cores()
    with (
        harness.Server(latency=LATENCY_S, core=server_core) as server,
        harness.project(n_cases=n, url=server.url) as project,
    ):
        for sdk in SDKS:
            project.write(f"conf/judge/{sdk}.yaml", f"defaults:\n  - /model@model: {sdk}\n")
        for _ in range(rounds):
            for sdk in SDKS:
                taken[sdk].append(once(project, sdk, core=client_core))
        stats = server.stats()
    rows = []
    for sdk in SDKS:
        last, whole = (harness.middle(values) for values in zip(*taken[sdk], strict=True))
        for until, seconds, bar in (("last trial", last, LAST_BAR), ("whole", whole, WHOLE_BAR)):
            holds = harness.verdict(holds=seconds <= bar * ideal)
            rows.append((f"{sdk}, {until}", seconds, seconds / ideal, bar, holds))
    harness.show(
        f"Judge pipeline, {n:,} samples, candidate and judge {LATENCY_S * 1000:.0f} ms each, "
        f"{IN_FLIGHT} in flight, ideal {ideal:g} s, median of {rounds}",
        ("SDK, until", "seconds", "x ideal", "bar", "met"),
        rows,
        f"requests: {stats['n_paid']:,} for {2 * n * rounds * len(SDKS):,} answers and verdicts; "
        f"most in flight: {stats['most_in_flight']}",
    )


def once(project: harness.Project, sdk: str, *, core: int | None) -> tuple[float, float]:
    """Seconds until the last trial was on disk, and until the command ended."""
    project.forget()
    done = project.run(
        f"model={sdk}",
        f"judge={sdk}",
        "scorer=rubric",
        f"scorer.rubric.criteria={CRITERIA}",
        f"model.limits.concurrency={IN_FLIGHT}",
        f"judge.model.limits.concurrency={IN_FLIGHT}",
        core=core,
    )
    written_at = (project.runs()[-1] / "journal.jsonl").stat().st_mtime
    return written_at - done.started_at, done.wall_s


if __name__ == "__main__":
    main()
