"""One line of what the doctor says."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class State(StrEnum):
    """How bad it is."""

    OK = "ok"
    WARNING = "warning"
    """Some runs will not work, or not as one may expect."""
    BROKEN = "broken"
    """No run of this project can work until it is mended."""


@dataclass(frozen=True, slots=True)
class Check:
    """What was looked at, and what was found."""

    name: str
    state: State
    detail: str
    hint: str = ""
    """What to type next."""
