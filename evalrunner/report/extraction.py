"""The same answers read in a second way: facts about scorers that depend on how they read.

What follows from them is said by `evalrunner.flags`.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from decimal import Decimal
from typing import Any

from evalrunner.planning import CellSpec
from evalrunner.scorers.base import SEARCHED_CHARACTERS, ScorerSettings, texts_of
from evalrunner.scorers.numbers import (
    NumberFormat,
    find_numbers,
    is_close,
    last_number,
    target_numbers,
)
from evalrunner.scorers.text import (
    ExactMatchSettings,
    NumericSettings,
    RegexSettings,
    normalised_text,
)
from evalrunner.stats import wilson_interval
from evalrunner.types import Case, Estimate, Json

_MOST = 50
"""Cases that are named."""
_DIGIT, _GROUPS = re.compile(r"\d"), re.compile(r"[\d,]*")
_BEFORE, _AFTER, _EDGE = 32, 20, 12
"""Characters read around the last digit, and those at whose edge a number may be cut in two."""
_NO_SUCH = "\0"
"""What no answer was read as."""


class ExtractionTally:
    """Reads the answers of one cell a second time, for each of its scorers that extracts."""

    def __init__(self, spec: CellSpec) -> None:
        scorers = spec.settings.scorer.items() if spec.role == "candidate" else ()
        self._readings = {
            name: reading
            for name, settings in scorers
            if (reading := _reading_of(settings)) is not None
        }
        self._repeats = spec.repeats

    def add(self, case: Case, row: Mapping[str, Any]) -> None:
        """Count one trial; what was not scored as right or wrong by its text does not count."""
        if self._readings and row["status"] == "ok":
            for name, reading in self._readings.items():
                score = row["scores"].get(name)
                if score is not None and score["value"] is not None:
                    reading.add(case, row["output"] or "", score)

    def to_json(self) -> list[dict[str, Json]]:
        """Of each such scorer, what the second reading says."""
        return [
            {"scorer": name, **reading.to_json(repeats=self._repeats)}
            for name, reading in self._readings.items()
        ]


def may_be_misread(settings: ScorerSettings, case: Case, text: str) -> bool:
    """Whether a number of the target stands in this answer, for a scorer that picks out a part.

    What the scorer read is then perhaps not what the answer says.
    """
    if isinstance(settings, NumericSettings):
        form, near = settings.number_format, (settings.tolerance, settings.relative_tolerance)
    elif _reading_of(settings) is not None:
        form, near = NumberFormat(), (0.0, 0.0)
    else:
        return False
    try:
        truths = target_numbers(case.fields.get(str(getattr(settings, "target", ""))), form)
    except ValueError:
        return False
    absolute, relative = near
    return any(
        is_close(found.value, truth, absolute=absolute, relative=relative)
        for found in find_numbers(text[-SEARCHED_CHARACTERS:], form)
        for truth in truths
    )


class _Reading(ABC):
    """One other way to read an answer."""

    alternative: str
    """In words."""

    def __init__(self) -> None:
        self._n = 0
        self._total = 0.0
        self._cases: dict[str, None] = {}
        self._n_disagree = 0

    def add(self, case: Case, text: str, score: Mapping[str, Any]) -> None:
        """Count one answer."""
        read, value = self._read(text), float(score["value"])
        if read != (score.get("label") or _NO_SUCH):
            other = 0.0 if read is None else float(self._is_right(read, case))
            if other != value:
                self._n_disagree += 1
                self._cases.setdefault(case.id)
            value = other
        self._n += 1
        self._total += value

    def to_json(self, *, repeats: int) -> dict[str, Json]:
        """Its entry but for cell and scorer; repeats leave the value without bounds."""
        value = Estimate(value=self._total / self._n if self._n else None, n=self._n)
        if repeats == 1 and self._n:
            value = wilson_interval(self._total, self._n)
        return {
            "n": self._n,
            "n_disagree": self._n_disagree,
            "cases": [*self._cases][:_MOST],
            "alternative": self.alternative,
            "value": asdict(value),
        }

    @abstractmethod
    def _read(self, text: str) -> str | None: ...

    @abstractmethod
    def _is_right(self, read: str, case: Case) -> bool: ...


class _WholeNumber(_Reading):
    """Of a numeric scorer: the last digits, as simple scorers read them."""

    alternative = "the last whole number (“$20.00” is then 0)"

    def __init__(self, settings: NumericSettings) -> None:
        super().__init__()
        self._settings = settings

    def _read(self, text: str) -> str | None:
        # Backwards, so that a long answer costs no more than its last number.
        back = text[-SEARCHED_CHARACTERS:][::-1]
        last = _DIGIT.search(back)
        if last is None:
            return None
        groups = _GROUPS.match(back, last.start())
        assert groups is not None  # noqa: S101 - it matches the empty text
        is_negative = back[groups.end() : groups.end() + 1] == "-" and groups.group()[-1] != ","
        return ("-" if is_negative else "") + groups.group()[::-1].replace(",", "")

    def _is_right(self, read: str, case: Case) -> bool:
        return _is_target(Decimal(read), case, self._settings)


class _AnyNumber(_Reading):
    """Of a numeric scorer with `extract`: the last number, wherever it stands."""

    alternative = "the last number of the whole answer, without `extract`"

    def __init__(self, settings: NumericSettings) -> None:
        super().__init__()
        self._settings = settings

    def _read(self, text: str) -> str | None:
        tail, form = text[-SEARCHED_CHARACTERS:], self._settings.number_format
        # To read all numbers of a long answer takes many times as long as those at its last digit.
        last = None if form.fractions else _DIGIT.search(tail[::-1])
        if last is not None:
            end = len(tail) - last.start()
            *_, found = [None, *find_numbers(tail[max(0, end - _BEFORE) : end + _AFTER], form)]
            if found is not None and found.start >= _EDGE:
                return str(found.value)
        number = last_number(tail, form)
        return None if number is None else str(number)

    def _is_right(self, read: str, case: Case) -> bool:
        return _is_target(Decimal(read), case, self._settings)


class _FirstMatch(_Reading):
    """Of a scorer of text with `extract`: what it finds first, not last."""

    alternative = "the first match of `extract`, not the last"

    def __init__(self, settings: ExactMatchSettings | RegexSettings) -> None:
        super().__init__()
        self._settings = settings
        self._extract = re.compile(settings.extract or "")

    def _read(self, text: str) -> str | None:
        found = self._extract.search(text[-SEARCHED_CHARACTERS:])
        if found is None:
            return None
        group = found.group(1) if self._extract.groups else None
        return found.group() if group is None else group

    def _is_right(self, read: str, case: Case) -> bool:
        settings = self._settings
        if isinstance(settings, RegexSettings):
            flags = re.IGNORECASE if settings.ignore_case else re.NOFLAG
            return any(re.search(each, read, flags) for each in self._patterns(case, settings))
        known = (self._normalised(text) for text in texts_of(case.fields.get(settings.target)))
        return self._normalised(read) in known

    def _patterns(self, case: Case, settings: RegexSettings) -> Iterator[str]:
        if settings.pattern is not None:
            yield settings.pattern
        elif settings.target is not None:
            yield from texts_of(case.fields.get(settings.target))

    def _normalised(self, text: str) -> str:
        settings = self._settings
        is_stripped = isinstance(settings, ExactMatchSettings) and settings.strip
        return normalised_text(
            text.strip() if is_stripped else text, ignore_case=settings.ignore_case
        )


def _reading_of(settings: ScorerSettings) -> _Reading | None:
    """A second way to read what this scorer reads; None for one that does not extract."""
    if isinstance(settings, NumericSettings):
        return _WholeNumber(settings) if settings.extract is None else _AnyNumber(settings)
    if isinstance(settings, ExactMatchSettings | RegexSettings) and settings.extract is not None:
        return _FirstMatch(settings)
    return None


def _is_target(number: Decimal, case: Case, settings: NumericSettings) -> bool:
    return any(
        is_close(number, truth, absolute=settings.tolerance, relative=settings.relative_tolerance)
        for truth in target_numbers(case.fields.get(settings.target), settings.number_format)
    )
