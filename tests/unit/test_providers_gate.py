"""Admission to a model: nobody too many, nobody forgotten, and the pace that the provider permits.

All in virtual time: an hour of waiting takes no time.
"""

from __future__ import annotations

import asyncio
import math
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from virtual_time import run

from evalrunner.errors import FailureKind, ProviderError
from evalrunner.providers import Limits
from evalrunner.providers.gate import LONGEST_WAIT_S, Account, Gate
from evalrunner.providers.gate.headers import nothing_left_s
from evalrunner.providers.gate.pace import Bucket, Pace
from evalrunner.providers.sdk.failures import retry_after


def gate(account=None, **limits):
    return Gate(Limits(**limits), account=account or Account())


def throttled(retry_after_s=None):
    return ProviderError("slow down", kind=FailureKind.RATE_LIMIT, retry_after_s=retry_after_s)


def rejected(message="no such parameter", kind=FailureKind.BAD_REQUEST):
    return ProviderError(message, kind=kind)


def now():
    return asyncio.get_running_loop().time()


async def settle():
    for _ in range(10):
        await asyncio.sleep(0)


ACTION = st.tuples(
    st.sampled_from(["answer", "answer", "answer", "429", "500", "cancel", "cancel while waiting"]),
    st.floats(0, 3),
    st.sampled_from([None, 0.0, 0.2, 1.0, 30.0]),
)


@given(
    actions=st.lists(ACTION, min_size=1, max_size=60),
    concurrency=st.none() | st.integers(1, 8),
    rpm=st.none() | st.floats(6, 6000),
    tpm=st.none() | st.floats(60, 60_000),
)
@settings(max_examples=150, deadline=None)
def test_any_schedule_keeps_the_limit_and_forgets_nobody(actions, concurrency, rpm, tpm):
    """Never more in flight than allowed; everybody is let go; no slot is lost to a cancellation."""

    class Watched(Gate):
        def _take(self, tokens):
            assert self.in_flight < int(self.limit) <= self.ceiling
            return super()._take(tokens)

    async def schedule():
        door = Watched(Limits(concurrency=concurrency, rpm=rpm, tpm=tpm), account=Account())

        async def one(kind, duration, wait):
            episode = await door.enter(100.0)
            try:
                await asyncio.sleep(duration)
                if kind == "429":
                    door.failed(throttled(wait), episode=episode)
                elif kind == "500":
                    door.failed(ProviderError("x", kind=FailureKind.SERVER), episode=episode)
                else:
                    door.succeeded()
            finally:
                door.leave()

        tasks = [asyncio.create_task(one(*action)) for action in actions]
        for task, (kind, duration, _) in zip(tasks, actions, strict=True):
            if kind.startswith("cancel"):
                delay = 0.0 if kind == "cancel while waiting" else duration / 2
                asyncio.get_running_loop().call_later(delay, task.cancel)
        return await asyncio.gather(*tasks, return_exceptions=True), door

    outcomes, door = run(schedule())

    assert {type(outcome) for outcome in outcomes} <= {type(None), asyncio.CancelledError}
    assert all(
        kind.startswith("cancel")
        for outcome, (kind, *_) in zip(outcomes, actions, strict=True)
        if outcome is not None
    )
    assert door.in_flight == 0


def test_first_come_first_served():
    async def order():
        door, served = gate(concurrency=1), []

        async def one(number):
            await door.enter()
            served.append(number)
            await asyncio.sleep(1)
            door.leave()

        await asyncio.gather(*(one(number) for number in range(10)))
        return served

    assert run(order()) == list(range(10))


def test_a_crowd_goes_a_few_at_a_time_and_without_waiting():
    """Else all of it is answered at once, and each answer's latency holds the others' reading."""

    async def crowd():
        one, went = gate(concurrency=50), []

        async def go(number):
            await one.enter()
            went.append((number, turn))

        tasks = [asyncio.create_task(go(number)) for number in range(50)]
        for turn in range(60):  # noqa: B007 - read by the tasks
            await asyncio.sleep(0)
        await asyncio.gather(*tasks)
        return went, now()

    went, ended_at = run(crowd())

    assert [number for number, _ in went] == list(range(50))
    assert max(Counter(turn for _, turn in went).values()) < 10
    assert ended_at == 0


def test_slot_given_to_somebody_who_was_cancelled_in_the_same_moment_is_not_lost():
    async def race():
        door = gate(concurrency=1)
        await door.enter()
        waiting = asyncio.create_task(door.enter())
        await settle()
        door.leave()
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        await asyncio.wait_for(door.enter(), 1)
        return door.in_flight

    assert run(race()) == 1


