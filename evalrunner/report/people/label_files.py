"""Labels from a file: checked against the run as a whole before any of them is recorded."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from evalrunner.datasets._problems import Problems, nearest, quoted
from evalrunner.datasets._readers import read_rows
from evalrunner.planning import CellSpec
from evalrunner.report.people.answers import Answer, Answers
from evalrunner.report.people.matching import LabelMatcher, PeopleSaid
from evalrunner.report.people.unused import why_unused
from evalrunner.report.recorded import RecordedRun
from evalrunner.store.people import label_from_json
from evalrunner.types import Json
from evalrunner.types.people import Label

_SUFFIXES = (".jsonl", ".json", ".csv")
_COLUMNS = tuple(Label.__dataclass_fields__)
_WORDS = {"pass": 1.0, "yes": 1.0, "true": 1.0, "fail": 0.0, "no": 0.0, "false": 0.0}
"""What a spreadsheet may say instead of a number."""

_Target = tuple[CellSpec, int, Answer]


def read_label_file(path: Path, run: RecordedRun, answers: Answers) -> list[Label]:
    """The labels of a .jsonl, .json or .csv file, each bound to its output where that is one.

    Raises ConfigError with every problem of the file.
    """
    problems = Problems(str(path))
    if path.suffix.lower() not in _SUFFIXES:
        problems.file("is no file of labels", f"it must be one of: {', '.join(_SUFFIXES)}")
        problems.raise_any()
    read = list(_read(path, problems, {spec.id for spec in run.specs}))
    said = PeopleSaid(labels=[label for _, label in read])
    checker = _Checker(run.specs, answers, LabelMatcher(said, run.specs, run.cases), problems)
    labels = [checker.checked(label, line) for line, label in read]
    if not read and not problems:
        problems.file("has no labels", f"its columns are {', '.join(_COLUMNS)}")
    problems.raise_any()
    return [label for label in labels if label is not None]


def _read(path: Path, problems: Problems, cells: set[int]) -> Iterator[tuple[int, Label]]:
    is_table = path.suffix.lower() == ".csv"
    for line, row in read_rows(path, problems, encoding="utf-8"):
        for name in row.keys() - {*_COLUMNS}:
            if meant := difflib.get_close_matches(name, _COLUMNS, n=1, cutoff=0.8):
                problems.row(line, f"has {quoted(name)}, which labels do not", f"{meant[0]}?")
        try:
            yield line, label_from_json(_from_cells(row, cells) if is_table else row)
        except ValueError as error:
            problems.row(line, str(error), "a label is a number from 0 (fail) to 1 (pass)")


def _from_cells(row: Mapping[str, Json], cells: set[int]) -> dict[str, Json]:
    """A row of a table, where all is text and empty is nothing. Raises ValueError."""
    texts = {name: str(text).strip() for name, text in row.items() if str(text).strip()}
    found: dict[str, Json] = dict(texts)
    if "label" in texts:
        found["label"] = _label_in(texts["label"])
    if texts.get("repeat", "").isdecimal():
        found["repeat"] = int(texts["repeat"])
    if texts.get("cell", "").isdecimal() and int(texts["cell"]) in cells:
        found["cell"] = int(texts["cell"])
    return found


def _label_in(text: str) -> float:
    known = _WORDS.get(text.casefold())
    if known is not None:
        return known
    try:
        return float(text)
    except ValueError:
        words = ", ".join(_WORDS)
        what = f"'label' must be a number from 0 to 1, or one of {words}, not {quoted(text)}"
        raise ValueError(what) from None


class _Checker:
    """Holds labels against the answers that they must be about."""

    def __init__(
        self,
        specs: Sequence[CellSpec],
        answers: Answers,
        matcher: LabelMatcher,
        problems: Problems,
    ) -> None:
        self._specs = specs
        self._answers = answers
        self._matcher = matcher
        self._problems = problems
        self._lines: dict[tuple[object, ...], int] = {}
        """Where each unit was labelled first."""

    def checked(self, label: Label, line: int) -> Label | None:
        """The label, bound to its output; None when it is faulty, which is noted."""
        targets = list(self._targets(label))
        if not targets:
            why = why_unused(label, self._matcher, self._specs, self._answers)
            self._problems.row(line, why, self._hint(label))
            return None
        outputs = {answer.sha256 for *_, answer in targets}
        if label.cell is not None and label.repeat is None and len(outputs) > 1:
            what = f"cell {label.cell!r} has {len(outputs)} different outputs for this case"
            self._problems.row(line, what, "say which: repeat, or output_sha256")
            return None
        is_known = all(self._has_criterion(label, target, line) for target in targets[:1])
        if not is_known or self._is_twice(label, targets, line):
            return None
        (output,) = outputs if len(outputs) == 1 else (None,)
        return replace(label, output_sha256=output) if output is not None else label

    def _targets(self, label: Label) -> Iterator[_Target]:
        for spec in self._specs:
            if spec.role != "candidate" or self._matcher.name(spec, label.scorer) is None:
                continue
            answers = self._answers.cells[spec.id].get(label.case_id, ())
            for repeat, answer in enumerate(answers):
                if self._matcher.is_about(label, spec, repeat=repeat, sha256=answer.sha256):
                    yield spec, repeat, answer

    def _has_criterion(self, label: Label, target: _Target, line: int) -> bool:
        if label.criterion is None:
            return True
        spec, _, answer = target
        name = self._matcher.name(spec, label.scorer) or ""
        known = set(self._matcher.weights(spec, name, label.case_id))
        if not known and name in answer.scores:
            known = set(answer.scores[name].criteria)
        if label.criterion.strip() in known:
            return True
        what = f"{name!r} has no criterion {quoted(label.criterion)} for this case"
        self._problems.row(line, what, nearest(label.criterion, known))
        return False

    def _is_twice(self, label: Label, targets: Sequence[_Target], line: int) -> bool:
        for spec, repeat, _ in targets:
            name = self._matcher.name(spec, label.scorer)
            unit = (spec.id, label.case_id, repeat, name, label.criterion, label.rater)
            first = self._lines.setdefault(unit, line)
            if first != line:
                what = f"labels what {self._problems.name_row(first)} labels"
                hint = "" if label.rater else "name who said it in the column rater"
                self._problems.row(line, what, hint)
                return True
        return False

    def _hint(self, label: Label) -> str:
        candidates = [spec for spec in self._specs if spec.role == "candidate"]
        known = {case for spec in candidates for case in self._answers.cells[spec.id]}
        if label.case_id not in known:
            return nearest(label.case_id, known)
        if label.cell is not None and all(label.cell not in (s.id, s.label) for s in candidates):
            return nearest(str(label.cell), (spec.label for spec in candidates))
        if label.scorer is not None:
            return nearest(label.scorer, candidates[0].settings.scorer)
        return ""
