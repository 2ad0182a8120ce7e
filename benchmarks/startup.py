"""How long the command takes before it does anything, and how long a plan takes.

    python benchmarks/startup.py [--small]

`--version` and `--help` against `python -c pass`, interleaved; bar: 4 times, and neither SDK,
matplotlib, scipy nor hydra imported. `plan` of 1, 12 and 100 cells; bars: 2 s for 12, 10 s for 100.
"""

from __future__ import annotations

import sys

import harness

HEAVY = ("anthropic", "openai", "matplotlib", "scipy", "hydra", "omegaconf", "numpy", "pydantic")
TIMES_BAR = 4.0
_ALL = tuple(",".join(f"{letter}{number}" for number in range(10)) for letter in "mp")
PLANS = {1: ("m0", "p0", None), 12: ("m0,m1,m2", "p0,p1,p2,p3", 2.0), 100: (*_ALL, 10.0)}


def main() -> None:
    options = harness.arguments(__doc__)
    rounds = 5 if options.small else 20
    with harness.project(n_cases=100) as project:
        _write_grid(project)
        starts = _starts(project, rounds)
        plans = _plans(project, 1 if options.small else 3)
    harness.show(
        f"Start-up, median of {rounds} interleaved rounds",
        ("command", "ms", "x python", "heavy modules", "met"),
        starts,
    )
    harness.show(
        "Plans of 100 cases a cell",
        ("command", "seconds", "CPU s", "bar s", "met"),
        plans,
    )


def _starts(project: harness.Project, rounds: int) -> list[tuple[object, ...]]:
    commands = {
        "python -c pass": [sys.executable, "-c", "pass"],
        "evalrunner --version": project.words("--version"),
        "evalrunner --help": project.words("--help"),
    }
    taken: dict[str, list[float]] = {name: [] for name in commands}
    core, _ = harness.cores()
    for _ in range(rounds):
        for name, words in commands.items():
            done = harness.measure(words, cwd=project.root, env=project.env, core=core)
            taken[name].append(1000 * done.wall_s)
    base = harness.middle(taken["python -c pass"])
    rows: list[tuple[object, ...]] = [("python -c pass", base, 1.0, "", "")]
    for name, words in list(commands.items())[1:]:
        found, times = _heavy_modules(project, words[-1]), harness.middle(taken[name]) / base
        holds = times <= TIMES_BAR and not found
        shown = ", ".join(found) or "none"
        rows.append((name, times * base, times, shown, harness.verdict(holds=holds)))
    return rows


def _heavy_modules(project: harness.Project, word: str) -> list[str]:
    """Which of the heavy modules a command imports."""
    code = (
        "import atexit, sys\n"
        "atexit.register(lambda: print('modules', *sys.modules))\n"
        "from evalrunner.cli import main\n"
        f"main([{word!r}])"
    )
    done = harness.measure([sys.executable, "-c", code], cwd=project.root, env=project.env)
    modules = done.out.rpartition("modules")[2].split()
    return [name for name in HEAVY if name in modules]


def _plans(project: harness.Project, rounds: int) -> list[tuple[object, ...]]:
    rows = []
    for n, (models, prompts, bar) in PLANS.items():
        words = project.words("plan", "dataset=cases", f"model={models}", f"prompt={prompts}")
        runs = [harness.measure(words, cwd=project.root, env=project.env) for _ in range(rounds)]
        if any(run.code for run in runs):
            raise SystemExit(runs[0].err)
        wall = harness.middle([run.wall_s for run in runs])
        cpu = harness.middle([run.cpu_s for run in runs])
        met = "" if bar is None else harness.verdict(holds=wall <= bar)
        rows.append((f"plan of {n}", wall, cpu, bar or "", met))
    return rows


def _write_grid(project: harness.Project) -> None:
    for i in range(10):
        model = f"provider: openai\nname: gpt-6-luna-{i}\nbase_url: http://127.0.0.1:9/v1\n"
        project.write(f"conf/model/m{i}.yaml", model)
        project.write(f"conf/prompt/p{i}.yaml", f"user: prompts/p{i}.j2\n")
        project.write(f"prompts/p{i}.j2", f"Answer in {i + 1} sentences.\n\n{{{{ input }}}}\n")


if __name__ == "__main__":
    main()
