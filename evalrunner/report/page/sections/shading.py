"""Which of the eleven shades of a heat map a value gets."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

_SHADES = 10
_NARROWEST = 0.2
"""Shares closer together than this look alike: noise must not look like a pattern."""


@dataclass(frozen=True, slots=True)
class Scale:
    """From the palest shade to the darkest."""

    low: float
    high: float

    @classmethod
    def of(cls, shares: Iterable[float | None]) -> Scale:
        """A scale on which all these shares have a place."""
        known = [share for share in shares if share is not None]
        high = max(known, default=1.0)
        low = min([*known, max(high - _NARROWEST, 0.0)])
        return cls(low, max(high, low + _NARROWEST))

    def shade(self, share: float | None) -> int | None:
        """0 to 10; None for what is unknown."""
        if share is None:
            return None
        return round(_SHADES * (share - self.low) / (self.high - self.low))
