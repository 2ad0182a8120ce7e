"""Cases on disk: 100,000 of them cost a few bytes each in memory.

A `CaseSet` reads from an unlinked temporary file and lives as long as the process needs it; a
`CaseFile` reads the `cases.jsonl` of a run. Both can be iterated again and again, also at once.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import tempfile
import weakref
from abc import abstractmethod
from array import array
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import IO, BinaryIO, overload

from evalrunner.errors import StoreError
from evalrunner.types import Case, Json, canonical_json, sha256_of

_DIGEST_SIZE = 32
_MOST_SHOWN = 20


class _Cases(Sequence[Case]):
    """A sequence of cases, each read from disk when it is asked for."""

    name: str

    @abstractmethod
    def _read(self, position: int) -> Case:
        """The case at a position from 0 to `len(self) - 1`."""

    @property
    @abstractmethod
    def sha256(self) -> str:
        """Identity of all cases in their order: SHA-256 over the cases' own, as bytes."""

    @overload
    def __getitem__(self, position: int) -> Case: ...

    @overload
    def __getitem__(self, position: slice) -> tuple[Case, ...]: ...

    def __getitem__(self, position: int | slice) -> Case | tuple[Case, ...]:
        if isinstance(position, slice):
            return tuple(self._read(at) for at in range(len(self))[position])
        return self._read(range(len(self))[position])

    def __iter__(self) -> Iterator[Case]:
        return map(self._read, range(len(self)))


class Spool:
    """Canonical cases in a temporary file that has no name and vanishes with the process."""

    def __init__(self) -> None:
        try:
            self._file = tempfile.TemporaryFile(prefix="evalrunner-")  # noqa: SIM115 - lives on
        except OSError as error:
            raise _cannot_write("a temporary file", error) from error
        weakref.finalize(self, _close, self._file)
        self._starts = array("q", [0])
        self._digests = bytearray()

    def add(self, text: str) -> None:
        """Append the canonical JSON of one case. Raises StoreError when the disk is full."""
        line = text.encode("ascii")
        try:
            self._file.write(line)
        except OSError as error:
            raise _cannot_write("a temporary file", error) from error
        self._starts.append(self._starts[-1] + len(line))
        self._digests += hashlib.sha256(line).digest()

    def __len__(self) -> int:
        return len(self._starts) - 1

    def flush(self) -> None:
        """Make everything that was added readable. Raises StoreError when the disk is full."""
        try:
            self._file.flush()
        except OSError as error:
            raise _cannot_write("a temporary file", error) from error

    def line(self, row: int) -> bytes:
        """Canonical JSON of a case, without a line end."""
        start = self._starts[row]
        return os.pread(self._file.fileno(), self._starts[row + 1] - start, start)

    def digest(self, row: int) -> bytes:
        """SHA-256 of `line`."""
        return bytes(self._digests[row * _DIGEST_SIZE : (row + 1) * _DIGEST_SIZE])


class CaseSet(_Cases):
    """The selected cases of one test set, in the order of their file.

    `index` of its cases is the position in this set; in a run, `CaseFile` gives them their row.
    """

    def __init__(self, spool: Spool, rows: Iterable[int], *, name: str, path: Path) -> None:
        spool.flush()
        self._spool = spool
        self._rows = array("q", rows)
        self._sha256: str | None = None
        self.name = name
        self.path = path
        """The file that was read."""

    def __len__(self) -> int:
        return len(self._rows)

    @property
    def n_available(self) -> int:
        """Cases that there are, those included that `limit` leaves out."""
        return len(self._spool)

    def _read(self, position: int) -> Case:
        row = self._rows[position]
        # Decoded here: of bytes, json would guess the encoding each time.
        fields = json.loads(self._spool.line(row).decode())
        digest = self._spool.digest(row).hex()
        return Case(id=fields["id"], fields=fields, sha256=digest, index=position)

    @property
    def sha256(self) -> str:
        if self._sha256 is None:
            self._sha256 = _sha256_of_all(map(self._spool.digest, self._rows))
        return self._sha256

    def lines(self) -> Iterator[bytes]:
        """Each case as one line of `cases.jsonl`: all its fields, and last its sha256."""
        for row in self._rows:
            fields = self._spool.line(row).removesuffix(b"}")
            yield b'%s,"sha256":"%s"}\n' % (fields, self._spool.digest(row).hex().encode("ascii"))


