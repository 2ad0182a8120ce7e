"""Routers and cascades from the recorded grid: bounds and estimates, no new calls."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from facets import cell, facet, right

from evalrunner.decide import routing_summary

GOLDEN = Path(__file__).parent / "golden"


def grid(n=600, *, seed=1, repeats=1):
    """A small model that is unsure where it errs, and a large one."""
    rng = np.random.default_rng(seed)
    knows = rng.random(n) < 0.8
    shown = np.where(knows, 0, rng.integers(1, 6, (repeats, n)))
    small = (shown == 0).mean(axis=0)
    large = (rng.random(n) < 0.95).astype(float)
    costs = rng.gamma(4, 0.1, n), rng.gamma(4, 1.0, n)
    return [
        cell(0, "small", small, costs[0], answers=shown.astype(float)),
        cell(1, "large", large, costs[1], answers=np.zeros((repeats, n))),
    ]


def estimate_of(found):
    return {"value", "low", "high", "n", "method"} == set(found)


def test_the_oracle_of_the_gsm8k_flags_is_the_published_one():
    """Bars: 92.9 % at 29.0 % strong calls, on upstream's flags."""
    with (GOLDEN / "gsm8k_flags.csv").open(encoding="utf-8") as file:
        rows = list(csv.reader(file))[1:]
    flags = np.array([[row[column] == "1" for row in rows] for column in (1, 2)])
    strong = int(flags.mean(axis=1).argmax())
    costs = [0.1, 0.1]
    costs[strong] = 4.0
    results = [cell(k, f"m{k}", flags[k].astype(float), costs[k]) for k in range(2)]

    found = routing_summary(facet(results))["oracle"]

    assert found["quality"]["value"] == pytest.approx(0.9287, abs=5e-5)
    assert found["shares"][str(strong)] == pytest.approx(0.290, abs=5e-4)


def test_repeats_that_agree_let_the_cheap_answer_stand():
    made = grid(repeats=3)

    found = routing_summary(facet(made, repeats=3))

    (cascade,) = found["cascades"]
    assert (cascade["cheap"], cascade["strong"], cascade["partner"]) == (0, 1, None)
    assert cascade["signal"] == "agreement of 3 repeats"
    assert 0.1 < cascade["escalated"]["value"] < 0.3
    assert cascade["is_useful"]
    assert cascade["cost_share"] < 0.6
    # The first stage asks three times, the second once where they disagree.
    first = 3 * np.mean(made[0].cost_usd) * 1000
    assert cascade["usd_per_1000"]["value"] > first
    assert cascade["n"] == 600
    assert all(estimate_of(cascade[key]) for key in ("escalated", "quality", "usd_per_1000"))
    assert json.loads(json.dumps(found, allow_nan=False)) == found


def test_two_cheap_cells_that_agree_need_no_third():
    small, large = grid()
    rng = np.random.default_rng(2)
    shown = np.where(rng.random(600) < 0.85, 0, rng.integers(6, 9, 600))
    partner = cell(2, "mini", (shown == 0).astype(float), 0.5, answers=shown[None].astype(float))

    (cascade,) = routing_summary(facet([small, large, partner]))["cascades"]

    assert {cascade["cheap"], cascade["partner"]} == {0, 2}
    assert cascade["signal"] == "agreement of two cells"
    assert cascade["usd_per_1000"]["value"] > 0.5 + np.mean(small.cost_usd) * 1000


def test_a_cell_whose_answers_are_unknown_agrees_with_nobody():
    small, large = grid()
    silent = cell(2, "mini", right(600, 560), 0.5)

    assert routing_summary(facet([small, large, silent]))["cascades"] == []


def test_a_scorer_without_a_target_is_a_verifier():
    made = grid()
    valid = np.where(made[0].quality == 1, 1.0, 0.0)
    checked = cell(
        0, "small", made[0].quality, 0.4, checks={"json_valid": valid, "constant": np.ones(600)}
    )

    (cascade,) = routing_summary(facet([checked, made[1]]))["cascades"]

    assert cascade["signal"] == "json_valid"
    assert cascade["quality"]["value"] > made[1].summary["quality"]["value"]
    assert cascade["threshold"] == 1.0


def test_a_cascade_that_costs_as_much_as_the_strong_cell_is_of_no_use():
    made = grid(repeats=3)
    dear = cell(0, "small", made[0].quality, 3.9, answers=made[0].answers)

    (cascade,) = routing_summary(facet([dear, made[1]], repeats=3))["cascades"]

    assert not cascade["is_useful"]


def test_each_category_goes_to_the_cheapest_that_is_good_enough_for_it():
    n = 400
    easy = np.arange(n) < 200
    small = np.where(easy, 1.0, right(n, 250))
    results = [cell(0, "small", small, 0.1), cell(1, "large", np.ones(n), 2.0)]
    slices = {
        "kind": {"easy": np.flatnonzero(easy), "hard": np.flatnonzero(~easy)},
        "tags": {"a": np.arange(n), "b": np.arange(5)},
    }

    found = routing_summary(facet(results, slices=slices))["static_by_category"]

    assert set(found) == {"kind"}, "a case with two tags belongs to no one category"
    assert found["kind"]["cells"] == {"easy": 0, "hard": 1}
    assert found["kind"]["usd_per_1000"]["value"] == pytest.approx(1.05)
    assert found["kind"]["quality"]["value"] == 1.0


def test_without_two_priced_cells_there_is_nothing_to_route():
    alone = facet([cell(0, "a", right(9, 5), 1.0), cell(1, "b", right(9, 6), None)])

    assert routing_summary(alone) is None


def test_the_order_of_the_cases_changes_no_fold():
    made = grid(repeats=3, n=300)
    order = np.random.default_rng(3).permutation(300)
    moved = [
        cell(
            k,
            each.summary["label"],
            each.quality[order],
            each.cost_usd[order] * 1000,
            answers=each.answers[:, order],
        )
        for k, each in enumerate(made)
    ]

    first, second = (routing_summary(facet(each, repeats=3)) for each in (made, moved))

    assert first["cascades"][0]["escalated"] == second["cascades"][0]["escalated"]
    assert first["cascades"][0]["quality"]["value"] == pytest.approx(
        second["cascades"][0]["quality"]["value"], abs=1e-12
    )


def test_answers_of_which_one_is_missing_prove_no_agreement():
    made = grid(repeats=2, n=50)
    made[0].answers[1, :10] = np.nan

    (cascade,) = routing_summary(facet(made, repeats=2))["cascades"]

    assert cascade["n"] == 40
