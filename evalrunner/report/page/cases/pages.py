"""The pages of the case browser: cases with all that each cell answered, and how it was scored."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from evalrunner.datasets import CaseFile
from evalrunner.errors import ConfigError
from evalrunner.formatting import seconds, usd
from evalrunner.planning import CellSpec
from evalrunner.prompts import PromptTemplate
from evalrunner.report.page.cases.groups import Group, Page
from evalrunner.types import Case, Json, Prompt

Trials = dict[int, list[list[dict[str, Any]]]]
"""By cell, for each case of a page its rows of `trials.jsonl`."""

_FROM_ROW = (
    "repeat",
    "status",
    "error",
    "stop_reason",
    "output",
    "detail",
    "scores",
    "usage",
    "cost_usd",
    "latency_s",
    "attempts",
    "cached",
    "served_model",
)
_APART = {"id", "input", "rubric"}
_LARGEST_INT = 2**53
"""Up to here a browser's numbers are exact."""


class Prompts:
    """What each cell was asked, rendered again from the templates that the run kept.

    Args:
        templates: By cell; None where a copy is gone.
    """

    def __init__(self, templates: Mapping[int, PromptTemplate | None]) -> None:
        self._templates = templates

    def of(self, spec: CellSpec, case: Case) -> Prompt | None:
        """The prompt of a case in a cell; None when it cannot be made again."""
        template = self._templates[spec.id]
        try:
            return None if template is None else template.render(case)
        except ConfigError:
            return None


def case_page(
    page: Page, cases: Sequence[Case], trials: Trials, prompts: Prompts
) -> dict[str, Json]:
    """The content of one `cases-NNNN`."""
    return {
        "page": page.number,
        "cases": [
            _case_entry(page.group, case, {c: rows[at] for c, rows in trials.items() if at < len(rows)}, prompts)
            for at, case in enumerate(cases)
        ],
    }


def cases_of(page: Page, cases: CaseFile) -> list[Case]:
    """The cases of a page."""
    return [cases[page.group.first + place] for place in page.places]


def _case_entry(
    group: Group, case: Case, trials: Mapping[int, list[dict[str, Any]]], prompts: Prompts
) -> dict[str, Json]:
    target = _target(group.specs[0])
    known = _APART | {target}
    fields = {name: value for name, value in case.fields.items() if name not in known}
    return {
        "id": case.id,
        "input": _exact(case.input),
        "expected": _exact(case.fields.get(target)),
        "rubric": _exact(case.fields.get("rubric")),
        "fields": _exact(fields),
        "prompts": dict(_prompts(group, case, trials, prompts)),
        "trials": {str(cell): [_trial(row) for row in rows] for cell, rows in trials.items()},
    }


def _target(spec: CellSpec) -> str:
    """The field that the quality scorer holds for the truth."""
    name = getattr(spec.settings.scorer[spec.quality_scorer], "target", None)
    return name or "expected_output"


def _prompts(
    group: Group, case: Case, trials: Mapping[int, list[dict[str, Any]]], prompts: Prompts
) -> Iterator[tuple[str, Json]]:
    """What was really asked, by its hash: a prompt that is another one now is not shown."""
    shown = set()
    for spec in group.specs:
        asked = {row["prompt_sha256"] for row in trials.get(spec.id, ())} - {None} - shown
        if asked and (prompt := prompts.of(spec, case)) is not None and prompt.sha256 in asked:
            shown.add(prompt.sha256)
            yield prompt.sha256, _prompt_json(prompt)


def _prompt_json(prompt: Prompt) -> Json:
    turns = [{"role": turn.role, "content": turn.content} for turn in prompt.messages]
    is_plain = len(turns) == 1 and turns[0]["role"] == "user"
    return {"system": prompt.system, "user": _exact(turns[0]["content"] if is_plain else turns)}


def _trial(row: Mapping[str, Any]) -> dict[str, Json]:
    trial = {name: row[name] for name in _FROM_ROW}
    return trial | {
        "scores": {name: _score(score) for name, score in row["scores"].items()},
        "prompt": row["prompt_sha256"],
        "shown": {"cost": usd(row["cost_usd"]), "latency": seconds(row["latency_s"])},
    }


def _score(score: dict[str, Any]) -> dict[str, Json]:
    """As in `trials.jsonl`, without the keys of requests, by which the page finds nothing."""
    if not score.get("judgements"):
        return score
    judgements = [
        {**each, "calls": [{k: v for k, v in call.items() if k != "key"} for call in each["calls"]]}
        for each in score["judgements"]
    ]
    return {**score, "judgements": judgements}


def _exact(value: Json) -> Json:
    """Whole numbers that a browser would round as text."""
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) > _LARGEST_INT:
        return str(value)
    if isinstance(value, dict):
        return {name: _exact(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_exact(item) for item in value]
    return value
