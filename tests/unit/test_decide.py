"""What is recommended, why, and when nothing is."""

import json

import numpy as np
import pytest
from facets import cell, facet, right

from evalrunner.decide import Needs, recommend

N = 480


def answers(n, wrong):
    """1 but for the cases in `wrong`."""
    values = np.ones(n)
    values[list(wrong)] = 0
    return values


def strong_and_cheap(n=N):
    """A is right in all but 40 cases; B errs in these and in one more."""
    return [
        cell(0, "A", answers(n, range(40)), 3.1),
        cell(1, "B", answers(n, range(41)), 0.42),
    ]


def recommended(results, *, flags=(), comparisons=(), cells=None, clusters=None, **needs):
    chosen = Needs(**needs)
    made = facet(results, margin=chosen.margin, clusters=clusters)
    return recommend(made, chosen, flags=flags, comparisons=comparisons, cells=cells)


def reasons(found):
    return {entry["cell"]: entry["because"] for entry in found["rejected"]}


def test_the_cheapest_that_is_not_worse_is_recommended_in_a_sentence_to_defend():
    found = recommended(strong_and_cheap(), requests_per_month=100_000)

    assert found["because"] == (
        "Use B: $0.42 per 1,000 requests instead of $3.10, quality 91.5 % (88.6–93.6), "
        "not worse than A by more than 2 points (95 %), n = 480"
    )
    assert (found["cell"], found["baseline"], found["best"]) == (1, 0, 0)
    assert found["monthly_usd"] == pytest.approx(42)
    assert found["margin"] == 0.02
    assert found["difference"]["value"] == pytest.approx(-1 / 480)
    assert reasons(found) == {0: "dearer: $3.10 per 1,000 requests"}
    assert json.loads(json.dumps(found, allow_nan=False)) == found


def test_too_few_cases_recommend_nothing_and_say_how_many_more_could():
    results = [
        cell(0, "A", answers(120, range(10)), 3.1),
        cell(1, "B", answers(120, range(4, 16)), 0.42),
    ]

    found = recommended(results)

    assert found["cell"] is None
    assert found["because"].startswith(
        "No recommendation: these 120 cases cannot tell B ($0.42 per 1,000 requests, 90.0 %) "
        "from A ($3.10 per 1,000 requests, 91.7 %); about "
    )
    assert "not shown to be within 2 points of A" in reasons(found)[1]


def test_the_number_of_further_cases_is_the_comparisons_where_there_is_one():
    results = [
        cell(0, "A", answers(120, range(10)), 3.1),
        cell(1, "B", answers(120, range(4, 16)), 0.42),
    ]
    difference = {"value": 0.0167, "low": -0.03, "high": 0.06, "n": 120, "method": "newcombe"}
    said = {"facet": 0, "a": 0, "b": 1, "conclusion": "cannot_tell", "n_more": 410}
    turned = said | {"a": 1, "b": 0}
    negative = difference | {"value": -0.0167, "low": -0.06, "high": 0.03}

    found = recommended(results, comparisons=[turned | {"difference": negative}])
    other = recommended(results, comparisons=[said | {"difference": difference}])

    assert found["because"].endswith(
        "; about 410 more cases could tell whether it is within 2 points"
    )
    assert "it loses 1.7 points (−3.0 to 6.0)" in reasons(other)[1]


def test_the_best_is_recommended_when_every_cheaper_one_is_worse():
    results = [
        cell(0, "small", right(N, 300), 0.1),
        cell(1, "middle", right(N, 380), 0.5),
        cell(2, "large", right(N, 450), 2.0),
    ]

    found = recommended(results, requests_per_month=10_000)

    assert found["cell"] == 2
    assert "the best, and every cheaper one is worse (95 %)" in found["because"]
    assert found["next_cheaper"]["cell"] == 1
    assert found["next_cheaper"]["because"].startswith("worse than large by 14.6 points (")
    assert [(step["from"], step["to"]) for step in found["steps"]] == [(0, 1), (1, 2)]
    step = found["steps"][1]
    assert step["usd_per_1000_per_point"] == pytest.approx(1.5 * 0.01 / (70 / 480))
    assert step["usd_per_month_per_point"] == pytest.approx(step["usd_per_1000_per_point"] * 10)


