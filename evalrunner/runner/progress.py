"""What a run has done so far: plain counters, for whoever shows them."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal

from evalrunner.types import Score, Status


@dataclass(slots=True)
class CellProgress:
    """Counters of one cell; only trials that are on disk are counted."""

    label: str
    planned: int
    done: int = 0
    errors: Counter[str] = field(default_factory=Counter)
    n_scored: int = 0
    quality_sum: float = 0.0

    @property
    def quality(self) -> float | None:
        """Mean quality so far; None before the first score."""
        return self.quality_sum / self.n_scored if self.n_scored else None


@dataclass(slots=True)
class Progress:
    """Counters of a run."""

    cells: dict[int, CellProgress]
    already_done: int = 0
    """Trials that an earlier session recorded."""
    spent_usd: Decimal = Decimal(0)
    unpriced: int = 0
    """Paid answers without a known price: what is spent is at least `spent_usd`."""
    in_flight: int = 0
    waiting: str = ""
    """What the run waits for; empty while it is just working."""
    clock: Callable[[], float] = time.monotonic
    started: float = field(default=0.0)

    def __post_init__(self) -> None:
        self.started = self.clock()

    def count(
        self, cell: int, *, status: Status, error_kind: str | None, quality: Score | None
    ) -> None:
        """Count a trial that is on disk."""
        entry = self.cells[cell]
        entry.done += 1
        if status is Status.ERROR:
            entry.errors[error_kind or "error"] += 1
        if quality is not None and quality.value is not None:
            entry.n_scored += 1
            entry.quality_sum += quality.value

    @property
    def planned(self) -> int:
        """Trials of all cells."""
        return sum(cell.planned for cell in self.cells.values())

    @property
    def done(self) -> int:
        """Trials on disk, those of earlier sessions included."""
        return self.already_done + sum(cell.done for cell in self.cells.values())

    @property
    def errors(self) -> Counter[str]:
        """Errors of this session by kind."""
        return sum((cell.errors for cell in self.cells.values()), Counter())

    @property
    def eta_s(self) -> float | None:
        """Seconds until the end at the mean speed so far; None before the first trial."""
        fresh = self.done - self.already_done
        if fresh == 0:
            return None
        return (self.clock() - self.started) / fresh * (self.planned - self.done)
