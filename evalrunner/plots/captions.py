"""The words of a scatter: title, axis caption, legend, and notes on what is not drawn."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from evalrunner import formatting
from evalrunner.plots.page import Entry
from evalrunner.plots.panel import LOOKS, TIE_WIDTH, Look
from evalrunner.plots.points import (
    CANARY,
    CASCADE,
    DOMINATED,
    FRONTIER,
    ORACLE,
    UNDECIDED,
    Point,
    interval_words,
)
from evalrunner.plots.style import INK, STAIRS, TIE_COLOR, readable, shortened

_NAME, _GROUP, _SCORE = 60, 24, 30
_NO_CANDIDATES = {
    CANARY: "canary, no candidate",
    CASCADE: "cascade, estimated from this grid",
    ORACLE: "router that always knew: a bound",
}


def title(summary: Mapping[str, Any], subject: str) -> str:
    """What the figure is about, with the name of the run."""
    name = shortened(readable(str(summary["run"].get("name") or "")), limit=_NAME)
    return f"{subject} · {name}" if name else subject


def subtitle(summary: Mapping[str, Any], *rest: str) -> str:
    """How much evidence there is, and how to read it."""
    counts = sorted({cell["n_cases"] for cell in summary["cells"]})
    cases = f"{counts[0]:,}" if len(counts) == 1 else f"{counts[0]:,} to {counts[-1]:,}"
    repeats = summary["run"].get("repeats") or 1
    parts = [f"{cases} cases", interval_words(summary)]
    if repeats > 1:
        parts.insert(1, f"{repeats} repeats each")
    return " · ".join([*parts, *rest])


def quality_caption(summary: Mapping[str, Any]) -> str:
    """The name of the score on the vertical axis."""
    name = readable(str(summary.get("quality") or "not named"))
    return f"Quality: {shortened(name, limit=_SCORE)}"


def cost_caption(drawn: Sequence[Point]) -> str:
    """What is in the cost, and how it is known."""
    if not drawn:
        return ""
    about = ["US$, log scale", "list price", "judge not included"]
    if all(point.estimated for point in drawn):
        about.append("estimated token counts")
    elif is_mixed(drawn):
        about.append("“est.” = estimated token counts")
    return f"Cost per 1,000 requests ({', '.join(about)})"


def is_mixed(drawn: Sequence[Point]) -> bool:
    """Whether estimated costs stand beside measured ones, and so must be marked one by one."""
    return len({point.estimated for point in drawn}) > 1


def legend(drawn: Sequence[Point], looks: Mapping[str, Look]) -> Iterator[Entry]:
    """An entry for each status and, where it says more than the names do, each group."""
    statuses = {point.status for point in drawn}
    if any(point.raw is not None for point in drawn):
        # Filling tells scores apart here, and the staircase alone the frontier.
        yield Entry(text="corrected by labels of people", marker="o", color=INK)
        yield Entry(text="by the judge", marker="o", color=INK, fill="none", size=7)
        yield Entry(text="frontier", marker="", color=STAIRS, line=True)
    else:
        yield from _statuses(drawn)
    if any(point.is_recommended for point in drawn):
        yield Entry(text="recommended", marker="o", color=INK, fill="none", size=13)
    for status, text in _NO_CANDIDATES.items():
        if status in statuses:
            look = LOOKS[status]
            yield Entry(text=text, marker=look.marker, color=look.color, fill="none")
    candidates = [point for point in drawn if point.status not in _NO_CANDIDATES]
    groups = {point.group for point in candidates}
    if 1 < len(groups) < len(candidates):
        for group in sorted(groups):
            look = looks[group]
            yield Entry(
                text=shortened(group, limit=_GROUP) or "–", marker=look.marker, color=look.color
            )


def _statuses(drawn: Sequence[Point]) -> Iterator[Entry]:
    statuses = {point.status for point in drawn}
    if FRONTIER in statuses:
        yield Entry(text="on the frontier", marker="o", color=INK, line=True)
    if UNDECIDED in statuses:
        yield Entry(text="undecided", marker="o", color=INK, fill="bottom")
    if any(point.tie is not None for point in drawn):
        yield Entry(
            text="cannot be told apart", marker="", color=TIE_COLOR, line=True, width=TIE_WIDTH
        )
    if DOMINATED in statuses:
        yield Entry(text="not on the frontier", marker="o", color=INK, fill="none")


def notes(points: Sequence[Point], *, lacking: str) -> list[list[str]]:
    """What a percentage means, and every cell that is not in a panel with what is known of it.

    `lacking` is what a cell without an x has not got, such as "price".
    """
    unplaced = [p for p in points if p.x.value is None and p.quality.value is not None]
    unscored = [p for p in points if p.quality.value is None]
    found = []
    chances = [p.chance for p in points if p.chance is not None and p.place is not None]
    if chances:
        found.append([f"“{chances[0]}” beside a name = its chance to be on the frontier"])
    if unplaced:
        pieces = [f"{p.name}: {formatting.percent_interval(p.quality)}" for p in unplaced]
        found.append([f"No {lacking}, not drawn – {pieces[0]}", *pieces[1:]])
    if unscored:
        names = [p.name for p in unscored]
        found.append([f"No quality, not drawn – {names[0]}", *names[1:]])
    return found
