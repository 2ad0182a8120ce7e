"""A test set with all that it is held to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from evalrunner.cli.dataset.reading import TestSet, target_of
from evalrunner.health import Duplicates, find_duplicates, text_of
from evalrunner.types import Json


@dataclass(frozen=True, kw_only=True)
class Subject:
    """What is checked, and against what."""

    of: TestSet
    target: str
    category: str
    mix: Mapping[str, float] | None = None
    mix_source: str = ""
    train: TestSet | None = None
    difference: float | None = None
    """A share: 0.05 for 5 points."""

    @cached_property
    def texts(self) -> list[str]:
        """Input of each case as text."""
        return [text_of(case.input) for case in self.of.cases]

    @cached_property
    def target_values(self) -> list[Json]:
        """Of each case; None = none."""
        return [target_of(case, self.target) for case in self.of.cases]

    @property
    def has_targets(self) -> bool:
        """Whether any case has a target that is one value."""
        return any(value not in (None, "") for value in self.target_values)

    @property
    def names(self) -> list[str]:
        """Fields that any case has."""
        return sorted({name for case in self.of.cases for name in case.fields})

    @cached_property
    def duplicates(self) -> Duplicates:
        """Of the inputs."""
        return find_duplicates(self.texts)

    @property
    def n(self) -> int:
        """Cases."""
        return len(self.of.cases)
