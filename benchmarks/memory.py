"""Peak memory and time against the number of cases, with a Python function that echoes.

    python benchmarks/memory.py [--small | --full]

Bars: 100,000 cases under 400 MB; from 100,000 to 1,000,000 cases (`--full`, half an hour) less than
0.5 kB a case; time linear.
"""

from __future__ import annotations

import harness

BAR_MB = 400
BAR_BYTES = 500


def main() -> None:
    options = harness.arguments(__doc__, full="measure 1,000,000 cases too")
    sizes = [1_000, 10_000] if options.small else [10_000, 100_000]
    if options.full:
        sizes.append(1_000_000)
    rows: list[tuple[object, ...]] = []
    before: tuple[int, harness.Measured] | None = None
    with harness.project(n_cases=1) as project:
        for n in sizes:
            project.forget()
            project.write_cases(n)
            done = project.run("model=echo")
            growth = None if before is None else _growth(before, (n, done))
            shown = "" if growth is None else f"{growth:,.0f}"
            rows.append(
                (n, done.peak_mb, shown, done.wall_s, 1e6 * done.wall_s / n, _met(n, done, growth))
            )
            before = (n, done)
    harness.show(
        "Peak memory and time of `evalrunner run` with a Python function",
        ("cases", "peak MB", "more bytes a case", "seconds", "µs a case", "met"),
        rows,
        f"bars: 100,000 cases under {BAR_MB} MB; beyond them less than {BAR_BYTES} bytes a case",
    )


def _growth(smaller: tuple[int, harness.Measured], larger: tuple[int, harness.Measured]) -> float:
    """Bytes of peak memory for each further case."""
    return 1e6 * (larger[1].peak_mb - smaller[1].peak_mb) / (larger[0] - smaller[0])


def _met(n: int, done: harness.Measured, growth: float | None) -> str:
    if n > 100_000:
        return harness.verdict(holds=growth is not None and growth < BAR_BYTES)
    return harness.verdict(holds=done.peak_mb < BAR_MB)


if __name__ == "__main__":
    main()
