"""Weeks and months in UTC: which one a record belongs to, and which ones have ended."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Literal, TypeAlias, get_args

PeriodKind: TypeAlias = Literal["week", "month"]

KINDS: tuple[PeriodKind, ...] = get_args(PeriodKind)
_DAYS_OF_WEEK = 7
_DECEMBER = 12
_WEEK = re.compile(r"(\d{4})-W(\d{2})")
_MONTH = re.compile(r"(\d{4})-(\d{2})")


@dataclass(frozen=True, slots=True, order=True)
class Period:
    """One ISO week (Monday to Sunday) or calendar month; ordered in time among those of a kind."""

    start: date
    """Its first day."""
    kind: PeriodKind = "week"

    @classmethod
    def of(cls, at: datetime | date, kind: PeriodKind) -> Period:
        """The period that a moment, taken in UTC, or a day belongs to."""
        day = at.astimezone(UTC).date() if isinstance(at, datetime) else at
        if kind == "month":
            return cls(day.replace(day=1), kind)
        return cls(day - timedelta(days=day.weekday()), kind)

    @classmethod
    def named(cls, name: str) -> Period:
        """The period called `2026-W48` or `2026-11`. Raises ValueError."""
        if found := _WEEK.fullmatch(name):
            return cls(date.fromisocalendar(int(found[1]), int(found[2]), 1), "week")
        if found := _MONTH.fullmatch(name):
            return cls(date(int(found[1]), int(found[2]), 1), "month")
        raise ValueError(f"{name!r} is no period: 2026-W48 is a week, 2026-11 a month")

    @property
    def name(self) -> str:
        """`2026-W48` or `2026-11`; sorts in time."""
        if self.kind == "month":
            return f"{self.start:%Y-%m}"
        year, week, _ = self.start.isocalendar()
        return f"{year:04}-W{week:02}"

    @property
    def end(self) -> date:
        """The first day that is not in it any more."""
        if self.kind == "week":
            return self.start + timedelta(days=_DAYS_OF_WEEK)
        is_last = self.start.month == _DECEMBER
        year, month = self.start.year + is_last, 1 if is_last else self.start.month + 1
        return date(year, month, 1)

    @property
    def following(self) -> Period:
        """The next one."""
        return Period.of(self.end, self.kind)

    @property
    def previous(self) -> Period:
        """The one before."""
        return Period.of(self.start - timedelta(days=1), self.kind)

    @property
    def days(self) -> str:
        """`2026-11-23 to 2026-11-29`."""
        return f"{self.start} to {self.end - timedelta(days=1)}"

    def has_ended(self, today: date) -> bool:
        """Whether all of its days are over."""
        return self.end <= today


def steps_between(first: Period, last: Period) -> int:
    """How many periods later the second of two of a kind is."""
    if first.kind == "week":
        return (last.start - first.start).days // _DAYS_OF_WEEK
    return (last.start.year - first.start.year) * _DECEMBER + last.start.month - first.start.month
