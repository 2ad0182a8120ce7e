"""`evalrunner human report RUN`: rebuild the report, and show what people's votes say."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from evalrunner.cli.columns import table_lines
from evalrunner.cli.report import rebuild
from evalrunner.cli.screens import print_lines
from evalrunner.errors import ConfigError, Problem
from evalrunner.formatting import (
    count,
    n_of,
    number_interval,
    p_value,
    percent,
    percent_interval,
    safe_text,
    seconds,
)
from evalrunner.report.vote_lines import (
    agreement_line,
    caution_lines,
    progress_line,
    unanswered_line,
    verdict_lines,
)
from evalrunner.store import run_directory
from evalrunner.store.people import VOTES, read_export
from evalrunner.types import Estimate

_LONGEST = 40
_MOST_PAIRS = 20


def main(arguments: argparse.Namespace) -> int:
    """Run the command; returns the exit code."""
    directory = run_directory(Path(arguments.run))
    if not (directory / VOTES).is_file():
        raise _no_votes(directory, arguments.run)
    summary = rebuild(directory)
    human = summary["human"]
    if not human["n_answered"]:
        raise _no_votes(directory, arguments.run, human=human)
    sys.stderr.write(f"rebuilt: {arguments.run}\n")
    if arguments.json:
        sys.stdout.write(json.dumps(human, indent=2, allow_nan=False) + "\n")
    else:
        print_lines(_lines(summary, human))
        print_lines(["", f"look at: {arguments.run}/report.html#human"])
    return 0


def _no_votes(directory: Path, run: str, *, human: Mapping[str, Any] | None = None) -> ConfigError:
    if read_export(directory) is None:
        what, hint = "nobody was asked about this run", f"type: evalrunner human export {run}"
    else:
        what = unanswered_line(human) if human else "nobody has voted yet"
        hint = f"type: evalrunner human serve {run}"
    if human and human["unknown_votes"]:
        what += f"; {n_of(human['unknown_votes'], 'vote')} in {VOTES} for other tasks"
    return ConfigError(Problem(where=run, what=what, hint=hint))


def _lines(summary: Mapping[str, Any], human: Mapping[str, Any]) -> Iterator[str]:
    labels = {cell["id"]: safe_text(cell["label"], limit=_LONGEST) for cell in summary["cells"]}
    yield from verdict_lines(human, labels)
    yield progress_line(human)
    yield agreement_line(human)
    yield from (f"! {safe_text(line)}" for line in caution_lines(human))
    yield from _wins(human, labels)
    yield from _pairs(human, labels)
    yield from _ratings(human, labels)
    yield from _raters(human)
    yield from _judges(human)


def _wins(human: Mapping[str, Any], labels: Mapping[int, str]) -> Iterator[str]:
    ratings = {
        (facet["facet"], each["cell"]): each["rating"]
        for facet in human["bradley_terry"]["facets"]
        for each in facet["ratings"]
    }
    yield from table_lines(
        ["cell", "win rate", "rating", "votes won", "tied", "lost", "cases"],
        [
            [
                labels[each["cell"]],
                percent_interval(Estimate(**each["win_rate"])),
                number_interval(Estimate(**ratings[each["facet"], each["cell"]]), digits=0),
                *(count(each[name]) for name in ("wins", "ties", "losses")),
                count(each["win_rate"]["n"]),
            ]
            for each in sorted(
                human["win_rates"]["overall"],
                key=lambda each: (each["facet"], -each["win_rate"]["value"]),
            )
        ],
    )
    if any(facet["needs_prior"] for facet in human["bradley_terry"]["facets"]):
        yield "one never lost, or never won: how far apart the ratings are is an assumption"


def _pairs(human: Mapping[str, Any], labels: Mapping[int, str]) -> Iterator[str]:
    pairs = human["win_rates"]["pairs"]
    yield from table_lines(
        ["a against b", "win rate of a", "p, adjusted", "a is", "further cases"],
        [
            [
                f"{labels[each['a']]} – {labels[each['b']]}",
                percent_interval(Estimate(**each["win_rate"])),
                p_value(each["p_adjusted"]),
                each["conclusion"].replace("_", " "),
                "" if each["n_more"] is None else f"about {count(each['n_more'])}",
            ]
            for each in pairs[:_MOST_PAIRS]
        ],
    )
    if pairs[_MOST_PAIRS:]:
        yield f"… and {n_of(len(pairs) - _MOST_PAIRS, 'pair')} more, in summary.json"


def _ratings(human: Mapping[str, Any], labels: Mapping[int, str]) -> Iterator[str]:
    yield from table_lines(
        ["cell", "criteria met", "answers"],
        [
            [
                labels[each["cell"]],
                percent_interval(Estimate(**each["passed"])),
                count(each["passed"]["n"]),
            ]
            for each in sorted(human["ratings"], key=_by_criteria)
        ],
    )


def _by_criteria(rated: Mapping[str, Any]) -> tuple[int, float]:
    return rated["facet"], -(rated["passed"]["value"] or 0.0)


def _raters(human: Mapping[str, Any]) -> Iterator[str]:
    yield from table_lines(
        ["rater", "done", "skipped", "flagged", "p50", "left", "same again", "with the others"],
        [
            [
                safe_text(each["rater"], limit=_LONGEST),
                f"{each['n_answered']:,} of {each['n_tasks']:,}",
                count(each["n_skipped"]),
                count(each["n_flagged"]),
                seconds(each["seconds"]["p50"]),
                percent(each["left"]["value"], digits=0),
                _again(each),
                percent(each["with_others"]["value"], digits=0),
            ]
            for each in human["raters"]
        ],
    )


def _again(rater: Mapping[str, Any]) -> str:
    """Of copies of both kinds: `6 of 8`."""
    copies = [rater["same_again"], rater["same_swapped"]]
    same = sum((each["value"] or 0.0) * each["n"] for each in copies)
    total = sum(each["n"] for each in copies)
    return f"{round(same):,} of {total:,}" if total else "–"


def _judges(human: Mapping[str, Any]) -> Iterator[str]:
    yield from table_lines(
        ["judge", "as most people", "kappa", "pairs", "raters divided"],
        [
            [
                safe_text(each["judge"], limit=_LONGEST),
                percent_interval(Estimate(**each["percent"])),
                number_interval(Estimate(**each["kappa"])),
                count(each["n"]),
                count(each["n_divided"]),
            ]
            for each in human["judges"]
        ],
    )
