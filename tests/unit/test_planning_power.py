"""Which differences a planned test set shows, and what it takes to show a given one."""

import json
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from runs import planned, project

from evalrunner.cli.power_lines import power_lines
from evalrunner.planning.power import (
    FacetPower,
    Spread,
    cases_for,
    fewest_discordant,
    smallest_difference,
)
from evalrunner.providers.cached import ResponseCache
from evalrunner.stats import mcnemar_power
from evalrunner.types import Answer

KEYS = {"OPENAI_API_KEY": "sk-proj-0123456789abcdef"}
PARTS = ("cells", "case_sets")
PRICES = "pricing.overrides.gpt-6-luna={input: 1.0, output: 2.0}"
MANY = [{"id": f"c{n}", "input": f"case {n}", "expected_output": "x"} for n in range(500)]


def power(n=120, **changes):
    values = {
        "facet": 0,
        "dataset": "tickets",
        "quality": "exact_match",
        "n": n,
        "available": n,
        "repeats": 1,
        "confidence": 0.95,
        "n_comparisons": 1,
    }
    return FacetPower(**(values | changes))


def text(*powers):
    return "\n".join(power_lines(powers))


# --- the smallest difference ----------------------------------------


@pytest.mark.parametrize(("n", "points"), [(100, 12.4), (200, 8.8), (500, 5.6)])
def test_smallest_difference_at_a_fifth_discordant_is_the_published_one(n, points):
    """Connor (1987), as in the golden case power_connor."""
    found = smallest_difference(n, repeats=1, level=0.95, spread=Spread(variance=0.2))

    assert 100 * found == pytest.approx(points, abs=0.05)


def test_smallest_difference_is_seen_in_four_of_five_runs_by_the_test_that_will_be_made():
    n, discordant = 300, 0.2
    found = smallest_difference(n, repeats=1, level=0.95, spread=Spread(variance=discordant))

    seen = mcnemar_power(n, a_only=(discordant + found) / 2, b_only=(discordant - found) / 2)
    assert seen == pytest.approx(0.8, abs=0.02)


@given(
    difference=st.floats(0.01, 0.5),
    variance=st.floats(0.02, 0.5),
    noise=st.sampled_from([None, 0.0, 0.3, 1.0]),
    repeats=st.integers(1, 5),
)
def test_cases_for_a_difference_show_it_and_fewer_do_not(difference, variance, noise, repeats):
    spread = Spread(variance=variance, noise=None if noise is None else noise * variance)
    about = {"repeats": repeats, "level": 0.95, "spread": spread}

    n = cases_for(difference, **about)

    assert smallest_difference(n, **about) <= difference + 1e-9
    fewer = smallest_difference(n - 1, **about)
    assert n == fewest_discordant(0.95) or fewer is None or fewer > difference - 1e-9


def test_five_cases_that_all_favour_one_cell_are_the_fewest_that_show_a_difference():
    """Trap: with f failures the best possible p is 2^(1-f), or 2^-f by the mid-p test."""
    assert fewest_discordant(0.95) == 5
    assert fewest_discordant(0.95, exact=True) == 6
    assert power(4).smallest() is None
    assert "4 cases cannot show any difference" in text(power(4))


def test_difference_beyond_the_assumed_share_is_the_one_that_has_only_wins():
    """12 cases show none within 20 % of discordant ones, but one cell may win more of them."""
    found = power(12).smallest()

    assert found > 0.2
    assert mcnemar_power(12, a_only=found, b_only=0.0) > 0.7


def test_more_comparisons_show_larger_differences_only():
    one, many = power(), power(n_comparisons=6)

    assert many.smallest() > one.smallest() == many.smallest(alone=True)
    assert "in each of 6 comparisons, 11.3 points in a single one" in text(many)


def test_repeats_take_away_the_noise_that_is_known():
    spread = Spread(variance=0.2, noise=0.1)

    assert power(repeats=4, spread=spread).smallest() < power(spread=spread).smallest()
    assert power(repeats=4).smallest() == power().smallest()
    assert "how much the repeats add" in text(power(repeats=4))


