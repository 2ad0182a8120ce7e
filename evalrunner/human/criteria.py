"""By what people judge an output: the criteria that the run's own judges have, or a general one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from evalrunner.planning import CellSpec
from evalrunner.scorers.judge.settings import RubricSettings, read_rubric
from evalrunner.scorers.pairwise import CRITERIA, PairwiseSettings
from evalrunner.types import Json
from evalrunner.types.people import TaskKind

ACCEPTABLE = (
    "The response can be sent as it is: it does what was asked, and nothing in it is wrong or "
    "missing that matters."
)
"""Asked of a single output that has no criteria of its own."""
INSTRUCTIONS: Mapping[TaskKind, str] = {
    "pairwise": (
        "Which response better meets the criteria? Say tie if they are equally good, and both bad "
        "if neither could be used. Judge what is said, not how long it is or on which side it is."
    ),
    "rubric": (
        "Does the response meet each criterion? Judge each one by itself, and only by what the "
        "response says."
    ),
}


def criteria_of(fields: Mapping[str, Json], spec: CellSpec, *, kind: TaskKind) -> tuple[str, ...]:
    """What raters of a case are to look at.

    The same as the judge of quality, or else another scorer's: its rubric, and for pairs what a
    pairwise scorer calls better. Without either the case's field `rubric`, or a general criterion.
    """
    for texts in _texts(fields, spec, kind):
        if texts:
            return texts
    return (CRITERIA if kind == "pairwise" else ACCEPTABLE,)


def _texts(fields: Mapping[str, Json], spec: CellSpec, kind: TaskKind) -> Iterator[tuple[str, ...]]:
    scorers: Mapping[str, Any] = spec.settings.scorer
    for name in sorted(scorers, key=lambda name: name != spec.quality_scorer):
        match scorers[name]:
            case RubricSettings(criteria=None, field=field):
                yield _rubric(fields.get(field))
            case RubricSettings(criteria=lines):
                yield _rubric(lines)
            case PairwiseSettings(criteria=text) if kind == "pairwise":
                yield (text,)
    yield _rubric(fields.get("rubric"))


def _rubric(lines: Json) -> tuple[str, ...]:
    """The texts of a rubric; none where it is no rubric: another field may be called so."""
    try:
        return tuple(read_rubric(lines))
    except ValueError:
        return ()
