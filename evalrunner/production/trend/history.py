"""The history file: one JSON line for each period that was scored, appended and never rewritten.

Meant for version control: sorted keys, no paths of this machine, no texts of users. A line that
replaces an earlier one names it; the earlier one stays where it is.
"""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any, Self

from pydantic import ConfigDict, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass as checked_dataclass

from evalrunner.errors import ConfigError, Problem, StoreError
from evalrunner.production.trend.periods import Period
from evalrunner.types import Estimate, canonical_json, sha256_of

SCHEMA_VERSION = 1
_ID_LENGTH = 12
_CONFIG = ConfigDict(allow_inf_nan=False)
_RULES_OF_ID = "a line of the history is never edited: take the change back"


@checked_dataclass(frozen=True, slots=True, kw_only=True, config=_CONFIG)
class Measure:
    """How records were scored, as hashes: points are comparable where all of them are equal."""

    quality: str
    """Name of the scorer."""
    scorer: str
    """Settings, templates and code of the scorer."""
    judge: str | None
    """Of its judge; None = it has none."""
    rules: str
    """What refused and cut-off answers score."""


@checked_dataclass(frozen=True, slots=True, kw_only=True, config=_CONFIG)
class Offline:
    """The cell of an offline run that production is held to."""

    run: str
    """`name/directory` below the outputs."""
    cell: str
    """Its label."""
    measure: Measure | None
    """None = its scorer cannot be made any more."""
    score: Estimate
    corrected: Estimate | None
    """By people's labels of the offline run; None = too few."""
    confidence: float
    """Level of both."""


@checked_dataclass(frozen=True, slots=True, kw_only=True, config=_CONFIG)
class Tally:
    """Records with equal scores, labels and weights."""

    score: float
    label: float | None
    """People's; None = not labelled."""
    weight: float
    """1 / the probability with which the record was sampled."""
    n: int


@checked_dataclass(frozen=True, slots=True, kw_only=True, config=_CONFIG)
class Entry:
    """One period as it was scored."""

    period: str
    is_partial: bool
    """The period had not ended."""
    run: str
    """`name/directory` of the run that scored it."""
    measure: Measure
    records_sha256: str
    """Of ids, outputs and weights: equal where nothing came in."""
    n_records: int
    n_unscored: int
    scores: tuple[Tally, ...]
    """Sorted: all that later computations need."""
    score: Estimate
    """Mean, with the interval of this period alone."""
    corrected: Estimate | None
    """The same with people's labels of this period; None = too few."""
    confidence: float
    offline: Offline | None
    """What it was held to."""
    supersedes: str | None = None
    """Id of the line that this one replaces."""

    @property
    def id(self) -> str:
        """Of its line: a hash of all the rest."""
        return _id_of(self._json())

    @property
    def when(self) -> Period:
        """The period itself."""
        return Period.named(self.period)

    @property
    def n_scored(self) -> int:
        """Records with a score."""
        return sum(tally.n for tally in self.scores)

    def says_the_same(self, other: Entry) -> bool:
        """Whether nothing differs but by which run, and what each replaces."""
        return replace(self, run=other.run, supersedes=other.supersedes) == other

    def to_line(self) -> str:
        """The line, with its end."""
        return canonical_json(self._json() | {"id": self.id}) + "\n"

    def _json(self) -> dict[str, Any]:
        found: dict[str, Any] = {field.name: _plain(getattr(self, field.name)) for field in _FIELDS}
        return found | {"schema_version": SCHEMA_VERSION}


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """What a history file says."""

    entries: tuple[Entry, ...] = ()
    """Those that nothing replaces, in time; one a period."""
    warnings: tuple[str, ...] = ()

    @classmethod
    def of(cls, entries: Sequence[Entry]) -> Self:
        """Of all lines in their order; of two that replace the same one the later counts."""
        replaced = {entry.supersedes for entry in entries}
        active: dict[str, Entry] = {}
        warnings = []
        for entry in entries:
            if entry.id in replaced:
                continue
            if entry.period in active:
                warnings.append(f"{entry.period} has two lines, as after a merge: the later counts")
            active[entry.period] = entry
        ordered = sorted(active.values(), key=lambda entry: entry.when)
        return cls(entries=tuple(ordered), warnings=tuple(dict.fromkeys(warnings)))

    def at(self, period: Period) -> Entry | None:
        """The line of a period."""
        return next((each for each in self.entries if each.period == period.name), None)

    def offline_at(self, period: Period) -> Offline | None:
        """What a period is held to: its own, else that of the latest before it, or the first."""
        known = [each for each in self.entries if each.offline is not None]
        before = [each for each in known if each.when <= period]
        found = before[-1] if before else known[0] if known else None
        return None if found is None else found.offline


