"""Which calls are kept, what a record holds, and that nothing reaches the application."""

from __future__ import annotations

import dataclasses
import json
import logging
import random
import subprocess
import sys
import threading
from collections import Counter
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalrunner.production import Sampler, configure, log_for_evaluation
from evalrunner.production.defaults import default_sampler
from evalrunner.production.plain import Snapshot
from evalrunner.stats import is_sampled

SECRET = "hunter2-hunter2"


@pytest.fixture
def sink(tmp_path):
    return tmp_path / "logs"


def records_in(sink):
    paths = sorted(sink.glob("*.jsonl"))
    return [json.loads(line) for path in paths for line in path.read_text().splitlines()]


def logged(sink, *, rate=1.0, **call):
    """The record of one call."""
    with Sampler(rate, sink) as sampler:
        sampler.log(**{"input": "2+2?", "output": "4", **call})
    [record] = records_in(sink)
    return record


def test_a_record_holds_everything_that_its_documentation_names(sink):
    with Sampler(1.0, sink, category="topic", clock=lambda: 1_800_000_000.25) as sampler:
        sampler.log(
            input="2+2?",
            output="4",
            id="call-1",
            metadata={"topic": "sums", "user": 7},
            model="gpt-6-luna",
            usage={"input_tokens": 3, "output_tokens": 1},
            latency_s=0.5,
        )

    assert records_in(sink) == [
        {
            "schema_version": 1,
            "id": "call-1",
            "at": "2027-01-15T08:00:00.250Z",
            "rate": 1.0,
            "input": "2+2?",
            "output": "4",
            "metadata": {"topic": "sums", "user": 7},
            "category": "sums",
            "model": "gpt-6-luna",
            "usage": {"input_tokens": 3, "output_tokens": 1},
            "latency_s": 0.5,
        }
    ]
    assert (sampler.written, sampler.dropped, sampler.cut) == (1, 0, 0)


@given(identifier=st.text(), rate=st.floats(0, 1))
def test_the_sample_is_that_of_the_statistics(identifier, rate):
    chosen = Sampler(rate).choose(identifier)

    assert (chosen is not None) == is_sampled(identifier, rate)


def test_one_percent_is_a_part_of_five(sink):
    names = [f"call-{number}" for number in range(20_000)]
    kept = {}
    for rate in (0.01, 0.05):
        sampler = Sampler(rate)
        kept[rate] = {name for name in names if sampler.choose(name)}

    assert kept[0.01] < kept[0.05]
    assert 140 < len(kept[0.01]) < 260


@pytest.mark.parametrize("rate", [0, 0.0, None])
def test_zero_and_none_keep_nothing(sink, rate):
    with Sampler(rate, sink) as sampler:
        for _ in range(1000):
            sampler.log(input="a", output="b")

    assert not sink.exists()
    assert (sampler.written, sampler.dropped) == (0, 0)


def test_one_keeps_everything(sink):
    with Sampler(1.0, sink) as sampler:
        for number in range(1000):
            sampler.log(input=str(number), output="b")

    assert {record["input"] for record in records_in(sink)} == set(map(str, range(1000)))


@pytest.mark.parametrize("rate", [-0.1, 1.5, 100, float("nan"), float("inf"), "0.1", True, [0.1]])
def test_a_rate_that_is_no_share_is_refused_at_once(rate):
    with pytest.raises(ValueError, match=r"from 0 \(none\) to 1 \(all calls\), not"):
        Sampler(rate)
    with pytest.raises(ValueError, match="sampling rate"):
        Sampler(0.1, rates={"a": rate}, category="topic")


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"rates": {"a": 0.5}}, "category="),
        ({"max_queue": 0}, "max_queue"),
        ({"max_record_bytes": 10}, "max_record_bytes"),
        ({"max_bytes": 100}, "max_bytes"),
    ],
)
def test_limits_that_make_no_sense_are_refused_at_once(options, named):
    with pytest.raises(ValueError, match=named):
        Sampler(0.1, **options)


def test_calls_without_an_id_get_random_ones_that_decide(sink):
    with Sampler(0.5, sink) as sampler:
        for _ in range(400):
            sampler.log(input="a", output="b")

    names = [record["id"] for record in records_in(sink)]
    assert len(set(names)) == len(names)
    assert 130 < len(names) < 270
    assert all(is_sampled(name, 0.5) for name in names)


def test_the_applications_seed_does_not_repeat_ids(sink):
    with Sampler(1.0, sink) as sampler:
        for _ in range(2):
            random.seed(0)
            sampler.log(input="a", output="b")

    first, second = records_in(sink)
    assert first["id"] != second["id"]


