"""What cannot be raced: a plan that asks for it is refused before anything is spent."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from evalrunner.errors import Problem
from evalrunner.planning.cells import Cell
from evalrunner.planning.judges import judge_models
from evalrunner.scorers.judging import JudgeScorer
from evalrunner.scorers.quality import is_f1, resolve_quality

_WHERE = "run.race"


def race_problems(cells: Iterable[Cell]) -> list[Problem]:
    """Why cells with `run.race: true` cannot be raced, each reason once."""
    raced = (cell for cell in cells if cell.settings.run.race)
    return list(dict.fromkeys(problem for cell in raced for problem in _problems(cell)))


def _problems(cell: Cell) -> Iterator[Problem]:
    for scorer in cell.scorers:
        if isinstance(scorer, JudgeScorer) and scorer.needs_opponents:
            what = f"{scorer.name!r} compares answers, and a cell that is stopped gives none"
            yield _problem(what, "set run.race=false, or choose scorers that judge one answer")
    if is_f1(resolve_quality(cell.quality, cell.settings.scorer)[1]):
        what = f"{cell.quality!r} has no value by case, so that no case can be won or lost"
        yield _problem(what, f"set run.race=false, or run.quality={cell.quality_scorer}")
    for model in (cell.settings.model, *judge_models(cell.settings.judge).values()):
        if getattr(model, "transport", "live") == "batch":
            what = f"{model.name!r} is asked in batches, and each block would wait hours for one"
            yield _problem(what, "set run.race=false, or the model's transport to live")


def _problem(what: str, hint: str) -> Problem:
    return Problem(where=_WHERE, what=what, hint=hint)
