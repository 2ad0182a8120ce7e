"""The recorded scorer: a score that a replayed row carries, such as a benchmark's reward."""

from __future__ import annotations

import math
from typing import Literal

from evalrunner.errors import ScorerError
from evalrunner.scorers.base import ScorerSettings, shortened
from evalrunner.scorers.json_text import ABSENT, InvalidJsonError, parse_json, value_at
from evalrunner.types import Case, Completion, Json, Score


class RecordedSettings(ScorerSettings):
    """A number in [0, 1] (also as text, from CSV), true or false, in the recorded row."""

    kind: Literal["recorded"]
    field: str = "reward"
    """Key of the row, or a dotted path into it."""


class Recorded:
    """Reads the score from the row that the replay provider keeps as the raw body.

    Args:
        name: The key under `scorer:` in the configuration.
        settings: Its settings.
    """

    def __init__(self, name: str, settings: RecordedSettings) -> None:
        self.name = name
        self.settings = settings

    def target_problem(self, case: Case) -> None:
        """Nothing: the score is in the recording, not in the case."""
        del case

    async def score(self, case: Case, completion: Completion) -> Score:
        """The recorded score, or unscored `no_recording`. Raises ScorerError for anything else."""
        value = self._recorded(case, completion.raw)
        if value is ABSENT or value in (None, ""):
            return Score(value=None, reason="no_recording")
        number = _number(value)
        if not 0 <= number <= 1:  # NaN fails it too
            shown = shortened(repr(value))
            what = f"the recorded {self.settings.field!r} is {shown}, not a number in [0, 1]"
            raise ScorerError(f"scorer {self.name!r}: case {case.id!r}: {what}")
        return Score(value=number)

    def _recorded(self, case: Case, raw: bytes) -> Json:
        if not raw:
            return ABSENT
        try:
            return value_at(parse_json(raw.decode("utf-8")), self.settings.field)
        except (InvalidJsonError, UnicodeDecodeError) as error:
            what = f"the raw body is no recorded row: {error}"
            raise ScorerError(f"scorer {self.name!r}: case {case.id!r}: {what}") from error


def _number(value: Json) -> float:
    """NaN for what is no number; text counts, because a CSV file has nothing else."""
    if not isinstance(value, int | float | str):
        return math.nan
    try:
        return float(value)
    except (ValueError, OverflowError):
        return math.nan