@pytest.mark.parametrize("category", ["topic", lambda _, metadata: metadata.get("topic")])
def test_categories_have_rates_of_their_own_which_records_keep(sink, category):
    rates = {"rare": 1.0, "never": 0}
    with Sampler(0.1, sink, rates=rates, category=category) as sampler:
        for number in range(500):
            for topic in ("rare", "never", "usual", None):
                sampler.log(input="a", output="b", id=f"{number}", metadata={"topic": topic})

    found = Counter((record.get("category"), record["rate"]) for record in records_in(sink))
    # The same ids: the same choice at the same rate.
    expected = sum(is_sampled(f"{number}", 0.1) for number in range(500))
    assert found == {("rare", 1.0): 500, ("usual", 0.1): expected, (None, 0.1): expected}


def test_the_category_may_come_from_the_input(sink):
    with Sampler(1.0, sink, category=lambda text, _: text.split()[0]) as sampler:
        sampler.log(input="refund please", output="b")

    [record] = records_in(sink)
    assert record["category"] == "refund"


def test_a_category_function_that_fails_costs_no_record(sink, caplog):
    with Sampler(0.0, sink, rates={"a": 1.0}, category=lambda *_: 1 / 0) as sampler:
        sampler.log(input="a", output="b")
    with Sampler(1.0, sink, category=lambda *_: 1 / 0) as sampler:
        sampler.log(input="a", output="b")

    [record] = records_in(sink)
    assert record["rate"] == 1.0
    assert "category" not in record


@given(
    text=st.text(st.characters(codec=None, categories=None, exclude_categories=()), max_size=50),
    data=st.recursive(
        st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.floats() | st.binary(),
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
        max_leaves=8,
    ),
)
def test_any_text_comes_back_and_any_data_is_written(tmp_path_factory, text, data):
    """F13: lone surrogates, line ends of other alphabets, NaN and bytes among them."""
    sink = tmp_path_factory.mktemp("logs")

    record = logged(sink, input=text, output=data, id=text, metadata={"text": text})

    assert record["input"] == record["metadata"]["text"] == record["id"] == text


def test_every_line_is_ascii(sink):
    logged(sink, input="naïve \ud800 \u2028 \x85", output="日本")

    [path] = sink.glob("*.jsonl")
    assert path.read_bytes().isascii()


@dataclasses.dataclass
class Point:
    x: int
    where: object


class Rude:
    def __repr__(self):
        raise RuntimeError("no")


class Shouting(str):
    __slots__ = ()

    def __str__(self):
        raise RuntimeError("no")


def test_objects_that_are_no_json_are_shown_as_well_as_they_can_be(sink):
    record = logged(
        sink,
        input={"point": Point(1, {2}), 3: Rude(), "big": 10**5000, "type": Point},
        output=(Shouting("hello"), b"12345", float("nan"), ...),
    )

    assert record["input"]["point"] == {"x": 1, "where": [2]}
    assert record["input"]["3"] == "<Rude>"
    assert record["input"]["big"].startswith("0x")
    assert record["input"]["type"].startswith("<class")
    assert record["output"] == ["hello", "<5 bytes>", "nan", "Ellipsis"]


def test_structures_that_contain_themselves_end(sink):
    loop = []
    loop.append(loop)

    record = logged(sink, input=loop, output="b")

    assert record["cut"] == ["input"]
    assert json.dumps(record["input"]).count("[") == 32


def test_what_is_changed_after_the_call_is_not_seen(sink):
    changed = threading.Event()
    turns, metadata = [{"role": "user", "content": "a"}], {"step": 1}
    with Sampler(1.0, sink, redact=lambda record: record if changed.wait(30) else None) as sampler:
        sampler.log(input=turns, output="b", metadata=metadata)
        turns[0]["content"] = "later"
        metadata["step"] = 2
        changed.set()

    [record] = records_in(sink)
    assert record["input"] == [{"role": "user", "content": "a"}]
    assert record["metadata"] == {"step": 1}


def test_gigantic_texts_are_cut_marked_and_counted(sink):
    with Sampler(1.0, sink, max_record_bytes=4096) as sampler:
        sampler.log(input="x" * 10_000_000, output="short")
        sampler.log(input="short", output="é" * 3000)
        sampler.log(input=[["y" * 100] * 10] * 1000, output={"z": "é" * 2000})
        sampler.log(input="short", output="short")

    first, second, third, fourth = records_in(sink)
    assert (first["cut"], first["output"]) == (["input"], "short")
    assert 1000 < len(first["input"]) < 4096
    assert set(first["input"]) == {"x"}
    assert (second["cut"], second["input"]) == (["output"], "short")
    assert third["cut"] == ["input", "output"]
    assert "cut" not in fourth
    [path] = sink.glob("*.jsonl")
    assert max(len(line) for line in path.read_bytes().splitlines(keepends=True)) <= 4096
    assert (sampler.written, sampler.cut, sampler.dropped) == (4, 3, 0)


