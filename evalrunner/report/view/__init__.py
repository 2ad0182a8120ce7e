"""`index.html`: one page over all runs below a directory, opened from disk.

Reads plans, manifests and summaries, never a journal; what cannot be read is listed with the
reason. The same runs give the same bytes.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from evalrunner.errors import ConfigError, Problem, StoreError
from evalrunner.report.view.discovery import find_runs, is_run
from evalrunner.report.view.page import GENERATOR, index_html
from evalrunner.report.view.rows import Row, Status, read_row
from evalrunner.store import write_text

__all__ = ["INDEX", "Row", "Status", "is_run", "read_row", "read_rows", "row_json", "write_index"]

INDEX = "index.html"
_NEVER = datetime.min.replace(tzinfo=UTC)
_HEAD = 4096


def read_rows(root: Path) -> list[Row]:
    """All runs below `root`: newest first, each followed by the others of its experiment.

    Raises ConfigError when there is no such directory, or no run in it.
    """
    if not root.is_dir():
        hint = "runs are written to outputs/ in the project: evalrunner run experiment=NAME"
        raise ConfigError(Problem(where=str(root), what="is no directory", hint=hint))
    rows = [read_row(directory, root) for directory in find_runs(root)]
    if not rows:
        hint = "run directories are outputs/<run.name>/<time>-<random>"
        raise ConfigError(Problem(where=str(root), what="there is no run in it", hint=hint))
    return _ordered(rows)


def write_index(root: Path, rows: Iterable[Row]) -> Path:
    """Write `index.html` into `root`. Raises StoreError; ConfigError for somebody else's page."""
    path = root / INDEX
    if path.is_symlink() or (path.exists() and not _is_ours(path)):
        what = "is not of evalrunner, and is not overwritten"
        raise ConfigError(Problem(where=str(path), what=what, hint="move it, or give another DIR"))
    write_text(path, index_html(root, list(rows)))
    return path


def row_json(row: Row) -> dict[str, Any]:
    """A row as `--json` prints it."""
    return {
        "path": row.path,
        "name": row.name,
        "started_at": None if row.started_at is None else row.started_at.isoformat(),
        "status": row.status.value,
        "reason": row.reason,
        "models": row.models,
        "n_cells": row.n_cells,
        "n_cases": row.n_cases,
        "repeats": row.repeats,
        "facets": [facet.to_json() for facet in row.facets],
        "n_missing": row.n_missing,
        "usd_spent": row.usd_spent,
        "flags": [{"severity": severity, "code": code} for severity, code in row.flags],
        "is_rescored": row.is_rescored,
        "is_stale": row.is_stale,
        "files": sorted(row.files),
    }


def _ordered(rows: Iterable[Row]) -> list[Row]:
    by_name: dict[str, list[Row]] = {}
    for row in sorted(rows, key=lambda row: (row.started_at or _NEVER, row.path), reverse=True):
        by_name.setdefault(row.name, []).append(row)
    return [row for group in by_name.values() for row in group]


def _is_ours(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return GENERATOR.encode() in file.read(_HEAD)
    except OSError as error:
        raise StoreError(f"cannot read {path}: {error.strerror}") from error
