"""The SDKs' HTTP client, minus a fifth of its processor time that none of our requests needs.

For each request it parses the same URL, merges headers, cookies and queries, and passes through
authentication and redirects. Here that is done once, or not at all; whatever else an SDK asks for
(queries, uploads, streams) goes the usual way.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import ssl

_UNUSUAL = ("params", "files", "data", "json", "cookies")


@cache
def trusted_authorities() -> ssl.SSLContext:
    """The certificates that servers are checked by, read once: that takes 30 ms."""
    import httpx2

    return httpx2.create_ssl_context()


def lean(client: type[Any]) -> type[Any]:
    """The class `client`, an SDK's own subclass of `httpx2.AsyncClient`, made cheaper.

    Not for the clouds' clients: some sign headers that are left to the transport here.
    """
    import httpx2

    class LeanClient(client):  # type: ignore[misc]  # only the SDK can say which class it is
        def __init__(self, **options: Any) -> None:
            super().__init__(**options)
            self._own_headers = [(name.lower(), value) for name, value in self.headers.raw]
            self._parsed: dict[Any, httpx2.URL] = {}

        def build_request(self, method: str, url: Any, **options: Any) -> httpx2.Request:
            """As of any client, but `Host` and `Content-Length` are the transport's to set."""
            content, timeout = options.get("content"), options.get("timeout")
            if (
                not isinstance(content, bytes)
                or not isinstance(timeout, httpx2.Timeout)
                or any(options.get(name) for name in _UNUSUAL)
            ):
                usual: httpx2.Request = super().build_request(method, url, **options)
                return usual
            if url not in self._parsed:
                self._parsed[url] = httpx2.URL(url)
            given = httpx2.Headers(options.get("headers")).raw
            names = {name.lower() for name, _ in given}
            own = [header for header in self._own_headers if header[0] not in names]
            request = httpx2.Request(
                method,
                self._parsed[url],
                headers=[*given, *own],
                stream=httpx2.ByteStream(content),
                extensions={**(options.get("extensions") or {}), "timeout": timeout.as_dict()},
            )
            request.read()
            return request

        async def send(self, request: httpx2.Request, **options: Any) -> httpx2.Response:
            """As of any client; what neither redirects, streams nor signs goes straight out."""
            if options.get("follow_redirects", True) or options.get("stream") or "auth" in options:
                response: httpx2.Response = await super().send(request, **options)
                return response
            response = await self._transport_for_url(request.url).handle_async_request(request)
            response.request = request
            try:
                await response.aread()
            except BaseException:
                await response.aclose()
                raise
            return response

    return LeanClient
