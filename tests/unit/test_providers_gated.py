"""All retries in one place: bounded, spread, and none lost to a rate limit. In virtual time."""

from __future__ import annotations

import asyncio
import random

import pytest
from virtual_time import run

from evalrunner.errors import BudgetExceeded, FailureKind, ProviderError
from evalrunner.providers import Limits
from evalrunner.providers.gate import Account, Gate
from evalrunner.providers.gated import Gated
from evalrunner.types import Completion, Request

TRANSIENT = [FailureKind.SERVER, FailureKind.TIMEOUT, FailureKind.CONNECTION]
FINAL = [FailureKind.ENCODING, FailureKind.FUNCTION, FailureKind.NO_RECORDING, FailureKind.INTERNAL]


def request(**body):
    return Request.build(provider="openai", model="m", origin="", path="", body=body)


def failure(kind, **changes):
    return ProviderError(kind.value, kind=kind, **changes)


def now():
    return asyncio.get_running_loop().time()


class Script:
    """Fails as told, one entry an attempt, then answers; the last entry may repeat for ever."""

    def __init__(self, *failures, for_ever=False):
        self.failures = list(failures)
        self.for_ever = for_ever
        self.sent_at = []
        self.closed = False

    async def complete(self, request):
        self.sent_at.append(now())
        await asyncio.sleep(0.1)
        if self.failures:
            error = self.failures[0] if self.for_ever else self.failures.pop(0)
            # Each attempt fails with an error of its own.
            raise (
                ProviderError(
                    str(error),
                    kind=error.kind,
                    retry_after_s=error.retry_after_s,
                    possibly_billed=error.possibly_billed,
                )
                if isinstance(error, ProviderError)
                else error
            )
        return Completion(text="4")

    async def aclose(self):
        self.closed = True


class Api:
    """A token bucket: answers while there are tokens, refuses at once when there are none.

    Args:
        rate: Requests a second.
        burst: Size of the bucket.
        latency_s: Median; drawn anew for each answer.
        retry_after_s: What a refusal says; "exact" = until the next token.
        at_a_time: Most requests in flight; None = any number.
    """

    def __init__(self, *, rate, burst, latency_s, retry_after_s=1.0, at_a_time=None):
        self.rate = rate
        self.burst = burst
        self.level = burst
        self.latency_s = latency_s
        self.retry_after_s = retry_after_s
        self.at_a_time = at_a_time
        self.filled_at = 0.0
        self.in_flight = 0
        self.n_refused = 0
        self.n_sent = 0
        self.random = random.Random(7)

    async def complete(self, request):
        self.n_sent += 1
        passed, self.filled_at = now() - self.filled_at, now()
        self.level = min(self.burst, self.level + passed * self.rate)
        if self.level < 1 or self.in_flight == self.at_a_time:
            self.n_refused += 1
            wait = self.retry_after_s
            wait = (1 - self.level) / self.rate if wait == "exact" else wait
            await asyncio.sleep(0.005)
            raise failure(FailureKind.RATE_LIMIT, retry_after_s=wait)
        self.level -= 1
        self.in_flight += 1
        await asyncio.sleep(self.latency_s * self.random.lognormvariate(0, 0.3))
        self.in_flight -= 1
        return Completion(text="4")

    async def aclose(self):
        pass


def gated(inner, *, max_attempts=6, account=None, **limits):
    gate = Gate(Limits(**limits), account=account or Account())
    return Gated(inner, gate, max_attempts=max_attempts)


def ask(inner, **changes):
    """The completion or the error of one request, and how long it took."""

    async def one():
        try:
            return await gated(inner, **changes).complete(request()), now()
        except ProviderError as error:
            return error, now()

    return run(one())


async def drain(layer, *, n, workers):
    """Ask `n` times; the errors."""
    numbers, errors = iter(range(n)), []

    async def work():
        for number in numbers:
            try:
                await layer.complete(request(number=number))
            except ProviderError as error:
                errors.append(error)

    await asyncio.gather(*(work() for _ in range(workers)))
    return errors


@pytest.mark.parametrize("kind", TRANSIENT)
def test_passing_failures_are_tried_again(kind):
    """A7, A8, A10."""
    inner = Script(failure(kind), failure(kind))

    completion, _ = ask(inner)

    assert completion.text == "4"
    assert len(inner.sent_at) == 3


@pytest.mark.parametrize("kind", TRANSIENT)
@pytest.mark.parametrize("most", [1, 2, 6])
def test_attempts_are_bounded_and_counted(kind, most):
    """A7."""
    inner = Script(failure(kind), for_ever=True)

    error, _ = ask(inner, max_attempts=most)

    assert (error.kind, error.attempts, len(inner.sent_at)) == (kind, most, most)


@pytest.mark.parametrize("kind", [*FINAL, FailureKind.BAD_REQUEST, FailureKind.NOT_FOUND])
def test_what_cannot_get_better_is_sent_once(kind):
    """A6, A20."""
    inner = Script(failure(kind), for_ever=True)

    error, _ = ask(inner)

    assert (error.kind, error.attempts, len(inner.sent_at)) == (kind, 1, 1)


