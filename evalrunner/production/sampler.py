"""Which calls are kept, and what of them: all that happens in the application's own thread."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, Self, TypeVar

from evalrunner.production import record as records
from evalrunner.production.daily import DailyFile
from evalrunner.production.plain import Snapshot
from evalrunner.production.record import Record, RedactHook
from evalrunner.production.writer import Writer
from evalrunner.redact import Redactor

Client = TypeVar("Client")
Category = str | Callable[[Any, Mapping[str, Any]], str | None]
_RANGE = 2**64
_LEAST_BYTES = 1024


class Chosen(NamedTuple):
    """A call that belongs to the sample."""

    id: str
    rate: float
    """The chance it had."""
    category: str | None


class Sampler:
    """Writes a random part of an application's calls to daily files, and never disturbs it.

    A call is in the sample if sha256 of its id, as a fraction, is below the rate: the same on every
    machine, and a higher rate keeps all that a lower one did. After the constructor nothing raises;
    what could not be written is counted. Secrets that the environment holds when the sampler is
    made, and whatever looks like an API key, are replaced in all texts.

    Args:
        rate: Share of calls to keep, 0 to 1; None = 0 = none.
        sink: Directory of the files; made (mode 0700) with the first record.
        rates: Shares of single categories, instead of `rate`.
        category: Key of the metadata that holds a call's category, or a function of (input,
            metadata) that returns it.
        redact: Called with each record before it is written, in the writer's thread; returns the
            record to write, or None for no record. If it raises, the record is dropped.
        max_queue: Records that wait to be written; more are dropped.
        max_record_bytes: Longest line; longer inputs and outputs are cut, and marked.
        max_bytes: Most bytes of all files of one UTC day in `sink`; None = any number.
        clock: Gives Unix time in seconds.

    Raises:
        ValueError: a rate or limit that makes no sense.
    """

    def __init__(  # noqa: PLR0913 - its arguments are its configuration
        self,
        rate: float | None = 0.01,
        sink: str | os.PathLike[str] = "production-logs",
        *,
        rates: Mapping[str, float | None] | None = None,
        category: Category | None = None,
        redact: RedactHook | None = None,
        max_queue: int = 10_000,
        max_record_bytes: int = 262_144,
        max_bytes: int | None = 1_000_000_000,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._rate = checked_rate(rate)
        self._rates = {name: checked_rate(part) for name, part in (rates or {}).items()}
        if self._rates and category is None:
            raise ValueError("rates= needs category=: which key of the metadata, or a function")
        _check_limits(max_queue, max_record_bytes, max_bytes)
        self.is_off = not self._rate and not any(self._rates.values())
        self._category = category
        self._clock = clock
        self.max_record_bytes = max_record_bytes
        self.asks_input = callable(category)
        redactor = Redactor()

        def line_of(draft: Record) -> tuple[bytes, bool]:
            return records.line_of(draft, hook=redact, redactor=redactor, limit=max_record_bytes)

        file = DailyFile(os.fspath(sink), max_bytes=max_bytes)
        self._writer = Writer(file, line_of, max_queue=max_queue)

    def log(
        self,
        *,
        input: Any,  # noqa: A002 - the record's field
        output: Any,
        id: str | None = None,  # noqa: A002 - as above
        metadata: Mapping[str, Any] | None = None,
        model: str | None = None,
        usage: Mapping[str, Any] | None = None,
        latency_s: float | None = None,
    ) -> None:
        """Keep this call if it belongs to the sample; never raises, never waits.

        Texts are kept as they are, other values as plain JSON data: a copy, as they are now.
        Without an id the call gets a random one.
        """
        try:
            chosen = self.choose(id, input, metadata)
            if chosen is not None:
                fields = {"model": model, "usage": usage, "latency_s": latency_s}
                self.keep(chosen, input=input, output=output, metadata=metadata, **fields)
        except Exception as error:  # noqa: BLE001 - whatever it is, the application goes on
            self.drop("failed", error)

    def choose(
        self,
        identifier: str | None,
        value: Any = None,
        metadata: Mapping[str, Any] | None = None,
        *,
        rate: float | None = None,
    ) -> Chosen | None:
        """The call's place in the sample, None outside; `rate` replaces the sampler's."""
        if self.is_off:
            return None
        category = self._category_of(value, metadata) if self._category else None
        share = self._rate if rate is None else rate
        if category is not None:
            share = self._rates.get(category, share)
        if share <= 0:
            return None
        name = os.urandom(16).hex() if identifier is None else str(identifier)
        # As evalrunner.stats.is_sampled, which would bring numpy along.
        digest = hashlib.sha256(name.encode("utf-8", "surrogatepass")).digest()
        if int.from_bytes(digest[:8], "big") >= share * _RANGE:
            return None
        return Chosen(name, share, category)

    def keep(
        self,
        chosen: Chosen,
        *,
        input: Any,  # noqa: A002 - the record's field
        output: Any,
        metadata: Mapping[str, Any] | None = None,
        **more: Any,
    ) -> None:
        """Queue the record of a chosen call; `more` are further fields, those that are not None."""
        copies = self.snapshot()
        found: Record = {
            "schema_version": records.SCHEMA_VERSION,
            "id": copies.take("id", chosen.id),
            "at": self._clock(),
            "rate": chosen.rate,
            "input": copies.take("input", input),
            "output": copies.take("output", output),
            "metadata": copies.take("metadata", metadata or {}),
        }
        if chosen.category is not None:
            found["category"] = copies.take("category", chosen.category)
        for name, value in more.items():
            if value is not None:
                found[name] = copies.take(name, value)
        if copies.cut:
            found["cut"] = copies.cut
        self._writer.put(found, copies.size)

    def snapshot(self) -> Snapshot:
        """What copies the values of one record."""
        return Snapshot(self.max_record_bytes)

    def wrap(self, client: Client, *, metadata: Mapping[str, Any] | None = None) -> Client:
        """A client that logs its calls here: a copy of an Anthropic or OpenAI one, sync or async.

        Chat completions, responses and messages, streamed or not; everything else passes through.
        `metadata` is added to that of the requests. Raises TypeError for other clients.
        """
        from evalrunner.production.wrap import wrap

        return wrap(self, client, metadata=metadata)

    def drop(self, reason: str, cause: BaseException | None = None) -> None:
        """Count a call that could not be logged."""
        self._writer.drop(reason, cause=cause)

    def flush(self, stall_s: float = 5.0) -> bool:
        """Wait until everything logged so far is written or dropped; whether it was in time.

        Gives up when nothing was written for `stall_s` seconds, and after six times that.
        """
        return self._writer.flush(stall_s)

    def close(self, stall_s: float = 5.0) -> None:
        """Write what is queued, waiting as `flush`; later calls are dropped and counted."""
        self._writer.close(stall_s)

    @property
    def written(self) -> int:
        """Records written by this process."""
        return self._writer.written

    @property
    def cut(self) -> int:
        """Written records that were too long and lost a part."""
        return self._writer.cut

    @property
    def dropped(self) -> int:
        """Chosen calls of this process that were not written."""
        return sum(self.dropped_by.values())

    @property
    def dropped_by(self) -> dict[str, int]:
        """`dropped` by the reason."""
        return self._writer.counts()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def _category_of(self, value: Any, metadata: Mapping[str, Any] | None) -> str | None:
        by = self._category
        if by is None:
            return None
        if isinstance(by, str):
            found = (metadata or {}).get(by)
        else:
            try:
                found = by(value, metadata or {})
            except Exception as error:  # noqa: BLE001 - of the application's own function
                # The call has the chance of one without a category, and its record says so.
                self._writer.note("category failed", error)
                return None
        return None if found is None else str(found)


def checked_rate(rate: float | None) -> float:
    """A share of calls in [0, 1]; None is 0. Raises ValueError."""
    if rate is None:
        return 0.0
    is_number = isinstance(rate, int | float) and not isinstance(rate, bool)
    if not is_number or not 0 <= rate <= 1:
        raise ValueError(
            f"a sampling rate is a number from 0 (none) to 1 (all calls), not {rate!r}"
        )
    return float(rate)


def _check_limits(max_queue: int, max_record_bytes: int, max_bytes: int | None) -> None:
    if max_queue < 1:
        raise ValueError(f"max_queue must be at least 1, not {max_queue!r}")
    if max_record_bytes < _LEAST_BYTES:
        raise ValueError(f"max_record_bytes must be {_LEAST_BYTES} or more: {max_record_bytes!r}")
    if max_bytes is not None and max_bytes < max_record_bytes:
        raise ValueError(f"max_bytes is for a whole day, and less than one record: {max_bytes!r}")
