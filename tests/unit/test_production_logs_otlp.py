"""Model calls in OTLP JSON, in the conventions of today and of before."""

from __future__ import annotations

import json

import pytest

from evalrunner.errors import ConfigError
from evalrunner.production.logs import read_logs
from evalrunner.types import Usage


def any_value(value):
    if isinstance(value, bool):
        return {"boolValue": value}
    if isinstance(value, int):
        return {"intValue": str(value)}
    if isinstance(value, float):
        return {"doubleValue": value}
    if isinstance(value, list):
        return {"arrayValue": {"values": [any_value(each) for each in value]}}
    if isinstance(value, dict):
        return {"kvlistValue": {"values": attributes(value)}}
    return {} if value is None else {"stringValue": value}


def attributes(values):
    return [{"key": key, "value": any_value(value)} for key, value in values.items()]


def span(name="s1", events=(), more=None, **values):
    values = {"gen_ai.operation.name": "chat", "gen_ai.request.model": "m", **values}
    return {
        "traceId": "t1",
        "spanId": name,
        "startTimeUnixNano": "1764000000000000000",
        "endTimeUnixNano": "1764000001500000000",
        "attributes": attributes(values),
        "events": list(events),
        **(more or {}),
    }


def event(name, values, **more):
    return {"name": name, "attributes": attributes(values), **more}


def spans(*each):
    resource = {"attributes": attributes({"service.name": "shop"})}
    return {"resourceSpans": [{"resource": resource, "scopeSpans": [{"spans": list(each)}]}]}


def log_records(*each):
    return {"resourceLogs": [{"scopeLogs": [{"logRecords": list(each)}]}]}


def read(tmp_path, *batches):
    path = tmp_path / "otlp.jsonl"
    path.write_text("".join(json.dumps(batch) + "\n" for batch in batches))
    return read_logs([path])


def said(role, text, **more):
    return {"role": role, "parts": [{"type": "text", "content": text}], **more}


ASKED = [said("user", "Where is it?")]
ANSWERED = [said("assistant", "Here.", finish_reason="stop")]
CONTENT = {"gen_ai.input.messages": ASKED, "gen_ai.output.messages": ANSWERED}


@pytest.mark.parametrize("form", [lambda value: value, json.dumps])
def test_messages_are_read_from_attributes(tmp_path, form):
    """Structured, or as the JSON text that most SDKs still write."""
    values = {key: form(value) for key, value in CONTENT.items()} | {
        "gen_ai.response.id": "chatcmpl-1",
        "gen_ai.response.model": "m-2026",
        "gen_ai.usage.input_tokens": 10,
        "gen_ai.usage.cache_read.input_tokens": 4,
        "gen_ai.usage.output_tokens": 3,
        "gen_ai.system_instructions": form([{"type": "text", "content": "Be short."}]),
    }

    (call,) = read(tmp_path, spans(span(**values))).records

    assert (call.id, call.input, call.output) == ("chatcmpl-1", "Where is it?", "Here.")
    assert (call.model, call.stop_reason, call.latency_s) == ("m-2026", "stop", 1.5)
    assert call.usage == Usage(input_tokens=6, cache_read_tokens=4, output_tokens=3)
    assert call.at.isoformat() == "2025-11-24T16:00:00+00:00"
    assert call.metadata["system"] == "Be short."
    assert call.field("service.name") == "shop"
    assert call.rate == 1


def test_a_conversation_stays_one_without_the_system_turn(tmp_path):
    """The system's words belong to the prompt under test; thoughts to nobody."""
    tool = {"type": "tool_call", "id": "1", "name": "find", "arguments": {"q": "it"}}
    result = {"type": "tool_call_response", "id": "1", "result": "shelf"}
    turns = [
        said("system", "Be short."),
        said("user", "Where is it?"),
        {"role": "assistant", "parts": [{"type": "reasoning", "content": "hm"}, tool]},
        {"role": "tool", "parts": [result]},
    ]
    values = {**CONTENT, "gen_ai.input.messages": turns}

    (call,) = read(tmp_path, spans(span(**values))).records

    assert [turn["role"] for turn in call.input] == ["user", "assistant", "tool"]
    assert '"find"' in call.input[1]["content"]
    assert "hm" not in call.input[1]["content"]
    assert call.input[2]["content"] == "shelf"
    assert call.metadata["system"] == "Be short."


def test_messages_are_read_from_events_of_the_span(tmp_path):
    """The conventions up to 1.36, as span events."""
    content = json.dumps({"content": "Where is it?"})
    choice = json.dumps({"message": {"content": "Here."}, "finish_reason": "stop", "index": 0})
    events = [
        event("gen_ai.system.message", {"content": "Be short."}),
        event("gen_ai.user.message", {"gen_ai.event.content": content}),
        event("gen_ai.choice", {"gen_ai.event.content": choice}),
        event("exception", {}),
    ]

    (call,) = read(tmp_path, spans(span(events=events))).records

    assert (call.input, call.output, call.stop_reason) == ("Where is it?", "Here.", "stop")
    assert call.metadata["system"] == "Be short."


