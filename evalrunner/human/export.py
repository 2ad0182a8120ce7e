"""`human export`: from a run directory to the tasks of its raters, their key, and their forms."""

from __future__ import annotations

import shlex
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from evalrunner.errors import ConfigError, Problem, StoreError
from evalrunner.formatting import n_of
from evalrunner.human.answers import Answers
from evalrunner.human.choosing import Chosen
from evalrunner.human.criteria import INSTRUCTIONS
from evalrunner.human.forms import FORMS
from evalrunner.human.leaks import Leak, find_leaks
from evalrunner.human.options import ExportOptions, choose_cells
from evalrunner.human.questions import PAIR, Asker
from evalrunner.human.tasks import Desk, make_tasks
from evalrunner.planning import CellSpec, read_specs
from evalrunner.store import run_directory, write_text
from evalrunner.store.people import (
    HumanExport,
    human_directory,
    locked_tasks,
    read_export,
    read_votes,
    write_export,
)
from evalrunner.types import Json
from evalrunner.types.people import Task, TaskKind

_FORMS = "forms"


@dataclass(frozen=True, slots=True, kw_only=True)
class Exported:
    """What an export made."""

    export: HumanExport
    specs: Sequence[CellSpec]
    """The cells whose outputs are rated."""
    n_facets: int
    """Of the run's candidates: only one is rated."""
    n_questions: int
    """Outputs, or pairs of them, those of equal outputs included."""
    n_silent: Mapping[int, int]
    """By cell, trials without a text that could be shown."""
    is_all_agreed: bool
    """Whether scores and verdicts disagree nowhere, so that no case is more informative."""
    n_worthless: int
    """Tasks in forms of an export before that are no more: nobody can import their answers."""
    leaks: Sequence[Leak]
    forms: Sequence[Path]


def export_tasks(directory: Path, options: ExportOptions, *, at: datetime) -> Exported:
    """Choose cases of a run, and write tasks, key and forms into its `human/`.

    Raises ConfigError where the options do not fit the run, where there is an export already, or
    where votes would lose their tasks; StoreError.
    """
    options.check()
    directory = run_directory(directory)
    every = read_specs(directory)
    specs = choose_cells(options.cells, every)
    kind = _kind(options, specs)
    answers = Answers(directory, specs)
    asker = Asker(directory=directory, specs=specs, kind=kind, answers=answers, options=options)
    with locked_tasks(directory):
        earlier = _replaceable(directory, again=options.again)
        cases = asker.cases()
        chosen = asker.choose(cases)
        questions = [
            question
            for case_id in chosen.ids
            for question in asker.questions(cases[case_id], chance=chosen.chances[case_id])
        ]
        desk = _desk(directory, options, kind)
        tasks, key = make_tasks(questions, desk)
        _check_tasks(tasks, desk)
        settings = _settings(desk, specs, options, chosen, at=at)
        export = HumanExport(settings=settings, tasks=tasks, key=key)
        n_worthless = _n_worthless(directory, earlier, tasks)
        forms = _write(directory, export, options.forms)
    return Exported(
        export=export,
        specs=specs,
        n_facets=len({spec.facet for spec in every if spec.role == "candidate"}),
        n_questions=len(questions),
        n_silent=dict(answers.n_silent),
        is_all_agreed=not any(map(answers.disagreement, cases)),
        n_worthless=n_worthless,
        leaks=find_leaks(questions, specs),
        forms=forms,
    )


def _kind(options: ExportOptions, specs: Sequence[CellSpec]) -> TaskKind:
    if options.kind == "pairwise" and len(specs) < PAIR:
        what = f"pairwise needs two cells, and there is one: {specs[0].id} ({specs[0].label})"
        hint = "add --kind rubric, or name more cells with --cells A,B"
        raise ConfigError(Problem(where="--kind", what=what, hint=hint))
    return options.kind or ("pairwise" if len(specs) >= PAIR else "rubric")


