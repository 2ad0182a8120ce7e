"""The addresses of the rating server: the page, the current task, and where answers go."""

from __future__ import annotations

import hmac
import json
import logging
from collections.abc import Callable, Mapping
from typing import Any

from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.routing import Route

from evalrunner.errors import ConfigError, StoreError
from evalrunner.human.page import served_page
from evalrunner.human.server.ballots import Ballots
from evalrunner.human.server.desk import Desk, RefusedError
from evalrunner.human.server.guard import LARGEST_BODY

_log = logging.getLogger(__name__)


class RatingServer:
    """Answers raters.

    Args:
        desk: Where they are.
        ballots: Takes what they say.
        tokens: Each rater's secret.
        told: Called after an answer was taken, with the rater's name.
    """

    def __init__(
        self,
        desk: Desk,
        ballots: Ballots,
        *,
        tokens: Mapping[str, str],
        told: Callable[[str], None],
    ) -> None:
        self._desk = desk
        self._ballots = ballots
        self._tokens = {rater: token.encode() for rater, token in tokens.items()}
        self._told = told

    def app(self) -> Starlette:
        """As an ASGI application."""
        return Starlette(
            routes=[
                Route("/r/{token}", self._page, methods=["GET"]),
                Route("/api/task", self._task, methods=["GET"]),
                Route("/api/votes", self._vote, methods=["POST"]),
                Route("/{path:path}", _nothing),
            ],
            exception_handlers={RefusedError: _refuse},
        )

    async def _page(self, request: Request) -> Response:
        if self._rater(request.path_params["token"]) is None:
            return await _nothing(request)
        page = served_page()
        return HTMLResponse(page.html, headers={"Content-Security-Policy": page.policy})

    async def _task(self, request: Request) -> Response:
        rater = self._sender(request)
        return _json(self._desk.view(rater, request.query_params.get("id")))

    async def _vote(self, request: Request) -> Response:
        rater = self._sender(request)
        record = await _body(request)
        said = self._desk.parse(rater, record)
        try:
            is_taken = await self._ballots.add(said, known=record.get("known"))
        except (StoreError, ConfigError) as error:
            _log.error("a vote of %s is not recorded: %s", rater, error)
            # The error names files, and the run with them.
            what = "the computer that collects the votes could not write it down."
            return _json({"message": what}, status=503)
        if not is_taken:
            # A tab that showed the task before another one answered it.
            what = "the task has another answer by now"
            view = self._desk.view(rater, said.task_id)
            return _json(view | {"message": what, "conflict": True}, status=409)
        self._told(rater)
        return _json(self._desk.view(rater))

    def _sender(self, request: Request) -> str:
        """The rater whose token came along. Raises RefusedError."""
        kind, _, token = request.headers.get("authorization", "").partition(" ")
        rater = self._rater(token) if kind.lower() == "bearer" else None
        if rater is None:
            raise RefusedError("this link is not, or no longer, valid", status=403)
        return rater

    def _rater(self, token: str) -> str | None:
        """Whose token it is; every one is compared, in constant time."""
        sent = token.encode("utf-8", "surrogateescape")
        matches = [
            rater for rater, known in self._tokens.items() if hmac.compare_digest(sent, known)
        ]
        return matches[0] if matches else None


async def _body(request: Request) -> Any:
    """The JSON of a request. Raises RefusedError."""
    body = b""
    try:
        async for part in request.stream():
            body += part
            if len(body) > LARGEST_BODY:
                raise RefusedError("that is too long", status=413)
    except ClientDisconnect as error:
        raise RefusedError("the request broke off") from error
    try:
        return json.loads(body)
    except (ValueError, RecursionError) as error:
        raise RefusedError("the request holds no JSON") from error


async def _nothing(_request: Request) -> Response:
    """For whoever has no token: says neither what this is nor whether the address exists."""
    return PlainTextResponse("Forbidden\n", status_code=403)


async def _refuse(_request: Request, error: Exception) -> Response:
    status = error.status if isinstance(error, RefusedError) else 500
    return _json({"message": str(error)}, status=status)


def _json(value: Mapping[str, Any], *, status: int = 200) -> Response:
    # ASCII: half a surrogate pair in an output survives.
    text = json.dumps(value, allow_nan=False)
    return Response(text, status_code=status, media_type="application/json")
