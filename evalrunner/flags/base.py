"""What a flag is."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from evalrunner.types import Json

Severity: TypeAlias = Literal["red", "yellow"]
"""Red = the numbers mislead; yellow = read them with this in mind."""
Summary: TypeAlias = Mapping[str, Any]
"""The content of `summary.json`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Flag:
    """One warning."""

    code: str
    severity: Severity
    cell: int | None = None
    """Id of the cell that it is about; None = of several, which `evidence` names."""
    message: str
    """May hold names that users chose: made harmless where it is shown."""
    evidence: Mapping[str, Json] = field(default_factory=dict)
    """The numbers behind it."""
    remedy: str
    """What to change or to look at next."""


Rule: TypeAlias = Callable[[Summary], Iterable[Flag]]
