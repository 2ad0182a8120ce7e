"""A run that scores what production answered: the records as cases, their outputs as recordings.

A sibling of `planning.rescoring`: no candidate is called, and how it is measured is typed, or taken
from the offline run. Its case and answer files stay in the outputs, for the run can be resumed.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evalrunner.config import ComposedCell, Experiment, Grid, compose
from evalrunner.config.grid import named_cells
from evalrunner.errors import ConfigError, Problem, StoreError
from evalrunner.planning import CellSpec
from evalrunner.production.trend.records import PeriodRecords, SampledRecord
from evalrunner.project import Project
from evalrunner.types import Json, canonical_json

NAME = "production"
"""Of the data set, of the model where the records name none, and of the runs."""
_STAND_INS = ("dataset=support_tickets", "model=empty", "prompt=plain", f"run.name={NAME}")
"""A composition needs them; of them only the prompt and the name are used."""
_FROM_OFFLINE = ("on_refused", "on_truncated", "confidence", "seed")
_NOT_HERE: Mapping[str, Any] = {
    "repeats": 1,
    "baseline": {},
    "race": False,
    "canaries": False,
    "target_difference": None,
}
"""Keys of `run` that compare candidates."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scoring:
    """How the records of a period will be scored."""

    settings: dict[str, Any]
    """Of the cell but for its data set and model."""
    measure: ComposedCell
    project: Project
    multirun_yaml: str

    @classmethod
    def of(cls, overrides: Sequence[str], origin: CellSpec | None, project: Project) -> Scoring:
        """By what is typed, and for the rest as the offline cell was scored.

        Raises ConfigError when that is nothing, several measures, or a metric over all cases.
        """
        typed = {_group(text) for text in overrides}
        if origin is None and not typed & {"scorer", "experiment"}:
            what = "nothing says how the records are to be scored"
            hint = (
                "name a scorer that needs no target, and a judge: scorer=rubric "
                "scorer.rubric.criteria=[...] judge=NAME, or --run RUN to score as that run did"
            )
            raise ConfigError(Problem(where="production trend", what=what, hint=hint))
        stand_ins = _STAND_INS if "experiment" in typed else (*_STAND_INS, "experiment=none")
        grid = compose((*stand_ins, *overrides), project)
        if len(grid.cells) != 1:
            what = f"these are {len(grid.cells)} measures, and a history has one"
            raise ConfigError(Problem(where=" ".join(overrides), what=what))
        measure = grid.cells[0]
        return cls(
            settings=_settings(measure, origin, typed),
            measure=measure,
            project=project,
            multirun_yaml=grid.multirun_yaml,
        )

    def grid(self, found: PeriodRecords) -> Grid:
        """One cell over the records of a period, whose files it writes. Raises StoreError."""
        outputs = self.settings["run"]["outputs"]
        name = f"{found.period.name}-{found.sha256[:12]}"
        where = Path(outputs) / self.settings["run"]["name"] / "records" / name
        _write(self.project.root / where / "cases.jsonl", map(_case, found.answered))
        _write(self.project.root / where / "answers.jsonl", map(_answer, found.answered))
        has_categories = any("category" in record.of_case for record in found.answered)
        model = _model_name(found.answered)
        config = self.settings | {
            "dataset": {
                "name": NAME,
                "path": f"{where.as_posix()}/cases.jsonl",
                "slices": ["category"] if has_categories else [],
                "allow_empty": True,
            },
            "model": {
                "provider": "replay",
                "name": model,
                "path": f"{where.as_posix()}/answers.jsonl",
            },
        }
        axes: dict[str, Json] = {**self.measure.axes, "dataset": NAME, "model": model}
        cells = named_cells([(axes, Experiment.model_validate(config), self.measure.overrides)])
        overrides = self.measure.overrides
        return Grid(cells=cells, overrides=overrides, multirun_yaml=self.multirun_yaml)


def _settings(measure: ComposedCell, origin: CellSpec | None, typed: set[str]) -> dict[str, Any]:
    found: dict[str, Any] = {**measure.resolved, "decide": {}, "production": {}}
    run = found["run"] | _NOT_HERE
    if origin is not None and "experiment" not in typed:
        theirs: Any = origin.config["run"]
        run |= {key: theirs[key] for key in _FROM_OFFLINE if not _is_typed(key, measure)}
        found |= {key: origin.config[key] for key in ("judge", "pricing") if key not in typed}
        if "scorer" not in typed:
            scorers: Any = origin.config["scorer"]
            found["scorer"] = {origin.quality_scorer: scorers[origin.quality_scorer]}
            run["quality"] = origin.quality
    quality = run["quality"] or next(iter(found["scorer"]))
    if "." in quality:
        what = f"{quality!r} is a metric over all cases, no score of each"
        hint = "name a scorer that needs no target: scorer=rubric, scale, or a function of yours"
        raise ConfigError(Problem(where="run.quality", what=what, hint=hint))
    return found | {"run": run}


def _is_typed(key: str, measure: ComposedCell) -> bool:
    return f"run.{key}" in measure.command_line_keys


def _group(text: str) -> str:
    return re.split(r"\W", text.lstrip("+~"))[0]


def _model_name(records: Sequence[SampledRecord]) -> str:
    """The model that all of them name; several, or none, have a name of no price."""
    names = {str(record.of_answer.get("model") or "") for record in records}
    return names.pop() if len(names) == 1 and "" not in names else NAME


def _case(record: SampledRecord) -> dict[str, Json]:
    return {**record.of_case, "id": record.id, "input": record.input}


def _answer(record: SampledRecord) -> dict[str, Json]:
    return {**record.of_answer, "case_id": record.id, "output": record.output}


def _write(path: Path, rows: Iterator[dict[str, Json]]) -> None:
    """Private, for it holds what users wrote; named by its content, so that none is replaced."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(f"{path.name}.{os.getpid()}.tmp")
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
        with os.fdopen(os.open(temporary, flags, 0o600), "wb") as file:
            file.writelines(canonical_json(row).encode("ascii") + b"\n" for row in rows)
        temporary.replace(path)
    except OSError as error:
        raise StoreError(f"{path}: cannot be written: {error.strerror}") from error
