"""Both Batch APIs behind a wire server: what was handed over, and what became of it.

A batch ends after `looks` looks at it, unless `held`. What becomes of an item is queued by the text
of its question (`fates`); without a fate it is answered with `"echo: <text>"`, last one first.
"""

from __future__ import annotations

import json
import time
from collections import Counter, deque
from dataclasses import dataclass, field
from typing import Any

from wire_server import Reply, Seen, WireServer, answer, chat_body, message_body, response_body

EXPIRED, CANCELED, ERRORED, INVALID, THROTTLED, GARBLED, LEFT_OUT = (
    "expired",
    "canceled",
    "errored",
    "invalid",
    "throttled",
    "garbled",
    "left out",
)
_ERRORS = {
    ERRORED: (500, "api_error", "a bad day"),
    INVALID: (400, "invalid_request_error", "this prompt is too long"),
    THROTTLED: (429, "rate_limit_error", "too many tokens"),
}


@dataclass
class Handed:
    """A batch as it was created."""

    id: str
    items: list[dict[str, Any]]
    request: dict[str, Any]
    headers: dict[str, str]
    fates: dict[str, str]
    created: float = field(default_factory=time.time)
    looks: int = 0
    ended: bool = False

    @property
    def keys(self) -> list[str]:
        return [item["custom_id"] for item in self.items]


