"""Everything that scores: a case and an answer in, a value in [0, 1] or a reason why not, out."""

from __future__ import annotations

from typing import Protocol

from evalrunner.types import Case, Completion, Score

__all__ = ["Scorer"]


class Scorer(Protocol):
    """Scores one answer at a time."""

    name: str
    """The key under `scorer:` in the configuration."""

    async def score(self, case: Case, completion: Completion) -> Score:
        """The score. A missing target is `Score(value=None, reason="no_target")`, never 0."""
