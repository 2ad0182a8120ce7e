"""Records of production logs, as far as a trend needs them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from evalrunner.production.logs import read_logs
from evalrunner.production.trend.records import SampledRecord


def read_records(logs: Sequence[str]) -> Iterator[SampledRecord]:
    raise NotImplementedError
