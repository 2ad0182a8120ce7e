"""`evalrunner human export RUN`: choose cases, and make the tasks for each rater."""

from __future__ import annotations

import argparse
import json
import shlex
import sys
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from evalrunner.cli.screens import print_lines, warning_lines
from evalrunner.errors import ConfigError, Problem
from evalrunner.formatting import n_of, safe_text
from evalrunner.human.export import Exported, export_tasks
from evalrunner.human.leaks import Leak
from evalrunner.human.options import ExportOptions
from evalrunner.scorers.judge.settings import JudgeScorerSettings
from evalrunner.scorers.pairwise import PairwiseSettings
from evalrunner.store.people import human_directory
from evalrunner.types import Json, canonical_json
from evalrunner.types.people import Task

_MOST_SHOWN = 5
_WORDS_A_MINUTE, _SECONDS_A_TASK = 200, 10
"""How fast people read, roughly, and how long they take to decide."""


def main(arguments: argparse.Namespace) -> int:
    """Run the command; returns the exit code."""
    options = _options(arguments)
    made = export_tasks(Path(arguments.run), options, at=datetime.now(UTC))
    found = _to_json(made, Path(arguments.run), options)
    if arguments.json:
        sys.stdout.write(json.dumps(found, indent=2, allow_nan=False) + "\n")
    else:
        print_lines(_lines(found))
        print_lines(warning_lines(found["warnings"]), to=sys.stderr)
    return 0


def _options(arguments: argparse.Namespace) -> ExportOptions:
    return ExportOptions(
        kind=arguments.kind,
        cells=_cells(arguments.cells),
        cases=arguments.cases,
        choose=arguments.choose,
        by=arguments.by,
        raters=("rater-1",) if arguments.raters is None else _listed(arguments.raters),
        overlap=arguments.overlap,
        repeats=arguments.repeats,
        seed=arguments.seed,
        instructions=arguments.instructions,
        forms=tuple(arguments.form or ("page",)),
        again=arguments.again,
    )


def _cells(text: str | None) -> tuple[str, ...]:
    cells = () if text is None else _listed(text)
    if text is not None and not cells:
        hint = "--cells A,B; without --cells all candidates are rated"
        raise ConfigError(Problem(where="--cells", what="names nothing", hint=hint))
    return cells


def _listed(text: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in text.split(",") if word.strip())


def _to_json(made: Exported, directory: Path, options: ExportOptions) -> dict[str, Any]:
    settings, key = made.export.settings, made.export.key
    equal = {(each.case_id, each.left, each.right) for each in key if each.is_equal}
    human = human_directory(directory)
    return {
        "kind": settings["kind"],
        "cells": [{"id": spec.id, "label": spec.label} for spec in made.specs],
        "choose": settings["choose"],
        "n": settings["n"],
        "n_cases": settings["n_cases"],
        "n_questions": made.n_questions,
        "n_equal": len(equal),
        "raters": [_rater_json(made, rater) for rater in settings["raters"]],
        "leaks": [_leak_json(leak, made) for leak in made.leaks],
        "warnings": list(_warnings(made)),
        "key": str(human / "key.jsonl"),
        "forms": [str(path) for path in made.forms],
        "next": list(_next(directory, options)),
    }


def _rater_json(made: Exported, rater: str) -> dict[str, Json]:
    tasks = [task for task in made.export.tasks if task.rater == rater]
    copies = [key for key in made.export.key if key.rater == rater and key.copy_of is not None]
    # The same criteria are read once.
    criteria = {text for task in tasks for text in task.rating_criteria}
    n_words = sum(map(_n_words, tasks)) + sum(len(text.split()) for text in criteria)
    return {
        "rater": rater,
        "n_tasks": len(tasks),
        "n_repeats": sum(not key.is_swapped for key in copies),
        "n_swapped": sum(key.is_swapped for key in copies),
        "minutes": round(n_words / _WORDS_A_MINUTE + len(tasks) * _SECONDS_A_TASK / 60, 1),
    }


def _n_words(task: Task) -> int:
    given = task.input if isinstance(task.input, str) else canonical_json(task.input)
    return sum(len(text.split()) for text in (given, task.output_a, task.output_b or ""))


