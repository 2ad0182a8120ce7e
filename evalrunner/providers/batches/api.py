"""What both Batch APIs can do, and how they are reached: the SDK's client, raw JSON in and out."""

from __future__ import annotations

import asyncio
import json
import logging
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from evalrunner.errors import FailureKind, ProviderError
from evalrunner.providers.sdk import WireProvider
from evalrunner.providers.sdk.bodies import mapping, read_object, text_or_none
from evalrunner.providers.sdk.failures import deadline_failure, error_object_failure
from evalrunner.redact import Redactor
from evalrunner.types import Batch, Completion, Json, Request, canonical_json

SLOWEST_BYTES_PER_S = 100_000
"""Large files are given a second more for each of these beside `limits.deadline_s`."""
CLOCKS_DIFFER_S = 3600.0
"""How far this machine's clock may be from the provider's when a lost batch is looked for."""
_WRAPPING = 256
"""Bytes around a request's body in a batch: its key, method and URL."""
_A_DAY_S = 86_400.0
_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """How far a batch is."""

    status: str
    """The provider's own word."""
    ended: bool
    """Nothing will change any more: results can be fetched."""
    done: int
    total: int
    raw: Mapping[str, Json]
    """What the provider said."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """What became of one request of a batch."""

    key: str
    body: bytes = b""
    """The answer, as a live call would have brought it; empty when there is an error."""
    request_id: str | None = None
    error: ProviderError | None = None


class NoRoomError(ProviderError):
    """The provider's queue is full: nothing of this batch was worked on."""


class BatchApi(ABC):
    """The Batch API of one model.

    Args:
        wire: Asks the same model live; its client, key and error handling are used.
    """

    most_requests: int
    most_bytes: int

    def __init__(self, wire: WireProvider) -> None:
        self._wire = wire
        self._deadline_s = wire.settings.limits.deadline_s
        self.redactor = wire.redactor
        self.model = wire.settings.name
        self.origin = wire.endpoint.origin

    @abstractmethod
    async def create(self, batch: Batch, requests: Sequence[Request], *, run: str) -> str:
        """Hand over requests; the new batch's id. Raises ProviderError."""

    @abstractmethod
    async def find(self, batch: Batch, *, known: Collection[str]) -> str | None:
        """The id of a batch whose creation nobody saw; None when it does not exist.

        `known` are ids of other batches of ours. May wait for a batch to end. Raises ProviderError.
        """

    @abstractmethod
    async def state(self, batch_id: str) -> State:
        """How far a batch is. Raises ProviderError."""

    @abstractmethod
    async def results(self, batch: Batch, state: State, take: Callable[[Item], None]) -> None:
        """Hand every item of an ended batch to `take`, in any order.

        Raises ProviderError half-way when the connection breaks, NoRoomError.
        """

    @abstractmethod
    def missing(self, state: State) -> ProviderError:
        """What became of a request that the results of an ended batch do not mention."""

    def parse(self, request: Request, body: bytes) -> Completion:
        """As for a live answer. Raises ProviderError."""
        return self._wire.parse(request, body, redactor=self.redactor)

    async def open(self) -> None:
        """Load the SDK and make its client. Raises ProviderError."""
        await self._wire.open()

    async def aclose(self) -> None:
        """Close the client."""
        await self._wire.aclose()

    async def get(self, path: str, query: Mapping[str, object] | None = None) -> dict[str, Json]:
        """The JSON object under `path`. Raises ProviderError."""
        body = await self._wire.fetch(path, deadline_s=self._deadline_s, query=query)
        return read_object(body, redactor=self.redactor)

    async def post(
        self, send: Callable[[Any], Awaitable[Any]], *, n_bytes: int = 0
    ) -> dict[str, Json]:
        """The JSON object that answers `send`, which is given the SDK's client."""
        deadline_s = self._deadline_s + n_bytes / SLOWEST_BYTES_PER_S
        response = await self._wire.ask(send, deadline_s=deadline_s)
        return read_object(response.content, redactor=self.redactor)

    async def read_lines(self, path: str, take: Callable[[str, dict[str, Json]], None]) -> None:
        """Hand each line of a JSONL file and its `custom_id` to `take`, as it arrives."""
        import httpx2

        options = {"headers": {"Accept": "application/binary"}, "follow_redirects": False}

        async def read(client: Any) -> None:
            async with asyncio.timeout(self._deadline_s):
                response = await client.get(
                    path, cast_to=httpx2.Response, stream=True, options=options
                )
            try:
                await self._read_body(response, take)
            finally:
                await response.aclose()

        await self._wire.ask(read, deadline_s=_A_DAY_S)

    async def _read_body(self, response: Any, take: Callable[[str, dict[str, Json]], None]) -> None:
        rest = b""
        try:
            async with asyncio.timeout(self._deadline_s) as limit:
                # Not `aiter_lines`: that one also splits at U+2028, which JSON may contain.
                async for chunk in response.aiter_bytes():
                    limit.reschedule((limit.when() or 0.0) + len(chunk) / SLOWEST_BYTES_PER_S)
                    *lines, rest = (rest + chunk).split(b"\n")
                    for line in lines:
                        _take_line(line, take)
        except TimeoutError:
            raise deadline_failure(self._deadline_s) from None
        _take_line(rest, take)


def size_in_batch(request: Request) -> int:
    """Most bytes that a request takes in a batch."""
    return len(canonical_json(request.body)) + _WRAPPING


def body_bytes(value: Json) -> bytes:
    """An answer that came inside a line of results, as a body of its own."""
    return json.dumps(value, separators=(",", ":")).encode("ascii")


def count(counts: Mapping[str, Json], *names: str) -> int:
    """Sum of the named counts; what is no count is 0."""
    values = (counts.get(name) for name in names)
    return sum(value for value in values if isinstance(value, int))


def id_of(answer: Mapping[str, Json]) -> str:
    """The id in what the provider made. Raises ProviderError when there is none."""
    found = text_or_none(answer.get("id"))
    if not found:
        what = "what was created has no id"
        raise ProviderError(what, kind=FailureKind.BAD_BODY, possibly_billed=True)
    return found


def expired() -> ProviderError:
    """The error for a request that was not worked on in time; it goes again."""
    what = "the batch expired before this request was worked on; it was not billed"
    return ProviderError(what, kind=FailureKind.SERVER)


def cancelled() -> ProviderError:
    """The error for a request whose batch somebody cancelled; it does not go again by itself."""
    what = "the batch was cancelled at the provider; resume the run to send this request again"
    return ProviderError(what, kind=FailureKind.BAD_REQUEST)


def unmentioned() -> ProviderError:
    """The error for a request that the results of a whole batch leave out."""
    what = "the batch has ended and its results say nothing of this request"
    return ProviderError(what, kind=FailureKind.BAD_BODY, possibly_billed=True)


def item_failure(error: Json, redactor: Redactor) -> ProviderError:
    """The error for an error object in place of an answer; such items are not billed."""
    described = error if mapping(error) else {"message": str(error)}
    failure = error_object_failure(
        described, body_bytes(error), redactor=redactor, where="error in a batch"
    )
    failure.possibly_billed, failure.status_code = False, None
    return failure


def _take_line(line: bytes, take: Callable[[str, dict[str, Json]], None]) -> None:
    """A line that cannot be read leaves its request unmentioned, which is an error of its own."""
    if not line.strip():
        return
    try:
        row = json.loads(line)
    except (ValueError, RecursionError):
        row = None
    key = mapping(row).get("custom_id")
    if isinstance(key, str):
        take(key, row)
    else:
        _LOG.warning("a line in the results of a batch is no result: %r", line[:200])
