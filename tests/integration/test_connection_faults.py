"""What the network and the server can do to a request, through both real SDKs."""

from __future__ import annotations

import asyncio
import socket
import time
import traceback

import pytest
from wire_models import APIS, KEY, ask, provider_for, request_for, settings_for
from wire_server import Reply, WireServer, answer

from evalrunner.errors import FailureKind, ProviderError

LONG = b'{"text": "' + b"x" * 5000 + b'"}'


def failure(settings, text="2+2?", **changes):
    with pytest.raises(ProviderError) as caught:
        ask(settings, text, **changes)
    return caught.value


@pytest.mark.parametrize("api", APIS)
@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        ("reset", "connection"),
        ("close", "connection"),
        ("truncate", "connection"),
        ("reset_body", "connection"),
        ("garbage", "connection"),
        ("hang", "timeout"),
        ("dribble", "timeout"),
    ],
)
def test_an_answer_that_was_lost_may_have_been_billed(wire, api, fault, kind):
    """A8, A9, A10: nothing is sent twice by the SDK either."""
    wire.reply(Reply(body=LONG, fault=fault))

    failed = failure(settings_for(api, wire.url, deadline_s=0.4))

    assert (failed.kind, failed.possibly_billed) == (kind, True)
    assert len(wire.requests) == 1


@pytest.mark.parametrize("api", APIS)
def test_a_request_that_never_left_was_not_billed(api):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound but not listening: refused
        port = taken.getsockname()[1]

        failed = failure(settings_for(api, f"http://127.0.0.1:{port}"))

    assert (failed.kind, failed.possibly_billed) == (FailureKind.CONNECTION, False)


@pytest.mark.parametrize("api", APIS)
def test_the_deadline_beats_a_body_that_dribbles(wire, api):
    """A9: 5,000 bytes at 20 a second would take four minutes."""
    wire.reply(Reply(body=LONG, fault="dribble"))
    started = time.monotonic()

    failed = failure(settings_for(api, wire.url, deadline_s=0.4))

    assert time.monotonic() - started < 5
    assert "deadline_s = 0.4" in str(failed)


@pytest.mark.parametrize("api", APIS)
def test_an_undecodable_answer_is_a_bad_body(wire, api):
    wire.reply(Reply(body=b"plain", headers={"content-encoding": "gzip"}))

    failed = failure(settings_for(api, wire.url))

    assert (failed.kind, failed.possibly_billed) == (FailureKind.BAD_BODY, True)


@pytest.mark.parametrize("api", APIS)
@pytest.mark.parametrize("status", [307, 302])
def test_redirects_are_not_followed(wire, api, status):
    """They would carry the prompt to a host that nobody trusted."""
    other = WireServer()
    wire.reply(Reply(status=status, headers={"location": f"{other.url}/v1/messages"}))

    failed = failure(settings_for(api, wire.url))
    other.stop()

    assert failed.kind is FailureKind.BAD_REQUEST
    assert "redirected to" in str(failed)
    assert other.requests == []


@pytest.mark.parametrize("api", APIS)
@pytest.mark.parametrize(
    ("status", "kind"), [(429, "rate_limit"), (529, "server"), (401, "auth"), (402, "quota")]
)
def test_refusals_are_classified_and_sent_once(wire, api, status, kind):
    """A4: the SDKs' own retries are off."""
    body = {"error": {"message": "not now"}}
    wire.reply(Reply(status=status, body=body, headers={"retry-after": "3"}))

    failed = failure(settings_for(api, wire.url))

    assert (failed.kind, failed.status_code, failed.retry_after_s) == (kind, status, 3.0)
    assert not failed.possibly_billed
    assert b"not now" in failed.body
    assert len(wire.requests) == 1


@pytest.mark.parametrize("api", APIS)
def test_a_lone_surrogate_is_never_sent(wire, api):
    """A20."""
    failed = failure(settings_for(api, wire.url), "caf\ud83d")

    assert failed.kind is FailureKind.ENCODING
    assert "'c1'" in str(failed)
    assert not failed.possibly_billed
    assert wire.requests == []


@pytest.mark.parametrize("api", APIS)
def test_the_key_is_in_no_error(wire, api):
    """A22: not in text, repr, traceback, nor in anything the error leads to."""
    echoed = {"error": {"message": f"Bearer {KEY} is wrong", "headers": {"x": KEY}}}
    wire.reply(Reply(status=401, body=echoed), Reply(fault="reset"))

    for failed in (failure(settings_for(api, wire.url)), failure(settings_for(api, wire.url))):
        shown = "".join(traceback.format_exception(failed)) + repr(failed) + str(failed.body)
        assert KEY not in shown
        assert failed.__cause__ is None
        assert failed.__context__ is None


@pytest.mark.parametrize("api", APIS)
def test_a_key_under_any_name_is_redacted(wire, api):
    """A22: the shape of the key and the name of its variable do not matter."""
    odd = "hunter2hunter2"
    wire.reply(Reply(status=401, body={"error": {"message": f"{odd} is wrong"}}))

    failed = failure(settings_for(api, wire.url), api_key=odd)

    assert odd not in str(failed)
    assert odd.encode() not in failed.body


@pytest.mark.parametrize("api", APIS)
def test_a_key_is_needed_away_from_loopback(api):
    failed = failure(settings_for(api, "http://192.0.2.1"), api_key=None)

    assert failed.kind is FailureKind.AUTH
    assert "_API_KEY is not set" in str(failed)


@pytest.mark.parametrize("api", APIS)
def test_one_client_serves_many_requests_on_few_connections(wire, api):
    async def run():
        provider = provider_for(settings_for(api, wire.url))
        await provider.open()
        for _ in range(5):
            await provider.complete(request_for(provider.settings))
        await provider.aclose()

    asyncio.run(run())

    assert (len(wire.requests), wire.connections) == (5, 1)


