"""`evalrunner dataset sample PATH OUT --n N`: some of the cases, by a seeded draw."""

from __future__ import annotations

import argparse
import json
import sys
from array import array
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from evalrunner.cli.columns import table_lines
from evalrunner.cli.dataset.reading import TestSet, read_test_set
from evalrunner.cli.dataset.writing import check_out, write_set
from evalrunner.cli.screens import print_lines
from evalrunner.datasets._problems import nearest
from evalrunner.datasets._select import draw, draw_key, text_of
from evalrunner.errors import ConfigError, Problem
from evalrunner.formatting import n_of, percent, safe_text
from evalrunner.project import Project

_NONE = "(missing)"
_MOST_ROWS = 100
_LONGEST = 60


def main(arguments: argparse.Namespace) -> int:
    """Run the command; returns the exit code."""
    read = read_test_set(arguments.path, Project(Path(arguments.project).resolve()))
    out = check_out(arguments.out, force=arguments.force, source=read.path)
    strata = None if arguments.by is None else _strata(read, arguments.by)
    _check_n(arguments.n, read)
    keys = array("Q", (draw_key(arguments.seed, case.id) for case in read.cases))
    places = draw(keys, arguments.n, strata=strata)
    write_set([read.cases[place] for place in places], out)
    counts = _counts(places, strata) if strata else {}
    if arguments.json:
        found = {
            "out": str(out),
            "n": len(places),
            "n_available": len(read.cases),
            "by": arguments.by,
            "counts": {name: {"available": n, "sampled": k} for name, (n, k) in counts.items()},
        }
        sys.stdout.write(json.dumps(found, indent=2) + "\n")
        return 0
    print_lines([f"{out}: {n_of(len(places), 'case')} of {len(read.cases):,}"])
    print_lines(table_lines((arguments.by or "", "all", "", "sampled", ""), _rows(counts)))
    return 0


def _check_n(n: int, read: TestSet) -> None:
    if not 0 < n <= len(read.cases):
        what = f"{n:,} of {n_of(len(read.cases), 'case')} cannot be drawn"
        hint = f"give 1 to {len(read.cases):,}"
        raise ConfigError(Problem(where="--n", what=what, hint=hint))


def _strata(read: TestSet, field: str) -> list[str]:
    names = {name for case in read.cases for name in case.fields}
    if field not in names:
        what = f"no case has a field {field!r}"
        raise ConfigError(Problem(where="--by", what=what, hint=nearest(field, names)))
    values = (case.fields.get(field) for case in read.cases)
    return [_NONE if value is None else text_of(value) for value in values]


def _counts(places: Sequence[int], strata: Sequence[str]) -> dict[str, tuple[int, int]]:
    """Of each value: cases there are, and cases drawn."""
    every, drawn = Counter(strata), Counter(strata[place] for place in places)
    return {name: (n, drawn[name]) for name, n in sorted(every.items())}


def _rows(counts: Mapping[str, tuple[int, int]]) -> list[tuple[str, ...]]:
    totals = [sum(column) for column in zip(*counts.values(), strict=True)] or [1, 1]
    rows: list[tuple[str, ...]] = [
        (
            safe_text(name, limit=_LONGEST),
            f"{n:,}",
            percent(n / totals[0]),
            f"{k:,}",
            percent(k / totals[1]),
        )
        for name, (n, k) in counts.items()
    ]
    more = (f"… {len(rows) - _MOST_ROWS:,} more, see --json", "", "", "", "")
    return rows if len(rows) <= _MOST_ROWS else [*rows[:_MOST_ROWS], more]
