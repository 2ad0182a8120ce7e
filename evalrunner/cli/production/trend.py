"""`evalrunner production trend LOG… --history FILE`: does quality in production move?"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from pathlib import Path

from evalrunner.cli.execute import shown_path
from evalrunner.cli.production.trend_lines import chart_json, chart_lines, gate_of, step_markdown
from evalrunner.cli.production.trend_run import INTERRUPTED, MISSING, PeriodRun
from evalrunner.cli.screens import print_lines
from evalrunner.cli.step_summary import append_step_summary
from evalrunner.errors import ConfigError, Problem
from evalrunner.formatting import n_of, safe_text
from evalrunner.planning import CellSpec
from evalrunner.production.logs import Logs
from evalrunner.production.trend.chart import make_chart
from evalrunner.production.trend.history import (
    History,
    Offline,
    append_entry,
    check_place,
    read_history,
)
from evalrunner.production.trend.labels import read_period_labels
from evalrunner.production.trend.logged import read_records
from evalrunner.production.trend.measuring import open_offline, read_offline
from evalrunner.production.trend.periods import Period
from evalrunner.production.trend.records import PeriodRecords
from evalrunner.production.trend.scoring import Scoring
from evalrunner.project import Project
from evalrunner.store import write_text

_LONGEST = 200


def main(arguments: argparse.Namespace) -> int:
    """Run the command; returns the exit code."""
    trend = _Trend.of(arguments)
    scored = trend.score() if arguments.logs else _Scored(history=trend.history)
    code, history, lacking = scored.code, scored.history, scored.lacking
    period = trend.period if arguments.logs else None
    print_lines((f"warning: {safe_text(each)}" for each in history.warnings), to=sys.stderr)
    segments = make_chart(history.entries, trend.offline)
    found = chart_json(segments, period, lacking=lacking)
    if arguments.json:
        sys.stdout.write(json.dumps(found, indent=2, allow_nan=False) + "\n")
    else:
        print_lines(chart_lines(segments, period, lacking=lacking))
    directory = Path(arguments.figures) if arguments.figures else scored.run
    if segments and directory is not None:
        from evalrunner.plots.trend import draw_trend

        directory.mkdir(parents=True, exist_ok=True)
        draw_trend(found, directory)
        said = step_markdown(segments, period, lacking=lacking)
        write_text(directory / "trend.md", said)
        append_step_summary(directory, ["trend.md"])
        sys.stderr.write(f"look at: {shown_path(directory.absolute())}/trend.svg\n")
    if not arguments.gate or code not in {0, MISSING}:
        return code
    return gate_of(segments, period, lacking=lacking).exit_code or code


@dataclass(frozen=True, slots=True, kw_only=True)
class _Scored:
    """What came of scoring a period."""

    history: History
    """Afterwards."""
    code: int = 0
    run: Path | None = None
    """Directory of the run that made a line of it."""
    lacking: str | None = None
    """Why there is no line of it, though there were records."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Trend:
    """What the command line asks for, read and checked."""

    arguments: argparse.Namespace
    project: Project
    at: datetime
    period: Period
    path: Path
    history: History
    origin: CellSpec | None
    """The offline cell: how the records are scored where nothing else is typed."""
    offline: Offline | None

    @classmethod
    def of(cls, arguments: argparse.Namespace) -> _Trend:
        """Raises ConfigError and StoreError before anything is spent."""
        project, at = Project(Path(arguments.project).resolve()), datetime.now(UTC)
        path = Path(arguments.history)
        if arguments.logs:
            check_place(path)
        history = read_history(path)
        origin = offline = None
        if arguments.run:
            directory, origin = open_offline(arguments.run)
            offline = read_offline(directory, origin, project)
        period = _period(arguments, at, history)
        return cls(
            arguments=arguments,
            project=project,
            at=at,
            period=period,
            path=path,
            history=history,
            origin=origin,
            offline=offline or history.offline_at(period),
        )

    def score(self) -> _Scored:
        """Score the period unless nothing came in."""
        records, logs = read_records(self.arguments.logs)
        found = PeriodRecords.of(records, self.period)
        print_lines(_record_lines(found, logs), to=sys.stderr)
        if not found.answered:
            return _Scored(history=self.history, lacking=_lacking(found, 0))
        earlier = self.history.at(self.period)
        labels = self.arguments.labels
        run = PeriodRun(
            arguments=self.arguments,
            project=self.project,
            at=self.at,
            scoring=Scoring.of(self.arguments.overrides, self.origin, self.project),
            found=found,
            labels=None if labels is None else read_period_labels(Path(labels), found.answered),
            offline=self.offline,
            earlier=earlier,
        )
        code, entry = run.scored()
        if entry is None or not entry.n_scored:
            lacking = _lacking(found, 0 if entry else code)
            return _Scored(history=self.history, code=code, lacking=lacking)
        if earlier is not None and entry.says_the_same(earlier):
            sys.stderr.write(f"nothing new of {self.period.name}: the history stays as it is\n")
            return _Scored(history=self.history, code=code)
        if earlier is not None:
            entry = replace(entry, supersedes=earlier.id)
        append_entry(self.path, entry)
        sys.stderr.write(
            f"{self.period.name} is a line of {shown_path(self.path.absolute())} now\n"
        )
        directory = run.outputs / entry.run
        kept = directory if directory.is_dir() else None
        return _Scored(history=read_history(self.path), code=code, run=kept)


def _lacking(found: PeriodRecords, stopped: int) -> str | None:
    """Why records made no line; `stopped` is the exit code of a run that did not end."""
    if stopped:
        how = "interrupted" if stopped == INTERRUPTED else "stopped before all was scored"
        return f"{how}: type the command again"
    n = len(found.records)
    return f"nothing of {found.period.name} was scored: {n:,} unscored" if n else None


def _period(arguments: argparse.Namespace, at: datetime, history: History) -> Period:
    """The one that `--at` lies in, or the last that has ended. Raises ConfigError."""
    known = history.entries[0].when.kind if history.entries else None
    kind = arguments.period or known or "week"
    if known is not None and kind != known:
        what = f"the history is one of {known}s"
        hint = f"leave it out, or give {kind}s a history of their own"
        raise ConfigError(Problem(where=f"--period {kind}", what=what, hint=hint))
    if arguments.at is None:
        return Period.of(at, kind).previous
    try:
        named = Period.of(date.fromisoformat(arguments.at), kind)
    except ValueError as error:
        what = f"{arguments.at!r} is no day"
        hint = "give one of the period's days, as 2026-11-24"
        raise ConfigError(Problem(where="--at", what=what, hint=hint)) from error
    if at.date() < named.start:
        raise ConfigError(Problem(where="--at", what=f"{named.name} has not begun"))
    return named


def _record_lines(found: PeriodRecords, logs: Logs) -> Iterator[str]:
    """What the logs hold of the period, and what of it cannot be used."""
    period = found.period
    yield f"{period.name} ({period.days}): {n_of(len(found.records), 'record')}"
    left_out: Sequence[tuple[int, str]] = (
        (found.n_again, "more with an id that was there before"),
        (len(found.records) - len(found.answered), "without a whole output: not scored"),
        (found.n_elsewhere, "of other periods"),
        (found.n_undated, "without a time"),
    )
    yield from (f"  {n:,} {what}" for n, what in left_out if n)
    if logs.n_left_out:
        first = safe_text(str(logs.problems[0]), limit=_LONGEST)
        yield f"  {n_of(logs.n_left_out, 'line')} that cannot be used; the first: {first}"
