"""OpenAI's Batch API: a file of requests, then a file of answers and a file of errors.

A batch carries the token under which it was begun, so one whose id was lost is found by that.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any
from urllib.parse import quote

from evalrunner.errors import FailureKind, ProviderError
from evalrunner.providers.batches.api import (
    CLOCKS_DIFFER_S,
    BatchApi,
    Item,
    NoRoomError,
    State,
    body_bytes,
    cancelled,
    count,
    expired,
    id_of,
    item_failure,
    unmentioned,
)
from evalrunner.providers.sdk.bodies import mapping, objects, text_or_none
from evalrunner.providers.sdk.clouds import CLOUDS
from evalrunner.providers.sdk.failures import status_failure
from evalrunner.types import Batch, Json, Request

_ENDED = frozenset({"completed", "failed", "expired", "cancelled"})
_QUEUE_FULL = "token_limit_exceeded"
"""Too many tokens wait in this organisation's batches already."""
_OK = 200
_PAGE = 100
_MONTH_S = 30 * 86_400
"""How long OpenAI keeps the files; without a word it keeps answers for ever."""


class OpenAIBatches(BatchApi):
    """Asks `/files` and `/batches` of the model's host."""

    most_requests = 50_000
    most_bytes = 200_000_000

    async def create(self, batch: Batch, requests: Sequence[Request], *, run: str) -> str:
        """Upload the requests and hand them over; the batch's id. Raises ProviderError."""
        import httpx2

        file_id = await self._upload(batch.token, requests)
        body = self.creation(batch, file_id, run=run)

        async def send(client: Any) -> Any:
            options = {"follow_redirects": False}
            return await client.post(
                "/batches", body=body, cast_to=httpx2.Response, options=options
            )

        return id_of(await self.post(send))

    async def find(self, batch: Batch, *, known: Collection[str]) -> str | None:  # noqa: ARG002 - tokens are distinct
        """The batch that was begun under this token."""
        query: dict[str, object] = {"limit": _PAGE}
        while True:
            page = await self.get("/batches", query)
            listed = objects(page.get("data"))
            for found in listed:
                if mapping(found.get("metadata")).get("evalrunner_batch") == batch.token:
                    return id_of(found)
            if not page.get("has_more") or not listed:
                return None
            if count(listed[-1], "created_at") < batch.begun_at - CLOCKS_DIFFER_S:
                return None
            query["after"] = id_of(listed[-1])

    async def state(self, batch_id: str) -> State:
        """How far a batch is. Raises ProviderError."""
        found = await self.get(f"/batches/{quote(batch_id, safe='')}")
        counts = mapping(found.get("request_counts"))
        status = str(found.get("status"))
        return State(
            status=status,
            ended=status in _ENDED,
            done=count(counts, "completed", "failed"),
            total=count(counts, "total"),
            raw=found,
        )

    async def results(self, batch: Batch, state: State, take: Callable[[Item], None]) -> None:
        """Hand every line of both files to `take`, or what the validation found."""
        if state.status == "failed":
            self._take_refusals(batch, state, take)
        for name in ("output_file_id", "error_file_id"):
            if file_id := text_or_none(state.raw.get(name)):
                path = f"/files/{quote(file_id, safe='')}/content"
                await self.read_lines(path, lambda key, row: take(self._item(key, row)))

    def missing(self, state: State) -> ProviderError:
        """What became of a request without a line: that depends on how the batch ended."""
        if state.status == "expired":
            return expired()
        if state.status == "cancelled":
            return cancelled()
        if state.status == "failed":
            what = "its batch was refused for another request in it; this one goes again"
            return ProviderError(what, kind=FailureKind.SERVER)
        return unmentioned()

    def creation(self, batch: Batch, file_id: str, *, run: str) -> dict[str, Json]:
        """What is asked for, given the uploaded requests."""
        body: dict[str, Json] = {
            "input_file_id": file_id,
            "endpoint": self._endpoint,
            "completion_window": "24h",
            "metadata": {"evalrunner_run": run, "evalrunner_batch": batch.token},
        }
        if CLOUDS["openai", None].owns(self._wire.endpoint.host):
            # Compatible servers may refuse a field that they don't know.
            body["output_expires_after"] = {"anchor": "created_at", "seconds": _MONTH_S}
        return body

    @property
    def _endpoint(self) -> str:
        return f"/v1{self._wire.post_path}"

    async def _upload(self, token: str, requests: Sequence[Request]) -> str:
        import httpx2

        data = b"".join(_line(request, self._endpoint) for request in requests)
        file = (f"evalrunner-{token}.jsonl", data, "application/jsonl")
        # The SDK adds the boundary.
        headers = {"Content-Type": "multipart/form-data"}
        options = {"headers": headers, "follow_redirects": False}

        async def send(client: Any) -> Any:
            return await client.post(
                "/files",
                body={"purpose": "batch"},
                files=[("file", file)],
                cast_to=httpx2.Response,
                options=options,
            )

        return id_of(await self.post(send, n_bytes=len(data)))

    def _take_refusals(self, batch: Batch, state: State, take: Callable[[Item], None]) -> None:
        """The validation's complaints: about lines of the file, or about the batch as a whole."""
        for error in objects(mapping(state.raw.get("errors")).get("data")):
            failure = item_failure(error, self.redactor)
            line = error.get("line")
            if error.get("code") == _QUEUE_FULL or failure.kind is FailureKind.RATE_LIMIT:
                raise NoRoomError(str(failure), kind=FailureKind.RATE_LIMIT)
            if isinstance(line, int) and 0 < line <= len(batch.keys):
                take(Item(key=batch.keys[line - 1], error=failure))
            else:
                for key in batch.keys:
                    take(Item(key=key, error=item_failure(error, self.redactor)))

    def _item(self, key: str, row: Mapping[str, Json]) -> Item:
        response, error = mapping(row.get("response")), mapping(row.get("error"))
        if not response:
            return Item(key=key, error=self._no_response(error))
        body, status = body_bytes(response.get("body")), response.get("status_code")
        if status != _OK and isinstance(status, int):
            failure = status_failure(status, {}, body, redactor=self.redactor)
            return Item(key=key, error=failure)
        return Item(key=key, body=body, request_id=text_or_none(response.get("request_id")))

    def _no_response(self, error: Mapping[str, Json]) -> ProviderError:
        known = {"batch_expired": expired, "batch_cancelled": cancelled}
        make = known.get(str(error.get("code")))
        if make is not None:
            return make()
        return item_failure(error, self.redactor) if error else unmentioned()


def _line(request: Request, endpoint: str) -> bytes:
    row = {"custom_id": request.key, "method": "POST", "url": endpoint}
    return body_bytes({**row, "body": dict(request.body)}) + b"\n"
