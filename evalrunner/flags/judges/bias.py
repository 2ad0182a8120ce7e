"""Verdicts that hang on what should not matter: the maker, the place, the length, the judge."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from evalrunner.flags.base import Flag, Summary
from evalrunner.flags.cells import SIGNIFICANT, by_cell, candidates_of, named, others
from evalrunner.flags.judges.cells import judged_cells, judged_facets
from evalrunner.formatting import UNKNOWN, n_of, percent

_INCONSISTENT, _USELESS = 0.2, 0.5
"""Shares of pairs whose verdict changes with the order."""
_TWO = 2


def self_preference(summary: Summary) -> Iterator[Flag]:
    """A judge and a candidate of one maker."""
    found: dict[tuple[str, str], list[int]] = {}
    in_mixed_panels: set[tuple[str, str]] = set()
    for facet in judged_facets(summary):
        families = {judge["family"] for judge in facet["judges"]} - {None}
        for judge in facet["judges"]:
            own = [
                cell["id"]
                for cell in candidates_of(summary, facet["facet"])
                if judge["family"] is not None and cell["family"] == judge["family"]
            ]
            if own:
                found.setdefault((judge["model"], judge["family"]), []).extend(own)
                if len(families) > 1:
                    in_mixed_panels.add((judge["model"], judge["family"]))
    for (model, family), cells in found.items():
        yield Flag(
            code="self_preference",
            severity="yellow",
            message=f"the judge {model} and {named(summary, cells)} are of one family "
            f"({family}): judges tend to prefer answers of their own",
            evidence={"judge": model, "family": family, "cells": cells},
            remedy="to see apart what the judges of each family say, sweep over them: judge=a,b"
            if (model, family) in in_mixed_panels
            else "add a judge of another family (judge.panel), or sweep over both: judge=a,b",
        )


def position_bias(summary: Summary) -> Iterator[Flag]:
    """Pairs whose winner depends on who stands first."""
    for facet, scorer, cells in judged_cells(summary):
        found = {
            cell["id"]: position
            for cell in cells
            if (position := cell["judging"][scorer]["position"]) and _leans(position)
        }
        if not found:
            continue
        # The worst first: it is whose numbers are told.
        shown = sorted(found, key=lambda cell: -found[cell]["inconsistent"]["value"])
        worst = found[shown[0]]
        is_useless = worst["inconsistent"]["value"] > _USELESS
        yield Flag(
            code="position_bias",
            severity="red" if is_useless else "yellow",
            message=f"{scorer}: with the order changed, {percent(worst['inconsistent']['value'])} "
            f"of {n_of(worst['n_pairs'], 'pair')} get another verdict; {worst['first']} lean to "
            f"the first place, {worst['second']} to the second ({named(summary, shown[:1])}"
            f"{others(shown)})",
            evidence={"facet": facet, "scorer": scorer, "position": by_cell(found)},
            remedy="such pairs count as ties: take a stronger judge, or a rubric instead of pairs",
        )


def length_bias(summary: Summary) -> Iterator[Flag]:
    """Winners that are the longer answers more often than chance allows."""
    for facet, scorer, cells in judged_cells(summary):
        found = {
            cell["id"]: length
            for cell in cells
            if (length := cell["judging"][scorer]["length"]) and length["p"] < SIGNIFICANT
        }
        if not found:
            continue
        shown = sorted(found, key=lambda cell: found[cell]["p"])
        clearest = found[shown[0]]
        yield Flag(
            code="length_bias",
            severity="yellow",
            message=f"{scorer}: the longer answer wins {percent(clearest['longer_won']['value'])} "
            f"of {n_of(clearest['n'], 'decided pair')} ({named(summary, shown[:1])}"
            f"{others(shown)}); it may be the better one, or the judge may like length",
            evidence={"facet": facet, "scorer": scorer, "length": by_cell(found)},
            remedy="say in the rubric that length is no merit, and compare with human votes",
        )


def judge_dependence(summary: Summary) -> Iterator[Flag]:
    """A winner that another judge would not have named."""
    rankings = [] if summary["judging"] is None else summary["judging"]["rankings"]
    for ranking in rankings:
        tops = ranking["top"]
        if len({top["candidate"] for top in tops}) < _TWO:
            continue
        names = {facet["facet"]: facet["judge"] for facet in judged_facets(summary)}
        said = ", ".join(
            f"{named(summary, [top['cell']])} by {names.get(top['facet']) or UNKNOWN}"
            for top in tops
        )
        yield Flag(
            code="judge_dependence",
            severity="yellow",
            message=f"which cell is best depends on the judge: {said}",
            evidence=ranking,
            remedy="have people label some answers, and trust the judge that agrees with them",
        )


def _leans(position: Mapping[str, Any]) -> bool:
    is_biased = position["p"] is not None and position["p"] < SIGNIFICANT
    return bool(is_biased or position["inconsistent"]["value"] > _INCONSISTENT)