def write_cases(sets: Sequence[CaseSet], path: Path) -> list[tuple[int, int]]:
    """Freeze case sets into the `cases.jsonl` of a run, synced.

    Returns, for each set, the row of its first case and their number. Raises StoreError.
    """
    spans, first = [], 0
    try:
        with path.open("wb") as file:
            for cases in sets:
                file.writelines(cases.lines())
                spans.append((first, len(cases)))
                first += len(cases)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise _cannot_write(str(path), error) from error
    return spans


class CaseFile(_Cases):
    """The `cases.jsonl` of a run. Raises StoreError when it cannot be read."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.name = path.stem
        self._starts = array("q", [0])
        try:
            self._file: BinaryIO = path.open("rb")
            weakref.finalize(self, self._file.close)
            for line in self._file:
                self._starts.append(self._starts[-1] + len(line))
        except OSError as error:
            raise StoreError(f"{path}: cannot be read: {error.strerror}") from error

    def __len__(self) -> int:
        return len(self._starts) - 1

    def slice(self, first: int, n: int, *, name: str = "") -> CaseSlice:
        """The cases of one set, as `write_cases` returned its span; their `index` stays the row."""
        return CaseSlice(self, range(len(self))[first : first + n], name=name or self.name)

    @property
    def sha256(self) -> str:
        return _sha256_of_all(bytes.fromhex(case.sha256) for case in self)

    def verify(self) -> None:
        """Raise StoreError, naming the lines, unless every case still has its sha256."""
        changed = [
            position + 1
            for position, case in enumerate(self)
            if sha256_of(case.fields) != case.sha256
        ]
        if changed:
            listed = ", ".join(map(str, changed[:_MOST_SHOWN]))
            more = f" and {len(changed) - _MOST_SHOWN:,} more" if changed[_MOST_SHOWN:] else ""
            raise StoreError(f"{self.path}: changed since the run was planned: line {listed}{more}")

    def _read(self, position: int) -> Case:
        start = self._starts[position]
        line = os.pread(self._file.fileno(), self._starts[position + 1] - start, start)
        try:
            fields: dict[str, Json] = json.loads(line.decode())
            sha256 = fields.pop("sha256")
            return Case(id=fields["id"], fields=fields, sha256=sha256, index=position)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise StoreError(f"{self.path}:{position + 1}: not a case of a run") from error


class CaseSlice(_Cases):
    """Some of the cases of a `CaseFile`."""

    def __init__(self, file: CaseFile, rows: range, *, name: str) -> None:
        self._file = file
        self._rows = rows
        self.name = name
        self.path = file.path

    def __len__(self) -> int:
        return len(self._rows)

    def _read(self, position: int) -> Case:
        return self._file[self._rows[position]]

    @property
    def sha256(self) -> str:
        return _sha256_of_all(bytes.fromhex(case.sha256) for case in self)


def case_set_of(cases: CaseSlice) -> CaseSet:
    """The cases of an earlier run as a test set of their own, in their order."""
    spool = Spool()
    for case in cases:
        spool.add(canonical_json(case.fields))
    return CaseSet(spool, range(len(spool)), name=cases.name, path=cases.path)


def _close(file: IO[bytes]) -> None:
    # What a full disk left in the buffer is lost anyway, and was reported when it was written.
    with contextlib.suppress(OSError):
        file.close()


def _sha256_of_all(digests: Iterable[bytes]) -> str:
    total = hashlib.sha256()
    for digest in digests:
        total.update(digest)
    return total.hexdigest()


def _cannot_write(what: str, error: OSError) -> StoreError:
    return StoreError(f"{what} cannot be written: {error.strerror or error}")
