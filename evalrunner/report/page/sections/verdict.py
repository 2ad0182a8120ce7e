"""What to do: the recommendation of each facet, how sure it is, and what the run still owes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from evalrunner.formatting import n_of, percent, percent_interval, points, points_interval
from evalrunner.report.decisions import decision_lines
from evalrunner.report.page.document import estimate
from evalrunner.report.page.sections.facets import facet_titles
from evalrunner.report.page.source import PageSource

_ANSWERED = frozenset({"parse", "refused", "truncated"})
"""Why a judge that did answer gave no verdict."""


def section(page: PageSource) -> dict[str, Any]:
    """What its template shows."""
    titles = facet_titles(page)
    return {
        "facets": [
            _facet(page, entry) | {"title": titles[entry["facet"]]}
            for entry in page.summary["recommendations"]
        ],
        "open": list(_open_ends(page)),
        "resume": _resume_command(page) if _is_owing(page) else None,
    }


def _facet(page: PageSource, entry: Mapping[str, Any]) -> dict[str, Any]:
    # With a single candidate there is nothing to decide, and no line.
    raw = {**entry, "corrected": None}  # It has a place of its own.
    lines = list(decision_lines({**page.summary, "recommendations": [raw]}))
    sentence, *more = lines or [entry["because"]]
    chosen = None if entry["cell"] is None else page.cells[entry["cell"]]
    return {
        "sentence": sentence,
        "more": [line.strip() for line in more],
        "cell": chosen,
        "corrected": _corrected(entry),
        "facts": list(_facts(page, entry, chosen)),
        "rejected": entry["rejected"],
    }


def _corrected(entry: Mapping[str, Any]) -> dict[str, Any] | None:
    """What corrected scores recommend, with a word on whether that is something else."""
    choice = entry.get("corrected")
    if choice is None:
        return None
    word, kind = "another one when corrected", "warn"
    if choice["is_same"]:
        word, kind = "the same when corrected", "good"
    elif choice["cell"] is None:
        word = "" if entry["cell"] is None else "not certain when corrected"
    return {**choice, "word": word, "kind": kind}


def _facts(
    page: PageSource, entry: Mapping[str, Any], cell: Mapping[str, Any] | None
) -> Iterator[tuple[str, str]]:
    """How sure it is, in numbers."""
    if cell is not None:
        quality = estimate(cell["quality"])
        yield (
            f"Quality, {percent(page.summary['run']['confidence'], digits=0)} interval",
            f"{percent_interval(quality)}, from {n_of(quality.n, 'case')}",
        )
        if cell["pareto"]["probability"] is not None:
            chance = percent(cell["pareto"]["probability"], digits=0)
            yield "Chance to be on the frontier", chance
    if entry["difference"] is not None:
        against = page.label(entry["best"])
        yield f"Quality less that of {against}", points_interval(estimate(entry["difference"]))
    visible = _smallest_difference(page, entry["facet"])
    if visible is not None:
        yield "Planned to show", visible


def _smallest_difference(page: PageSource, facet: int) -> str | None:
    """What the cases can show at all, as it was planned; None where that is not known."""
    for power in page.plan.get("power", ()):
        if power["facet"] != facet:
            continue
        cases = n_of(power["n"], "case")
        if power["smallest_difference"] is None:
            return f"none: {cases} cannot tell two cells apart"
        basis = "assumed" if power["basis"] == "assumed" else "by an earlier run"
        return f"{points(power['smallest_difference'])} with {cases} ({basis})"
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
    n_verdicts = sum(map(_n_owed_verdicts, page.summary["cells"]))
    if n_verdicts:
        yield f"Verdicts of judges that may still come: {n_verdicts:,}."


def _n_owed(cell: Mapping[str, Any]) -> int:
    """Trials without an answer that may still get one; those that racing left out may not."""
    raced = (cell.get("raced") or {"n_skipped": 0})["n_skipped"]
    return int(cell["n_error"] + cell["n_skipped"] - raced)


def _n_owed_verdicts(cell: Mapping[str, Any]) -> int:
    """Verdicts without an answer; a judge that did answer is not asked again."""
    return sum(
        n
        for judging in cell["judging"].values()
        for kind, n in judging["failures"].items()
        if kind not in _ANSWERED
    )


def _is_owing(page: PageSource) -> bool:
    return bool(page.plan) and next(_open_ends(page), None) is not None


def _resume_command(page: PageSource) -> str:
    """How to go on; only a budget must be raised for that."""
    more = " run.budget_usd=MORE" if "budget" in (page.manifest.get("ending") or {}) else ""
    return f"evalrunner run --resume {page.place}{more}"
