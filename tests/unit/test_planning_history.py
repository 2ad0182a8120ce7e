"""Estimates from this project's earlier runs: which rows count, and what they never cost."""

from __future__ import annotations

import json
import time
from decimal import Decimal

import pytest

from evalrunner.planning import history
from evalrunner.planning.cost import CostEstimate
from evalrunner.planning.history import Asked, Lengths, read_history
from evalrunner.pricing.units import Rates, UnitPrices
from evalrunner.types import Message, Prompt, Request

REQUEST = Request.build(
    provider="openai",
    model="m",
    origin="",
    path="p",
    body={"input": "x" * (350 - len('{"input":""}'))},
)
"""A body of 350 bytes: 100 tokens by the rule of thumb."""
PLAIN = {"system": None, "user": "prompts/plain.j2"}
PRICES = UnitPrices(
    standard=(Rates(input=Decimal(1), output=Decimal(10)),), source="test", valid_from=None
)


def config(name="gpt", *, params=None, dataset="tickets", template=None):
    return {
        "model": {"name": name, "params": params or {}},
        "dataset": {"name": dataset},
        "prompt": template or PLAIN,
    }


def row(tokens, *, cell=0, prompt="other", **usage):
    counted = {"output_tokens": tokens, "estimated": False, **usage}
    return {"cell": cell, "prompt_sha256": prompt, "usage": None if tokens is None else counted}


def write_run(outputs, name, rows, cells=None, *, group="adhoc"):
    run = outputs / group / name
    run.mkdir(parents=True)
    listed = [{"id": n, "config": each} for n, each in enumerate(cells or [config()])]
    (run / "plan.json").write_text(json.dumps({"schema_version": 1, "cells": listed}))
    lines = (json.dumps(each, separators=(",", ":")) + "\n" for each in rows)
    (run / "trials.jsonl").write_text("".join(lines))
    return run


def prompt(text="?"):
    return Prompt(system=None, messages=(Message(role="user", content=text),))


def lengths(found, asked=None, text="?"):
    return found.lengths(Asked.of(asked or config()), prompt(text))


def read(outputs, *configs):
    return read_history(outputs, {Asked.of(each).model for each in configs or [config()]})


def test_range_is_the_middle_half_of_the_answers_and_a_tenth_more(tmp_path):
    write_run(tmp_path, "20260101T000000Z-a", [row(n) for n in (10, 20, 30, 40, 50)])

    assert lengths(read(tmp_path)) == Lengths(low=18, high=44)


def test_few_long_answers_raise_the_upper_end_to_their_mean():
    assert Lengths.of([10] * 9 + [1000]) == Lengths(low=9, high=120)


def test_one_answer_makes_a_narrow_range_that_is_still_one():
    assert Lengths.of([3]) == Lengths(low=2, high=4)


def test_answers_to_the_same_prompt_count_before_those_to_its_template(tmp_path):
    rows = [row(100, prompt=prompt("long").sha256), *(row(10) for _ in range(9))]
    write_run(tmp_path, "20260101T000000Z-a", rows)

    found = read(tmp_path)

    assert lengths(found, text="long") == Lengths(low=90, high=110)
    assert lengths(found, text="never asked") == Lengths(low=9, high=21)  # 1.1 x the mean of 19


@pytest.mark.parametrize(
    "other",
    [
        config("claude"),
        config(params={"reasoning": {"effort": "high"}}),
        config(dataset="essays"),
        config(template={"system": None, "user": "prompts/stepwise.j2"}),
    ],
    ids=["model", "params", "data set", "template"],
)
def test_answers_to_something_else_are_no_history(tmp_path, other):
    write_run(tmp_path, "20260101T000000Z-a", [row(10)])

    assert lengths(read(tmp_path, config(), other), other) is None


def test_only_reported_tokens_of_answers_count(tmp_path):
    rows = [row(None), row(999, estimated=True), row(10)]
    write_run(tmp_path, "20260101T000000Z-a", rows)

    found = read(tmp_path)

    assert found.n_answers == 1
    assert lengths(found) == Lengths(low=9, high=11)


def test_origin_names_the_newest_run_and_counts_the_others(tmp_path):
    for n in range(3):
        write_run(tmp_path, f"2026010{n}T000000Z-a", [row(10)] * 4, group=f"group{n}")

    found = read(tmp_path)

    assert found.origin == "12 answers of run group2/20260102T000000Z-a and 2 more"


def test_newest_runs_count_and_the_rest_is_not_opened(tmp_path, monkeypatch):
    monkeypatch.setattr(history, "_MOST_RUNS", 2)
    for n in range(4):
        write_run(tmp_path, f"2026010{n}T000000Z-a", [row(10 * n)])

    assert read(tmp_path).runs == ["adhoc/20260103T000000Z-a", "adhoc/20260102T000000Z-a"]