def test_unreadable_answers_are_tried_three_times_at_most():
    """A11."""
    inner = Script(failure(FailureKind.BAD_BODY), for_ever=True)

    error, _ = ask(inner, max_attempts=6)

    assert (error.attempts, len(inner.sent_at)) == (3, 3)


def test_back_off_doubles_with_jitter_up_to_half_a_minute():
    inner = Script(failure(FailureKind.SERVER), for_ever=True)

    ask(inner, max_attempts=12)

    waits = [
        later - earlier - 0.1
        for earlier, later in zip(inner.sent_at, inner.sent_at[1:], strict=False)
    ]
    for number, wait in enumerate(waits):
        longest = min(30.0, 0.5 * 2**number)
        assert longest / 2 <= wait <= longest
    assert len({round(wait / min(30.0, 0.5 * 2**n), 6) for n, wait in enumerate(waits)}) > 1


@pytest.mark.parametrize(("asked", "waits"), [(7.0, 7.0), (1e9, 120.0)])
def test_overloaded_provider_is_given_the_time_it_asks_for(asked, waits):
    """A3, A7: two minutes at most; others are not held up."""
    inner = Script(failure(FailureKind.SERVER, retry_after_s=asked))

    _, took = ask(inner)

    assert took == pytest.approx(waits + 0.2)


def test_hour_of_waiting_is_an_error_at_once():
    """A2."""
    inner = Script(failure(FailureKind.RATE_LIMIT, retry_after_s=3600.0), for_ever=True)

    error, took = ask(inner)

    assert (error.kind, error.attempts) == (FailureKind.RATE_LIMIT, 1)
    assert "the provider asks to wait 1 h" in str(error)
    assert took == pytest.approx(0.1)


def test_throttled_request_waits_and_is_answered():
    inner = Script(*[failure(FailureKind.RATE_LIMIT, retry_after_s=60.0)] * 3)

    completion, took = ask(inner)

    assert completion.text == "4"
    assert took == pytest.approx(180.4)


def test_provider_that_lets_nobody_through_ends_the_request():
    inner = Script(failure(FailureKind.RATE_LIMIT, retry_after_s=1.0), for_ever=True)

    error, _ = ask(inner)

    assert (error.kind, error.attempts) == (FailureKind.RATE_LIMIT, 6)


def test_request_that_is_too_large_for_the_limit_ends_although_others_get_through():
    """A tokens-per-minute limit below one request's size is a 429 for ever."""

    class TooLarge(Script):
        async def complete(self, request):
            if request.body:
                await asyncio.sleep(0.1)
                raise failure(FailureKind.RATE_LIMIT, retry_after_s=1.0)
            return await super().complete(request)

    async def both():
        layer = gated(TooLarge())
        large = asyncio.create_task(layer.complete(request(input="large")))
        while not large.done():
            await layer.complete(request())
        return large.exception()

    error = run(both())

    assert error.kind is FailureKind.RATE_LIMIT
    assert 6 <= error.attempts <= 30


@pytest.mark.parametrize("kind", [FailureKind.AUTH, FailureKind.QUOTA])
def test_refused_key_ends_everything_at_first_sight(kind):
    """A4: refused from the fifth call on; zero further requests."""

    class Spent(Script):
        async def complete(self, request):
            await super().complete(request)
            if len(self.sent_at) >= 5:
                raise failure(kind)
            return Completion(text="4")

    async def many():
        inner = Spent()
        layer = gated(inner, concurrency=4)
        return await drain(layer, n=100, workers=50), inner

    errors, inner = run(many())

    assert len(inner.sent_at) <= 5 + 4
    assert {error.kind for error in errors} == {kind}
    assert sorted({error.attempts for error in errors}) == [0, 1]
    assert sum(error.attempts for error in errors) == len(inner.sent_at) - 4


def test_refused_key_of_one_model_ends_the_others_behind_it():
    """A4."""

    async def two():
        account = Account()
        first = gated(Script(failure(FailureKind.QUOTA)), account=account)
        second_inner = Script(failure(FailureKind.RATE_LIMIT, retry_after_s=100.0))
        second = gated(second_inner, account=account)
        waiting = asyncio.create_task(second.complete(request()))
        await asyncio.sleep(1)
        with pytest.raises(ProviderError):
            await first.complete(request())
        (error,) = await asyncio.gather(waiting, return_exceptions=True)
        return error, now(), second_inner

    error, finished, second_inner = run(two())

    assert (error.kind, error.attempts) == (FailureKind.QUOTA, 1)
    assert finished < 2
    assert len(second_inner.sent_at) == 1


def test_bad_parameter_ends_the_model_after_three():
    """A6: nothing is retried, and the API's message is what everybody gets."""
    inner = Script(failure(FailureKind.BAD_REQUEST), for_ever=True)

    async def many():
        return await drain(gated(inner, concurrency=1), n=100, workers=20)

    errors = run(many())

    assert len(inner.sent_at) == 3
    assert len(errors) == 100
    assert {str(error) for error in errors} == {"bad_request"}