def test_a_record_whose_metadata_do_not_fit_is_dropped(sink):
    with Sampler(1.0, sink, max_record_bytes=1024) as sampler:
        sampler.log(input="a", output="b", metadata={"x": "é" * 900})

    assert sampler.dropped_by == {"too large": 1}


def test_no_snapshot_is_longer_than_it_may_be():
    copies = Snapshot(1000)

    copied = copies.take("input", {"a": list(range(10**6)), "b": "x" * 10**6})

    assert len(copied["a"]) < 130
    assert copies.cut == ["input"]


def test_secrets_of_the_environment_and_keys_are_not_written(sink, monkeypatch):
    """F13: prompt secrets."""
    monkeypatch.setenv("DB_PASSWORD", SECRET)
    text = f"my {SECRET} and sk-abcdefghijklmnop1234"

    logged(sink, input=text, output=[{text: text}], metadata={"auth": "Bearer abcdefghijkl"})

    [path] = sink.glob("*.jsonl")
    assert SECRET not in path.read_text()
    assert "abcdefgh" not in path.read_text()
    assert records_in(sink)[0]["input"] == "my [redacted] and [redacted]"


@pytest.mark.parametrize("before", range(1000, 1030, 3))
def test_a_secret_on_the_edge_of_a_cut_leaves_no_part(sink, monkeypatch, before):
    monkeypatch.setenv("DB_PASSWORD", SECRET)
    with Sampler(1.0, sink, max_record_bytes=1024) as sampler:
        sampler.log(input="." * before + SECRET + "." * 9000, output="b")
        sampler.log(input=["." * before + SECRET + "." * 9000], output="b")
        sampler.log(input="." * (before + 4096) + SECRET + "." * 9000, output="b")

    [path] = sink.glob("*.jsonl")
    assert "hu" not in path.read_text()
    assert sampler.cut == 3


def test_the_hook_changes_records_before_they_are_written(sink):
    def without_user(record):
        del record["metadata"]["user"]
        return {"input": record["input"].replace("Ann", "<name>"), "output": {1}, "more": Rude()}

    with Sampler(1.0, sink, redact=without_user) as sampler:
        sampler.log(input="I am Ann", output="b", id="call-1", metadata={"user": 7})

    [record] = records_in(sink)
    assert record.pop("at")
    assert record == {
        "schema_version": 1,
        "id": "call-1",
        "rate": 1.0,
        "input": "I am <name>",
        "output": [1],
        "more": "<Rude>",
    }


def test_the_hook_drops_records_by_returning_none(sink):
    with Sampler(1.0, sink, redact=lambda r: r if r["input"] == "keep" else None) as sampler:
        sampler.log(input="keep", output="b")
        sampler.log(input="lose", output="b")

    assert [record["input"] for record in records_in(sink)] == ["keep"]
    assert (sampler.written, sampler.dropped_by) == (1, {"redacted": 1})


@pytest.mark.parametrize("hook", [lambda _: 1 / 0, lambda _: "text", lambda r: r["nothing"]])
def test_a_hook_that_fails_lets_nothing_through(sink, hook, caplog):
    """F13: never written raw; one warning, without what the error quotes."""
    with Sampler(1.0, sink, redact=hook) as sampler:
        for _ in range(3):
            sampler.log(input=SECRET, output="b")

    assert records_in(sink) == []
    assert sampler.dropped_by == {"redact failed": 3}
    assert SECRET not in caplog.text


def test_the_hook_cannot_bring_a_secret_back(sink, monkeypatch):
    monkeypatch.setenv("DB_PASSWORD", SECRET)
    with Sampler(1.0, sink, redact=lambda r: {**r, "note": SECRET}) as sampler:
        sampler.log(input="a", output="b")

    [record] = records_in(sink)
    assert record["note"] == "[redacted]"


def test_a_hook_that_logs_makes_no_records_of_records(sink):
    made = []

    def hook(record):
        made[0].log(input="from the hook", output="b")
        return record

    with Sampler(1.0, sink, redact=hook) as sampler:
        made.append(sampler)
        sampler.log(input="a", output="b")

    assert [record["input"] for record in records_in(sink)] == ["a"]
    assert sampler.dropped_by == {"recursion": 1}


