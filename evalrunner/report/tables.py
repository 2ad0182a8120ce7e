"""The summary as tables: CSV for spreadsheets, Markdown for pull requests."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping
from typing import Any

from evalrunner.formatting import (
    count,
    markdown_text,
    n_of,
    percent,
    percent_interval,
    safe_text,
    seconds,
    usd_interval,
)
from evalrunner.report.comparisons import comparison_lines
from evalrunner.report.decisions import decision_lines
from evalrunner.report.judge_lines import flag_lines, judge_lines
from evalrunner.report.racing import race_lines
from evalrunner.report.repeat_lines import repeat_lines
from evalrunner.types import Estimate

_FORMULA_START = ("=", "+", "-", "@", "\t", "\r")
_LARGEST_MARKDOWN = 900_000
"""Characters; a page that shows summaries of a build refuses whole files above 1,024 kB."""
_COUNTS = (
    "n_cases",
    "n_planned",
    "n_ok",
    "n_refused",
    "n_truncated",
    "n_error",
    "n_skipped",
    "n_unscored",
)
_COSTS = ("usd_total", "usd_spent", "usd_judge", "unpriced_calls", "possibly_billed")


def estimate_of(value: Mapping[str, Any] | None) -> Estimate:
    """An estimate from its JSON; unknown for null."""
    return Estimate(value=None) if value is None else Estimate(**value)


def summary_csv(summary: Mapping[str, Any]) -> str:
    """One row a cell, numbers unrounded; safe to open in a spreadsheet."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(
        ["cell", "label", "facet", "role"]
        + [f"quality{suffix}" for suffix in ("", "_low", "_high", "_n")]
        + [f"usd_per_1000{suffix}" for suffix in ("", "_low", "_high")]
        + [*_COSTS, "estimated"]
        + ["latency_p50_s", "latency_p90_s", "latency_p99_s", *_COUNTS, "pareto"]
    )
    for cell in summary["cells"]:
        quality, cost = estimate_of(cell["quality"]), estimate_of(cell["cost"]["usd_per_1000"])
        writer.writerow(
            [cell["id"], spreadsheet_text(cell["label"]), cell["facet"], cell["role"]]
            + [quality.value, quality.low, quality.high, quality.n]
            + [cost.value, cost.low, cost.high]
            + [cell["cost"][name] for name in (*_COSTS, "estimated")]
            + [cell["latency_s"][name] for name in ("p50", "p90", "p99")]
            + [cell[name] for name in _COUNTS]
            + [cell["pareto"]["status"]]
        )
    return text.getvalue()


def spreadsheet_text(text: str) -> str:
    """Text that no spreadsheet takes for a formula; lone surrogates, no UTF-8, are replaced."""
    plain = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    # A bare carriage return would end the row: the writer quotes line feeds only.
    lines = plain.replace("\r\n", "\n").replace("\r", "\n")
    return f"'{lines}" if plain.startswith(_FORMULA_START) else lines


TABLE_HEADER = ("cell", "quality", "$ / 1,000", "p50", "n", "missing", "Pareto")


def table_row(cell: Mapping[str, Any]) -> tuple[str, ...]:
    """One cell as people read it, in the order of `TABLE_HEADER`."""
    cost = cell["cost"]
    price = usd_interval(estimate_of(cost["usd_per_1000"]))
    if cost["usd_per_1000"] is None and cell["role"] == "candidate" and cell["quality"]["n"]:
        price = "unknown price"
    return (
        safe_text(cell["label"], limit=80),
        percent_interval(estimate_of(cell["quality"])),
        f"{price} (estimated)" if cost["estimated"] else price,
        seconds(cell["latency_s"]["p50"]),
        count(cell["quality"]["n"]),
        _missing(cell),
        cell["pareto"]["status"] or cell["role"],
    )


