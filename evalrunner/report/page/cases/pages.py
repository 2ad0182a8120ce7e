"""The pages of the case browser: cases with all that each cell answered, and how it was scored."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from evalrunner.datasets import CaseFile
from evalrunner.errors import ConfigError, StoreError
from evalrunner.planning import CellSpec
from evalrunner.planning.frozen import kept_template
from evalrunner.prompts import PromptSettings, PromptTemplate
from evalrunner.report.page.cases.groups import Group, Page
from evalrunner.report.page.cases.rows import TrialRows, encode
from evalrunner.store import read_json
from evalrunner.types import Case, Json, Prompt

_MOST_KEPT = 2000
"""Prompts that are remembered: those of a page."""
_APART = {"id", "input", "rubric"}
_LARGEST_INT = 2**53
"""Up to here a browser's numbers are exact."""


class Prompts:
    """What each cell was asked, rendered again from the templates that the run kept.

    A trial names its prompt by the hash, so that one which is not what was asked is never shown.

    Args:
        directory: Of the run.
        specs: All cells of the run.
    """

    def __init__(self, directory: Path, specs: Sequence[CellSpec]) -> None:
        manifest = read_json(directory / "manifest.json")
        kept: dict[PromptSettings, PromptTemplate | None] = {}
        for spec in specs:
            settings = spec.settings.prompt
            if settings not in kept:
                kept[settings] = _template(settings, directory, manifest)
        self._templates = {spec.id: kept[spec.settings.prompt] for spec in specs}
        self._rendered: dict[tuple[int, PromptTemplate], Prompt | None] = {}

    def of(self, spec: CellSpec, case: Case) -> Prompt | None:
        """The prompt of a case in a cell; None when it cannot be made again."""
        template = self._templates[spec.id]
        return None if template is None else self._render(template, case)

    def all_of(self, group: Group, case: Case) -> list[Prompt]:
        """The prompts of a case in all cells of a group that were asked it, each once."""
        asked = [s for s in group.specs if case.index - s.first < s.n]
        prompts = (self.of(spec, case) for spec in asked)
        return list({id(prompt): prompt for prompt in prompts if prompt is not None}.values())

    def _render(self, template: PromptTemplate, case: Case) -> Prompt | None:
        """Once for all cells that share it, which come to it one after the other."""
        key = (case.index, template)
        if key not in self._rendered:
            if len(self._rendered) >= _MOST_KEPT:
                self._rendered.clear()
            self._rendered[key] = _rendered(template, case)
        return self._rendered[key]


def _template(
    settings: PromptSettings, directory: Path, manifest: Mapping[str, Any]
) -> PromptTemplate | None:
    """None when a copy is gone."""
    try:
        return kept_template(settings, directory, manifest)
    except (ConfigError, StoreError):
        return None


def _rendered(template: PromptTemplate, case: Case) -> Prompt | None:
    try:
        return template.render(case)
    except ConfigError:
        return None


def case_page(page: Page, cases: Sequence[Case], rows: TrialRows, prompts: Prompts) -> str:
    """The content of one `cases-NNNN`, as JSON."""
    group = page.group
    texts = {spec.id: rows.texts(spec, page.places, cases) for spec in group.specs}
    shown = []
    for at, case in enumerate(cases):
        entry = encode(_case_entry(group, case, prompts)).removesuffix("}")
        trials = ",".join(
            f'"{cell}":[{",".join(of_cell[at])}]'
            for cell, of_cell in texts.items()
            if at < len(of_cell)
        )
        shown.append(f'{entry},"trials":{{{trials}}}}}')
    return f'{{"page":{page.number},"cases":[{",".join(shown)}]}}'


def cases_of(page: Page, cases: CaseFile) -> list[Case]:
    """The cases of a page."""
    return [cases[page.group.first + place] for place in page.places]


def _case_entry(group: Group, case: Case, prompts: Prompts) -> dict[str, Json]:
    target = _target(group.specs[0])
    known = _APART | {target}
    fields = {name: value for name, value in case.fields.items() if name not in known}
    return {
        "id": case.id,
        "input": _exact(case.input),
        "expected": _exact(case.fields.get(target)),
        "rubric": _exact(case.fields.get("rubric")),
        "fields": _exact(fields),
        "prompts": {prompt.sha256: _prompt_json(prompt) for prompt in prompts.all_of(group, case)},
    }


def _target(spec: CellSpec) -> str:
    """The field that the quality scorer holds for the truth."""
    name = getattr(spec.settings.scorer[spec.quality_scorer], "target", None)
    return name or "expected_output"


def _prompt_json(prompt: Prompt) -> Json:
    turns = [{"role": turn.role, "content": turn.content} for turn in prompt.messages]
    is_plain = len(turns) == 1 and turns[0]["role"] == "user"
    return {"system": prompt.system, "user": _exact(turns[0]["content"] if is_plain else turns)}


def _exact(value: Json) -> Json:
    """Whole numbers that a browser would round as text."""
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) > _LARGEST_INT:
        return str(value)
    if isinstance(value, dict):
        return {name: _exact(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_exact(item) for item in value]
    return value
