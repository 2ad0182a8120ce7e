"""What every request must be before anything looks at it, and what every response carries.

The page is for raters alone, on a machine that also browses the web: a name that was rebound to
this address is told by the Host header, a foreign page by its Origin, and neither has a token.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from typing import TYPE_CHECKING

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

LARGEST_BODY = 65_536
"""Bytes of a request: the longest note is 40,000."""
_LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "[::1]"})
_HEADERS = {
    "Cache-Control": "no-store",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
_POLICY = "default-src 'none'; frame-ancestors 'none'"


class Guard:
    """Passes on what comes from a page of this server.

    Args:
        app: What answers.
        names: Host names, besides the address of the connection, under which it is reached.
    """

    def __init__(self, app: ASGIApp, *, names: Iterable[str]) -> None:
        self._app = app
        self._names = {name.lower() for name in names}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or refuse it."""
        if scope["type"] != "http":
            return

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                _protect(MutableHeaders(scope=message))
            await send(message)

        refused = self._refusal(scope)
        answer = self._app if refused is None else refused
        await answer(scope, receive, send_guarded)

    def _refusal(self, scope: Scope) -> PlainTextResponse | None:
        headers = Headers(scope=scope)
        host = headers.get("host", "").lower()
        if host not in self._hosts(scope) or len(headers.getlist("host")) != 1:
            return PlainTextResponse("Refused\n", status_code=421)
        if headers.get("origin", f"http://{host}").lower() != f"http://{host}":
            return PlainTextResponse("Refused\n", status_code=403)
        if scope["method"] == "POST":
            kind = headers.get("content-type", "").partition(";")[0].strip().lower()
            if kind != "application/json":
                return PlainTextResponse("Send JSON\n", status_code=415)
            length = headers.get("content-length", "0")
            if not length.isdecimal() or int(length) > LARGEST_BODY:
                return PlainTextResponse("Too large\n", status_code=413)
        return None

    def _hosts(self, scope: Scope) -> set[str]:
        """Host headers that name this server on this connection."""
        address, port = scope["server"]
        names = self._names | {in_url(address)}
        if ipaddress.ip_address(address.partition("%")[0]).is_loopback:
            names |= _LOOPBACK_NAMES
        # Port 80 is the one that browsers leave out.
        return {f"{name}:{port}" for name in names} | (names if port == 80 else set())  # noqa: PLR2004 - HTTP's


def in_url(host: str) -> str:
    """A host as it stands in a URL."""
    return f"[{host}]" if ":" in host else host


def _protect(headers: MutableHeaders) -> None:
    for name, value in _HEADERS.items():
        headers[name] = value
    headers.setdefault("Content-Security-Policy", _POLICY)
