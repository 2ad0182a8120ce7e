"""The providers' prompt caches: what is sent, who goes first, and that the answer is the same."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable

import pytest
from pydantic import ValidationError
from wire_models import CASE, ask, module_of, prompt, provider_for, settings_for
from wire_server import Reply, message_body, response_body

from evalrunner.errors import FailureKind, ProviderError
from evalrunner.providers.primed import Primed

SYSTEM = "You sort tickets. " * 100
TOKENS = 600


class CachingServer:
    """Bills as a provider does whose cache can be read once the writing request was answered."""

    def __init__(self) -> None:
        self.written: set[str] = set()

    def __call__(self, seen) -> Reply:
        system = seen.body.get("system") or seen.body.get("instructions") or "none"
        name = json.dumps(system)
        hit = name in self.written
        self.written.add(name)
        read, wrote = (TOKENS, 0) if hit else (0, TOKENS)
        if "instructions" in seen.body:
            details = {"cached_tokens": read, "cache_write_tokens": wrote}
            usage = {"input_tokens": TOKENS + 10, "input_tokens_details": details}
            return Reply(body=response_body(usage=usage | {"output_tokens": 3}), delay_s=0.1)
        counts = {"cache_read_input_tokens": read, "cache_creation_input_tokens": wrote}
        usage = {"input_tokens": 10, "output_tokens": 3, **counts}
        return Reply(body=message_body(usage=usage), delay_s=0.1)


class Concurrent:
    """Counts how many requests are sent together to the real provider behind it."""

    def __init__(self, inner, fail: Callable[[int], bool] = lambda _: False) -> None:
        self._inner = inner
        self._fail = fail
        self._now = 0
        self.sent = 0
        self.others: list[int] = []

    async def complete(self, request):
        self.sent += 1
        self.others.append(self._now)
        self._now += 1
        try:
            if self._fail(self.sent):
                await asyncio.sleep(0.1)
                raise ProviderError("no", kind=FailureKind.BAD_REQUEST)
            return await self._inner.complete(request)
        finally:
            self._now -= 1

    async def aclose(self):
        await self._inner.aclose()


def requests_for(settings, n=8, *, system=SYSTEM):
    """Different cases with one system prompt."""
    module = module_of(settings)
    return [
        module.build_request(settings, prompt(f"{i}?", system=system), CASE, sample=0)
        for i in range(n)
    ]


def send_all(settings, requests, **changes):
    """The completions of requests that start together, and what counted them."""

    async def run():
        counted = Concurrent(provider_for(settings), **changes)
        primed = Primed(counted)
        try:
            done = await asyncio.gather(
                *(primed.complete(request) for request in requests), return_exceptions=True
            )
        finally:
            await primed.aclose()
        return done, counted

    return asyncio.run(run())


@pytest.mark.parametrize("ttl", ["5m", "1h"])
def test_claude_marks_the_end_of_the_system_prompt(wire, ttl):
    settings = settings_for("messages", wire.url, prompt_cache=ttl)

    ask(settings, system="Be brief.")

    mark = {"type": "ephemeral", "ttl": ttl}
    body = wire.requests[0].body
    assert body["system"] == [{"type": "text", "text": "Be brief.", "cache_control": mark}]
    assert "cache_control" not in body


def test_claude_without_a_system_prompt_marks_the_whole_prompt_for_its_repeats(wire):
    ask(settings_for("messages", wire.url, prompt_cache="5m"))

    body = wire.requests[0].body
    assert body["cache_control"] == {"type": "ephemeral", "ttl": "5m"}
    assert "system" not in body


def test_gpt_names_the_shared_beginning(wire):
    settings = settings_for("responses", wire.url, prompt_cache="auto")

    for text, system in (("a", "one"), ("b", "one"), ("a", "two")):
        ask(settings, text, system=system)

    keys = [seen.body["prompt_cache_key"] for seen in wire.requests]
    assert keys[0] == keys[1] != keys[2]
    assert all(len(key) <= 64 for key in keys)
    assert all("prompt_cache_options" not in seen.body for seen in wire.requests)


@pytest.mark.parametrize("api", ["responses", "chat"])
def test_gpt_can_leave_one_shot_prompts_out_of_the_cache(wire, api):
    ask(settings_for(api, wire.url, prompt_cache="explicit"))

    assert wire.requests[0].body["prompt_cache_options"] == {"mode": "explicit"}
    assert "prompt_cache_key" not in wire.requests[0].body


@pytest.mark.parametrize("api", ["responses", "chat", "messages"])
def test_nothing_is_said_about_caches_by_default(wire, api):
    ask(settings_for(api, wire.url), system="Be brief.")

    assert "cache" not in json.dumps(wire.requests[0].body)


@pytest.mark.parametrize(
    ("api", "modes"), [("messages", ("5m", "1h")), ("responses", ("auto", "explicit"))]
)
@pytest.mark.parametrize("system", [None, SYSTEM])
def test_prompt_cache_does_not_change_which_recorded_answer_is_used(wire, api, modes, system):
    plain, *cached = (
        requests_for(settings_for(api, wire.url, prompt_cache=mode), system=system)[0]
        for mode in (None, *modes)
    )

    assert {request.key for request in cached} == {plain.key}
    assert all(request.body != plain.body for request in cached)


@pytest.mark.parametrize(
    ("api", "mode", "params"),
    [
        ("messages", "5m", {"cache_control": {"type": "ephemeral"}}),
        ("responses", "auto", {"prompt_cache_key": "mine"}),
        ("responses", "explicit", {"prompt_cache_options": {"mode": "implicit"}}),
    ],
)
def test_prompt_cache_that_is_set_twice_is_refused(wire, api, mode, params):
    with pytest.raises(ValidationError, match="set prompt_cache or params"):
        settings_for(api, wire.url, prompt_cache=mode, params=params)


@pytest.mark.parametrize(("api", "mode"), [("messages", "5m"), ("responses", "auto")])
def test_first_request_of_a_shared_prefix_goes_alone_and_the_others_read_what_it_wrote(
    wire, api, mode
):
    wire.handler = CachingServer()
    settings = settings_for(api, wire.url, prompt_cache=mode)

    done, counted = send_all(settings, requests_for(settings, 8))

    assert counted.others[:2] == [0, 0]
    assert max(counted.others) == 6
    assert sum(completion.usage.cache_write_5m_tokens for completion in done) == TOKENS
    assert sum(completion.usage.cache_read_tokens for completion in done) == 7 * TOKENS


def test_each_shared_prefix_has_a_first_request_of_its_own(wire):
    settings = settings_for("messages", wire.url, prompt_cache="5m")
    ones, twos = requests_for(settings, 4), requests_for(settings, 4, system=SYSTEM + "!")

    _, counted = send_all(settings, [*ones, *twos])

    assert counted.others[:2] == [0, 1]
    assert max(counted.others) > 1


@pytest.mark.parametrize("system", [None, "Be brief."])
def test_prefix_that_no_provider_would_keep_makes_nobody_wait(wire, system):
    settings = settings_for("messages", wire.url, prompt_cache="5m")

    _, counted = send_all(settings, requests_for(settings, 8, system=system))

    assert counted.others == list(range(8))


def test_request_that_fails_hands_the_lead_to_the_next(wire):
    settings = settings_for("messages", wire.url, prompt_cache="5m")

    done, counted = send_all(settings, requests_for(settings, 6), fail=lambda n: n == 1)

    assert isinstance(done[0], ProviderError)
    assert [each.text for each in done[1:]] == [f"echo: {n}?" for n in range(1, 6)]
    assert counted.others[:3] == [0, 0, 0]
    assert max(counted.others) == 3


def test_prefix_whose_requests_all_fail_holds_nobody_up_for_long(wire):
    settings = settings_for("messages", wire.url, prompt_cache="5m")

    done, counted = send_all(settings, requests_for(settings, 9), fail=lambda _: True)

    assert all(isinstance(each, ProviderError) for each in done)
    assert counted.others[:3] == [0, 0, 0]
    assert max(counted.others) == 5