def test_error_that_is_nobody_s_answer_gives_the_slot_back():
    inner = Script(BudgetExceeded("spent"), RuntimeError("a defect"))

    async def three():
        layer = gated(inner, concurrency=1)
        with pytest.raises(BudgetExceeded):
            await layer.complete(request())
        with pytest.raises(RuntimeError):
            await layer.complete(request())
        return await layer.complete(request())

    assert run(three()).text == "4"


def test_cancelled_request_gives_the_slot_back():
    async def cancel():
        layer = gated(Script(), concurrency=1)
        task = asyncio.create_task(layer.complete(request()))
        await asyncio.sleep(0.05)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        return await layer.complete(request())

    assert run(cancel()).text == "4"


def test_tokens_are_estimated_only_for_a_limit_of_tokens():
    """A third of a minute's tokens each: the fourth waits until the first three are made up for."""
    body = {"input": "x" * 350, "max_output_tokens": 1900}

    async def paced(**limits):
        layer = gated(Script(), **limits)
        for _ in range(3):
            await layer.complete(request(**body))
        return now()

    assert run(paced()) == pytest.approx(0.3)
    assert run(paced(tpm=6_000)) == pytest.approx(40.1, abs=1.0)


def test_closing_closes_what_is_behind():
    inner = Script()

    run(gated(inner).aclose())

    assert inner.closed


@pytest.mark.parametrize(
    ("api", "n", "workers", "limits"),
    [
        ({"rate": 20, "burst": 20, "latency_s": 0.005}, 300, 50, {}),
        ({"rate": 20, "burst": 20, "latency_s": 0.005}, 300, 50, {"concurrency": 50}),
        ({"rate": 20, "burst": 20, "latency_s": 0.5}, 300, 50, {}),
        ({"rate": 20, "burst": 20, "latency_s": 0.05, "retry_after_s": "exact"}, 300, 50, {}),
        ({"rate": 20, "burst": 20, "latency_s": 0.05, "retry_after_s": None}, 300, 50, {}),
        ({"rate": 20, "burst": 20, "latency_s": 0.05, "retry_after_s": 0.0}, 300, 50, {}),
        ({"rate": 100, "burst": 100, "latency_s": 1.0}, 5_000, 576, {}),
        ({"rate": 100, "burst": 100, "latency_s": 0.01}, 1_000, 576, {"concurrency": 4}),
        ({"rate": 0.05, "burst": 3, "latency_s": 1.0, "retry_after_s": 20.0}, 60, 576, {}),
        ({"rate": 5, "burst": 300, "latency_s": 0.5, "retry_after_s": 30.0}, 1_800, 576, {}),
    ],
    ids=str,
)
def test_rate_limit_costs_no_case_and_little_time(api, n, workers, limits):
    """A1: at least 85 % of what the provider permits, in few refusals."""
    inner = Api(**api)

    async def many():
        layer = gated(inner, **limits)
        return await drain(layer, n=n, workers=workers), now(), layer.gate

    errors, took, gate = run(many())
    ideal = (n - inner.burst) / inner.rate

    assert errors == []
    assert inner.n_refused == gate.throttled < 100
    assert ideal / took >= 0.85


@pytest.mark.parametrize(
    ("api", "ideal_s"),
    [
        ({"rate": 20, "burst": 1, "latency_s": 0.05}, 15.0),
        ({"rate": 1e9, "burst": 1e9, "latency_s": 1.0, "at_a_time": 10}, 30.0),
    ],
    ids=["no burst at all", "so many at a time"],
)
def test_unusual_limits_cost_time_but_no_case(api, ideal_s):
    """A1: a pause of a second wastes most of what such providers permit, so pauses must be rare."""
    inner = Api(**api)

    async def many():
        return await drain(gated(inner), n=300, workers=50), now()

    errors, took = run(many())

    assert errors == []
    assert inner.n_refused < 100
    assert took < 4 * ideal_s


def test_limit_that_is_raised_during_the_run_is_found():
    inner = Api(rate=20, burst=20, latency_s=0.05)

    async def many():
        layer = gated(inner)
        await drain(layer, n=300, workers=50)
        inner.rate = inner.burst = 100
        started = now()
        errors = await drain(layer, n=6_000, workers=50)
        return errors, now() - started

    errors, took = run(many())

    assert errors == []
    assert took < 60 / 0.6


def test_failures_of_an_overloaded_provider_lose_no_case():
    """A7: of every ten requests three fail, up to five times; no concurrency is cut for that."""
    left = {number: 1 + number % 5 for number in range(300) if number % 10 in {0, 3, 6}}

    class Overloaded(Script):
        async def complete(self, request):
            answered = await super().complete(request)
            if left.get(request.body["number"]):
                left[request.body["number"]] -= 1
                raise failure(FailureKind.SERVER)
            return answered

    async def many():
        layer = gated(Overloaded())
        return await drain(layer, n=300, workers=50), layer.gate

    errors, gate = run(many())

    assert errors == []
    assert sum(left.values()) == 0
    assert gate.episodes == 0
    assert gate.limit > 16
