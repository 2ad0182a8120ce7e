"""The rules by which one candidate is chosen; each says what was chosen and why not the others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from evalrunner.decide.limits import cases_words, cost_limit, floor_limit, margin_words
from evalrunner.decide.needs import Against, Candidate, Needs, Rivals, loss_words
from evalrunner.formatting import n_of, percent, percent_interval

Rule = Literal["floor", "budget", "margin"]


@dataclass(slots=True, kw_only=True)
class Choice:
    """What a rule chose, or why it could not."""

    rule: Rule
    chosen: Candidate | None = None
    best: Candidate
    """Of the highest quality by its point, among those that may be recommended."""
    because: str = ""
    """Without a choice, why; else the part of the sentence that is the rule's own."""
    rejected: dict[int, str] = field(default_factory=dict)
    """By cell."""
    against: Against | None = None
    """The chosen one against the best, when they are two."""


def choose(left: Sequence[Candidate], rivals: Rivals, needs: Needs) -> Choice:
    """Choose among candidates that may be recommended, of which one at least has a price.

    The cheapest above `decide.quality_floor`, else the best under `decide.budget_usd_per_month`,
    else the cheapest that is not worse than the best by `run.margin`; a budget binds all three.
    """
    best = best_of(left)
    rejected: dict[int, str] = {}
    fitting = []
    for candidate in by_cost(left):
        if candidate.cost.value is None:
            rejected[candidate.id] = "its price is unknown"
            continue
        problem = cost_limit(candidate, needs) or floor_limit(candidate, needs)
        if problem is None:
            fitting.append(candidate)
        else:
            rejected[candidate.id] = problem
    if needs.quality_floor is not None:
        choice = _above_floor(fitting, needs, best=best)
    elif needs.budget_usd_per_month is not None:
        choice = _under_budget(fitting, needs, best=best)
    else:
        choice = _within_margin(fitting, rivals, needs, best=best)
    if choice.chosen is not None and choice.chosen is not best and choice.against is None:
        choice.against = rivals.against(choice.chosen, best)
    choice.rejected = rejected | choice.rejected
    return choice


def best_of(candidates: Sequence[Candidate]) -> Candidate:
    """Of the highest quality; of equal ones the cheapest."""
    return min(by_cost(candidates), key=lambda each: -(each.quality.value or 0.0))


def by_cost(candidates: Sequence[Candidate]) -> list[Candidate]:
    """The cheapest first, of equal ones the better; those without a price last."""
    infinite = float("inf")
    return sorted(
        candidates,
        key=lambda each: (
            infinite if each.cost.value is None else each.cost.value,
            -(each.quality.value or 0.0),
            each.id,
        ),
    )


def _above_floor(fitting: Sequence[Candidate], needs: Needs, *, best: Candidate) -> Choice:
    floor = f"{100 * (needs.quality_floor or 0):g} %"
    if not fitting:
        because = (
            f"no candidate's quality is surely above the floor of {floor} ({needs.level}); "
            f"{best.label} comes nearest: {percent_interval(best.quality)}"
        )
        return Choice(rule="floor", best=best, because=because)
    chosen, *dearer = fitting
    return Choice(
        rule="floor",
        chosen=chosen,
        best=best,
        because=f"the cheapest whose quality is surely above {floor}",
        rejected={each.id: f"dearer: {each.price}" for each in dearer},
    )


def _under_budget(fitting: Sequence[Candidate], needs: Needs, *, best: Candidate) -> Choice:
    budget = f"${needs.budget_usd_per_month:,.0f} a month"
    if not fitting:
        because = f"no candidate with a known price fits the budget of {budget}"
        return Choice(rule="budget", best=best, because=because)
    chosen = max(fitting, key=_lower_bound)  # The cheapest of equal ones, for they are in order.
    bound = percent(chosen.quality.low)
    return Choice(
        rule="budget",
        chosen=chosen,
        best=best,
        because=f"the surest quality that {budget} buys",
        rejected={
            each.id: f"the lower bound of its quality, {percent(each.quality.low)}, "
            f"is under that of {chosen.label}, {bound}"
            if _lower_bound(each) < _lower_bound(chosen)
            else f"dearer: {each.price}"
            for each in fitting
            if each is not chosen
        },
    )


def _within_margin(
    fitting: Sequence[Candidate], rivals: Rivals, needs: Needs, *, best: Candidate
) -> Choice:
    choice = Choice(rule="margin", best=best)
    open_questions: list[tuple[Candidate, Against]] = []
    for candidate in fitting:
        if choice.chosen is not None:
            choice.rejected[candidate.id] = f"dearer: {candidate.price}"
            continue
        if candidate is best:
            choice.chosen = candidate
            continue
        against = rivals.against(candidate, best)
        if against.is_within(needs.margin):
            choice.chosen, choice.against = candidate, against
            continue
        choice.rejected[candidate.id] = _too_bad(against, best, needs)
        if not against.is_worse:
            open_questions.append((candidate, against))
    if open_questions and (choice.chosen is None or choice.chosen is best):
        choice.chosen = None
        choice.because = _cannot_tell(open_questions, best, margin=needs.margin)
    elif choice.chosen is None:
        choice.because = (
            f"{best.label} has the best quality, {percent_interval(best.quality)}, and no known "
            "price; all others are worse"
        )
    return choice


def _too_bad(against: Against, best: Candidate, needs: Needs) -> str:
    lost = loss_words(against.difference)
    if against.is_worse:
        return f"worse than {best.label} by {lost}"
    allowed = margin_words(needs.margin)
    if against.at_worst is not None and against.at_worst <= -needs.margin:
        low = against.difference.low
        if low is not None and low > -needs.margin:
            return f"scores that are missing could make it worse than {best.label} by {allowed}"
    return (
        f"not shown to be within {allowed} of {best.label}: it loses {lost}"
        f"{cases_words(against.n_more)}"
    )


def _cannot_tell(
    open_questions: Sequence[tuple[Candidate, Against]], best: Candidate, *, margin: float
) -> str:
    """About the candidate that the fewest further cases could decide on."""
    candidate, against = min(
        open_questions,
        key=lambda each: (each[1].n_more is None, each[1].n_more or 0, each[0].cost.value or 0),
    )
    # Of two that are as good as each other no number of cases would find the better one.
    more = cases_words(against.n_more) and (
        f"{cases_words(against.n_more)} whether it is within {margin_words(margin)}"
    )
    cases = n_of(against.difference.n, "case")
    these = f"this {cases}" if against.difference.n == 1 else f"these {cases}"
    return (
        f"{these} cannot tell {candidate.label} ({candidate.price}, "
        f"{percent(candidate.quality.value)}) from {best.label} "
        f"({best.price if best.cost.value is not None else 'price unknown'}, "
        f"{percent(best.quality.value)}){more}"
    )


def _lower_bound(candidate: Candidate) -> float:
    return -1.0 if candidate.quality.low is None else candidate.quality.low
