"""What the configuration of each kind of judge scorer holds, and how rubrics are read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from evalrunner.scorers.base import ScorerSettings
from evalrunner.settings import Settings
from evalrunner.types import Json

_HEAVIEST = 1e9
_FEWEST = 2
"""Levels, or choices: with fewer there is nothing to choose."""

Share = Annotated[float, Field(ge=0, le=1)]
Text = Annotated[str, Field(pattern=r"\S")]


class JudgeScorerSettings(ScorerSettings):
    """A scorer that asks the models of `judge`."""

    template: str | None = None
    """File of the judge's user turn; null = `judge.template`, or else the kind's own."""
    max_characters: int = Field(default=20_000, ge=100)
    """Answers, and whatever else by others the judge is shown, lose their middle above it."""


class RubricLine(Settings):
    """One criterion, and how much it counts."""

    criterion: Text
    weight: float = Field(default=1.0, gt=0, le=_HEAVIEST)


def read_rubric(value: Json) -> dict[str, float]:
    """Weights by criterion, in order. Raises ValueError saying why it is no rubric."""
    if not isinstance(value, list | tuple) or not value:
        raise ValueError("a rubric is a list of criteria that is not empty")
    weights: dict[str, float] = {}
    for position, line in enumerate(value, start=1):
        try:
            criterion, weight = _read_line(line)
        except ValueError as error:
            raise ValueError(f"criterion {position}: {error}") from error
        if criterion in weights:
            raise ValueError(f"criterion {position}: {criterion!r} was there before")
        weights[criterion] = weight
    return weights


def _read_line(line: Json) -> tuple[str, float]:
    if isinstance(line, RubricLine):
        return line.criterion.strip(), line.weight
    whole: Json = {"criterion": line} if isinstance(line, str) else line
    if not isinstance(whole, Mapping) or not whole.keys() <= {"criterion", "weight"}:
        raise ValueError("it must be text, or {criterion, weight}")
    criterion, weight = whole.get("criterion"), whole.get("weight", 1.0)
    if not isinstance(criterion, str) or not criterion.strip():
        raise ValueError("its text is missing")
    is_number = isinstance(weight, int | float) and not isinstance(weight, bool)
    if not is_number or not 0 < weight <= _HEAVIEST:
        raise ValueError(f"its weight must be above 0 and at most 1e9, not {weight!r}")
    return criterion.strip(), float(weight)


def _checked_rubric(lines: Any) -> Any:
    """Before its lines are validated one by one: each may be one of two things."""
    read_rubric(lines)
    return lines


def _checked_levels(levels: Any) -> Any:
    if not isinstance(levels, Mapping) or len(levels) < _FEWEST:
        raise ValueError("levels are at least two numbers with what each means: {1: ..., 2: ...}")
    return levels


def _checked_choices(choices: dict[str, Any]) -> dict[str, Any]:
    if len(choices) < _FEWEST:
        raise ValueError("give at least two choices")
    return choices


class RubricSettings(JudgeScorerSettings):
    """The weighted share of criteria that the answer meets."""

    kind: Literal["rubric"]
    criteria: Annotated[list[str | RubricLine], BeforeValidator(_checked_rubric)] | None = None
    """For all cases; null = each case's own."""
    field: str = "rubric"
    """Which field of the case holds its criteria."""


class ScaleSettings(JudgeScorerSettings):
    """One of several described levels, the lowest worth 0 and the highest 1."""

    kind: Literal["scale"]
    question: Text = "How well does it do what was asked?"
    levels: Annotated[dict[int, Text], BeforeValidator(_checked_levels)] | None = None
    """What each level means; equally spaced, whatever their numbers. Null = 1 to 5."""


class ReferenceSettings(JudgeScorerSettings):
    """Correct, partly correct or wrong, compared with the truth by what both say."""

    kind: Literal["reference"]
    target: str = "expected_output"
    """Which field of the case holds the truth."""
    partly: Share = 0.5
    """What a partly correct answer is worth."""


class Choice(Settings):
    """What a choice is worth, and what it means."""

    score: Share
    description: str | None = None


class ClassifySettings(JudgeScorerSettings):
    """One of several choices, each with its score."""

    kind: Literal["classify"]
    question: Text = "Does it do what was asked?"
    choices: Annotated[dict[Text, Share | Choice], AfterValidator(_checked_choices)] | None = None
    """Scores, or {score, description}, by choice; null = {yes: 1, no: 0}."""