def summary_markdown(summary: Mapping[str, Any]) -> str:
    """A table for a pull request or a wiki page."""
    run = summary["run"]
    head = [
        f"# {markdown_text(run['name'])}",
        "",
        *_decided(summary),
        (
            f"Quality is {_quality_names(summary)} with {run['confidence']:.0%} intervals; "
            "cost is list price per 1,000 requests, judge not included."
        ),
        "",
        "| " + " | ".join(TABLE_HEADER) + " |",
        "|" + " --- |" * len(TABLE_HEADER),
    ]
    rows = [
        "| " + " | ".join(markdown_text(field) for field in table_row(cell)) + " |"
        for cell in summary["cells"]
    ]
    shown, size = 0, 0
    for row in rows:
        size += len(row.encode())
        if size > _LARGEST_MARKDOWN:
            break
        shown += 1
    left_out = [f"\n… and {len(rows) - shown:,} more cells, in summary.csv"] if rows[shown:] else []
    more = [*_notes(summary), *_section("Comparisons", comparison_lines(summary))]
    more += _section("Repeats", repeat_lines(summary))
    more += _section("Racing", race_lines(summary))
    more += [*_section("Flags", flag_lines(summary))]
    more += _section("Judges", judge_lines(summary))
    return "\n".join([*head, *rows[:shown], *left_out, *more]) + "\n"


def _decided(summary: Mapping[str, Any]) -> list[str]:
    """The recommendations first: a sentence each, what stands behind it as a list."""
    text: list[str] = []
    for line in decision_lines(summary):
        is_more = line.startswith(" ")
        shown = markdown_text(line.lstrip())
        text += [f"- {shown}"] if is_more else ["", f"**{shown}**", ""]
    return [*text[1:], ""] if text else []


def _section(title: str, lines: Iterable[str]) -> list[str]:
    """Lines as a list, indented ones under those before them."""
    items = [
        f"{line[: len(line) - len(line.lstrip())]}- {markdown_text(line.lstrip())}"
        for line in lines
    ]
    return ["", f"## {title}", "", *items] if items else []


def _quality_names(summary: Mapping[str, Any]) -> str:
    """What stands for quality; where scorers are swept, in which facet."""
    names: dict[str, dict[int, None]] = {}
    for cell in summary["cells"]:
        names.setdefault(cell["quality_name"], {})[cell["facet"]] = None
    if len(names) == 1:
        return _label(*names)
    return ", ".join(
        f"{_label(name)} (facet {', '.join(map(str, facets))})" for name, facets in names.items()
    )


def _notes(summary: Mapping[str, Any]) -> list[str]:
    """What the table alone would hide."""
    cells = summary["cells"]
    unpriced = [cell["label"] for cell in cells if cell["pareto"]["status"] == "unpriced"]
    notes = []
    if unpriced:
        notes.append(f"Without a known price: {', '.join(map(_label, unpriced))}.")
    if any(cell["cost"]["estimated"] for cell in cells):
        notes.append("Estimated: token counts were computed from the text, not reported.")
    if summary["run"]["corrupt_lines"]:
        lines = summary["run"]["corrupt_lines"]
        notes.append(
            f"{len(lines):,} lines of the journal cannot be read; their trials are missing."
        )
    notes += [f"{markdown_text(line)}." for line in retry_lines(summary)]
    return ["", *notes] if notes else []


def _label(text: str) -> str:
    return markdown_text(safe_text(text, limit=80))


def retry_lines(summary: Mapping[str, Any]) -> list[str]:
    """One line for each cell whose quality is another one without its retried answers."""
    lines = []
    for cell in summary["cells"]:
        without, quality = estimate_of(cell["retried"]["quality_without"]), cell["quality"]
        if without.value is None or percent(without.value) == percent(quality["value"]):
            continue
        answers = n_of(cell["retried"]["n"], "answer")
        lines.append(
            f"{safe_text(cell['label'], limit=80)}: {answers} came after a retry; without them "
            f"quality is {percent_interval(without)}, not {percent(quality['value'])}"
        )
    return lines


def _missing(cell: Mapping[str, Any]) -> str:
    """What is not in the quality, by reason; a dash for nothing."""
    raced = (cell.get("raced") or {"n_skipped": 0})["n_skipped"]
    counts = {
        "error": cell["n_error"],
        "raced": raced,
        "skipped": cell["n_skipped"] - raced,
        "unscored": cell["n_unscored"],
    }
    return ", ".join(f"{n} {name}" for name, n in counts.items() if n) or "0"
