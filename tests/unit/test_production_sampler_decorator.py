"""`@sampled`: functions stay what they are, and their calls are logged."""

from __future__ import annotations

import asyncio
import inspect
import json

import pytest

from evalrunner.production import Sampler, sampled
from evalrunner.stats import is_sampled


@pytest.fixture
def sampler(tmp_path):
    with Sampler(1.0, tmp_path) as made:
        yield made


@pytest.fixture
def records(sampler, tmp_path):
    def read():
        sampler.flush()
        lines = [line for path in tmp_path.glob("*.jsonl") for line in path.read_text().split("\n")]
        return [json.loads(line) for line in lines if line]

    return read


def outputs(records):
    return [record["output"] for record in records()]


def test_a_call_is_logged_with_its_argument_and_result(sampler, records):
    @sampled(sampler=sampler)
    def answer(question: str) -> str:
        """Answer."""
        return question.upper()

    assert answer("hello") == "HELLO"

    [record] = records()
    assert (record["input"], record["output"], record["rate"]) == ("hello", "HELLO", 1.0)
    assert record["metadata"]["function"].endswith("answer")
    assert record["latency_s"] >= 0
    assert (answer.__name__, answer.__doc__) == ("answer", "Answer.")
    assert list(inspect.signature(answer).parameters) == ["question"]


def test_several_arguments_are_logged_by_name_without_self(sampler, records):
    class Desk:
        @sampled(sampler=sampler)
        def answer(self, question, *rest, tone="kind", **more):
            return [question, tone]

        @staticmethod
        @sampled(sampler=sampler)
        def count(n):
            return n

    Desk().answer("why?", 1, tone="rude", x=2)
    Desk.count(3)

    first, second = records()
    assert first["input"] == {"question": "why?", "rest": [1], "tone": "rude", "more": {"x": 2}}
    assert first["output"] == ["why?", "rude"]
    assert (second["input"], second["output"]) == ({"n": 3}, 3)


def test_arguments_are_logged_as_they_were_before_the_call(sampler, records):
    @sampled(sampler=sampler)
    def answer(turns):
        turns.append("more")
        return "b"

    answer(["first"])

    [record] = records()
    assert record["input"] == {"turns": ["first"]}


def test_a_call_that_raises_is_no_output(sampler, records):
    @sampled(sampler=sampler)
    def fail(question):
        raise KeyError(question)

    with pytest.raises(KeyError, match="why"):
        fail("why?")
    with pytest.raises(TypeError, match="question"):
        fail()

    assert records() == []


def test_coroutines_stay_coroutines(sampler, records):
    @sampled(sampler=sampler)
    async def answer(question):
        await asyncio.sleep(0)
        return question.upper()

    assert inspect.iscoroutinefunction(answer)
    assert asyncio.run(answer("hello")) == "HELLO"
    assert outputs(records) == ["HELLO"]


def test_generators_are_logged_when_they_end(sampler, records):
    @sampled(sampler=sampler)
    def answer(question):
        yield from question
        return "returned"

    def outer():
        assert (yield from answer("hello")) == "returned"

    assert inspect.isgeneratorfunction(answer)
    assert list(outer()) == list("hello")
    assert outputs(records) == ["hello"]


def test_generators_of_other_things_give_a_list(sampler, records):
    @sampled(sampler=sampler)
    def answer(n):
        chunk = {"n": 0}
        for number in range(n):
            chunk["n"] = number
            yield chunk

    assert len(list(answer(3))) == 3
    assert outputs(records) == [[{"n": 0}, {"n": 1}, {"n": 2}]]


@pytest.mark.parametrize("rate", [0.0, 1.0])
def test_what_is_sent_and_thrown_in_reaches_a_generator(sampler, records, rate):
    @sampled(rate, sampler=sampler)
    def talk():
        heard = yield "a"
        try:
            yield heard
        except ValueError:
            yield "caught"

    conversation = talk()

    said = [next(conversation), conversation.send("b"), conversation.throw(ValueError)]
    assert said == ["a", "b", "caught"]
    assert list(conversation) == []
    assert outputs(records) == (["abcaught"] if rate else [])


@pytest.mark.parametrize("rate", [0.0, 1.0])
def test_what_is_sent_and_thrown_in_reaches_an_async_generator(sampler, records, rate):
    @sampled(rate, sampler=sampler)
    async def talk():
        heard = yield "a"
        try:
            yield heard
        except ValueError:
            yield "caught"

    async def run():
        conversation = talk()
        said = [await anext(conversation), await conversation.asend("b")]
        said.append(await conversation.athrow(ValueError))
        return said + [part async for part in conversation]

    assert inspect.isasyncgenfunction(talk)
    assert asyncio.run(run()) == ["a", "b", "caught"]
    assert outputs(records) == (["abcaught"] if rate else [])


