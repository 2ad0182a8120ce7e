"""Model calls in OTLP JSON: spans and log records with `gen_ai.*` attributes.

What was asked and answered stands in one of three places: attributes of the span
(`gen_ai.input.messages`), an event of the span, or a log record that names the span, perhaps in
another file. So spans without content wait for the end of the log. Sources: OpenTelemetry's
semantic conventions for generative AI, the present ones and 1.36; OTLP 1.5, JSON encoding.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from evalrunner.production.logs.messages import (
    Message,
    input_of,
    message_of,
    messages_of,
    parsed,
    system_of,
)
from evalrunner.production.logs.record import (
    TOO_DEEP,
    LoggedCall,
    check_depth,
    identity,
    is_count,
    name_of,
    text_or_none,
)
from evalrunner.types import Json, Usage

Attributes = dict[str, Json]
_ASKING = frozenset({"chat", "text_completion", "generate_content"})
_DETAILS = "gen_ai.client.inference.operation.details"
_CONTENT = ("gen_ai.input.messages", "gen_ai.output.messages", "gen_ai.system_instructions")
_MESSAGE = re.compile(r"gen_ai\.(system|user|assistant|tool)\.message|gen_ai\.choice")
_NO_CONTENT = "is a model call without its input and output"
_NO_CONTENT_HINT = (
    "instrumentations leave the content out unless told otherwise: "
    "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"
)
_THRESHOLD = re.compile(r"(?:^|[,;])ot=(?:[^,]*;)?th:([0-9a-f]{1,14})(?=[;,]|$)")
_THRESHOLD_DIGITS = 14
_THRESHOLDS = 1 << 4 * _THRESHOLD_DIGITS


def is_telemetry(value: Mapping[str, Json]) -> bool:
    """Whether a JSON object is OTLP."""
    return "resourceSpans" in value or "resourceLogs" in value


@dataclass(slots=True)
class _Seen:
    """What is known of one model call."""

    where: str
    attributes: Attributes = field(default_factory=dict)
    span: Mapping[str, Any] | None = None
    asked: list[Message] = field(default_factory=list)
    answered: list[Message] = field(default_factory=list)
    at: str | None = None
    """Unix time in nanoseconds of an event; a span has its own."""

    @property
    def has_content(self) -> bool:
        return bool(self.asked or any(name in self.attributes for name in _CONTENT[:2]))


class Telemetry:
    """Takes batch after batch, gives the model calls in them."""

    def __init__(self) -> None:
        self.n_other = 0
        """Spans and log records that are no model call."""
        self.left_out: list[tuple[str, str, str]] = []
        """Where, what and a hint, of calls that are not usable."""
        self._waiting: dict[tuple[str, str], _Seen] = {}
        self._given: set[tuple[str, str]] = set()
        self._n_items = 0

    def take(self, batch: Mapping[str, Json], where: str) -> Iterator[LoggedCall]:
        """The calls that are whole with this batch."""
        try:
            for resource, span in _items(batch, "resourceSpans", "scopeSpans", "spans"):
                yield from self._span(span, resource, where)
            for resource, record in _items(batch, "resourceLogs", "scopeLogs", "logRecords"):
                self._record(record, resource, where)
        except RecursionError:
            self.left_out.append((where, TOO_DEEP, ""))
        except (TypeError, ValueError, AttributeError) as error:
            self.left_out.append((where, f"is no OTLP JSON: {error}"[:200], ""))

    def rest(self) -> Iterator[LoggedCall]:
        """The calls whose content came apart from their span, or that have no span."""
        for key, seen in self._waiting.items():
            if key not in self._given:
                yield from self._call(seen)

    def _span(self, span: Mapping[str, Any], resource: Attributes, where: str) -> Iterator[Any]:
        attributes = _attributes(span.get("attributes"))
        if not _is_asking(attributes):
            self.n_other += 1
            return
        key = self._key(span)
        if key in self._given:
            return  # Exporters try again.
        seen = self._waiting.pop(key, None) or _Seen(where)
        seen.span, seen.attributes = span, {**resource, **seen.attributes, **attributes}
        for event in span.get("events") or ():
            _add_event(seen, str(event.get("name")), _attributes(event.get("attributes")), None)
        if seen.has_content:
            self._given.add(key)
            yield from self._call(seen)
        else:
            self._waiting[key] = seen

    def _record(self, record: Mapping[str, Any], resource: Attributes, where: str) -> None:
        attributes = _attributes(record.get("attributes"))
        name = str(record.get("eventName") or attributes.get("event.name") or "")
        if name != _DETAILS and not _MESSAGE.fullmatch(name):
            self.n_other += 1
            return
        at = str(record.get("timeUnixNano") or record.get("observedTimeUnixNano") or "")
        key = self._key(record)
        if key not in self._given:
            seen = self._waiting.setdefault(key, _Seen(where, dict(resource), at=at))
            _add_event(seen, name, attributes, _plain(record.get("body")))

    def _key(self, item: Mapping[str, Any]) -> tuple[str, str]:
        """Its span; what has none is a call by itself, if it holds all of it."""
        self._n_items += 1
        return str(item.get("traceId")), str(item.get("spanId") or f"item {self._n_items}")

    def _call(self, seen: _Seen) -> Iterator[LoggedCall]:
        try:
            call = _call_of(seen)
            check_depth([call.input, call.output, call.metadata])
        except (ValueError, RecursionError) as error:
            what = TOO_DEEP if isinstance(error, RecursionError) else str(error)
            self.left_out.append((seen.where, what, _NO_CONTENT_HINT * (what == _NO_CONTENT)))
        else:
            yield call


def _items(
    batch: Mapping[str, Any], outer: str, scope: str, inner: str
) -> Iterator[tuple[Attributes, Mapping[str, Any]]]:
    for each in batch.get(outer) or ():
        resource = _attributes((each.get("resource") or {}).get("attributes"))
        for part in each.get(scope) or ():
            for item in part.get(inner) or ():
                yield resource, item


def _attributes(listed: Any) -> Attributes:
    return {str(each["key"]): _plain(each.get("value")) for each in listed or () if "key" in each}


def _plain(value: Any) -> Json:
    """The JSON value that an OTLP `AnyValue` stands for."""
    if not isinstance(value, dict) or not value:
        return None
    ((kind, content),) = list(value.items())[:1]
    if kind == "intValue":
        return int(content)
    if kind == "arrayValue":
        return [_plain(each) for each in content.get("values") or ()]
    if kind == "kvlistValue":
        return _attributes(content.get("values"))
    return content


def _is_asking(attributes: Attributes) -> bool:
    """Of a span: agents, tools and embeddings are spans of their own, around or beside the call."""
    operation = attributes.get("gen_ai.operation.name")
    if operation is not None:
        return operation in _ASKING
    return "gen_ai.request.model" in attributes or "gen_ai.input.messages" in attributes


def _add_event(seen: _Seen, name: str, attributes: Attributes, body: Json) -> None:
    if name == _DETAILS:
        seen.attributes.update(attributes)
        return
    found = _MESSAGE.fullmatch(name)
    if found is None:
        return
    # As a log record it has a body; span events carry the same in one attribute, or one by one.
    content = body if body is not None else parsed(attributes.get("gen_ai.event.content"))
    if not isinstance(content, dict):
        content = attributes if content is None else {"content": content}
    if found[1] is None:
        answer = parsed(content.get("message", content))
        said = answer if isinstance(answer, dict) else {"content": answer}
        reason = content.get("finish_reason")
        seen.answered.append({**message_of(said), "finish_reason": reason})
    else:
        seen.asked.append(message_of({"role": found[1], **content}))


def _call_of(seen: _Seen) -> LoggedCall:
    found, span = seen.attributes, seen.span or {}
    asked = messages_of(found.get("gen_ai.input.messages")) or seen.asked
    asks = input_of(asked)
    if asks is None:
        raise ValueError(_NO_CONTENT)
    system = messages_of(found.get("gen_ai.system_instructions"))
    said = "\n\n".join(part["content"] for part in system) or system_of(asked)
    start, end = (_nanoseconds(span.get(f"{name}TimeUnixNano")) for name in ("start", "end"))
    at = start if start is not None else _nanoseconds(seen.at)
    metadata = {name: value for name, value in found.items() if name not in _CONTENT}
    name = found.get("gen_ai.response.id") or span.get("spanId")
    answers = parsed(found.get("gen_ai.output.messages"))
    first = answers[0] if isinstance(answers, list) and answers else None
    choice = first if isinstance(first, dict) else next(iter(seen.answered), {})
    reasons = found.get("gen_ai.response.finish_reasons")
    reason = reasons[0] if isinstance(reasons, list) and reasons else choice.get("finish_reason")
    return LoggedCall(
        id=identity(name, asks, at),
        at=None if at is None else datetime.fromtimestamp(at / 1e9, UTC),
        input=asks,
        output=message_of(choice)["content"] or None,
        category=name_of(found.get("category")),
        metadata=metadata if said is None else {**metadata, "system": said},
        rate=_rate(span.get("traceState")),
        model=text_or_none(found.get("gen_ai.response.model"))
        or text_or_none(found.get("gen_ai.request.model")),
        usage=_usage(found),
        latency_s=None if start is None or end is None or end < start else (end - start) / 1e9,
        stop_reason=text_or_none(reason),
    )


def _nanoseconds(value: Json) -> int | None:
    """Nanoseconds since 1970 of a time that a calendar knows."""
    try:
        found = int(value)
        datetime.fromtimestamp(found / 1e9, UTC)
    except (TypeError, ValueError, OverflowError, OSError):
        return None
    return found or None


def _rate(state: Json) -> float:
    """Probability that the trace was sampled, where its state tells it.

    Source: OpenTelemetry, TraceState: Probability Sampling; the threshold is that of rejection.
    """
    found = _THRESHOLD.search(state) if isinstance(state, str) else None
    if found is None:
        return 1.0
    return 1 - int(found[1].ljust(_THRESHOLD_DIGITS, "0"), 16) / _THRESHOLDS


def _usage(found: Attributes) -> Usage | None:
    """Tokens in disjoint classes; the conventions count cached ones as input too."""
    names = {
        "input": ("gen_ai.usage.input_tokens", "gen_ai.usage.prompt_tokens"),
        "output": ("gen_ai.usage.output_tokens", "gen_ai.usage.completion_tokens"),
        "read": ("gen_ai.usage.cache_read.input_tokens",),
        "write": ("gen_ai.usage.cache_creation.input_tokens",),
    }
    counts = {
        ours: next((found[name] for name in theirs if is_count(found.get(name))), None)
        for ours, theirs in names.items()
    }
    if counts["input"] is None or counts["output"] is None:
        return None
    read, write = counts["read"] or 0, counts["write"] or 0
    return Usage(
        input_tokens=max(0, counts["input"] - read - write),
        cache_read_tokens=read,
        cache_write_5m_tokens=write,
        output_tokens=counts["output"],
    )