def test_concurrency_grows_by_itself_while_it_is_used():
    async def grow():
        door = gate()
        for _ in range(100):
            while door.in_flight < int(door.limit):
                await door.enter()
            door.succeeded()
            door.leave()
        used = door.limit
        idle = gate()
        for _ in range(100):
            await idle.enter()
            idle.succeeded()
            idle.leave()
        return used, idle.limit

    used, idle = run(grow())

    assert used == 116
    assert idle == 16


@pytest.mark.parametrize(("limits", "most"), [({}, 256), ({"concurrency": 7}, 7)])
def test_concurrency_stays_under_its_ceiling(limits, most):
    async def grow():
        door = gate(**limits)
        for _ in range(2_000):
            while door.in_flight < int(door.limit):
                await door.enter()
            door.succeeded()
            door.leave()
        return door.limit, door.ceiling

    assert run(grow()) == (most, most)


def test_burst_of_refusals_is_one_episode_with_one_cut():
    """A1: those under way hit the same wall, also when their refusal comes after the pause."""

    async def burst():
        door = gate(concurrency=20)
        episodes = [await door.enter() for _ in range(20)]
        for episode in episodes[:19]:
            door.failed(throttled(1.0), episode=episode)
            door.leave()
        await asyncio.sleep(5)
        door.failed(throttled(1.0), episode=episodes[19])
        door.leave()
        return door.limit, door.episodes, door.throttled

    assert run(burst()) == (15.0, 1, 20)


def test_refusal_after_the_pause_is_another_episode():
    async def twice():
        door = gate(concurrency=20)
        for _ in range(2):
            episode = await door.enter()
            door.failed(throttled(1.0), episode=episode)
            door.leave()
        return door.limit, door.episodes

    assert run(twice()) == (11.25, 2)


def test_what_was_cut_is_regained_faster_than_more_is_tried():
    async def regain():
        door = gate(concurrency=100)
        door.limit = 40.0
        episode = await door.enter()
        door.failed(throttled(0.1), episode=episode)
        door.leave()
        await asyncio.sleep(60)
        limits = []
        for _ in range(20):
            while door.in_flight < int(door.limit):
                await door.enter()
            door.succeeded()
            limits.append(door.limit)
            door.leave()
        return limits

    limits = run(regain())

    assert limits[9] == 40.0
    assert 40.0 < limits[-1] < 41.0


def test_one_pause_holds_everybody():
    async def pause():
        door = gate(concurrency=10)
        episode = await door.enter()
        door.failed(throttled(7.0), episode=episode)
        door.leave()
        waiting = door.waits_s()

        async def one():
            await door.enter()
            door.leave()
            return now()

        return waiting, await asyncio.gather(*(one() for _ in range(5)))

    waiting, times = run(pause())

    assert waiting == 7.0
    assert min(times) >= 7.0


def test_after_a_pause_nobody_goes_in_a_crowd():
    """A1: what the provider let through so far is how fast the next ones go."""

    async def crowd():
        door = gate(concurrency=50)
        episodes = [await door.enter() for _ in range(50)]
        await asyncio.sleep(1)
        for _ in range(20):
            door.succeeded()
            door.leave()
        for episode in episodes[20:]:
            door.failed(throttled(1.0), episode=episode)
            door.leave()

        async def one():
            await door.enter()
            return now()

        return sorted(await asyncio.gather(*(one() for _ in range(30))))

    times = run(crowd())

    assert times[0] == pytest.approx(2.0)
    assert times[10] - times[0] > 0.1


@pytest.mark.parametrize(
    ("asked", "waits"), [(None, 0.5), (0.0, 0.05), (3.5, 3.5), (120.0, 120.0), (1e9, 0.5)]
)
def test_pause_is_what_the_provider_asks_within_reason(asked, waits):
    """A2, A3: more than a day is nonsense and counts as not said."""

    async def pause():
        door = gate()
        door.failed(throttled(asked), episode=await door.enter())
        return door.waits_s(), door.stopped

    assert run(pause()) == (waits, None)


