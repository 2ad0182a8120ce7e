"""What a router or a cascade of the recorded cells would reach: an estimate from this grid alone.

No call is made. An oracle is the upper bound; thresholds are chosen on some of the cases and
judged on the others.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evalrunner.stats import (
    Cascade,
    Routing,
    agreement_signal,
    category_routing,
    oracle_routing,
    pareto_frontier,
    two_stage_cascade,
)
from evalrunner.summary import FacetResult
from evalrunner.types import Estimate

Floats = NDArray[np.float64]

_TWO = 2
_MOST_CHEAP = 5
"""Cells that are tried as the first stage: the best quality for their money."""
_MOST_CATEGORIES = 50


def routing_summary(facet: FacetResult) -> dict[str, Any] | None:
    """The entry of `summary.json["routing"]`; None below two cells with price and quality by case.

    Costs are USD per 1,000 requests, of everything that is asked for an answer.
    """
    grid = _Grid.of(facet)
    if grid is None:
        return None
    categories = _category_fields(facet)
    return {
        "facet": facet.facet,
        "oracle": _routing_json(
            oracle_routing(grid.quality, grid.cost, **grid.dependence), ids=grid.ids
        ),
        "static_by_category": {
            field: grid.by_category(values[grid.order]) for field, values in categories.items()
        },
        "cascades": list(grid.cascades()),
    }


@dataclass(frozen=True, kw_only=True)
class _Grid:
    """Priced cells with a quality by case; cases are sorted by what is in them."""

    facet: FacetResult
    order: NDArray[np.intp]
    members: tuple[int, ...]
    """Positions in the facet."""
    quality: Floats
    cost: Floats

    @classmethod
    def of(cls, facet: FacetResult) -> _Grid | None:
        """The cells of a facet with quality and cost by case; None when they are fewer than two."""
        known = ~(np.isnan(facet.quality) | np.isnan(facet.cost))
        members = np.flatnonzero(known.any(axis=1))
        if members.size < _TWO:
            return None
        # So that the order of the cases in their file changes no fold.
        keys = [*facet.quality, *facet.cost, *_answer_keys(facet)]
        if facet.cases.clusters is not None:
            keys.append(facet.cases.clusters.astype(np.float64))
        order = np.lexsort(keys)
        return cls(
            facet=facet,
            order=order,
            members=tuple(members.tolist()),
            quality=facet.quality[members][:, order],
            cost=facet.cost[members][:, order],
        )

    @property
    def ids(self) -> tuple[int, ...]:
        """Of the members."""
        return tuple(self.facet.ids[member] for member in self.members)

    @property
    def dependence(self) -> dict[str, Any]:
        """What every estimate needs to know."""
        clusters = self.facet.cases.clusters
        return {
            "clusters": None if clusters is None else clusters[self.order],
            "by": self.facet.by,
            "level": self.facet.options.confidence,
        }

    def by_category(self, categories: NDArray[np.str_]) -> dict[str, Any]:
        """Each category by the cheapest cell that is good enough for it."""
        found = category_routing(
            self.quality,
            self.cost,
            categories,
            rng=self.facet.rng("categories"),
            margin=self.facet.options.margin,
            **self.dependence,
        )
        choices = {name: self.ids[cell] for name, cell in found.choices.items()}
        return {"cells": choices} | _routing_json(found.routing, ids=self.ids)

    def cascades(self) -> Iterator[dict[str, Any]]:
        """Every cheap cell that is worth it before the best one, by every signal there is."""
        quality, cost = (np.nanmean(values, axis=1) for values in (self.quality, self.cost))
        strong = int(np.lexsort((cost, -quality))[0])
        cheaper = np.flatnonzero(cost < cost[strong])
        worth = cheaper[pareto_frontier(cost[cheaper], quality[cheaper])]
        chosen = worth[np.argsort(-quality[worth], kind="stable")][:_MOST_CHEAP]
        stages = sorted(chosen.tolist(), key=lambda member: (cost[member], member))
        for place, cheap in enumerate(stages):
            for signal in self._signals(cheap, stages[place + 1 :]):
                yield self._cascade(cheap, strong, signal, points=(cost, quality))

    def _signals(self, cheap: int, partners: Sequence[int]) -> Iterator[_Signal]:
        result = self.facet.results[self.members[cheap]]
        for name, values in result.checks.items():
            if np.unique(values[~np.isnan(values)]).size > 1:
                yield _Signal(name=name, values=values[self.order], cost=self.cost[cheap])
        own = result.answers
        if own is None:
            return
        if len(own) > 1:
            yield _Signal(
                name=f"agreement of {len(own)} repeats",
                values=_agreement(own[:, self.order]),
                cost=len(own) * self.cost[cheap],
            )
            return
        for partner in partners:
            other = self.facet.results[self.members[partner]].answers
            if other is not None:
                yield _Signal(
                    name="agreement of two cells",
                    values=_agreement(np.vstack([own[:1], other[:1]])[:, self.order]),
                    cost=self.cost[cheap] + self.cost[partner],
                    partner=self.ids[partner],
                )

    def _cascade(
        self, cheap: int, strong: int, signal: _Signal, *, points: tuple[Floats, Floats]
    ) -> dict[str, Any]:
        found = two_stage_cascade(
            (self.quality[cheap], self.quality[strong]),
            (signal.cost, self.cost[strong]),
            signal.values,
            rng=self.facet.rng(f"cascade {self.ids[cheap]} {self.ids[strong]} {signal.name}"),
            margin=self.facet.options.margin,
            **self.dependence,
        )
        return {
            "cheap": self.ids[cheap],
            "strong": self.ids[strong],
            "signal": signal.name,
            "partner": signal.partner,
            "threshold": found.threshold,
            "escalated": asdict(found.escalated),
            "quality": asdict(found.quality),
            "usd_per_1000": asdict(found.cost),
            "difference": asdict(found.difference),
            "quality_share": found.quality_share,
            "cost_share": found.cost_share,
            "n": found.quality.n,
            "is_useful": _is_useful(found, points),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class _Signal:
    """What a cheap answer is trusted by."""

    name: str
    values: Floats
    cost: Floats
    """Of the first stage with all that the signal needs."""
    partner: int | None = None
    """Id of the second cell that is asked."""


def _agreement(codes: Floats) -> Floats:
    """Share of the answers that are the most frequent one; NaN where fewer than two are there."""
    # Answers are compared within their case: which of them is equal to the first, the second, …
    same = codes[:, None] == codes[None]
    local = np.where(np.isnan(codes), np.nan, same.argmax(axis=1))
    enough = (~np.isnan(codes)).sum(axis=0) >= _TWO
    return np.where(enough, agreement_signal(local)[1], np.nan)


def _is_useful(found: Cascade, points: tuple[Floats, Floats]) -> bool:
    """Whether it costs less than the strong cell, and no cell alone is as good for as little."""
    cost, quality = found.cost.value, found.quality.value
    if cost is None or quality is None or (found.cost_share or 0) >= 1:
        return False
    return not bool(np.any((points[0] <= cost) & (points[1] >= quality)))


def _answer_keys(facet: FacetResult) -> Iterator[Floats]:
    for result in facet.results:
        yield from result.checks.values()
        if result.answers is not None:
            yield from result.answers


def _category_fields(facet: FacetResult) -> dict[str, NDArray[np.str_]]:
    """Slices that put every case in one category."""
    found = {}
    for field, values in facet.cases.slices.items():
        rows = [row for members in values.values() for row in members.tolist()]
        if 1 < len(values) <= _MOST_CATEGORIES and len(rows) == len(set(rows)):
            names = np.empty(facet.cases.n, dtype=object)
            for value, members in values.items():
                names[members] = value
            found[field] = names.astype(np.str_)
    return found


def _routing_json(found: Routing, *, ids: tuple[int, ...]) -> dict[str, Any]:
    shares: Mapping[str, float] = {
        str(cell): share for cell, share in zip(ids, found.shares, strict=True) if share > 0
    }
    return {
        "quality": _json(found.quality),
        "usd_per_1000": _json(found.cost),
        "shares": dict(shares),
    }


def _json(estimate: Estimate) -> dict[str, Any]:
    return asdict(estimate)
