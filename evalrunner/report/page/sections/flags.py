"""What to mind: flags with their evidence and remedy, and what the numbers alone would hide."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from evalrunner.flags import CODES
from evalrunner.formatting import n_of, number, number_interval
from evalrunner.report.flag_lines import red_first
from evalrunner.report.page.document import estimate
from evalrunner.report.page.source import PageSource
from evalrunner.report.tables import retry_lines

_CELLS = frozenset({"cell", "cells"})
"""Keys of an evidence under which cells are named by their ids."""
_ESTIMATE = {"value", "low", "high", "n"}
_UNPRICED = frozenset({"unpriced", "unknown_cost"})
"""Flags that tell which costs are unknown: of runs, and of tables from elsewhere."""


def section(page: PageSource) -> dict[str, Any]:
    """What its template shows."""
    return {
        "flags": [
            {**flag, "evidence": _readable(flag["evidence"], page)}
            for flag in red_first(page.summary["flags"])
        ],
        "notes": list(_notes(page)),
        "checked": list(CODES),
    }


def _notes(page: PageSource) -> Iterator[str]:
    """What is no flag, and should be known nevertheless."""
    run, cells = page.summary["run"], page.summary["cells"]
    yield from (f"Warned before the run: {line}." for line in run["warnings"])
    unpriced = [cell["label"] for cell in cells if cell["pareto"]["status"] == "unpriced"]
    if unpriced and not any(flag["code"] in _UNPRICED for flag in page.summary["flags"]):
        yield f"Without a known price: {', '.join(unpriced)}."
    if any(cell["cost"]["estimated"] for cell in cells):
        yield "Some costs are estimated: token counts were computed from the text, not reported."
    if run["possibly_billed"]:
        yield f"Possibly billed, unseen: {n_of(run['possibly_billed'], 'request')}."
    if run["corrupt_lines"]:
        lines = n_of(len(run["corrupt_lines"]), "line")
        yield f"{lines} of the journal cannot be read; their trials are missing."
    yield from (f"{line}." for line in retry_lines(page.summary))


def _readable(value: object, page: PageSource, *, key: str = "") -> object:
    """An evidence as nested names and texts: mappings stay, all else becomes one line."""
    if isinstance(value, Mapping):
        if value.keys() >= _ESTIMATE:
            found = estimate(value)
            return f"{number_interval(found)}, n = {found.n:,}"
        return {
            _cell_name(name, page) if name.isdecimal() else name.replace("_", " "): _readable(
                each, page, key=name
            )
            for name, each in value.items()
        }
    if isinstance(value, Sequence) and not isinstance(value, str):
        return ", ".join(str(_readable(each, page, key=key)) for each in value)
    if isinstance(value, int) and key in _CELLS:
        return page.label(value)
    if isinstance(value, float):
        return number(value, digits=3)
    return "unknown" if value is None else str(value)


def _cell_name(key: str, page: PageSource) -> str:
    """The label of the cell whose id is a key."""
    return page.label(int(key)) if int(key) in page.cells else key
