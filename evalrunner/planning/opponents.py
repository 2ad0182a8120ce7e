"""Which cells' answers a pairwise scorer compares an answer with."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TypeVar

from evalrunner.planning.cells import CellSpec
from evalrunner.types import Json

SpecT = TypeVar("SpecT", bound=CellSpec)


def opponents_of(cell: CellSpec, cells: Iterable[SpecT], *, against: str | None) -> list[SpecT]:
    """The candidates of the same facet that `cell` is compared with, in grid order.

    `against` is the scorer's: `baseline`, `all`, or None = the baseline if there is one. A baseline
    is itself compared with nobody then.
    """
    rivals = [c for c in cells if c.facet == cell.facet and c.role == "candidate"]
    baseline = cell.settings.run.baseline
    if against == "baseline" or (against is None and baseline):
        rivals = [rival for rival in rivals if is_baseline(rival.axes, baseline)]
        if any(rival.id == cell.id for rival in rivals):
            return []
    return [rival for rival in rivals if rival.id != cell.id]


def is_baseline(axes: Mapping[str, Json], baseline: Mapping[str, Json]) -> bool:
    """Whether a cell with these axes is what `run.baseline` selects."""
    return all(axes.get(key) == value for key, value in baseline.items())
