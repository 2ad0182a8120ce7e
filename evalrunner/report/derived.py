"""`trials.jsonl` and `errors.jsonl`, written as a stream and replaced together."""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Self, TextIO

from evalrunner.errors import StoreError, disk_remedy
from evalrunner.types import Json

_encode = json.JSONEncoder(separators=(",", ":"), allow_nan=False).encode
_NAMES = ("trials.jsonl", "errors.jsonl")


class DerivedFiles:
    """A context manager; the files appear when its block ends well. Raises StoreError."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        suffix = secrets.token_hex(4)
        self._paths = {directory / f".{name}.{suffix}": directory / name for name in _NAMES}
        self._stack = ExitStack()
        self._files: list[TextIO] = []

    def __enter__(self) -> Self:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
        try:
            with self._disk():
                for temporary in self._paths:
                    file = os.fdopen(os.open(temporary, flags, 0o644), "w", encoding="ascii")
                    self._files.append(self._stack.enter_context(file))
        except StoreError:
            self._stack.close()
            self._remove()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        try:
            with self._disk():
                self._stack.close()
                if error is None:
                    for temporary, final in self._paths.items():
                        temporary.replace(final)
        finally:
            self._remove()

    def write(self, trial: Mapping[str, Json], error: Mapping[str, Json] | None) -> None:
        """Add one trial, and its entry in `errors.jsonl` if it has one."""
        for file, row in zip(self._files, (trial, error), strict=True):
            if row is not None:
                try:
                    file.write(_encode(row) + "\n")
                except OSError as refusal:
                    raise self._refused(refusal) from refusal

    def _remove(self) -> None:
        for temporary in self._paths:
            # A disk that is read-only refuses to remove even what is not there.
            with suppress(OSError):
                temporary.unlink(missing_ok=True)

    @contextmanager
    def _disk(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise self._refused(error) from error

    def _refused(self, error: OSError) -> StoreError:
        return StoreError(
            f"cannot write {' and '.join(_NAMES)} in {self._directory}: {error.strerror}; "
            f"the journal is intact: {disk_remedy(error)}, then `evalrunner report RUN`"
        )
