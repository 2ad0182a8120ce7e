"""Amounts of which some are unknown."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Saved:
    """USD that answers would have cost more; None = unknown."""

    cache: Decimal | None = Decimal(0)
    """Had they not been recorded before."""
    batch: Decimal | None = Decimal(0)
    """Had they not come from batches."""

    def __add__(self, other: Saved) -> Saved:
        return Saved(cache=plus(self.cache, other.cache), batch=plus(self.batch, other.batch))


def plus(one: Decimal | None, other: Decimal | None) -> Decimal | None:
    """The sum; None when either is unknown."""
    return None if one is None or other is None else one + other


def usd_number(amount: Decimal | None) -> float | None:
    """USD as JSON has it."""
    return None if amount is None else float(amount)
