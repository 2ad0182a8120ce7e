"""The response cache on disk: one SQLite file that many runs read and write at the same time.

Answers are immutable and addressed by the request's key. The cache can be rebuilt from journals, so
a damaged, foreign or newer file is never an error: it is a miss, or it is left alone.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import os
import sqlite3
import zlib
from collections.abc import Sequence
from pathlib import Path

from evalrunner.providers.cached.mounts import is_network_filesystem, mounts
from evalrunner.types import Answer, Request

SCHEMA_VERSION = 1
_COMPRESS_FROM = 4096
_PATIENCE_S = 30.0
_SMALLEST_DATABASE = 512
_PAGES_PER_CHECKPOINT = 8_000
_log = logging.getLogger(__name__)

_CREATE = """
CREATE TABLE IF NOT EXISTS answers (
    key BLOB PRIMARY KEY, body BLOB NOT NULL, compressed INTEGER NOT NULL, sha256 BLOB NOT NULL,
    origin TEXT NOT NULL, model TEXT NOT NULL, about TEXT NOT NULL, created REAL NOT NULL
)
"""
_encode = json.JSONEncoder(separators=(",", ":")).encode


class ResponseCache:
    """Answers in SQLite (WAL). Reads on the loop's thread, writes on the journal's.

    Raises nothing for a file that cannot be used: it then answers nothing and keeps nothing, and
    says so once in the log.

    Args:
        path: The file; created if missing, in a directory that nobody else may read. On a network
            filesystem, where WAL would lose answers, the user's own cache directory is used.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._connections: list[sqlite3.Connection] = []
        self._reader: sqlite3.Connection | None = None
        self._writer: sqlite3.Connection | None = None
        try:
            self.path = _local(path)
            self._reader, self._writer = self._open(), self._open()
        except (sqlite3.Error, OSError) as error:
            self._give_up(f"cannot be used ({error})")

    def get(self, key: str) -> Answer | None:
        """The answer kept under `key`. A row whose checksum or form is wrong is a miss."""
        if self._reader is None:
            return None
        try:
            row = self._reader.execute(
                "SELECT body, compressed, sha256, about FROM answers WHERE key = ?",
                (bytes.fromhex(key),),
            ).fetchone()
        except sqlite3.Error as error:
            self._give_up(f"cannot be read ({error})")
            return None
        return _answer_of(row) if row else None

    def put(self, entries: Sequence[tuple[Request, Answer]]) -> None:
        """Keep answers in one transaction. Called on the journal's thread; never raises."""
        writer = self._writer
        if writer is None or not entries:
            return
        try:
            # First: made between the inserts, each would wait for the interpreter's lock.
            rows = [_row(request, answer) for request, answer in entries]
            # A read that later upgrades to a write fails at once under WAL, whatever the timeout.
            writer.execute("BEGIN IMMEDIATE")
            writer.executemany(
                "INSERT OR REPLACE INTO answers VALUES (?, ?, ?, ?, ?, ?, ?, ?)", rows
            )
            writer.execute("COMMIT")
        except (sqlite3.Error, ValueError) as error:
            with contextlib.suppress(sqlite3.Error):
                writer.execute("ROLLBACK")
            self._give_up(f"cannot be written ({error})")

    def close(self) -> None:
        """Close both connections."""
        self._reader = self._writer = None
        while self._connections:
            self._connections.pop().close()

    def _open(self) -> sqlite3.Connection:
        self._create()
        connection = sqlite3.connect(
            self.path, timeout=_PATIENCE_S, isolation_level=None, check_same_thread=False
        )
        self._connections.append(connection)
        connection.execute("BEGIN IMMEDIATE")
        _prepare(connection)
        connection.execute("COMMIT")
        connection.execute("PRAGMA journal_mode = WAL")
        # The journal is synced before; losing the last rows of a rebuildable cache is no loss.
        connection.execute("PRAGMA synchronous = NORMAL")
        # Keys are random: each row touches a page of its own, so rarer checkpoints copy far less.
        connection.execute(f"PRAGMA wal_autocheckpoint = {_PAGES_PER_CHECKPOINT}")
        return connection

    def _create(self) -> None:
        """Make the file, if there is none, so that nobody else may read it.

        An existing one is not opened here: closing it would drop the locks that SQLite holds on it
        in this process.
        """
        self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        try:
            os.close(os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
        except FileExistsError:
            # SQLite takes a short file of another kind for an empty one, and writes over it.
            if 0 < self.path.stat().st_size < _SMALLEST_DATABASE:
                raise sqlite3.DatabaseError("file is not a database") from None

    def _give_up(self, why: str) -> None:
        _log.warning("the response cache %s %s; going on without it", self.path, why)
        # Closed by close(): another thread may be inside one of them right now.
        self._reader = self._writer = None


def _prepare(connection: sqlite3.Connection) -> None:
    """Make the table, unless the file is somebody else's. Raises sqlite3.DatabaseError."""
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    if version > SCHEMA_VERSION:
        raise sqlite3.DatabaseError(f"made by a newer evalrunner, schema {version}")
    tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master")}
    if tables and "answers" not in tables:
        raise sqlite3.DatabaseError("another program's database")
    connection.execute(_CREATE)
    connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")


def _local(path: Path) -> Path:
    """`path`, or a file on this machine when `path` is on another. Raises OSError without one."""
    table = mounts()
    if not is_network_filesystem(path, table):
        return path
    import platformdirs

    own = Path(platformdirs.user_cache_dir("evalrunner")) / path.name
    if is_network_filesystem(own, table):
        raise OSError("it is on a network filesystem; set run.cache_dir to a local directory")
    _log.warning("%s is on a network filesystem; the response cache is %s instead", path, own)
    return own


def _row(request: Request, answer: Answer) -> tuple[object, ...]:
    compressed = len(answer.body) >= _COMPRESS_FROM
    about = {
        "started_at": answer.started_at,
        "latency_s": answer.latency_s,
        "attempts": answer.attempts,
        "request_id": answer.request_id,
        "service_tier": answer.service_tier,
    }
    return (
        bytes.fromhex(request.key),
        zlib.compress(answer.body, 1) if compressed else answer.body,
        compressed,
        hashlib.sha256(answer.body).digest(),
        request.origin,
        request.model,
        _encode(about),
        answer.started_at,
    )


def _answer_of(row: tuple[bytes, int, bytes, str]) -> Answer | None:
    body, compressed, digest, about = row
    try:
        plain = zlib.decompress(body) if compressed else body
        if hashlib.sha256(plain).digest() != digest:
            return None
        return Answer(body=plain, **json.loads(about))
    except (zlib.error, ValueError, TypeError):
        return None
