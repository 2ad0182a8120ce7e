"""How far cells lay apart in earlier runs: which comparisons count, and what they never cost."""

import json

import pytest

from evalrunner.planning import pilot
from evalrunner.planning.pilot import read_spreads

TICKETS = ("tickets", "exact_match")
PAIR = [("luna", "plain"), ("opus", "plain")]


def cell(number, model, *, dataset="tickets", quality=0.9, within=None, k=4, **changes):
    repeats = None if within is None else {"k": k, "within": within, "pass_hat_k": [quality]}
    return {
        "id": number,
        "role": "candidate",
        "axes": {"dataset": dataset, "model": model, "prompt": "plain"},
        "quality_name": "exact_match",
        "quality": {"value": quality},
        "repeats": repeats,
    } | changes


def entry(a, b, *, wins=10, losses=5, n=120, **changes):
    return {
        "a": a,
        "b": b,
        "difference": {"value": 0.04, "low": -0.02, "high": 0.1},
        "confidence": 0.95,
        "wins": wins,
        "losses": losses,
        "n_paired": n,
        "n_clusters": n,
        "method": "McNemar mid-p",
    } | changes


def write_run(outputs, name, cells, comparisons):
    run = outputs / "adhoc" / name
    run.mkdir(parents=True)
    summary = {"cells": cells, "comparisons": comparisons}
    (run / "summary.json").write_text(json.dumps(summary, indent=2))
    return run


def read(outputs, candidates=PAIR, key=TICKETS):
    return read_spreads(outputs, {key: set(candidates)}).get(key)


def test_share_of_discordant_cases_is_that_of_the_newest_run(tmp_path):
    cells = [cell(0, "luna"), cell(1, "opus", quality=0.95)]
    write_run(tmp_path, "20260101T000000Z-a", cells, [entry(0, 1, wins=60)])
    write_run(tmp_path, "20260102T000000Z-a", cells, [entry(0, 1)])

    found = read(tmp_path)

    assert found.variance == pytest.approx(16 / 122)
    assert (found.origin, found.n, found.best) == ("adhoc/20260102T000000Z-a", 120, 0.95)
    assert found.is_binary
    assert found.noise is None


def test_no_discordant_case_is_not_never(tmp_path):
    write_run(tmp_path, "a", [cell(0, "luna"), cell(1, "opus")], [entry(0, 1, wins=0, losses=0)])

    assert read(tmp_path).variance > 0


def test_pairs_of_the_planned_candidates_count_before_the_others(tmp_path):
    cells = [cell(0, "luna"), cell(1, "opus"), cell(2, "empty")]
    pairs = [entry(0, 1), entry(0, 2, wins=90), entry(1, 2, wins=90)]
    write_run(tmp_path, "a", cells, pairs)

    assert read(tmp_path).variance == pytest.approx(16 / 122)
    assert read(tmp_path, [("new", "plain")]).variance == pytest.approx((16 + 96 + 96) / 122 / 3)


@pytest.mark.parametrize(
    "cells",
    [
        [cell(0, "luna", dataset="essays"), cell(1, "opus", dataset="essays")],
        [cell(0, "luna", quality_name="rubric"), cell(1, "opus", quality_name="rubric")],
        [cell(0, "luna", role="canary"), cell(1, "opus")],
    ],
    ids=["data set", "scorer", "canary"],
)
def test_cells_that_were_measured_otherwise_are_no_pilot(tmp_path, cells):
    write_run(tmp_path, "a", cells, [entry(0, 1)])

    assert read(tmp_path) is None


def test_too_few_cases_are_no_pilot(tmp_path):
    write_run(tmp_path, "a", [cell(0, "luna"), cell(1, "opus")], [entry(0, 1, n=29)])

    assert read(tmp_path) is None


def test_spread_of_other_scores_is_read_off_their_interval(tmp_path):
    """A standard error of 0.0306 over 100 cases is a variance of 0.0937 a case."""
    graded = entry(0, 1, n=100, method="sign flip")
    write_run(tmp_path, "a", [cell(0, "luna"), cell(1, "opus")], [graded])

    found = read(tmp_path)

    assert found.variance == pytest.approx(100 * (0.06 / 1.959964) ** 2)
    assert not found.is_binary


def test_what_repeats_averaged_out_is_noise_and_counts_for_one_repeat(tmp_path):
    cells = [cell(0, "luna", within=0.1), cell(1, "opus", within=0.06)]
    pair = entry(0, 1, n=100, method="sign flip, clustered by case")
    write_run(tmp_path, "a", cells, [pair])

    found = read(tmp_path)

    assert found.noise == pytest.approx(0.16)
    assert found.variance == pytest.approx(100 * (0.06 / 1.959964) ** 2 + 0.16 * 3 / 4)
    assert found.is_binary
    assert not found.is_clustered


def test_scores_that_never_differ_say_nothing(tmp_path):
    same = {"value": 0.0, "low": None, "high": None}
    pair = entry(0, 1, method="sign flip", difference=same)
    write_run(tmp_path, "a", [cell(0, "luna"), cell(1, "opus")], [pair])

    assert read(tmp_path) is None


@pytest.mark.parametrize(
    "text", ["{", "[]", '{"cells": [{}], "x": "tickets exact_match"}', '"tickets" "exact_match"']
)
def test_run_that_cannot_be_read_is_passed_over(tmp_path, text):
    cells = [cell(0, "luna"), cell(1, "opus")]
    write_run(tmp_path, "20260101T000000Z-a", cells, [entry(0, 1)])
    write_run(tmp_path, "20260102T000000Z-a", [], [])
    (tmp_path / "adhoc/20260102T000000Z-a/summary.json").write_text(text)
    (tmp_path / "adhoc/20260103T000000Z-a").mkdir()

    assert read(tmp_path).origin == "adhoc/20260101T000000Z-a"


def test_summaries_are_read_up_to_a_bound(tmp_path, monkeypatch):
    monkeypatch.setattr(pilot, "_MOST_BYTES", 3000)
    cells = [cell(0, "luna"), cell(1, "opus")]
    write_run(tmp_path, "20260101T000000Z-a", cells, [entry(0, 1)])
    run = write_run(tmp_path, "20260102T000000Z-a", [], [])
    (run / "summary.json").write_text(" " * 2999)

    assert read(tmp_path) is None


def test_no_outputs_are_no_pilot(tmp_path):
    assert read(tmp_path / "none") is None
