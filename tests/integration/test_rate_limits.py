"""Whole layers over the real SDKs, against providers that throttle, fail and hang."""

from __future__ import annotations

import asyncio
import threading
import time
from collections import Counter

import pytest
from wire_models import module_of, provider_for, request_for, settings_for
from wire_server import Reply, WireServer, answer

from evalrunner.errors import FailureKind, ProviderError
from evalrunner.providers.cached import Cached
from evalrunner.providers.gate import Account, Gate
from evalrunner.providers.gated import Gated
from evalrunner.providers.recorded import Recorded
from evalrunner.providers.tariff import Tariff
from evalrunner.store import JOURNAL, RunStore, read_index
from evalrunner.store.journal import read_lines


class Throttle:
    """A handler with a token bucket, as providers have one per key."""

    def __init__(self, *, rate, burst, headers):
        self.rate = rate
        self.level = self.burst = burst
        self.headers = headers
        self.at = time.monotonic()
        self.statuses = Counter()
        self.lock = threading.Lock()

    def __call__(self, seen):
        with self.lock:
            now = time.monotonic()
            self.level = min(self.burst, self.level + (now - self.at) * self.rate)
            self.at = now
            if self.level < 1:
                self.statuses[429] += 1
                error = {"type": "rate_limit_error", "message": "Rate limit reached"}
                return Reply(status=429, headers=self.headers, body={"error": error})
            self.level -= 1
            self.statuses[200] += 1
            return answer(seen)


@pytest.fixture
def server():
    made = WireServer()
    yield made
    made.stop()


def ask_all(directory, settings, *, n, workers):
    """Ask for `n` cases through every layer: (texts or errors by case, seconds, the gate)."""

    async def run():
        index = read_index(directory / JOURNAL, [], resume=True)
        gate = Gate(settings.limits, account=Account())
        async with RunStore(directory, index=index) as store:
            wire = provider_for(settings, max_connections=gate.ceiling, on_headers=gate.heed)
            await wire.open()
            recorded = Recorded(wire, store, tariff=Tariff(None))
            gated = Gated(recorded, gate, max_attempts=settings.limits.max_attempts)
            layers = Cached(
                gated, parse=module_of(settings).parse, recorder=store, cache=None, mode="off"
            )
            cases, outcomes = iter(range(n)), {}

            async def work():
                for case in cases:
                    try:
                        completion = await layers.complete(request_for(settings, f"case {case}"))
                        outcomes[case] = completion.text
                    except ProviderError as error:
                        outcomes[case] = error

            started = time.monotonic()
            await asyncio.gather(*(work() for _ in range(workers)))
            took = time.monotonic() - started
            await layers.aclose()
        return outcomes, took, gate

    return asyncio.run(run())


def with_limits(api, url, **limits):
    return settings_for(api, url).model_copy(
        update={"limits": settings_for(api, url).limits.model_copy(update=limits)}
    )


@pytest.mark.parametrize("api", ["responses", "messages"])
def test_fifty_workers_lose_no_case_to_a_rate_limit(server, tmp_path, api):
    """A1: how much of the permitted rate is used is measured in virtual time, in the unit tests."""
    n, rate, burst = 100, 40, 10
    server.handler = throttle = Throttle(rate=rate, burst=burst, headers={"retry-after-ms": "200"})

    outcomes, took, gate = ask_all(tmp_path, settings_for(api, server.url), n=n, workers=50)

    assert outcomes == {case: f"echo: case {case}" for case in range(n)}
    assert throttle.statuses[200] == n
    assert throttle.statuses[429] == gate.throttled < 100
    assert (n - burst) / rate / took > 0.6


@pytest.mark.parametrize("api", ["responses", "messages"])
def test_overloaded_provider_loses_no_case(server, tmp_path, api):
    """A7: of every ten cases three are refused with 529, once or twice each."""
    left = {f"case {n}": 1 + n % 2 for n in range(100) if n % 10 in {0, 3, 6}}

    def overloaded(seen):
        case = seen.body["messages" if api == "messages" else "input"][-1]["content"]
        if left.get(case):
            left[case] -= 1
            return Reply(status=529, body={"error": {"type": "overloaded_error"}})
        return answer(seen)

    server.handler = overloaded

    outcomes, _, gate = ask_all(tmp_path, settings_for(api, server.url), n=100, workers=50)

    assert outcomes == {case: f"echo: case {case}" for case in range(100)}
    assert gate.episodes == 0


