"""What the judges of a run did, in lines for people."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from evalrunner.formatting import (
    count,
    n_of,
    number,
    number_interval,
    percent,
    percent_interval,
    points,
    safe_text,
    usd,
)
from evalrunner.types import Estimate

_LONGEST = 80
_FEWEST = 5
"""Verdicts on a criterion before it is named as the one that fails most."""


def judge_lines(summary: Mapping[str, Any]) -> Iterator[str]:
    """Who judged and at what cost, then a line for each cell and judged scorer."""
    judging = summary["judging"]
    if judging is None:
        return
    for facet in judging["facets"]:
        cells = [cell for cell in summary["cells"] if cell["facet"] == facet["facet"]]
        yield _judge(facet, cells)
        for cell in cells:
            for scorer in cell["judging"] if cell["role"] == "candidate" else ():
                yield f"  {_short(cell['label'])} · {_short(scorer)}: {_facts(cell, scorer)}"
        yield from _canaries(
            [cell for cell in cells if cell["role"] == "canary"],
            flagged=_inflated(summary, facet["facet"]),
        )
        if facet["noise"] is not None and facet["noise"]["half_width"] > 0:
            yield (
                f"  differences under ±{points(facet['noise']['half_width'])} between the two "
                "best may be the judge's noise alone"
            )
    for ranking in judging["bradley_terry"]:
        yield f"  {_short(ranking['scorer'])}, Bradley-Terry: {_ratings(ranking, summary)}"
        if ranking["needs_prior"]:
            yield "    one never lost, or never won: how far apart they are is an assumption"
    judges = {facet["facet"]: _short(str(facet["judge"])) for facet in judging["facets"]}
    for ranking in judging["rankings"]:
        for pair in ranking["pairs"]:
            yield (
                f"how alike the judges {judges[pair['a']]} and {judges[pair['b']]} rank "
                f"{n_of(pair['n'], 'candidate')}: tau {number(pair['tau_b'])} "
                "(1 = alike, -1 = reversed)"
            )


def _judge(facet: Mapping[str, Any], cells: list[Mapping[str, Any]]) -> str:
    paid = [cell["cost"]["usd_judge"] for cell in cells]
    cost = "unknown price" if None in paid else usd(sum(paid))
    models = ", ".join(_short(judge["model"]) for judge in facet["judges"])
    asked = sum(each["n_judgements"] for cell in cells for each in cell["judging"].values())
    verdicts = n_of(asked, "verdict") if asked == 1 else f"{count(asked)} verdicts"
    return f"judge {_short(str(facet['judge']))} ({models}): {verdicts}, {cost}"


def _facts(cell: Mapping[str, Any], scorer: str) -> str:
    judging = cell["judging"][scorer]
    facts = []
    facts.append(_failures(judging))
    if judging["agreement"] is not None:
        alpha = Estimate(**judging["agreement"]["alpha"])
        facts.append(f"agreement alpha {number_interval(alpha)}")
    if judging["retest"] is not None:
        retest, noise = judging["retest"], judging["noise"]
        said = f"asked again {percent(retest['changed']['value'])} of {retest['n']:,} changed"
        is_told = noise is not None and noise["half_width"] > 0
        facts.append(f"{said}, noise ±{points(noise['half_width'])}" if is_told else said)
    if judging["position"] is not None:
        pairs = n_of(judging["position"]["n_pairs"], "pair")
        facts.append(
            f"{percent(judging['position']['inconsistent']['value'])} of {pairs} inconsistent"
        )
    if judging["cut"]:
        facts.append(f"{n_of(judging['cut'], 'answer')} cut")
    often = [each for each in cell["criteria"][scorer].items() if each[1]["n"] >= _FEWEST]
    if often:
        worst, share = often[0]
        if share["value"] < 1:
            met = percent_interval(Estimate(**share))
            facts.append(f"fails most: “{_short(worst)}”, met in {met} of {share['n']:,}")
    return " · ".join(facts)


def _inflated(summary: Mapping[str, Any], facet: int) -> set[str]:
    """Scorers of a facet whose flag tells already which answers that must fail passed."""
    flags = (flag for flag in summary["flags"] if flag["code"] == "judge_inflation")
    found = (flag["evidence"] for flag in flags)
    return {each["scorer"] for each in found if each["facet"] == facet}


def _canaries(cells: list[Mapping[str, Any]], *, flagged: set[str]) -> Iterator[str]:
    """How many answers that must fail passed, a line a scorer."""
    for scorer in dict.fromkeys(scorer for cell in cells for scorer in cell["judging"]):
        if scorer in flagged:
            yield f"  canaries · {_short(scorer)}: they pass, see the flag judge_inflation"
            continue
        passed = ", ".join(
            f"{_short(cell['label']).removeprefix('canary:')} {judging['n_passed']} of "
            f"{judging['n_answers']}"
            for cell in cells
            if (judging := cell["judging"].get(scorer)) is not None
        )
        yield f"  canaries · {_short(scorer)}: answers that must fail, passed: {passed}"


def _failures(judging: Mapping[str, Any]) -> str:
    if not judging["n_failed"]:
        return "no verdict missing"
    kinds = ", ".join(f"{_short(kind)} {n:,}" for kind, n in judging["failures"].items())
    return f"{judging['n_failed']:,} of {judging['n_judgements']:,} verdicts missing ({kinds})"


def _ratings(ranking: Mapping[str, Any], summary: Mapping[str, Any]) -> str:
    labels = {str(cell["id"]): cell["label"] for cell in summary["cells"]}
    rated = sorted(ranking["cells"].items(), key=lambda item: -(item[1]["value"] or 0))
    return ", ".join(
        f"{_short(labels.get(name, name))} {number_interval(Estimate(**rating), digits=0)}"
        for name, rating in rated
    )


def _short(text: str) -> str:
    return safe_text(text, limit=_LONGEST)
