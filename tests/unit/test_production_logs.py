"""Logs of production calls: what is read, and what is left out without stopping."""

from __future__ import annotations

import gzip
import json

import pytest

from evalrunner.errors import ConfigError
from evalrunner.production import Sampler
from evalrunner.production.logs import read_logs, reading
from evalrunner.types import Usage


def record(**fields):
    return {"id": "a", "at": "2026-11-03T09:15:02.417Z", "rate": 0.1, "input": "q", **fields}


def write(path, *rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_a_log_of_the_sampler_is_read_whole(tmp_path):
    """What the application logged comes back, with its weight."""
    with Sampler(rate=1.0, sink=tmp_path, category="kind") as sampler:
        sampler.log(input="Where is it?", output="Here.", id="T-1", metadata={"kind": "parcel"})

    (call,) = read_logs([tmp_path]).records

    assert (call.id, call.input, call.output) == ("T-1", "Where is it?", "Here.")
    assert (call.category, call.rate, call.weight) == ("parcel", 1.0, 1.0)
    assert call.metadata == {"kind": "parcel"}
    assert call.at is not None


def test_known_fields_are_typed(tmp_path):
    """Token classes become ours, times UTC."""
    usage = {"input_tokens": 7, "cache_write_tokens": 2, "output_tokens": 3}
    row = record(output="a", usage=usage, latency_s=0.5, model="m", stop_reason="stop", cut=["x"])

    (call,) = read_logs([write(tmp_path / "a.jsonl", row)]).records

    assert call.usage == Usage(input_tokens=7, cache_write_5m_tokens=2, output_tokens=3)
    assert (call.latency_s, call.model, call.stop_reason, call.cut) == (0.5, "m", "stop", ("x",))
    assert call.at.isoformat() == "2026-11-03T09:15:02.417000+00:00"
    assert call.weight == pytest.approx(10)


def test_lines_that_are_no_record_are_left_out_and_named(tmp_path):
    """Each with its file and line; the good ones before and after stay."""
    good = json.dumps(record(output="a"))
    bad = {
        '{"id": "b", "input": "to': "torn",
        "hello": "not JSON",
        "7": "no JSON object",
        '{"id": "c"}': "no logged call",
        json.dumps(record(output="a")).replace("0.1", "NaN"): "NaN",
        json.dumps(record(output="a")).replace("0.1", "1e999"): "too large",
        json.dumps(record(output="a", rate=0)): "no probability",
        json.dumps(record(output="a", rate=True)): "no probability",
        json.dumps(record(output="a", schema_version=2)): "newer",
        '{"input": "q", "output": ' + "[" * 95 + "]" * 95 + "}": "nested",
        '{"input": "q", "output": ' + "[" * 90_000 + "]" * 90_000 + "}": "nested",
    }
    path = tmp_path / "log.jsonl"
    path.write_text("\n".join([good, *bad, "", good]))

    logs = read_logs([path])

    assert len(logs.records) == 2
    assert logs.n_left_out == len(bad)
    for line, (problem, word) in enumerate(zip(logs.problems, bad.values(), strict=True), start=2):
        assert problem.where == f"{path}:{line}"
        assert word in problem.what


def test_bytes_that_are_no_text_cost_one_line(tmp_path):
    """A disk's garbage between two records."""
    path = write(tmp_path / "a.jsonl", record(output="a"))
    path.write_bytes(b'{"input": "\xff\xfe"}\n\0\0\0\n' + path.read_bytes())

    logs = read_logs([path])

    assert (len(logs.records), logs.n_left_out) == (1, 2)


def test_a_huge_line_is_skipped_not_held(tmp_path, monkeypatch):
    """The rest of the file is read."""
    monkeypatch.setattr(reading, "_LONGEST_LINE", 1000)
    rows = [record(id=str(n), output="x" * size) for n, size in enumerate((5, 5000, 5))]

    logs = read_logs([write(tmp_path / "a.jsonl", *rows)])

    assert [call.id for call in logs.records] == ["0", "2"]
    assert "longer than 1,000 bytes" in logs.problems[0].what


def test_lone_surrogates_and_odd_ids_are_data(tmp_path):
    """What an application logged is taken as it is."""
    rows = [record(id=7, output="\ud800"), record(id="", output="a"), record(id=None, output="b")]

    first, second, third = read_logs([write(tmp_path / "a.jsonl", *rows)]).records

    assert (first.id, first.output) == ("7", "\ud800")
    assert len(second.id) == 32
    assert second.id == third.id


def test_directories_are_read_whole_packed_files_too(tmp_path):
    """By the order of their names; other files are none of ours."""
    (tmp_path / "day\n2").mkdir()
    write(tmp_path / "day\n2" / "b.jsonl", record(id="b", output="a"))
    packed = gzip.compress(json.dumps(record(id="a", output="a")).encode())
    (tmp_path / "a.jsonl.gz").write_bytes(packed)
    (tmp_path / "notes.txt").write_text("hello")

    logs = read_logs([tmp_path])

    assert [call.id for call in logs.records] == ["a", "b"]
    assert logs.n_left_out == 0


def test_a_torn_gzip_file_gives_what_is_whole(tmp_path):
    """A copy that broke off."""
    text = "".join(json.dumps(record(id=str(n), output=str(n**9))) + "\n" for n in range(5000))
    data = gzip.compress(text.encode())
    (tmp_path / "a.jsonl.gz").write_bytes(data[: len(data) // 2])

    logs = read_logs([tmp_path])

    assert 0 < len(logs.records) < 5000
    assert "to its end" in logs.problems[-1].what


def test_a_path_that_is_not_there_is_refused(tmp_path):
    """All of them at once."""
    with pytest.raises(ConfigError) as caught:
        read_logs([tmp_path / "x", tmp_path / "y\0z"])

    assert [problem.where for problem in caught.value.problems] == [
        str(tmp_path / "x"),
        str(tmp_path / "y\0z"),
    ]


def test_a_log_without_any_call_is_refused_with_the_reasons(tmp_path):
    """An empty answer would look like quiet production."""
    path = tmp_path / "a.jsonl"
    path.write_text("{}\n")

    with pytest.raises(ConfigError, match="no logged call in 1 file") as caught:
        read_logs([path])

    assert "no 'input'" in caught.value.problems[0].what
