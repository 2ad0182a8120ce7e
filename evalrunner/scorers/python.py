"""The python scorer: a decorated function of the user's project gives the score."""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping
from numbers import Real
from typing import Any, Literal

from evalrunner.errors import ScorerError
from evalrunner.functions import call_user_function, load_function, user_line
from evalrunner.project import Project
from evalrunner.scorers.base import ScorerSettings, shortened
from evalrunner.types import Case, Completion, Score

_ACCEPTED = "bool, a number in [0, 1], None, or {value, reason}"


class PythonSettings(ScorerSettings):
    """A function of the project decorated with `@evalrunner.scorer`."""

    kind: Literal["python"]
    function: str
    """`file.py:name`."""


class PythonScorer:
    """Calls the function with those of output, case and completion that it names.

    The case is a copy of its fields, so that nothing a function does to it reaches another scorer.

    Args:
        name: The key under `scorer:` in the configuration.
        settings: Its settings.
        project: Where the function's file is looked up.

    Raises ConfigError for a function that cannot be loaded.
    """

    def __init__(self, name: str, settings: PythonSettings, *, project: Project) -> None:
        self.name = name
        self.settings = settings
        where = f"scorer.{name}.function"
        self._function = load_function(settings.function, project, role="scorer", where=where)

    @property
    def function_sha256(self) -> str:
        """Of the function's file: another content is another scorer."""
        return self._function.function_sha256

    def target_problem(self, case: Case) -> None:
        """Nothing: what the function reads of a case is its own affair."""
        del case

    async def score(self, case: Case, completion: Completion) -> Score:
        """What the function says. Raises ScorerError when it raises, or returns no score."""
        available = {
            "output": completion.text or "",
            "case": copy.deepcopy(dict(case.fields)),
            "completion": completion,
        }
        try:
            returned = await call_user_function(self._function, available)
        # SystemExit too: one function's exit() must not end a run with paid answers in flight.
        except (Exception, SystemExit) as error:
            line = user_line(error, self._function.path)
            at = "" if line is None else f", line {line}"
            what = f"raised {type(error).__name__}{at}: {error}"
            raise ScorerError(f"{self._where(case)} {what}") from error
        try:
            return _score(returned)
        except ValueError as error:
            raise ScorerError(f"{self._where(case)} returned {error}") from error

    def _where(self, case: Case) -> str:
        return f"scorer {self.name!r}: case {case.id!r}: {self.settings.function!r}"


def _score(returned: Any) -> Score:
    if not isinstance(returned, Mapping):
        value = _value(returned)
        return Score(value=value, reason="unscored_by_function" if value is None else None)
    reason = returned.get("reason")
    if "value" not in returned or returned.keys() - {"value", "reason"}:
        listed = ", ".join(map(str, returned))
        raise ValueError(f"a mapping of {listed or 'nothing'}; expected {_ACCEPTED}")
    if reason is not None and not isinstance(reason, str):
        raise ValueError(f"a reason that is no text but {type(reason).__name__}")
    value = _value(returned["value"])
    default = "unscored_by_function" if value is None else None
    return Score(value=value, reason=reason or default)


def _value(returned: Any) -> float | None:
    if returned is None:
        return None
    # numpy's booleans are no numbers, its floats are.
    plain = returned.item() if type(returned).__module__ == "numpy" else returned
    if not isinstance(plain, Real):
        shown = shortened(repr(returned))
        raise ValueError(f"{shown} ({type(returned).__name__}); expected {_ACCEPTED}")  # noqa: TRY004
    number = float(plain)
    if math.isnan(number) or not 0 <= number <= 1:
        raise ValueError(f"{number!r}; expected {_ACCEPTED}")
    return number
