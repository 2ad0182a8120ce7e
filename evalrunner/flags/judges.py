"""When a judge's verdicts should not be trusted."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from evalrunner.flags.base import Flag, Rule, Summary
from evalrunner.formatting import UNKNOWN, n_of, percent, points
from evalrunner.stats.contingency import fisher_exact

_SIGNIFICANT = 0.05
_UNRELIABLE = 0.667
"""Alpha below which not even tentative conclusions are drawn (Krippendorff 2004, 11.4)."""
_NEARLY_ALWAYS = 0.9
"""Where judges agree in so many verdicts a low alpha tells of the answers: hardly any differ."""
_FEWEST = 10
"""Questions that must have been answered twice before a low alpha means anything."""
_INCONSISTENT, _USELESS = 0.2, 0.5
"""Shares of pairs whose verdict changes with the order."""
_INFLATED, _SURELY_INFLATED = 0.2, 0.1
"""Mean score of answers that must fail, and its lower bound."""
_TWO = 2
_ANSWERED = {"parse", "refused", "truncated"}
"""Why a judge's reply is no verdict: asking again would be answered from the journal."""

_Cell = Mapping[str, Any]


def self_preference(summary: Summary) -> Iterator[Flag]:
    """A judge and a candidate of one maker."""
    found: dict[tuple[str, str], list[int]] = {}
    in_mixed_panels: set[tuple[str, str]] = set()
    for facet in _facets(summary):
        families = {judge["family"] for judge in facet["judges"]} - {None}
        for judge in facet["judges"]:
            own = [
                cell["id"]
                for cell in _candidates(summary, facet["facet"])
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
            message=f"the judge {model} and {_named(summary, cells)} are of one family "
            f"({family}): judges tend to prefer answers of their own",
            evidence={"judge": model, "family": family, "cells": cells},
            remedy="to see apart what the judges of each family say, sweep over them: judge=a,b"
            if (model, family) in in_mixed_panels
            else "add a judge of another family (judge.panel), or sweep over both: judge=a,b",
        )


def judge_noise(summary: Summary) -> Iterator[Flag]:
    """Verdicts that agree hardly better than chance, or too little for the difference in hand."""
    for facet, scorer, cells in _judged(summary):
        low = {cell["id"]: alpha for cell in cells if (alpha := _low_alpha(cell, scorer))}
        if low:
            by_chance = {cell: alpha for cell, alpha in low.items() if alpha["low"] <= 0}
            # The worst first: it is whose numbers are told.
            shown = sorted(by_chance or low, key=lambda cell: low[cell]["value"])
            worst = low[shown[0]]
            yield Flag(
                code="judge_noise",
                severity="red" if by_chance else "yellow",
                message=f"{scorer}: verdicts on the same answer agree "
                f"{'no better than chance' if by_chance else 'too little'} for "
                f"{_named(summary, shown[:1])} (Krippendorff's alpha {worst['value']:.2f}, "
                f"{worst['low']:.2f} to {worst['high']:.2f}{_others(shown)})",
                evidence={"facet": facet, "scorer": scorer, "alpha": _by_cell(low)},
                remedy="make the criteria checkable one by one, or take a stronger judge",
            )
    for each in _facets(summary):
        noise = each["noise"]
        if noise is not None and noise["half_width"] > noise["difference"]:
            yield Flag(
                code="judge_noise",
                severity="yellow",
                message=f"{_named(summary, noise['cells'])} differ by "
                f"{points(noise['difference'])}, and the judge's own noise alone reaches "
                f"{points(noise['half_width'])}",
                evidence={"facet": each["facet"], **noise},
                remedy="raise judge.repeats or the number of cases",
            )


def position_bias(summary: Summary) -> Iterator[Flag]:
    """Pairs whose winner depends on who stands first."""
    for facet, scorer, cells in _judged(summary):
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
            f"the first place, {worst['second']} to the second ({_named(summary, shown[:1])}"
            f"{_others(shown)})",
            evidence={"facet": facet, "scorer": scorer, "position": _by_cell(found)},
            remedy="such pairs count as ties: take a stronger judge, or a rubric instead of pairs",
        )


