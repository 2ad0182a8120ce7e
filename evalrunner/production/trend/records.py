"""The records of one period: which ones they are, and what of them can be scored."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from evalrunner.production.trend.periods import Period
from evalrunner.types import Json, sha256_of


@dataclass(frozen=True, slots=True, kw_only=True)
class SampledRecord:
    """One production call of a log."""

    id: str
    at: datetime | None
    input: Json
    output: str | None
    """None: nothing was answered, or only the beginning of it was logged."""
    rate: float = 1.0
    """Probability with which it was sampled, in (0, 1]."""
    of_case: Mapping[str, Json] = field(default_factory=dict)
    """Further fields of its case: category, metadata."""
    of_answer: Mapping[str, Json] = field(default_factory=dict)
    """Further fields of its recorded answer: model, usage, latency_s, stop_reason."""

    @property
    def output_sha256(self) -> str | None:
        """As labels name the output that they are about."""
        if self.output is None:
            return None
        return hashlib.sha256(self.output.encode("utf-8", "surrogatepass")).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class PeriodRecords:
    """What the logs hold of one period."""

    period: Period
    records: tuple[SampledRecord, ...]
    """By their ids; of several with one id the first in time."""
    n_again: int
    """Further ones with an id that was there before."""
    n_elsewhere: int
    """Of other periods."""
    n_undated: int

    @classmethod
    def of(cls, records: Iterable[SampledRecord], period: Period) -> PeriodRecords:
        """Those of all logs that belong to `period`."""
        kept: dict[str, SampledRecord] = {}
        n_again = n_elsewhere = n_undated = 0
        for record in records:
            if record.at is None:
                n_undated += 1
            elif Period.of(record.at, period.kind) != period:
                n_elsewhere += 1
            else:
                n_again += record.id in kept
                kept[record.id] = min(kept.get(record.id, record), record, key=_order)
        return cls(
            period=period,
            records=tuple(kept[name] for name in sorted(kept)),
            n_again=n_again,
            n_elsewhere=n_elsewhere,
            n_undated=n_undated,
        )

    @property
    def answered(self) -> tuple[SampledRecord, ...]:
        """Those that can be scored."""
        return tuple(record for record in self.records if record.output is not None)

    @property
    def weights(self) -> dict[str, float]:
        """1 / rate of each record."""
        return {record.id: 1 / record.rate for record in self.records}

    @property
    def sha256(self) -> str:
        """Equal where nothing came in and nothing changed."""
        found: list[Any] = [
            [record.id, sha256_of(record.input), record.output_sha256, record.rate]
            for record in self.records
        ]
        return sha256_of(found)


def _order(record: SampledRecord) -> tuple[str, str]:
    return ("" if record.at is None else record.at.isoformat(), record.output_sha256 or "")
