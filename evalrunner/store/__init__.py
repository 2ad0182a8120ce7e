"""The run directory: frozen inputs, the journal, and nothing that cannot be rebuilt from them."""

from __future__ import annotations

import asyncio
import contextlib
import os
import platform
import time
from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Self

import filelock

from evalrunner import __version__
from evalrunner.datasets import CaseSet, write_cases
from evalrunner.errors import ConfigError, Problem, ProviderError, StoreError
from evalrunner.providers.cached import ResponseCache
from evalrunner.redact import Redactor
from evalrunner.store.batches import batch_record
from evalrunner.store.files import (
    create_run_directory,
    read_json,
    sync_directories,
    write_json,
    write_text,
)
from evalrunner.store.index import (
    MISSING,
    CellShape,
    JournalIndex,
    prepare_journal,
    read_index,
    read_trials,
)
from evalrunner.store.journal import CorruptLineError, JournalWriter
from evalrunner.types import Answer, Batch, Request

__all__ = [
    "JOURNAL",
    "CellShape",
    "FrozenRun",
    "JournalIndex",
    "RunStore",
    "create_run",
    "read_index",
    "read_json",
    "read_trials",
    "run_directory",
    "write_json",
    "write_text",
]

SCHEMA_VERSION = 1
JOURNAL = "journal.jsonl"


@dataclass(frozen=True, slots=True, kw_only=True)
class FrozenRun:
    """Everything that a run is made from, ready to be written before the first request."""

    plan: Mapping[str, Any]
    manifest: Mapping[str, Any]
    case_sets: Sequence[CaseSet]
    files: Mapping[str, str]
    """Texts by their path in the run directory: prompts and Hydra's files."""


def create_run(outputs: Path, name: str, frozen: FrozenRun, *, at: datetime) -> Path:
    """A new run directory that holds `frozen`. Raises StoreError before anything is spent."""
    directory = create_run_directory(outputs, name, at=at)
    write_json(directory / "manifest.json", frozen.manifest)
    write_json(directory / "plan.json", frozen.plan)
    for path, text in frozen.files.items():
        target = directory / path
        target.parent.mkdir(parents=True, exist_ok=True)
        write_text(target, text)
    write_cases(frozen.case_sets, directory / "cases.jsonl")
    sync_directories(directory)
    return directory


def run_directory(path: Path) -> Path:
    """`path`, if it is a run directory that this version can read.

    Raises ConfigError for what is none, or a newer version's; StoreError when it cannot be read.
    """
    plan = path / "plan.json"
    if not plan.is_file():
        what = "is no run directory: it has no plan.json"
        runs = sorted(path.glob("*/plan.json"))
        hint = "run directories are outputs/<run.name>/<time>-<random>"
        hint = f"the newest run in it is {runs[-1].parent}" if runs else hint
        raise ConfigError(Problem(where=str(path), what=what, hint=hint))
    version = read_json(plan).get("schema_version")
    if not isinstance(version, int) or version > SCHEMA_VERSION:
        what = f"was made by a newer evalrunner (schema {version}, not {SCHEMA_VERSION})"
        raise ConfigError(Problem(where=str(path), what=what, hint="upgrade evalrunner to read it"))
    return path


