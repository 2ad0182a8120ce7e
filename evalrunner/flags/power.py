"""Differences that so few cases cannot show, and winners that luck chose."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from statistics import NormalDist
from typing import Any

from evalrunner.flags.base import Flag, Rule, Summary
from evalrunner.flags.cells import by_cell, facets_of, in_facet, named
from evalrunner.formatting import margin_points, n_of, points
from evalrunner.stats.power import POWER
from evalrunner.stats.selection import selection_optimism

_MANY = 5
"""Candidates from which the best is partly the luckiest."""
_LEAST_OPTIMISM = 0.005


def too_few_cases(summary: Summary) -> Iterator[Flag]:
    """Rivals of the best that may be as good or worse: the smallest visible difference is too big.

    Raised only where a comparison with the best is open: what came out clearly had cases enough.
    """
    n_tested = sum(each["p"] is not None for each in summary["comparisons"])
    for facet, cells in facets_of(summary):
        best = cells[0]
        rivals = _open_rivals(summary, best["id"])
        visible = {
            rival: size
            for rival, entry in rivals.items()
            if (size := _smallest(entry, n_tested)) is not None and size > entry["margin"]
        }
        # Where the best is never right there is nothing to choose, which `too_hard` says.
        if not visible or best["quality"]["value"] == 0:
            continue
        smallest, margin = min(visible.values()), rivals[next(iter(visible))]["margin"]
        shown = f"differences from about {points(smallest)} on" if smallest < 1 else "nothing"
        more = min((n for rival in visible if (n := rivals[rival]["n_more"])), default=None)
        yield Flag(
            code="too_few_cases",
            severity="yellow",
            message=f"{in_facet(summary, facet)}{n_of(best['quality']['n'], 'case')} show "
            f"{shown}, the margin is {margin_points(margin)}: whether "
            f"{_rivals(summary, [*visible], len(cells) - 1)} as good as {best['label']} "
            "cannot be told",
            evidence={
                "facet": facet,
                "margin": margin,
                "smallest_difference": by_cell(visible),
                "n_more": more,
            },
            remedy=(f"add about {more:,} cases to tell the first of them" if more else "add cases")
            + ", or accept a larger run.margin",
        )


def winner_curse(summary: Summary) -> Iterator[Flag]:
    """A best of many whose lead is no more than what choosing the luckiest gives."""
    for facet, cells in facets_of(summary):
        if len(cells) < _MANY or cells[0]["quality"]["value"] == 0:
            continue
        errors = _errors(summary, facet)
        known = [cell for cell in cells if cell["id"] in errors]
        if len(known) < _MANY or known[0] is not cells[0]:
            continue
        values = [cell["quality"]["value"] for cell in known]
        optimism = selection_optimism(values, [errors[cell["id"]] for cell in known])
        lead = values[0] - values[1]
        if optimism < max(lead, _LEAST_OPTIMISM):
            continue
        yield Flag(
            code="winner_curse",
            severity="yellow",
            cell=cells[0]["id"],
            message=f"{in_facet(summary, facet)}{cells[0]['label']} is the best of "
            f"{len(cells)} by {points(lead)}; about {points(optimism)} of its score is the luck "
            "of being chosen on these cases, and will be gone on fresh ones",
            evidence={
                "facet": facet,
                "n_candidates": len(cells),
                "lead": lead,
                "optimism": optimism,
            },
            remedy="confirm the best two or three on fresh cases before the choice is final",
        )


RULES: tuple[Rule, ...] = (too_few_cases, winner_curse)


def _open_rivals(summary: Summary, best: int) -> dict[int, Mapping[str, Any]]:
    """Cells of which it is open whether they are worse than the best, each with its comparison."""
    found = {}
    for entry in summary["comparisons"]:
        if best in (entry["a"], entry["b"]) and entry["because"] is None:
            is_first = entry["a"] == best
            said = entry["reverse"] if is_first else entry["conclusion"]
            if said == "cannot_tell":
                found[int(entry["b"] if is_first else entry["a"])] = entry
    return found


def _smallest(entry: Mapping[str, Any], n_tested: int) -> float | None:
    """Smallest difference that this comparison shows with a probability of 80 %.

    From the width of its interval, so that clusters, repeats and graded scores count as they are.
    """
    error = _standard_error(entry)
    if error is None:
        return None
    level = 1 - (1 - entry["confidence"]) / max(n_tested, 1)
    normal = NormalDist()
    return error * (normal.inv_cdf((1 + level) / 2) + normal.inv_cdf(POWER))


def _standard_error(entry: Mapping[str, Any]) -> float | None:
    low, high = entry["difference"]["low"], entry["difference"]["high"]
    if low is None or high is None:
        return None
    return float((high - low) / 2 / NormalDist().inv_cdf((1 + entry["confidence"]) / 2))


def _errors(summary: Summary, facet: int) -> dict[int, float]:
    """Standard error of each cell's own luck, by its comparisons: what all share is not in it."""
    found: dict[int, list[float]] = {}
    for entry in summary["comparisons"]:
        error = _standard_error(entry)
        if entry["facet"] == facet and error is not None:
            for cell in (entry["a"], entry["b"]):
                found.setdefault(cell, []).append(error / 2**0.5)
    return {cell: sum(errors) / len(errors) for cell, errors in found.items()}


def _rivals(summary: Summary, cells: Sequence[int], n_others: int) -> str:
    if len(cells) == 1:
        return f"{named(summary, cells)} is"
    return f"{len(cells)} of {n_others} others are"
