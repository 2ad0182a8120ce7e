"""`evalrunner run` and `evalrunner plan`: compose, plan, ask, execute, report."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
from collections.abc import Callable
from contextlib import closing, nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from evalrunner.cli.display import show_progress
from evalrunner.cli.screens import ending_lines, plan_lines, print_lines, results
from evalrunner.config import compose, info, show
from evalrunner.datasets import CaseFile
from evalrunner.errors import ConfigError, Problem
from evalrunner.planning import Cell, Plan, Surroundings, freeze, make_plan, thaw
from evalrunner.project import Project
from evalrunner.providers.cached import ResponseCache
from evalrunner.report import build_report
from evalrunner.runner import CellProgress, Ending, Progress, Run, Stop
from evalrunner.store import (
    JOURNAL,
    JournalIndex,
    RunStore,
    create_run,
    read_index,
    read_json,
    run_directory,
    write_json,
)

_EXIT_CODES = {Stop.DISK: 5, Stop.INTERRUPTED: 130, Stop.REFUSED: 4, Stop.BUDGET: 4}
EXIT_MISSING = 3


def main(arguments: argparse.Namespace) -> int:
    """Run the command; returns the exit code."""
    if getattr(arguments, "resume", None):
        return _resume(arguments)
    project = Project(Path(arguments.project).resolve())
    overrides = tuple(arguments.overrides)
    if arguments.config_name:
        overrides = (f"--config-name={arguments.config_name}", *overrides)
    if arguments.cfg or arguments.info:
        sys.stdout.write(_shown(arguments, overrides, project))
        return 0
    at = datetime.now(UTC)
    grid = compose(overrides, project)
    settings = grid.cells[0].settings.run
    cache = open_cache(settings.cache_dir) if _uses_cache(grid.cells) else None
    with closing(cache) if cache else nullcontext():
        around = Surroundings(
            project=project,
            environ=os.environ,
            at=at,
            cache=cache if settings.cache == "use" else None,
            trusted_hosts=frozenset(arguments.trust_host),
        )
        plan = make_plan(grid, around)
        if arguments.dry_run:
            return _show_plan(plan, as_json=arguments.json)
        _confirm(plan, yes=arguments.yes)
        frozen = freeze(plan, project, argv=arguments.argv, at=at)
        directory = create_run(project.root / settings.outputs, settings.name, frozen, at=at)
        _say_start(plan, directory)
        return _execute(plan.cells, directory, cache=cache, as_json=arguments.json)


def _resume(arguments: argparse.Namespace) -> int:
    if arguments.overrides:
        typed = " ".join(arguments.overrides)
        what = f"a resumed run takes no overrides, it reads its frozen plan (given: {typed})"
        raise ConfigError(Problem(where="--resume", what=what, hint="start a new run for changes"))
    directory = run_directory(Path(arguments.resume))
    cells = thaw(directory)
    cache = open_cache(cells[0].settings.run.cache_dir) if _uses_cache(cells) else None
    with closing(cache) if cache else nullcontext():
        return _execute(cells, directory, cache=cache, as_json=arguments.json)


def open_cache(cache_dir: str | None) -> ResponseCache:
    """The response cache of this user, or of `run.cache_dir`."""
    return ResponseCache(cache_path(cache_dir))


def cache_path(cache_dir: str | None) -> Path:
    """Where the response cache is."""
    given = cache_dir or os.environ.get("EVALRUNNER_CACHE_DIR")
    if given:
        return Path(given).expanduser() / "responses.sqlite"
    import platformdirs

    return Path(platformdirs.user_cache_dir("evalrunner")) / "responses.sqlite"


def _uses_cache(cells: Any) -> bool:
    from evalrunner.providers import ApiModelSettings

    is_api = any(isinstance(cell.settings.model, ApiModelSettings) for cell in cells)
    return is_api and cells[0].settings.run.cache != "off"


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


def _show_plan(plan: Plan, *, as_json: bool) -> int:
    if as_json:
        sys.stdout.write(json.dumps(plan.to_json(), indent=2) + "\n")
    else:
        print_lines(plan_lines(plan))
    return 0


def _confirm(plan: Plan, *, yes: bool) -> None:
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


def _say_start(plan: Plan, directory: Path) -> None:
    sys.stderr.write(
        f"{len(plan.cells)} cells, {plan.n_trials:,} trials, {plan.n_to_pay:,} requests to pay\n"
        f"run directory: {_shown_path(directory)}\n"
    )


def _execute(
    cells: tuple[Cell, ...], directory: Path, *, cache: ResponseCache | None, as_json: bool
) -> int:
    index = read_index(directory / JOURNAL, [cell.shape for cell in cells], with_answers=True)
    ending = asyncio.run(_Execution(cells, directory, index, cache).execute())
    finished = datetime.now(UTC).isoformat()
    manifest = read_json(directory / "manifest.json") | {"finished_at": finished}
    write_json(directory / "manifest.json", manifest)
    summary = build_report(directory, freeze_prices=True)
    sys.stdout.write(json.dumps(summary, indent=2) + "\n" if as_json else "")
    if not as_json:
        results(summary)
    print_lines(ending_lines(summary, ending, _shown_path(directory)), to=sys.stderr)
    return _exit_code(ending, summary, cells[0].settings.run.max_missing)


@dataclass(slots=True)
class _Execution:
    """Runs what is owed, with the progress display."""

    cells: tuple[Cell, ...]
    directory: Path
    index: JournalIndex
    cache: ResponseCache | None

    async def execute(self) -> Ending:
        progress = Progress(
            {cell.id: CellProgress(label=cell.label, planned=cell.n_trials) for cell in self.cells}
        )
        owed = owed_trials(self.index, self.directory)
        progress.already_done = sum(
            int((offsets >= 0).sum()) for offsets in self.index.trials.values()
        )
        async with RunStore(self.directory, index=self.index, cache=self.cache) as store:
            run = Run(
                self.cells,
                CaseFile(self.directory / "cases.jsonl"),
                store,
                owed=owed,
                cache=self.cache,
                progress=progress,
                on_interrupt=_say_draining,
            )
            with show_progress(progress):
                return await run.execute()


def owed_trials(index: JournalIndex, directory: Path) -> Callable[[int, int, int], bool]:
    """Which trials are to be done: those without a record, and those that ended in an error."""
    index.forget(directory / JOURNAL, statuses={"error", "skipped"})
    return lambda cell, case, repeat: not index.done(cell=cell, case=case, repeat=repeat)


def _say_draining(in_flight: int) -> None:
    sys.stderr.write(
        f"\nfinishing {in_flight} calls; Ctrl-C again to drop them (they may be billed)\n"
    )


def _exit_code(ending: Ending, summary: dict[str, Any], max_missing: float) -> int:
    for reason, code in _EXIT_CODES.items():
        if reason in ending.reasons:
            return code
    for cell in summary["cells"]:
        missing = cell["n_error"] + cell["n_skipped"] + cell["n_unscored"]
        if missing > max_missing * cell["n_planned"]:
            return EXIT_MISSING
    return 0


def _shown_path(path: Path) -> str:
    """Relative to the working directory where that is shorter."""
    try:
        return str(path.relative_to(Path.cwd()))
    except ValueError:
        return str(path)
