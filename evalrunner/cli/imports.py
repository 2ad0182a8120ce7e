"""`evalrunner import leaderboard FILE --into DIR`: other people's results as a run directory."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from evalrunner import __version__
from evalrunner.cli.results import results
from evalrunner.errors import ConfigError, Problem
from evalrunner.exchange import Columns, leaderboard_summary, read_leaderboard
from evalrunner.report.markdown import summary_markdown
from evalrunner.report.page import write_page
from evalrunner.report.tables import summary_csv
from evalrunner.store import write_json, write_text
from evalrunner.types import sha256_of


def main(arguments: argparse.Namespace) -> int:
    """Run the command; returns the exit code."""
    from evalrunner.plots import draw_run

    source, directory = Path(arguments.file), Path(arguments.into)
    columns = Columns(
        model=arguments.model, score=arguments.score, cost=arguments.cost, n=arguments.n
    )
    rows = read_leaderboard(source, columns)
    summary = leaderboard_summary(rows, name=source.stem, score=arguments.score or "score")
    _make(directory)
    write_text(directory / source.name, source.read_text(encoding="utf-8-sig"))
    manifest = {
        "schema_version": 1,
        "evalrunner": __version__,
        "argv": arguments.argv,
        "kind": "leaderboard",
        "source": {"name": source.name, "sha256": sha256_of(source.read_text("utf-8-sig"))},
    }
    write_json(directory / "manifest.json", manifest)
    write_json(directory / "summary.json", summary)
    write_text(directory / "summary.csv", summary_csv(summary))
    write_text(directory / "summary.md", summary_markdown(summary))
    draw_run(summary, directory)
    write_page(directory)
    results(summary)
    sys.stderr.write(f"look at: {directory}/report.html\nbeside it: summary.md\n")
    return 0


def _make(directory: Path) -> None:
    if directory.is_dir() and any(directory.iterdir()):
        hint = "give a directory that does not exist yet"
        raise ConfigError(Problem(where=str(directory), what="is not empty", hint=hint))
    directory.mkdir(parents=True, exist_ok=True)
