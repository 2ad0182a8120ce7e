"""The HTTP client under the SDKs: cheaper than theirs, and the same on the wire."""

from __future__ import annotations

import gzip
import json
import socket
import time

import pytest
from wire_models import APIS, ask, settings_for
from wire_server import Reply, answer

from evalrunner.errors import ProviderError
from evalrunner.providers.anthropic import AnthropicProvider
from evalrunner.providers.openai import OpenAIProvider


@pytest.mark.parametrize("api", APIS)
def test_the_wire_sees_what_the_sdks_own_client_sends(wire, api, monkeypatch):
    settings = settings_for(api, wire.url)
    ask(settings, "naïve 2+2?", system="be brief")
    for made in (AnthropicProvider, OpenAIProvider):
        monkeypatch.setattr(made, "http_client", lambda _, client, http: client(**http))

    ask(settings, "naïve 2+2?", system="be brief")

    lean, own = wire.requests
    assert (lean.method, lean.path, lean.body) == (own.method, own.path, own.body)
    assert lean.headers == own.headers
    assert lean.authorized


@pytest.mark.parametrize("api", APIS)
def test_compressed_answers_are_read(wire, api):
    def compressed(seen):
        reply = answer(seen)
        packed = gzip.compress(json.dumps(reply.body).encode())
        return Reply(body=packed, headers={"content-encoding": "gzip"})

    wire.handler = compressed

    completion = ask(settings_for(api, wire.url))

    assert completion.text == "echo: 2+2?"


@pytest.mark.parametrize("api", APIS)
def test_the_proxy_of_the_environment_is_used(wire, api, monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", wire.url)

    completion = ask(settings_for(api, "http://model.invalid"))

    assert completion.text == "echo: 2+2?"
    assert wire.requests[0].path.startswith("http://model.invalid/v1/")


@pytest.mark.parametrize("api", APIS)
def test_the_deadline_beats_a_server_that_does_not_accept(api):
    """A9: the queue of its port is full, so that connecting hangs."""
    with socket.socket() as full, socket.socket() as first, socket.socket() as second:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        for waiting in (first, second):
            waiting.setblocking(False)
            waiting.connect_ex(full.getsockname())
        started = time.monotonic()

        with pytest.raises(ProviderError, match=r"deadline_s = 0\.4"):
            ask(settings_for(api, f"http://127.0.0.1:{full.getsockname()[1]}", deadline_s=0.4))

        assert time.monotonic() - started < 5