def test_what_looks_best_and_cheapest_says_who_may_be_better():
    results = [cell(0, "A", right(20, 18), 0.4), cell(1, "B", right(20, 17)[::-1], 3.0)]

    found = recommended(results)

    assert found["cell"] == 0
    assert found["because"].endswith(
        "the best and the cheapest, n = 20; these cases do not rule out that B is better by "
        "2 points or more"
    )


def test_cells_that_break_a_limit_are_discarded_first():
    slow = cell(1, "B", answers(N, range(41)), 0.42, latency_s={"p50": 1, "p90": 9.0, "p99": None})
    unknown = cell(2, "C", answers(N, range(42)), 0.2, latency_s=dict.fromkeys(("p50", "p90")))
    loose = cell(3, "D", answers(N, range(40)), 0.1)
    low = {"value": 0.99, "low": 0.97, "high": 1.0, "n": N, "method": "wilson"}
    firm = low | {"low": 0.995}
    results = [strong_and_cheap()[0], slow, unknown, loose]
    for each, found in zip(results, (firm, firm, firm, low), strict=True):
        each.summary["scores"]["json_valid"] = found

    found = recommended(results, max_latency_p90_s=5.0, require={"json_valid": 0.99})

    assert found["cell"] == 0
    assert reasons(found) == {
        1: "its p90 latency of 9.0 s is above 5.0 s",
        2: "its latency is unknown, and decide.max_latency_p90_s asks for 5.0 s",
        3: "the lower bound of json_valid, 97.0 %, is under the 99 % asked for",
    }


def test_a_required_score_that_the_run_lacks_is_named():
    found = recommended(strong_and_cheap(), require={"tone": 0.5})

    assert found["cell"] is None
    assert "keeps decide.max_latency_p90_s and decide.require" in found["because"]
    assert reasons(found)[0] == "decide.require asks for tone, which is no score of this run"


def test_a_budget_buys_the_surest_quality():
    results = [
        cell(0, "large", right(N, 450), 9.0),
        cell(1, "middle", right(N, 430), 2.0),
        cell(2, "small", right(N, 380), 0.5),
    ]

    found = recommended(results, budget_usd_per_month=500, requests_per_month=100_000)

    assert (found["cell"], found["rule"], found["baseline"]) == (1, "budget", 0)
    assert found["because"] == (
        "Use middle: $2.00 per 1,000 requests instead of $9.00 (large), "
        "quality 89.6 % (86.5–92.0), the surest quality that $500 a month buys (95 %), n = 480"
    )
    assert reasons(found)[0] == "$900 a month is above the budget of $500"
    assert reasons(found)[2].startswith("the lower bound of its quality, 75.3 %, is under that of")


def test_a_budget_without_a_volume_says_what_is_missing():
    found = recommended(strong_and_cheap(), budget_usd_per_month=500)

    assert found["cell"] is None
    assert "without decide.requests_per_month" in found["because"]


def test_a_floor_is_kept_by_the_lower_bound():
    results = [
        cell(0, "large", right(N, 460), 9.0),
        cell(1, "middle", right(N, 446), 2.0),
        cell(2, "small", right(N, 435), 0.5),
    ]

    found = recommended(results, quality_floor=0.9)

    assert (found["cell"], found["rule"]) == (1, "floor")
    assert "the cheapest whose quality is surely above 90 % (95 %)" in found["because"]
    assert reasons(found) == {
        0: "dearer: $9.00 per 1,000 requests",
        2: "the lower bound of its quality, 87.7 %, is under the floor of 90 %",
    }


def test_a_floor_that_nobody_reaches_names_who_comes_nearest():
    found = recommended(strong_and_cheap(), quality_floor=0.99)

    assert found["cell"] is None
    assert "surely above the floor of 99 % (95 %); A comes nearest" in found["because"]


