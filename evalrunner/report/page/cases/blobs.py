"""The case data as it travels: base64 of gzip of JSON, in the page or in script files beside it."""

from __future__ import annotations

import base64
import json
import os
import re
import secrets
import tempfile
import weakref
import zlib
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

from evalrunner.errors import StoreError, disk_remedy
from evalrunner.redact import Redactor
from evalrunner.report.page.cases.rows import encode
from evalrunner.types import Json

FOLDER = "report"
"""Holds the script files of a large run, beside the page."""
MOST_INLINE = 5_000_000
"""Characters of all blobs together up to which they are part of the page."""
_SIDE_FILE = re.compile(r"(cases|raw)-\d{4,}\.js")
_LEVEL = 6
_AHEAD = 2
"""Pages that may wait to be compressed."""


class Blobs:
    """Blobs by name, kept in memory while they are few and in an unnamed file after that.

    What is added passes the redactor first. Raises StoreError when the disk is full.
    """

    def __init__(self) -> None:
        self._redactor = Redactor()
        self._file = tempfile.SpooledTemporaryFile(max_size=MOST_INLINE)  # noqa: SIM115 - lives on
        weakref.finalize(self, self._file.close)
        self._spans: dict[str, tuple[int, int]] = {}
        self.n_bytes = 0
        """Of all blobs, as they travel."""

    def __len__(self) -> int:
        return len(self._spans)

    def add(self, blobs: Iterable[tuple[str, str]]) -> None:
        """Keep blobs: names, and JSON in ASCII. They are compressed beside making the next one."""
        with ThreadPoolExecutor(1, thread_name_prefix="blobs") as thread:
            waiting: deque[tuple[str, Future[bytes]]] = deque()
            for name, text in blobs:
                waiting.append((name, thread.submit(_packed, self._clean(text))))
                if len(waiting) > _AHEAD:
                    self._keep(*waiting.popleft())
            for name, packed in waiting:
                self._keep(name, packed)

    def _keep(self, name: str, packed: Future[bytes]) -> None:
        data = packed.result()
        try:
            self._file.write(data)
        except OSError as error:
            raise StoreError(f"cannot keep the report's data: {error.strerror}") from error
        self._spans[name] = (self.n_bytes, len(data))
        self.n_bytes += len(data)

    def _clean(self, text: str) -> str:
        if not self._redactor.may_hold_secret(text):
            return text
        return encode(self._redacted(json.loads(text)))

    def __iter__(self) -> Iterator[tuple[str, str]]:
        """(name, base64) of each, in the order in which they came."""
        for name, (start, size) in self._spans.items():
            self._file.seek(start)
            yield name, self._file.read(size).decode("ascii")

    def _redacted(self, value: Json) -> Json:
        if isinstance(value, str):
            return self._redactor.text(value)
        if isinstance(value, dict):
            # A name that looks like a key is none: cases are found by theirs.
            return {k: v if k in {"id", "ids"} else self._redacted(v) for k, v in value.items()}
        if isinstance(value, list | tuple):
            return [self._redacted(item) for item in value]
        return value


def write_side_files(directory: Path, blobs: Iterator[tuple[str, str]]) -> None:
    """Make `report/` hold these blobs, and none of an earlier report. Raises StoreError.

    Nothing is written through a link, and no file of somebody else's is touched.
    """
    folder = directory / FOLDER
    written: set[str] = set()
    try:
        for name, text in blobs:
            if not written:
                _make_folder(folder)
            _write(folder / f"{name}.js", f'evalrunnerBlob("{name}","{text}");\n')
            written.add(f"{name}.js")
        _remove_stale(folder, written)
    except OSError as error:
        what = f"cannot write {folder}: {error.strerror}; {disk_remedy(error)}"
        raise StoreError(what) from error


def _make_folder(folder: Path) -> None:
    if folder.is_symlink():
        folder.unlink()
    folder.mkdir(exist_ok=True)


def _remove_stale(folder: Path, written: set[str]) -> None:
    if folder.is_symlink() or not folder.is_dir():
        return
    for path in sorted(folder.iterdir()):
        if _SIDE_FILE.fullmatch(path.name) and path.name not in written:
            path.unlink()
    if not any(folder.iterdir()):
        folder.rmdir()


def _write(path: Path, text: str) -> None:
    """As a whole or not at all; not synced, for it can be made again."""
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
    try:
        with os.fdopen(os.open(temporary, flags, 0o644), "w", encoding="ascii") as file:
            file.write(text)
        temporary.replace(path)
    except OSError:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise


def _packed(text: str) -> bytes:
    # A gzip header of zlib's own has neither a time nor a name in it.
    return base64.b64encode(zlib.compress(text.encode("ascii"), _LEVEL, wbits=31))


def decoded(text: str) -> Any:
    """What a blob holds."""
    return json.loads(zlib.decompress(base64.b64decode(text), wbits=31))
