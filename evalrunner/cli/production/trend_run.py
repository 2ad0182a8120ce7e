"""Scores the records of one period by an ordinary run, and makes of it a line of the history."""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from evalrunner.cli.execute import execute, open_cache
from evalrunner.cli.gate import Gate
from evalrunner.cli.run import asked, confirm, say_start
from evalrunner.errors import StoreError
from evalrunner.planning import Cell, Plan, Surroundings, freeze, make_plan
from evalrunner.production.trend.history import Entry, Measure, Offline
from evalrunner.production.trend.measuring import measure_of
from evalrunner.production.trend.records import PeriodRecords
from evalrunner.production.trend.scoring import Scoring
from evalrunner.production.trend.tallies import corrected_mean, own_mean, tallies_of
from evalrunner.project import Project
from evalrunner.store import create_run

MISSING = 3
"""Exit code of a run that lacks too many scores: it makes a line all the same."""
INTERRUPTED = 130


@dataclass(frozen=True, slots=True, kw_only=True)
class PeriodRun:
    """What a line is made from."""

    arguments: argparse.Namespace
    project: Project
    at: datetime
    scoring: Scoring
    found: PeriodRecords
    labels: Mapping[str, float] | None
    """None = no file was given: those of the earlier line stay."""
    offline: Offline | None
    earlier: Entry | None
    """The line of this period that there is."""

    def scored(self) -> tuple[int, Entry | None]:
        """The run's exit code and the line; None for a run that did not come to its end.

        Nothing is run where scoring again could bring nothing new.
        """
        grid = self.scoring.grid(self.found)
        with open_cache([cell.settings for cell in grid.cells]) as cache:
            around = Surroundings(
                project=self.project,
                environ=os.environ,
                at=self.at,
                cache=cache if grid.cells[0].settings.run.cache == "use" else None,
                trusted_hosts=frozenset(self.arguments.trust_host),
            )
            plan = make_plan(grid, around)
            (cell,) = plan.cells
            scorer = next(each for each in cell.scorers if each.name == cell.quality_scorer)
            measure = measure_of(cell.settings, scorer)
            if self.earlier is not None and self._is_known(self.earlier, measure):
                entry = replace(self.earlier, is_partial=self._is_partial, offline=self.offline)
                return 0, entry
            directory = self._create(plan.checked())
            code = execute(
                plan.cells,
                directory,
                cache=cache,
                paying=plan.paying_wires,
                as_json=False,
                gate=_Unseen(limits=False, flags=()),
            )
        if code not in {0, MISSING}:
            return code, None
        return code, self._entry(cell, directory, measure)

    @property
    def outputs(self) -> Path:
        """Where its run directories are."""
        outputs: str = self.scoring.settings["run"]["outputs"]
        return self.project.root / outputs

    @property
    def _is_partial(self) -> bool:
        return not self.found.period.has_ended(self.at.date())

    def _is_known(self, earlier: Entry, measure: Measure) -> bool:
        is_same = (earlier.records_sha256, earlier.measure) == (self.found.sha256, measure)
        is_whole = earlier.n_scored == len(self.found.answered)
        return is_same and is_whole and self.labels is None

    def _create(self, plan: Plan) -> Path:
        plan = asked(plan, at=self.at)
        confirm(plan, yes=self.arguments.yes)
        run = plan.cells[0].settings.run
        frozen = freeze(plan, self.project, argv=self.arguments.argv, at=self.at)
        directory = create_run(self.outputs, run.name, frozen, at=self.at)
        say_start(plan, directory)
        return directory

    def _entry(self, cell: Cell, directory: Path, measure: Measure) -> Entry:
        scores, level = _scores(directory, cell.quality), cell.settings.run.confidence
        tallies = tallies_of(scores, self.found.weights, self.labels or {})
        return Entry(
            period=self.found.period.name,
            is_partial=self._is_partial,
            run="/".join(directory.parts[-2:]),
            measure=measure,
            records_sha256=self.found.sha256,
            n_records=len(self.found.records),
            n_unscored=len(self.found.records) - len(scores),
            scores=tallies,
            score=own_mean(tallies, level=level),
            corrected=corrected_mean(tallies, level=level),
            confidence=level,
            offline=self.offline,
        )


class _Unseen(Gate):
    """Shows nothing of a run: the chart is what the command prints."""

    def show(
        self,
        summary: Mapping[str, Any],
        specs: Sequence[Any],
        directory: Path,
        *,
        as_json: bool,
    ) -> int:
        """Pass."""
        del summary, specs, directory, as_json
        return 0


def _scores(directory: Path, scorer: str) -> dict[str, float]:
    """By record, of those that have one. Raises StoreError."""
    path = directory / "trials.jsonl"
    try:
        with path.open("rb") as file:
            rows = [json.loads(line) for line in file]
        found = {row["case_id"]: row["scores"].get(scorer, {}).get("value") for row in rows}
    except (OSError, ValueError, KeyError) as error:
        raise StoreError(f"{path} cannot be read: {error}") from error
    return {record: value for record, value in found.items() if value is not None}