@pytest.mark.parametrize("api", APIS)
def test_as_many_requests_as_allowed_are_in_flight_at_once(wire, api):
    wire.handler = lambda seen: Reply(
        body=answer(seen).body, headers=answer(seen).headers, delay_s=0.2
    )

    async def run():
        provider = provider_for(settings_for(api, wire.url), max_connections=40)
        asked = [provider.complete(request_for(provider.settings)) for _ in range(40)]
        await asyncio.gather(*asked)
        await provider.aclose()

    asyncio.run(run())

    assert wire.connections == 40


@pytest.mark.parametrize("api", APIS)
def test_a_provider_refuses_another_event_loop(wire, api):
    """A19."""
    provider = provider_for(settings_for(api, wire.url))
    request = request_for(provider.settings)
    loop = asyncio.new_event_loop()
    loop.run_until_complete(provider.complete(request))

    with pytest.raises(RuntimeError, match="another event loop"):
        asyncio.run(provider.complete(request))

    with pytest.raises(RuntimeError, match="another event loop"):
        asyncio.run(provider.aclose())
    assert len(wire.requests) == 1
    loop.run_until_complete(provider.aclose())
    loop.close()


@pytest.mark.parametrize("api", APIS)
def test_a_provider_per_loop_sends_each_request_once(wire, api):
    """A19: two jobs in one process."""
    ask(settings_for(api, wire.url))
    ask(settings_for(api, wire.url))

    assert len(wire.requests) == 2


@pytest.mark.parametrize("api", APIS)
def test_a_closed_provider_sends_nothing(wire, api):
    async def run():
        provider = provider_for(settings_for(api, wire.url))
        await provider.aclose()
        await provider.complete(request_for(provider.settings))

    with pytest.raises(RuntimeError, match="closed"):
        asyncio.run(run())

    assert wire.requests == []


@pytest.mark.parametrize("api", APIS)
def test_a_request_for_another_server_is_refused(wire, api):
    """A28: what was planned, keyed and shown is what is called."""
    foreign = request_for(settings_for(api, "http://127.0.0.1:1"))

    async def run():
        await provider_for(settings_for(api, wire.url)).complete(foreign)

    with pytest.raises(RuntimeError, match=r"http://127\.0\.0\.1:1"):
        asyncio.run(run())


@pytest.mark.parametrize(("api", "name"), [("responses", "OPENAI"), ("messages", "ANTHROPIC")])
def test_the_base_url_of_the_environment_is_the_one_called(wire, monkeypatch, api, name):
    """A28."""
    monkeypatch.setenv(f"{name}_BASE_URL", wire.url + ("/v1" if api == "responses" else ""))
    settings = settings_for(api, "", base_url=None)

    assert ask(settings).text == "echo: 2+2?"
    assert request_for(settings).origin == wire.url


@pytest.mark.parametrize("api", APIS)
def test_cancelling_passes_through_and_leaves_the_provider_usable(wire, api):
    wire.reply(Reply(fault="hang"))

    async def run():
        provider = provider_for(settings_for(api, wire.url))
        request = request_for(provider.settings)
        hanging = asyncio.create_task(provider.complete(request))
        await asyncio.sleep(0.3)
        hanging.cancel()
        with pytest.raises(asyncio.CancelledError):
            await hanging
        completion = await provider.complete(request)
        await provider.aclose()
        return completion

    assert asyncio.run(run()).text == "echo: 2+2?"


@pytest.mark.parametrize("api", APIS)
def test_rate_headers_are_handed_on_and_others_are_not(wire, api):
    heard = []
    rates = {
        "x-ratelimit-remaining-requests": "9",
        "anthropic-ratelimit-tokens-reset": "2026-11-23T12:00:00Z",
        "retry-after-ms": "5",
        "set-cookie": "session=secret",
    }
    wire.reply(Reply(status=429, body={}, headers=rates))

    failure(settings_for(api, wire.url), on_headers=heard.append)
    ask(settings_for(api, wire.url), on_headers=heard.append)

    assert heard[0] == {name: rates[name] for name in list(rates)[:3]}
    assert set(heard[1]) <= {"request-id", "x-request-id"}


@pytest.mark.parametrize("api", APIS)
def test_latency_is_that_of_the_call_alone(wire, api):
    """Making the client and importing its SDK take a second; the model did not."""
    wire.handler = lambda seen: Reply(body=answer(seen).body, delay_s=0.2)

    async def run():
        provider = provider_for(settings_for(api, wire.url))
        await provider.open()
        completion = await provider.complete(request_for(provider.settings))
        await provider.aclose()
        return completion

    before = time.time()
    completion = asyncio.run(run())

    assert 0.2 <= completion.latency_s < 1.5
    assert before <= completion.started_at <= time.time()


def test_missing_libraries_of_a_cloud_stop_the_model_and_say_why():
    settings = settings_for(
        "messages",
        "",
        base_url="http://127.0.0.1:1",
        client="bedrock",
        client_options={"aws_region": "eu-west-1"},
    )

    failed = failure(settings, api_key=None)

    assert failed.kind is FailureKind.AUTH
    assert not failed.possibly_billed


def test_a_client_that_cannot_be_made_stops_the_model_and_says_why():
    options = {"aws_region": "eu-west-1", "aws_profile": "work"}
    settings = settings_for(
        "responses", "", base_url=None, client="bedrock", client_options=options
    )

    failed = failure(settings)

    assert failed.kind is FailureKind.AUTH
    assert "cannot make its bedrock client" in str(failed)
    assert failed.__context__ is None