def test_missing_trials_of_the_best_forbid_a_recommendation():
    holes = answers(N, range(20)).astype(float)
    holes[:48] = np.nan
    results = [cell(0, "A", holes, 3.0), strong_and_cheap()[1]]

    found = recommended(results)

    assert found["cell"] is None
    assert found["because"] == (
        "No recommendation: A may be the best, but 10.0 % of its trials have no score, "
        "more than the 2 % of run.max_missing"
    )


def test_missing_scores_that_could_turn_it_round_are_counted_at_their_worst():
    wrong = answers(N, range(41)).astype(float)
    wrong[-9:] = np.nan
    results = [strong_and_cheap()[0], cell(1, "B", wrong, 0.42)]

    found = recommended(results)

    assert found["cell"] is None
    assert reasons(found)[1] == ("scores that are missing could make it worse than A by 2 points")


def test_a_lesser_cell_with_missing_trials_is_only_passed_over():
    holes = right(N, 200).astype(float)
    holes[:48] = np.nan
    results = [*strong_and_cheap(), cell(2, "C", holes, 0.1)]

    found = recommended(results)

    assert found["cell"] == 1
    assert "10.0 % of its trials have no score" in reasons(found)[2]


def test_unpriced_cells_are_never_recommended_and_it_says_so():
    results = [*strong_and_cheap(), cell(2, "C", answers(N, range(40)), None)]

    found = recommended(results)

    assert found["cell"] == 1
    assert reasons(found)[2] == "its price is unknown"
    assert "of those with a known price" in found["because"]


def test_without_any_price_nothing_is_recommended():
    results = [cell(k, name, right(N, 400), None) for k, name in enumerate("AB")]

    found = recommended(results)

    assert found["cell"] is None
    assert "no candidate has a known price" in found["because"]


def flag(severity, cell_id, **evidence):
    return {
        "code": "leak",
        "severity": severity,
        "cell": cell_id,
        "message": "targets stand in the prompt",
        "evidence": evidence,
        "remedy": "look",
    }


@pytest.mark.parametrize("about", [{}, {"facet": 0}])
def test_a_red_flag_on_a_facet_forbids_its_recommendation(about):
    found = recommended(strong_and_cheap(), flags=[flag("red", None, **about)])

    assert found["cell"] is None
    assert found["because"] == "No recommendation: red flag leak: targets stand in the prompt"


def test_a_red_flag_on_a_canary_is_one_on_its_facet():
    canary = {"role": "canary", "facet": 0}

    found = recommended(strong_and_cheap(), flags=[flag("red", 7)], cells={7: canary})

    assert found["cell"] is None


def test_flags_on_others_and_yellow_ones_forbid_nothing():
    flags = [flag("yellow", None), flag("red", None, facet=3), flag("yellow", 1)]

    assert recommended(strong_and_cheap(), flags=flags)["cell"] == 1


def test_a_red_flag_on_one_candidate_passes_over_that_one():
    results = strong_and_cheap()
    candidates = {each.summary["id"]: each.summary for each in results}

    found = recommended(results, flags=[flag("red", 1)], cells=candidates)

    assert found["cell"] == 0
    assert reasons(found) == {1: "red flag leak: targets stand in the prompt"}


def test_one_candidate_is_no_choice_unless_a_floor_says_what_is_enough():
    only = [strong_and_cheap()[1]]

    assert recommended(only)["cell"] is None
    assert recommended(only, quality_floor=0.8)["cell"] == 1


def test_the_baseline_of_the_configuration_is_what_is_saved_against():
    results = [*strong_and_cheap(), cell(2, "old", right(N, 300), 5.0)]

    found = recommended(results, baseline={"model": "old"})

    assert (found["cell"], found["baseline"], found["best"]) == (1, 2, 0)
    assert "$0.42 per 1,000 requests instead of $5.00 (old)" in found["because"]
    assert "not worse than A by more than 2 points" in found["because"]


