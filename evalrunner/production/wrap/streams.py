"""Streams that are listened to: the application gets each event as it came, the log the whole."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from evalrunner.production.wrap.answers import (
    Answer,
    anthropic_usage,
    openai_usage,
    output_of,
    response_answer,
    text_part,
    tool_part,
)
from evalrunner.production.wrap.asked import field

Log = Callable[[Answer | None], None]
Drop = Callable[[str, BaseException | None], None]


class Parts(Protocol):
    """The answer that a stream's events add up to."""

    is_whole: bool
    """Whether the event came that ends an answer."""

    def add(self, event: Any) -> None:
        """Note one event."""

    def answer(self) -> Answer | None:
        """The answer so far."""


class ChatParts:
    """Chunks of a chat completion; of its first choice."""

    def __init__(self) -> None:
        self.is_whole = False
        self._id = self._model = self._reason = self._usage = None
        self._texts: list[str] = []
        self._tools: dict[int, list[str]] = {}

    def add(self, event: Any) -> None:
        """Note one chunk."""
        self._id = field(event, "id") or self._id
        self._model = field(event, "model") or self._model
        self._usage = field(event, "usage") or self._usage
        for choice in field(event, "choices") or ():
            if field(choice, "index"):
                continue
            self._add_delta(field(choice, "delta"))
            self._reason = field(choice, "finish_reason") or self._reason
        self.is_whole = self._reason is not None

    def _add_delta(self, delta: Any) -> None:
        self._texts.append(field(delta, "content") or field(delta, "refusal") or "")
        for call in field(delta, "tool_calls") or ():
            tool = self._tools.setdefault(field(call, "index") or 0, ["", ""])
            tool[0] += field(field(call, "function"), "name") or ""
            tool[1] += field(field(call, "function"), "arguments") or ""

    def answer(self) -> Answer:
        """Text and tool calls in the order of their indices."""
        parts = [
            text_part("".join(self._texts)),
            *(tool_part(*one) for one in self._tools.values()),
        ]
        usage = openai_usage(self._usage)
        return Answer(self._id, output_of(parts), self._model, usage, self._reason)


class ResponseParts:
    """Events of a response, whose last one holds all of it."""

    def __init__(self) -> None:
        self.is_whole = False
        self._response: Any = None

    def add(self, event: Any) -> None:
        """Note the last event."""
        if field(event, "type") in {
            "response.completed",
            "response.incomplete",
            "response.failed",
        }:
            self._response, self.is_whole = field(event, "response"), True

    def answer(self) -> Answer | None:
        """None for a response that failed."""
        return response_answer(self._response)


class MessageParts:
    """Events of a message."""

    def __init__(self) -> None:
        self.is_whole = False
        self._message: Any = None
        self._reason: str | None = None
        self._blocks: dict[int, tuple[Any, list[str]]] = {}
        self._output_tokens: int | None = None

    def add(self, event: Any) -> None:
        """Note one event."""
        match field(event, "type"):
            case "message_start":
                self._message = field(event, "message")
            case "content_block_start":
                self._blocks[field(event, "index")] = (field(event, "content_block"), [])
            case "content_block_delta":
                delta = field(event, "delta")
                text = field(delta, "text") or field(delta, "partial_json") or ""
                self._blocks[field(event, "index")][1].append(text)
            case "message_delta":
                self._reason = field(field(event, "delta"), "stop_reason") or self._reason
                tokens = field(field(event, "usage"), "output_tokens")
                self._output_tokens = self._output_tokens if tokens is None else tokens
            case "message_stop":
                self.is_whole = True

    def answer(self) -> Answer:
        """Its blocks in their order, with the usage of the last event."""
        usage = anthropic_usage(field(self._message, "usage"))
        if usage is not None and self._output_tokens is not None:
            usage = {**usage, "output_tokens": self._output_tokens}
        output = output_of([_block_part(block, pieces) for block, pieces in self._blocks.values()])
        name, model = field(self._message, "id"), field(self._message, "model")
        return Answer(name, output, model, usage, self._reason)


def _block_part(block: Any, pieces: list[str]) -> dict[str, Any] | None:
    kind, text = field(block, "type"), "".join(pieces)
    if kind == "text":
        return text_part((field(block, "text") or "") + text)
    if kind == "tool_use":
        return tool_part(field(block, "name"), json.loads(text) if text else {})
    return None


PARTS: Mapping[str, Callable[[], Parts]] = {
    "chat": ChatParts,
    "responses": ResponseParts,
    "messages": MessageParts,
}


def tap(stream: Any, parts: Parts, log: Log, drop: Drop) -> None:
    """Listen to a stream of either SDK from now on; the stream stays the same object."""
    # All their ways to read a stream go through this attribute.
    stream._iterator = _Tap(stream._iterator, parts, log, drop)  # noqa: SLF001


class _Tap:
    """An iterator, sync or async, that passes everything on: items, ends and errors."""

    def __init__(self, iterator: Any, parts: Parts, log: Log, drop: Drop) -> None:
        self._iterator = iterator
        self._parts: Parts | None = parts
        self._log = log
        self._drop = drop

    def __iter__(self) -> _Tap:
        return self

    def __aiter__(self) -> _Tap:
        return self

    def __next__(self) -> Any:
        try:
            item = next(self._iterator)
        except StopIteration:
            self._end()
            raise
        except BaseException:
            self._parts = None
            raise
        self._add(item)
        return item

    async def __anext__(self) -> Any:
        try:
            item = await anext(self._iterator)
        except StopAsyncIteration:
            self._end()
            raise
        except BaseException:
            self._parts = None
            raise
        self._add(item)
        return item

    def __getattr__(self, name: str) -> Any:
        return getattr(self._iterator, name)

    def __del__(self) -> None:
        # Many applications stop at the event that ends the answer, and never ask for the next.
        self._end()

    def _add(self, item: Any) -> None:
        if self._parts is None:
            return
        try:
            self._parts.add(item)
        except Exception as error:  # noqa: BLE001 - whatever it is, the stream goes on
            self._parts = None
            self._drop("unreadable", error)

    def _end(self) -> None:
        parts, self._parts = self._parts, None
        if parts is None:
            return
        try:
            if parts.is_whole:
                self._log(parts.answer())
            else:
                self._drop("left early", None)
        except Exception as error:  # noqa: BLE001 - as above
            self._drop("unreadable", error)
