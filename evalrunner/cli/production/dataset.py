"""`evalrunner production dataset LOG… --into DIR`: a test set drawn from logged calls."""

from __future__ import annotations

import argparse
import json
import shlex
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from evalrunner.cli.columns import table_lines
from evalrunner.cli.production.logged import log_lines
from evalrunner.cli.screens import print_lines
from evalrunner.formatting import n_of, percent, safe_text
from evalrunner.production.dataset import DatasetOptions, make_dataset
from evalrunner.production.logs import read_logs

_LONGEST = 40
_MOST_STRATA = 20


def main(arguments: argparse.Namespace) -> int:
    """Run the command; returns the exit code."""
    options = DatasetOptions(
        name=arguments.name,
        n=arguments.n,
        by=arguments.by,
        allocate=arguments.allocate,
        seed=arguments.seed,
    )
    into = Path(arguments.into)
    logs = read_logs([Path(log) for log in arguments.logs])
    print_lines(log_lines(logs), to=sys.stderr)
    found = make_dataset(logs, into, options)
    if arguments.json:
        sys.stdout.write(json.dumps(found, indent=2, allow_nan=False) + "\n")
    else:
        print_lines(_lines(found, into))
    return 0


def _lines(found: Mapping[str, Any], into: Path) -> Iterator[str]:
    yield (
        f"{n_of(found['n'], 'case')} from {n_of(found['n_calls'], 'logged call')}, "
        f"{n_of(found['n_questions'], 'distinct question')} "
        f"({found['n_equal']:,} calls repeat an earlier one, {found['n_near']:,} nearly)"
    )
    yield from (f"left out: {n_of(n, 'call')} {why}" for why, n in found["left_out"].items())
    if found["n"] < found["n_asked"]:
        yield f"{found['n_asked']:,} were asked for: there are no more"
    yield from _strata(found)
    yield f"weighted, they are worth {found['effective_n']:.0f} equal cases"
    yield ""
    yield "written:"
    yield from (f"  {safe_text(str(into / name))}" for name in found["files"])
    yield "to do by a person:"
    yield from (f"  - {line}" for line in found["to_do"])
    yield "then:"
    name, project = found["name"], "" if into == Path() else f" --project {shlex.quote(str(into))}"
    chosen = f"evalrunner run{project} dataset={name}"
    yield f"  {chosen} model={name}_recorded scorer=…      what production answered"
    yield f"  {chosen} model=… scorer=…      other models on the same questions"


def _strata(found: Mapping[str, Any]) -> Iterator[str]:
    strata = found["strata"] if found["by"] else []
    shown = sorted(strata, key=lambda each: (-each["share"], each["name"]))
    yield from table_lines(
        [safe_text(found["by"] or "", limit=_LONGEST), "questions", "of the traffic", "cases"],
        [
            [
                safe_text(each["name"], limit=_LONGEST),
                f"{each['n_questions']:,}",
                percent(each["share"]),
                f"{each['n']:,}",
            ]
            for each in shown[:_MOST_STRATA]
        ],
    )
    if shown[_MOST_STRATA:]:
        yield f"… and {len(shown) - _MOST_STRATA:,} more, on the card"
    if shown:
        yield ""
