"""Costs that are unknown, old, or of another model than was asked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any

from evalrunner.flags.base import Flag, Rule, Summary
from evalrunner.flags.cells import by_cell, facets_of, in_facet, listed, named, only
from evalrunner.formatting import n_of

_OLD_DAYS = 183
_TABLE = "genai-prices"
"""Its prices say since when they hold, and are renewed with the package: age is no fault."""


def unpriced(summary: Summary) -> Iterator[Flag]:
    """Candidates without a known cost: on no frontier, and never recommended."""
    for facet, cells in facets_of(summary):
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
            f"{'all candidates cost' if len(names) == len(cells) else _cost(summary, names)} "
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
    if not (ages or borrowed):
        return
    parts = []
    if ages:
        oldest = max(ages, key=lambda name: ages[name])
        parts.append(
            f"the price of {listed(sorted(ages))} was noted "
            f"{n_of(round(ages[oldest] / 30.4), 'month')} before this run"
        )
    if borrowed:
        names = sorted({name for each in borrowed.values() for name in each})
        parts.append(
            f"{listed(names)} answered and has no price of its own: "
            f"{named(summary, [*borrowed])} is charged as what was asked for"
        )
    yield Flag(
        code="stale_price",
        severity="yellow",
        cell=None if ages else only([*borrowed]),
        message="; ".join(parts),
        evidence={"days_old": ages, "served_without_price": by_cell(borrowed)},
        remedy="look the price up and note it with today's valid_from under pricing.overrides, "
        "then `evalrunner report RUN --pricing …`",
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
            remedy="name a dated version of the model, and run it again with cache=refresh",
        )


RULES: tuple[Rule, ...] = (unpriced, stale_price, alias_drift)


def _cost(summary: Summary, names: list[int]) -> str:
    return f"{named(summary, names)} cost{'s' if len(names) == 1 else ''}"


def _age(price: Mapping[str, Any], day: date) -> int:
    """Days from when it was noted; 0 where nobody says."""
    if price["valid_from"] is None or price["source"].startswith(_TABLE):
        return 0
    return (day - date.fromisoformat(price["valid_from"])).days
