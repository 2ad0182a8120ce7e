"""What the test sets of a plan can show, by facet, and a warning where it is too little."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from pathlib import Path

from evalrunner.datasets import CaseSet
from evalrunner.formatting import n_of, points
from evalrunner.planning.cells import Calls, Cell
from evalrunner.planning.cost import CostRange
from evalrunner.planning.pilot import Candidate, Measured, Spread, read_spreads
from evalrunner.planning.power import ASSUMED, FacetPower
from evalrunner.types import canonical_json

_MOST_FOR_ALL = 10
"""Cells up to which every one is compared with every other, as `compare` does."""

Costs = Sequence[tuple[Calls, CostRange]]


def facet_powers(
    cells: Sequence[Cell],
    case_sets: Mapping[int, CaseSet],
    *,
    candidates: Costs,
    judges: Costs,
    outputs: Path,
) -> tuple[FacetPower, ...]:
    """Of each facet. `case_sets` by a cell's `first`; the costs are those of each cell."""
    facets: dict[int, list[int]] = {}
    for place, cell in enumerate(cells):
        if cell.role == "candidate":
            facets.setdefault(cell.facet, []).append(place)
    groups = [[cells[place] for place in facets[facet]] for facet in sorted(facets)]
    spreads = read_spreads(outputs, _wanted(groups))
    n_comparisons = max(1, sum(map(_n_comparisons, groups)))
    return tuple(
        _facet_power(
            group[0],
            case_sets[group[0].first],
            n_comparisons=n_comparisons,
            spread=spreads.get(_measured(group[0]), ASSUMED),
            usd_per_trial=_usd_per_trial(
                [
                    (cells[place], candidates[place], judges[place])
                    for place in facets[group[0].facet]
                ]
            ),
        )
        for group in groups
    )


def power_warnings(powers: Iterable[FacetPower]) -> list[str]:
    """Test sets that cannot show `run.target_difference`."""
    found = []
    for each in powers:
        if each.needed is not None and each.target is not None and each.needed > each.n:
            smallest = each.smallest()
            shown = "none" if smallest is None else f"{points(smallest)} or more"
            found.append(
                f"run.target_difference: a difference of {points(each.target)} takes "
                f"{each.needed:,} cases; {n_of(each.n, 'case')} of {each.dataset!r} show {shown}"
            )
    return list(dict.fromkeys(found))


def _facet_power(
    cell: Cell,
    cases: CaseSet,
    *,
    n_comparisons: int,
    spread: Spread,
    usd_per_trial: tuple[Decimal | None, Decimal | None],
) -> FacetPower:
    """As the first cell of the facet has it: all of them are measured in the same way."""
    run, dataset = cell.settings.run, cell.settings.dataset
    return FacetPower(
        facet=cell.facet,
        dataset=dataset.name,
        quality=cell.quality,
        n=cell.n,
        available=cases.n_available,
        repeats=cell.repeats,
        confidence=run.confidence,
        n_comparisons=n_comparisons,
        spread=spread,
        cluster=dataset.cluster,
        n_clusters=_n_clusters(cases, dataset.cluster),
        target=run.target_difference,
        usd_per_trial=usd_per_trial,
    )


def _wanted(groups: Iterable[Sequence[Cell]]) -> dict[Measured, set[Candidate]]:
    wanted: dict[Measured, set[Candidate]] = {}
    for group in groups:
        names = {(cell.axes["model"], cell.axes["prompt"]) for cell in group}
        wanted.setdefault(_measured(group[0]), set()).update(names)
    return wanted


def _measured(cell: Cell) -> Measured:
    return str(cell.axes["dataset"]), cell.quality


def _n_comparisons(cells: Sequence[Cell]) -> int:
    n = len(cells)
    if cells[0].settings.run.baseline or n > _MOST_FOR_ALL:
        return n - 1
    return n * (n - 1) // 2


def _n_clusters(cases: CaseSet, field: str | None) -> int | None:
    """How many groups of dependent cases there are; a case without a value is one of its own."""
    if field is None:
        return None
    values = (case.fields.get(field) for case in cases)
    alone = itertools.count()
    return len({next(alone) if v in (None, []) else canonical_json(v) for v in values})


def _usd_per_trial(
    cells: Iterable[tuple[Cell, tuple[Calls, CostRange], tuple[Calls, CostRange]]],
) -> tuple[Decimal | None, Decimal | None]:
    """What one trial of each cell costs together, low and high, where nothing is cached."""
    lows, highs = [], []
    for cell, (calls, cost), (judge_calls, judge_cost) in cells:
        judged_by_api = any(wire.is_api for wire in cell.judge_wires)
        for counted, range_, is_api in (
            (calls, cost, cell.wire.is_api),
            (judge_calls, judge_cost, judged_by_api),
        ):
            lows.append(_per_trial(range_.low, counted, cell.n_trials, is_api=is_api))
            highs.append(_per_trial(range_.high, counted, cell.n_trials, is_api=is_api))
    return _sum(lows), _sum(highs)


def _per_trial(usd: Decimal | None, calls: Calls, n_trials: int, *, is_api: bool) -> Decimal | None:
    if not is_api or not calls.total:
        return Decimal(0)
    # What is answered already says nothing of what the next case costs.
    return usd / calls.to_pay * calls.total / n_trials if usd is not None and calls.to_pay else None


def _sum(values: Sequence[Decimal | None]) -> Decimal | None:
    known = [value for value in values if value is not None]
    return sum(known, Decimal(0)) if len(known) == len(values) else None
