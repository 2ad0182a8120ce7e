"""A loopback server that speaks the three wire formats, and fails on request.

Tests use the `wire` fixture; `python tests/wire_server.py --port 8199` runs it alone. It answers
the last user turn with `"echo: <text>"` unless replies were queued or a handler was set.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import socket
import struct
import sys
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal
from urllib.parse import unquote

Fault = Literal["reset", "close", "truncate", "reset_body", "dribble", "hang", "garbage"]


@dataclass(frozen=True, kw_only=True)
class Reply:
    """One answer, or the lack of one."""

    body: Any = b""
    """Bytes as they are, anything else as JSON."""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    fault: Fault | None = None
    delay_s: float = 0.0

    @property
    def payload(self) -> bytes:
        return self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode()


@dataclass(frozen=True, kw_only=True)
class Seen:
    """A request as it arrived; the key itself is not kept."""

    method: str
    path: str
    headers: dict[str, str]
    authorized: bool
    body: Any


class WireServer:
    """Runs in a thread with a loop of its own."""

    def __init__(self, port: int = 0) -> None:
        self.requests: list[Seen] = []
        self.lookups: list[Seen] = []
        """Questions about models: they cost nothing, and are answered by `models` alone."""
        self.connections = 0
        self.handler: Callable[[Seen], Reply] = answer
        self.models: Callable[[Seen], Reply] = answer_about_models
        self._replies: deque[Reply] = deque()
        self._loop = asyncio.new_event_loop()
        self._server = self._loop.run_until_complete(
            asyncio.start_server(self._serve, "127.0.0.1", port)
        )
        self.port: int = self._server.sockets[0].getsockname()[1]
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        """Base URL of the Anthropic SDK; OpenAI's is `f"{url}/v1"`."""
        return f"http://127.0.0.1:{self.port}"

    def reply(self, *replies: Reply) -> None:
        """Answer the next requests with these, one each."""
        self._replies.extend(replies)

    def stop(self) -> None:
        asyncio.run_coroutine_threadsafe(self._shut(), self._loop).result(timeout=10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(timeout=10)
        self._loop.close()

    async def _shut(self) -> None:
        self._server.close()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
        await asyncio.sleep(0)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while (seen := await _read(reader)) is not None:
                reply = self._reply_to(seen)
                if not await _write(writer, reply):
                    break
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            writer.close()

    def _reply_to(self, seen: Seen) -> Reply:
        if seen.method == "GET" and "/models" in seen.path:
            self.lookups.append(seen)
            return self.models(seen)
        self.requests.append(seen)
        return self._replies.popleft() if self._replies else self.handler(seen)


async def _read(reader: asyncio.StreamReader) -> Seen | None:
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    except asyncio.IncompleteReadError:
        return None
    method, path, _ = head[0].split(" ", 2)
    lines = [line.split(":", 1) for line in head[1:] if line]
    headers = {name.lower(): value.strip() for name, value in lines}
    raw = await reader.readexactly(int(headers.get("content-length", "0")))
    secret = [headers.pop(name, None) for name in ("authorization", "api-key", "x-api-key")]
    return Seen(
        method=method,
        path=path,
        headers=headers,
        authorized=any(secret),
        body=raw if _is_upload(headers) else json.loads(raw) if raw else None,
    )


def _is_upload(headers: dict[str, str]) -> bool:
    return headers.get("content-type", "").startswith("multipart/")


async def _write(writer: asyncio.StreamWriter, reply: Reply) -> bool:
    """Send the reply; whether the connection can go on."""
    await asyncio.sleep(reply.delay_s)
    payload = reply.payload
    if reply.fault == "hang":
        await asyncio.sleep(3600)
    if reply.fault == "reset":
        _reset(writer)
    if reply.fault == "garbage":
        writer.write(b"I am no web server\r\n\r\n")
        await writer.drain()
    if reply.fault in {"reset", "close", "garbage"}:
        return False
    lines = {"content-type": "application/json", "content-length": str(len(payload))}
    lines |= reply.headers
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    writer.write(f"HTTP/1.1 {reply.status} Reply\r\n{head}\r\n".encode("latin-1"))
    if reply.fault == "dribble":
        for byte in payload:
            writer.write(bytes([byte]))
            await writer.drain()
            await asyncio.sleep(0.05)
    elif reply.fault in {"truncate", "reset_body"}:
        writer.write(payload[: len(payload) // 2])
        await writer.drain()
        await asyncio.sleep(0.05)
        if reply.fault == "reset_body":
            _reset(writer)
        return False
    else:
        writer.write(payload)
    await writer.drain()
    return True


def _reset(writer: asyncio.StreamWriter) -> None:
    """Closing with a linger of zero sends RST instead of FIN."""
    connection = writer.get_extra_info("socket")
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def answer(seen: Seen) -> Reply:
    """What a healthy API says to this request."""
    path = seen.path.split("?")[0]
    if path.endswith("/chat/completions"):
        text = _echo(seen.body["messages"])
        return Reply(body=chat_body(text), headers={"x-request-id": "req_chat"})
    if path.endswith("/responses"):
        text = _echo(seen.body["input"])
        return Reply(body=response_body(text), headers={"x-request-id": "req_responses"})
    if path.endswith("/decisions"):
        chosen = [(asked["name"], asked["choices"][0]["value"]) for asked in seen.body["questions"]]
        return Reply(body=decision_body(*chosen), headers={"x-request-id": "req_decisions"})
    if path.endswith(("/messages", "/invoke", ":rawPredict")):
        text = _echo(seen.body["messages"])
        return Reply(body=message_body(text), headers={"request-id": "req_messages"})
    return Reply(status=404, body={"error": {"message": f"no such path {path}"}})


def answer_about_models(seen: Seen) -> Reply:
    """Every model exists, and none is listed."""
    name = seen.path.split("?")[0].partition("/models")[2]
    if not name:
        return Reply(body={"object": "list", "data": []})
    return Reply(body=model_body(unquote(name[1:])))


def model_body(name: str, **changes: Any) -> dict:
    """A description of a model that both providers' clients understand."""
    return {"id": name, "object": "model", "type": "model", "lifecycle": "active", **changes}


def _echo(turns: list[dict[str, Any]]) -> str:
    content = turns[-1]["content"]
    return f"echo: {content if isinstance(content, str) else json.dumps(content)}"


def chat_body(text: str | None = "4", *, reason: str | None = "stop", **changes: Any) -> dict:
    """A Chat Completion; `changes` replace its fields, and None leaves a field out."""
    body = {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "model": "gpt-6-luna-2026-09-01",
        "choices": [
            {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": reason}
        ],
        "usage": {"prompt_tokens": 12, "completion_tokens": 3, "total_tokens": 15},
        "service_tier": "default",
    }
    return _changed(body, changes)


def response_body(text: str | None = "4", *, status: str = "completed", **changes: Any) -> dict:
    """A Response; `changes` as above."""
    content = [] if text is None else [{"type": "output_text", "text": text, "annotations": []}]
    body = {
        "id": "resp_1",
        "object": "response",
        "model": "gpt-6-luna-2026-09-01",
        "status": status,
        "error": None,
        "incomplete_details": None,
        "output": [{"type": "message", "role": "assistant", "content": content}],
        "usage": {"input_tokens": 12, "output_tokens": 3, "total_tokens": 15},
        "service_tier": "default",
    }
    return _changed(body, changes)


def decision_body(*chosen: tuple[str, Any], **changes: Any) -> dict:
    """A Decision that chose a value for each name; `changes` as above."""
    answers = [
        {
            "type": "choice",
            "name": name,
            "choice": value,
            "confidence": 0.9,
            "probabilities": [{"value": value, "probability": 0.9}],
        }
        for name, value in chosen
    ]
    usage = {
        "input_tokens": 12,
        "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
        "output_tokens": 3,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": 15,
    }
    return _changed({"model": "gpt-6-luna", "answers": answers, "usage": usage}, changes)


def message_body(
    text: str | None = "4", *, reason: str | None = "end_turn", **changes: Any
) -> dict:
    """A Message; `changes` as above."""
    body = {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "claude-opus-5-5-20260901",
        "content": [] if text is None else [{"type": "text", "text": text}],
        "stop_reason": reason,
        "usage": {"input_tokens": 12, "output_tokens": 3, "service_tier": "standard"},
    }
    return _changed(body, changes)


def _changed(body: dict, changes: dict[str, Any]) -> dict:
    merged = {**body, **changes}
    return {
        name: value for name, value in merged.items() if name not in changes or value is not None
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=8199)
    server = WireServer(parser.parse_args().port)
    sys.stderr.write(f"{server.url} (OpenAI: {server.url}/v1); Ctrl-C stops it\n")
    try:
        threading.Event().wait()
    except KeyboardInterrupt:
        server.stop()


if __name__ == "__main__":
    main()
