"""Rules about test sets: cases that count twice, and a mix that is not that of production."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from evalrunner.flags.base import Flag, Rule, Summary
from evalrunner.flags.cells import candidates_of, facets_of, named
from evalrunner.formatting import n_of, percent, points, safe_text

_FEW, _NEAR_FEW = 0.01, 0.05
"""Shares of repeated, and of nearly repeated, cases from which a flag is raised."""
_HALF = 0.5
"""From here on nothing should be decided by the numbers: the flag is red."""
_FEWEST_CLUSTERS, _FAR_TOO_FEW = 30, 5
"""Clusters below which intervals from them are unsure, and below which they mean nothing."""
_MAJORITY = 0.8
_SHOWN = 5
_LONGEST = 60


def duplicates(summary: Summary) -> Iterator[Flag]:
    """Cases that ask the same word for word: they count twice, or contradict each other."""
    for each in _test_sets(summary):
        found, wrong = each["duplicates"], each["contradictions"]["n_equal"]
        share = found["n"] / each["n_cases"]
        if share < _FEW and not wrong:
            continue
        message = f"{_set(each)}: {n_of(found['n'], 'case')} ({percent(share)}) repeat another"
        if wrong:
            message += f", and in {n_of(wrong, 'group')} equal inputs have different targets"
        yield Flag(
            code="duplicates",
            severity="red" if share >= _HALF else "yellow",
            message=f"{message}; they count as independent, so that intervals are too narrow",
            evidence={**_about(each), "n": found["n"], "share": share, **_groups(found)}
            | {"n_contradictions": wrong},
            remedy="delete repeated cases and mend their targets: evalrunner dataset check PATH",
        )


def near_duplicates(summary: Summary) -> Iterator[Flag]:
    """Cases that ask nearly the same: fewer independent ones than their number says."""
    for each in _test_sets(summary):
        found = each["near_duplicates"]
        if found is None or each["cluster_field"] is not None:
            # Dependent cases that are declared as such make no interval too narrow.
            continue
        share = found["n"] / each["n_cases"]
        if share >= _NEAR_FEW:
            yield Flag(
                code="near_duplicates",
                severity="red" if share >= _HALF else "yellow",
                message=f"{_set(each)}: {n_of(found['n'], 'case')} ({percent(share)}) nearly "
                "repeat another; they count as independent, so that intervals are too narrow",
                evidence={**_about(each), "n": found["n"], "share": share, **_groups(found)},
                remedy="keep one case of each group, or name what they share in dataset.cluster",
            )


def class_imbalance(summary: Summary) -> Iterator[Flag]:
    """One class so frequent that always naming it scores well."""
    for each in _test_sets(summary):
        targets = each["targets"]
        cells = [
            cell
            for facet in each["facets"]
            for cell in candidates_of(summary, facet)
            if not _is_balanced(cell)
        ]
        if targets is None or not cells:
            continue
        label, n = max(targets["counts"].items(), key=lambda item: item[1])
        share = n / sum(targets["counts"].values())
        known = [cell for cell in cells if cell["quality"]["low"] is not None]
        no_better = [cell["id"] for cell in known if cell["quality"]["low"] <= share]
        if share < _MAJORITY or len(targets["counts"]) == 1:
            continue
        message = f"{_set(each)}: {percent(share)} of the targets are {_quoted(label)}, so that "
        message += "always saying so scores that much"
        if no_better:
            message += f"; {_of_cells(summary, no_better)} not clearly better"
        yield Flag(
            code="class_imbalance",
            severity="red" if len(no_better) == len(known) else "yellow",
            message=message,
            evidence=_about(each)
            | {"field": targets["field"], "label": label, "n": n, "share": share}
            | {"n_classes": len(targets["counts"]), "cells_no_better": no_better},
            remedy="take run.quality=SCORER.macro_f1 of a labels scorer, run a majority baseline "
            "beside it, and add cases of the rare classes",
        )


def few_clusters(summary: Summary) -> Iterator[Flag]:
    """Too few groups of dependent cases for an interval that rests on them."""
    for each in _test_sets(summary):
        n, worth = each["n_clusters"], each["effective_clusters"]
        if n is None or n == each["n_cases"] or worth >= _FEWEST_CLUSTERS:
            continue
        largest = each["largest_cluster"] / each["n_cases"]
        yield Flag(
            code="few_clusters",
            severity="red" if worth < _FAR_TOO_FEW else "yellow",
            message=f"{_set(each)}: {n_of(each['n_cases'], 'case')} in {n_of(n, 'cluster')} of "
            f"{_quoted(each['cluster_field'])}, worth {worth:.1f} equal ones (the largest has "
            f"{percent(largest, digits=0)}): intervals are wide and still too sure",
            evidence=_about(each)
            | {"n_clusters": n, "effective_clusters": worth, "largest_share": largest},
            remedy=f"add cases from other clusters, {_FEWEST_CLUSTERS} or more; more cases of the "
            "same ones help little",
        )


def mismatch(summary: Summary) -> Iterator[Flag]:
    """A test set whose mix of categories is not that of production."""
    production = _production(summary)
    for fit in production["fit"]:
        if not fit["is_mismatch"]:
            continue
        by, apart, thin = production["by"], fit["total_variation"], fit["thin_share"]
        message = (
            f"{_quoted(fit['dataset'])}: {percent(apart)} of the cases would have to change their "
            f"{_quoted(by)} to have the mix of production{_largest(fit)}"
        )
        if fit["missing"]:
            message += f"; no case of {_listed(fit['missing'], fit['n_missing'])}"
        if fit["n_mix"] is None:
            message += "; the mix is taken as exact, as it is given in shares without counts"
        yield Flag(
            code="mismatch",
            severity="red" if thin >= _HALF else "yellow",
            message=message,
            evidence={"by": by, **_facet(fit["facets"]), **fit},
            remedy="read the scores at the mix of production (production.reweighted of the "
            "summary), and sample cases from production: evalrunner production dataset",
        )


def simpson(summary: Summary) -> Iterator[Flag]:
    """Two cells whose order is another at the mix of production."""
    production = _production(summary)
    for pair in production["reversals"]:
        there, least = pair["reweighted"], production["margin"]
        is_clear = there["low"] is not None and (there["low"] > 0 or there["high"] < 0)
        # Of two that are as good as equal, the one that leads means nothing.
        if abs(pair["raw"]) < least or (abs(there["value"]) < least and not is_clear):
            continue
        ahead, behind = (pair["a"], pair["b"]) if pair["raw"] > 0 else (pair["b"], pair["a"])
        message = (
            f"{named(summary, [ahead])} leads {named(summary, [behind])} by "
            f"{points(abs(pair['raw']))} on the test set, and is {points(abs(there['value']))} "
            f"behind at production's mix of {_quoted(production['by'])}"
        )
        if pair["uncovered"]:
            message += f" (without {_listed(pair['uncovered'], len(pair['uncovered']))})"
        yield Flag(
            code="simpson",
            severity="red" if is_clear and ahead == _best(summary, pair["facet"]) else "yellow",
            message=message,
            evidence={"by": production["by"], **pair},
            remedy="choose by the score at production's mix, or by category: see the slices",
        )


RULES: tuple[Rule, ...] = (
    duplicates,
    near_duplicates,
    class_imbalance,
    few_clusters,
    mismatch,
    simpson,
)


def _test_sets(summary: Summary) -> Iterator[Mapping[str, Any]]:
    # Summaries of older runs have none; a set without cases has no shares.
    yield from (each for each in summary.get("test_sets") or () if each["n_cases"])


def _production(summary: Summary) -> Mapping[str, Any]:
    return summary.get("production") or {"fit": (), "reversals": ()}


def _is_balanced(cell: Mapping[str, Any]) -> bool:
    """Whether its quality counts every class alike."""
    return str(cell["quality_name"]).endswith((".macro_f1", ".balanced_accuracy"))


def _about(test_set: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "dataset": test_set["dataset"],
        **_facet(test_set["facets"]),
        "facets": test_set["facets"],
        "n_cases": test_set["n_cases"],
    }


def _facet(facets: list[int]) -> dict[str, Any]:
    """By which a decision knows that a flag is about one facet alone."""
    return {"facet": facets[0]} if len(facets) == 1 else {}


def _best(summary: Summary, facet: int) -> int | None:
    """The cell of a facet with the highest quality as it was measured."""
    return next((cells[0]["id"] for number, cells in facets_of(summary) if number == facet), None)


def _groups(found: Mapping[str, Any]) -> dict[str, Any]:
    return {"groups": found["groups"], "n_more_groups": found["n_more_groups"]}


def _set(test_set: Mapping[str, Any]) -> str:
    return _quoted(test_set["dataset"])


def _of_cells(summary: Summary, cells: list[int]) -> str:
    return f"{named(summary, cells)} {'is' if len(cells) == 1 else 'are'}"


def _largest(fit: Mapping[str, Any]) -> str:
    """The category that is farthest off, with both shares."""
    for name, (own, theirs) in fit["largest"].items():
        return f" ({_quoted(name)}: {percent(own)} here, {percent(theirs)} there)"
    return ""


def _listed(shares: Mapping[str, float], n: int) -> str:
    shown = [f"{_quoted(name)} ({percent(shares[name])})" for name in list(shares)[:_SHOWN]]
    more = f" and {n - len(shown):,} more" if n > len(shown) else ""
    return ", ".join(shown) + more


def _quoted(name: object) -> str:
    return safe_text(repr(name), limit=_LONGEST)
