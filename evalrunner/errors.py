"""Everything that can go wrong, by what the reader can do about it.

EvalRunnerError
├── ConfigError        fix the configuration, the data or the command line; nothing was spent
├── ProviderError      one request got no usable answer; the trial is unscored, the run goes on
├── ScorerError        one answer could not be scored; the score is missing, never 0
├── StoreError         the disk refused; recorded answers are intact
└── BudgetExceeded     the next request was not sent; the run can be resumed with more

Declaration-time errors (ConfigError) are collected and shown together, before the first request.
Execution-time errors become values of a trial. Anything else is a bug and keeps its traceback.
"""

from __future__ import annotations

import errno
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One thing to mend before a run may start."""

    where: str
    """File and key or line, or the override as typed."""
    what: str
    """What is wrong and why."""
    hint: str = ""
    """What to type next; empty when `what` already says it."""
    n: int = 1
    """How many it stands for; more than 1 for those that are only counted."""

    def __str__(self) -> str:
        head = f"{self.where}: {self.what}" if self.where else self.what
        return f"{head}\n    {self.hint}" if self.hint else head


class EvalRunnerError(Exception):
    """Base of all errors that are shown without a traceback."""

    exit_code = 2


class ConfigError(EvalRunnerError):
    """The configuration, the data or the command line must change; holds every problem found."""

    exit_code = 2

    def __init__(self, problems: Problem | Iterable[Problem]) -> None:
        self.problems = (problems,) if isinstance(problems, Problem) else tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))

    @property
    def n_problems(self) -> int:
        """How many there are, those included that are only counted."""
        return sum(problem.n for problem in self.problems)


class FailureKind(StrEnum):
    """Why a request got no usable answer."""

    RATE_LIMIT = "rate_limit"
    SERVER = "server"
    TIMEOUT = "timeout"
    CONNECTION = "connection"
    BAD_BODY = "bad_body"
    AUTH = "auth"
    QUOTA = "quota"
    BAD_REQUEST = "bad_request"
    NOT_FOUND = "not_found"
    ENCODING = "encoding"
    FUNCTION = "function"
    """A user's function raised or returned something that is no answer."""
    NO_RECORDING = "no_recording"
    """A replay file has no row for this case and repeat, or a row without an output."""
    INTERNAL = "internal"
    """A defect of ours: the trial is unscored, the run goes on."""


class ProviderError(EvalRunnerError):
    """One attempt got no usable answer."""

    def __init__(
        self,
        message: str,
        *,
        kind: FailureKind,
        status_code: int | None = None,
        retry_after_s: float | None = None,
        possibly_billed: bool = False,
        body: bytes = b"",
    ) -> None:
        super().__init__(message)
        self.kind = kind
        self.status_code = status_code
        self.retry_after_s = retry_after_s
        """What the provider asks to wait, unclamped; None when it does not say."""
        self.possibly_billed = possibly_billed
        """The request may have been worked on although no answer arrived."""
        self.body = body
        """The raw body, when one arrived: it is journalled, never cached."""
        self.attempts = 1


class ScorerError(EvalRunnerError):
    """One answer could not be scored, through no fault of the answer."""


class StoreError(EvalRunnerError):
    """The run directory could not be read or written."""

    exit_code = 5


def disk_remedy(error: OSError) -> str:
    """What to do about a disk that does not let us write."""
    if error.errno in {errno.EROFS, errno.EACCES, errno.EPERM}:
        return "make the directory writable, or work on a copy of it"
    return "free some space" if error.errno in {errno.ENOSPC, errno.EDQUOT} else "put that right"


class BudgetExceeded(EvalRunnerError):  # noqa: N818 - a stop, resumable, is not a failure
    """The next request might cost more than is left; it was not sent."""

    exit_code = 4
