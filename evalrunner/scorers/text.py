"""Scorers that compare text: exact_match, contains, regex and numeric."""

from __future__ import annotations

import re
import unicodedata
from decimal import Decimal
from typing import Any, Literal

from pydantic import Field, model_validator

from evalrunner.scorers.base import (
    SEARCHED_CHARACTERS,
    AnswerSettings,
    Pattern,
    TargetScorer,
    TargetSettings,
    pattern_problem,
    shortened,
    texts_of,
)
from evalrunner.scorers.numbers import (
    DecimalMark,
    NumberFormat,
    PercentMeaning,
    is_close,
    last_number,
    target_numbers,
)
from evalrunner.types import Case, Json, Score


class ExactMatchSettings(TargetSettings):
    """The answer is the target, or one of a list of them."""

    kind: Literal["exact_match"]
    ignore_case: bool = True
    strip: bool = True
    """Leave out white space around both."""


class ContainsSettings(TargetSettings):
    """The answer holds the target's text."""

    kind: Literal["contains"]
    mode: Literal["any", "all"] = "any"
    """How many of a list of targets must be there."""
    ignore_case: bool = True


class RegexSettings(AnswerSettings):
    """The answer matches a regular expression somewhere."""

    kind: Literal["regex"]
    pattern: Pattern | None = None
    """One for all cases. Null = each case's target is its own, or a list of which any counts."""
    target: str | None = "expected_output"
    """Which field of the case holds its expression; null when `pattern` is given."""
    ignore_case: bool = False

    @model_validator(mode="before")
    @classmethod
    def _pattern_needs_no_target(cls, values: Any) -> Any:
        """The packaged file names a target, so that one override is enough to give a pattern."""
        if isinstance(values, dict) and values.get("pattern") is not None:
            return {**values, "target": None}
        return values

    @model_validator(mode="after")
    def _has_expression(self) -> RegexSettings:
        if self.pattern is None and self.target is None:
            raise ValueError("give a pattern, or the target field that holds one")
        return self


class NumericSettings(TargetSettings):
    """The last number of the answer (or of what `extract` finds) is the target's."""

    kind: Literal["numeric"]
    tolerance: float = Field(default=0, ge=0)
    """Largest absolute difference that is right; the larger of the two tolerances counts."""
    relative_tolerance: float = Field(default=0, ge=0)
    """As `tolerance`, as a share of the target's size: 0.01 = 1 %."""
    percent: PercentMeaning = "number"
    """What `12 %` is, in answer and target: 12 (number) or 0.12 (fraction)."""
    fractions: bool = False
    """Read `3/4` and `2 3/4` as one number; otherwise `3/4` ends in the number 4."""
    decimal_mark: DecimalMark = "."
    """With a comma, 1.234,5 is one thousand two hundred thirty-four and a half."""

    @property
    def number_format(self) -> NumberFormat:
        """How numbers are written in answers and targets."""
        return NumberFormat(
            decimal_mark=self.decimal_mark, fractions=self.fractions, percent=self.percent
        )


class ExactMatch(TargetScorer[ExactMatchSettings, tuple[str, ...]]):
    """Compares whole texts, in Unicode's composed form; numbers and booleans as their JSON."""

    def _read_target(self, value: Json) -> tuple[str, ...]:
        return tuple(map(self._normalised, texts_of(value)))

    def _compare(self, answer: str, target: tuple[str, ...]) -> Score:
        is_right = self._normalised(answer) in target
        return Score(value=float(is_right), label=self._label(answer))

    def _normalised(self, text: str) -> str:
        stripped = text.strip() if self.settings.strip else text
        return normalised_text(stripped, ignore_case=self.settings.ignore_case)


class Contains(TargetScorer[ContainsSettings, tuple[str, ...]]):
    """Looks for the targets anywhere in the answer, inside words too."""

    def _read_target(self, value: Json) -> tuple[str, ...]:
        texts = texts_of(value)
        if not all(texts):
            raise ValueError("an empty text is contained in every answer")
        return texts

    def _compare(self, answer: str, target: tuple[str, ...]) -> Score:
        ignore_case = self.settings.ignore_case
        text = normalised_text(answer, ignore_case=ignore_case)
        missing = [
            part for part in target if normalised_text(part, ignore_case=ignore_case) not in text
        ]
        allowed = 0 if self.settings.mode == "all" else len(target) - 1
        if len(missing) <= allowed:
            return Score(value=1.0, label=self._label(answer))
        listed = ", ".join(repr(shortened(part)) for part in missing)
        return Score(value=0.0, reason=f"missing: {listed}", label=self._label(answer))


class Regex(TargetScorer[RegexSettings, tuple[str, ...]]):
    """Searches the end of the answer (`SEARCHED_CHARACTERS`) for an expression."""

    def _target_value(self, case: Case) -> Json:
        pattern = self.settings.pattern
        return super()._target_value(case) if pattern is None else pattern

    def _read_target(self, value: Json) -> tuple[str, ...]:
        patterns = texts_of(value)
        for problem in filter(None, map(pattern_problem, patterns)):
            raise ValueError(problem)
        return patterns

    def _compare(self, answer: str, target: tuple[str, ...]) -> Score:
        flags = re.IGNORECASE if self.settings.ignore_case else re.NOFLAG
        tail = answer[-SEARCHED_CHARACTERS:]
        for pattern in target:
            match = re.search(pattern, tail, flags)
            if match:
                return Score(value=1.0, label=shortened(match.group()))
        return Score(value=0.0)


class Numeric(TargetScorer[NumericSettings, tuple[Decimal, ...]]):
    """Compares numbers exactly, as decimals, or within a tolerance; `label` is what was read."""

    def _read_target(self, value: Json) -> tuple[Decimal, ...]:
        return target_numbers(value, self.settings.number_format)

    def _compare(self, answer: str, target: tuple[Decimal, ...]) -> Score:
        number = last_number(answer[-SEARCHED_CHARACTERS:], self.settings.number_format)
        if number is None:
            return Score(value=0.0, reason="no_number")
        is_right = any(
            is_close(
                number,
                truth,
                absolute=self.settings.tolerance,
                relative=self.settings.relative_tolerance,
            )
            for truth in target
        )
        return Score(value=float(is_right), label=shortened(str(number)))


def normalised_text(text: str, *, ignore_case: bool) -> str:
    """`text` in composed form, case-folded on request: equal to the eye is equal here."""
    composed = unicodedata.normalize("NFC", text)
    # Folding may decompose (ǰ), so the result is composed again.
    return unicodedata.normalize("NFC", composed.casefold()) if ignore_case else composed