def test_a_generator_left_early_is_closed_and_counted(sampler, records):
    closed = []

    @sampled(sampler=sampler)
    def answer():
        try:
            yield "a"
            yield "b"
        finally:
            closed.append("sync")

    @sampled(sampler=sampler)
    async def answer_later():
        try:
            yield "a"
            yield "b"
        finally:
            closed.append("async")

    async def run():
        conversation = answer_later()
        await anext(conversation)
        await conversation.aclose()

    conversation = answer()
    next(conversation)
    conversation.close()
    asyncio.run(run())

    assert closed == ["sync", "async"]
    assert records() == []
    assert sampler.dropped_by == {"left early": 2}


def test_a_generator_that_fails_is_no_output(sampler, records):
    @sampled(sampler=sampler)
    def answer():
        yield "a"
        raise RuntimeError("broken")

    @sampled(sampler=sampler)
    async def answer_later():
        yield "a"
        raise RuntimeError("broken")

    async def run():
        return [part async for part in answer_later()]

    with pytest.raises(RuntimeError, match="broken"):
        list(answer())
    with pytest.raises(RuntimeError, match="broken"):
        asyncio.run(run())
    assert records() == []


def test_an_endless_generator_fills_no_memory(tmp_path):
    with Sampler(1.0, tmp_path, max_record_bytes=2048) as sampler:

        @sampled(sampler=sampler)
        def answer():
            for _ in range(100_000):
                yield "x" * 10

        assert sum(map(len, answer())) == 1_000_000

    [path] = tmp_path.iterdir()
    record = json.loads(path.read_text())
    assert record["cut"] == ["output"]
    assert len(record["output"]) < 2048


def test_results_that_are_not_there_yet_are_not_logged(sampler, records):
    """A plain function that returns a generator or a coroutine."""

    async def later():
        return "b"

    @sampled(sampler=sampler)
    def answer(kind):
        return (part for part in "ab") if kind == "generator" else later()

    assert list(answer("generator")) == ["a", "b"]
    assert asyncio.run(answer("coroutine")) == "b"
    assert records() == []
    assert sampler.dropped_by == {"unreadable": 2}


def test_the_functions_rate_replaces_the_samplers(tmp_path):
    with Sampler(0.5, tmp_path) as sampler:
        every = sampled(1.0, sampler=sampler, id=lambda name: name)(lambda name: name)
        some = sampled(0.1, sampler=sampler, id=lambda name: name)(lambda name: name)
        usual = sampled(sampler=sampler, id=lambda name: name)(lambda name: name)
        for number in range(300):
            every(f"e{number}")
            some(f"s{number}")
            usual(f"u{number}")

    [path] = tmp_path.iterdir()
    found = [json.loads(line) for line in path.read_text().splitlines()]
    assert {record["input"][0]: record["rate"] for record in found} == {"e": 1, "s": 0.1, "u": 0.5}
    names = {record["id"] for record in found}
    assert names == {
        f"{mark}{number}"
        for mark, rate in (("e", 1.0), ("s", 0.1), ("u", 0.5))
        for number in range(300)
        if is_sampled(f"{mark}{number}", rate)
    }


def test_a_sampler_that_is_off_turns_functions_off(tmp_path):
    with Sampler(0, tmp_path / "logs") as sampler:
        sampled(1.0, sampler=sampler)(lambda name: name)("a")

    assert not (tmp_path / "logs").exists()


def test_a_category_may_come_from_the_arguments(tmp_path):
    with Sampler(1.0, tmp_path, category=lambda value, _: value["kind"]) as sampler:
        sampled(sampler=sampler)(lambda kind, text: text)("refund", "hello")

    [path] = tmp_path.iterdir()
    assert json.loads(path.read_text())["category"] == "refund"


class Rude:
    def __getattr__(self, name):
        raise RuntimeError(name)

    def __repr__(self):
        return "<Rude>"


def test_what_cannot_be_logged_disturbs_no_call(sampler, records):
    echo = sampled(sampler=sampler)(lambda value: value)
    named = sampled(sampler=sampler, id=lambda value: 1 / 0)(lambda value: value)
    rude = Rude()

    @sampled(sampler=sampler)
    def stream():
        yield rude
        yield "b"

    assert echo(rude) is rude
    assert named("a") == "a"
    assert list(stream()) == [rude, "b"]
    assert [record["input"] for record in records()] == [{"value": "<Rude>"}, {}]
    assert sampler.dropped_by == {"failed": 1}


@pytest.mark.parametrize("rate", [2, "1", len])
def test_a_wrong_rate_is_refused_where_it_is_written(rate):
    with pytest.raises(ValueError, match="sampling rate"):
        sampled(rate)