def read_history(path: Path) -> History:
    """The lines of a history; none where there is no file yet.

    Raises ConfigError with every line that cannot be read, was edited, or is of another kind of
    period than the first; StoreError when the file cannot be opened.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return History()
    except (OSError, UnicodeDecodeError) as error:
        raise StoreError(f"{path}: cannot be read: {error}") from error
    entries: list[Entry] = []
    problems: list[Problem] = []
    for number, line in enumerate(text.splitlines(), start=1):
        if line.strip():
            try:
                entries.append(_entry(line, entries))
            except ValueError as error:
                what, _, hint = str(error).partition("\n")
                problems.append(Problem(where=f"{path}:{number}", what=what, hint=hint))
    if problems:
        raise ConfigError(problems)
    return History.of(entries)


def check_place(path: Path) -> None:
    """Make the directory of a history that will be written, before anything is spent for it.

    Raises ConfigError for a directory in its place, StoreError where it cannot be written.
    """
    if path.is_dir():
        hint = f"name a file: --history {path / 'trend.jsonl'}"
        raise ConfigError(Problem(where=f"--history {path}", what="is a directory", hint=hint))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.exists():
            path.open("rb+").close()
        elif not os.access(path.parent, os.W_OK | os.X_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    except OSError as error:
        raise StoreError(f"{path}: cannot be written: {error.strerror}") from error


def append_entry(path: Path, entry: Entry) -> None:
    """Add the line of a period, synced. Raises StoreError."""
    flags = os.O_RDWR | os.O_APPEND | os.O_CREAT
    try:
        with os.fdopen(os.open(path, flags, 0o644), "rb+") as file:
            size = file.seek(0, os.SEEK_END)
            # An editor, or a merge, may have left the last line without its end.
            is_open = bool(size) and os.pread(file.fileno(), 1, size - 1) != b"\n"
            file.write(b"\n" * is_open + entry.to_line().encode("ascii"))
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise StoreError(f"{path}: cannot be written: {error.strerror}") from error


def _entry(line: str, earlier: Sequence[Entry]) -> Entry:
    """Raises ValueError, whose second line is a hint."""
    record = _object(line)
    if record.get("schema_version") != SCHEMA_VERSION:
        version = record.get("schema_version")
        raise ValueError(
            f"its schema_version is {version!r}, not {SCHEMA_VERSION}\nupgrade evalrunner"
        )
    named = record.pop("id", None)
    if named != _id_of(record):
        raise ValueError(f"it was changed after it was written\n{_RULES_OF_ID}")
    record.pop("schema_version")
    try:
        entry = _ADAPTER.validate_python(record)
    except ValidationError as error:
        faults = (f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
        raise ValueError(f"it is no line of a history: {'; '.join(faults)}") from error
    kind = entry.when.kind
    if earlier and earlier[0].when.kind != kind:
        what = f"{entry.period} is a {kind}, and the first line a {earlier[0].when.kind}"
        raise ValueError(f"{what}\nkeep weeks and months in files of their own")
    return entry


def _object(line: str) -> dict[str, Any]:
    try:
        record = json.loads(line)
    except ValueError as error:
        raise ValueError(
            f"it is no JSON: {error}\ntake the change back, or the line out"
        ) from error
    if not isinstance(record, dict):
        raise ValueError("it is no JSON object")  # noqa: TRY004 - a fault of the file
    return record


def _id_of(record: Mapping[str, Any]) -> str:
    return sha256_of(dict(record))[:_ID_LENGTH]


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_plain(each) for each in value]
    return asdict(value) if hasattr(value, "__dataclass_fields__") else value


_FIELDS = fields(Entry)
_ADAPTER = TypeAdapter(Entry)
