"""What every scorer has: its protocol, the base settings, and how answer and target are read."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from typing import Annotated, Any, Generic, Protocol, TypeVar

from pydantic import AfterValidator

from evalrunner.errors import ScorerError
from evalrunner.settings import Settings
from evalrunner.types import Case, Completion, Json, Score, canonical_json

SEARCHED_CHARACTERS = 100_000
"""Only the end of a longer answer is searched, so that one runaway answer cannot stall a run.

It bounds expressions that cost the square of the length. It does not bound those with nested
repeats such as `(a+)+$`, which are exponential: Python's `re` cannot be interrupted.
"""

LABEL_CHARACTERS = 200
"""`Score.label` keeps this much of what was read; the whole answer is in the trial."""


class Scorer(Protocol):
    """Scores one answer at a time."""

    name: str
    """The key under `scorer:` in the configuration."""

    def target_problem(self, case: Case) -> str | None:
        """Why this scorer could never score this case, found before any request; None = it can.

        A missing target is no such problem: the score is then unscored, `no_target`.
        """

    async def score(self, case: Case, completion: Completion) -> Score:
        """The score. A missing target is `Score(value=None, reason="no_target")`, never 0.

        Raises ScorerError when this answer cannot be scored through no fault of its own.
        """


def _checked_pattern(pattern: str) -> str:
    problem = pattern_problem(pattern)
    if problem is not None:
        raise ValueError(problem)
    return pattern


Pattern = Annotated[str, AfterValidator(_checked_pattern)]
"""A regular expression; a wrong one is refused with the position of the mistake."""


class ScorerSettings(Settings):
    """What every scorer's configuration has; `kind` selects the subclass."""

    kind: str


class AnswerSettings(ScorerSettings):
    """A scorer that reads the text of the answer."""

    extract: Pattern | None = None
    """Regex whose last match is scored: its first group, or the whole match. Null = all text."""


class TargetSettings(AnswerSettings):
    """A scorer that compares the answer with the truth."""

    target: str = "expected_output"
    """Which field of the case holds the truth."""


def pattern_problem(pattern: str) -> str | None:
    """What is wrong with a regular expression, and where; None for a good one."""
    try:
        re.compile(pattern)
    except re.error as error:
        at = "" if error.pos is None else f" at position {error.pos}"
        return f"{pattern!r} is no regular expression: {error.msg}{at}"
    except (OverflowError, RecursionError) as error:
        return f"{pattern!r} is no usable regular expression: {error}"
    return None


def read_answer(completion: Completion, extract: re.Pattern[str] | None) -> str | None:
    """The text to score; None when `extract` matches nowhere. No answer at all reads as empty."""
    text = completion.text or ""
    if extract is None:
        return text
    last = None
    for last in extract.finditer(text[-SEARCHED_CHARACTERS:]):  # noqa: B007 - the last one is used
        pass
    if last is None:
        return None
    if extract.groups and last.group(1) is not None:
        return last.group(1)
    return last.group()


def text_of(value: Json) -> str:
    """A target as it is compared with text: a string as it is, anything else as its JSON."""
    return value if isinstance(value, str) else canonical_json(value)


def texts_of(value: Json) -> tuple[str, ...]:
    """A target that may be one value or a list of accepted ones."""
    return tuple(map(text_of, value)) if isinstance(value, list | tuple) else (text_of(value),)


def shortened(text: str) -> str:
    """`text`, cut to what a label or a reason keeps."""
    return text if len(text) <= LABEL_CHARACTERS else f"{text[: LABEL_CHARACTERS - 1]}…"


class ReadsTarget(Protocol):
    """What `TargetScorer` needs of its settings."""

    @property
    def extract(self) -> str | None:
        """See `AnswerSettings`."""

    @property
    def target(self) -> str | None:
        """See `TargetSettings`; None for a scorer that was told the truth by its settings."""


SettingsT = TypeVar("SettingsT", bound=ReadsTarget)
TargetT = TypeVar("TargetT")


class TargetScorer(ABC, Generic[SettingsT, TargetT]):
    """A pure scorer: reads the target, reads the answer, compares the two.

    Args:
        name: The key under `scorer:` in the configuration.
        settings: Its settings.
    """

    def __init__(self, name: str, settings: SettingsT) -> None:
        self.name = name
        self.settings = settings
        self._extract = None if settings.extract is None else re.compile(settings.extract)

    def target_problem(self, case: Case) -> str | None:
        """Why the target of this case cannot be used; None when it can, or is missing."""
        value = self._target_value(case)
        if _is_missing(value):
            return None
        try:
            self._read_target(value)
        except ValueError as error:
            return self._explained(case, error)
        return None

    async def score(self, case: Case, completion: Completion) -> Score:
        """1 for a right answer, 0 for a wrong one or none. Raises ScorerError for a bad target."""
        value = self._target_value(case)
        if _is_missing(value):
            return Score(value=None, reason="no_target")
        try:
            target = self._read_target(value)
        except ValueError as error:
            raise ScorerError(f"scorer {self.name!r}: {self._explained(case, error)}") from error
        answer = read_answer(completion, self._extract)
        if answer is None:
            return self._failed("extract_not_found", target)
        return self._compare(answer, target)

    def _explained(self, case: Case, error: ValueError) -> str:
        return f"case {case.id!r}: field {self.settings.target!r}: {error}"

    def _target_value(self, case: Case) -> Json:
        return None if self.settings.target is None else case.fields.get(self.settings.target)

    def _failed(self, reason: str, target: TargetT) -> Score:
        """The score of an answer that could not be read: the model's own failure."""
        del target
        return Score(value=0.0, reason=reason)

    @abstractmethod
    def _read_target(self, value: Json) -> TargetT:
        """The truth, ready to compare. Raises ValueError saying why it cannot be used."""

    @abstractmethod
    def _compare(self, answer: str, target: TargetT) -> Score: ...

    def _label(self, answer: str) -> str | None:
        """What was read, when that is not simply the whole answer."""
        return None if self._extract is None else shortened(answer)


def _is_missing(value: Any) -> bool:
    return value is None or (isinstance(value, list | tuple) and not value)