def test_what_the_hook_sees_of_a_cut_text_is_cut_all_the_same(sink):
    with Sampler(1.0, sink, redact=lambda r: r, max_record_bytes=2048) as sampler:
        sampler.log(input="x" * 10_000, output="b")

    [record] = records_in(sink)
    assert record["cut"] == ["input"]
    assert len(record["input"]) < 2048


@pytest.mark.parametrize("metadata", [["no", "object"], "text", 7])
def test_log_never_raises_whatever_it_is_given(sink, metadata):
    with Sampler(1.0, sink, category="topic") as sampler:
        sampler.log(input="a", output="b", metadata=metadata)
        sampler.log(input="a", output="b", id=Rude(), usage=3, latency_s="soon")

    assert sampler.written + sampler.dropped == 2


def test_a_clock_that_fails_costs_records_only(sink):
    with Sampler(1.0, sink, clock=lambda: 1 / 0) as sampler:
        sampler.log(input="a", output="b")
    with Sampler(1.0, sink, clock=lambda: 1e300) as other:
        other.log(input="a", output="b")

    assert sampler.dropped_by == {"failed": 1}
    assert other.dropped_by == {"unserialisable": 1}


def test_after_close_calls_are_dropped_and_counted(sink):
    sampler = Sampler(1.0, sink)
    sampler.log(input="a", output="b")
    sampler.close()
    sampler.close()
    sampler.log(input="a", output="b")

    assert (sampler.written, sampler.dropped_by) == (1, {"closed": 1})


def test_flush_waits_until_everything_is_written(sink):
    sampler = Sampler(1.0, sink)
    for _ in range(100):
        sampler.log(input="a", output="b")

    assert sampler.flush()
    assert len(records_in(sink)) == sampler.written == 100
    sampler.close()
    assert Sampler(1.0, sink).flush()


def test_times_are_those_of_the_calls(sink):
    before = datetime.now(UTC)

    record = logged(sink)

    at = datetime.fromisoformat(record["at"])
    assert abs((at - before).total_seconds()) < 60


def test_importing_loads_nothing_heavy():
    code = (
        "import sys\n"
        "before = set(sys.modules)\n"
        "import evalrunner.production\n"
        "heavy = {'numpy', 'openai', 'anthropic', 'hydra', 'omegaconf', 'pydantic', 'logging',\n"
        "         'inspect', 'asyncio', 'scipy', 'pathlib'}\n"
        "print(sorted(heavy & set(sys.modules) - before))\n"
        "from evalrunner.production import Sampler, sampled, log_for_evaluation, configure\n"
    )

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)

    assert (done.stdout, done.returncode) == ("[]\n", 0), done.stderr


def test_the_sampler_of_the_process_is_the_configured_one(sink, monkeypatch):
    monkeypatch.setattr("evalrunner.production.defaults._STATE", {})
    log_for_evaluation("nobody asked", "b")
    first = configure(1.0, sink)
    log_for_evaluation("first", "b", {"topic": "sums"}, id="call-1")
    second = configure(rate=1.0, sink=sink, category="topic")
    log_for_evaluation("second", "b", {"topic": "sums"})
    second.close()

    assert {record["input"]: record.get("category") for record in records_in(sink)} == {
        "first": None,
        "second": "sums",
    }
    assert first.written == 1


@pytest.mark.parametrize("rate", ["0.5", "7"])
def test_the_environment_is_asked_at_the_first_use(sink, monkeypatch, caplog, rate):
    monkeypatch.setattr("evalrunner.production.defaults._STATE", {})
    monkeypatch.setenv("EVALRUNNER_SAMPLE_RATE", rate)
    monkeypatch.setenv("EVALRUNNER_SAMPLE_DIR", str(sink))

    sampler = default_sampler()

    assert default_sampler() is sampler
    assert (sampler is None) == (rate == "7")
    assert len(caplog.records) == (rate == "7")


def test_each_kind_of_failure_is_reported_once(sink, caplog, monkeypatch):
    monkeypatch.setattr("evalrunner.production.writer._WARNED", set())
    with caplog.at_level(logging.WARNING):
        for _ in range(2):
            with Sampler(1.0, sink, redact=lambda _: 1 / 0) as sampler:
                for _ in range(5):
                    sampler.log(input="a", output="b")

    [record] = caplog.records
    assert record.name == "evalrunner.production"
    assert "redact failed, ZeroDivisionError" in record.message
