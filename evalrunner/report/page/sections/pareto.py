"""Quality and cost: the Pareto figure, and the other figures that have no section of their own."""

from __future__ import annotations

from typing import Any

from evalrunner.report.page.source import PageSource

_MORE = {
    "pareto_corrected": "Quality without the judge’s errors, and cost",
    "latency": "Quality and latency",
    "differences": "Paired differences of quality",
    "repeats": "Repeats and flips",
}
"""Further figures by the stem of their file, with what they show."""


def section(page: PageSource) -> dict[str, Any]:
    """What its template shows."""
    cells = page.candidates
    more = {title: page.figure(stem, title) for stem, title in _MORE.items()}
    return {
        "figure": page.figure("pareto", _about(page)),
        "unpriced": [cell for cell in cells if cell["pareto"]["status"] == "unpriced"],
        "unscored": [cell for cell in cells if cell["quality"]["value"] is None],
        "is_estimated": any(cell["cost"]["estimated"] for cell in cells),
        "more": {title: figure for title, figure in more.items() if figure is not None},
    }


def _about(page: PageSource) -> str:
    names = ", ".join(
        cell["label"] for cell in page.candidates if cell["pareto"]["status"] == "frontier"
    )
    said = f"on the frontier: {names}" if names else "no cell is on the frontier"
    return f"Quality against cost per 1,000 requests; {said}. The table of cells has the numbers."