def test_every_cell_of_a_run_is_sampled_not_only_the_first(tmp_path):
    cells = [config("gpt"), config("claude")]
    rows = [row(10, cell=0)] * 500 + [row(20, cell=1)] * 500
    write_run(tmp_path, "20260101T000000Z-a", rows, cells)

    found = read(tmp_path, *cells)

    assert found.n_answers == 400
    assert lengths(found, cells[1]) == Lengths(low=18, high=22)


def test_long_rows_are_parsed_up_to_four_megabytes(tmp_path):
    write_run(tmp_path, "20260101T000000Z-a", [row(10, prompt="x" * 100_000)] * 100)

    assert read(tmp_path).n_answers == 40


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("plan.json", b"{"),
        ("plan.json", b"[]"),
        ("plan.json", b'{"cells": [{"id": 0, "config": {}}]}'),
        ("plan.json", None),
        ("trials.jsonl", b'{"cell":0,"usage":'),
        ("trials.jsonl", b'{"cell":0,"usage":{}}\n'),
        ("trials.jsonl", b"\xff\xfe\n\n"),
        ("trials.jsonl", None),
    ],
)
def test_run_that_cannot_be_read_is_passed_over(tmp_path, file, content):
    broken = write_run(tmp_path, "20260102T000000Z-b", [row(99)])
    (broken / file).unlink()
    if content is not None:
        (broken / file).write_bytes(content)
    write_run(tmp_path, "20260101T000000Z-a", [row(10)])

    assert read(tmp_path).runs == ["adhoc/20260101T000000Z-a"]


def test_project_without_runs_has_no_history(tmp_path):
    (tmp_path / "README.md").write_text("what is in one")

    assert read(tmp_path).runs == []
    assert read(tmp_path / "outputs").runs == []
    assert lengths(read(tmp_path)) is None


def test_reading_is_cheap_however_much_there_is(tmp_path):
    """At most 4 MB are parsed, of 200 runs with 40 MB: about 40 ms where nothing else runs."""
    rows = [row(10, prompt="x" * 1000)] * 200
    for n in range(200):
        write_run(tmp_path, f"20260101T000{n:03}Z-a", rows)

    read(tmp_path)
    started = time.process_time()
    found = read(tmp_path)
    spent_s = time.process_time() - started

    assert found.n_answers == 2000
    assert spent_s < 0.5


def test_estimate_with_history_keeps_its_ceiling_and_says_where_it_is_from(tmp_path):
    write_run(tmp_path, "20260101T000000Z-a", [row(100)])
    found = read(tmp_path)
    guessed = CostEstimate(PRICES, max_output_tokens=1000)
    known = CostEstimate(PRICES, max_output_tokens=1000)

    guessed.add(REQUEST)
    known.add(REQUEST, lengths(found))

    before, after = guessed.range(), known.range(found)
    assert (after.low, after.high) == (Decimal("0.001"), Decimal("0.0012"))
    assert (before.low, before.high) == (Decimal("0.0026"), Decimal("0.0101"))
    assert before.ceiling == after.ceiling
    assert after.basis == "history: 1 answer of run adhoc/20260101T000000Z-a"


def test_estimate_of_a_longer_limit_than_history_stays_under_the_limit(tmp_path):
    write_run(tmp_path, "20260101T000000Z-a", [row(5000)])
    estimate = CostEstimate(PRICES, max_output_tokens=1000)

    estimate.add(REQUEST, lengths(read(tmp_path)))

    assert estimate.range().high == Decimal("0.0101")


def test_basis_names_both_where_only_some_requests_have_a_history(tmp_path):
    write_run(tmp_path, "20260101T000000Z-a", [row(100)])
    found = read(tmp_path)
    estimate = CostEstimate(PRICES, max_output_tokens=1000)

    estimate.add(REQUEST, lengths(found))
    estimate.add(REQUEST, None)

    basis = estimate.range(found).basis
    assert basis.startswith("history: 1 answer of run")
    assert "; no history: bytes" in basis


def test_requests_on_both_sides_of_a_price_tier_are_priced_each_by_its_own():
    """Added up first, they would all be long."""
    tiers = (
        Rates(input=Decimal(1), output=Decimal(10)),
        Rates(above=150, input=Decimal(2), output=Decimal(15)),
    )
    prices = UnitPrices(standard=tiers, source="test", valid_from=None)
    long = Request.build(
        provider="openai",
        model="m",
        origin="",
        path="p",
        body={"input": "x" * (700 - len('{"input":""}'))},
    )
    estimate = CostEstimate(prices, max_output_tokens=1000)

    for request in (REQUEST, long, REQUEST):
        estimate.add(request)

    per_token = Decimal("1e-6")
    assert estimate.range().low == (2 * (100 + 2500) + (200 * 2 + 250 * 15)) * per_token
    assert estimate.range().high == (2 * (100 + 10_000) + (200 * 2 + 1000 * 15)) * per_token
    most = [1000 * 15 + size * 2 for size in (REQUEST.size, long.size, REQUEST.size)]
    assert estimate.range().ceiling == sum(most) * per_token
