"""What a provider's rate-limit headers say, in the two forms that are in use."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime

_LONGEST_S = 1.0
_DURATION = re.compile(r"(?:(\d+)h)?(?:(\d+)m(?!s))?(?:([\d.]+)s)?(?:(\d+)ms)?")


def nothing_left_s(headers: Mapping[str, str]) -> float | None:
    """Seconds to wait because nothing is left, at most 1; None while something is.

    A reset names the time at which *everything* is free again. The next request may go much
    earlier, and where it may not the refusal itself says how long to wait.
    """
    waits = [
        _wait_s(headers, name)
        for name, value in headers.items()
        if "ratelimit" in name and "remaining" in name and _number(value) == 0
    ]
    return max((wait for wait in waits if wait is not None), default=None)


def _wait_s(headers: Mapping[str, str], remaining: str) -> float | None:
    reset = _reset_s(headers.get(remaining.replace("remaining", "reset")))
    if reset is None or reset <= 0:
        return None
    limit = _number(headers.get(remaining.replace("remaining", "limit")))
    one = reset / limit if limit and "request" in remaining else reset
    return min(one, _LONGEST_S)


def _number(text: str | None) -> float | None:
    try:
        value = float(text) if text is not None else math.nan
    except ValueError:
        return None
    return value if math.isfinite(value) and value >= 0 else None


def _reset_s(text: str | None) -> float | None:
    """Seconds from `6m0s`, `350ms`, `12`, or an RFC 3339 time."""
    if text is None:
        return None
    if (plain := _number(text)) is not None:
        return plain
    match = _DURATION.fullmatch(text)
    if match and any(match.groups()):
        hours, minutes, ms = (float(match[group] or 0) for group in (1, 2, 4))
        return 3600 * hours + 60 * minutes + (_number(match[3]) or 0.0) + ms / 1000
    try:
        return (datetime.fromisoformat(text) - datetime.now(UTC)).total_seconds()
    except (ValueError, TypeError):
        return None