def length_bias(summary: Summary) -> Iterator[Flag]:
    """Winners that are the longer answers more often than chance allows."""
    for facet, scorer, cells in _judged(summary):
        found = {
            cell["id"]: length
            for cell in cells
            if (length := cell["judging"][scorer]["length"]) and length["p"] < _SIGNIFICANT
        }
        if not found:
            continue
        shown = sorted(found, key=lambda cell: found[cell]["p"])
        clearest = found[shown[0]]
        yield Flag(
            code="length_bias",
            severity="yellow",
            message=f"{scorer}: the longer answer wins {percent(clearest['longer_won']['value'])} "
            f"of {n_of(clearest['n'], 'decided pair')} ({_named(summary, shown[:1])}"
            f"{_others(shown)}); it may be the better one, or the judge may like length",
            evidence={"facet": facet, "scorer": scorer, "length": _by_cell(found)},
            remedy="say in the rubric that length is no merit, and compare with human votes",
        )


def judge_inflation(summary: Summary) -> Iterator[Flag]:
    """Answers that must fail, and pass."""
    for facet, scorer, cells in _judged(summary):
        passed = {
            cell["id"]: {"score": score, "n_passed": cell["judging"][scorer]["n_passed"]}
            for cell in cells
            if cell["role"] == "canary"
            and (score := cell["scores"][scorer])["value"] is not None
            and _is_inflated(score)
        }
        if not passed:
            continue
        canaries = [cell for cell in cells if cell["id"] in passed]
        worst = max(canaries, key=lambda cell: cell["scores"][scorer]["value"])
        yield Flag(
            code="judge_inflation",
            severity="red",
            cell=worst["id"],
            message=f"{scorer}{_judge_of(summary, facet)}: answers that must fail pass: "
            + ", ".join(_passed_of(cell, scorer) for cell in canaries),
            evidence={"facet": facet, "scorer": scorer, "canaries": _by_cell(passed)},
            remedy="its scores are too high: take a stricter judge or sharper criteria",
        )


def _passed_of(cell: _Cell, scorer: str) -> str:
    judging = cell["judging"][scorer]
    return (
        f"{cell['label'].removeprefix('canary:')} {judging['n_passed']} of "
        f"{judging['n_answers']} (mean score {percent(cell['scores'][scorer]['value'])})"
    )


def judge_failures(summary: Summary) -> Iterator[Flag]:
    """Verdicts that are missing, above all for some candidates more than for others."""
    for facet, scorer, cells in _judged(summary):
        candidates = [cell for cell in cells if cell["role"] == "candidate"]
        p_values = {kind: _uneven(candidates, scorer, kind) for kind in ("failed", "refused")}
        rates = {c["id"]: c["judging"][scorer]["failure_rate"]["value"] or 0.0 for c in cells}
        worst = max(rates, key=lambda cell: rates[cell])
        is_uneven = min(p_values.values()) < _SIGNIFICANT
        if not is_uneven and rates[worst] <= summary["run"]["max_missing"]:
            continue
        best = min(rates, key=lambda cell: rates[cell])
        beside = f", and {percent(rates[best])} on {_named(summary, [best])}" if is_uneven else ""
        yield Flag(
            code="judge_failures",
            severity="red" if is_uneven else "yellow",
            message=f"{scorer}: {percent(rates[worst])} of the verdicts on "
            f"{_named(summary, [worst])} are missing{beside}",
            evidence={
                "facet": facet,
                "scorer": scorer,
                "failure_rate": _by_cell(rates),
                "p": p_values,
            },
            remedy=f"what is not judged is no random sample: {_after_failures(cells, scorer)}",
        )


def _after_failures(cells: Sequence[_Cell], scorer: str) -> str:
    """A resumed run asks again where a provider failed, not where a reply was no verdict."""
    kinds = {kind for cell in cells for kind in cell["judging"][scorer]["failures"]}
    steps = ["resume the run"] if kinds - _ANSWERED else []
    if "truncated" in kinds:
        steps.append("raise judge.model.max_output_tokens")
    return ", or ".join([*steps, "take another judge"])


def judge_dependence(summary: Summary) -> Iterator[Flag]:
    """A winner that another judge would not have named."""
    rankings = [] if summary["judging"] is None else summary["judging"]["rankings"]
    for ranking in rankings:
        tops = ranking["top"]
        if len({top["candidate"] for top in tops}) < _TWO:
            continue
        names = {facet["facet"]: facet["judge"] for facet in _facets(summary)}
        said = ", ".join(
            f"{_named(summary, [top['cell']])} by {names.get(top['facet']) or UNKNOWN}"
            for top in tops
        )
        yield Flag(
            code="judge_dependence",
            severity="yellow",
            message=f"which cell is best depends on the judge: {said}",
            evidence=ranking,
            remedy="have people label some answers, and trust the judge that agrees with them",
        )


