"""Verdicts that are noise, or missing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from evalrunner.flags.base import Flag, Summary
from evalrunner.flags.cells import SIGNIFICANT, Cell, by_cell, named, others
from evalrunner.flags.judges.cells import judged_cells, judged_facets
from evalrunner.formatting import percent, points
from evalrunner.stats.contingency import fisher_exact

_UNRELIABLE = 0.667
"""Alpha below which not even tentative conclusions are drawn (Krippendorff 2004, 11.4)."""
_NEARLY_ALWAYS = 0.9
"""Where judges agree in so many verdicts a low alpha tells of the answers: hardly any differ."""
_FEWEST = 10
"""Questions that must have been answered twice before a low alpha means anything."""
_TWO = 2
_ANSWERED = {"parse", "refused", "truncated"}
"""Why a judge's reply is no verdict: asking again would be answered from the journal."""


def judge_noise(summary: Summary) -> Iterator[Flag]:
    """Verdicts that agree hardly better than chance, or too little for the difference in hand."""
    for facet, scorer, cells in judged_cells(summary):
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
                f"{named(summary, shown[:1])} (Krippendorff's alpha {worst['value']:.2f}, "
                f"{worst['low']:.2f} to {worst['high']:.2f}{others(shown)})",
                evidence={"facet": facet, "scorer": scorer, "alpha": by_cell(low)},
                remedy="make the criteria checkable one by one, or take a stronger judge",
            )
    for each in judged_facets(summary):
        noise = each["noise"]
        if noise is not None and noise["half_width"] > noise["difference"]:
            yield Flag(
                code="judge_noise",
                severity="yellow",
                message=f"{named(summary, noise['cells'])} differ by "
                f"{points(noise['difference'])}, and the judge's own noise alone reaches "
                f"{points(noise['half_width'])}",
                evidence={"facet": each["facet"], **noise},
                remedy="raise judge.repeats or the number of cases",
            )


def judge_failures(summary: Summary) -> Iterator[Flag]:
    """Verdicts that are missing, above all for some candidates more than for others."""
    for facet, scorer, cells in judged_cells(summary):
        candidates = [cell for cell in cells if cell["role"] == "candidate"]
        p_values = {kind: _uneven(candidates, scorer, kind) for kind in ("failed", "refused")}
        rates = {c["id"]: c["judging"][scorer]["failure_rate"]["value"] or 0.0 for c in cells}
        worst = max(rates, key=lambda cell: rates[cell])
        is_uneven = min(p_values.values()) < SIGNIFICANT
        if not is_uneven and rates[worst] <= summary["run"]["max_missing"]:
            continue
        best = min(rates, key=lambda cell: rates[cell])
        beside = f", and {percent(rates[best])} on {named(summary, [best])}" if is_uneven else ""
        yield Flag(
            code="judge_failures",
            severity="red" if is_uneven else "yellow",
            message=f"{scorer}: {percent(rates[worst])} of the verdicts on "
            f"{named(summary, [worst])} are missing{beside}",
            evidence={
                "facet": facet,
                "scorer": scorer,
                "failure_rate": by_cell(rates),
                "p": p_values,
            },
            remedy=f"what is not judged is no random sample: {_after_failures(cells, scorer)}",
        )


def _after_failures(cells: Sequence[Cell], scorer: str) -> str:
    """A resumed run asks again where a provider failed, not where a reply was no verdict."""
    kinds = {kind for cell in cells for kind in cell["judging"][scorer]["failures"]}
    steps = ["resume the run"] if kinds - _ANSWERED else []
    if "truncated" in kinds:
        steps.append("raise judge.model.max_output_tokens")
    return ", or ".join([*steps, "take another judge"])


def _low_alpha(cell: Cell, scorer: str) -> Mapping[str, Any] | None:
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


def _uneven(cells: Sequence[Cell], scorer: str, kind: str) -> float:
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
