"""Scorers whose verdict is one of several labels: `scale`, `reference` and `classify`."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import ClassVar

from evalrunner.project import Project
from evalrunner.scorers.judge.base import JudgeBase, SettingsT, Task, Verdict
from evalrunner.scorers.judge.settings import (
    Choice,
    ClassifySettings,
    ReferenceSettings,
    ScaleSettings,
)
from evalrunner.scorers.judge.templates import as_text
from evalrunner.scorers.judge.verdicts import VerdictForm, sentence
from evalrunner.scorers.judging import Judge
from evalrunner.types import Case, Json

LEVELS: Mapping[int, str] = {
    1: "useless: it misses what was asked, or is wrong in what matters",
    2: "poor: it deals with a part of what was asked, with serious errors or gaps",
    3: "fair: it can be used, with clear errors or gaps",
    4: "good: it does what was asked, with small flaws only",
    5: "excellent: it does all that was asked, and nothing is wrong with it",
}
"""Of `scale`, where the configuration names none."""


class LabelJudge(JudgeBase[SettingsT]):
    """A reason, and then a label that has a value."""

    deciding: ClassVar[str]
    """The property of the verdict that holds the label."""

    def __init__(self, name: str, settings: SettingsT, *, project: Project, judge: Judge) -> None:
        super().__init__(name, settings, project=project, judge=judge)
        self._values = self._worth()
        schema = self.template.schema()
        schema["properties"][self.deciding]["enum"] = list(self._values)
        self._form = VerdictForm(schema)

    @abstractmethod
    def _worth(self) -> Mapping[str | int, float]:
        """The value of each label."""

    def _verdict(self, found: Mapping[str, Json], task: Task) -> Verdict:
        del task
        label = found[self.deciding]
        # JSON does not tell 4.0 from 4.
        shown = str(int(label)) if isinstance(label, float) else str(label)
        return Verdict(value=self._values[label], label=shown, reason=sentence(found["reason"]))


class Scale(LabelJudge[ScaleSettings]):
    """One of several described levels, the lowest worth 0 and the highest 1."""

    kind = "scale"
    deciding = "score"
    properties = ("reason", "score")

    def _worth(self) -> Mapping[str | int, float]:
        levels = self._levels()
        return {level: i / (len(levels) - 1) for i, level in enumerate(levels)}

    def _task(self, case: Case) -> Task:
        del case
        levels = [{"score": s, "description": d} for s, d in self._levels().items()]
        values = {"question": self.settings.question, "levels": levels}
        return Task(form=self._form, values=values)

    def _levels(self) -> dict[int, str]:
        return dict(sorted((self.settings.levels or LEVELS).items()))


class Reference(LabelJudge[ReferenceSettings]):
    """Correct, partly correct or wrong, compared with the truth by what both say."""

    kind = "reference"
    deciding = "verdict"
    properties = ("reason", "verdict")
    shown = ("answer", "reference")
    missing = "no_target"

    def _worth(self) -> Mapping[str | int, float]:
        return {"CORRECT": 1.0, "PARTLY": self.settings.partly, "WRONG": 0.0}

    def _task(self, case: Case) -> Task | None:
        target = case.fields.get(self.settings.target)
        if target is None or target in ([], ()):
            return None
        return Task(form=self._form, texts={"reference": as_text(target)})


class Classify(LabelJudge[ClassifySettings]):
    """One of several choices, each with its score."""

    kind = "classify"
    deciding = "choice"
    properties = ("reason", "choice")

    def _worth(self) -> Mapping[str | int, float]:
        return {name: choice.score for name, choice in self._choices().items()}

    def _task(self, case: Case) -> Task:
        del case
        choices = [
            {"choice": name, "description": choice.description}
            for name, choice in self._choices().items()
        ]
        values = {"question": self.settings.question, "choices": choices}
        return Task(form=self._form, values=values)

    def _choices(self) -> dict[str, Choice]:
        configured = self.settings.choices or {"yes": 1.0, "no": 0.0}
        return {
            name: choice if isinstance(choice, Choice) else Choice(score=choice)
            for name, choice in configured.items()
        }
