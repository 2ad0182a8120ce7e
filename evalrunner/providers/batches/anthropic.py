"""Anthropic's Message Batches: requests in one JSON body, results as JSON lines.

A batch carries nothing of ours but the keys of its requests, and those can be read only once it has
ended. So one whose id was lost is recognised by its results.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import quote

from evalrunner.errors import FailureKind, ProviderError
from evalrunner.providers.batches.api import (
    CLOCKS_DIFFER_S,
    BatchApi,
    Item,
    State,
    body_bytes,
    cancelled,
    count,
    expired,
    id_of,
    item_failure,
    size_in_batch,
    unmentioned,
)
from evalrunner.providers.sdk.bodies import bad_body, mapping, objects, text_or_none
from evalrunner.types import Batch, Json, Request

_PATH = "/v1/messages/batches"
_COUNTS = ("processing", "succeeded", "errored", "canceled", "expired")
_PAGE = 100


class AnthropicBatches(BatchApi):
    """Asks `/v1/messages/batches` of the model's host."""

    most_requests = 100_000
    most_bytes = 256_000_000
    look_again_s = 30.0
    """Between looks at a batch that may be the one whose id was lost."""

    async def create(self, batch: Batch, requests: Sequence[Request], *, run: str) -> str:  # noqa: ARG002 - it cannot be labelled
        """Hand over requests; the new batch's id. Raises ProviderError."""
        import httpx2

        rows = [{"custom_id": r.key, "params": dict(r.body)} for r in requests]
        options = {"headers": dict(requests[0].headers), "follow_redirects": False}

        async def send(client: Any) -> Any:
            return await client.post(
                _PATH, body={"requests": rows}, cast_to=httpx2.Response, options=options
            )

        return id_of(await self.post(send, n_bytes=sum(map(size_in_batch, requests))))

    async def find(self, batch: Batch, *, known: Collection[str]) -> str | None:
        """The batch with as many requests, created since, whose results have our keys."""
        async for listed in self._since(batch.begun_at - CLOCKS_DIFFER_S):
            found = text_or_none(listed.get("id"))
            n_requests = count(mapping(listed.get("request_counts")), *_COUNTS)
            if not found or found in known or n_requests != len(batch.keys):
                continue
            if await self._holds(found, batch.keys):
                return found
        return None

    async def state(self, batch_id: str) -> State:
        """How far a batch is. Raises ProviderError."""
        found = await self.get(_path(batch_id))
        counts = mapping(found.get("request_counts"))
        total = count(counts, *_COUNTS)
        status = str(found.get("processing_status"))
        return State(
            status=status,
            ended=status == "ended",
            done=total - count(counts, "processing"),
            total=total,
            raw=found,
        )

    async def results(
        self,
        batch: Batch,  # noqa: ARG002 - needed by the other dialect
        state: State,
        take: Callable[[Item], None],
    ) -> None:
        """Hand every item of an ended batch to `take`, as it arrives."""
        path = _path(id_of(state.raw)) + "/results"
        await self.read_lines(path, lambda key, row: take(self._item(key, row)))

    def missing(self, state: State) -> ProviderError:  # noqa: ARG002 - needed by the other dialect
        """What became of a request without a line."""
        return unmentioned()

    def _item(self, key: str, row: Mapping[str, Json]) -> Item:
        result = mapping(row.get("result"))
        kind = result.get("type")
        if kind == "succeeded":
            return Item(key=key, body=body_bytes(result.get("message")))
        if kind == "errored":
            error = mapping(result.get("error"))
            return Item(key=key, error=item_failure(error.get("error", error), self.redactor))
        if kind == "expired":
            return Item(key=key, error=expired())
        if kind == "canceled":
            return Item(key=key, error=cancelled())
        what = "its type is none that is known"
        return Item(key=key, error=bad_body(what, body_bytes(row), redactor=self.redactor))

    async def _since(self, at: float) -> AsyncIterator[dict[str, Json]]:
        """Batches created after `at`, newest first."""
        query: dict[str, object] = {"limit": _PAGE}
        while True:
            page = await self.get(_PATH, query)
            for listed in objects(page.get("data")):
                if _unix_time(listed.get("created_at")) < at:
                    return
                yield listed
            if not page.get("has_more") or not page.get("last_id"):
                return
            query["after_id"] = page["last_id"]

    async def _holds(self, batch_id: str, keys: Collection[str]) -> bool:
        """Whether the requests of a batch are these; waits until it has ended."""
        found: set[str] = set()
        try:
            while not (await self.state(batch_id)).ended:  # noqa: ASYNC110 - nothing here can tell
                await asyncio.sleep(self.look_again_s)
            await self.read_lines(_path(batch_id) + "/results", lambda key, _: found.add(key))
        except ProviderError as error:
            if error.kind is FailureKind.NOT_FOUND:
                return False
            raise
        return not found.isdisjoint(keys)


def _path(batch_id: str) -> str:
    return f"{_PATH}/{quote(batch_id, safe='')}"


def _unix_time(value: Json) -> float:
    """Of an RFC 3339 time; infinite for what is none, so that its batch is looked at."""
    try:
        return datetime.fromisoformat(str(value)).timestamp()
    except ValueError:
        return float("inf")
