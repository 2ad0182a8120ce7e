"""Scorer `rubric`: each criterion gets a verdict of its own, with evidence and reason before it."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from evalrunner.project import Project
from evalrunner.scorers.judge.base import JudgeBase, Task, Verdict
from evalrunner.scorers.judge.combining import weighted_share
from evalrunner.scorers.judge.settings import RubricSettings, read_rubric
from evalrunner.scorers.judge.verdicts import VerdictForm, sentence
from evalrunner.scorers.judging import Judge
from evalrunner.types import Case, Criterion, Json


class Rubric(JudgeBase[RubricSettings]):
    """The weighted share of criteria that the answer meets."""

    kind = "rubric"
    properties = ("criterion", "summary")
    missing = "no_rubric"

    def __init__(
        self, name: str, settings: RubricSettings, *, project: Project, judge: Judge
    ) -> None:
        super().__init__(name, settings, project=project, judge=judge)
        self._form = cache(self._form_of)

    def _task(self, case: Case) -> Task | None:
        lines = self.settings.criteria
        if lines is None:
            lines = case.fields.get(self.settings.field)
        if lines is None:
            return None
        try:
            weights = read_rubric(lines)
        except ValueError as error:
            raise ValueError(f"field {self.settings.field!r}: {error}") from error
        return Task(
            form=self._form(len(weights)), values={"criteria": list(weights)}, weights=weights
        )

    def _verdict(self, found: Mapping[str, Json], task: Task) -> Verdict:
        criteria = tuple(
            _criterion(text, found[f"criterion_{position}"])
            for position, text in enumerate(task.weights, start=1)
        )
        return Verdict(
            value=weighted_share(criteria, task.weights),
            reason=sentence(found["summary"]),
            criteria=criteria,
        )

    def _form_of(self, n_criteria: int) -> VerdictForm:
        """The form with its `criterion` as often as there are criteria, in the same place."""
        schema = self.template.schema()
        one = schema["properties"].pop("criterion")
        numbered = {f"criterion_{position}": one for position in range(1, n_criteria + 1)}
        schema["properties"] = {**numbered, **schema["properties"]}
        schema["required"] = list(schema["properties"])
        return VerdictForm(schema)


def _criterion(text: str, found: Mapping[str, Json]) -> Criterion:
    evidence, reason = sentence(found["evidence"]), sentence(found["reason"])
    shown = f"{reason} (evidence: {evidence})" if evidence else reason
    return Criterion(criterion=text, passed=found["verdict"] == "PASS", reason=shown)
