"""What the cases say about a plan, in one pass over them.

Each case is read once and each prompt of it rendered once, for all cells that share them: to find
what would fail, and to count the requests.
"""

from __future__ import annotations

import difflib
from array import array

from evalrunner.datasets import CaseSet
from evalrunner.errors import ConfigError, Problem
from evalrunner.planning.calls import Counter
from evalrunner.prompts import PromptTemplate
from evalrunner.scorers import Scorer
from evalrunner.types import Case, Prompt

_SHOWN = 20


class CaseReview:
    """What has to be found out about the cases of one test set, and the pass that does it."""

    def __init__(self, cases: CaseSet) -> None:
        self._cases = cases
        self._prompts: dict[PromptTemplate, _PromptReview] = {}
        self._targets: dict[int, _TargetReview] = {}
        self._counters: list[Counter] = []

    def check_prompt(self, template: PromptTemplate, *, hidden: frozenset[str]) -> None:
        """Render this template, which must not read the `hidden` fields."""
        review = self._prompts.setdefault(template, _PromptReview(template))
        review.hidden[hidden] = None

    def check_targets(self, scorer: Scorer, key: str, target: str | None) -> None:
        """Ask this scorer about the targets; `target` is the field that it reads them from.

        `key` of its settings names that field.
        """
        self._targets.setdefault(id(scorer), _TargetReview(scorer, key, target))

    def count(self, counter: Counter) -> None:
        """Count the requests of a cell whose template is checked."""
        self._counters.append(counter)

    def run(self) -> list[Problem]:
        """Do all of it; what would fail.

        Requests are counted in the order in which they will be sent, case by case: that decides
        which of two cells pays for a request that both make.
        """
        prompts, targets = list(self._prompts.values()), list(self._targets.values())
        for case in self._cases:
            for target in targets:
                target.add(case)
            rendered = {prompt.template: prompt.render(case) for prompt in prompts}
            for counter in self._counters:
                asked = rendered[counter.template]
                if asked is not None:
                    counter.add(asked, case)
        found = [problem for prompt in prompts for problem in prompt.problems(self._cases)]
        return found + [problem for target in targets for problem in target.problems(self._cases)]


class _PromptReview:
    """One template. Remembers which cases tell anything: new fields, or why it cannot be used."""

    def __init__(self, template: PromptTemplate) -> None:
        self.template = template
        self.hidden: dict[frozenset[str], None] = {}
        self._fields: set[str] = set()
        self._telling = array("q")

    def render(self, case: Case) -> Prompt | None:
        """The prompt; None where the template fails."""
        is_telling = not case.fields.keys() <= self._fields
        prompt: Prompt | None = None
        try:
            prompt = self.template.render(case)
        except ConfigError:
            is_telling = True
        if is_telling:
            self._fields.update(case.fields)
            self._telling.append(case.index)
        return prompt

    def problems(self, cases: CaseSet) -> list[Problem]:
        # The other cases would add nothing: no field, no failure.
        found = [
            problem
            for hidden in self.hidden
            for problem in self.template.problems(
                map(cases.__getitem__, self._telling), hidden=hidden
            )
        ]
        return list(dict.fromkeys(found))


class _TargetReview:
    """One scorer: targets that it cannot use, and a target that no case has."""

    def __init__(self, scorer: Scorer, key: str, target: str | None) -> None:
        self._scorer = scorer
        self._key = key
        self._target = target
        self._is_found = target is None
        self._found: list[str] = []
        self._n = 0

    def add(self, case: Case) -> None:
        if not self._is_found:
            self._is_found = self._target in case.fields
        what = self._scorer.target_problem(case)
        if what is not None:
            self._n += 1
            if self._n <= _SHOWN:
                self._found.append(what)

    def problems(self, cases: CaseSet) -> list[Problem]:
        where = f"scorer.{self._scorer.name}"
        problems = [Problem(where=where, what=what) for what in self._found]
        if self._n > _SHOWN:
            problems.append(Problem(where=where, what=f"and {self._n - _SHOWN} more such cases"))
        if self._target is not None and not self._is_found:
            problems.append(_no_target(f"{where}.{self._key}", self._target, cases))
        return problems


def _no_target(where: str, target: str, cases: CaseSet) -> Problem:
    fields = sorted(set().union(*(case.fields for case in cases)))
    near = difflib.get_close_matches(target, fields, n=1)
    meant = f"did you mean {near[0]!r}? " if near else ""
    return Problem(
        where=where,
        what=f"no case of {cases.name!r} has the field {target!r}",
        hint=f"{meant}fields of the cases are: {', '.join(fields)}",
    )
