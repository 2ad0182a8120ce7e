"""A loopback server that answers like the three APIs, cheaply enough to stand beside a client.

`python benchmarks/server.py --latency 0.5` prints its port and serves `/v1/chat/completions`,
`/v1/responses` and `/v1/messages` until its standard input ends. The answer is the text of the last
user turn, or the simplest object of the schema that a request demands. `GET /stats` says what was
asked for, answered and throttled, and how often each text was paid. HTTP is parsed by hand: what is
needed of it here costs a few microseconds.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import math
import os
import random
import sys
import time
from collections import Counter
from typing import Any

_JSON = b"content-type: application/json\r\n"


class State:
    """What the server was told to do, and what it has seen."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        self.random = random.Random(options.seed)
        self.paid: Counter[str] = Counter()
        self.throttled = 0
        self.in_flight = 0
        self.most_in_flight = 0
        self.first_at = self.last_at = 0.0
        self.tokens = [0, 0]
        self._level = float(options.burst)
        self._level_at = time.monotonic()

    def wait_s(self) -> float:
        """Seconds until the token bucket lets a request in; 0 = it was let in."""
        if not self.options.rate:
            return 0.0
        now = time.monotonic()
        refilled = self._level + (now - self._level_at) * self.options.rate
        self._level, self._level_at = min(float(self.options.burst), refilled), now
        if self._level < 1:
            return (1 - self._level) / self.options.rate
        self._level -= 1
        return 0.0

    def latency_s(self) -> float:
        """How long the next answer takes."""
        spread = self.options.jitter
        return self.options.latency * (1 + spread * self.random.uniform(-1, 1) if spread else 1)

    def usage(self, body: dict[str, Any], text: str) -> tuple[int, int]:
        """(input, output) tokens to be charged; random up to the request's ceiling if asked for."""
        if not self.options.random_usage:
            return 1 + len(text) // 4, 8
        limits = ("max_output_tokens", "max_completion_tokens", "max_tokens")
        most = next(int(body[name]) for name in limits if name in body)
        return self.random.randint(1, 1 + len(text)), self.random.randint(0, most)

    def stats(self) -> dict[str, Any]:
        """For `GET /stats`."""
        return {
            "paid": dict(self.paid),
            "n_paid": self.paid.total(),
            "throttled": self.throttled,
            "in_flight": self.in_flight,
            "most_in_flight": self.most_in_flight,
            "seconds": self.last_at - self.first_at,
            "input_tokens": self.tokens[0],
            "output_tokens": self.tokens[1],
        }


class Connection(asyncio.Protocol):
    """One client connection; answers its requests in order."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._data = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._data += data
        while (end := self._data.find(b"\r\n\r\n")) >= 0:
            head = self._data[:end].lower()
            at = head.find(b"content-length:")
            length = int(head[at + 15 :].split(b"\r\n", 1)[0]) if at >= 0 else 0
            stop = end + 4 + length
            if len(self._data) < stop:
                return
            body, self._data = self._data[end + 4 : stop], self._data[stop:]
            self._serve(head.split(b" ", 2)[1].decode(), body)

    def _serve(self, path: str, body: bytes) -> None:
        state = self._state
        if path == "/stats":
            self._send(b"200 OK", json.dumps(state.stats()).encode())
            return
        if not body:
            # Somebody asks whether there is such a model.
            self._send(b"200 OK", json.dumps(_model(path.rpartition("/")[2])).encode())
            return
        now = time.monotonic()
        state.first_at = state.first_at or now
        wait = state.wait_s()
        if wait:
            state.throttled += 1
            self._send(b"429 Too Many Requests", _THROTTLED, headers=_retry_after(state, wait))
            return
        request = json.loads(body)
        text = _last_text(request)
        state.paid[text] += 1
        state.in_flight += 1
        state.most_in_flight = max(state.most_in_flight, state.in_flight)
        payload = _answer(path, request, text, state)
        asyncio.get_running_loop().call_later(state.latency_s(), self._finish, payload)

    def _finish(self, payload: bytes) -> None:
        self._state.in_flight -= 1
        self._state.last_at = time.monotonic()
        self._send(b"200 OK", payload)

    def _send(self, status: bytes, payload: bytes, *, headers: bytes = b"") -> None:
        if self._transport is not None and not self._transport.is_closing():
            head = b"HTTP/1.1 %b\r\n%b%bcontent-length: %d\r\n\r\n"
            self._transport.write(head % (status, _JSON, headers, len(payload)) + payload)


_THROTTLED = b'{"error": {"type": "rate_limit_error", "message": "Rate limit reached"}}'


def _retry_after(state: State, wait: float) -> bytes:
    """The header that tells how long to wait, in the form that was asked for."""
    form = state.options.retry_after
    if form == "ms":
        return b"retry-after-ms: %d\r\n" % math.ceil(1000 * wait)
    return b"retry-after: %d\r\n" % math.ceil(wait) if form == "seconds" else b""


def _model(name: str) -> dict[str, Any]:
    return {"id": name, "object": "model", "type": "model", "display_name": name}


def _last_text(request: dict[str, Any]) -> str:
    turns = request.get("messages") or request.get("input")
    content = turns[-1]["content"]
    return content if isinstance(content, str) else json.dumps(content)


def _verdict(request: dict[str, Any]) -> str:
    """What a judge says whose verdict must have the request's schema; empty for other requests."""
    form = request.get("text") or request.get("output_config") or request.get("response_format")
    if not form:
        return ""
    schema = form.get("format", form).get("schema") or form["json_schema"]["schema"]
    return json.dumps(_filled(schema))


