"""The real SDK clients, wrapped: their calls are logged, and nothing else is different."""

from __future__ import annotations

import asyncio
import gc
import inspect
import json

import anthropic
import openai
import pytest
from pydantic import BaseModel
from wire_server import Reply, chat_body, message_body, response_body

from evalrunner.production import Sampler

KEY = "sk-test-0123456789abcdefghij"
APIS = ["chat", "responses", "messages"]
QUESTION = [{"role": "user", "content": "2+2?"}]
USAGE = {"input_tokens": 12, "cache_read_tokens": 0, "cache_write_tokens": 0, "output_tokens": 3}
MODELS = {"chat": "gpt-6-luna-2026-09-01", "messages": "claude-opus-5-5-20260901"}
IDS = {"chat": "chatcmpl-1", "responses": "resp_1", "messages": "msg_1"}
_OPEN = []
REASONS = {"chat": "stop", "responses": "completed", "messages": "end_turn"}


@pytest.fixture
def sampler(tmp_path):
    with Sampler(1.0, tmp_path) as made:
        yield made


@pytest.fixture
def records(sampler, tmp_path):
    def read():
        gc.collect()
        sampler.flush()
        lines = [line for path in tmp_path.glob("*.jsonl") for line in path.read_text().split("\n")]
        return [json.loads(line) for line in lines if line]

    return read


@pytest.fixture(autouse=True)
def _closed():
    """Clients of a test end with it; those of a loop have to be closed in it."""
    yield
    while _OPEN:
        _OPEN.pop().close()


def client_of(api, wire, *, is_async=False):
    options = {"api_key": KEY, "max_retries": 0}
    if api == "messages":
        kind = anthropic.AsyncAnthropic if is_async else anthropic.Anthropic
        client = kind(base_url=wire.url, **options)
    else:
        kind = openai.AsyncOpenAI if is_async else openai.OpenAI
        client = kind(base_url=f"{wire.url}/v1", **options)
    if not is_async:
        _OPEN.append(client)
    return client


def resource_of(api, client):
    return {
        "chat": lambda: client.chat.completions,
        "responses": lambda: client.responses,
        "messages": lambda: client.messages,
    }[api]()


def request_of(api, turns=QUESTION, **more):
    if api == "responses":
        return {"model": "m", "input": turns, **more}
    limit = {"max_tokens": 100} if api == "messages" else {}
    return {"model": "m", "messages": turns, **limit, **more}


def created(api, client, *, is_async):
    """The answer to the question."""

    async def ask():
        async with client:
            return await resource_of(api, client).create(**request_of(api))

    if is_async:
        return asyncio.run(ask())
    return resource_of(api, client).create(**request_of(api))


def text_of(api, answer):
    if api == "chat":
        return answer.choices[0].message.content
    return answer.output_text if api == "responses" else answer.content[0].text


def events(*bodies, named=False):
    """A stream of server-sent events."""
    lines = []
    for body in bodies:
        lines += [f"event: {body['type']}"] if named else []
        lines += [f"data: {json.dumps(body)}", ""]
    lines += [] if named else ["data: [DONE]", ""]
    text = "\n".join(lines) + "\n"
    return Reply(body=text.encode(), headers={"content-type": "text/event-stream"})


def chunk(delta, *, reason=None, **more):
    choice = {"index": 0, "delta": delta, "finish_reason": reason}
    head = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "m-1"}
    return {**head, "choices": [choice], **more}


def chat_stream(*, whole=True):
    usage = {"prompt_tokens": 12, "completion_tokens": 3, "total_tokens": 15}
    bodies = [chunk({"role": "assistant", "content": "fo"}), chunk({"content": "ur"})]
    if whole:
        bodies += [chunk({}, reason="stop"), {**chunk({}), "choices": [], "usage": usage}]
    return events(*bodies)


def response_stream(*, whole=True):
    head = {"output_index": 0, "content_index": 0, "item_id": "msg_1", "logprobs": []}
    start = response_body(None, status="in_progress", output=[], usage=None)
    body = response_body("four")
    message = body["output"][0] = {**body["output"][0], "id": "msg_1", "status": "completed"}
    part = message["content"][0]
    bodies = [
        {"type": "response.created", "response": start},
        {
            "type": "response.output_item.added",
            "output_index": 0,
            "item": {**message, "status": "in_progress", "content": []},
        },
        {"type": "response.content_part.added", "part": {**part, "text": ""}, **head},
        {"type": "response.output_text.delta", "delta": "four", **head},
    ]
    if whole:
        bodies += [
            {"type": "response.output_text.done", "text": "four", **head},
            {"type": "response.content_part.done", "part": part, **head},
            {"type": "response.output_item.done", "output_index": 0, "item": message},
            {"type": "response.completed", "response": body},
        ]
    numbered = [{**body, "sequence_number": number} for number, body in enumerate(bodies)]
    return events(*numbered, named=True)


