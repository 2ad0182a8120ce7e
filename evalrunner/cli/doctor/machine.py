"""The machine: installed versions, the response cache, and the disk that runs are written to."""

from __future__ import annotations

import platform
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing
from importlib import metadata
from pathlib import Path

from evalrunner.cli.doctor.check import Check, State
from evalrunner.cli.execute import cache_path
from evalrunner.formatting import count
from evalrunner.providers.cached import SCHEMA_VERSION

_NEEDED = ("evalrunner", "anthropic", "openai", "hydra-core", "pydantic", "genai-prices", "numpy")
_OPTIONAL = {
    "scikit-learn": "baseline",
    "pyarrow": "parquet",
    "starlette": "human",
    "uvicorn": "human",
}
"""With the extra that brings it."""
_NETWORK_FILESYSTEMS = frozenset(
    {"nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "afs", "ceph", "glusterfs", "lustre", "beegfs"}
    | {"fuse.sshfs", "fuse.s3fs", "fuse.gcsfuse", "fuse.glusterfs"}
)
_MOUNTS = Path("/proc/mounts")
_SCARCE = 1_000_000_000
"""Bytes free below which a long run may not fit."""


def version_checks() -> Iterator[Check]:
    """What is installed; the SDKs are not imported for it."""
    yield Check("python", State.OK, f"{platform.python_version()} on {platform.system()}")
    for name in _NEEDED:
        version = _version(name)
        if version is None:
            yield Check(name, State.BROKEN, "not installed", "pip install evalrunner")
        else:
            yield Check(name, State.OK, version)
    for name, extra in _OPTIONAL.items():
        version = _version(name)
        hint = f"pip install 'evalrunner[{extra}]' if you need it"
        yield Check(name, State.OK, version or "not installed", "" if version else hint)


def cache_checks(cache_dir: str | None) -> Iterator[Check]:
    """The response cache: where, how large, usable or not, and on what kind of disk."""
    path = cache_path(cache_dir)
    yield _cache_check(path)
    kind = filesystem_of(path, _MOUNTS.read_text(encoding="utf-8") if _MOUNTS.exists() else "")
    if kind in _NETWORK_FILESYSTEMS:
        what = f"the cache is on a network file system ({kind}), where SQLite may lose entries"
        yield Check("cache disk", State.WARNING, what, "set EVALRUNNER_CACHE_DIR to a local disk")


def _cache_check(path: Path) -> Check:
    if not path.exists():
        return Check("cache", State.OK, f"{path} (not there yet)")
    try:
        # Read only: looking must not upgrade, lock or create anything.
        with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)) as database:
            version = database.execute("PRAGMA user_version").fetchone()[0]
            n_answers = database.execute("SELECT count(*) FROM answers").fetchone()[0]
    except sqlite3.Error as error:
        what = f"{path} cannot be used ({error}): runs go on without it"
        return Check("cache", State.WARNING, what, f"delete {path}: it is made anew")
    if version > SCHEMA_VERSION:
        what = f"{path} was made by a newer evalrunner (schema {version}): runs go on without it"
        return Check("cache", State.WARNING, what, "upgrade evalrunner")
    size = path.stat().st_size
    return Check("cache", State.OK, f"{path}: {count(n_answers)} answers, {_bytes(size)}")


def outputs_checks(outputs: Path) -> Iterator[Check]:
    """Whether run directories can be made, and how much fits."""
    place = next(path for path in (outputs, *outputs.parents) if path.exists())
    try:
        with tempfile.TemporaryDirectory(prefix=".evalrunner-doctor-", dir=place):
            pass
    except OSError as error:
        what = f"cannot write to {place}: {error.strerror}"
        yield Check("outputs", State.BROKEN, what, "give another place with run.outputs=DIR")
        return
    there = "" if outputs.exists() else " (not there yet)"
    yield Check("outputs", State.OK, f"{outputs}{there}")
    free = shutil.disk_usage(place).free
    if free < _SCARCE:
        yield Check("disk", State.WARNING, f"{_bytes(free)} free", "a long run may need more")
    else:
        yield Check("disk", State.OK, f"{_bytes(free)} free")


def filesystem_of(path: Path, mounts: str) -> str | None:
    """Type of the file system that holds `path`; None where `mounts` does not tell.

    `mounts` is the text of /proc/mounts: device, mount point, type and options a line.
    """
    resolved = path.resolve()
    best: tuple[int, str | None] = (-1, None)
    for line in mounts.splitlines():
        fields = line.split(" ")
        if len(fields) < 3:  # noqa: PLR2004 - device, mount point, type
            continue
        point = Path(fields[1].replace("\\040", " "))
        # The longest mount point holds it; of two mounted on one point, the later.
        if resolved.is_relative_to(point) and len(point.parts) >= best[0]:
            best = (len(point.parts), fields[2])
    return best[1]


def _bytes(number: int) -> str:
    shown = count(number)
    return f"{shown}B" if shown[-1].isalpha() else f"{shown} B"


def _version(distribution: str) -> str | None:
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return None
