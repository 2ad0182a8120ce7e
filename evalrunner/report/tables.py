"""The summary as a table: for spreadsheets, and in words for whoever shows it to people."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from evalrunner.formatting import (
    count,
    n_of,
    percent,
    percent_interval,
    safe_text,
    seconds,
    usd,
    usd_interval,
)
from evalrunner.types import Estimate

_FORMULA_START = ("=", "+", "-", "@", "\t", "\r")
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
_ENDS = ("", "_low", "_high", "_n")
_HEADER = ("cell", "quality", "corrected", "$ / 1,000", "p50", "n", "missing", "Pareto")
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
        + [f"{name}{end}" for name in ("quality", "corrected") for end in _ENDS]
        + [f"usd_per_1000{end}" for end in _ENDS[:3]]
        + [*_COSTS, "estimated"]
        + ["latency_p50_s", "latency_p90_s", "latency_p99_s", *_COUNTS, "pareto"]
    )
    for cell in summary["cells"]:
        quality, cost = estimate_of(cell["quality"]), estimate_of(cell["cost"]["usd_per_1000"])
        corrected = estimate_of(cell.get("corrected"))
        writer.writerow(
            [cell["id"], spreadsheet_text(cell["label"]), cell["facet"], cell["role"]]
            + [quality.value, quality.low, quality.high, quality.n]
            + [corrected.value, corrected.low, corrected.high, corrected.n or None]
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


def table_columns(
    cells: Sequence[Mapping[str, Any]], *, is_short: bool = False
) -> dict[str, list[str]]:
    """The table by heading; `corrected` only where labels by people corrected a score."""
    rows = [_short_row(cell) if is_short else _row(cell) for cell in cells]
    columns = {name: [row[place] for row in rows] for place, name in enumerate(_HEADER)}
    if not has_corrected(cells):
        del columns["corrected"]
    return columns


def has_corrected(cells: Iterable[Mapping[str, Any]]) -> bool:
    """Whether any score was corrected by labels of people."""
    return any(estimate_of(cell.get("corrected")).value is not None for cell in cells)


def _row(cell: Mapping[str, Any]) -> tuple[str, ...]:
    """One cell as people read it, in the order of `_HEADER`."""
    cost = cell["cost"]
    price = usd_interval(estimate_of(cost["usd_per_1000"]))
    if cost["usd_per_1000"] is None and cell["role"] == "candidate" and cell["quality"]["n"]:
        price = "unknown price"
    return (
        safe_text(cell["label"], limit=80),
        percent_interval(estimate_of(cell["quality"])),
        percent_interval(estimate_of(cell.get("corrected"))),
        f"{price} (estimated)" if cost["estimated"] else price,
        seconds(cell["latency_s"]["p50"]),
        count(cell["quality"]["n"]),
        missing_words(cell),
        cell["pareto"]["status"] or cell["role"],
    )


def _short_row(cell: Mapping[str, Any]) -> tuple[str, ...]:
    """`_row` where room is scarce: the cost without bounds, what is missing as a number."""
    label, quality, corrected, price, latency, n, _, status = _row(cell)
    lost = cell["n_error"] + cell["n_skipped"] + cell["n_unscored"]
    if cell["cost"]["usd_per_1000"] is not None:
        price = usd(cell["cost"]["usd_per_1000"]["value"])
    return label, quality, corrected, price, latency, n, count(lost), status


def best_first(cells: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Cells by facet, canaries last, the best first."""
    return sorted(
        cells,
        key=lambda cell: (
            cell["facet"],
            cell["role"] == "canary",
            -(cell["quality"]["value"] or 0),
        ),
    )


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


def missing_words(cell: Mapping[str, Any]) -> str:
    """What is not in the quality, by reason; a dash for nothing."""
    raced = (cell.get("raced") or {"n_skipped": 0})["n_skipped"]
    counts = {
        "error": cell["n_error"],
        "raced": raced,
        "skipped": cell["n_skipped"] - raced,
        "unscored": cell["n_unscored"],
    }
    return ", ".join(f"{n} {name}" for name, n in counts.items() if n) or "0"