def _leak_json(leak: Leak, made: Exported) -> dict[str, Json]:
    label = next(spec.label for spec in made.specs if spec.id == leak.cell)
    cases = list(leak.case_ids)
    return {"cell": leak.cell, "label": label, "names": list(leak.names), "case_ids": cases}


def _warnings(made: Exported) -> Iterator[str]:
    labels = {spec.id: spec.label for spec in made.specs}
    for leak in made.leaks:
        shown = ", ".join(leak.case_ids[:_MOST_SHOWN])
        more = len(leak.case_ids) - _MOST_SHOWN
        shown += f" and {more:,} more" if more > 0 else ""
        names = ", ".join(map(repr, leak.names))
        yield (
            f"{n_of(len(leak.case_ids), 'output')} of {labels[leak.cell]} hold a name of it "
            f"({names}), so raters may know whom they judge; nothing was altered: {shown}"
        )
    for cell, n in sorted(made.n_silent.items()):
        yield (
            f"{n_of(n, 'trial')} of {labels[cell]} without a text: nobody is asked about them, "
            "and no win rate holds them against it"
        )
    if made.export.settings["choose"] == "informative" and made.is_all_agreed:
        yield "scores and verdicts disagree nowhere: the cases were chosen with equal chances"
    if made.n_facets > 1:
        yield (
            f"the run has {made.n_facets} facets (other data sets, judges or scorers): tasks are "
            f"about that of cell {made.specs[0].id}; name others with --cells"
        )
    if made.n_worthless:
        yield (
            f"{n_of(made.n_worthless, 'task')} of forms that were written before are no more: "
            "what raters fill in there can no longer be imported"
        )
    if single := _single_judges(made):
        yield (
            f"votes on pairs rank the models; they cannot calibrate {', '.join(single)}, which "
            "judges single outputs: for that export --kind rubric, from a copy of the run"
        )


def _single_judges(made: Exported) -> list[str]:
    """Judges of single outputs, where pairs are asked about."""
    if made.export.settings["kind"] != "pairwise":
        return []
    return [
        name
        for name, scorer in made.specs[0].settings.scorer.items()
        if isinstance(scorer, JudgeScorerSettings) and not isinstance(scorer, PairwiseSettings)
    ]


def _next(directory: Path, options: ExportOptions) -> Iterator[str]:
    """What to type, in order."""
    run = shlex.quote(str(directory))
    if "page" in options.forms:
        yield f"evalrunner human serve {run}"
    if set(options.forms) - {"page"}:
        yield f"evalrunner human import {run} FILE…"
    yield f"evalrunner human report {run}"


def _lines(found: Mapping[str, Any]) -> Iterator[str]:
    chosen = "all of them" if found["n"] == found["n_cases"] else f"{found['choose']} choice"
    asked = "pair" if found["kind"] == "pairwise" else "output"
    labels = ", ".join(safe_text(cell["label"], limit=80) for cell in found["cells"])
    yield f"{found['kind']} tasks about {labels}"
    yield (
        f"{n_of(found['n'], 'case')} of {found['n_cases']:,} ({chosen}), "
        f"{n_of(found['n_questions'], asked)}"
    )
    if found["n_equal"]:
        yield f"{n_of(found['n_equal'], 'pair')} of equal outputs: ties that nobody is asked about"
    yield from map(_rater_line, found["raters"])
    yield f"  (minutes at {_WORDS_A_MINUTE} words a minute and {_SECONDS_A_TASK} s a decision)"
    yield f"the key is {found['key']}: raters must not get it, nor the run's directory"
    yield from _file_lines(found["forms"])
    yield "next:"
    yield from (f"  {command}" for command in found["next"])


def _rater_line(rater: Mapping[str, Any]) -> str:
    copies = f"{rater['n_repeats']} asked again"
    if rater["n_swapped"]:
        copies += f", {rater['n_swapped']} again with sides swapped"
    minutes = f"about {max(1, round(rater['minutes'])):,} min"
    return f"  {rater['rater']}: {n_of(rater['n_tasks'], 'task')} ({copies}), {minutes}"


def _file_lines(forms: list[str]) -> Iterator[str]:
    if forms:
        yield f"files to send, each to the rater it is named by, are in {Path(forms[0]).parent}:"
        yield from (f"  {Path(form).name}" for form in forms)
