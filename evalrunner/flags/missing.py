"""Answers that are missing or cut, where what is left may name another winner."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from evalrunner.flags.base import Flag, Rule, Summary
from evalrunner.flags.cells import (
    Cell,
    all_facets,
    by_cell,
    candidates_of,
    facets_of,
    n_answers,
    named,
    only,
    others,
)
from evalrunner.formatting import n_of, percent
from evalrunner.summary import missing_share


def missing_results(summary: Summary) -> Iterator[Flag]:
    """Trials without a score: too many, or enough to turn round who is best."""
    scored = dict(facets_of(summary))
    for facet in all_facets(summary):
        # Where every score is missing there is nothing to compare, and the more to tell.
        cells = candidates_of(summary, facet)
        open_pairs = _reversible(summary, scored[facet]) if facet in scored else []
        most = summary["run"]["max_missing"]
        lacking = {cell["id"]: share for cell in cells if (share := _missing(cell)) > most}
        if not (open_pairs or lacking):
            continue
        shown = sorted(lacking, key=lambda cell: -lacking[cell])
        about = shown or [cell for pair in open_pairs for cell in (pair["a"], pair["b"])]
        yield Flag(
            code="missing_results",
            severity="yellow",
            cell=only(about),
            message="; ".join(
                [
                    *([_lacking(summary, shown, lacking)] if lacking else []),
                    *(_open(summary, pair) for pair in open_pairs[:1]),
                ]
            ),
            evidence={
                "facet": facet,
                "missing_share": by_cell(lacking),
                "pairs": [
                    {name: pair[name] for name in ("a", "b", "missing")} for pair in open_pairs
                ],
            },
            remedy=_remedy([cell for cell in cells if cell["id"] in {*about}]),
        )


def truncated_outputs(summary: Summary) -> Iterator[Flag]:
    """Answers that were cut at the limit of their length."""
    for facet in all_facets(summary):
        cells = {cell["id"]: cell for cell in candidates_of(summary, facet)}
        shares = {
            number: share
            for number, cell in cells.items()
            if (share := _cut(cell)) > summary["run"]["max_missing"]
        }
        if not shares:
            continue
        shown = sorted(shares, key=lambda cell: -shares[cell])
        worst = cells[shown[0]]
        yield Flag(
            code="truncated_outputs",
            severity="yellow",
            cell=only(shown),
            message=f"{worst['n_truncated']:,} of {n_of(n_answers(worst), 'answer')} of "
            f"{worst['label']} ({percent(shares[shown[0]])}) are cut at max_output_tokens"
            f"{others(shown)}: a wrong answer may be an unfinished one",
            evidence={"facet": facet, "truncated_share": by_cell(shares)},
            remedy="raise model.max_output_tokens, or ask for shorter answers; "
            "run.on_truncated says what they are worth",
        )


RULES: tuple[Rule, ...] = (missing_results, truncated_outputs)


def _reversible(summary: Summary, cells: Sequence[Cell]) -> list[Any]:
    """Comparisons with the best cell whose conclusion the missing cases could turn round."""
    best = cells[0]["id"]
    return [
        each
        for each in summary["comparisons"]
        if best in (each["a"], each["b"])
        and each["because"] is not None
        and each["difference"]["value"] is not None
    ]


def _lacking(summary: Summary, shown: Sequence[int], shares: Mapping[int, float]) -> str:
    worst = named(summary, shown[:1])
    return f"{percent(shares[shown[0]])} of the trials of {worst} have no score{others(shown)}"


def _open(summary: Summary, pair: Mapping[str, Any]) -> str:
    names = named(summary, [pair["a"], pair["b"]])
    return f"which of {names} is better is open: {pair['because']}"


def _missing(cell: Cell) -> float:
    """Share of trials without a score; verdicts that failed are `judge_failures`'s."""
    if cell["quality_name"].partition(".")[0] in cell["judging"]:
        return missing_share({**cell, "n_unscored": 0})
    return missing_share(cell)


def _remedy(cells: Sequence[Cell]) -> str:
    if any(cell["n_error"] + cell["n_skipped"] for cell in cells):
        return "`evalrunner run --resume RUN` asks again for what is missing; trials.jsonl says why"
    return (
        "see in trials.jsonl why they have no score: a scorer that failed, a missing target, "
        "or run.on_refused: skip"
    )


def _cut(cell: Cell) -> float:
    return float(cell["n_truncated"] / max(n_answers(cell), 1))