def test_the_order_of_the_cases_changes_no_word():
    rng = np.random.default_rng(4)
    quality = (rng.random((3, 200)) < [[0.9], [0.88], [0.7]]).astype(float)
    clusters = rng.integers(0, 40, 200)
    order = rng.permutation(200)

    first, second = (
        recommended(
            [cell(k, name, quality[k, rows], 3.0 - k) for k, name in enumerate("ABC")],
            clusters=clusters[rows],
        )
        for rows in (np.arange(200), order)
    )

    assert first == second


def test_graded_scores_are_compared_by_their_differences():
    rng = np.random.default_rng(8)
    base = rng.random(400) * 0.8
    results = [cell(0, "A", base + 0.01, 3.0), cell(1, "B", base, 0.3)]

    found = recommended(results)

    assert found["cell"] == 1
    assert found["difference"]["value"] == pytest.approx(-0.01)


def test_what_cannot_be_paired_at_all_is_unknown():
    halves = np.where(np.arange(40) < 20, 1.0, np.nan), np.where(np.arange(40) < 20, np.nan, 0.5)
    results = [cell(0, "A", halves[0], 3.0), cell(1, "B", halves[1], 1.0)]

    found = recommended(results, max_missing=1.0)

    assert found["cell"] is None
    assert reasons(found)[1] == (
        "not shown to be within 2 points of A: it loses an unknown number of points"
    )


def test_one_graded_case_has_a_difference_without_bounds():
    results = [cell(0, "A", [0.9], 3.0), cell(1, "B", [0.5], 1.0)]

    found = recommended(results)

    assert found["cell"] is None
    assert "these" not in found["because"]
    assert "this 1 case cannot tell B" in found["because"]
    assert "it loses 40.0 points" in reasons(found)[1]


def test_a_candidate_without_any_score_is_passed_over():
    results = [*strong_and_cheap(), cell(2, "C", np.full(N, np.nan), 0.1)]

    found = recommended(results)

    assert found["cell"] == 1
    assert reasons(found)[2] == "it has no quality"


def test_without_any_score_nothing_is_recommended():
    found = recommended([cell(k, "AB"[k], np.full(9, np.nan), 1.0) for k in range(2)])

    assert found["because"] == "No recommendation: no candidate has a quality"


def test_a_budget_that_nobody_fits_is_said_to_be_too_small():
    found = recommended(strong_and_cheap(), budget_usd_per_month=1, requests_per_month=1e6)

    assert found["cell"] is None
    assert "no candidate with a known price fits the budget of $1 a month" in found["because"]


def test_the_best_without_a_price_leaves_nothing_when_the_others_are_worse():
    results = [cell(0, "A", right(N, 470), None), cell(1, "B", right(N, 300), 1.0)]

    found = recommended(results)

    assert found["cell"] is None
    assert "A has the best quality, 97.9 % (96.2–98.9), and no known price" in found["because"]


def test_an_estimated_price_is_marked():
    results = strong_and_cheap()
    results[1].summary["cost"]["estimated"] = True

    assert "$0.42 per 1,000 requests (estimated) instead" in recommended(results)["because"]


def test_equal_bounds_under_a_budget_go_to_the_cheaper():
    results = [cell(k, "AB"[k], right(N, 400), 2.0 - k) for k in range(2)]

    found = recommended(results, budget_usd_per_month=500, requests_per_month=1000)

    assert found["cell"] == 1
    assert reasons(found) == {0: "dearer: $2.00 per 1,000 requests"}


def test_equal_qualities_have_no_price_of_a_point():
    found = recommended([cell(k, "AB"[k], right(N, 400), 1.0) for k in range(2)])

    assert found["steps"] == []


def test_one_of_several_that_may_be_better_are_counted():
    results = [cell(k, "ABC"[k], right(20, 18 - k)[:: 1 - 2 * (k % 2)], 1.0 + k) for k in range(3)]

    assert "do not rule out that one of 2 others is better" in recommended(results)["because"]
