"""Scorers that ask models: what they are told, how their verdicts are read and combined.

What is asked, fenced and read here serves `scorers.pairwise` as well.
"""

from evalrunner.scorers.judge.base import JudgeBase
from evalrunner.scorers.judge.labelled import Classify, Reference, Scale
from evalrunner.scorers.judge.rubric import Rubric
from evalrunner.scorers.judge.settings import (
    ClassifySettings,
    JudgeScorerSettings,
    ReferenceSettings,
    RubricSettings,
    ScaleSettings,
)

__all__ = [
    "Classify",
    "ClassifySettings",
    "JudgeBase",
    "JudgeScorerSettings",
    "Reference",
    "ReferenceSettings",
    "Rubric",
    "RubricSettings",
    "Scale",
    "ScaleSettings",
]