def test_few_failures_of_the_best_cell_leave_no_room_for_a_better_one():
    """Trap 13: a test set that is nearly solved cannot separate models."""
    spread = Spread(variance=0.1, origin="adhoc/x", n=100, best=0.97)

    assert "the best cell of that run would fail about 3 cases" in text(power(100, spread=spread))
    assert "would fail" not in text(power(300, spread=spread))


def test_hardly_any_discordant_cases_are_said_to_be_too_few():
    spread = Spread(variance=0.01, origin="adhoc/x", n=100)

    assert "two cells would differ in about 1 case: fewer than 5 cases" in text(
        power(100, spread=spread)
    )


def test_cases_that_come_in_clusters_may_show_less():
    clustered = power(n_clusters=30, cluster="customer")

    assert clustered.smallest_by_cluster > clustered.smallest()
    assert "30 different 'customer'; if those of each come out alike" in text(clustered)


def test_line_of_the_smallest_difference():
    assert text(power()) == (
        "the smallest difference that 120 cases show: 11.3 points (80 % power; assuming that two "
        "cells differ in 20 % of the cases)"
    )


def test_line_says_where_the_spread_was_seen():
    binary = Spread(variance=0.142, origin="adhoc/x", n=120, best=0.6)
    graded = Spread(variance=0.04, origin="adhoc/x", n=120, is_binary=False)

    assert "two cells differed in 14 % of 120 cases of run adhoc/x)" in text(power(spread=binary))
    assert "differed by 20.0 points (standard deviation) in run adhoc/x)" in text(
        power(spread=graded)
    )


def test_difference_beyond_the_scale_is_none():
    wild = Spread(variance=1.5, is_binary=False)

    assert smallest_difference(6, repeats=1, level=0.95, spread=wild) is None
    assert smallest_difference(14, repeats=1, level=0.9999, spread=Spread(variance=0.2)) is None


def test_facets_of_which_the_same_is_said_share_their_lines():
    lines = list(power_lines([power(), power(facet=1), power(60, facet=2)]))

    assert [line.partition(":")[0] for line in lines] == ["facet 0, 1", "facet 2"]


# --- the target ----------------------------------------


def test_target_says_how_many_cases_it_takes_and_what_they_cost():
    each = Decimal("0.001"), Decimal("0.002")
    found = power(target=0.05, usd_per_trial=each)

    target = found.to_json()["target"]
    assert (target["cases"], target["is_reachable"]) == (626, False)
    assert target["options"][0] == {
        "cases": 626,
        "repeats": 1,
        "cost": {"low": 0.626, "high": 1.252},
        "assumed_noise": None,
    }
    assert "a difference of 5.0 points takes 626 cases ($0.626 to $1.25)" in text(found)
    assert "the data set 'tickets' has 120" in text(found)


def test_target_of_unknown_price_says_so():
    found = power(target=0.05, usd_per_trial=(None, None))

    assert found.to_json()["target"]["options"][0]["cost"] == {"low": None, "high": None}
    assert "626 cases (cost unknown)" in text(found)


def test_repeats_that_show_no_noise_are_no_alternative():
    found = power(target=0.05, spread=Spread(variance=0.2, noise=0.0, origin="adhoc/x"), repeats=2)

    assert [(each.repeats, each.is_assumed) for each in found.options()] == [(2, False)]
    assert "with repeats" not in text(found)


def test_target_within_reach_is_said_to_be():
    assert "the 700 cases planned are enough" in text(power(700, target=0.05))


def test_target_that_the_whole_data_set_shows_names_the_limit():
    assert "dataset.limit=626 takes as many" in text(power(120, available=700, target=0.05))


def test_repeats_that_are_known_to_help_are_alternatives():
    """Golden case power_miller: sigma^2 of 1/6 each, omega^2 of 1/9."""
    spread = Spread(variance=1 / 9 + 1 / 3, noise=1 / 3, is_binary=False, origin="adhoc/x")
    found = power(target=0.03, spread=spread, repeats=10).options()

    assert [(each.repeats, each.cases) for each in found if each.repeats in (1, 10)] == [
        (1, 3876),
        (10, 1260),
    ]
    assert not any(each.is_assumed for each in found)