def test_hanging_request_holds_up_nobody_and_is_tried_again(server, tmp_path):
    """A8: one of twenty never answers; what it may have cost is written down."""
    server.handler = answer
    server.reply(*[Reply(fault="hang")])

    settings = with_limits("responses", server.url, deadline_s=1.0)
    outcomes, took, _ = ask_all(tmp_path, settings, n=20, workers=20)

    assert outcomes == {case: f"echo: case {case}" for case in range(20)}
    assert took < 1.0 + 1.5
    assert len(server.requests) == 21
    billed = read_index(tmp_path / JOURNAL, [], resume=False).possibly_billed
    assert list(billed.values()) == [1]


def test_clock_that_is_set_back_makes_no_negative_time(server, tmp_path, monkeypatch):
    """A27: one hour back in mid-run; durations and pauses come from a clock that only goes on."""
    server.handler = throttle = Throttle(rate=40, burst=10, headers={"retry-after-ms": "100"})
    true_time = time.time
    monkeypatch.setattr(time, "time", lambda: true_time() - 3600 * (throttle.statuses[200] >= 15))

    outcomes, took, _ = ask_all(tmp_path, settings_for("chat", server.url), n=40, workers=10)

    calls = [
        line.record for line in read_lines(tmp_path / JOURNAL) if line.record["type"] == "call"
    ]
    assert len(outcomes) == len(calls) == throttle.statuses[200] == 40
    assert all(0 <= call["latency_s"] < took for call in calls)
    assert max(call["started_at"] for call in calls) - min(
        call["started_at"] for call in calls
    ) == pytest.approx(3600, abs=10)


def test_provider_that_always_hangs_is_a_timeout_within_the_deadlines(server, tmp_path):
    """A8."""
    server.handler = lambda _: Reply(fault="hang")

    settings = with_limits("messages", server.url, deadline_s=0.3, max_attempts=2)
    outcomes, took, _ = ask_all(tmp_path, settings, n=5, workers=5)

    assert {error.kind for error in outcomes.values()} == {FailureKind.TIMEOUT}
    assert {error.attempts for error in outcomes.values()} == {2}
    assert took < 2 * 0.3 + 0.5 + 1.5


@pytest.mark.parametrize("api", ["responses", "chat", "messages"])
def test_exhausted_quota_stops_at_first_sight(server, tmp_path, api):
    """A4: from the fifth call on; no more than what was under way is sent after it."""
    count = Counter()

    def spent(seen):
        count["calls"] += 1
        if count["calls"] < 5:
            return answer(seen)
        error = {"type": "insufficient_quota", "code": "insufficient_quota", "message": "no credit"}
        return Reply(status=429, body={"error": error})

    server.handler = spent

    settings = with_limits(api, server.url, concurrency=4)
    outcomes, _, gate = ask_all(tmp_path, settings, n=100, workers=50)

    errors = [error for error in outcomes.values() if isinstance(error, ProviderError)]
    assert len(server.requests) <= 5 + 4
    assert len(errors) == 96
    assert {error.kind for error in errors} == {FailureKind.QUOTA}
    assert "no credit" in str(gate.stopped)


def test_parameter_that_the_model_refuses_is_sent_three_times(server, tmp_path):
    """A6: and the API's message reaches every case."""
    body = {"error": {"type": "invalid_request_error", "message": "temperature: not supported"}}
    server.handler = lambda _: Reply(status=400, body=body)

    settings = with_limits("messages", server.url, concurrency=1)
    outcomes, _, _ = ask_all(tmp_path, settings, n=50, workers=20)

    assert len(server.requests) == 3
    assert len(outcomes) == 50
    assert all("temperature: not supported" in str(error) for error in outcomes.values())


def test_hour_of_waiting_ends_the_model_at_once(server, tmp_path):
    """A2."""
    error = {"type": "rate_limit_error", "message": "daily limit"}
    server.handler = lambda _: Reply(
        status=429, headers={"retry-after": "3600"}, body={"error": error}
    )

    settings = settings_for("messages", server.url)
    outcomes, took, _ = ask_all(tmp_path, settings, n=50, workers=20)

    assert took < 5
    assert len(server.requests) <= 16
    assert all("asks to wait 1 h" in str(error) for error in outcomes.values())
    assert len(outcomes) == 50


def test_headers_without_anything_left_slow_down_before_a_refusal(server, tmp_path):
    """Limits are learned from the answers' headers."""

    def empty(seen):
        return Reply(
            body=answer(seen).body,
            headers={
                "x-ratelimit-limit-requests": "600",
                "x-ratelimit-remaining-requests": "0",
                "x-ratelimit-reset-requests": "60s",
            },
        )

    server.handler = empty

    outcomes, took, gate = ask_all(tmp_path, settings_for("chat", server.url), n=21, workers=5)

    assert len(outcomes) == 21
    assert took > 0.3
    assert gate.throttled == 0
