"""`evalrunner production drift LOG… --dataset D`: does a test set still look like production?"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from evalrunner.cli.columns import table_lines
from evalrunner.cli.dataset.reading import read_test_set
from evalrunner.cli.production.logged import log_lines
from evalrunner.cli.screens import print_lines
from evalrunner.formatting import (
    count,
    n_of,
    number,
    p_value,
    percent,
    percent_bounds,
    percent_interval,
    safe_text,
)
from evalrunner.production.drift import find_drift
from evalrunner.production.logs import read_logs
from evalrunner.project import Project
from evalrunner.types import Estimate

_EXIT_CODES = {"drift": 1, "no drift": 0, "cannot be told": 3}
_NEEDED = (
    "100 distinct texts of either side, half of which are held out, "
    "and 30 calls and 30 cases with a category"
)
_LONGEST, _LONGEST_INPUT = 40, 100
_MOST_CATEGORIES, _MOST_GROUPS = 15, 8


def main(arguments: argparse.Namespace) -> int:
    """Run the command; returns the exit code."""
    logs = read_logs([Path(log) for log in arguments.logs])
    print_lines(log_lines(logs), to=sys.stderr)
    test_set = read_test_set(arguments.dataset, Project(Path(arguments.project).resolve()))
    run = None if arguments.run is None else Path(arguments.run)
    found = find_drift(test_set.cases, logs.records, by=arguments.by, run=run, name=test_set.name)
    found = {"dataset": test_set.name, **found}
    if arguments.json:
        sys.stdout.write(json.dumps(found, indent=2, allow_nan=False) + "\n")
    else:
        print_lines(_lines(found))
    return _EXIT_CODES[found["verdict"]] if arguments.gate else 0


def _lines(found: Mapping[str, Any]) -> Iterator[str]:
    name = safe_text(found["dataset"], limit=_LONGEST)
    sizes = f"{n_of(found['n_cases'], 'case')}, {n_of(found['n_calls'], 'logged call')}"
    said = found["verdict"]
    if found["drifted"]:
        said += f" ({' and '.join(found['drifted'])})"
    yield f"{name} against production: {said}"
    yield f"{sizes}; both tests together see a drift that is not there in {found['level']:.0%}"
    if found["verdict"] == "cannot be told":
        yield "to tell it takes " + _NEEDED
    if found["n_without_input"]:
        yield f"left out: {n_of(found['n_without_input'], 'call')} without an input"
    yield from _mix(found)
    yield from _texts(found)
    yield from _coverage(found)
    yield from _scores(found)
    yield from _to_label(found)
    yield from _to_paste(found)


def _mix(found: Mapping[str, Any]) -> Iterator[str]:
    mix = found["mix"]
    yield ""
    if mix is None:
        yield "mix: unknown, no field `category` on both sides; name another with --by FIELD"
        return
    test = mix["test"]
    yield (
        f"mix of {safe_text(found['by'], limit=_LONGEST)}: chi-square {test['statistic']:.1f}, "
        f"df {test['df']}, {p_value(found['p_adjusted']['mix'])} (Holm); "
        f"{percent(mix['total_variation'])} of the cases would have to change their category"
    )
    yield (
        f"  PSI {number(mix['psi'], digits=3)}; without any drift "
        f"{number(mix['psi_without_drift'], digits=3)} on average at these sizes, "
        f"{p_value(mix['psi_p_value'])}; "
        f"Jensen-Shannon {number(mix['js_divergence'], digits=3)} bit"
    )
    if round(mix["effective_n"]) != mix["n_calls"]:
        yield f"  the calls' unequal rates leave the worth of {count(mix['effective_n'])} calls"
    if mix["thin_share"]:
        yield (
            f"  {percent(mix['thin_share'])} of production is in categories with fewer than "
            f"{mix['few_cases']} cases"
        )
    for side, n in (("cases", mix["n_cases_without"]), ("calls", mix["n_calls_without"])):
        if n:
            yield f"  {n:,} {side} have no category and do not count here"
    yield from _categories(mix["categories"])


def _categories(categories: list[Mapping[str, Any]]) -> Iterator[str]:
    apart = sorted(
        categories, key=lambda each: (-abs(each["production"] - each["test_set"]), each["category"])
    )
    yield from table_lines(
        ["category", "test set", "production", "cases", "calls"],
        [
            [
                safe_text(each["category"], limit=_LONGEST),
                percent(each["test_set"]),
                percent(each["production"]),
                count(each["n_cases"]),
                count(each["n_calls"]),
            ]
            for each in apart[:_MOST_CATEGORIES]
        ],
    )
    if apart[_MOST_CATEGORIES:]:
        yield f"… and {len(apart) - _MOST_CATEGORIES:,} more that are less far apart, with --json"


def _texts(found: Mapping[str, Any]) -> Iterator[str]:
    texts = found["texts"]
    yield ""
    if texts is None:
        yield "texts: too few for a test"
        return
    accuracy = Estimate(**texts["accuracy"])
    yield (
        f"texts: a classifier tells production from the test set in {percent_interval(accuracy)} "
        f"of {texts['n_held_out']:,} held-out texts (50 % is chance), "
        f"{p_value(found['p_adjusted']['texts'])} (Holm)"
    )
    if not texts["is_enough"]:
        yield "  so few that only a glaring difference would be seen"
    for side, word in (("more", "more often in production"), ("less", "less often")):
        listed = ", ".join(
            f"{safe_text(each['word'], limit=_LONGEST)} ({percent(each['test_set'])} → "
            f"{percent(each['production'])})"
            for each in texts["words"][side]
        )
        yield f"  {word}: {listed or '–'}"


def _coverage(found: Mapping[str, Any]) -> Iterator[str]:
    coverage = found["coverage"]
    yield ""
    if coverage is None:
        yield "unseen traffic: too few cases to know what is near"
        return
    yield (
        f"unseen traffic: {percent_interval(Estimate(**coverage['unseen']))} of production is "
        f"farther from every case than 95 % of the cases are from another one (5 % is usual)"
    )


def _scores(found: Mapping[str, Any]) -> Iterator[str]:
    scores = found["scores"]
    yield from table_lines(
        ["score", "as it is", "at production's mix", "worth cases"],
        [
            [
                safe_text(each["label"], limit=_LONGEST),
                percent_interval(Estimate(**each["raw"])),
                _reweighted(each),
                count(each["effective_n"]),
            ]
            for each in scores
        ],
    )
    lacking = next((each for each in scores if each["missing"]), None)
    if lacking is not None:
        named = ", ".join(safe_text(name, limit=_LONGEST) for name in lacking["missing"][:5])
        yield (
            f"  {percent(lacking['missing_share'])} of production is in categories without a "
            f"scored case ({named}): the score there is unknown, so only bounds are given"
        )
    ranked = [each for each in scores if each["reweighted"]["value"] is not None]
    if len(ranked) > 1:
        best = max(ranked, key=lambda each: each["raw"]["value"] or 0.0)
        then = max(ranked, key=lambda each: each["reweighted"]["value"])
        if best["cell"] != then["cell"]:
            labels = (safe_text(each["label"], limit=_LONGEST) for each in (best, then))
            yield "  the order turns: {} leads as it is, {} at production's mix".format(*labels)


def _reweighted(each: Mapping[str, Any]) -> str:
    estimate = Estimate(**each["reweighted"])
    if estimate.value is not None:
        return percent_interval(estimate)
    if each["low"] is None:
        return "–"
    bounds = percent_bounds(Estimate(value=each["low"], low=each["low"], high=each["high"]))
    return f"between {bounds} %"


def _to_label(found: Mapping[str, Any]) -> Iterator[str]:
    groups = found["to_label"]
    if groups:
        yield ""
        yield "label next: traffic like nothing in the test set, the most frequent first"
    for group in groups[:_MOST_GROUPS]:
        name = "" if group["category"] is None else safe_text(group["category"], limit=_LONGEST)
        cases = f", {n_of(group['n_cases'], 'case')} now" if name else ""
        yield f"  {name or 'all'}: {percent(group['share'])} of production{cases}"
        for example in group["examples"]:
            shown = safe_text(" ".join(example["input"].split()), limit=_LONGEST_INPUT)
            yield f"    {safe_text(example['id'], limit=_LONGEST)}  {shown}"
    if groups[_MOST_GROUPS:]:
        yield f"  … and {len(groups) - _MOST_GROUPS:,} more categories, with --json"


def _to_paste(found: Mapping[str, Any]) -> Iterator[str]:
    production = found["production"]
    if production is None:
        return
    yield ""
    yield "for conf/project/default.yaml, so that every report shows scores at this mix:"
    yield "  production:"
    yield f"    by: {json.dumps(production['by'])}"
    yield "    mix:"
    for name, value in production["mix"].items():
        yield f"      {json.dumps(name)}: {value}"
