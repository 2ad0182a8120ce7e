"""`evalrunner calibrate RUN`: judges against people, and what cells would score with people."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from math import isclose
from pathlib import Path
from typing import Any

from evalrunner.calibrate import budget_of
from evalrunner.cli.columns import table_lines
from evalrunner.cli.report import rebuild
from evalrunner.cli.screens import print_lines
from evalrunner.datasets import Problems, read_rows
from evalrunner.errors import ConfigError, Problem
from evalrunner.formatting import (
    count,
    n_of,
    number,
    number_interval,
    p_value,
    percent,
    percent_interval,
    points_interval,
    safe_text,
    usd,
)
from evalrunner.report import build_report
from evalrunner.report.calibration_lines import divided_sentence, uneven_lines
from evalrunner.report.people.answers import read_answers
from evalrunner.report.people.label_files import read_label_file
from evalrunner.report.recorded import open_run
from evalrunner.report.tables import estimate_of
from evalrunner.stats import LabelSpread
from evalrunner.store import run_directory
from evalrunner.store.people import LABELS, VOTES, append_labels, read_export, read_labels

EXIT_NO_LABEL = 2
_LONGEST = 40
_LONGEST_SENTENCE = 300
_POINT = 0.01
_WIDEST = 50
"""Points: every interval is narrower."""

Entry = Mapping[str, Any]


def main(arguments: argparse.Namespace) -> int:
    """Run the command; returns the exit code."""
    directory, within = run_directory(Path(arguments.run)), _within(arguments.within)
    if arguments.labels is not None:
        _record(directory, Path(arguments.labels))
    elif not any((directory / name).is_file() for name in (LABELS, VOTES)):
        raise _nothing_said(directory, arguments.run)
    summary = rebuild(directory)
    sys.stderr.write(f"rebuilt: {arguments.run}\n")
    found = summary["calibrated"]
    has_labels = any(entry["n_units"] or entry["n_divided"] for entry in summary["calibration"])
    if arguments.json:
        _print_json(summary, within)
    elif has_labels:
        print_lines(_lines(summary, within))
        print_lines(["", f"look at: {arguments.run}/report.html#calibration"])
    if has_labels:
        return 0
    sys.stderr.write("error: no label is about an answer that a scorer judged\n")
    print_lines(_source_lines(found), to=sys.stderr)
    return EXIT_NO_LABEL


def _within(points: float | None) -> float | None:
    if points is None or 0 < points < _WIDEST:
        return None if points is None else points * _POINT
    what, hint = f"must be above 0 and below {_WIDEST}", "--within 3 asks for ± 3 points"
    raise ConfigError(Problem(where=f"--within {points:g}", what=what, hint=hint))


def _record(directory: Path, path: Path) -> None:
    _check_no_votes(path, directory)
    if not (directory / "trials.jsonl").is_file():
        build_report(directory, figures=False)
    run = open_run(directory)
    labels = read_label_file(path, run, read_answers(run))
    known = set(read_labels(directory)[0])
    new = [label for label in labels if label not in known]
    if new:
        append_labels(directory, new)
    same = f", {len(labels) - len(new):,} were there before" if len(new) < len(labels) else ""
    sys.stderr.write(f"recorded {n_of(len(new), 'label')} of {path}{same}\n")


def _check_no_votes(path: Path, directory: Path) -> None:
    """Raise ConfigError where the file holds votes, which are about tasks and not about cases."""
    is_read = path.suffix.lower() in {".csv", ".json", ".jsonl"}
    rows = read_rows(path, Problems(str(path)), encoding="utf-8") if is_read else ()
    for _, row in rows:
        if "task_id" in row and "case_id" not in row:
            hint = f"type: evalrunner human import {directory} {path}"
            raise ConfigError(Problem(where=str(path), what="is a file of votes", hint=hint))
        return


def _nothing_said(directory: Path, run: str) -> ConfigError:
    hint = f"type: evalrunner human export {run}, or evalrunner calibrate {run} --labels FILE"
    if read_export(directory) is not None:
        hint = f"type: evalrunner human serve {run}, or evalrunner calibrate {run} --labels FILE"
    return ConfigError(Problem(where=run, what="nobody has labelled its outputs yet", hint=hint))


def _print_json(summary: Mapping[str, Any], within: float | None) -> None:
    found = {name: summary[name] for name in ("calibration", "calibrated")}
    if within is not None:
        level = summary["run"]["confidence"]
        found["calibration"] = [
            {**entry, "label_budget": [*entry["label_budget"], *_budget(entry, within, level)]}
            for entry in summary["calibration"]
        ]
    corrected = {str(cell["id"]): cell["corrected"] for cell in summary["cells"]}
    chosen = [entry["corrected"] for entry in summary["recommendations"]]
    sys.stdout.write(
        json.dumps({**found, "corrected": corrected, "recommendations": chosen}, indent=2) + "\n"
    )


def _lines(summary: Mapping[str, Any], within: float | None) -> Iterator[str]:
    labels = {cell["id"]: safe_text(cell["label"], limit=_LONGEST) for cell in summary["cells"]}
    entries = summary["calibration"]
    own = [e for e in entries if e["member"] is None and e["cell"] is not None]
    yield from _source_lines(summary["calibrated"])
    yield from _judges(entries, summary["calibrated"])
    yield from _cells(own, labels)
    yield from _refusals(own, labels)
    yield from _budgets(own, labels, within=within, level=summary["run"]["confidence"])
    yield from _uneven(summary, labels)
    yield from _instruments(summary["calibrated"])
    for entry in summary["recommendations"]:
        if (choice := entry["corrected"]) is not None:
            head = "" if choice["cell"] is None else "corrected scores, the same choice: "
            if choice["cell"] is not None and not choice["is_same"]:
                head = "corrected scores choose otherwise: "
            yield from ("", f"{head}{safe_text(choice['because'], limit=_LONGEST_SENTENCE)}")


def _source_lines(found: Mapping[str, Any]) -> Iterator[str]:
    sources = found["sources"]
    counts = [n_of(n, name.removesuffix("s")) for name, n in sources.items() if n]
    yield f"from people: {', '.join(counts) or 'nothing that can be used'}"
    for line in found["unused"]:
        yield f"! {safe_text(line, limit=_LONGEST_SENTENCE)}"
    if broken := found["broken_lines"]:
        listed = ", ".join(map(str, broken[:10]))
        yield f"! {n_of(len(broken), 'line')} of {LABELS} cannot be read: {listed}"


def _judges(entries: Sequence[Entry], found: Mapping[str, Any]) -> Iterator[str]:
    rows = [
        [
            _who(entry),
            percent_interval(estimate_of(entry["percent"])),
            percent_interval(estimate_of(entry["with_one_rater"])),
            number_interval(estimate_of(entry["kappa"])),
            number_interval(estimate_of(entry["ac1"])),
            *(percent(entry[name]["value"], digits=0) for name in ("sensitivity", "specificity")),
            points_interval(estimate_of(entry["inflation"])),
            p_value(entry["inflation_p"]),
            count(entry["n_units"]),
        ]
        for entry in entries
        if entry["cell"] is None
    ]
    if found["ceiling"] is not None:
        ceiling = found["ceiling"]
        agreed = percent_interval(estimate_of(ceiling["percent"]))
        others = (number_interval(estimate_of(ceiling[name])) for name in ("kappa", "ac1"))
        name, n = "people with each other", count(ceiling["n"])
        rows.append([name, "–", agreed, *others, *["–"] * 4, n])
    header = ["against people", "agrees", "with one rater", "kappa", "AC1", "passes kept"]
    yield from table_lines([*header, "fails caught", "inflation", "p", "n"], rows)
    for entry in entries:
        if entry["cell"] is None and (divided := divided_sentence(entry)):
            yield f"{_who(entry)}: {divided}; scores and inflation are means over raters"


def _cells(entries: Sequence[Entry], labels: Mapping[int, str]) -> Iterator[str]:
    header = ["cell", "by the judge", "corrected", "Rogan-Gladen", "labels", "inflation", "trust"]
    yield from table_lines(
        header,
        [
            [
                _named(entry, labels, entries),
                percent_interval(estimate_of(entry["raw"])),
                percent_interval(estimate_of(entry["corrected"])),
                percent_interval(estimate_of(entry["corrected_rogan_gladen"])),
                count(entry["n_labels"]),
                points_interval(estimate_of(entry["inflation"])),
                number(entry["trust"]),
            ]
            for entry in entries
        ],
    )


def _refusals(entries: Sequence[Entry], labels: Mapping[int, str]) -> Iterator[str]:
    for entry in entries:
        if entry["refused"] is not None:
            yield f"! {_named(entry, labels, entries)}: {entry['refused']}"


def _budgets(
    entries: Sequence[Entry], labels: Mapping[int, str], *, within: float | None, level: float
) -> Iterator[str]:
    """How many labels each cell needs; all there are may not be enough."""
    tables = [
        (entry, [*entry["label_budget"], *_budget(entry, within, level)])
        for entry in entries
        if entry["label_budget"]
    ]
    if not tables:
        return
    header = ["labels for", *(f"±{100 * each['half_width']:g}" for each in tables[0][1])]
    rows = [
        [
            _named(entry, labels, entries),
            *(
                f"> {entry['n_answers']:,}" if each["labels"] is None else count(each["labels"])
                for each in table
            ),
            count(entry["n_answers"]),
        ]
        for entry, table in tables
    ]
    yield from table_lines([*header, "of answers"], rows)


def _budget(entry: Entry, within: float | None, level: float) -> list[dict[str, Any]]:
    known = [each["half_width"] for each in entry["label_budget"]]
    if within is None or entry["label_spread"] is None or any(map(partial(isclose, within), known)):
        return []
    spread = LabelSpread(**entry["label_spread"])
    return budget_of(spread, entry["n_answers"], half_widths=[within], level=level)


def _uneven(summary: Mapping[str, Any], labels: Mapping[int, str]) -> Iterator[str]:
    """Errors that break a comparison, and what is left of the comparisons without them."""
    for line in uneven_lines(summary):
        yield f"! {line}"
    header = ["a against b", "by the judge", "corrected", "labels", "conclusion"]
    yield from table_lines(
        header,
        [
            [
                f"{labels[each['a']]} – {labels[each['b']]}",
                points_interval(estimate_of(each["raw"])),
                points_interval(estimate_of(each["corrected"])),
                count(each["n_labels"]),
                "too few labels"
                if each["corrected"]["value"] is None
                else each["conclusion"].replace("_", " "),
            ]
            for each in summary["calibrated"]["comparisons"]
        ],
    )


def _instruments(found: Mapping[str, Any]) -> Iterator[str]:
    """Only where there is a choice between them."""
    instruments = found["instruments"]
    if len(instruments) > 1:
        header = ["instrument", "agrees", "USD per 1,000 verdicts", "Pareto"]
        yield from table_lines(
            header,
            [
                [
                    _who(each),
                    percent_interval(estimate_of(each["percent"])),
                    usd(estimate_of(each["usd_per_1000_verdicts"]).value),
                    each["pareto"]["status"],
                ]
                for each in instruments
            ],
        )


def _who(entry: Entry) -> str:
    """`strict, rubric`, `strict (luna), rubric`, or the scorer that has no judge."""
    member = f" ({entry['member']})" if entry["member"] else ""
    scorer = f", {entry['scorer']}" if entry["judge"] != entry["scorer"] else ""
    return safe_text(f"{entry['judge']}{member}{scorer}", limit=_LONGEST)


def _named(entry: Entry, labels: Mapping[int, str], entries: Sequence[Entry]) -> str:
    """The cell, with its scorer where labels are about several."""
    several = len({each["scorer"] for each in entries}) > 1
    scorer = f", {safe_text(entry['scorer'], limit=_LONGEST)}" if several else ""
    return f"{labels[entry['cell']]}{scorer}"
