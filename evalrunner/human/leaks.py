"""Outputs that name what wrote them, so that raters may know whom they judge.

Nothing is altered: an output without the name would be another output.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from evalrunner.human.tasks import Output, Question
from evalrunner.planning import CellSpec
from evalrunner.providers.families import family_of, maker_of
from evalrunner.types import Json

_SHORTEST = 2
"""Characters of a name that can be told from a stray letter."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Leak:
    """Outputs of one cell that hold a name of it."""

    cell: int
    names: tuple[str, ...]
    """As they were found, in small letters and with spaces for all but letters and digits."""
    case_ids: tuple[str, ...]


def find_leaks(questions: Iterable[Question], specs: Sequence[CellSpec]) -> list[Leak]:
    """By cell, its outputs that name its model, label or maker, or a prompt others do not have.

    What the input holds, too, gives nothing away.
    """
    patterns = {spec.id: _pattern(_names(spec, specs), _brands(spec)) for spec in specs}
    found: dict[int, dict[str, set[str]]] = {}
    for question, output in _outputs(questions):
        given = set(patterns[output.cell].findall(_plain(question.input)))
        names = set(patterns[output.cell].findall(_plain(output.text))) - given
        if names:
            found.setdefault(output.cell, {})[question.case_id] = names
    return [
        Leak(
            cell=cell,
            names=tuple(sorted(set[str]().union(*cases.values()))),
            case_ids=tuple(sorted(cases)),
        )
        for cell, cases in sorted(found.items())
    ]


def _outputs(questions: Iterable[Question]) -> Iterable[tuple[Question, Output]]:
    """Each output that somebody is shown, once."""
    seen: dict[tuple[str, int], tuple[Question, Output]] = {}
    for question in questions:
        for output in question.outputs if not question.is_equal else ():
            seen.setdefault((question.case_id, output.cell), (question, output))
    return seen.values()


def _names(spec: CellSpec, specs: Sequence[CellSpec]) -> set[str]:
    """What a cell is called; its prompt's name only where another cell has another prompt."""
    model = spec.settings.model
    prompts = {str(each.axes["prompt"]) for each in specs}
    names = {model.name, model.label or "", str(spec.axes["model"]), maker_of(model) or ""}
    return names | ({str(spec.axes["prompt"])} if len(prompts) > 1 else set())


def _brands(spec: CellSpec) -> set[str]:
    """Words of the model's name that tell its maker: `gpt`, `claude`."""
    return {
        word.rstrip("0123456789")
        for word in _plain(spec.settings.model.name).split()
        if family_of("", word, is_own_host=False)
    }


def _pattern(names: Iterable[str], brands: Iterable[str]) -> re.Pattern[str]:
    plain = {name for name in map(_plain, names) if len(name) >= _SHORTEST}
    whole = [re.escape(name) for name in sorted(plain, key=lambda name: (-len(name), name))]
    # Of a family people also say ChatGPT and GPT4.
    parts = [rf"(?:chat)?{re.escape(brand)}\d*" for brand in sorted(brands) if brand]
    return re.compile(rf"(?<!\S)(?:{'|'.join([*whole, *parts]) or '(?!)'})(?!\S)")


def _plain(value: Json) -> str:
    """Words in small letters with single spaces, so that `GPT-6 Luna` is `gpt_6_luna`."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return " ".join(re.split(r"[\W_]+", text.casefold())).strip()
