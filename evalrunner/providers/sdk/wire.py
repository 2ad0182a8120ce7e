"""Sends requests with an SDK's generic `post`, and makes every failure a ProviderError.

One client per event loop: it is made on first use inside the loop and refuses any other, because a
connection that outlives its loop makes the SDKs send twice. The SDKs' retries are off; our gate
owns them. Redirects are not followed: they would carry prompts to a host that nobody trusted.
"""

from __future__ import annotations

import asyncio
import json
import os
import time
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from functools import lru_cache
from typing import Any, ClassVar

from evalrunner.errors import FailureKind, ProviderError
from evalrunner.providers.sdk.endpoints import cloud_of, endpoint_of
from evalrunner.providers.sdk.failures import deadline_failure, exception_failure
from evalrunner.providers.sdk.http import lean, trusted_authorities
from evalrunner.providers.sdk.loading import without_collector
from evalrunner.providers.sdk.options import SdkSettings
from evalrunner.redact import Redactor
from evalrunner.types import Completion, Request

NO_KEY = "no-key-needed"
_CONNECT_S = 10.0
_KEPT_HEADERS = frozenset({"date", "request-id", "x-request-id", "x-should-retry"})

OnHeaders = Callable[[Mapping[str, str]], None]


class WireProvider(ABC):
    """One model behind an SDK.

    Args:
        settings: Of the model.
        api_key: What `keys.find_key` found, after `keys.check_key_host` agreed; None only where
            no key is needed.
        max_connections: At least the gate's limit: waiting for a connection counts as a timeout.
        on_headers: Called with the allow-listed headers of every answer, errors included.
    """

    custom_headers_env: str
    """Variable from which the SDK would add headers of its own."""
    models_path: str
    """Path, as `post_path`, under which the provider describes its models."""
    models_query: ClassVar[Mapping[str, object]] = {}
    """What makes it list all of them on one page."""

    def __init__(
        self,
        settings: SdkSettings,
        *,
        api_key: str | None,
        max_connections: int = 1000,
        on_headers: OnHeaders | None = None,
    ) -> None:
        self.settings = settings
        self.endpoint = endpoint_of(settings)
        self._api_key = api_key
        self._max_connections = max_connections
        self._on_headers = on_headers
        # The variable that holds the key may have any name, so the key is named here.
        self.redactor = Redactor({**os.environ, "API_KEY": api_key or ""})
        self._client: Any = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._closed = False
        # A whole URL is joined to nothing, and parsed once less; clouds' clients rewrite a path.
        is_own = settings.client is None
        self._post_url = (self.endpoint.base_url if is_own else "") + self.post_path

    @abstractmethod
    def make_client(self, *, api_key: str | None, http: Mapping[str, Any]) -> Any:
        """The SDK's client for this model; `http` is what `http_client` takes."""

    @abstractmethod
    def sdk_errors(self) -> tuple[type[Exception], ...]:
        """Base classes of what the SDK raises."""

    @property
    @abstractmethod
    def post_path(self) -> str:
        """Path to give to the SDK, which joins it to the base URL."""

    @abstractmethod
    def parse(self, request: Request, body: bytes, *, redactor: Redactor) -> Completion:
        """Completion from a raw body. Raises ProviderError."""

    async def open(self) -> Any:
        """The SDK's client, imported and made now, so that no request's latency holds it."""
        return self._opened()

    async def complete(self, request: Request) -> Completion:
        """The answer of one attempt. Raises ProviderError."""
        if request.origin != self.endpoint.origin:
            raise RuntimeError(f"a request for {request.origin!r} came to {self.endpoint.origin!r}")
        check_encoding(request)
        client = self._opened()
        started_at, started = time.time(), time.monotonic()
        response = await self._send(client, request)
        latency_s = time.monotonic() - started
        headers = self._publish(response.headers)
        completion = self.parse(request, response.content, redactor=self.redactor)
        return replace(
            completion,
            request_id=headers.get("request-id")
            or headers.get("x-request-id")
            or completion.request_id,
            started_at=started_at,
            latency_s=latency_s,
        )

    async def fetch(
        self, path: str, *, deadline_s: float, query: Mapping[str, object] | None = None
    ) -> bytes:
        """The body of a GET, which costs nothing. Raises ProviderError."""
        import httpx2

        client = self._opened()
        options = {"params": dict(query or {}), "follow_redirects": False}
        response = await self._exchange(
            lambda: client.get(path, cast_to=httpx2.Response, options=options),
            deadline_s=deadline_s,
        )
        body: bytes = response.content
        return body

    async def ask(self, send: Callable[[Any], Awaitable[Any]], *, deadline_s: float) -> Any:
        """What `send` makes of the SDK's client. Raises ProviderError for every failure."""
        client = self._opened()
        return await self._exchange(lambda: send(client), deadline_s=deadline_s)

    async def aclose(self) -> None:
        """Close the client, if one was made; afterwards nothing can be sent."""
        self._closed = True
        if self._client is not None:
            self._check_loop()
            client, self._client = self._client, None
            await client.close()

    async def _send(self, client: Any, request: Request) -> Any:
        import httpx2

        options = {
            "headers": dict(request.headers),
            "follow_redirects": False,
            # The client's own: defaults that are not given are copied deeply for each request.
            "max_retries": 0,
            "timeout": client.timeout,
        }
        return await self._exchange(
            lambda: client.post(
                self._post_url,
                body=dict(request.body),
                cast_to=httpx2.Response,
                options=options,
            ),
            deadline_s=self.settings.limits.deadline_s,
        )

    async def _exchange(self, send: Callable[[], Awaitable[Any]], *, deadline_s: float) -> Any:
        """The response, whole; every failure is a ProviderError."""
        failure: ProviderError
        try:
            # The SDK's timeout is per socket read: a body that dribbles never reaches it.
            async with asyncio.timeout(deadline_s):
                return await send()
        except TimeoutError:
            failure = deadline_failure(deadline_s)
        except self._failures() as error:
            if (response := getattr(error, "response", None)) is not None:
                self._publish(response.headers)
            failure = exception_failure(error, redactor=self.redactor)
        # Raised out here, without the SDK's exception in its chain: that one holds the request
        # with its Authorization header.
        raise failure

    def _failures(self) -> tuple[type[Exception], ...]:
        """What SDK and transport raise when there is no answer."""
        import aiohttp
        import httpx2

        raised = (*self.sdk_errors(), aiohttp.ClientError, httpx2.HTTPError, OSError)
        if cloud_of(self.settings).credentials is None:
            return raised
        # How the clouds' signers say that there are no credentials, or no library for them.
        return (*raised, RuntimeError, ImportError)

    def _opened(self) -> Any:
        if self._closed:
            raise RuntimeError("this provider was closed")
        if self._client is None:
            self._loop = asyncio.get_running_loop()
            self._client = self._made()
        self._check_loop()
        return self._client

    def _made(self) -> Any:
        key = self._usable_key()
        with without_collector():
            http = self._http()
            refusals: tuple[type[Exception], ...] = (*self.sdk_errors(), ValueError, ImportError)
        failure: ProviderError
        try:
            return self.make_client(api_key=key, http=http)
        except refusals as error:
            said = self.redactor.text(str(error))
            what = f"the SDK cannot make its {self.settings.client or 'own'} client: {said}"
            failure = ProviderError(what, kind=FailureKind.AUTH)
        raise failure

    def _check_loop(self) -> None:
        if self._loop is not asyncio.get_running_loop():
            raise RuntimeError("this provider's client was made in another event loop")

    def _usable_key(self) -> str | None:
        if self._api_key is not None or cloud_of(self.settings).credentials is not None:
            return self._api_key
        if self.endpoint.is_loopback or self.settings.api_key_env is None:
            # Without one the SDKs would go and look for other credentials, and send those.
            return NO_KEY
        raise ProviderError(
            f"no key for {self.endpoint.host}: {self.settings.api_key_env} is not set",
            kind=FailureKind.AUTH,
        )

    def _http(self) -> dict[str, Any]:
        import httpx2

        deadline_s, most = self.settings.limits.deadline_s, self._max_connections
        return {
            # Reading has no limit of its own: `_exchange` bounds the call as a whole.
            "timeout": httpx2.Timeout(None, connect=min(_CONNECT_S, deadline_s)),
            "limits": httpx2.Limits(max_connections=most, max_keepalive_connections=most),
            "verify": trusted_authorities(),
        }

    def http_client(self, client: type[Any], http: Mapping[str, Any]) -> Any:
        """The SDK's own HTTP client of class `client`, as it suits this model."""
        return (lean(client) if self.settings.client is None else client)(**http)

    def _publish(self, headers: Any) -> dict[str, str]:
        # `items()` guesses an encoding anew for every header; what is kept here is ASCII.
        names = ((_kept_name(raw), value) for raw, value in headers.raw)
        kept = {name: value.decode("latin-1") for name, value in names if name is not None}
        if self._on_headers is not None:
            self._on_headers(kept)
        return kept

    def client_options(self) -> dict[str, Any]:
        """Options for the SDK's client, without those that are in the base URL already."""
        in_url = cloud_of(self.settings).url_options
        given = self.settings.client_options
        return {name: value for name, value in given.items() if name not in in_url}

    def own_headers(self, omit: Any, *, api_key: str | None) -> dict[str, Any]:
        """Default headers that undo the ones the SDK takes from the environment.

        Those would change answers without being in the cache key, or carry a secret to a host
        that only its own key was trusted with. `omit` is the SDK's marker for "do not send".
        """
        lines = os.environ.get(self.custom_headers_env, "").split("\n")
        headers = {line.partition(":")[0].strip(): omit for line in lines if ":" in line}
        if api_key is not None and self.settings.client is None:
            headers["Authorization"] = f"Bearer {api_key}"
        return headers


@lru_cache(maxsize=256)
def _kept_name(raw: bytes) -> str | None:
    """A header's name in lower case, if it is one that is handed on; every answer has the same."""
    name = raw.decode("latin-1").lower()
    is_kept = name in _KEPT_HEADERS or name.startswith("retry-after") or "ratelimit" in name
    return name if is_kept else None


def check_encoding(request: Request) -> None:
    """Raise ProviderError ENCODING for text that cannot be sent."""
    if not request.has_surrogates:
        return
    failure: ProviderError
    try:
        json.dumps(request.body, ensure_ascii=False).encode("utf-8")
    except UnicodeEncodeError as error:
        case = f" of case {request.case.id!r}" if request.case else ""
        failure = ProviderError(
            f"the prompt{case} has a lone surrogate ({error.object[error.start]!a}), "
            "which UTF-8 cannot carry; not sent",
            kind=FailureKind.ENCODING,
        )
    else:
        return
    raise failure
