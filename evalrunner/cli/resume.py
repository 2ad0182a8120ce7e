"""`evalrunner run --resume RUN`: what a run directory still owes, by its frozen plan."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from evalrunner.cli.execute import execute, open_cache, shown_path
from evalrunner.cli.gate import Gate
from evalrunner.cli.screens import print_lines, warning_lines
from evalrunner.config import changed_settings
from evalrunner.errors import ConfigError
from evalrunner.planning import Cell, access_problems, thaw
from evalrunner.runner.preflight import check_models
from evalrunner.store import JOURNAL, read_index, read_json, run_directory, write_json


def resume(arguments: argparse.Namespace) -> int:
    """Go on with a run; returns the exit code.

    Raises ConfigError for overrides that would make it another run, and when keys are missing.
    """
    directory = run_directory(Path(arguments.resume).resolve())
    cells = thaw(directory, change=lambda config: changed_settings(config, arguments.overrides))
    gate = Gate.of(arguments)
    if gate is not None:
        gate.check_plan(cells)
    owing = _owing(cells, directory)
    trusted = frozenset(arguments.trust_host)
    wires = [wire for cell in owing for wire in (cell.wire, *cell.judge_wires)]
    problems = access_problems(wires, cells=cells, environ=os.environ, trusted_hosts=trusted)
    if problems:
        raise ConfigError(problems)
    warnings = check_models(wires, environ=os.environ, today=datetime.now(UTC).date())
    print_lines(warning_lines(warnings), to=sys.stderr)
    _note_warnings(directory, warnings)
    if arguments.overrides:
        _note_change(directory, arguments.overrides)
    sys.stderr.write(f"going on with {shown_path(directory)}\n")
    with open_cache([cell.settings for cell in cells]) as cache:
        return execute(
            cells, directory, cache=cache, paying=wires, as_json=arguments.json, gate=gate
        )


def _owing(cells: tuple[Cell, ...], directory: Path) -> list[Cell]:
    """Cells with trials to be done."""
    index = read_index(directory / JOURNAL, [cell.shape for cell in cells], resume=True)
    return [cell for cell in cells if index.n_owed(cell.id)]


def _note_warnings(directory: Path, warnings: Sequence[str]) -> None:
    path = directory / "manifest.json"
    manifest = read_json(path)
    known = manifest.get("warnings", [])
    news = [warning for warning in warnings if warning not in known]
    if news:
        write_json(path, manifest | {"warnings": [*known, *news]})


def _note_change(directory: Path, overrides: list[str]) -> None:
    path = directory / "manifest.json"
    manifest = read_json(path)
    changes = [
        *manifest.get("changes", []),
        {"at": datetime.now(UTC).isoformat(), "set": overrides},
    ]
    write_json(path, manifest | {"changes": changes})
