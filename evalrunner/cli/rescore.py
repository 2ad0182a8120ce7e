"""`evalrunner rescore RUN`: other scorers or judges over answers that are recorded already."""

from __future__ import annotations

import argparse
import os
from datetime import UTC, datetime
from pathlib import Path

from evalrunner.cli.execute import execute, open_cache
from evalrunner.cli.run import asked, confirm, say_start, show_plan
from evalrunner.cli.screens import print_lines
from evalrunner.planning import Surroundings, freeze, make_plan
from evalrunner.planning.rescoring import rescoring
from evalrunner.project import Project
from evalrunner.report.changes import change_lines, write_changes
from evalrunner.store import create_run, read_json, run_directory


def main(arguments: argparse.Namespace) -> int:
    """Run the command; returns the exit code."""
    parent = run_directory(Path(arguments.run).resolve())
    root = arguments.project or read_json(parent / "manifest.json")["project"]
    project = Project(Path(root).resolve())
    at = datetime.now(UTC)
    grid, parts = rescoring(parent, arguments.overrides, project)
    settings = grid.cells[0].settings.run
    with open_cache([cell.settings for cell in grid.cells]) as cache:
        around = Surroundings(
            project=project,
            environ=os.environ,
            at=at,
            cache=cache if settings.cache == "use" else None,
            trusted_hosts=frozenset(arguments.trust_host),
        )
        plan = make_plan(grid, around, parts=parts)
        if arguments.dry_run:
            return show_plan(plan, arguments, at=at)
        plan = asked(plan.checked(), at=at)
        confirm(plan, yes=arguments.yes)
        frozen = freeze(plan, project, argv=arguments.argv, at=at, parent=str(parent))
        directory = create_run(project.root / settings.outputs, settings.name, frozen, at=at)
        say_start(plan, directory)
        code = execute(
            plan.cells,
            directory,
            cache=cache,
            paying=plan.paying_wires,
            as_json=arguments.json,
        )
    changes = write_changes(parent, directory)
    if not arguments.json:
        print_lines(change_lines(changes))
    return code