class RunStore:
    """The journal of a run that is being executed; implements `types.Recorder`.

    Use as an async context manager: it holds the directory's lock. Raises ConfigError when another
    process holds it, StoreError when the journal cannot be opened.
    """

    def __init__(
        self, directory: Path, *, index: JournalIndex, cache: ResponseCache | None = None
    ) -> None:
        self.directory = directory
        self.run = directory.name
        self._index = index
        self._cache = cache
        self._session = index.sessions + 1
        self._redactor = Redactor()
        self._lock = filelock.FileLock(directory / ".lock")
        self._journal: JournalWriter | None = None

    async def __aenter__(self) -> Self:
        path = self.directory / JOURNAL
        try:
            take_lock(self._lock, self.directory)
            prepare_journal(path, self._index)
            self._journal = JournalWriter(
                path, after_sync=self._fill_cache, offsets=self._index.answers
            )
            await asyncio.shield(self._journal.append(self._session_record()))
        except BaseException as error:
            with contextlib.suppress(StoreError):
                await self.__aexit__()
            if isinstance(error, OSError):
                raise StoreError(f"cannot open {path}: {error.strerror}") from error
            raise
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        try:
            if self._journal is not None:
                await self._journal.close()
        finally:
            self._lock.release()

    def intend(
        self,
        request: Request,
        *,
        attempt: int,
        most_usd: Decimal | None,
        batched: bool = False,
    ) -> None:
        """Write the intent of one attempt, before it is sent."""
        record = {
            "type": "intent",
            "session": self._session,
            "key": request.key,
            "attempt": attempt,
            "model": request.model,
            "most_usd": _number(most_usd),
            "at": time.time(),
        }
        self._writer.write_now(record | {"batched": True} if batched else record)

    def batch_begun(self, batch: Batch) -> Awaitable[None]:
        """Write what will be in a batch; done when it is on disk."""
        return self._writer.append(batch_record(batch, session=self._session))

    def batch_created(self, batch: Batch) -> Awaitable[None]:
        """Write the id of a batch; done when it is on disk."""
        record = {"type": "batch_id", "session": self._session, "token": batch.token}
        return self._writer.append(record | {"id": batch.id, "at": time.time()})

    def batch_void(self, batch: Batch) -> None:
        """Note that a batch was never created."""
        record = {"type": "batch_void", "session": self._session, "token": batch.token}
        self._writer.append(record)

    def open_batches(self) -> Sequence[Batch]:
        """Batches of earlier sessions with requests whose outcome is not recorded."""
        return self._index.batches

    def record(
        self, request: Request, answer: Answer, *, cached: bool, spent_usd: Decimal | None
    ) -> Awaitable[None]:
        """Write an answer; done when it is on disk."""
        record = {
            "type": "call",
            "session": self._session,
            "key": request.key,
            "attempt": answer.attempts,
            "provider": request.provider,
            "origin": request.origin,
            "model": request.model,
            "cached": cached,
            "spent_usd": _number(spent_usd),
            "started_at": answer.started_at,
            "latency_s": answer.latency_s,
            "request_id": answer.request_id,
            "service_tier": answer.service_tier,
            "body": answer.body.decode("utf-8", "surrogateescape"),
        }
        return self._writer.append(
            record, key=request.key, extra=None if cached else (request, answer)
        )

    def record_failure(self, request: Request, error: ProviderError, *, attempt: int) -> None:
        """Note a failed attempt; it need not be on disk before the next one."""
        record = {
            "type": "failure",
            "session": self._session,
            "key": request.key,
            "attempt": attempt,
            "model": request.model,
            "kind": error.kind.value,
            "status_code": error.status_code,
            "possibly_billed": error.possibly_billed,
            "message": self._redactor.text(str(error)),
            "body": self._redactor.text(error.body.decode("utf-8", "surrogateescape")),
        }
        self._writer.append(record)

    def recorded(self, key: str) -> Answer | None:
        """The answer to an equal request in this run."""
        try:
            record = self._writer.find(key)
        except CorruptLineError:
            return None
        if record is None:
            return None
        return Answer(
            body=record["body"].encode("utf-8", "surrogateescape"),
            started_at=record["started_at"],
            latency_s=record["latency_s"],
            attempts=record["attempt"],
            request_id=record["request_id"],
            service_tier=record["service_tier"],
        )

    def record_trial(self, record: Mapping[str, Any]) -> asyncio.Future[None]:
        """Write a trial; it counts as done when the future is. Await it through a shield."""
        if not self._index.claims.is_empty:
            record = self._index.claims.claimed(record)
        return self._writer.append({"type": "trial", **record})

    def record_raced(self, record: Mapping[str, Any]) -> None:
        """Write that a cell was beaten and is asked nothing more."""
        self._writer.append({"type": "raced", "session": self._session, **record})

    @property
    def raced(self) -> Mapping[int, Mapping[str, Any]]:
        """By cell, what earlier sessions wrote with `record_raced`."""
        return self._index.raced

    def trial(self, cell: int, case: int, repeat: int) -> Mapping[str, Any] | None:
        """The record of a trial that an earlier session did; None when there is none."""
        offset = self._index.offset(cell, case, repeat)
        try:
            return None if offset == MISSING else self._writer.at(offset)
        except CorruptLineError:
            return None

    def answer_of_trial(self, cell: int, case: int, repeat: int) -> str | None:
        """The answer in a trial that an earlier session recorded; None when there is none."""
        record = self.trial(cell, case, repeat)
        return None if record is None else record["output"]

    @property
    def _writer(self) -> JournalWriter:
        if self._journal is None:
            raise RuntimeError("the store is used outside its `async with`")
        return self._journal

    def _fill_cache(self, entries: Sequence[tuple[Request, Answer]]) -> None:
        if self._cache is not None:
            self._cache.put(entries)

    def _session_record(self) -> dict[str, Any]:
        return {
            "type": "session",
            "session": self._session,
            "evalrunner": __version__,
            "pid": os.getpid(),
            "at": time.time(),
        }


def take_lock(lock: filelock.BaseFileLock, directory: Path) -> None:
    """Hold the directory alone. Raises ConfigError naming who holds it."""
    owner = directory / ".lock-owner"
    try:
        lock.acquire(timeout=0)
    except filelock.Timeout as error:
        holder = owner.read_text(encoding="utf-8") if owner.exists() else "another process"
        problem = Problem(
            where=str(directory), what=f"is in use by {holder}", hint="wait for it, or stop it"
        )
        raise ConfigError(problem) from error
    write_text(owner, f"process {os.getpid()} on {platform.node()}")


def _number(value: Decimal | None) -> float | None:
    return None if value is None else float(value)
