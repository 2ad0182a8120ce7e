"""Judges that people contradict."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from evalrunner.flags.base import Flag, Summary
from evalrunner.flags.cells import SIGNIFICANT, named
from evalrunner.formatting import n_of, p_value, percent_interval, points, points_interval
from evalrunner.types import Estimate


def inflated_scores(summary: Summary) -> Iterator[Flag]:
    """Scores that are significantly above those of people, or below, by more than the margin."""
    for entry in _pooled(summary):
        inflation, p = Estimate(**entry["inflation"]), entry["inflation_p"]
        value, margin = inflation.value, _margin(summary, entry["facet"])
        if value is None or p is None or p >= SIGNIFICANT or abs(value) <= margin:
            continue
        which = "higher" if value > 0 else "lower"
        yield Flag(
            code="judge_inflation",
            severity="yellow",
            message=f"{_who(entry)} scores {which} than people: {points_interval(inflation)}, "
            f"{p_value(p)}, on {entry['n_labels']:,} labelled answers",
            evidence={**_about(entry), "inflation": entry["inflation"], "p": p},
            remedy="read the corrected scores: they hold whatever the judge adds or takes away",
        )


def judge_uneven(summary: Summary) -> Iterator[Flag]:
    """A judge that is kinder to some cells than to others: its comparisons are of its own making.

    Inflation that is the same for all moves no difference.
    """
    found: dict[tuple[int, str], list[Mapping[str, Any]]] = {}
    for pair in (summary.get("calibrated") or {}).get("uneven", ()):
        if pair["is_uneven"]:
            found.setdefault((pair["facet"], pair["scorer"]), []).append(pair)
    for (facet, scorer), pairs in found.items():
        worst = min(pairs, key=lambda pair: pair["p_adjusted"])
        value = worst["difference"]["value"] or 0.0
        kind, strict = (worst["a"], worst["b"]) if value > 0 else (worst["b"], worst["a"])
        more = f"; likewise {n_of(len(pairs) - 1, 'other pair')}" if len(pairs) > 1 else ""
        yield Flag(
            code="judge_uneven",
            severity="red",
            message=f"{_who(worst)} is kinder to {named(summary, [kind])} than to "
            f"{named(summary, [strict])} by {points(abs(value))} "
            f"({p_value(worst['p_adjusted'])}){more}: its comparisons mislead",
            evidence={"facet": facet, "scorer": scorer, "pairs": [dict(pair) for pair in pairs]},
            remedy="compare the corrected scores, or take another judge",
        )


def judge_misaligned(summary: Summary) -> Iterator[Flag]:
    """A judge that agrees with people significantly less than they do with each other, or chance.

    Less than by chance is no bad judge: pass and fail mean different things to it and to people.
    """
    found = (summary.get("calibrated") or {}).get("ceiling") or {}
    people = Estimate(**found["percent"]) if found else Estimate(value=None)
    for entry in _pooled(summary):
        own, kappa = Estimate(**entry["percent"]), Estimate(**entry["kappa"])
        is_swapped = kappa.high is not None and kappa.high < 0
        single = Estimate(**entry["with_one_rater"])
        is_below = None not in (single.high, people.low) and (single.high or 0) < (people.low or 0)
        if not (is_swapped or is_below):
            continue
        beside = f"{percent_interval(single)}, and they with each other on "
        yield Flag(
            code="judge_misaligned",
            severity="red" if is_swapped else "yellow",
            message=f"{_who(entry)} agrees with people on {percent_interval(own)}, "
            "less than by chance"
            if is_swapped
            else f"{_who(entry)} agrees with one rater on {beside}{percent_interval(people)}",
            evidence={
                **_about(entry),
                "percent": entry["percent"],
                "with_one_rater": entry["with_one_rater"],
                "kappa": entry["kappa"],
                "ceiling": found.get("percent"),
            },
            remedy="look whether the labels swap pass and fail"
            if is_swapped
            else "sharpen the criteria on which they differ, or take a stronger judge",
        )


def _pooled(summary: Summary) -> Iterator[Mapping[str, Any]]:
    """What is known of each scorer over all cells."""
    for entry in summary.get("calibration", ()):
        if entry["cell"] is None and entry["member"] is None:
            yield entry


def _margin(summary: Summary, facet: int) -> float:
    """Loss of quality that does not matter, as the comparisons of a facet have it."""
    margins = (each["margin"] for each in summary["comparisons"] if each["facet"] == facet)
    return float(next(margins, 0.0))


def _who(entry: Mapping[str, Any]) -> str:
    if entry["judge"] == entry["scorer"]:
        return f"scorer {entry['scorer']}"
    return f"judge {entry['judge']} ({entry['scorer']})"


def _about(entry: Mapping[str, Any]) -> dict[str, Any]:
    return {name: entry[name] for name in ("facet", "scorer", "judge", "n_labels")}
