"""Files of a run directory: created exclusively, replaced atomically, never followed out of it."""

from __future__ import annotations

import contextlib
import json
import os
import re
import secrets
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from evalrunner.errors import StoreError, disk_remedy

_ALPHABET = "abcdefghijklmnopqrstuvwxyz234567"
_SAFE = re.compile(r"[^A-Za-z0-9._-]+")
_LONGEST_NAME = 40
_RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)
"""Names that are devices on Windows, whatever their extension."""


def create_run_directory(outputs: Path, name: str, *, at: datetime) -> Path:
    """A new directory `outputs/<name>/<UTC time>-<6 random>`. Raises StoreError.

    Exclusive: any number of runs that start in the same second get a directory each.
    """
    stamp = at.strftime("%Y%m%dT%H%M%SZ")
    suffix = "".join(secrets.choice(_ALPHABET) for _ in range(6))
    directory = outputs / safe_name(name) / f"{stamp}-{suffix}"
    try:
        directory.parent.mkdir(parents=True, exist_ok=True)
        directory.mkdir(exist_ok=False)
    except OSError as error:
        raise StoreError(
            f"cannot create {directory}: {error.strerror}; give another place with run.outputs=DIR"
        ) from error
    return directory


def safe_name(text: str) -> str:
    """`text` as one harmless path component of at most 40 characters, on any system.

    Different texts may get one name, or names that differ in case only: where that matters the
    caller adds a part of a hash.
    """
    name = _SAFE.sub("-", text)[:_LONGEST_NAME].strip("-. ")
    if is_device_name(name):
        name = f"_{name}"[:_LONGEST_NAME].rstrip("-. ")
    return name or "run"


def is_device_name(name: str) -> bool:
    """Whether no file can be called so on Windows."""
    return _RESERVED.fullmatch(name) is not None


def write_text(path: Path, text: str) -> None:
    """Replace `path` as a whole: readers see the old text or the new one. Raises StoreError."""
    write_bytes(path, text.encode("utf-8", "surrogatepass"))


def write_bytes(path: Path, data: bytes) -> None:
    """As `write_text`, for bytes."""
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
    try:
        with os.fdopen(os.open(temporary, flags, 0o644), "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        # Where nothing can be written nothing can be removed, be it there or not.
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        what = f"cannot write {path}: {error.strerror}; {disk_remedy(error)}"
        raise StoreError(what) from error


def append_whole(path: Path, data: bytes) -> None:
    """Append all of `data` or nothing; it is on disk when this returns. Raises OSError."""
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW
    with os.fdopen(os.open(path, flags, 0o644), "ab", buffering=0) as file:
        size, view = os.fstat(file.fileno()).st_size, memoryview(data)
        try:
            while view:
                view = view[file.write(view) :]
            os.fsync(file.fileno())
        except OSError:
            os.truncate(file.fileno(), size)
            raise
    sync_directory(path.parent)


def sync_directory(path: Path) -> None:
    """Make the names of new files in a directory survive a power cut, where that can be asked."""
    with contextlib.suppress(OSError):
        fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)


def sync_directories(root: Path) -> None:
    """`sync_directory` for a directory, all below it, and the one that names it."""
    for directory in (root.parent, root, *(path for path in root.rglob("*") if path.is_dir())):
        sync_directory(directory)


def write_json(path: Path, value: Mapping[str, Any]) -> None:
    """Replace `path` by indented ASCII JSON. Raises ValueError for NaN, StoreError."""
    write_text(path, json.dumps(value, indent=2, allow_nan=False) + "\n")


def read_json(path: Path) -> dict[str, Any]:
    """The object in `path`. Raises StoreError when it is missing or no JSON object."""
    try:
        value = json.loads(path.read_bytes())
    except OSError as error:
        raise StoreError(f"cannot read {path}: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise StoreError(f"{path} is not JSON: {error}") from error
    if not isinstance(value, dict):
        raise StoreError(f"{path} holds no JSON object")
    return value
