"""A hard budget with 40 requests in flight, and answers that cost anything up to their ceiling.

    python benchmarks/budget.py [--small]

The budget is 50 times what one call can cost at most. It may never be exceeded, by the server's own
account, and 95 to 100 % of it must be used.
"""

from __future__ import annotations

import json

import harness

IN_FLIGHT = 40
CALLS = 50
INPUT_USD, OUTPUT_USD = 1e-6, 4e-6
"""Per token, as `conf/pricing/bench.yaml` of the project has it."""


def main() -> None:
    options = harness.arguments(__doc__)
    seeds = range(2 if options.small else 8)
    rows = [spend(sdk, seed) for seed in seeds for sdk in ("openai", "anthropic")]
    harness.show(
        f"Budget of {CALLS} calls' ceilings, {IN_FLIGHT} in flight",
        ("SDK, seed", "budget $", "spent $ (server)", "spent $ (summary)", "used", "exit", "met"),
        rows,
    )


def spend(sdk: str, seed: int) -> tuple[object, ...]:
    """One run that ends by its budget."""
    client_core, server_core = harness.cores()
    with (
        harness.Server(
            latency=0.05, jitter=0.9, random_usage=True, seed=seed, core=server_core
        ) as server,
        harness.project(n_cases=1_000, url=server.url) as project,
    ):
        words = [f"model={sdk}", "dataset=cases", "pricing=bench"]
        budget = CALLS * _ceiling_usd(project, words)
        more = ["--yes", f"model.limits.concurrency={IN_FLIGHT}", f"run.budget_usd={budget:.6f}"]
        done = harness.measure(
            project.words("run", *words, *more), cwd=project.root, env=project.env, core=client_core
        )
        seen = server.stats()
        told = project.summary()["cells"][0]["cost"]["usd_spent"]
    spent = INPUT_USD * seen["input_tokens"] + OUTPUT_USD * seen["output_tokens"]
    used = spent / budget
    met = harness.verdict(holds=0.95 <= used <= 1 and done.code == 4)
    return (
        f"{sdk}, {seed}",
        f"{budget:.6f}",
        f"{spent:.6f}",
        _shown(told),
        f"{used:.1%}",
        done.code,
        met,
    )


def _ceiling_usd(project: harness.Project, words: list[str]) -> float:
    """The most that one call can cost, by the plan."""
    planned = harness.measure(
        project.words("plan", "--json", *words), cwd=project.root, env=project.env
    )
    plan = json.loads(planned.out)
    return float(plan["cost"]["ceiling"]) / int(plan["calls"]["to_pay"])


def _shown(usd: float | None) -> str:
    return "–" if usd is None else f"{usd:.6f}"


if __name__ == "__main__":
    main()
