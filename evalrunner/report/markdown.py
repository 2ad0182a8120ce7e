"""`summary.md`: a run for a pull request, a wiki page or the summary of a build.

Best first, what is long folded away, and always small enough for pages that refuse large files.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from evalrunner.formatting import markdown_text, n_of, safe_text
from evalrunner.report.calibration_lines import calibration_lines
from evalrunner.report.comparisons import comparison_lines
from evalrunner.report.decisions import decision_lines
from evalrunner.report.flag_lines import flag_lines
from evalrunner.report.judge_lines import judge_lines
from evalrunner.report.racing import race_lines
from evalrunner.report.repeat_lines import repeat_lines
from evalrunner.report.tables import best_first, has_corrected, retry_lines, table_columns

_MOST_ROWS = 30
"""Cells that are shown at once; more are folded."""
_LARGEST_TABLE = 300_000
"""Bytes, as all that are called so: with all sections under 600 kB, so that `gate.md` and the text
of other steps find room in the megabyte that a build server shows."""
_LARGEST_SECTION = 40_000
_LONG = 6
"""Lines from which a section is folded."""
_LONGEST_LINE = 2_000
_MOST_NAMES = 20
_FILES = "report.html, summary.csv, trials.jsonl, errors.jsonl, pareto.svg"


def summary_markdown(summary: Mapping[str, Any]) -> str:
    """Verdict, table, flags, comparisons, and all else folded."""
    run = summary["run"]
    lines = [
        f"# {_label(run['name'])}",
        "",
        *_verdict(summary),
        (
            f"Quality is {_quality_names(summary)} with {run['confidence']:.0%} intervals; "
            "cost is list price per 1,000 requests, judge not included."
        ),
        *_table(summary),
        *_notes(summary),
        *_section("Flags", flag_lines(summary)),
        *_section("Comparisons", comparison_lines(summary), folds_from=2 * _LONG),
        *_section("Repeats", repeat_lines(summary), folds_from=_LONG),
        *_section("Racing", race_lines(summary), folds_from=_LONG),
        *_section("Judges", judge_lines(summary), folds_from=_LONG),
        *_section("Judges against people", calibration_lines(summary), folds_from=2 * _LONG),
        "",
        f"In the run's directory: {_FILES}",
    ]
    return "\n".join(lines) + "\n"


def clipped(lines: Sequence[str], size: int, *, rest: str) -> list[str]:
    """So many lines as fit into `size` bytes; `rest` says where the others are."""
    shown = 0
    for line in lines:
        size -= len(line.encode()) + 1
        if size < 0:
            break
        shown += 1
    left_out = len(lines) - shown
    return [*lines[:shown], *([rest.format(n=f"{left_out:,}")] if left_out else [])]


def table_lines(header: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """A Markdown table; the texts of `rows` may be anything."""
    yield f"| {' | '.join(header)} |"
    yield "|" + " --- |" * len(header)
    for row in rows:
        yield f"| {' | '.join(map(markdown_text, row))} |"


def _verdict(summary: Mapping[str, Any]) -> list[str]:
    """The recommendations first: a sentence each, what stands behind it as a list."""
    text: list[str] = []
    for line in decision_lines(summary):
        is_more = line.startswith(" ")
        shown = _inert(line.lstrip())
        text += [f"- {shown}"] if is_more else ["", f"**{shown}**", ""]
    text = clipped(text[1:], _LARGEST_SECTION, rest="\n… and {n} more lines, in summary.json")
    return [*text, ""] if text and text[-1] else text


def _table(summary: Mapping[str, Any]) -> Iterator[str]:
    columns = table_columns(best_first(summary["cells"]))
    header, rows = [*columns], [*zip(*columns.values(), strict=True)]
    yield ""
    yield from table_lines(header, rows[:_MOST_ROWS])
    if rows[_MOST_ROWS:]:
        further = ("further cell", *header[1:])
        lines = [*table_lines(further, rows[_MOST_ROWS:])]
        rest = "\n… and {n} more cells, in summary.csv"
        folded = clipped(lines, _LARGEST_TABLE, rest=rest)
        yield from _folded(n_of(len(rows) - _MOST_ROWS, "further cell"), folded)


def _section(title: str, lines: Iterable[str], *, folds_from: int | None = None) -> Iterator[str]:
    """Lines as a list, indented ones under those before them."""
    items = [f"{line[: len(line) - len(line.lstrip())]}- {_inert(line.lstrip())}" for line in lines]
    shown = clipped(items, _LARGEST_SECTION, rest="- … and {n} more lines, in summary.json")
    if folds_from is not None and len(items) > folds_from:
        yield from _folded(f"{title} ({n_of(len(items), 'line')})", shown)
    elif items:
        yield from ("", f"## {title}", "", *shown)


def _folded(title: str, lines: Iterable[str]) -> Iterator[str]:
    """What opens at a click; `title` is our own."""
    yield from ("", f"<details><summary>{title}</summary>", "", *lines, "", "</details>")


def _quality_names(summary: Mapping[str, Any]) -> str:
    """What stands for quality; where scorers are swept, in which facet."""
    names: dict[str, dict[int, None]] = {}
    for cell in summary["cells"]:
        names.setdefault(cell["quality_name"], {})[cell["facet"]] = None
    if len(names) == 1:
        return _label(*names)
    return _listed(
        f"{_label(name)} (facet {', '.join(map(str, facets))})" for name, facets in names.items()
    )


def _notes(summary: Mapping[str, Any]) -> list[str]:
    """What the table alone would hide."""
    cells = summary["cells"]
    unpriced = [cell["label"] for cell in cells if cell["pareto"]["status"] == "unpriced"]
    notes = []
    if unpriced and not any(flag["code"] == "unpriced" for flag in summary["flags"]):
        notes.append(f"Without a known price: {_listed(map(_label, unpriced))}.")
    if has_corrected(cells):
        notes.append("Corrected: quality without the judge's errors, by labels of people.")
    if any(cell["cost"]["estimated"] for cell in cells):
        notes.append("Estimated: token counts were computed from the text, not reported.")
    if summary["run"]["corrupt_lines"]:
        lines = summary["run"]["corrupt_lines"]
        notes.append(
            f"{len(lines):,} lines of the journal cannot be read; their trials are missing."
        )
    notes += [f"{_inert(line)}." for line in retry_lines(summary)]
    rest = "… and {n} more notes, in summary.json."
    return ["", *clipped(notes, _LARGEST_SECTION, rest=rest)] if notes else []


def _listed(names: Iterable[str]) -> str:
    listed = list(names)
    more = len(listed) - _MOST_NAMES
    return ", ".join(listed[:_MOST_NAMES]) + (f" and {more:,} more" if more > 0 else "")


def _label(text: str) -> str:
    return markdown_text(safe_text(text, limit=80))


def _inert(line: str) -> str:
    return markdown_text(line[:_LONGEST_LINE])
