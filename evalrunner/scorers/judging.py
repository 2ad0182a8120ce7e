"""What a judge is to the rest of the program: who is asked, and the seam of scorers that ask."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias, runtime_checkable

from evalrunner.prompts import TemplateFile
from evalrunner.providers.registry import Wire
from evalrunner.scorers.base import Scorer
from evalrunner.types import Case, Completion, Request, Score

Ask: TypeAlias = Callable[[Wire, Request], Awaitable[Completion]]
"""Sends a judge's request through all layers: cache, gate, budget, journal.

Raises ProviderError, BudgetExceeded and StoreError, as a candidate's provider does.
"""

MAIN_JUDGE = "judge"
"""Name of the judge under `judge.model`; the others have their names in `judge.panel`."""

RECORDED_OPPONENT = -1
"""Stands for a cell's id where an answer is compared with a recorded one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgeMember:
    """One model that judges."""

    name: str
    wire: Wire


@dataclass(frozen=True, slots=True, kw_only=True)
class Judge:
    """Who judges, and how often: `judge:` of the configuration, ready to be asked."""

    members: tuple[JudgeMember, ...]
    """The main judge first."""
    repeats: int = 1
    retest: float = 0.0
    """Share of the cases, chosen by a hash of seed and case, that the main judge sees again."""
    combine: str = "majority"
    """`majority` of the verdicts, or their `mean`."""
    structured: bool = True
    """Whether verdicts are asked for as structured output where the provider has it."""
    template: str | None = None
    """Path of a template for every scorer that names none."""
    instructions: str | None = None
    """Added to the system prompt of all members."""
    seed: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Opponent:
    """The answer that another cell, or a recording, gave to the same case and repeat."""

    cell: int
    """Its id; `RECORDED_OPPONENT` for a recording."""
    text: str | None
    """None = it gave no answer, and there is nothing to compare with."""


@runtime_checkable
class JudgeScorer(Scorer, Protocol):
    """A scorer that asks models for its verdicts."""

    judge: Judge

    @property
    def files(self) -> tuple[TemplateFile, ...]:
        """Templates and schemas that decide what is asked: copied into the run, and hashed."""

    @property
    def max_characters(self) -> int:
        """Longer answers are cut before they are judged."""

    @property
    def needs_opponents(self) -> bool:
        """Whether answers are compared with those of other cells."""

    def requests(
        self, case: Case, text: str, *, opponents: Sequence[Opponent] = ()
    ) -> Iterator[tuple[JudgeMember, Request]]:
        """Every request that an answer of this text leads to, re-asks left out. Pure."""

    async def judge_answer(
        self,
        case: Case,
        completion: Completion,
        *,
        ask: Ask,
        opponents: Sequence[Opponent] = (),
    ) -> Score:
        """The score with all its `judgements`; unscored `judge_error: ...` without any verdict.

        Raises BudgetExceeded and StoreError; ProviderError of kind AUTH or QUOTA, after which no
        question of this judge is answered and the run stops; ScorerError when the case leads to no
        question. Any other failure of a judge is a judgement. Raised once all requests are done.
        """