RULES: tuple[Rule, ...] = (
    judge_inflation,
    judge_failures,
    judge_noise,
    position_bias,
    length_bias,
    self_preference,
    judge_dependence,
)


def _facets(summary: Summary) -> Sequence[Mapping[str, Any]]:
    judging = summary["judging"]
    return [] if judging is None else list(judging["facets"])


def _candidates(summary: Summary, facet: int) -> list[_Cell]:
    cells = (cell for cell in summary["cells"] if cell["facet"] == facet)
    return [cell for cell in cells if cell["role"] == "candidate"]


def _judged(summary: Summary) -> Iterator[tuple[int, str, list[_Cell]]]:
    """Facet, judged scorer, and the cells with judgements of it."""
    groups: dict[tuple[int, str], list[_Cell]] = {}
    for cell in summary["cells"]:
        for scorer in cell["judging"]:
            groups.setdefault((cell["facet"], scorer), []).append(cell)
    for (facet, scorer), cells in sorted(groups.items(), key=lambda item: item[0]):
        yield facet, scorer, cells


def _low_alpha(cell: _Cell, scorer: str) -> Mapping[str, Any] | None:
    """The agreement of a cell's verdicts if it is surely too low; None otherwise."""
    judging = cell["judging"][scorer]
    found, retest = judging["agreement"], judging["retest"]
    if found is None and retest is not None:
        found = {"alpha": retest["alpha"], "agreed": {"value": 1 - retest["changed"]["value"]}}
    if found is None or found["alpha"]["high"] is None or found["alpha"]["n"] < _FEWEST:
        return None
    alpha: Mapping[str, Any] = found["alpha"]
    is_low = alpha["high"] < _UNRELIABLE and found["agreed"]["value"] < _NEARLY_ALWAYS
    return alpha if is_low else None


def _leans(position: Mapping[str, Any]) -> bool:
    is_biased = position["p"] is not None and position["p"] < _SIGNIFICANT
    return bool(is_biased or position["inconsistent"]["value"] > _INCONSISTENT)


def _is_inflated(score: Mapping[str, Any]) -> bool:
    is_surely = score["low"] is not None and score["low"] > _SURELY_INFLATED
    return bool(is_surely or score["value"] > _INFLATED)


def _uneven(cells: Sequence[_Cell], scorer: str, kind: str) -> float:
    """Smallest p-value of one cell's answers against all others', times the number of cells."""
    counts = [
        (judging[f"n_answers_{kind}"], judging["n_answers"])
        for judging in (cell["judging"][scorer] for cell in cells)
    ]
    hits, n = sum(k for k, _ in counts), sum(m for _, m in counts)
    if not hits or len(counts) < _TWO:
        return 1.0
    # Of two cells each is the other's rest: one test.
    n_tests = 1 if len(counts) == _TWO else len(counts)
    return min(1.0, n_tests * min(fisher_exact(k, m, hits - k, n - m) for k, m in counts))


def _named(summary: Summary, cells: Sequence[int]) -> str:
    labels = {cell["id"]: cell["label"] for cell in summary["cells"]}
    shown = [labels[cell] for cell in dict.fromkeys(cells)]
    return " and ".join(shown if len(shown) <= _TWO else [shown[0], f"{len(shown) - 1} others"])


def _others(shown: Sequence[int]) -> str:
    """After what is told of the first of these cells."""
    return f"; likewise {n_of(len(shown) - 1, 'other')}" if len(shown) > 1 else ""


def _judge_of(summary: Summary, facet: int) -> str:
    """Whose scorer is meant, where there are several facets; each may have a judge of its own."""
    facets = _facets(summary)
    name = next((each["judge"] for each in facets if each["facet"] == facet), None)
    return f" by judge {name}" if name and len({each["judge"] for each in facets}) > 1 else ""


def _by_cell(values: Mapping[int, Any]) -> dict[str, Any]:
    return {str(cell): value for cell, value in values.items()}
