"""How answers were scored, as hashes; and the cell of an offline run that production is held to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from evalrunner.config import Experiment
from evalrunner.errors import ConfigError, Problem
from evalrunner.planning import CellSpec, read_specs
from evalrunner.planning.frozen import KeptProject
from evalrunner.planning.parts import Parts
from evalrunner.production.trend.history import Measure, Offline
from evalrunner.project import Project
from evalrunner.scorers import Scorer
from evalrunner.scorers.judging import JudgeScorer
from evalrunner.store import read_json, run_directory
from evalrunner.types import Estimate, sha256_of

_OF_MODEL = frozenset({"label", "price", "limits", "transport", "api_key_env"})
"""Settings of a judge's model that change none of its answers."""
_OF_JUDGE = frozenset({"canaries", "retest", "template"})
"""As `_OF_MODEL`; the template in use is hashed by what it says."""


def measure_of(settings: Experiment, scorer: Scorer) -> Measure:
    """The measure that a cell with these settings has by this scorer, its quality."""
    own = settings.scorer[scorer.name].model_dump(mode="json", by_alias=True)
    parts: dict[str, Any] = {"settings": _without(own, {"template"})}
    parts["function"] = getattr(scorer, "function_sha256", None)
    judge = None
    if isinstance(scorer, JudgeScorer):
        parts["files"] = sorted(file.sha256 for file in scorer.files)
        judge = _judge_sha256(settings, scorer)
    rules = [settings.run.on_refused, settings.run.on_truncated]
    return Measure(
        quality=settings.run.quality or scorer.name,
        scorer=sha256_of(parts),
        judge=judge,
        rules=sha256_of(rules),
    )


def open_offline(named: str) -> tuple[Path, CellSpec]:
    """The directory and the cell of `RUN:CELL`, or of a run with one candidate.

    Raises ConfigError when there is no such cell, or several.
    """
    directory, cell = _located(named)
    every = [spec for spec in read_specs(directory) if spec.role == "candidate"]
    specs = [spec for spec in every if cell in (None, str(spec.id))]
    specs = specs or [spec for spec in every if cell == spec.label]
    if len(specs) == 1:
        return directory, specs[0]
    listed = ", ".join(f"{spec.id} ({spec.label})" for spec in every)
    what = f"has no candidate {cell!r}" if cell else f"has {len(every)} candidates"
    hint = f"name the one that is in production, RUN:CELL: {listed or 'there are none'}"
    raise ConfigError(Problem(where=f"--run {named}", what=what, hint=hint))


def read_offline(directory: Path, spec: CellSpec, project: Project) -> Offline:
    """What the cell scored. Raises ConfigError without a score, StoreError for no summary."""
    summary = read_json(directory / "summary.json")
    cell = next((each for each in summary["cells"] if each["id"] == spec.id), None)
    score = None if cell is None else Estimate(**cell["quality"])
    if score is None or score.value is None:
        hint = f"look at: evalrunner report {directory}"
        raise ConfigError(Problem(where=str(directory), what="has no score", hint=hint))
    corrected = [
        Estimate(**entry["corrected"])
        for entry in summary.get("calibration") or ()
        if entry["cell"] == spec.id and entry["is_quality"] and entry["corrected"]
    ]
    return Offline(
        run="/".join(directory.resolve().parts[-2:]),
        cell=spec.label,
        measure=_measure(directory, spec, project),
        score=score,
        corrected=corrected[0] if len(corrected) == 1 else None,
        confidence=spec.settings.run.confidence,
    )


def _measure(directory: Path, spec: CellSpec, project: Project) -> Measure | None:
    """By the templates that the run kept; None when its scorer cannot be made any more."""
    alone = {spec.quality_scorer: spec.settings.scorer[spec.quality_scorer]}
    settings = spec.settings.model_copy(update={"scorer": alone})
    scorers = Parts(KeptProject(project.root, directory)).scorers_of(settings)
    return measure_of(settings, scorers[0]) if scorers else None


def _located(named: str) -> tuple[Path, str | None]:
    """The run's directory, and the cell if one is named; both may hold colons."""
    colons = [place for place, character in enumerate(named) if character == ":"]
    for place in colons if not (Path(named) / "plan.json").is_file() else ():
        if (Path(named[:place]) / "plan.json").is_file():
            return run_directory(Path(named[:place])), named[place + 1 :]
    return run_directory(Path(named)), None


def _judge_sha256(settings: Experiment, scorer: JudgeScorer) -> str:
    if settings.judge is None:
        raise RuntimeError(f"the judge scorer {scorer.name!r} was made without a judge")
    found = _without(settings.judge.model_dump(mode="json", by_alias=True), _OF_JUDGE)
    found["model"] = _without(found["model"], _OF_MODEL)
    found["panel"] = {name: _without(model, _OF_MODEL) for name, model in found["panel"].items()}
    found["files"] = _hashes([member.wire.files for member in scorer.judge.members])
    return sha256_of(found)


def _hashes(files: Sequence[Mapping[str, str]]) -> list[str]:
    return sorted(sha256 for each in files for sha256 in each.values())


def _without(settings: Mapping[str, Any], names: frozenset[str] | set[str]) -> dict[str, Any]:
    return {key: value for key, value in settings.items() if key not in names}