def message_stream(*, whole=True):
    start = message_body(None, reason=None, stop_reason=None)
    bodies = [
        {"type": "message_start", "message": {**start, "stop_reason": None}},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        *(
            {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": t}}
            for t in ("fo", "ur")
        ),
    ]
    if whole:
        delta = {"stop_reason": "end_turn", "stop_sequence": None}
        bodies += [
            {"type": "content_block_stop", "index": 0},
            {"type": "message_delta", "delta": delta, "usage": {"output_tokens": 7}},
            {"type": "message_stop"},
        ]
    return events(*bodies, named=True)


STREAMS = {"chat": chat_stream, "responses": response_stream, "messages": message_stream}


@pytest.mark.parametrize("is_async", [False, True])
@pytest.mark.parametrize("api", APIS)
def test_an_answer_comes_back_as_ever_and_is_logged(wire, sampler, records, api, is_async):
    client = sampler.wrap(client_of(api, wire, is_async=is_async))

    answer = created(api, client, is_async=is_async)

    assert text_of(api, answer) == "echo: 2+2?"
    [record] = records()
    assert record.pop("latency_s") > 0
    assert len(record.pop("id")) == 32
    assert record.pop("at")
    assert record == {
        "schema_version": 1,
        "rate": 1.0,
        "input": "2+2?",
        "output": "echo: 2+2?",
        "metadata": {},
        "model": MODELS.get(api, MODELS["chat"]),
        "usage": USAGE,
        "stop_reason": REASONS[api],
        "request_id": IDS[api],
    }


@pytest.mark.parametrize("is_async", [False, True])
@pytest.mark.parametrize("api", APIS)
def test_a_stream_passes_unchanged_and_is_logged_at_its_end(wire, sampler, records, api, is_async):
    wire.reply(STREAMS[api](), STREAMS[api]())
    plain = client_of(api, wire, is_async=is_async)
    client = sampler.wrap(plain)

    async def collect(one):
        stream = await resource_of(api, one).create(**request_of(api), stream=True)
        return type(stream), [event async for event in stream]

    async def run():
        async with plain:
            return await collect(plain), await collect(client)

    if is_async:
        expected, found = asyncio.run(run())
    else:
        streams = [
            resource_of(api, one).create(**request_of(api), stream=True) for one in (plain, client)
        ]
        expected, found = ((type(stream), list(stream)) for stream in streams)

    assert len(found[1]) >= 4
    assert found == expected
    [record] = records()
    assert (record["input"], record["output"]) == ("2+2?", "four")
    assert (record["stop_reason"], record["request_id"]) == (REASONS[api], IDS[api])
    assert record["usage"] == {**USAGE, "output_tokens": 7 if api == "messages" else 3}


@pytest.mark.parametrize("is_async", [False, True])
@pytest.mark.parametrize("api", APIS)
def test_the_helpers_for_streams_are_logged_once(wire, sampler, records, api, is_async):
    wire.reply(STREAMS[api]())
    client = sampler.wrap(client_of(api, wire, is_async=is_async))
    final = {"chat": "completion", "responses": "response", "messages": "message"}[api]

    async def ask():
        async with client, resource_of(api, client).stream(**request_of(api)) as stream:
            return await getattr(stream, f"get_final_{final}")()

    if is_async:
        answer = asyncio.run(ask())
    else:
        with resource_of(api, client).stream(**request_of(api)) as stream:
            answer = getattr(stream, f"get_final_{final}")()

    assert text_of(api, answer) == "four"
    assert [record["output"] for record in records()] == ["four"]


@pytest.mark.parametrize("api", APIS)
def test_a_stream_left_at_the_event_that_ends_it_is_logged(wire, sampler, records, api):
    wire.reply(STREAMS[api]())
    client = sampler.wrap(client_of(api, wire))
    with resource_of(api, client).create(**request_of(api), stream=True) as stream:
        for event in stream:
            ends = api == "chat" and event.choices[0].finish_reason
            if ends or getattr(event, "type", "") in {"response.completed", "message_stop"}:
                break
    del stream, event

    assert [record["output"] for record in records()] == ["four"]


@pytest.mark.parametrize("api", APIS)
def test_a_stream_left_before_its_end_is_counted_only(wire, sampler, records, api):
    wire.reply(STREAMS[api]())
    client = sampler.wrap(client_of(api, wire))
    stream = resource_of(api, client).create(**request_of(api), stream=True)
    next(stream)
    stream.close()
    del stream

    assert records() == []
    assert sampler.dropped_by == {"left early": 1}


@pytest.mark.parametrize("is_async", [False, True])
@pytest.mark.parametrize("api", APIS)
def test_errors_pass_unchanged_and_are_not_logged(wire, sampler, records, api, is_async):
    wire.handler = lambda _: Reply(status=429, body={"error": {"message": "too many"}})
    client = sampler.wrap(client_of(api, wire, is_async=is_async))
    sdk = anthropic if api == "messages" else openai

    with pytest.raises(sdk.RateLimitError, match="too many"):
        created(api, client, is_async=is_async)
    assert records() == []
    assert sampler.dropped == 0


@pytest.mark.parametrize("is_async", [False, True])
@pytest.mark.parametrize("api", APIS)
def test_an_error_in_a_stream_passes_unchanged(wire, sampler, records, api, is_async):
    """The connection ends in the middle."""
    reply = STREAMS[api]()
    wire.handler = lambda _: Reply(body=reply.body, headers=reply.headers, fault="truncate")
    plain = client_of(api, wire, is_async=is_async)
    wrapped = sampler.wrap(client_of(api, wire, is_async=is_async))

    async def collect(client):
        async with client:
            stream = await resource_of(api, client).create(**request_of(api), stream=True)
            return [event async for event in stream]

    def read(client):
        if is_async:
            return asyncio.run(collect(client))
        return list(resource_of(api, client).create(**request_of(api), stream=True))

    def error_of(client):
        with pytest.raises(Exception) as caught:  # noqa: PT011 - which one is the SDK's business
            read(client)
        return type(caught.value), str(caught.value)

    assert error_of(wrapped) == error_of(plain)
    assert records() == []


@pytest.mark.parametrize("api", APIS)
def test_raw_responses_are_logged_and_stay_raw(wire, sampler, records, api):
    client = sampler.wrap(client_of(api, wire))

    raw = resource_of(api, client).with_raw_response.create(**request_of(api))

    assert raw.headers["content-type"] == "application/json"
    assert text_of(api, raw.parse()) == "echo: 2+2?"
    assert [record["output"] for record in records()] == ["echo: 2+2?"]


@pytest.mark.parametrize("api", APIS)
def test_bodies_the_application_reads_itself_are_counted_only(wire, sampler, records, api):
    client = sampler.wrap(client_of(api, wire))

    with resource_of(api, client).with_streaming_response.create(**request_of(api)) as raw:
        body = b"".join(raw.iter_bytes())

    assert b"echo: 2+2?" in body
    assert records() == []
    assert sampler.dropped_by == {"unreadable": 1}


class Sum(BaseModel):
    value: int


@pytest.mark.parametrize("api", APIS)
def test_parsed_answers_are_logged(wire, sampler, records, api):
    body = {"chat": chat_body, "responses": response_body, "messages": message_body}[api]
    wire.reply(Reply(body=body('{"value": 4}')))
    client = sampler.wrap(client_of(api, wire))
    form = {"chat": "response_format", "responses": "text_format", "messages": "output_format"}[api]

    answer = resource_of(api, client).parse(**request_of(api), **{form: Sum})

    parsed = {
        "chat": lambda: answer.choices[0].message.parsed,
        "responses": lambda: answer.output_parsed,
        "messages": lambda: answer.parsed_output,
    }[api]()
    assert parsed == Sum(value=4)
    assert [record["output"] for record in records()] == ['{"value": 4}']


@pytest.mark.parametrize("api", APIS)
def test_conversations_keep_all_turns_and_the_systems(wire, sampler, records, api):
    system = {
        "chat": {},
        "responses": {"instructions": "be brief"},
        "messages": {"system": "be brief"},
    }
    turns = [
        {"role": "user", "content": "hello"},
        {"role": "assistant", "content": "hi"},
        {"role": "user", "content": [{"type": "text", "text": "2+2?"}]},
    ]
    if api == "chat":
        turns.insert(0, {"role": "system", "content": "be brief"})
    client = sampler.wrap(client_of(api, wire))

    resource_of(api, client).create(**request_of(api, turns), **system[api])
    turns.append({"role": "assistant", "content": "4"})

    [record] = records()
    assert record["input"] == "2+2?"
    assert [turn["role"] for turn in record["messages"]] == ["system", "user", "assistant", "user"]
    assert record["messages"][0]["content"] == "be brief"


def test_a_plain_text_input_is_the_input(wire, sampler, records):
    client = sampler.wrap(client_of("responses", wire))
    wire.reply(Reply(body=response_body()), Reply(body=response_body()))

    client.responses.create(model="m", input="2+2?")
    client.responses.create(model="m", input="2+2?", instructions="be brief")

    first, second = records()
    assert first["input"] == second["input"] == "2+2?"
    assert "messages" not in first
    assert second["messages"][0] == {"role": "system", "content": "be brief"}


def test_calls_of_tools_are_a_part_of_the_output(wire, sampler, records):
    call = {"id": "c", "type": "function", "function": {"name": "add", "arguments": '{"a":1}'}}
    chat = chat_body("look", reason="tool_calls")
    chat["choices"][0]["message"]["tool_calls"] = [call]
    item = {"type": "function_call", "call_id": "c", "name": "add", "arguments": '{"a":1}'}
    response = response_body("look")
    response["output"].append(item)
    message = message_body("look", reason="tool_use")
    message["content"].append({"type": "tool_use", "id": "c", "name": "add", "input": {"a": 1}})
    for api, body in (("chat", chat), ("responses", response), ("messages", message)):
        wire.reply(Reply(body=body))
        resource_of(api, sampler.wrap(client_of(api, wire))).create(**request_of(api))

    outputs = [record["output"] for record in records()]
    text, tool = {"type": "text", "text": "look"}, {"type": "tool_call", "name": "add"}
    assert outputs == [
        [text, {**tool, "arguments": '{"a":1}'}],
        [text, {**tool, "arguments": '{"a":1}'}],
        [text, {**tool, "arguments": {"a": 1}}],
    ]


def test_calls_of_tools_in_streams_are_put_together(wire, sampler, records):
    first = {
        "index": 0,
        "id": "c",
        "type": "function",
        "function": {"name": "add", "arguments": ""},
    }
    pieces = [{"index": 0, "function": {"arguments": piece}} for piece in ('{"a"', ":1}")]
    chunks = [chunk({"tool_calls": [piece]}) for piece in (first, *pieces)]
    wire.reply(events(*chunks, chunk({}, reason="tool_calls")))
    block = {"type": "tool_use", "id": "c", "name": "add", "input": {}}
    deltas = [{"type": "input_json_delta", "partial_json": piece} for piece in ('{"a"', ":1}")]
    wire.reply(
        events(
            {"type": "message_start", "message": {**message_body(None), "stop_reason": None}},
            {"type": "content_block_start", "index": 0, "content_block": block},
            *({"type": "content_block_delta", "index": 0, "delta": delta} for delta in deltas),
            {"type": "message_stop"},
            named=True,
        )
    )
    for api in ("chat", "messages"):
        client = sampler.wrap(client_of(api, wire))
        list(resource_of(api, client).create(**request_of(api), stream=True))

    outputs = [record["output"] for record in records()]
    assert outputs == [
        [{"type": "tool_call", "name": "add", "arguments": '{"a":1}'}],
        [{"type": "tool_call", "name": "add", "arguments": {"a": 1}}],
    ]


def test_cached_tokens_are_counted_once(wire, sampler, records):
    chat = {"prompt_tokens": 100, "completion_tokens": 3, "total_tokens": 103}
    chat["prompt_tokens_details"] = {"cached_tokens": 60, "cache_write_tokens": 10}
    message = {"input_tokens": 30, "output_tokens": 3}
    message |= {"cache_read_input_tokens": 60, "cache_creation_input_tokens": 10}
    wire.reply(Reply(body=chat_body(usage=chat)), Reply(body=message_body(usage=message)))
    for api in ("chat", "messages"):
        resource_of(api, sampler.wrap(client_of(api, wire))).create(**request_of(api))

    expected = {"input_tokens": 30, "cache_read_tokens": 60, "cache_write_tokens": 10}
    assert [record["usage"] for record in records()] == [{**expected, "output_tokens": 3}] * 2


def test_refusals_are_outputs_with_their_reason(wire, sampler, records):
    chat = chat_body(None)
    chat["choices"][0]["message"]["refusal"] = "I cannot"
    wire.reply(Reply(body=chat), Reply(body=message_body(None, reason="refusal")))
    for api in ("chat", "messages"):
        resource_of(api, sampler.wrap(client_of(api, wire))).create(**request_of(api))

    first, second = records()
    assert first["output"] == "I cannot"
    assert (second["output"], second["stop_reason"]) == ("", "refusal")


@pytest.mark.parametrize("status", ["failed", "in_progress", "queued"])
def test_a_response_that_is_no_answer_is_counted_only(wire, sampler, records, status):
    wire.reply(Reply(body=response_body(status=status)))

    sampler.wrap(client_of("responses", wire)).responses.create(model="m", input="a")

    assert records() == []
    assert sampler.dropped_by == {"no output": 1}


def test_metadata_of_the_request_and_of_the_wrapping_are_kept(wire, tmp_path):
    with Sampler(0.0, tmp_path, rates={"support": 1.0}, category="desk") as sampler:
        client = sampler.wrap(client_of("chat", wire), metadata={"desk": "support"})
        client.chat.completions.create(**request_of("chat"), metadata={"ticket": "7"})
        other = sampler.wrap(client_of("chat", wire), metadata={"desk": "sales"})
        other.chat.completions.create(**request_of("chat"))

    [path] = tmp_path.iterdir()
    [record] = map(json.loads, path.read_text().splitlines())
    assert record["metadata"] == {"ticket": "7", "desk": "support"}
    assert (record["category"], record["rate"]) == ("support", 1.0)


@pytest.mark.parametrize("api", APIS)
def test_the_client_itself_is_left_alone(wire, sampler, records, api):
    client = client_of(api, wire)
    wrapped = sampler.wrap(client)

    resource_of(api, client).create(**request_of(api))

    assert records() == []
    assert type(wrapped) is type(client)
    create = resource_of(api, client).create
    assert inspect.signature(resource_of(api, wrapped).create) == inspect.signature(create)


@pytest.mark.parametrize("api", APIS)
def test_copies_of_a_wrapped_client_log_too(wire, sampler, records, api):
    client = sampler.wrap(client_of(api, wire)).with_options(timeout=5).copy(max_retries=1)

    resource_of(api, client).create(**request_of(api))

    assert client.timeout == 5
    assert client.max_retries == 1
    assert len(records()) == 1


def test_other_requests_pass_by(wire, sampler, records):
    client = sampler.wrap(client_of("chat", wire))

    assert client.models.retrieve("m").id == "m"
    with pytest.raises(openai.NotFoundError):
        client.embeddings.create(model="m", input="a")
    other = sampler.wrap(client_of("messages", wire))
    with pytest.raises(anthropic.NotFoundError):
        other.messages.count_tokens(model="m", messages=QUESTION)
    assert records() == []


def test_beta_messages_are_logged(wire, sampler, records):
    client = sampler.wrap(client_of("messages", wire))

    client.beta.messages.create(**request_of("messages"), betas=["b-1"])

    assert [record["output"] for record in records()] == ["echo: 2+2?"]


@pytest.mark.parametrize("api", APIS)
def test_a_call_outside_of_the_sample_is_not_touched(wire, tmp_path, api):
    wire.reply(STREAMS[api]())
    with Sampler(1e-18, tmp_path / "logs") as sampler:
        stream = resource_of(api, sampler.wrap(client_of(api, wire))).create(
            **request_of(api), stream=True
        )

        assert inspect.isgenerator(stream._iterator)
        assert list(stream)
    assert not (tmp_path / "logs").exists()


def test_what_no_record_can_be_made_of_disturbs_nobody(wire, sampler, records):
    """An answer of another form than the API's."""
    wire.reply(
        Reply(body={"choices": [{"message": 7}]}),
        Reply(body={"choices": "text"}),
        events({"type": "content_block_delta", "index": 9, "delta": {}}, named=True),
    )
    client = sampler.wrap(client_of("chat", wire))

    client.chat.completions.create(**request_of("chat"))
    client.chat.completions.create(**request_of("chat"))
    other = sampler.wrap(client_of("messages", wire))
    assert len(list(other.messages.create(**request_of("messages"), stream=True))) == 1

    assert len(records()) + sampler.dropped == 3


@pytest.mark.parametrize("client", [object(), None, "client", asyncio])
def test_other_clients_are_refused_with_a_way_out(sampler, client):
    with pytest.raises(TypeError, match="use @sampled or log"):
        sampler.wrap(client)
