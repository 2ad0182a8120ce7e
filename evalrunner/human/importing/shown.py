"""Whether a row shows what its task showed: one that a spreadsheet mixed up is about another."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from evalrunner.human.forms.texts import criteria_text, input_text, plain
from evalrunner.human.importing.words import SHOWN
from evalrunner.types.people import Task

_CELL = 32_700
"""UTF-16 units from which on a cell may have been cut: Excel keeps 32,767."""
_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1f\x7f\N{ZERO WIDTH NO-BREAK SPACE}]")
_UNKNOWN = re.compile(r"\?+")
_TEXTS: Mapping[str, Callable[[Task], str]] = {
    "input": lambda task: input_text(task.input),
    "output_a": lambda task: plain(task.output_a),
    "output_b": lambda task: plain(task.output_b or ""),
    "rating_criteria": lambda task: criteria_text(task.rating_criteria),
}


def check_shown(answer: Mapping[str, Any], task: Task) -> None:
    """Raise ValueError that names the texts of the row which are not those of the task."""
    bent = [
        name
        for name in SHOWN
        if name in answer and not _is_same(answer[name] or "", _TEXTS[name](task))
    ]
    if bent:
        *others, last = bent
        names = f"{', '.join(others)} and {last} are" if others else f"{last} is"
        what = f"{names} not what task {task.task_id} showed: was a column sorted, or edited?"
        raise ValueError(f"{what} Take the file as it was before")


def _is_same(given: object, wanted: str) -> bool:
    """Whether a program may have made the one of the other: see `_plainer`, cuts and encodings."""
    if not isinstance(given, str):
        return False
    found, text = _plainer(given), _plainer(wanted)
    if found == text or _in_cp1252(text) == _UNKNOWN.sub("?", found):
        return True
    is_full = len(given.encode("utf-16-le", "surrogatepass")) // 2 >= _CELL
    return is_full and text.startswith(found.rstrip("\N{REPLACEMENT CHARACTER}"))


def _plainer(text: str) -> str:
    """Without what spreadsheets change: line ends, white space around them, our apostrophe."""
    lines = [_CONTROL.sub("", line).rstrip() for line in text.splitlines()]
    return "\n".join(lines).strip().lstrip("'").lstrip()


def _in_cp1252(text: str) -> str:
    """As spreadsheets save it that know no UTF-8; how many characters were unknown is not told."""
    return _UNKNOWN.sub("?", text.encode("cp1252", "replace").decode("cp1252"))