def _filled(schema: dict[str, Any]) -> Any:
    if "enum" in schema:
        return schema["enum"][0]
    if schema["type"] == "object":
        return {name: _filled(part) for name, part in schema["properties"].items()}
    return "as was asked for"


def _answer(path: str, request: dict[str, Any], text: str, state: State) -> bytes:
    """A whole answer in the form of the API at `path`."""
    tokens = state.usage(request, text)
    state.tokens[0] += tokens[0]
    state.tokens[1] += tokens[1]
    number, model = state.paid.total(), request["model"]
    text = _verdict(request) or text
    if path.endswith("/messages"):
        body = _message(number, model, text, tokens)
    elif path.endswith("/responses"):
        body = _response(number, model, text, tokens)
    else:
        body = _chat(number, model, text, tokens)
    return json.dumps(body).encode()


def _chat(number: int, model: str, text: str, tokens: tuple[int, int]) -> dict[str, Any]:
    message = {"role": "assistant", "content": text, "refusal": None, "annotations": []}
    return {
        "id": f"chatcmpl-{number:012d}",
        "object": "chat.completion",
        "created": 1_795_000_000,
        "model": model,
        "choices": [{"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}],
        "usage": {
            "prompt_tokens": tokens[0],
            "completion_tokens": tokens[1],
            "total_tokens": sum(tokens),
            "prompt_tokens_details": {"cached_tokens": 0},
            "completion_tokens_details": {"reasoning_tokens": 0},
        },
        "service_tier": "default",
    }


def _response(number: int, model: str, text: str, tokens: tuple[int, int]) -> dict[str, Any]:
    content = [{"type": "output_text", "text": text, "annotations": []}]
    item = {"type": "message", "id": f"msg_{number:012d}", "role": "assistant"}
    return {
        "id": f"resp_{number:012d}",
        "object": "response",
        "created_at": 1_795_000_000,
        "model": model,
        "status": "completed",
        "error": None,
        "incomplete_details": None,
        "output": [{**item, "status": "completed", "content": content}],
        "usage": {
            "input_tokens": tokens[0],
            "input_tokens_details": {"cached_tokens": 0},
            "output_tokens": tokens[1],
            "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": sum(tokens),
        },
        "service_tier": "default",
    }


def _message(number: int, model: str, text: str, tokens: tuple[int, int]) -> dict[str, Any]:
    return {
        "id": f"msg_{number:012d}",
        "type": "message",
        "role": "assistant",
        "model": model,
        "content": [{"type": "text", "text": text}],
        "stop_reason": "end_turn",
        "stop_sequence": None,
        "usage": {
            "input_tokens": tokens[0],
            "cache_creation_input_tokens": 0,
            "cache_read_input_tokens": 0,
            "output_tokens": tokens[1],
            "service_tier": "standard",
        },
    }


async def serve(options: argparse.Namespace) -> None:
    """Print the port, then answer until standard input ends."""
    loop = asyncio.get_running_loop()
    state = State(options)
    server = await loop.create_server(
        lambda: Connection(state), "127.0.0.1", options.port, backlog=1024
    )
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    ended = asyncio.Event()
    loop.add_reader(sys.stdin.fileno(), ended.set)
    await ended.wait()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="0 = any free one")
    parser.add_argument("--latency", type=float, default=0.02, help="seconds of one answer")
    parser.add_argument("--jitter", type=float, default=0.0, help="share by which latency varies")
    parser.add_argument("--rate", type=float, default=0.0, help="requests per second; 0 = any")
    parser.add_argument("--burst", type=float, default=1.0, help="size of the token bucket")
    parser.add_argument("--retry-after", choices=("ms", "seconds", "none"), default="ms")
    parser.add_argument("--random-usage", action="store_true", help="up to the request's ceiling")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--core", type=int, help="processor to stay on")
    options = parser.parse_args()
    if options.core is not None and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {options.core})
    asyncio.run(serve(options))


if __name__ == "__main__":
    main()
