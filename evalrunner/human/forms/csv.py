"""Tasks as CSV, to be filled in with a spreadsheet: a row a pair, or a row a criterion."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Sequence

from evalrunner.human.forms.texts import criteria_text, input_text, plain
from evalrunner.types.people import Task

_PAIRWISE = (
    "task_id",
    "rater",
    "input",
    "output_a",
    "output_b",
    "rating_criteria",
    "instructions",
    "vote",
    "note",
)
_RUBRIC = ("task_id", "rater", "input", "output_a", "criterion", "instructions", "label", "note")
_VOTE_HOW = "Under vote, write left (A is better), right (B is better), tie or both_bad."
_LABEL_HOW = "Under label, write yes (the criterion is met) or no."
_FORMULA_STARTS = tuple("=+-@＝＋－＠")
_NUMBER = re.compile(r"\s*[\d.][\d\s.,:/%eE+-]*([ap]m)?|\s*(true|false)\s*", re.IGNORECASE)
_MONTH = r"(jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*"
_DATE = re.compile(rf"(?=.*\d)[\d\s.,/-]*{_MONTH}[\d\s.,/:-]*", re.IGNORECASE)


def write_csv(tasks: Sequence[Task]) -> dict[str, str]:
    """The text of one file, by its suffix; tasks are of one kind.

    It begins with a byte order mark: without, Excel takes UTF-8 for the encoding of its country.
    """
    is_pairwise = any(task.kind == "pairwise" for task in tasks)
    text = io.StringIO()
    text.write("\N{ZERO WIDTH NO-BREAK SPACE}")
    writer = csv.DictWriter(text, _PAIRWISE if is_pairwise else _RUBRIC, restval="")
    writer.writeheader()
    for task in tasks:
        for row in _rows(task):
            writer.writerow({name: cell_text(value) for name, value in row.items()})
    return {".csv": text.getvalue()}


def cell_text(text: str) -> str:
    """As it stands in a cell: an apostrophe keeps a spreadsheet from calculating or rewriting it.

    Spreadsheets run formulas, and make another text of a number, `1e10` of a task's hexadecimal id,
    or of a date.
    """
    sound = plain(text)
    is_formula = sound.startswith(("\t", "\r")) or sound.lstrip().startswith(_FORMULA_STARTS)
    is_rewritten = _NUMBER.fullmatch(sound) or _DATE.fullmatch(sound)
    return f"'{sound}" if is_formula or is_rewritten else sound


def _rows(task: Task) -> Iterator[dict[str, str]]:
    shown = {
        "task_id": task.task_id,
        "rater": task.rater,
        "input": input_text(task.input),
        "output_a": task.output_a,
    }
    if task.kind == "pairwise":
        yield shown | {
            "output_b": task.output_b or "",
            "rating_criteria": criteria_text(task.rating_criteria),
            "instructions": f"{task.instructions}\n{_VOTE_HOW}".lstrip(),
        }
        return
    for criterion in task.rating_criteria:
        instructions = f"{task.instructions}\n{_LABEL_HOW}".lstrip()
        yield shown | {"criterion": criterion, "instructions": instructions}
