"""Why a candidate cannot be recommended, whatever its quality and cost are."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from evalrunner.decide.needs import Candidate, Needs
from evalrunner.formatting import percent, seconds
from evalrunner.summary import required_estimate

Flags = Sequence[Mapping[str, Any]]


def violations(candidate: Candidate, needs: Needs) -> Iterator[str]:
    """Each of `decide.max_latency_p90_s` and `decide.require` that a candidate does not keep."""
    limit, latency = needs.max_latency_p90_s, candidate.summary["latency_s"]["p90"]
    if limit is not None and latency is None:
        yield f"its latency is unknown, and decide.max_latency_p90_s asks for {seconds(limit)}"
    elif limit is not None and latency > limit:
        yield f"its p90 latency of {seconds(latency)} is above {seconds(limit)}"
    for name, least in needs.require.items():
        found = required_estimate(candidate.summary, name)
        low = found.low
        if found.value is None:
            yield f"decide.require asks for {name}, which is no score of this run"
        elif low is None or low < least:
            asked = f"the {_share(least)} asked for"
            yield f"the lower bound of {name}, {percent(low)}, is under {asked}"


def doubts(candidate: Candidate, needs: Needs, flags: Flags) -> Iterator[str]:
    """What keeps the numbers of a candidate from being trusted."""
    if candidate.quality.value is None:
        yield "it has no quality"
    elif candidate.missing > needs.max_missing:
        yield (
            f"{percent(candidate.missing)} of its trials have no score, "
            f"more than the {_share(needs.max_missing)} of run.max_missing"
        )
    for flag in flags:
        if flag["severity"] == "red" and flag["cell"] == candidate.id:
            yield f"red flag {flag['code']}: {flag['message']}"


def forbidding(
    flags: Flags, *, facet: int, scorer: str | None, cells: Mapping[int, Mapping[str, Any]]
) -> str | None:
    """The red flag that makes all numbers of a facet doubtful; None without one.

    A flag about a canary is one about who scores; a flag about one candidate is not meant here.
    """
    for flag in flags:
        cell = cells.get(flag["cell"]) if flag["cell"] is not None else None
        about = flag["evidence"].get("facet") if cell is None else cell["facet"]
        is_ours = about is None or about == facet
        # What is wrong with another scorer says nothing about the quality.
        is_ours = is_ours and (scorer is None or flag["evidence"].get("scorer", scorer) == scorer)
        if flag["severity"] == "red" and is_ours and (cell is None or cell["role"] == "canary"):
            return f"red flag {flag['code']}: {flag['message']}"
    return None


def cost_limit(candidate: Candidate, needs: Needs) -> str | None:
    """Why a candidate does not fit the budget of a month; None when it does."""
    budget, monthly = needs.budget_usd_per_month, needs.monthly(candidate)
    if budget is None or monthly is None or monthly <= budget:
        return None
    return f"${monthly:,.0f} a month is above the budget of ${budget:,.0f}"


def floor_limit(candidate: Candidate, needs: Needs) -> str | None:
    """Why a candidate is not surely above the floor; None when it is."""
    floor, low = needs.quality_floor, candidate.quality.low
    if floor is None or (low is not None and low >= floor):
        return None
    return f"the lower bound of its quality, {percent(low)}, is under the floor of {_share(floor)}"


def cases_words(n: int | None) -> str:
    """`; about 410 more cases could tell`, nothing when unknown."""
    return "" if n is None else f"; about {n:,} more cases could tell"


def margin_words(margin: float) -> str:
    """`2 points`, `1 point`."""
    shown = f"{100 * margin:g}"
    return f"{shown} point" if shown == "1" else f"{shown} points"


def _share(value: float) -> str:
    return f"{100 * value:g} %"