@pytest.mark.parametrize("order", [1, -1])
def test_log_records_find_their_span_wherever_it_stands(tmp_path, order):
    """The conventions up to 1.36, as log events: before or after the span."""

    def said_in(name, body):
        ids = {"traceId": "t1", "spanId": "s1"}
        return {**ids, "attributes": attributes({"event.name": name}), "body": any_value(body)}

    events = log_records(
        said_in("gen_ai.user.message", {"content": "Where is it?"}),
        said_in(
            "gen_ai.choice", {"index": 0, "message": {"role": "assistant", "content": "Here."}}
        ),
        said_in("http.request", {}),
    )

    logs = read(tmp_path, *[spans(span()), events][::order])

    (call,) = logs.records
    assert (call.input, call.output, call.model) == ("Where is it?", "Here.", "m")
    assert call.latency_s == 1.5
    assert logs.n_other == 1


def test_a_details_event_is_a_call_but_not_a_second_one(tmp_path):
    """Content in span and event is one call; an event without a span is one by itself."""
    details = {
        "eventName": "gen_ai.client.inference.operation.details",
        "timeUnixNano": "1764000000000000000",
        "attributes": attributes(CONTENT | {"gen_ai.request.model": "m"}),
    }
    same = {**details, "traceId": "t1", "spanId": "s1"}

    logs = read(tmp_path, spans(span(**CONTENT)), log_records(same, details, details))

    assert [call.output for call in logs.records] == ["Here."] * 3


def test_a_span_that_was_exported_twice_counts_once(tmp_path):
    """Exporters try again."""
    logs = read(tmp_path, spans(span(**CONTENT)), spans(span(**CONTENT)))

    assert len(logs.records) == 1


def test_agents_tools_and_embeddings_are_no_model_calls(tmp_path):
    """They are spans around or beside the call, and would count it twice."""
    others = [
        span(name, **CONTENT | {"gen_ai.operation.name": name})
        for name in ("invoke_agent", "execute_tool", "embeddings")
    ]

    logs = read(tmp_path, spans(*others, span(**CONTENT)))

    assert (len(logs.records), logs.n_other, logs.n_left_out) == (1, 3, 0)


def test_a_call_without_content_says_how_to_capture_it(tmp_path):
    """The default of every instrumentation."""
    with pytest.raises(ConfigError, match="CAPTURE_MESSAGE_CONTENT"):
        read(tmp_path, spans(span()))


@pytest.mark.parametrize(
    ("state", "rate"),
    [("ot=th:8", 0.5), ("v=1,ot=rv:1;th:c", 0.25), ("ot=th:0", 1.0), ("x=th:8", 1.0), (None, 1.0)],
)
def test_the_sampling_of_a_trace_is_its_rate(tmp_path, state, rate):
    """`th` is the threshold of rejection."""
    (call,) = read(tmp_path, spans(span(more={"traceState": state}, **CONTENT))).records

    assert call.rate == rate


def test_a_document_over_many_lines_is_one_batch(tmp_path):
    """As a collector's debugging, or an editor, writes it; lists of batches too."""
    (tmp_path / "a.json").write_text(json.dumps(spans(span(**CONTENT)), indent=2))
    (tmp_path / "b.json").write_text(json.dumps([spans(span("s2", **CONTENT))], indent=2))

    assert len(read_logs([tmp_path]).records) == 2


@pytest.mark.parametrize(
    "batch",
    [
        {"resourceSpans": 7},
        {"resourceSpans": [{"scopeSpans": [{"spans": [7]}]}]},
        {"resourceSpans": [{"scopeSpans": [{"spans": [{"attributes": {"a": 1}}]}]}]},
        {"resourceLogs": [{"scopeLogs": [{"logRecords": ["x"]}]}]},
        spans(span(**CONTENT | {"x": float("1e300")}, more={"startTimeUnixNano": "soon"})),
        spans(span(**CONTENT, more={"startTimeUnixNano": "9" * 40, "endTimeUnixNano": {}})),
        spans(span(**CONTENT | {"gen_ai.input.messages": "{[", "gen_ai.output.messages": [7, 8]})),
        spans(span(**CONTENT | {"gen_ai.output.messages": "[" * 5000})),
    ],
)
def test_odd_batches_stop_nothing(tmp_path, batch):
    """The call beside them is read."""
    logs = read(tmp_path, batch, spans(span("good", **CONTENT)))

    assert "good" in {call.id for call in logs.records}


def test_deep_content_is_left_out(tmp_path):
    """No test set could hold it."""
    deep = [7]
    for _ in range(120):
        deep = [deep]

    logs = read(tmp_path, spans(span(**CONTENT | {"x": deep}), span("good", **CONTENT)))

    assert [call.id for call in logs.records] == ["good"]
    assert "nested" in logs.problems[0].what