@given(
    st.sampled_from(["retry-after", "retry-after-ms"]),
    st.text(max_size=20)
    | st.floats().map(str)
    | st.integers(-(10**12), 10**12).map(str)
    | st.sampled_from(["Mon, 23 Nov 2026 12:00:00 GMT", "Thu, 01 Jan 1970 00:00:00 GMT", "nan"]),
)
@settings(deadline=None)
def test_no_header_pauses_for_nothing_or_for_ever(name, value):
    """A3: negative, NaN, dates in the past, absurd numbers."""
    asked = retry_after({name: value}, now=1_795_435_200.0)

    async def pause():
        door = gate()
        door.failed(throttled(asked), episode=await door.enter())
        return door.waits_s(), door.stopped

    waits, stopped = run(pause())

    assert 0.05 <= waits <= LONGEST_WAIT_S or stopped


def test_provider_that_asks_for_an_hour_is_not_asked_again():
    """A2: who waits is told at once, and so is who comes later."""

    async def hour():
        door = gate(concurrency=1)
        episode = await door.enter()
        waiting = asyncio.create_task(door.enter())
        await settle()
        error = throttled(3600.0)
        door.failed(error, episode=episode)
        door.leave()
        outcomes = await asyncio.gather(waiting, door.enter(), return_exceptions=True)
        return [error, *outcomes], now()

    errors, finished = run(hour())

    assert finished == 0.0
    for error in errors:
        assert error.kind is FailureKind.RATE_LIMIT
        assert "the provider asks to wait 1 h 00 min" in str(error)
    assert [error.attempts for error in errors[1:]] == [0, 0]


def test_pauses_grow_while_nobody_gets_through():
    async def pauses():
        door, found = gate(), []
        for _ in range(12):
            door.failed(throttled(), episode=await door.enter())
            door.leave()
            found.append(door.waits_s())
        await door.enter()
        door.succeeded()
        door.leave()
        door.failed(throttled(), episode=await door.enter())
        return found, door.waits_s()

    found, after_success = run(pauses())

    assert found[:4] == pytest.approx([0.5, 1, 2, 4])
    assert found[-1] == LONGEST_WAIT_S
    assert after_success == pytest.approx(0.5)


@pytest.mark.parametrize("kind", [FailureKind.AUTH, FailureKind.QUOTA])
def test_refused_key_stops_every_model_behind_it_at_first_sight(kind):
    """A4: also those that wait at another model's gate, in a pause."""

    async def refuse():
        account, stranger = Account(), gate()
        first, second = gate(account, concurrency=1), gate(account, concurrency=1)
        episode = await first.enter()
        second.failed(throttled(100.0), episode=await second.enter())
        waiting = [asyncio.create_task(door.enter()) for door in (first, second)]
        await settle()
        first.failed(ProviderError("no credit", kind=kind, possibly_billed=True), episode=episode)
        outcomes = await asyncio.gather(*waiting, second.enter(), return_exceptions=True)
        await stranger.enter()
        return outcomes, now(), first.stopped, second.stopped, stranger.stopped

    outcomes, finished, first, second, stranger = run(refuse())

    assert finished == 0.0
    assert [(str(error), error.kind, error.attempts) for error in outcomes] == [
        ("no credit", kind, 0)
    ] * 3
    assert not any(error.possibly_billed for error in outcomes)
    assert len({id(error) for error in outcomes}) == 3
    assert first is second
    assert stranger is None


@pytest.mark.parametrize("kind", [FailureKind.BAD_REQUEST, FailureKind.NOT_FOUND])
def test_three_equal_rejections_without_an_answer_stop_the_model(kind):
    """A6: the API's own words are kept."""

    async def reject():
        door = gate()
        for _ in range(3):
            assert door.stopped is None
            door.failed(rejected("temperature is not supported", kind), episode=await door.enter())
            door.leave()
        with pytest.raises(ProviderError, match="temperature is not supported"):
            await door.enter()

    run(reject())


def test_different_rejections_do_not_stop_the_model():
    async def reject():
        door = gate()
        for number in range(10):
            door.failed(rejected(f"case {number} is too long"), episode=await door.enter())
            door.leave()
        return door.stopped

    assert run(reject()) is None


def test_model_that_has_answered_is_not_stopped_by_rejections():
    async def reject():
        door = gate()
        await door.enter()
        door.succeeded()
        door.leave()
        for _ in range(10):
            door.failed(rejected(), episode=await door.enter())
            door.leave()
        return door.stopped

    assert run(reject()) is None


