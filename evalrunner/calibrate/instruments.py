"""Judges as instruments: what agreement with people costs, and which are worth their money."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from evalrunner.calibrate.judged import Instrument, JudgedCell, Units
from evalrunner.stats import mean_interval, standings
from evalrunner.types import Estimate

_THOUSAND = 1000
_MEASURED = ("n_units", "percent", "with_one_rater", "kappa", "ac1", "inflation")


def compare_instruments(
    instruments: Sequence[Instrument], entries: Sequence[Mapping[str, Any]]
) -> list[dict[str, Any]]:
    """`calibrated.instruments`; `entries` are those of all cells, one an instrument.

    Only instruments that were held against labels of the same answers compete.
    """
    prices = [_price(each) for each in instruments]
    agreed = [_agreed(each) for each in instruments]
    status = [""] * len(instruments)
    for group in _groups(agreed):
        for place, found in zip(group, _statuses(instruments, agreed, prices, group), strict=True):
            status[place] = found
    return [
        {
            "facet": each.facet.facet,
            "judge": each.judge,
            "member": each.member,
            "scorer": each.scorer,
            "model": each.model,
            **{key: entry[key] for key in _MEASURED},
            "usd_per_1000_verdicts": None if price is None else asdict(price),
            "pareto": {"status": status[place]},
        }
        for place, (each, entry, price) in enumerate(zip(instruments, entries, prices, strict=True))
    ]


def _price(instrument: Instrument) -> Estimate | None:
    """USD of 1,000 verdicts; None where too many prices are unknown."""
    cells = instrument.cells
    prices = np.concatenate([cell.prices[~np.isnan(cell.scores)] for cell in cells])
    rows = np.concatenate([cell.rows[~np.isnan(cell.scores)] for cell in cells])
    known = ~np.isnan(prices)
    if not known.any() or 1 - known.mean() > instrument.facet.options.max_missing:
        return None
    is_alone = np.unique(rows[known]).size == known.sum()
    return mean_interval(
        prices[known] * _THOUSAND,
        clusters=None if is_alone else rows[known],
        by="case",
        level=instrument.facet.options.confidence,
        bounds=(0, np.inf),
    )


def _agreed(instrument: Instrument) -> dict[Hashable, tuple[float, float, Hashable]]:
    """Agreement with people and USD of each labelled answer, and its case, by the answer's name."""
    has_criteria = any(cell.criteria is not None for cell in instrument.cells)
    found: dict[Hashable, tuple[float, float, Hashable]] = {}
    for cell in instrument.cells:
        for place, share in _shares(cell, has_criteria=has_criteria).items():
            name = cell.names[place]
            case = name[0] if isinstance(name, tuple) else name
            found.setdefault(name, (share, float(cell.prices[place]), case))
    return found


def _shares(cell: JudgedCell, *, has_criteria: bool) -> dict[int, float]:
    """By answer, the share of its units in which judge and people agree."""
    units = Units.of(cell, has_criteria=has_criteria)
    units = units.where(~units.is_divided)
    sums = np.bincount(units.answers, weights=units.judge == units.people)
    counts = np.bincount(units.answers)
    return {int(place): float(sums[place] / counts[place]) for place in np.flatnonzero(counts)}


def _groups(agreed: Sequence[Mapping[Hashable, Any]]) -> list[list[int]]:
    """Instruments that share labelled answers, directly or through others."""
    groups: list[tuple[set[Hashable], list[int]]] = []
    for place, found in enumerate(agreed):
        names, members = set(found), [place]
        apart = []
        for other in groups:
            if other[0] & names:
                names |= other[0]
                members = other[1] + members
            else:
                apart.append(other)
        groups = [*apart, (names, members)]
    return [sorted(members) for _, members in groups]


def _statuses(
    instruments: Sequence[Instrument],
    agreed: Sequence[Mapping[Hashable, tuple[float, float, Hashable]]],
    prices: Sequence[Estimate | None],
    group: Sequence[int],
) -> list[str]:
    names = sorted({name for place in group for name in agreed[place]}, key=repr)
    if not names:  # Raters are divided on all that was labelled.
        return ["undecided"] * len(group)
    nothing = (np.nan, np.nan, None)
    table = np.array([[agreed[p].get(name, nothing)[:2] for name in names] for p in group])
    quality, cost = table[:, :, 0], table[:, :, 1].copy()
    cost[[prices[place] is None for place in group]] = np.nan
    cases = [
        next(agreed[place][name][2] for place in group if name in agreed[place]) for name in names
    ]
    codes = np.unique([repr(case) for case in cases], return_inverse=True)[1]
    facet = instruments[group[0]].facet
    found = standings(
        quality,
        cost,
        rng=facet.rng("instruments"),
        clusters=None if np.unique(codes).size == codes.size else codes,
        level=facet.options.confidence,
    )
    return [each.status for each in found]
