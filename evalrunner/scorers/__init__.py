"""Everything that scores: a case and an answer in, a value in [0, 1] or a reason why not, out.

A scorer is one module with a settings class and a class that implements `Scorer`, named below.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from evalrunner.errors import ConfigError, Problem
from evalrunner.project import Project
from evalrunner.scorers.base import AnswerSettings, Scorer, ScorerSettings, TargetSettings
from evalrunner.scorers.judge import (
    Classify,
    ClassifySettings,
    Reference,
    ReferenceSettings,
    Rubric,
    RubricSettings,
    Scale,
    ScaleSettings,
)
from evalrunner.scorers.judging import Judge, JudgeScorer
from evalrunner.scorers.labels import Labels, LabelsSettings
from evalrunner.scorers.pairwise import Pairwise, PairwiseSettings
from evalrunner.scorers.python import PythonScorer, PythonSettings
from evalrunner.scorers.recorded import Recorded, RecordedSettings
from evalrunner.scorers.structured import (
    JsonFields,
    JsonFieldsSettings,
    JsonSchema,
    JsonSchemaSettings,
)
from evalrunner.scorers.text import (
    Contains,
    ContainsSettings,
    ExactMatch,
    ExactMatchSettings,
    Numeric,
    NumericSettings,
    Regex,
    RegexSettings,
)

__all__ = [
    "SCORER_SETTINGS",
    "AnswerSettings",
    "Scorer",
    "ScorerSettings",
    "TargetSettings",
    "make_scorer",
]

_PURE: Mapping[type[ScorerSettings], Callable[[str, Any], Scorer]] = {
    ExactMatchSettings: ExactMatch,
    ContainsSettings: Contains,
    RegexSettings: Regex,
    NumericSettings: Numeric,
    LabelsSettings: Labels,
    JsonFieldsSettings: JsonFields,
    RecordedSettings: Recorded,
}

_JUDGED: Mapping[type[ScorerSettings], Callable[..., JudgeScorer]] = {
    RubricSettings: Rubric,
    ScaleSettings: Scale,
    ReferenceSettings: Reference,
    ClassifySettings: Classify,
    PairwiseSettings: Pairwise,
}

SCORER_SETTINGS: tuple[type[ScorerSettings], ...] = (
    *_PURE,
    JsonSchemaSettings,
    PythonSettings,
    *_JUDGED,
)
"""Every kind of scorer: `config` builds the union discriminated by `kind` from them."""


def make_scorer(
    name: str, settings: ScorerSettings, *, project: Project, judge: Judge | None = None
) -> Scorer:
    """The scorer that `settings` describe, called `name`; those that ask a `judge` need one.

    Raises ConfigError when there is none, or when a file or function that they name cannot be used.
    """
    if isinstance(settings, JsonSchemaSettings):
        return JsonSchema(name, settings, project=project)
    if isinstance(settings, PythonSettings):
        return PythonScorer(name, settings, project=project)
    make = _JUDGED.get(type(settings))
    if make is None:
        return _PURE[type(settings)](name, settings)
    if judge is None:
        what = f"a scorer of kind {settings.kind!r} asks a judge, and there is none"
        raise ConfigError(Problem(where=f"scorer.{name}", what=what, hint="add judge=NAME"))
    return make(name, settings, project=project, judge=judge)
