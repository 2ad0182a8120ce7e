"""What a summary is made from, and the columns by case that it hands on."""

from __future__ import annotations

from array import array
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
    raced: Mapping[str, Any] | None = None
    """The journal's record of who beat it, where racing stopped it."""


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
    margin: float = 0.02
    """Loss of quality that does not matter."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseColumns:
    """The test set by column; shared by all cells of a dataset."""

    n: int
    """Number of cases."""
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

        The cases are read once, as a stream. A case without a cluster value is a cluster of its
        own.
        """
        members = {name: _Members(name) for name in slices}
        codes = None if cluster is None else _Codes(cluster)
        truth = {scorer: _Truth(name) for scorer, name in (targets or {}).items()}
        columns: list[_Members | _Truth | _Codes] = [*members.values(), *truth.values()]
        columns += [] if codes is None else [codes]
        n = 0
        for n, case in enumerate(cases, start=1):
            for column in columns:
                column.add(n - 1, case)
        return cls(
            n=n,
            slices={name: column.rows() for name, column in members.items()},
            clusters=None if codes is None else codes.found(),
            cluster_field=cluster,
            truth={scorer: column.labels for scorer, column in truth.items()},
        )


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
    contests: Mapping[str, Mapping[int, NDArray[np.float64]]] = field(default_factory=dict)
    """Of each pairwise scorer: by opponent, the mean outcome of each case (1 = won); NaN = none."""
    lengths: NDArray[np.float64] | None = None
    """Characters of the answers, mean of each case; None where answers are not compared."""
    answers: NDArray[np.float64] | None = None
    """Repeats x cases: equal numbers are equal answers; NaN = none."""
    left_out: NDArray[np.bool_] | None = None
    """Cases that racing left out; None where it did not stop the cell."""
    checks: Mapping[str, NDArray[np.float64]] = field(default_factory=dict)
    """By case, the scores that need no target and are not the quality: production has them too."""


class Amounts:
    """Numbers by case, such as costs, summed and counted over its repeats."""

    def __init__(self, n_cases: int) -> None:
        self.sums = np.zeros(n_cases)
        self.counts = np.zeros(n_cases, dtype=np.int32)

    def add(self, row: int, value: float) -> None:
        """Count one trial of the case in `row`."""
        self.sums[row] += value
        self.counts[row] += 1

    def means(self) -> NDArray[np.float64]:
        """Mean of each case over its repeats; NaN where none counts."""
        means = np.full(self.sums.shape, np.nan)
        np.divide(self.sums, self.counts, out=means, where=self.counts > 0)
        return means


class Column(Amounts):
    """Scores in [0, 1]."""

    def __init__(self, n_cases: int) -> None:
        super().__init__(n_cases)
        self._squares: NDArray[np.float64] | None = None

    @property
    def graded(self) -> bool:
        """Whether any score lies between 0 and 1: then their mean is no rate."""
        return self._squares is not None

    @property
    def squares(self) -> NDArray[np.float64]:
        """Sum of the squared scores of each case."""
        # Those of 0 and 1 are these numbers themselves.
        return self.sums if self._squares is None else self._squares

    def add(self, row: int, value: float) -> None:
        """Count one trial of the case in `row`."""
        if self._squares is None and value not in (0, 1):
            self._squares = self.sums.copy()
        if self._squares is not None:
            self._squares[row] += value * value
        super().add(row, value)

    def add_all(self, rows: NDArray[np.intp], values: NDArray[np.float64]) -> None:
        """As `add`, of many trials."""
        if self.graded or not np.isin(values, (0, 1)).all():
            self._squares = self.squares.copy()
            np.add.at(self._squares, rows, values**2)
        np.add.at(self.sums, rows, values)
        np.add.at(self.counts, rows, 1)

    def join(self, other: Column) -> None:
        """Count the trials of `other` too."""
        if self.graded or other.graded:
            self._squares = self.squares + other.squares
        self.sums += other.sums
        self.counts += other.counts

    def without(self, trials: Iterable[tuple[int, float]]) -> Column:
        """This column as if these (case, score) had not been added."""
        left = Column(self.sums.size)
        left.join(self)
        for case, value in trials:
            if left._squares is not None:
                left._squares[case] -= value * value
            left.sums[case] -= value
            left.counts[case] -= 1
        return left


def dependence(
    rows: NDArray[np.intp], *, cases: CaseColumns, options: SummaryOptions
) -> tuple[NDArray[np.intp] | None, str]:
    """What makes the trials of these cases depend on each other, and its name."""
    if cases.clusters is not None:
        return cases.clusters[rows], cases.cluster_field or "cluster"
    return (np.arange(rows.size), "case") if options.repeats > 1 else (None, "case")


class _Members:
    """Which rows have each value of a field."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._rows: dict[str, array[int]] = {}

    def add(self, row: int, case: Case) -> None:
        value = case.fields.get(self._name)
        values = value if isinstance(value, list) and value else [value]
        for shown in dict.fromkeys(_name(item) or MISSING for item in values):
            self._rows.setdefault(shown, array("q")).append(row)

    def rows(self) -> dict[str, NDArray[np.intp]]:
        return {value: np.array(self._rows[value], dtype=np.intp) for value in sorted(self._rows)}


class _Codes:
    """Which group of dependent cases each row belongs to, in the order of their names.

    The order of the cases changes no code, and so none of what is drawn by cluster.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._known: dict[str, int] = {}
        self._found = array("q")

    def add(self, row: int, case: Case) -> None:
        del row
        value = case.fields.get(self._name)
        # No JSON begins with these words: a case without a cluster never meets another's.
        is_alone = value is None or value == []
        key = f"alone {case.id}" if is_alone else canonical_json(value)
        self._found.append(self._known.setdefault(key, len(self._known)))

    def found(self) -> NDArray[np.intp]:
        code = np.empty(len(self._known), dtype=np.intp)
        code[[self._known[key] for key in sorted(self._known)]] = np.arange(code.size)
        return code[np.array(self._found, dtype=np.intp)]


class _Truth:
    """The right label of each row; equal labels are kept once."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._known: dict[str | None, str | None] = {}
        self.labels: list[str | None] = []

    def add(self, row: int, case: Case) -> None:
        del row
        label = _label(case.fields.get(self._name))
        self.labels.append(self._known.setdefault(label, label))


def _name(value: Json) -> str | None:
    """A field's value as the name of a slice or label; None for no value."""
    if value is None or value in ("", []):
        return None
    return value if isinstance(value, str) else canonical_json(value)


def _label(value: Json) -> str | None:
    return None if isinstance(value, list | dict) else _name(value)
