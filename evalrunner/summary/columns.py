"""What a summary is made from, and the columns by case that it hands on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evalrunner.scorers import ScorerSettings
from evalrunner.summary.classes import ClassTable
from evalrunner.types import Case, Json, canonical_json

MISSING = "(missing)"
"""The slice of cases without a value for the field."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CellCosts:
    """What the trials' rows do not tell about a cell's money."""

    retries_usd: Decimal | None = Decimal(0)
    """Paid for attempts whose answer was not used."""
    saved_cache_usd: Decimal | None = Decimal(0)
    """What cached answers would have cost at this run's prices."""
    possibly_billed: int = 0
    """Attempts without an answer that may have been charged."""
    judge_priced: bool = True
    """False = a judge without a known price took part: judge cost and spending are unknown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CellInfo:
    """One point of the grid, as the plan has it."""

    id: int
    label: str
    axes: Mapping[str, Json]
    facet: int
    role: str
    """`candidate` or `canary`."""
    scorers: Mapping[str, ScorerSettings]
    """Settings by the scorer's name, in the order of the configuration."""
    costs: CellCosts = CellCosts()


@dataclass(frozen=True, slots=True, kw_only=True)
class SummaryOptions:
    """The keys of the `run` group that numbers depend on."""

    quality: str
    """A scorer's name, or `<scorer>.<metric>`."""
    confidence: float = 0.95
    max_missing: float = 0.02
    """Largest share of answered trials without a price before costs are unknown."""
    repeats: int = 1
    seed: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseColumns:
    """The test set by column; shared by all cells of a dataset."""

    index: Mapping[str, int]
    """Row of each case id."""
    slices: Mapping[str, Mapping[str, NDArray[np.intp]]] = field(default_factory=dict)
    """Field, then value, to the rows of its cases; a case with a list is in several."""
    clusters: NDArray[np.intp] | None = None
    """Code of the group of dependent cases that each row belongs to."""
    cluster_field: str | None = None
    truth: Mapping[str, Sequence[str | None]] = field(default_factory=dict)
    """The right label of each row, by the name of a `labels` scorer; None = no target."""

    @classmethod
    def build(
        cls,
        cases: Iterable[Case],
        *,
        slices: Sequence[str] = (),
        cluster: str | None = None,
        targets: Mapping[str, str] | None = None,
    ) -> CaseColumns:
        """Columns of `cases`; `targets` is the target field of each `labels` scorer, by name.

        A case without a cluster value is a cluster of its own.
        """
        listed = list(cases)
        names = dict(targets or {})
        return cls(
            index={case.id: row for row, case in enumerate(listed)},
            slices={name: _members(listed, name) for name in slices},
            clusters=None if cluster is None else _codes(listed, cluster),
            cluster_field=cluster,
            truth={
                scorer: [_label(case.fields.get(name)) for case in listed]
                for scorer, name in names.items()
            },
        )

    @property
    def n(self) -> int:
        """Number of cases."""
        return len(self.index)


@dataclass(frozen=True, slots=True, kw_only=True)
class CellResult:
    """A cell's entry of `summary.json`, and its columns by case for paired comparisons."""

    summary: dict[str, Any]
    quality: NDArray[np.float64]
    """Mean over the repeats of each case; NaN = unscored, and everywhere for an F1, which has no
    value by case (see `classes`)."""
    cost_usd: NDArray[np.float64]
    """List price of one request, mean over the repeats of each case; NaN = unknown."""
    classes: Mapping[str, ClassTable]
    """Answers of each `labels` scorer, for resampling F1 and for the confusion matrix."""


def _members(cases: Sequence[Case], name: str) -> dict[str, NDArray[np.intp]]:
    rows: dict[str, list[int]] = {}
    for row, case in enumerate(cases):
        value = case.fields.get(name)
        values = value if isinstance(value, list) and value else [value]
        for shown in dict.fromkeys(_name(item) or MISSING for item in values):
            rows.setdefault(shown, []).append(row)
    return {value: np.array(rows[value], dtype=np.intp) for value in sorted(rows)}


def _codes(cases: Sequence[Case], name: str) -> NDArray[np.intp]:
    codes: dict[str, int] = {}
    found = []
    for row, case in enumerate(cases):
        value = case.fields.get(name)
        # The row number tells cases without a value apart, from each other and from real values.
        key = f"row {row}" if value is None or value == [] else canonical_json(value)
        found.append(codes.setdefault(key, len(codes)))
    return np.array(found, dtype=np.intp)


def _name(value: Json) -> str | None:
    """A field's value as the name of a slice or label; None for no value."""
    if value is None or value in ("", []):
        return None
    return value if isinstance(value, str) else canonical_json(value)


def _label(value: Json) -> str | None:
    return None if isinstance(value, list | dict) else _name(value)
