"""A test set drawn from logged production calls, with their answers beside it.

Nothing here says what is right: `expected_output` is left to people.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evalrunner.errors import ConfigError, Problem
from evalrunner.formatting import n_of
from evalrunner.production.dataset.card import source_facts
from evalrunner.production.dataset.drawing import Allocation, Drawn, Stratum, draw, shares_of
from evalrunner.production.dataset.questions import Questions, questions_of
from evalrunner.production.dataset.rows import RESERVED
from evalrunner.production.dataset.writing import write_dataset
from evalrunner.production.logs import LoggedCall, Logs
from evalrunner.stats import kish_size

__all__ = ["DatasetOptions", "make_dataset"]

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,79}")


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetOptions:
    """What was asked for."""

    name: str = "production"
    n: int = 200
    by: str | None = None
    """Field to stratify by; None = `category` where calls have one."""
    allocate: Allocation = "proportional"
    seed: int = 0


def make_dataset(logs: Logs, into: Path, options: DatasetOptions) -> dict[str, Any]:
    """Draw the cases and write all files of a test set below `into`; returns what was done.

    Raises ConfigError for what cannot be drawn, or when one of the files is there already;
    StoreError when it cannot be written, and then nothing is left behind.
    """
    _check(options)
    by = _by(logs.records, options.by)
    questions = questions_of(logs.records, by=by)
    if not questions.all:
        reasons = ", ".join(f"{n_of(n, 'call')} {why}" for why, n in questions.left_out.items())
        raise ConfigError(Problem(where="LOG", what=f"no call can become a case: {reasons}"))
    drawn, strata = draw(
        questions.all, options.n, by=by, allocate=options.allocate, seed=options.seed
    )
    found = _facts(logs, questions, drawn, strata, options=options, by=by)
    found["files"] = write_dataset(into, found, drawn, by=by)
    return found


def _check(options: DatasetOptions) -> None:
    problems = []
    if not _NAME.fullmatch(options.name):
        what = f"{options.name!r} is no name for files: letters, digits, - and _"
        problems.append(Problem(where="--name", what=what))
    if options.n < 1:
        problems.append(Problem(where="--n", what=f"{options.n} cases are none"))
    if options.seed < 0:
        problems.append(Problem(where="--seed", what=f"{options.seed} is below 0"))
    if options.by in RESERVED:
        what = f"{options.by!r} is a field that every case has for something else"
        problems.append(Problem(where="--by", what=what, hint="take category, or a metadata key"))
    if problems:
        raise ConfigError(problems)


def _by(calls: Sequence[LoggedCall], by: str | None) -> str | None:
    if by is None:
        return "category" if any(call.category is not None for call in calls) else None
    if not any(call.field(by) is not None for call in calls):
        names = sorted({name for call in calls for name in call.metadata})[:20]
        what = f"no logged call has {by!r}"
        hint = f"their metadata have: {', '.join(names)}" if names else "they have no metadata"
        raise ConfigError(Problem(where="--by", what=what, hint=hint))
    return by


def _facts(
    logs: Logs,
    questions: Questions,
    drawn: Sequence[Drawn],
    strata: Sequence[Stratum],
    *,
    options: DatasetOptions,
    by: str | None,
) -> dict[str, Any]:
    times = sorted(call.at for call in logs.records if call.at is not None)
    shares = shares_of(strata)
    models = Counter(each.question.call.model for each in drawn)
    found: dict[str, Any] = {
        "name": options.name,
        "n": len(drawn),
        "n_asked": options.n,
        "n_calls": len(logs.records),
        "mass": sum(call.weight for call in logs.records),
        "n_unreadable": logs.n_left_out,
        "left_out": dict(questions.left_out.most_common()),
        "n_questions": len(questions.all),
        "n_equal": questions.n_equal,
        "n_near": questions.n_near,
        "first": times[0].date().isoformat() if times else None,
        "last": times[-1].date().isoformat() if times else None,
        "by": by,
        "is_sliced": any(by and each.question.call.field(by) for each in drawn),
        "allocate": options.allocate,
        "seed": options.seed,
        "strata": [
            {
                "name": each.name,
                "n_questions": each.n_questions,
                "share": shares[each.name],
                "n": each.n,
            }
            for each in strata
        ],
        "effective_n": kish_size([each.weight for each in drawn]),
        "models": {name: n for name, n in models.most_common() if name is not None},
        "sources": [source_facts(path) for path in logs.files],
    }
    return found | {"to_do": list(_to_do(found))}


def _to_do(found: Mapping[str, Any]) -> Iterator[str]:
    path = f"datasets/{found['name']}.jsonl"
    yield (
        f"{n_of(found['n'], 'case')} without `expected_output`: write the right answer of each "
        f"into {path}, or a `rubric` for a judge. `recorded` is what production said, right or not"
    )
    yield "read every input for personal data before the files are shared or committed"
    yield "fill in the licence on the card"