class BatchServer:
    """Speaks both dialects at once."""

    def __init__(self, wire: WireServer) -> None:
        wire.handler = self.handle
        self.wire = wire
        self.url = wire.url
        self.batches: dict[str, Handed] = {}
        self.files: dict[str, bytes] = {}
        self.fates: dict[str, deque[str]] = {}
        self.looks = 1
        self.held = False
        self.creations: deque[Reply | str] = deque()
        """What the next creations get: a reply in place of a batch, or what becomes of the reply
        to a creation that succeeds (`hang`, `close`), or '' for none of that."""
        self.ends: deque[tuple[str, list[dict[str, Any]]]] = deque()
        """OpenAI: the last status of the next batches, and their errors."""
        self.status = "in_progress"
        self.replies: deque[Reply] = deque()
        """In place of the next looks at batches."""
        self.cuts = 0
        """How many of the next downloads break off in the middle."""
        self._ends: dict[str, tuple[str, list[dict[str, Any]]]] = {}

    @property
    def asked(self) -> Counter[str]:
        """How often each question was handed over."""
        return Counter(_text(item) for batch in self.batches.values() for item in batch.items)

    def fate(self, text: str, *fates: str) -> None:
        """What becomes of a question, the first, second, ... time that it is handed over."""
        self.fates[text] = deque(fates)

    def handle(self, seen: Seen) -> Reply:
        path, _, query = seen.path.partition("?")
        parts = path.removeprefix("/v1/").split("/")
        if path == "/v1/files":
            return self._upload(seen.body)
        if path in {"/v1/messages/batches", "/v1/batches"}:
            is_new = seen.method == "POST"
            return self._create(seen) if is_new else self._list(path, dict(_pairs(query)))
        if parts[0] == "files":
            return self._download(self.files[parts[1]])
        if parts[-1] == "results":
            return self._download(_lines(self._anthropic_rows(self.batches[parts[-2]])))
        return self._look(parts[-1], path) if "batches" in parts else answer(seen)

    def _look(self, name: str, path: str) -> Reply:
        if self.replies:
            return self.replies.popleft()
        batch = self.batches.get(name)
        if batch is None:
            return Reply(status=404, body={"error": {"message": f"no batch {name}"}})
        batch.looks += 1
        return Reply(body=self._view(batch, path))

    def _upload(self, body: bytes) -> Reply:
        content = body.split(b'name="file"', 1)[1].split(b"\r\n\r\n", 1)[1].rsplit(b"\r\n--", 1)[0]
        name = f"file-{len(self.files)}"
        self.files[name] = content
        return Reply(body={"id": name, "object": "file", "purpose": "batch"})

    def _download(self, content: bytes) -> Reply:
        self.cuts -= 1
        return Reply(body=content, fault="truncate" if self.cuts >= 0 else None)

    def _create(self, seen: Seen) -> Reply:
        plan = self.creations.popleft() if self.creations else ""
        if isinstance(plan, Reply):
            return plan
        is_anthropic = "requests" in seen.body
        if is_anthropic:
            items = seen.body["requests"]
        else:
            lines = self.files[seen.body["input_file_id"]].split(b"\n")
            items = [json.loads(line) for line in lines if line]
        fates = {}
        for item in items:
            queue = self.fates.get(_text(item))
            fates[item["custom_id"]] = queue.popleft() if queue else ""
        name = f"{'msgbatch' if is_anthropic else 'batch'}_{len(self.batches)}"
        batch = Handed(name, items, seen.body, seen.headers, fates)
        self.batches[name] = batch
        self._ends[name] = self.ends.popleft() if self.ends else ("completed", [])
        reply = self._view(batch, seen.path)
        return Reply(body=reply, fault=plan or None)

    def _list(self, path: str, query: dict[str, str]) -> Reply:
        """Two a page, newest first, as both providers do."""
        newest = [b for b in reversed(self.batches.values()) if _is_of(b, path)]
        after = query.get("after_id") or query.get("after")
        start = [b.id for b in newest].index(after) + 1 if after else 0
        page = newest[start : start + 2]
        return Reply(
            body={
                "data": [self._view(batch, path) for batch in page],
                "has_more": start + 2 < len(newest),
                "last_id": page[-1].id if page else None,
            }
        )

    def _view(self, batch: Handed, path: str) -> dict[str, Any]:
        batch.ended = batch.ended or (not self.held and batch.looks >= self.looks)
        n = len(batch.items)
        if path.startswith("/v1/messages"):
            done = n if batch.ended else 0
            return {
                "id": batch.id,
                "type": "message_batch",
                "processing_status": "ended" if batch.ended else self.status,
                "request_counts": {"processing": n - done, "succeeded": done},
                "created_at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(batch.created)),
                "results_url": "http://elsewhere.example/results",
            }
        status, errors = self._ends[batch.id]
        view = {
            "id": batch.id,
            "object": "batch",
            "status": status if batch.ended else self.status,
            "created_at": int(batch.created),
            "metadata": batch.request["metadata"],
            "request_counts": {"total": n, "completed": n if batch.ended else 0, "failed": 0},
            "output_file_id": None,
            "error_file_id": None,
        }
        if batch.ended and status == "failed":
            return view | {"errors": {"object": "list", "data": errors}}
        if batch.ended:
            view |= self._openai_files(batch)
        return view

    def _openai_files(self, batch: Handed) -> dict[str, str]:
        rows = [self._openai_row(batch, item) for item in reversed(batch.items)]
        rows = [row for row in rows if row is not None]
        good = [row for row in rows if (row["response"] or {}).get("status_code") == 200]
        bad = [row for row in rows if row not in good]
        names = {}
        for name, part in (("output_file_id", good), ("error_file_id", bad)):
            if part:
                names[name] = f"{batch.id}-{name}"
                self.files[names[name]] = _lines(part)
        return names

    def _openai_row(self, batch: Handed, item: dict[str, Any]) -> dict[str, Any] | None:
        fate, key = batch.fates[item["custom_id"]], item["custom_id"]
        if fate == LEFT_OUT:
            return None
        row = {"id": f"req_{key[:6]}", "custom_id": key, "response": None, "error": None}
        if fate in {EXPIRED, CANCELED}:
            code = "batch_expired" if fate == EXPIRED else "batch_cancelled"
            return row | {"error": {"code": code, "message": "not worked on"}}
        status, body = 200, self._body(item)
        if fate in _ERRORS:
            status, code, message = _ERRORS[fate]
            body = {"error": {"type": code, "message": message}}
        elif fate == GARBLED:
            body = {"unexpected": True}
        return row | {
            "response": {"status_code": status, "request_id": f"item_{key[:6]}", "body": body}
        }

    def _anthropic_rows(self, batch: Handed) -> list[dict[str, Any]]:
        rows = []
        for item in reversed(batch.items):
            fate = batch.fates[item["custom_id"]]
            if fate == LEFT_OUT:
                continue
            result: dict[str, Any] = {"type": "succeeded", "message": self._body(item)}
            if fate in _ERRORS:
                _, code, message = _ERRORS[fate]
                error = {"type": "error", "error": {"type": code, "message": message}}
                result = {"type": "errored", "error": error}
            elif fate == GARBLED:
                result = {"type": "succeeded", "message": {"unexpected": True}}
            elif fate:
                result = {"type": fate}
            rows.append({"custom_id": item["custom_id"], "result": result})
        return rows

    def _body(self, item: dict[str, Any]) -> dict[str, Any]:
        text = f"echo: {_text(item)}"
        if "params" in item:
            return message_body(text)
        return chat_body(text) if "chat" in item["url"] else response_body(text)


def _text(item: dict[str, Any]) -> str:
    body = item.get("params") or item["body"]
    turns = body.get("messages") or body["input"]
    return str(turns[-1]["content"])


def _is_of(batch: Handed, path: str) -> bool:
    return batch.id.startswith("msgbatch") == path.startswith("/v1/messages")


def _pairs(query: str) -> list[tuple[str, str]]:
    return [(name, value) for name, _, value in (p.partition("=") for p in query.split("&"))]


def _lines(rows: list[dict[str, Any]]) -> bytes:
    """JSON lines as a provider may write them: UTF-8, U+2028 unescaped, a blank line at the end."""
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode() + b"\n"
