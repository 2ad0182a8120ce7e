"""`evalrunner run` and `evalrunner plan`: compose, plan, ask, execute, report."""

from __future__ import annotations

import argparse
import json
import os
import sys
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from evalrunner.cli.execute import execute, open_cache, shown_path
from evalrunner.cli.gate import Gate
from evalrunner.cli.screens import plan_lines, print_lines, warning_lines
from evalrunner.config import compose, info, show
from evalrunner.errors import ConfigError, Problem
from evalrunner.formatting import n_of
from evalrunner.planning import Plan, Surroundings, freeze, make_plan
from evalrunner.project import Project
from evalrunner.runner.preflight import check_models
from evalrunner.store import create_run


def main(arguments: argparse.Namespace) -> int:
    """Run the command; returns the exit code."""
    if getattr(arguments, "resume", None):
        from evalrunner.cli.resume import resume

        return resume(arguments)
    project = Project(Path(arguments.project).resolve())
    overrides = tuple(arguments.overrides)
    if arguments.config_name:
        overrides = (f"--config-name={arguments.config_name}", *overrides)
    if arguments.cfg or arguments.info:
        sys.stdout.write(_shown(arguments, overrides, project))
        return 0
    gate = Gate.of(arguments) if arguments.command == "run" else None
    at = datetime.now(UTC)
    grid = compose(overrides, project)
    settings = grid.cells[0].settings.run
    with open_cache([cell.settings for cell in grid.cells]) as cache:
        around = Surroundings(
            project=project,
            environ=os.environ,
            at=at,
            cache=cache if settings.cache == "use" else None,
            trusted_hosts=frozenset(arguments.trust_host),
        )
        plan = make_plan(grid, around)
        if arguments.dry_run:
            return show_plan(plan, arguments, at=at)
        plan.checked()
        if gate is not None:
            gate.check_plan(plan.cells)
        plan = asked(plan, at=at)
        confirm(plan, yes=arguments.yes)
        frozen = freeze(plan, project, argv=arguments.argv, at=at)
        directory = create_run(project.root / settings.outputs, settings.name, frozen, at=at)
        say_start(plan, directory)
        return execute(
            plan.cells,
            directory,
            cache=cache,
            paying=plan.paying_wires,
            as_json=arguments.json,
            gate=gate,
        )


def _shown(arguments: argparse.Namespace, overrides: tuple[str, ...], project: Project) -> str:
    if arguments.info:
        return info(arguments.info, overrides, project)
    return show(
        overrides,
        project,
        what=arguments.cfg,
        package=arguments.package,
        resolve=arguments.resolve,
    )


def asked(plan: Plan, *, at: datetime) -> Plan:
    """The plan with what the providers say about its models. Raises ConfigError."""
    warnings = check_models(plan.paying_wires, environ=os.environ, today=at.date())
    return replace(plan, warnings=(*plan.warnings, *warnings))


def show_plan(plan: Plan, arguments: argparse.Namespace, *, at: datetime) -> int:
    """Print the plan, whatever keeps it from being run; raises ConfigError for that afterwards."""
    if arguments.online and not plan.problems:
        plan = asked(plan, at=at)
    if arguments.json:
        found = {"warnings": list(plan.warnings), "problems": [str(p) for p in plan.problems]}
        sys.stdout.write(json.dumps(plan.to_json() | found, indent=2) + "\n")
    else:
        print_lines(plan_lines(plan))
    sys.stdout.flush()
    plan.checked()
    return 0


def confirm(plan: Plan, *, yes: bool) -> None:
    """Ask before a run that may cost more than `run.confirm_above_usd`; refuse without a terminal.

    Raises ConfigError when the answer is not yes.
    """
    limit, ceiling = plan.cells[0].settings.run.confirm_above_usd, plan.cost.ceiling
    if yes or limit is None or ceiling is None or ceiling <= limit:
        return
    print_lines(plan_lines(plan, short=True), to=sys.stderr)
    where = "run.confirm_above_usd"
    if not sys.stdin.isatty():
        what = f"this run may cost up to ${ceiling:.2f}, more than ${limit}"
        raise ConfigError(Problem(where=where, what=what, hint="add --yes to spend it"))
    sys.stderr.write(f"This may cost up to ${ceiling:.2f}. Go on? [y/N] ")
    if input().strip().lower() not in {"y", "yes"}:
        raise ConfigError(Problem(where=where, what="not confirmed; nothing was spent"))


def say_start(plan: Plan, directory: Path) -> None:
    """Say what begins, what it may come to, and where it is written."""
    print_lines(warning_lines(plan.warnings), to=sys.stderr)
    sys.stderr.write(
        f"{n_of(len(plan.cells), 'cell')}, {n_of(plan.n_trials, 'trial')}, "
        f"{n_of(plan.n_to_pay, 'request')} to pay\n"
        f"run directory: {shown_path(directory)}\n"
    )
