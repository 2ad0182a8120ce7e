"""Which cells of a facet are worth their money, and how sure that is."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from evalrunner.stats import Standing, pareto_frontier, standings
from evalrunner.stats.dominance import Status
from evalrunner.summary.facets import FacetResult

Floats = NDArray[np.float64]

_SLACK = 1e-12


def mark_pareto(facet: FacetResult) -> None:
    """Set `pareto` of every candidate's entry of `summary.json["cells"]`.

    `frontier` = no point beats it and nothing does so significantly, `dominated` = another one is
    significantly better and not dearer, `undecided` = neither can be told, or no quality,
    `unpriced` = no cost. Beside it stand the cheaper cells `within` the margin, the cells on the
    frontier that it is `tied_with` (their points beat it, not significantly), and a `substitute`:
    one that is significantly not dearer and not worse by more than the margin.
    """
    found = _standings(facet)
    quality, cost = _points(facet)
    ids = facet.ids
    for cell, (result, standing) in enumerate(zip(facet.results, found, strict=True)):
        is_cheaper = cost < cost[cell]
        is_near = quality >= quality[cell] - facet.options.margin - _SLACK
        result.summary["pareto"] = {
            "status": standing.status,
            "probability": standing.probability,
            "p_dominated": standing.p_dominated,
            "dominated_by": _id(ids, standing.dominator),
            "substitute": _id(ids, standing.substitute),
            "within": [ids[other] for other in np.flatnonzero(is_cheaper & is_near).tolist()],
            "tied_with": _ties(cell, found, quality=quality, cost=cost, ids=ids),
        }


def _standings(facet: FacetResult) -> tuple[Standing, ...]:
    if len(facet.results) == 1 and not np.isnan(_points(facet)).any():
        # Nothing could beat it: there is nothing to draw.
        return (_standing("frontier", probability=1.0),)
    if facet.replicates is not None:
        return _standings_of_replicates(facet, *facet.replicates)
    return standings(
        facet.quality,
        facet.cost,
        rng=facet.rng("pareto"),
        margin=facet.options.margin,
        clusters=facet.cases.clusters,
        level=facet.options.confidence,
    )


def _standings_of_replicates(
    facet: FacetResult, quality: Floats, cost: Floats
) -> tuple[Standing, ...]:
    """As `standings`, for a quality without a value by case: p-values are shares of resamples.

    Source: Efron and Tibshirani (1993), An Introduction to the Bootstrap, ch. 15.4.
    """
    on_frontier = pareto_frontier(*reversed(_points(facet)))
    probability = pareto_frontier(cost, quality).mean(axis=0)
    others, level = max(len(facet.results) - 1, 1), facet.options.confidence
    has_quality, has_price = (~np.isnan(values) for values in _points(facet))
    found = []
    for cell in range(len(facet.results)):
        if not (has_price[cell] and has_quality[cell]):
            found.append(_standing("undecided" if has_price[cell] else "unpriced"))
            continue
        dearer = (cost > cost[:, [cell]]) | np.isnan(cost)
        p_values = [
            np.delete(
                np.maximum(
                    _share(~(quality > quality[:, [cell]] - loss)),
                    np.where(has_price, _share(dearer), 1.0),
                ),
                cell,
            )
            for loss in (0.0, facet.options.margin)
        ]
        best = [_least(each, others=others, cell=cell) for each in p_values]
        is_beaten = best[0][0] < 1 - level
        clear: Status = "frontier" if on_frontier[cell] else "dominated"
        found.append(
            Standing(
                status=clear if is_beaten != on_frontier[cell] else "undecided",
                probability=float(probability[cell]),
                p_dominated=best[0][0],
                dominator=best[0][1] if is_beaten else None,
                substitute=best[1][1] if best[1][0] < 1 - level else None,
            )
        )
    return tuple(found)


def _standing(status: Status, *, probability: float | None = None) -> Standing:
    return Standing(
        status=status, probability=probability, p_dominated=None, dominator=None, substitute=None
    )


def _share(happened: NDArray[np.bool_]) -> Floats:
    """Of the resamples, counting the data themselves as one, so that it is never 0."""
    shares: Floats = (happened.sum(axis=0) + 1.0) / (len(happened) + 1.0)
    return shares


def _least(p_values: Floats, *, others: int, cell: int) -> tuple[float, int]:
    """The smallest p-value, adjusted for all, and the position of the cell that it is of."""
    place = int(p_values.argmin())
    return min(float(p_values[place]) * others, 1.0), place + (place >= cell)


def _points(facet: FacetResult) -> tuple[Floats, Floats]:
    """Quality and cost of each cell as the summary has them; NaN = unknown."""
    values = [
        [_value(result.summary["quality"]) for result in facet.results],
        [_value(result.summary["cost"]["usd_per_1000"]) for result in facet.results],
    ]
    return np.array(values[0]), np.array(values[1])


def _ties(
    cell: int,
    found: tuple[Standing, ...],
    *,
    quality: Floats,
    cost: Floats,
    ids: tuple[int, ...],
) -> list[int]:
    """Cells on the frontier whose points beat an undecided one's."""
    if found[cell].status != "undecided":
        return []
    beats = (quality >= quality[cell] - _SLACK) & (cost <= cost[cell])
    return [
        ids[other]
        for other in np.flatnonzero(beats).tolist()
        if other != cell and found[other].status == "frontier"
    ]


def _id(ids: tuple[int, ...], position: int | None) -> int | None:
    return None if position is None else ids[position]


def _value(estimate: dict[str, Any] | None) -> float:
    known = estimate is not None and estimate["value"] is not None
    return float(estimate["value"]) if estimate is not None and known else np.nan