def _replaceable(directory: Path, *, again: bool) -> HumanExport | None:
    """The export to be replaced, if there is one. Raises ConfigError where it must stay."""
    export = read_export(directory)
    if export is None:
        return None
    where, run = str(human_directory(directory)), shlex.quote(str(directory))
    raters = ", ".join(export.settings["raters"])
    present = {task.task_id for task in export.tasks}
    n_votes = sum(vote.task_id in present for vote in read_votes(directory)[0])
    if n_votes:
        what = f"holds tasks ({raters}) that have {n_of(n_votes, 'vote')}: they are kept"
        hint = (
            f"to ask about something else, export from a copy of the run: cp -r {run} COPY && "
            "rm -r COPY/human COPY/votes.jsonl && evalrunner human export COPY"
        )
        raise ConfigError(Problem(where=where, what=what, hint=hint))
    if not again:
        what = f"holds {n_of(len(export.tasks), 'task')} already ({raters})"
        hint = f"rate them: evalrunner human serve {run} · or replace them: add --again"
        raise ConfigError(Problem(where=where, what=what, hint=hint))
    return export


def _n_worthless(directory: Path, earlier: HumanExport | None, tasks: Sequence[Task]) -> int:
    forms = human_directory(directory) / _FORMS
    if earlier is None or not forms.is_dir():
        return 0
    return len({task.task_id for task in earlier.tasks} - {task.task_id for task in tasks})


def _desk(directory: Path, options: ExportOptions, kind: TaskKind) -> Desk:
    return Desk(
        run=directory.resolve().name,
        kind=kind,
        seed=options.seed,
        raters=options.raters,
        overlap=options.overlap,
        repeats=options.repeats,
        instructions=options.instructions or INSTRUCTIONS[kind],
    )


def _check_tasks(tasks: Sequence[Task], desk: Desk) -> None:
    """Raise ConfigError where somebody would have nothing to do."""
    busy = {task.rater for task in tasks}
    idle = [rater for rater in desk.raters if rater not in busy]
    if not busy:
        what = "every pair of outputs is equal: there is nothing to choose between"
        raise ConfigError(Problem(where="--cells", what=what, hint="name other cells"))
    if idle:
        what = f"{', '.join(idle)} would get no task"
        hint = "name fewer raters, or raise --cases or --overlap"
        raise ConfigError(Problem(where="--raters", what=what, hint=hint))


def _settings(
    desk: Desk,
    specs: Sequence[CellSpec],
    options: ExportOptions,
    chosen: Chosen,
    *,
    at: datetime,
) -> dict[str, Json]:
    return {
        "schema_version": 1,
        "seed": desk.seed,
        "kind": desk.kind,
        "cells": [spec.id for spec in specs],
        "choose": options.choose,
        "by": options.by,
        "n": len(chosen.ids),
        "n_cases": len(chosen.chances),
        "raters": list(desk.raters),
        "overlap": desk.overlap,
        "repeats": desk.repeats,
        "swapped": desk.repeats if desk.kind == "pairwise" else 0.0,
        "created_at": at.isoformat(),
        "instructions": desk.instructions,
        "chances": None if chosen.is_equal else dict(chosen.chances),
    }


def _write(directory: Path, export: HumanExport, names: Sequence[str]) -> list[Path]:
    """Write the export; returns its forms.

    Earlier forms go: they ask for tasks that are no more. New ones are made before anything is
    written, so that what cannot be made leaves nothing half done.
    """
    texts = _form_texts(export.tasks, names)
    forms = human_directory(directory) / _FORMS
    write_export(directory, export)
    try:
        if forms.is_dir():
            shutil.rmtree(forms)
        if texts:
            forms.mkdir()
    except OSError as error:
        raise StoreError(f"cannot replace {forms}: {error.strerror}") from error
    for name, text in texts.items():
        write_text(forms / name, text)
    return [forms / name for name in texts]


def _form_texts(tasks: Sequence[Task], names: Sequence[str]) -> dict[str, str]:
    """Texts by file name; a file holds the tasks of one rater and is named by them."""
    texts = dict[str, str]()
    for rater in dict.fromkeys(task.rater for task in tasks):
        mine = [task for task in tasks if task.rater == rater]
        for name in dict.fromkeys(names):
            texts |= {f"{rater}{suffix}": text for suffix, text in FORMS[name](mine).items()}
    return texts
