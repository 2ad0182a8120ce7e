"""Clients of the Anthropic and OpenAI SDKs whose calls are logged.

The SDKs' resources send everything through their client's `post`: a copy of the client gets one
that notes the chosen requests to the three APIs that answer with text. All types stay the SDK's;
no SDK is imported here.
"""

from __future__ import annotations

import functools
import inspect
import json
import time
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from evalrunner.production.sampler import Chosen, Sampler
from evalrunner.production.wrap.answers import ANSWERS, Answer
from evalrunner.production.wrap.asked import API_OF_PATH, Asked, asked_of
from evalrunner.production.wrap.streams import PARTS, tap

Client = TypeVar("Client")
_SDKS = {"anthropic", "openai"}


def wrap(sampler: Sampler, client: Client, *, metadata: Mapping[str, Any] | None = None) -> Client:
    """A copy of a client, with its settings and connections, that logs. Raises TypeError."""
    modules = {kind.__module__.partition(".")[0] for kind in type(client).__mro__}
    if not modules & _SDKS:
        raise TypeError(
            f"wrap() is for clients of the anthropic and openai SDKs, not {type(client).__name__}; "
            "use @sampled or log() for others"
        )
    original: Any = client
    logged = original.copy()
    changed = {"post": _logging(logged.post, sampler, metadata or {})}
    for name in ("copy", "with_options"):
        # What they make would log nothing.
        changed[name] = _wrapping(getattr(original, name), sampler, metadata)
    for name, method in changed.items():
        setattr(logged, name, method)
    copied: Client = logged
    return copied


def _wrapping(
    method: Callable[..., Any], sampler: Sampler, metadata: Mapping[str, Any] | None
) -> Callable[..., Any]:
    @functools.wraps(method)
    def copy(*args: Any, **kwargs: Any) -> Any:
        return wrap(sampler, method(*args, **kwargs), metadata=metadata)

    return copy


def _logging(
    post: Callable[..., Any], sampler: Sampler, metadata: Mapping[str, Any]
) -> Callable[..., Any]:
    @functools.wraps(post)
    def logged(path: str, **kwargs: Any) -> Any:
        call = _begin(sampler, path, kwargs, metadata)
        answer = post(path, **kwargs)
        return answer if call is None else call.answered(answer)

    @functools.wraps(post)
    async def logged_async(path: str, **kwargs: Any) -> Any:
        call = _begin(sampler, path, kwargs, metadata)
        answer = await post(path, **kwargs)
        return answer if call is None else call.answered(answer)

    return logged_async if inspect.iscoroutinefunction(post) else logged


def _begin(
    sampler: Sampler, path: str, kwargs: Mapping[str, Any], metadata: Mapping[str, Any]
) -> _Call | None:
    """The record of a request that was chosen; never raises."""
    api = API_OF_PATH.get(path)
    if api is None or sampler.is_off:
        return None
    try:
        asked = asked_of(api, kwargs.get("body"))
        joined = {**asked.metadata, **metadata}
        chosen = sampler.choose(None, asked.input if sampler.asks_input else None, joined)
        return None if chosen is None else _Call(sampler, chosen, api, asked, joined)
    except Exception as error:  # noqa: BLE001 - whatever it is, the application goes on
        sampler.drop("failed", error)
        return None


class _Call:
    """One chosen request, under way."""

    def __init__(
        self,
        sampler: Sampler,
        chosen: Chosen,
        api: str,
        asked: Asked,
        metadata: Mapping[str, Any],
    ) -> None:
        self._sampler = sampler
        self._chosen = chosen
        self._api = api
        self._asked = asked
        self._metadata = metadata
        self._started = time.perf_counter()

    def answered(self, answer: Any) -> Any:
        """Log what `post` returned, or listen to its stream; returns it unchanged, never raises."""
        try:
            if (raw := getattr(answer, "http_response", None)) is not None:
                self._log_raw(raw)
            elif hasattr(answer, "_iterator"):
                tap(answer, PARTS[self._api](), self.log, self._sampler.drop)
            else:
                self.log(ANSWERS[self._api](answer))
        except Exception as error:  # noqa: BLE001 - as above
            self._sampler.drop("unreadable", error)
        return answer

    def _log_raw(self, raw: Any) -> None:
        """Of `with_raw_response`; a body that is not there yet is left to the application."""
        body = json.loads(raw.content) if raw.is_stream_consumed else None
        if isinstance(body, dict):
            self.log(ANSWERS[self._api](body))
        else:
            self._sampler.drop("unreadable")

    def log(self, answer: Answer | None) -> None:
        """Log the whole answer; None = there was none."""
        if answer is None:
            self._sampler.drop("no output")
            return
        self._sampler.keep(
            self._chosen,
            input=self._asked.input,
            output=answer.output,
            metadata=self._metadata,
            messages=self._asked.messages,
            model=answer.model or self._asked.model,
            usage=answer.usage,
            latency_s=time.perf_counter() - self._started,
            stop_reason=answer.stop_reason,
            request_id=answer.id,
        )