def test_repeats_that_nothing_is_known_of_are_alternatives_under_an_assumption():
    found = power(target=0.05)

    known, *assumed = found.options()
    assert (known.cases, known.is_assumed) == (626, False)
    assert [each.repeats for each in assumed] == [2, 4, 8]
    assert all(each.is_assumed and each.cases < 626 for each in assumed)
    assert "assuming that 50 % of this spread goes away with them" in text(found)


# --- in a plan ----------------------------------------


def test_plan_holds_what_its_cases_show(tmp_path):
    root = project(tmp_path, cases=MANY[:120])

    plan = planned(root, "model=echo", "prompt=ask,beg").to_json()

    (found,) = plan["power"]
    assert (found["n"], found["repeats"], found["n_comparisons"]) == (120, 1, 1)
    assert (found["discordant"], found["basis"]) == (0.2, "assumed")
    assert found["smallest_difference"] == pytest.approx(0.113, abs=0.001)
    assert found["target"] is None
    assert power().options() == []
    assert json.loads(json.dumps(plan["power"], allow_nan=False)) == plan["power"]


def test_comparisons_are_counted_as_they_will_be_made(tmp_path):
    root = project(tmp_path)

    def counted(*overrides):
        return [p.n_comparisons for p in planned(root, "model=echo", *overrides).power]

    assert counted("prompt=ask") == [1]
    assert counted("prompt=ask,beg,short") == [3]
    assert counted("prompt=ask,beg,short", "run.baseline={prompt: ask}") == [2]
    assert counted("prompt=ask,beg,short", "run.seed=1,2") == [6, 6]


def test_unreachable_target_is_a_warning_of_the_plan(tmp_path):
    root = project(tmp_path, cases=MANY[:120])

    warned = planned(root, "run.target_difference=0.03").warnings
    fine = planned(root, "run.target_difference=0.3").warnings

    assert [each for each in warned if "takes 1,742 cases" in each]
    assert not [each for each in fine if "target_difference" in each]


def test_cost_of_a_target_is_that_of_its_trials_at_the_plans_prices(tmp_path):
    root = project(tmp_path, cases=MANY[:100])
    overrides = ("model=luna", "prompt=ask,beg", PRICES, "run.target_difference=0.05")

    plan = planned(root, *overrides, environ=KEYS)

    option = plan.power[0].options()[0]
    assert option.cases == 626
    assert float(option.high_usd) == pytest.approx(float(plan.cost.high) * 6.26)


def test_cost_of_what_is_answered_already_is_unknown(tmp_path):
    """Its price was not computed, and the next cases are not in the cache."""
    root = project(tmp_path, cases=MANY[:3])
    cache = ResponseCache(tmp_path / "cache" / "responses.sqlite")
    (cell,), (cases,) = (getattr(planned(root, "model=luna", environ=KEYS), name) for name in PARTS)
    requests = [cell.wire.build_request(cell.template.render(case), case, 0) for case in cases]
    answer = Answer(body=b"{}", started_at=1.0, latency_s=1.0, attempts=1, request_id=None)
    cache.put([(request, answer) for request in requests])

    (found,) = planned(root, "model=luna", "run.target_difference=0.05", cache=cache).power

    cache.close()
    assert found.options()[0].high_usd is None


def test_limit_leaves_cases_that_the_plan_knows_of(tmp_path):
    root = project(tmp_path, cases=MANY)

    (found,) = planned(root, "dataset.limit=50").power

    assert (found.n, found.available) == (50, 500)


def test_clusters_are_counted_and_a_case_without_one_stands_alone(tmp_path):
    rows = [case | {"customer": None if n < 3 else n % 2} for n, case in enumerate(MANY[:40])]
    root = project(tmp_path, cases=rows)

    (found,) = planned(root, "dataset.cluster=customer").power

    assert found.n_clusters == 5
