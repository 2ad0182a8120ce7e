"""Which difference between two models a test set of some size can show."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from evalrunner.planning.power import ASSUMED, cases_for, smallest_difference
from evalrunner.stats import wilson_interval
from evalrunner.stats.power import LEVEL
from evalrunner.types import Json

USUAL = (100, 500)
"""Cases that most test sets of an own task have."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """What a number of cases can show, one answer a case, at 95 % confidence and 80 % power."""

    n: int
    smallest_difference: float | None
    """Of two models, one alone right in 20 % of the cases; None = none can be shown."""
    half_width: float
    """Of the interval around a score of 80 %."""
    target: float | None
    """The difference that is asked for."""
    needed: int | None
    """Cases that show it; None without a target."""

    @property
    def is_enough(self) -> bool | None:
        """Whether the target can be shown; None without a target."""
        return None if self.needed is None else self.n >= self.needed

    def to_json(self) -> dict[str, Json]:
        """As JSON."""
        return asdict(self) | {"is_enough": self.is_enough, "discordant": ASSUMED.variance}


def size_of(n: int, *, target: float | None = None) -> Size:
    """What `n` cases can show; `target` is a difference of shares. As the plan of a run says it."""
    score = wilson_interval(0.8 * n, n)
    return Size(
        n=n,
        smallest_difference=smallest_difference(n, repeats=1, level=LEVEL, spread=ASSUMED),
        half_width=((score.high or 1.0) - (score.low or 0.0)) / 2,
        target=target,
        needed=None
        if target is None
        else cases_for(target, repeats=1, level=LEVEL, spread=ASSUMED),
    )
