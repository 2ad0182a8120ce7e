"""What an index needs of a run's files, checked: a run directory may be anybody's.

pydantic reads the bytes and passes over what is not named here, such as classes and slices: that is
several times faster than making objects of a whole summary.
"""

from __future__ import annotations

import contextlib
import re
import stat
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, TypeAlias, TypeVar

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from evalrunner.store import SCHEMA_VERSION

_LARGEST = 64_000_000
"""Bytes; 40 cells with 77 classes each take half a million."""
_LONE_SURROGATE = re.compile(
    rb"\\u[dD][89abAB][0-9a-fA-F]{2}(?!\\u[dD][c-fC-F])"
    rb"|(?<!\\u[dD][89abAB][0-9a-fA-F]{2})\\u[dD][c-fC-F][0-9a-fA-F]{2}"
)


Number: TypeAlias = Annotated[float, Field(ge=-1e9, le=1e9)]
Count: TypeAlias = Annotated[int, Field(ge=0, le=10**12)]
Moment: TypeAlias = Annotated[
    AwareDatetime,
    Field(ge=datetime(1970, 1, 2, tzinfo=UTC), le=datetime(9999, 1, 1, tzinfo=UTC)),
]


class UnreadableError(Exception):
    """A file of a run cannot be read; the message says which and why, and quotes nothing of it."""


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, allow_inf_nan=False)


class RunSettings(_Part):
    """Of `run.*`, what names an experiment and what makes scores comparable."""

    name: str
    on_refused: str = "fail"
    on_truncated: str = "fail"


class CellConfig(_Part):
    """Of a cell's settings, how its answers are scored."""

    run: RunSettings
    scorer: dict[str, Any]
    judge: dict[str, Any] | None = None


class CellCases(_Part):
    """Which rows of `cases.jsonl` a cell answers."""

    first: int
    n: Count


class PlannedCell(_Part):
    """A cell of `plan.json`."""

    id: int
    axes: dict[str, Any]
    facet: int
    role: str
    config: CellConfig
    cases: CellCases


class CaseSetFacts(_Part):
    """One of the test sets, in the order of `cases.jsonl`."""

    n: Count
    sha256: str


class Cases(_Part):
    """All cases of a run."""

    n: Count
    sha256: str
    sets: tuple[CaseSetFacts, ...] = ()


class _File(_Part):
    schema_version: int


class PlanFacts(_File):
    """`plan.json`."""

    cells: tuple[PlannedCell, ...]
    cases: Cases
    repeats: Count


class ManifestFacts(_File):
    """`manifest.json`."""

    kind: str = "run"
    started_at: Moment | None = None
    finished_at: Moment | None = None
    ending: dict[str, Any] = {}
    parent: str | None = None
    """The run whose answers were scored anew."""


class Share(_Part):
    """An estimate of `summary.json`."""

    value: Number | None
    low: Number | None
    high: Number | None
    n: Count | None


class Spent(_Part):
    """Of a cell's `cost`."""

    usd_spent: Number | None


class Raced(_Part):
    """Of a cell that was stopped early."""

    n_skipped: Count


class MeasuredCell(_Part):
    """A cell of `summary.json`."""

    id: int
    label: str
    axes: dict[str, Any] = {}
    facet: int
    role: str
    quality: Share
    quality_name: str
    cost: Spent
    n_error: Count
    n_skipped: Count
    n_unscored: Count
    raced: Raced | None = None

    @property
    def n_missing(self) -> int:
        """Trials that should have a score and have none; racing spares the others on purpose."""
        spared = self.raced.n_skipped if self.raced else 0
        return self.n_error + self.n_skipped + self.n_unscored - spared


class Recommended(_Part):
    """One of `recommendations`."""

    facet: int
    cell: int | None
    because: str


class FlagFacts(_Part):
    """One of `flags`."""

    code: str
    severity: str


class RunFacts(_Part):
    """`run` of `summary.json`."""

    name: str
    n_cases: Count | None = None


class SummaryFacts(_File):
    """`summary.json`."""

    run: RunFacts
    cells: tuple[MeasuredCell, ...]
    recommendations: tuple[Recommended, ...] = ()
    flags: tuple[FlagFacts, ...] = ()


Facts = TypeVar("Facts", bound=_File)


def read_facts(path: Path, kind: type[Facts]) -> Facts | None:
    """What `path` says, as `kind`; None when it is not there. Raises UnreadableError."""
    data = _bytes(path)
    if data is None:
        return None
    try:
        facts = _validated(data, kind)
    except ValidationError as error:
        # A newer version may have changed any other field.
        with contextlib.suppress(ValidationError):
            _refuse_newer(_validated(data, _File), path)
        raise UnreadableError(f"{path.name}: {_first_problem(error)}") from error
    _refuse_newer(facts, path)
    return facts


def _bytes(path: Path) -> bytes | None:
    try:
        found = path.lstat()
        if not stat.S_ISREG(found.st_mode):
            raise UnreadableError(f"{path.name} is no regular file")
        if found.st_size > _LARGEST:
            raise UnreadableError(f"{path.name} is too large: {found.st_size:,} bytes")
        return path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise UnreadableError(f"{path.name} cannot be read: {error.strerror}") from error


def _validated(data: bytes, kind: type[Facts]) -> Facts:
    try:
        return kind.model_validate_json(data)
    except ValidationError:
        # Foreign text may have brought in half a character: JSON allows it, pydantic does not.
        plain = _LONE_SURROGATE.sub(rb"\\ufffd", data)
        if plain == data:
            raise
        return kind.model_validate_json(plain)


def _refuse_newer(facts: _File, path: Path) -> None:
    if facts.schema_version > SCHEMA_VERSION:
        made = f"schema {facts.schema_version}, not {SCHEMA_VERSION}"
        raise UnreadableError(f"{path.name} was made by a newer evalrunner ({made})")


def _first_problem(error: ValidationError) -> str:
    """Which field and why, without its value."""
    found = error.errors(include_url=False, include_context=False, include_input=False)[0]
    where = ".".join(map(str, found["loc"]))
    return f"{where}: {found['msg']}" if where else found["msg"]
