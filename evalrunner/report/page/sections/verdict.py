"""What to do: the recommendation of each facet, how sure it is, and what the run still owes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from evalrunner.formatting import n_of, percent, percent_interval, points, usd_interval
from evalrunner.report.decisions import decision_lines
from evalrunner.report.page.document import estimate
from evalrunner.report.page.source import PageSource


def section(page: PageSource) -> dict[str, Any]:
    """What its template shows."""
    entries = page.summary["recommendations"]
    return {
        "facets": [_facet(page, entry) for entry in entries],
        "open": list(_open_ends(page)),
        "resume": _resume_command(page) if _is_owing(page) else None,
    }


def _facet(page: PageSource, entry: Mapping[str, Any]) -> dict[str, Any]:
    # With a single candidate there is nothing to decide, and no line.
    lines = list(decision_lines({**page.summary, "recommendations": [entry]}))
    sentence, *more = lines or [entry["because"]]
    chosen = None if entry["cell"] is None else page.cells[entry["cell"]]
    return {
        "title": page.facet_title(entry["facet"]),
        "sentence": sentence,
        "more": [line.strip() for line in more],
        "cell": chosen,
        "facts": [] if chosen is None else list(_facts(page, entry, chosen)),
        "visible": _smallest_difference(page, entry["facet"]),
        "rejected": entry["rejected"],
    }


def _facts(
    page: PageSource, entry: Mapping[str, Any], cell: Mapping[str, Any]
) -> Iterator[tuple[str, str]]:
    """How sure it is, in numbers."""
    confidence = f"{100 * page.summary['run']['confidence']:g} %"
    quality = estimate(cell["quality"])
    shown = f"{percent_interval(quality)}, {n_of(quality.n, 'case')}"
    yield f"Quality ({confidence} interval)", shown
    yield "Cost per 1,000 requests", usd_interval(estimate(cell["cost"]["usd_per_1000"]))
    if cell["pareto"]["probability"] is not None:
        chance = percent(cell["pareto"]["probability"], digits=0)
        yield "Chance that nothing is both better and cheaper", chance
    if entry["difference"] is not None:
        lost = entry["difference"]
        bounds = f"{100 * lost['low']:.1f} to {100 * lost['high']:.1f}" if lost["low"] else ""
        against = page.label(entry["best"])
        yield f"Difference from {against}", f"{points(lost['value'])} ({bounds})"


def _smallest_difference(page: PageSource, facet: int) -> str | None:
    """What the cases can show at all, as it was planned."""
    for power in page.plan.get("power", ()):
        if power["facet"] != facet:
            continue
        cases = n_of(power["n"], "case")
        if power["smallest_difference"] is None:
            return f"{cases} can show no difference between two cells"
        assumed = " (assumed)" if power["basis"] == "assumed" else ""
        smallest = points(power["smallest_difference"])
        return f"the smallest difference that {cases} show is {smallest}{assumed}"
    return None


def _open_ends(page: PageSource) -> Iterator[str]:
    """What keeps the run from being complete."""
    if page.plan and page.manifest.get("finished_at") is None:
        yield "The run has not finished: what is shown is what was recorded by then."
    for reason, message in (page.manifest.get("ending") or {}).items():
        yield f"Stopped ({reason}): {message}"
    n_owed = sum(map(_n_owed, page.candidates))
    if n_owed:
        planned = sum(cell["n_planned"] for cell in page.candidates)
        yield f"{n_owed:,} of {n_of(planned, 'planned trial')} have no answer."


def _n_owed(cell: Mapping[str, Any]) -> int:
    """Trials without an answer that may still get one; those that racing left out may not."""
    raced = (cell.get("raced") or {"n_skipped": 0})["n_skipped"]
    return int(cell["n_error"] + cell["n_skipped"] - raced)


def _is_owing(page: PageSource) -> bool:
    return bool(page.plan) and next(_open_ends(page), None) is not None


def _resume_command(page: PageSource) -> str:
    """How to go on; only a budget must be raised for that."""
    more = " run.budget_usd=MORE" if "budget" in (page.manifest.get("ending") or {}) else ""
    return f"evalrunner run --resume {page.place}{more}"
