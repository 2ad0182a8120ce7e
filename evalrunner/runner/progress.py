"""What a run has done so far: plain counters, for whoever shows them.

Counted up by the run, read by a thread that shows them: nothing here waits or locks.
"""

from __future__ import annotations

import math
import time
from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Self

from evalrunner.planning import Cell
from evalrunner.stats import wilson_interval
from evalrunner.stats.student import t_quantile
from evalrunner.store import JournalIndex
from evalrunner.types import Estimate, Score, Status

_WINDOW_S = 30.0
"""How far back the speed is measured: cached answers of the start tell nothing about the rest."""
_FEW = 100
"""Degrees of freedom below which each makes a difference."""
_TWO = 2
"""Fewest observations that show any spread."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Door:
    """How one model's gate stands."""

    model: str
    in_flight: int
    limit: int
    """Requests that may be under way at the same time."""
    was: int | None = None
    """The limit before the provider refused a request; None when it is not lower for that."""
    resumes_s: float = 0.0
    """Seconds until the pause for all ends; 0 = there is none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cap:
    """A budget and what is spent of it."""

    name: str
    spent: Decimal
    limit: Decimal

    @property
    def share(self) -> float:
        """How much of it is spent."""
        return float(self.spent / self.limit) if self.limit else 1.0


@dataclass(slots=True)
class CellProgress:
    """Counters of one cell; only trials that are on disk are counted."""

    label: str
    planned: int
    repeats: int = 1
    already_done: int = 0
    """Trials that an earlier session recorded: how they were scored is not counted here."""
    done: int = 0
    """Trials of this session."""
    errors: Counter[str] = field(default_factory=Counter)
    n_scored: int = 0
    quality_sum: float = 0.0
    quality_squares: float = 0.0
    n_graded: int = 0
    """Scores that are neither 0 nor 1."""

    @property
    def total(self) -> int:
        """Trials on disk, those of earlier sessions included."""
        return self.already_done + self.done

    @property
    def is_done(self) -> bool:
        """Whether nothing is left to do."""
        return self.total >= self.planned

    def count(self, value: float) -> None:
        """Count a score."""
        self.n_scored += 1
        self.quality_sum += value
        self.quality_squares += value * value
        self.n_graded += value not in {0.0, 1.0}

    def quality(self, *, level: float) -> Estimate:
        """Mean quality so far: Wilson bounds of passes, t bounds of grades.

        Repeats of a case count as one observation, however much they differ: the interval is
        rather too wide, never too narrow. The summary's is by case.
        """
        n, total = self.n_scored, self.quality_sum
        if not n:
            return Estimate(value=None, n=0)
        mean, size = total / n, max(1.0, n / self.repeats)
        if not self.n_graded:
            return replace(wilson_interval(mean * size, size, level=level), n=n)
        if size < _TWO:
            return Estimate(value=mean, n=n)
        variance = max(0.0, self.quality_squares - total * mean) / (n - 1)
        half = t_quantile(_rounded(int(size) - 1), level=level) * math.sqrt(variance / size)
        return Estimate(
            value=mean, low=max(0.0, mean - half), high=min(1.0, mean + half), n=n, method="t"
        )


@dataclass(slots=True)
class Progress:
    """Counters of a run."""

    cells: dict[int, CellProgress]
    level: float = 0.95
    """Of the intervals."""
    spent_usd: Decimal = Decimal(0)
    unpriced: int = 0
    """Paid answers without a known price: what is spent is at least `spent_usd`."""
    caps: Sequence[Cap] = ()
    """Budgets, that of the whole run first."""
    budget_usd: Decimal | None = None
    """Of the whole run."""
    doors: Sequence[Door] = ()
    """The gates of the models, judges included; none for baselines and recordings."""
    waiting: str = ""
    """What the run waits for besides rate limits; empty while it is just working."""
    is_stopping: bool = False
    """Whether only what is under way is still waited for."""
    clock: Callable[[], float] = time.monotonic
    started: float = field(default=0.0)
    _marks: deque[tuple[float, int]] = field(default_factory=deque)
    """When how many trials of this session were done."""

    def __post_init__(self) -> None:
        self.started = self.clock()

    @classmethod
    def of(cls, cells: Sequence[Cell], index: JournalIndex) -> Self:
        """What `cells` have done when a session begins."""
        entries = {cell.id: _start(cell, index) for cell in cells}
        return cls(entries, level=cells[0].settings.run.confidence)

    def count(
        self, cell: int, *, status: Status, error_kind: str | None, quality: Score | None
    ) -> None:
        """Count a trial that is on disk."""
        entry = self.cells[cell]
        entry.done += 1
        if status is Status.ERROR:
            entry.errors[error_kind or "error"] += 1
        if quality is not None and quality.value is not None:
            entry.count(quality.value)

    def mark(self) -> None:
        """Remember how much is done now: the speed is that of the last marks."""
        now = self.clock()
        self._marks.append((now, self._fresh))
        while self._marks[0][0] < now - _WINDOW_S:
            self._marks.popleft()

    @property
    def planned(self) -> int:
        """Trials of all cells."""
        return sum(cell.planned for cell in self.cells.values())

    @property
    def done(self) -> int:
        """Trials on disk, those of earlier sessions included."""
        return sum(cell.total for cell in self.cells.values())

    @property
    def in_flight(self) -> int:
        """Requests under way."""
        return sum(door.in_flight for door in self.doors)

    @property
    def errors(self) -> Mapping[str, int]:
        """Errors of this session by kind, the most frequent first."""
        total: Counter[str] = Counter()
        for cell in self.cells.values():
            # A copy in one step: another thread may be counting.
            total.update(dict(cell.errors))
        return dict(total.most_common())

    @property
    def eta_s(self) -> float | None:
        """Seconds until the end at the latest speed; None before the first trial."""
        now, fresh = self.clock(), self._fresh
        began, before = self._marks[0] if self._marks else (self.started, 0)
        if fresh == before:
            # A pause as long as the window says nothing about what comes after it.
            began, before = self.started, 0
        if fresh == before:
            return None
        return (now - began) / (fresh - before) * (self.planned - self.done)

    @property
    def _fresh(self) -> int:
        return sum(cell.done for cell in self.cells.values())


def _start(cell: Cell, index: JournalIndex) -> CellProgress:
    planned = cell.n_trials - index.n_raced(cell.id)
    return CellProgress(
        label=cell.label,
        planned=planned,
        repeats=cell.repeats,
        already_done=planned - index.n_owed(cell.id),
    )


def _rounded(df: int) -> int:
    """Fewer degrees of freedom, so that hardly any quantile is computed anew each time."""
    return df if df < _FEW else df // _FEW * _FEW
