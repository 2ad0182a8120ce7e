"""One recommendation for one facet: the choice, and the sentence that a person can defend."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from evalrunner.decide.limits import Flags, doubts, forbidding, margin_words, violations
from evalrunner.decide.needs import Candidate, Needs, Rivals
from evalrunner.decide.raced import lost_race, open_race
from evalrunner.decide.rules import Choice, best_of, by_cost, choose
from evalrunner.formatting import percent_interval, usd
from evalrunner.summary import FacetResult

_POINT = 0.01


def recommend(
    facet: FacetResult,
    needs: Needs,
    *,
    comparisons: Sequence[Mapping[str, Any]] = (),
    flags: Flags = (),
    cells: Mapping[int, Mapping[str, Any]] | None = None,
) -> dict[str, Any]:
    """The entry of `summary.json["recommendations"]` for `facet`.

    `comparisons` and `flags` are those of `summary.json`, `cells` its cells by id, canaries
    included. `cell` is None, and `because` says why, where nothing can be recommended.
    """
    rivals = Rivals.of(facet, comparisons, margin=needs.margin)
    rejected: dict[int, str] = {}
    kept, doubted = [], {}
    every = rivals.candidates
    problems = {
        each.id: problem
        for each in every
        if (problem := next(violations(each, needs), None)) is not None
    }
    for candidate in every:
        problem = problems.get(candidate.id) or lost_race(candidate, every, violating=problems)
        doubt = open_race(candidate, every, violating=problems)
        doubt = doubt or next(doubts(candidate, needs, flags), None)
        if problem is not None:
            rejected[candidate.id] = problem
            continue
        if doubt is not None:
            rejected[candidate.id] = doubted[candidate.id] = doubt
        kept.append(candidate)
    left = [candidate for candidate in kept if candidate.id not in doubted]
    names = [each.summary.get("quality_name", "") for each in every]
    scorer = names[0].partition(".")[0] or None if names else None
    refusal = forbidding(flags, facet=facet.facet, scorer=scorer, cells=cells or {}) or _refusal(
        rivals, kept, doubted, needs
    )
    if refusal is not None:
        return _entry(facet, needs, because=f"No recommendation: {refusal}", rejected=rejected)
    choice = choose(left, rivals, needs)
    rejected |= choice.rejected
    if choice.chosen is None:
        because = f"No recommendation: {choice.because}"
        return _entry(facet, needs, because=because, rejected=rejected, choice=choice)
    baseline = _baseline(rivals, choice, needs)
    return _entry(
        facet,
        needs,
        because=_sentence(
            choice, needs, left=left, baseline=baseline, is_part=len(left) < len(rivals.candidates)
        )
        + _reservation(choice, rivals, needs, left=left),
        rejected=rejected,
        choice=choice,
        baseline=baseline,
        steps=_steps(rivals, needs),
    )


def _refusal(
    rivals: Rivals, kept: Sequence[Candidate], doubted: Mapping[int, str], needs: Needs
) -> str | None:
    """Why nothing can be chosen, before any rule is asked."""
    if not kept:
        return "no candidate keeps decide.max_latency_p90_s and decide.require"
    if needs.budget_usd_per_month is not None and needs.requests_per_month is None:
        return "decide.budget_usd_per_month says nothing without decide.requests_per_month"
    if len(rivals.candidates) == 1 and needs.quality_floor is None:
        return "with one candidate there is no choice; decide.quality_floor says what is enough"
    return _unknowns(kept, doubted)


def _unknowns(kept: Sequence[Candidate], doubted: Mapping[int, str]) -> str | None:
    scored = [candidate for candidate in kept if candidate.quality.value is not None]
    if not scored:
        return "no candidate has a quality"
    best = best_of(scored)
    if best.id in doubted:
        return f"{best.label} may be the best, but {doubted[best.id]}"
    if all(each.cost.value is None for each in scored if each.id not in doubted):
        return "no candidate has a known price; give one under pricing.overrides"
    return None


def _baseline(rivals: Rivals, choice: Choice, needs: Needs) -> Candidate | None:
    """What the chosen one is held against: `run.baseline`, else the best; None when it is both."""
    wanted = needs.baseline.items()
    selected = [
        candidate
        for candidate in rivals.candidates
        if wanted and all(candidate.summary["axes"].get(key) == value for key, value in wanted)
    ]
    found = selected[0] if selected else choice.best
    return None if found is choice.chosen else found


def _sentence(
    choice: Choice,
    needs: Needs,
    *,
    left: Sequence[Candidate],
    baseline: Candidate | None,
    is_part: bool,
) -> str:
    """`is_part` = some candidates could not be considered, for missing answers or limits."""
    chosen = choice.chosen
    if chosen is None:  # pragma: no cover - asked for choices only
        return choice.because
    parts = [chosen.price]
    if baseline is not None and baseline.cost.value is not None:
        named = (
            "" if baseline is choice.best and choice.rule == "margin" else f" ({baseline.label})"
        )
        parts[0] += f" instead of {usd(baseline.cost.value)}{named}"
    parts.append(f"quality {percent_interval(chosen.quality)}")
    if choice.rule != "margin":
        parts.append(f"{choice.because} ({needs.level})")
    elif choice.best is not chosen:
        allowed = margin_words(needs.margin)
        parts.append(f"not worse than {choice.best.label} by more than {allowed} ({needs.level})")
    elif len(left) == 1:
        parts.append("the only candidate left")
    else:
        considered = " that was considered" if is_part else ""
        cheaper = any(each.id in choice.rejected for each in by_cost(left)[: _place(chosen, left)])
        parts.append(
            f"the best, and every cheaper one{considered} is worse ({needs.level})"
            if cheaper
            else f"the best and the cheapest{considered}"
        )
    if any(each.cost.value is None for each in left):
        parts[-1] += ", of those with a known price"
    return f"Use {chosen.label}: {', '.join(parts)}, n = {chosen.quality.n:,}"


def _reservation(choice: Choice, rivals: Rivals, needs: Needs, *, left: Sequence[Candidate]) -> str:
    """Which dearer ones may be better than what looks the best; nothing when none may."""
    chosen = choice.chosen
    if choice.rule != "margin" or chosen is None or chosen is not choice.best:
        return ""
    highs = [(each, rivals.against(each, chosen).difference.high) for each in left]
    able = [
        each
        for each, high in highs
        if each is not chosen and (high is None or high >= needs.margin)
    ]
    if not able:
        return ""
    names = able[0].label if len(able) == 1 else f"one of {len(able)} others"
    return (
        f"; these cases do not rule out that {names} is better by {margin_words(needs.margin)} "
        "or more"
    )


def _place(chosen: Candidate, left: Sequence[Candidate]) -> int:
    return next(place for place, each in enumerate(by_cost(left)) if each is chosen)


def _entry(
    facet: FacetResult,
    needs: Needs,
    *,
    because: str,
    rejected: Mapping[int, str],
    choice: Choice | None = None,
    baseline: Candidate | None = None,
    steps: Sequence[Mapping[str, Any]] = (),
) -> dict[str, Any]:
    chosen = None if choice is None else choice.chosen
    against = None if choice is None else choice.against
    difference = None if against is None else against.difference
    return {
        "facet": facet.facet,
        "cell": None if chosen is None else chosen.id,
        "because": because,
        "rule": None if choice is None else choice.rule,
        "best": None if choice is None else choice.best.id,
        "baseline": None if baseline is None else baseline.id,
        "margin": needs.margin,
        "difference": None
        if difference is None
        else {name: getattr(difference, name) for name in ("value", "low", "high", "n", "method")},
        "monthly_usd": None if chosen is None else needs.monthly(chosen),
        "requests_per_month": needs.requests_per_month,
        "rejected": [{"cell": cell, "because": why} for cell, why in sorted(rejected.items())],
        "next_cheaper": None if chosen is None else _next_cheaper(facet, chosen, rejected),
        "steps": list(steps),
    }


def _next_cheaper(
    facet: FacetResult, chosen: Candidate, rejected: Mapping[int, str]
) -> dict[str, Any] | None:
    """The dearest of the rejected ones that cost less than the chosen one."""
    costs = {
        result.summary["id"]: (result.summary["cost"]["usd_per_1000"] or {}).get("value")
        for result in facet.results
    }
    cheaper = [
        (cost, -cell)
        for cell, cost in costs.items()
        if cost is not None and cell in rejected and cost < (chosen.cost.value or 0)
    ]
    if not cheaper:
        return None
    cell = -max(cheaper)[1]
    return {"cell": cell, "because": rejected[cell]}


def _steps(rivals: Rivals, needs: Needs) -> list[dict[str, Any]]:
    """What one more point of quality costs from each cell on the frontier to the next."""
    frontier = [
        candidate
        for candidate in by_cost(rivals.candidates)
        if candidate.summary["pareto"]["status"] == "frontier"
    ]
    steps = []
    for cheap, dear in pairwise(frontier):
        gain = (dear.quality.value or 0.0) - (cheap.quality.value or 0.0)
        more = (dear.cost.value or 0.0) - (cheap.cost.value or 0.0)
        if gain <= 0:
            continue
        a_point = more * _POINT / gain
        volume = needs.requests_per_month
        steps.append(
            {
                "from": cheap.id,
                "to": dear.id,
                "quality": gain,
                "usd_per_1000": more,
                "usd_per_1000_per_point": a_point,
                "usd_per_month_per_point": None if volume is None else a_point * volume / 1000,
            }
        )
    return steps
