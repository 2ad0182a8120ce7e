"""The response cache: what was answered once is not bought again, by this run or a later one.

Answers are immutable and addressed by the request's key. The cache can be rebuilt from journals, so
a damaged, foreign or newer file is never an error: it is a miss, or it is left alone.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
import sqlite3
import zlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal

from evalrunner.providers import Provider
from evalrunner.types import Answer, Completion, Recorder, Request

CacheMode = Literal["use", "refresh", "off"]

SCHEMA_VERSION = 1
_COMPRESS_FROM = 4096
_KEYS_PER_QUERY = 500
_log = logging.getLogger(__name__)

_CREATE = """
CREATE TABLE IF NOT EXISTS answers (
    key BLOB PRIMARY KEY, body BLOB NOT NULL, compressed INTEGER NOT NULL, sha256 BLOB NOT NULL,
    origin TEXT NOT NULL, model TEXT NOT NULL, about TEXT NOT NULL, created REAL NOT NULL
) WITHOUT ROWID
"""


class ResponseCache:
    """Answers in SQLite (WAL). Reads on the loop's thread, writes on the journal's.

    Raises nothing for a file that cannot be used: it then answers nothing and keeps nothing, and
    says so once in the log.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._reader: sqlite3.Connection | None = None
        self._writer: sqlite3.Connection | None = None
        try:
            self._reader, self._writer = self._open(), self._open()
        except (sqlite3.Error, OSError) as error:
            self._give_up(f"cannot be used ({error})")

    def get(self, key: str) -> Answer | None:
        """The answer kept under `key`. A row whose checksum is wrong is a miss."""
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

    def count(self, keys: Iterable[str]) -> int:
        """How many of the distinct `keys` are answered already."""
        if self._reader is None:
            return 0
        distinct = [bytes.fromhex(key) for key in sorted(set(keys))]
        total = 0
        for start in range(0, len(distinct), _KEYS_PER_QUERY):
            part = distinct[start : start + _KEYS_PER_QUERY]
            marks = ",".join("?" * len(part))
            query = f"SELECT count(*) FROM answers WHERE key IN ({marks})"  # noqa: S608 - only marks
            total += int(self._reader.execute(query, part).fetchone()[0])
        return total

    def put(self, entries: Sequence[tuple[Request, Answer]]) -> None:
        """Keep answers in one transaction. Called on the journal's thread; never raises."""
        if self._writer is None or not entries:
            return
        try:
            # A read that later upgrades to a write fails at once under WAL, whatever the timeout.
            self._writer.execute("BEGIN IMMEDIATE")
            self._writer.executemany(
                "INSERT OR REPLACE INTO answers VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                [_row(request, answer) for request, answer in entries],
            )
            self._writer.execute("COMMIT")
        except sqlite3.Error as error:
            self._give_up(f"cannot be written ({error})")

    def close(self) -> None:
        """Close both connections."""
        for connection in (self._reader, self._writer):
            if connection is not None:
                connection.close()
        self._reader = self._writer = None

    def _open(self) -> sqlite3.Connection:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        connection = sqlite3.connect(
            self.path, timeout=30, isolation_level=None, check_same_thread=False
        )
        version = connection.execute("PRAGMA user_version").fetchone()[0]
        if version > SCHEMA_VERSION:
            connection.close()
            raise sqlite3.DatabaseError(f"made by a newer evalrunner, schema {version}")
        connection.execute("PRAGMA journal_mode = WAL")
        # The journal is synced before; losing the last rows of a rebuildable cache is no loss.
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute(_CREATE)
        connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
        return connection

    def _give_up(self, why: str) -> None:
        _log.warning("the response cache %s %s; going on without it", self.path, why)
        # Closed by close(): another thread may be inside one of them right now.
        self._reader = self._writer = None


class Cached:
    """Answers from this run's journal or the cache; sends each distinct request once.

    Args:
        inner: Asked for what is not there.
        parse: Turns a kept body into a completion.
        recorder: Answers of this run; cached answers are copied into it.
        cache: None = this run's answers only.
        mode: `refresh` and `off` do not read the cache (`off` is given no cache at all).
    """

    def __init__(
        self,
        inner: Provider,
        *,
        parse: Callable[[Request, bytes], Completion],
        recorder: Recorder,
        cache: ResponseCache | None,
        mode: CacheMode,
    ) -> None:
        self._inner = inner
        self._parse = parse
        self._recorder = recorder
        self._cache = cache if mode == "use" else None
        self._flights: dict[str, asyncio.Future[Completion]] = {}

    async def complete(self, request: Request) -> Completion:
        """The kept answer, the answer of an equal request under way, or a new one.

        Returns once the answer is on disk.
        """
        while (flight := self._flights.get(request.key)) is not None:
            try:
                return replace(await asyncio.shield(flight), cached=True)
            except _LeaderGoneError:
                continue
        return await self._lead(request)

    async def aclose(self) -> None:
        """Close what is asked for missing answers."""
        await self._inner.aclose()

    async def _lead(self, request: Request) -> Completion:
        flight: asyncio.Future[Completion] = asyncio.get_running_loop().create_future()
        self._flights[request.key] = flight
        try:
            completion = self._kept(request) or await self._inner.complete(request)
            # Until it is on disk an answer is found by its flight, from then on in the journal.
            await _on_disk(completion)
        except BaseException as error:
            # A cancelled leader must not cancel its followers: one of them asks again.
            flight.set_exception(error if isinstance(error, Exception) else _LeaderGoneError())
            flight.exception()
            raise
        else:
            flight.set_result(completion)
            return completion
        finally:
            del self._flights[request.key]

    def _kept(self, request: Request) -> Completion | None:
        answer = self._recorder.recorded(request.key)
        if answer is not None:
            return self._completion(request, answer)
        answer = self._cache.get(request.key) if self._cache else None
        if answer is None:
            return None
        durable = self._recorder.record(request, answer, cached=True, spent_usd=None)
        return replace(self._completion(request, answer), durable=durable)

    def _completion(self, request: Request, answer: Answer) -> Completion:
        return replace(completion_of(request, answer, self._parse), cached=True)


class _LeaderGoneError(Exception):
    """The request that others waited for was cancelled."""


async def _on_disk(completion: Completion) -> None:
    if completion.durable is not None:
        # The group's future is shared: a cancelled waiter must not cancel it for the others.
        await asyncio.shield(completion.durable)


def completion_of(
    request: Request, answer: Answer, parse: Callable[[Request, bytes], Completion]
) -> Completion:
    """A completion from what is kept of it."""
    return replace(
        parse(request, answer.body),
        started_at=answer.started_at,
        latency_s=answer.latency_s,
        attempts=answer.attempts,
        request_id=answer.request_id,
    )


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
        json.dumps(about),
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