def test_quick_rejections_wait_for_the_slow_answers_that_are_under_way():
    """A6: three long cases among the first must not cost a run in which others are answered."""

    async def slow():
        door = gate(concurrency=5)
        episodes = [await door.enter() for _ in range(5)]
        for episode in episodes[:3]:
            door.failed(rejected(), episode=episode)
            door.leave()
        late = asyncio.create_task(door.enter())
        await settle()
        held = not late.done()
        door.succeeded()
        door.leave()
        await late
        return held, door.stopped

    assert run(slow()) == (True, None)


def test_rejections_stop_the_model_when_nobody_under_way_is_answered():
    """A6."""

    async def hopeless():
        door = gate(concurrency=5)
        episodes = [await door.enter() for _ in range(5)]
        late = asyncio.create_task(door.enter())
        for episode in episodes:
            door.failed(rejected(), episode=episode)
            door.leave()
        (outcome,) = await asyncio.gather(late, return_exceptions=True)
        return outcome

    assert str(run(hopeless())) == "no such parameter"


@pytest.mark.parametrize(("rpm", "n"), [(60, 10), (600, 100), (6000, 500)])
def test_requests_per_minute_are_kept_from_the_first_request_on(rpm, n):
    async def paced():
        door, times = gate(rpm=rpm), []

        async def one():
            await door.enter()
            times.append(now())
            await asyncio.sleep(0.01)
            door.succeeded()
            door.leave()

        await asyncio.gather(*(one() for _ in range(n)))
        return times

    times, per_s = run(paced()), rpm / 60

    assert times[-1] == pytest.approx((n - per_s) / per_s, rel=0.1, abs=0.1)
    for start in times:
        assert sum(start <= time < start + 1 for time in times) <= 2 * per_s + 1


def test_tokens_per_minute_are_kept():
    async def paced():
        door = gate(tpm=6_000)
        for _ in range(11):
            await door.enter(50.0)
            door.leave()
        return now()

    # 100 a second, and one second's worth at the start: the other 450 take 4.5 s.
    assert run(paced()) == pytest.approx(4.5)


def test_request_above_a_second_s_tokens_is_let_through_and_paid_for_afterwards():
    async def paced():
        door, times = gate(tpm=6_000), []
        for _ in range(3):
            await door.enter(1_000.0)
            times.append(now())
            door.leave()
        return times

    assert run(paced()) == pytest.approx([0.0, 10.0, 20.0])


def test_bucket_without_a_rate_holds_nobody():
    bucket = Bucket(None)
    bucket.spend(1e9)

    assert bucket.wait_s(0.0, 1e9) == 0.0


@given(st.floats(0.1, 1e4), st.lists(st.tuples(st.floats(0, 10), st.floats(0, 500)), max_size=30))
def test_bucket_never_lets_more_through_than_its_rate_and_one_burst(per_minute, asks):
    bucket, time, spent, largest = Bucket(per_minute), 0.0, 0.0, 0.0
    for pause, amount in asks:
        time += pause
        wait = bucket.wait_s(time, amount)
        assert wait >= 0
        time += wait
        bucket.wait_s(time, amount)
        bucket.spend(amount)
        spent, largest = spent + amount, max(largest, amount)

    burst = max(1.0, per_minute / 60)
    assert spent <= time * per_minute / 60 + burst + largest + 1e-6


