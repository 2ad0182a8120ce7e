"""Answers from files that raters filled in, checked as a whole before any of them is recorded."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from evalrunner.datasets import Problems
from evalrunner.errors import ConfigError, Problem
from evalrunner.formatting import n_of
from evalrunner.human.importing.answers import READERS, form_of, no_answer
from evalrunner.human.importing.checks import Checker, Key, Said, key_of, value_of
from evalrunner.human.importing.files import read_text, rows_of_json, rows_of_table
from evalrunner.store.people import append_votes, locked_tasks, read_export, read_votes

__all__ = ["Imported", "import_votes"]


@dataclass(slots=True, kw_only=True)
class Imported:
    """What came of an import: counts by rater."""

    read: Counter[str] = field(default_factory=Counter)
    """Answers in the files, skips among them."""
    recorded: Counter[str] = field(default_factory=Counter)
    known: Counter[str] = field(default_factory=Counter)
    """Recorded before, with the same value."""
    replaced: Counter[str] = field(default_factory=Counter)
    """Of those recorded: there was another answer before."""
    n_unanswered: int = 0
    """Rows that nobody answered."""


def import_votes(
    directory: Path, files: Sequence[Path], *, form: str = "auto", may_replace: bool = False
) -> Imported:
    """Record what the files answer: everything, or nothing when anything is wrong.

    Args:
        directory: Of the run, with its export.
        files: As raters gave them back.
        form: `votes`, `csv`, `label-studio`, `argilla`, or `auto` to tell by content.
        may_replace: Whether an answer may take the place of another one recorded earlier.

    Raises:
        ConfigError: Every problem of every file, or another process takes votes.
        StoreError: The disk refused.
    """
    export = read_export(directory)
    if export is None:
        hint = f"type: evalrunner human export {directory}"
        raise ConfigError(Problem(where=str(directory), what="has no tasks for people", hint=hint))
    recorded, imported = _latest(directory), Imported()
    checker = Checker(export.tasks, recorded, may_replace=may_replace)
    noted, seen = [Problems(str(path)) for path in files], set[Path]()
    for path, found in zip(files, noted, strict=True):
        if path.resolve() in seen:
            found.file("is given twice")
            continue
        seen.add(path.resolve())
        rows = list(_answers(path, form, found))
        answers = [(line, answer) for line, answer in rows if answer is not None]
        imported.n_unanswered += len(rows) - len(answers)
        _take(answers, checker, found)
    problems = [problem for found in noted for problem in _raised(found)]
    if problems:
        raise ConfigError(problems)
    new = _new(checker.answers, recorded, imported)
    if new:
        _record(directory, new, recorded)
    return imported


def _take(
    answers: Sequence[tuple[int, Mapping[str, Any]]], checker: Checker, problems: Problems
) -> None:
    if len(answers) > 1 and not any(checker.knows(answer) for _, answer in answers):
        what = f"none of its {n_of(len(answers), 'vote')} is about a task of this run"
        hint = "are they of another run, or of an export that was replaced?"
        problems.file(what, hint)
        return
    for line, answer in answers:
        checker.take(answer, line=line, problems=problems)


def _answers(
    path: Path, form: str, problems: Problems
) -> Iterator[tuple[int, dict[str, Any] | None]]:
    text = read_text(path, problems)
    if not text:
        return
    is_json = text.lstrip().startswith(("{", "[")) if form == "auto" else form != "csv"
    rows: Iterator[tuple[int, Mapping[str, Any]]]
    rows = rows_of_json(text, problems) if is_json else rows_of_table(text, problems)
    kind = None if form == "auto" and is_json else "csv" if not is_json else form
    for line, row in rows:
        if (what := no_answer(row)) is not None:
            problems.file(what, _HINT)
            return
        kind = kind or form_of(row)
        if kind is None:
            problems.row(line, "is no vote: it has no 'task_id'", _HINT)
            return
        try:
            yield line, READERS[kind](row)
        except ValueError as error:
            problems.row(line, str(error))


_HINT = "give the votes.jsonl, CSV, or Label Studio's or Argilla's export that raters filled in"


def _raised(problems: Problems) -> Sequence[Problem]:
    try:
        problems.raise_any()
    except ConfigError as error:
        return error.problems
    return ()


def _latest(directory: Path) -> dict[Key, Said]:
    return {key_of(said): said for said in read_votes(directory)[0]}


def _new(answers: Sequence[Said], recorded: Mapping[Key, Said], imported: Imported) -> list[Said]:
    new = []
    for said in answers:
        old = recorded.get(key_of(said))
        imported.read[said.rater] += 1
        if old is not None and value_of(old) == value_of(said):
            imported.known[said.rater] += 1
            continue
        imported.recorded[said.rater] += 1
        imported.replaced[said.rater] += old is not None and value_of(old) is not None
        new.append(said)
    return new


def _record(directory: Path, answers: Sequence[Said], recorded: Mapping[Key, Said]) -> None:
    with locked_tasks(directory):
        if _latest(directory) != recorded:
            what = "votes came in while the files were checked"
            raise ConfigError(Problem(where=str(directory), what=what, hint="import them again"))
        append_votes(directory, answers)
