"""Client CPU per sample: `evalrunner run` against a bare loop on the same SDK and transport.

    python benchmarks/cpu_per_sample.py [--small]

User and system time of the client process alone, from its start to the finished summary, divided by
the samples; the marginal figures are the difference of two sizes, so without the fixed start-up
cost. Runs are interleaved, and the medians are compared. Bar: 1.6 times the bare loop.
"""

from __future__ import annotations

import sys

import harness

BAR = 1.6
IN_FLIGHT = 50


def main() -> None:
    options = harness.arguments(__doc__)
    sizes, rounds = ((500, 2_000), 1) if options.small else ((2_000, 20_000), 3)
    rows = [row for sdk in ("openai", "anthropic") for row in compare(sdk, sizes, rounds)]
    harness.show(
        f"Client CPU per sample, {sizes[1]:,} samples, {IN_FLIGHT} in flight, "
        f"median of {rounds} interleaved rounds",
        ("SDK, what is counted", "bare loop ms", "evalrunner ms", "ratio", f"<= {BAR}"),
        rows,
        "whole: from process start to its end, imports included; marginal: by difference to "
        f"{sizes[0]:,} samples.",
    )


def compare(sdk: str, sizes: tuple[int, int], rounds: int) -> list[tuple[object, ...]]:
    """Both ways of counting for one SDK."""
    found: dict[tuple[str, int], list[float]] = {}
    client_core, server_core = harness.cores()
    with (
        harness.Server(core=server_core) as server,
        harness.project(n_cases=sizes[0], url=server.url) as project,
    ):
        for _ in range(rounds):
            for n in sizes:
                bare = harness.measure(
                    [
                        sys.executable,
                        str(harness.HERE / "bare_loop.py"),
                        sdk,
                        server.url,
                        str(n),
                        str(IN_FLIGHT),
                    ],
                    cwd=project.root,
                    env=project.env,
                    core=client_core,
                )
                if bare.code != 0:
                    raise SystemExit(bare.err)
                found.setdefault(("bare", n), []).append(bare.cpu_s)
                project.forget()
                project.write_cases(n)
                run = project.run(
                    f"model={sdk}", f"model.limits.concurrency={IN_FLIGHT}", core=client_core
                )
                found.setdefault(("run", n), []).append(run.cpu_s)
    cpu = {key: harness.middle(values) for key, values in found.items()}
    small, large = sizes
    whole = [1000 * cpu[what, large] / large for what in ("bare", "run")]
    marginal = [
        1000 * (cpu[what, large] - cpu[what, small]) / (large - small) for what in ("bare", "run")
    ]
    return [
        (f"{sdk}, {name}", *pair, ratio, harness.verdict(holds=ratio <= BAR))
        for name, pair in (("whole", whole), ("marginal", marginal))
        for ratio in [pair[1] / pair[0]]
    ]


if __name__ == "__main__":
    main()