class TestPace:
    def refusals(self, *moments, rest_s=1.0):
        """A pace that was refused at these moments: (time, accepted by then)."""
        pace = Pace()
        pace.spend(0.0)
        for at, accepted in moments:
            pace.emptied(at, accepted=accepted, limit=10.0)
            pace.rests(at + rest_s)
        return pace

    def test_nothing_holds_before_the_first_refusal(self):
        pace = Pace()
        pace.spend(5.0)

        assert (pace.is_known, pace.per_s(5.0)) == (False, math.inf)
        assert pace.wait_s(5.0) <= 0

    def test_first_guess_is_what_went_through_so_far(self):
        assert self.refusals((2.0, 100)).per_s(3.0) == 50.0
        assert self.refusals((2.0, 3)).per_s(3.0) == 10.0

    def test_guess_doubles_every_second(self):
        assert self.refusals((2.0, 100)).per_s(6.0) == pytest.approx(400.0)

    def test_what_went_through_between_two_refusals_is_the_pace(self):
        assert self.refusals((1.0, 100), (11.0, 300)).per_s(12.0) == pytest.approx(20.0)

    def test_refusals_that_come_later_are_taken_off(self):
        pace = self.refusals((1.0, 100), (11.0, 310))
        for _ in range(10):
            pace.refused()

        assert pace.per_s(12.0) == pytest.approx(20.0)

    def test_too_few_measure_nothing_until_they_add_up(self):
        pace = self.refusals((1.0, 100), (2.0, 103))
        halved = pace.per_s(3.0)
        pace.emptied(3.0, accepted=106, limit=10.0)
        pace.emptied(4.0, accepted=109, limit=10.0)

        assert halved < 100
        assert pace.per_s(4.0) == pytest.approx(3.0)

    def test_measured_pace_grows_slowly_and_then_in_a_hurry(self):
        pace = self.refusals((1.0, 100), (11.0, 300))

        assert pace.per_s(17.0) == pytest.approx(20.0, rel=0.2)
        assert pace.per_s(72.0) > 200

    def test_long_pauses_make_it_grow_more_slowly(self):
        pace = self.refusals((1.0, 100), (11.0, 300), rest_s=10.0)

        assert pace.per_s(71.0) == pytest.approx(20.0, rel=0.2)

    def test_idle_time_does_not_make_a_pace_collapse(self):
        pace = self.refusals((1.0, 100), (11.0, 300), (12.0, 320), (1012.0, 340))

        assert pace.per_s(1013.0) > 10

    def test_requests_go_evenly_at_a_known_pace(self):
        pace = self.refusals((1.0, 100), (11.0, 300))
        pace.spend(12.0)
        waits = []
        for _ in range(3):
            waits.append(pace.wait_s(12.0))
            pace.spend(12.0)

        assert waits == pytest.approx([0.03, 0.08, 0.13], abs=0.005)


@pytest.mark.parametrize(
    ("headers", "wait"),
    [
        ({}, None),
        ({"x-ratelimit-remaining-requests": "3", "x-ratelimit-reset-requests": "1s"}, None),
        ({"x-ratelimit-remaining-requests": "0"}, None),
        ({"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "350ms"}, 0.35),
        (
            {
                "x-ratelimit-limit-requests": "500",
                "x-ratelimit-remaining-requests": "0",
                "x-ratelimit-reset-requests": "1m0s",
            },
            0.12,
        ),
        ({"x-ratelimit-remaining-tokens": "0", "x-ratelimit-reset-tokens": "6m0s"}, 1.0),
        ({"x-ratelimit-remaining-tokens": "0", "x-ratelimit-reset-tokens": "1h2m3s"}, 1.0),
        ({"x-ratelimit-remaining-tokens": "0", "x-ratelimit-reset-tokens": "0.25"}, 0.25),
        ({"x-ratelimit-remaining-tokens": "0", "x-ratelimit-reset-tokens": "0s"}, None),
        ({"x-ratelimit-remaining-tokens": "0", "x-ratelimit-reset-tokens": "soon"}, None),
        ({"x-ratelimit-remaining-tokens": "none", "x-ratelimit-reset-tokens": "1s"}, None),
        (
            {
                "anthropic-ratelimit-input-tokens-remaining": "0",
                "anthropic-ratelimit-input-tokens-reset": "2999-01-01T00:00:00Z",
            },
            1.0,
        ),
        (
            {
                "anthropic-ratelimit-requests-remaining": "0",
                "anthropic-ratelimit-requests-reset": "2020-01-01T00:00:00Z",
            },
            None,
        ),
        (
            {
                "anthropic-ratelimit-requests-remaining": "0",
                "anthropic-ratelimit-requests-reset": "2999-01-01T00:00:00",
            },
            None,
        ),
    ],
)
def test_headers_are_heeded_when_nothing_is_left(headers, wait):
    assert nothing_left_s(headers) == pytest.approx(wait)


@given(st.text(max_size=15), st.text(max_size=15))
def test_no_header_is_a_crash(remaining, reset):
    headers = {"x-ratelimit-remaining-tokens": remaining, "x-ratelimit-reset-tokens": reset}

    wait = nothing_left_s(headers)

    assert wait is None or 0 < wait <= 1.0


def test_headers_hold_the_next_request_and_set_a_pace():
    async def heed():
        door = gate()
        for _ in range(10):
            await door.enter()
        door.heed({"x-ratelimit-remaining-requests": "5"})
        free = door.waits_s()
        door.heed({"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "500ms"})
        held = door.waits_s()
        for _ in range(10):
            door.leave()
        times = []
        for _ in range(5):
            await door.enter()
            times.append(now())
        return free, held, times, door.limit

    free, held, times, limit = run(heed())

    assert (free, held) == (0.0, 0.5)
    assert times[0] == pytest.approx(0.5)
    assert limit == 16
    assert len(set(times)) > 1
