"""Test sets that tell models apart no more, or never could; cases whose label may be wrong."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from evalrunner.flags.base import Flag, Rule, Summary
from evalrunner.flags.cells import facets_of, in_facet, listed
from evalrunner.formatting import n_of, percent
from evalrunner.stats.items import (
    best_possible_p,
    chance_rate_at_least,
    failures_to_tell_apart,
)

_EASY = 0.95
"""The rate from which a set is too easy."""
_HARD = 0.05
"""A best model that is surely under it solves nothing."""
_HARD_SHARE = 0.25
"""Of cases that nobody passes."""
_FEWEST_CASES = 10
_TWO = 2
_BINARY = "wilson"
"""Method of the interval of scores that are right or wrong, once a case."""


def too_easy(summary: Summary) -> Iterator[Flag]:
    """A best model at 95 % and above: what could still be better has no room to show it."""
    for facet, cells in facets_of(summary):
        best, quality = cells[0], cells[0]["quality"]
        if quality["n"] < _FEWEST_CASES or quality["value"] < _EASY:
            continue
        passed = round(quality["value"] * quality["n"])
        chance = chance_rate_at_least(passed, quality["n"], threshold=_EASY)
        failures = quality["n"] - passed
        needed = failures_to_tell_apart(summary["run"]["confidence"])
        is_hopeless = quality["method"] == _BINARY and failures < needed
        everyone = _items(summary, facet).get("everyone_passes", {"n": 0, "cases": []})
        room = (
            f"; with {n_of(failures, 'failure')} no better model can be told from it, "
            f"which takes {needed}"
            if is_hopeless
            else "; little room is left to be better"
        )
        passers = "it passes" if len(cells) == 1 else "every candidate passes"
        yield Flag(
            code="too_easy",
            severity="yellow",
            cell=best["id"],
            message=f"{in_facet(summary, facet)}{best['label']} reaches "
            f"{percent(quality['value'])} on {n_of(quality['n'], 'case')} (truly 95 % or more with "
            f"a probability of {percent(chance, digits=0)}){room}"
            + (f"; {passers} {everyone['n']:,}" if everyone["n"] else ""),
            evidence={
                "facet": facet,
                "quality": quality,
                "probability_of_95_percent": chance,
                "best_possible_p": best_possible_p(failures) if is_hopeless else None,
                "everyone_passes": everyone,
            },
            remedy="add harder cases, such as production's on which models disagree; "
            "retire those that everyone passes (listed in the evidence)",
        )


def too_hard(summary: Summary) -> Iterator[Flag]:
    """No model passes anything, or a large part of the cases."""
    for facet, cells in facets_of(summary):
        best, quality = cells[0], cells[0]["quality"]
        nobody = _items(summary, facet).get("nobody_passes", {"n": 0, "cases": []})
        n_cases = best["n_cases"]
        is_nothing = quality["n"] >= _FEWEST_CASES and (quality["high"] or 1) <= _HARD
        is_much = len(cells) >= _TWO and nobody["n"] >= max(_HARD_SHARE * n_cases, _FEWEST_CASES)
        if not (is_nothing or is_much):
            continue
        is_zero = quality["value"] == 0
        yield Flag(
            code="too_hard",
            severity="red" if is_zero and is_nothing else "yellow",
            message=in_facet(summary, facet)
            + (
                f"no candidate passes more than {percent(quality['value'])} of "
                f"{n_of(quality['n'], 'case')}: prompt, answers and labels may not fit together"
                if is_nothing
                else f"{nobody['n']:,} of {n_of(n_cases, 'case')} are passed by none of "
                f"{len(cells)} candidates: too hard, or their labels are wrong"
            ),
            evidence={"facet": facet, "quality": quality, "nobody_passes": nobody},
            remedy="read some answers beside their expected output: errors.jsonl, or the cases "
            "in report.html",
        )


def suspect_label(summary: Summary) -> Iterator[Flag]:
    """Cases on which all strong models say the same, and not what the label says."""
    for facet, _ in facets_of(summary):
        items = _items(summary, facet)
        suspects: Sequence[Mapping[str, Any]] = items.get("suspects", ())
        if not suspects:
            continue
        agreed = [each for each in suspects if each["agree"] is not None]
        reversed_ = len(suspects) - len(agreed)
        parts = []
        if agreed:
            answer = agreed[0]["agree"]
            parts.append(
                f"on {n_of(items['n_agree_against'], 'case')} the {answer['n_models']} strongest "
                "models give one and the same answer, which is not the label's "
                f"({listed([_said(each) for each in agreed], n=items['n_agree_against'])})"
            )
        if reversed_:
            names = [each["case_id"] for each in suspects if each["agree"] is None]
            parts.append(
                f"on {n_of(reversed_, 'case')} weak models pass and strong ones fail "
                f"({listed(names)})"
            )
        yield Flag(
            code="suspect_label",
            severity="yellow",
            message=f"{in_facet(summary, facet)}{'; '.join(parts)}",
            evidence={
                "facet": facet,
                "suspects": {
                    each["case_id"]: (each["agree"] or {}).get("answer") or each["because"]
                    for each in suspects
                },
            },
            remedy="see whether the answers were read rightly; then look at these labels first: "
            "correct them, or accept both answers (a list)",
        )


RULES: tuple[Rule, ...] = (too_easy, too_hard, suspect_label)


def _items(summary: Summary, facet: int) -> Mapping[str, Any]:
    return next((each for each in summary.get("items", ()) if each["facet"] == facet), {})


def _said(suspect: Mapping[str, Any]) -> str:
    answer = suspect["agree"]["answer"]
    return suspect["case_id"] if answer is None else f"{suspect['case_id']}: “{answer}”"
