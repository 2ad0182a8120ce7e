"""Costs that are unknown, old, or of another model than was asked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from typing import Any

from evalrunner.flags.base import Flag, Rule, Summary
from evalrunner.flags.cells import (
    all_facets,
    by_cell,
    candidates_of,
    in_facet,
    listed,
    n_answers,
    named,
    only,
)
from evalrunner.formatting import n_of

_OLD_DAYS = 183
_TWO = 2
_TABLE = "genai-prices"
"""Its prices say since when they hold, and are renewed with the package: age is no fault."""


def unpriced(summary: Summary) -> Iterator[Flag]:
    """Candidates without a known cost: on no frontier, and never recommended."""
    for facet in all_facets(summary):
        # What gave no answer at all has no cost to know.
        cells = [cell for cell in candidates_of(summary, facet) if n_answers(cell)]
        unknown = [cell for cell in cells if cell["cost"]["usd_per_1000"] is None]
        if not unknown:
            continue
        names = [cell["id"] for cell in unknown]
        no_usage = all(cell["usage"] is None for cell in unknown)
        yield Flag(
            code="unpriced",
            severity="yellow",
            cell=only(names),
            message=f"{in_facet(summary, facet)}what "
            f"{_cost(summary, names, is_all=len(names) == len(cells))} "
            "is unknown"
            + (": their answers came without token counts" if no_usage else ": no price is known"),
            evidence={
                "facet": facet,
                "unpriced_calls": by_cell(
                    {cell["id"]: cell["cost"]["unpriced_calls"] for cell in unknown}
                ),
            },
            remedy="a price per second needs no token counts: pricing.overrides"
            if no_usage
            else "give a price under pricing.overrides, or name a priced model in its `price` key",
        )


def stale_price(summary: Summary) -> Iterator[Flag]:
    """Prices that were noted half a year before the run; answers of a model without a price."""
    prices = summary.get("prices", ())
    day = date.fromisoformat(summary["run"]["started_at"][:10])
    ages = {each["name"]: age for each in prices if (age := _age(each, day)) > _OLD_DAYS}
    unknown = {each["name"] for each in prices if not each["is_known"]}
    served = {
        cell["id"]: [name for name in cell["served_models"] if name in unknown]
        for cell in summary["cells"]
        if cell["cost"]["usd_per_1000"] is not None
    }
    borrowed = {cell: names for cell, names in served.items() if names}
    if ages or borrowed:
        yield Flag(
            code="stale_price",
            severity="yellow",
            cell=None if ages else only([*borrowed]),
            message="; ".join(
                [
                    *([_noted(ages)] if ages else []),
                    *([_charged(summary, borrowed)] if borrowed else []),
                ]
            ),
            evidence={"days_old": ages, "served_without_price": by_cell(borrowed)},
            remedy="look the price up and note it with today's valid_from under "
            "pricing.overrides, then `evalrunner report RUN --pricing NAME`",
        )


def alias_drift(summary: Summary) -> Iterator[Flag]:
    """Answers of one candidate by several models: its name moved on during the run."""
    drifted = {
        cell["id"]: cell["served_models"]
        for cell in summary["cells"]
        if len(cell["served_models"]) > 1
    }
    if drifted:
        first, *_ = drifted
        yield Flag(
            code="alias_drift",
            severity="yellow",
            cell=only([*drifted]),
            message=f"{named(summary, [*drifted])} got answers from more than one model "
            f"({listed(drifted[first])}): its numbers are of no one model",
            evidence={"served_models": by_cell(drifted)},
            remedy="name a dated version of the model, and run it again with run.cache=refresh",
        )


RULES: tuple[Rule, ...] = (unpriced, stale_price, alias_drift)


def _cost(summary: Summary, names: list[int], *, is_all: bool) -> str:
    who = "all candidates" if is_all and len(names) > _TWO else named(summary, names)
    return f"{who} cost{'s' if len(names) == 1 else ''}"


def _noted(ages: Mapping[str, int]) -> str:
    months = n_of(round(max(ages.values()) / 30.4), "month")
    return f"the price of {listed(sorted(ages))} was noted {months} before this run"


def _charged(summary: Summary, borrowed: Mapping[int, Sequence[str]]) -> str:
    names = sorted({name for each in borrowed.values() for name in each})
    return (
        f"{listed(names)} answered without a price of its own: {named(summary, [*borrowed])} is "
        "charged as what was asked for"
    )


def _age(price: Mapping[str, Any], day: date) -> int:
    """Days from when it was noted; 0 where nobody says."""
    if price["valid_from"] is None or price["source"].startswith(_TABLE):
        return 0
    return (day - date.fromisoformat(price["valid_from"])).days
