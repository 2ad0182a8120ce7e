"""Amounts of which some are unknown."""

from __future__ import annotations

from decimal import Decimal


def plus(one: Decimal | None, other: Decimal | None) -> Decimal | None:
    """The sum; None when either is unknown."""
    return None if one is None or other is None else one + other


def usd_number(amount: Decimal | None) -> float | None:
    """USD as JSON has it."""
    return None if amount is None else float(amount)
