"""A mix of categories as people write it down: counts, or shares that sum to 1."""

from __future__ import annotations

import math
from collections.abc import Mapping

_EXACT = 0.01


def is_counts(mix: Mapping[str, float]) -> bool:
    """Whether the numbers count something: whole ones, of more than a single case."""
    return all(float(value).is_integer() for value in mix.values()) and sum(mix.values()) > 1


def mix_problem(mix: Mapping[str, float]) -> str | None:
    """Why numbers are neither counts nor shares; None when they are one of them."""
    if any(value < 0 or not math.isfinite(value) for value in mix.values()):
        return "a count or share is below 0 or not finite"
    total = math.fsum(mix.values())
    if total <= 0:
        return "no category has a count or a share"
    if not is_counts(mix) and abs(total - 1) > _EXACT:
        return f"the shares sum to {total:g}, not to 1"
    return None
