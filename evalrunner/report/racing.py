"""What racing stopped: by whom, and what that saved."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from evalrunner.formatting import n_of, safe_text, usd
from evalrunner.planning import CellSpec
from evalrunner.report.recorded import RecordedRun
from evalrunner.types import Json

_LONGEST = 80


def raced_message(run: RecordedRun, spec: CellSpec) -> str | None:
    """Why nothing more was asked in a cell; None where racing did not stop it."""
    found = run.index.raced.get(spec.id)
    if found is None:
        return None
    by = next((other.label for other in run.specs if other.id == found["by"]), str(found["by"]))
    return f"not asked: {_why(by, cases=found['cases'], e_value=found['e_value'])}"


def race_json(cells: Sequence[Mapping[str, Any]]) -> dict[str, Json] | None:
    """`summary["run"]["race"]`: None when nothing was stopped; of unknown costs no sum is made."""
    raced = [cell["raced"] for cell in cells if cell["raced"] is not None]
    if not raced:
        return None
    saved = [each["saved_usd"] for each in raced]
    return {
        "n_cells": len(raced),
        "n_trials": sum(each["n_skipped"] for each in raced),
        "saved_usd": None if None in saved else sum(saved),
    }


def race_lines(summary: Mapping[str, Any]) -> Iterator[str]:
    """A line for each cell that was stopped, and one of what that saved."""
    labels = {cell["id"]: cell["label"] for cell in summary["cells"]}
    for cell in summary["cells"]:
        raced = cell.get("raced")
        if raced is not None:
            why = _why(labels[raced["by"]], cases=raced["cases"], e_value=raced["e_value"])
            yield f"racing stopped {safe_text(cell['label'], limit=_LONGEST)}: {why}"
    race = summary["run"].get("race")
    if race is not None:
        left_out = n_of(race["n_trials"], "trial")
        saved = race["saved_usd"]
        cost = "at an unknown cost" if saved is None else f"about {usd(saved)} at list price"
        yield f"racing left out {left_out}, {cost}"


def _why(by: str, *, cases: int, e_value: float) -> str:
    return (
        f"after {n_of(cases, 'case')} {safe_text(by, limit=_LONGEST)} was better and not dearer "
        f"(e = {e_value:,.1f})"
    )
