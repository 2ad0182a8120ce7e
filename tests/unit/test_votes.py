"""From votes on sides to win rates of cells: every rule of the mapping, and the numbers."""

from __future__ import annotations

import json
import math
import random
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from ballots import asked, pair, rated, rating, vote, voted
from hypothesis import given
from hypothesis import strategies as st

from evalrunner.stats import bradley_terry, sign_test, weighted_rate, win_rate
from evalrunner.votes import CaseGroups, human_json

CASES = {
    case["id"]: case
    for case in json.loads((Path(__file__).parent / "golden" / "stat_cases.json").read_bytes())[
        "cases"
    ]
}
CHOICES = ("left", "right", "tie", "both_bad", "skip")


def human(found, **changes):
    return human_json(found, judges={}, **changes)


def only_pair(found):
    (entry,) = human(found)["win_rates"]["pairs"]
    return entry


def counts(entry):
    return entry["wins"], entry["ties"], entry["losses"], entry["both_bad"]


# --- numbers ----------------------------------------


def test_win_rate_with_ties_is_the_golden_one():
    votes = ["left"] * 120 + ["tie"] * 30 + ["right"] * 50
    expected = CASES["win_rate_ties"]["expected"]

    found = only_pair(voted(*votes))

    rate = found["win_rate"]
    assert rate["value"] == pytest.approx(0.675)
    assert (rate["high"] - rate["low"]) / 2 == pytest.approx(0.0593, abs=5e-4)
    assert found["p"] == pytest.approx(expected["sign_test_p"], rel=1e-6)
    assert counts(found) == (120, 30, 50, 0)
    assert (found["conclusion"], found["n_more"]) == ("better", None)


def test_ratings_are_those_of_bradley_and_terry_on_the_mean_of_each_case():
    keys, said = [], []
    for n in range(12):
        for a, b in combinations(range(3), 2):
            for rater in ("ann", "bob"):
                keys.append(pair(f"c{n:02}", rater, left=a, right=b))
                said.append(vote(keys[-1], "left" if (n + a + (rater == "bob")) % 3 else "right"))

    (facet,) = human(asked(keys, said))["bradley_terry"]["facets"]

    cases = [(a, b, n) for a, b in combinations(range(3), 2) for n in range(12)]
    expected = bradley_terry(
        [(a, b) for a, b, _ in cases],
        [sum(bool((n + a + bob) % 3) for bob in (0, 1)) / 2 for a, _, n in cases],
        n_items=3,
        cases=[n for *_, n in cases],
        rng=np.random.default_rng(0),
        resamples=10,
    )
    assert [each["cell"] for each in facet["ratings"]] == [0, 1, 2]
    assert [each["rating"]["value"] for each in facet["ratings"]] == pytest.approx(
        [each.value for each in expected.ratings]
    )


def test_n_more_is_that_of_connor_with_the_share_of_the_decided():
    """19 wins, 11 losses and 10 ties: a lead of 0.2 with 0.75 of the cases decided."""
    found = only_pair(voted(*["left"] * 19, *["right"] * 11, *["tie"] * 10))

    z, power = 1.959964, 0.841621
    wanted = ((z * math.sqrt(0.75) + power * math.sqrt(0.75 - 0.2**2)) / 0.2) ** 2
    assert found["conclusion"] == "cannot_tell"
    assert found["n_more"] == math.ceil(wanted) - 40


def test_near_the_end_n_more_asks_what_the_exact_test_needs():
    """Five wins and six ties: 15 by Connor, and the exact test needs one more."""
    assert only_pair(voted(*["left"] * 5, *["tie"] * 6))["n_more"] == 16 - 11


def test_fewer_than_ten_cases_plan_nothing():
    assert only_pair(voted(*["left"] * 5, *["tie"] * 4))["n_more"] is None


@pytest.mark.parametrize("votes", [["tie"] * 9, ["left", "right"] * 6])
def test_without_a_lead_nobody_can_say_how_many_votes_it_takes(votes):
    found = only_pair(voted(*votes))

    assert (found["conclusion"], found["n_more"]) == ("cannot_tell", None)


def test_p_values_of_a_facets_pairs_are_adjusted_together():
    keys = [pair(f"c{n}", left=a, right=b) for n in range(9) for a, b in ((0, 1), (0, 2), (2, 3))]
    said = [vote(key, "left" if key.case_id != "c0" or key.left == 2 else "right") for key in keys]

    found = human(asked(keys, said))["win_rates"]["pairs"]
    apart = human(asked(keys[2::3], said[2::3]))["win_rates"]["pairs"]

    p = [sign_test(8, 1).p_value, sign_test(8, 1).p_value, sign_test(9, 0).p_value]
    assert [each["p"] for each in found] == pytest.approx(p)
    assert [each["p_adjusted"] for each in found] == pytest.approx([2 * p[0], 2 * p[1], 3 * p[2]])
    assert apart[0]["p_adjusted"] == pytest.approx(p[2])


# --- mapping votes to cells ----------------------------------------


def test_sides_are_mapped_back_to_cells():
    keys = [pair("c0"), pair("c1", left=1, right=0)]

    found = only_pair(asked(keys, [vote(keys[0], "left"), vote(keys[1], "right")]))

    assert (found["a"], found["b"], counts(found)) == (0, 1, (2, 0, 0, 0))


def test_the_last_vote_on_a_task_counts():
    key = pair("c0")

    found = only_pair(asked([key], [vote(key, "left"), vote(key, "tie"), vote(key, "right")]))

    assert counts(found) == (0, 0, 1, 0)


def test_a_vote_that_is_replaced_by_skip_is_withdrawn():
    key, other = pair("c0"), pair("c1")
    said = [vote(key, "left"), vote(other, "right"), vote(key, "skip")]

    found = human(asked([key, other], said))

    assert counts(found["win_rates"]["pairs"][0]) == (0, 0, 1, 0)
    assert (found["n_tasks"], found["n_answered"]) == (2, 1)
    assert found["raters"][0]["n_skipped"] == 1


def test_both_bad_is_a_tie_and_told():
    found = only_pair(voted("both_bad", "tie", "left"))

    assert counts(found) == (1, 2, 0, 1)
    assert found["win_rate"]["value"] == pytest.approx(2 / 3)


def test_copies_are_in_no_win_rate():
    key = pair("c0")
    copies = [
        pair("c0", task_id="again", copy_of=key.task_id),
        pair("c0", task_id="swapped", copy_of=key.task_id, left=1, right=0, is_swapped=True),
    ]
    said = [vote(key, "left"), vote(copies[0], "right"), vote(copies[1], "left")]

    found = human(asked([key, *copies], said))

    assert counts(found["win_rates"]["pairs"][0]) == (1, 0, 0, 0)
    assert found["n_answered"] == 3


def test_equal_outputs_are_ties_once_a_rater_who_votes_on_the_others():
    keys = [pair(f"c{n}", rater) for n in range(2) for rater in ("ann", "bob")]
    ties = [pair("c2", rater="", task_id="t", order=-1, is_equal=True)]

    found = human(asked(keys + ties, [vote(key, "left") for key in keys]))

    entry = found["win_rates"]["pairs"][0]
    assert counts(entry) == (4, 2, 0, 0)
    assert entry["win_rate"]["value"] == pytest.approx(2.5 / 3)
    assert (entry["win_rate"]["n"], found["n_equal"], found["n_tasks"]) == (3, 1, 4)
    assert found["agreement"]["percent"]["n"] == 2


def test_equal_outputs_weigh_no_more_than_what_was_voted_on_so_far():
    """Of ten pairs two are voted on: ten equal ones count as two."""
    keys = [pair(f"c{n}") for n in range(10)]
    ties = [pair(f"e{n}", task_id=f"e{n}", is_equal=True) for n in range(10)]

    some = only_pair(asked(keys + ties, [vote(key, "left") for key in keys[:2]]))
    every = only_pair(asked(keys + ties, [vote(key, "left") for key in keys]))

    assert [each["win_rate"]["value"] for each in (some, every)] == pytest.approx([0.75, 0.75])
    assert some["win_rate"]["high"] - some["win_rate"]["low"] > 0.1
    assert human(asked(keys + ties, []))["win_rates"]["pairs"] == []


def test_raters_of_a_case_are_averaged_before_cases_are():
    keys = [pair("c0", rater) for rater in ("ann", "bob", "cleo")] + [pair("c1")]
    said = [
        vote(key, choice)
        for key, choice in zip(keys, ("left", "left", "right", "right"), strict=True)
    ]

    found = only_pair(asked(keys, said))

    assert found["win_rate"]["value"] == pytest.approx((2 / 3 + 0) / 2)
    assert found["win_rate"]["n"] == 2


def test_sign_test_takes_the_majority_of_each_case():
    keys = [pair(f"c{n}", rater) for n in range(8) for rater in ("ann", "bob", "cleo")]
    said = [vote(key, "right" if key.rater == "cleo" else "left") for key in keys]

    found = only_pair(asked(keys, said))

    assert found["p"] == pytest.approx(2 * 0.5**8)
    assert counts(found) == (16, 0, 8, 0)


def test_a_cell_is_the_mean_of_its_pairs_in_each_case():
    """Case c0: won one, lost one; case c1: won its only one."""
    keys = [pair("c0"), pair("c0", right=2), pair("c1")]
    said = [vote(keys[0], "left"), vote(keys[1], "right"), vote(keys[2], "left")]

    overall = {each["cell"]: each for each in human(asked(keys, said))["win_rates"]["overall"]}

    assert overall[0]["win_rate"]["value"] == pytest.approx((0.5 + 1) / 2)
    assert overall[1]["win_rate"]["value"] == 0
    assert overall[2]["win_rate"]["value"] == 1
    assert [overall[0][name] for name in ("wins", "ties", "losses")] == [2, 0, 1]


def test_cases_that_were_chosen_more_often_weigh_less():
    keys = [pair(f"c{n}", chance=1.0 if n < 10 else 0.25) for n in range(20)]
    said = [vote(key, "left" if n < 10 else "right") for n, key in enumerate(keys)]

    found = human(asked(keys, said))

    expected = weighted_rate([1.0] * 10 + [0.0] * 10, [1.0] * 10 + [4.0] * 10)
    rate = found["win_rates"]["pairs"][0]["win_rate"]
    assert rate["value"] == pytest.approx(0.2)
    assert (rate["low"], rate["high"]) == pytest.approx((expected.low, expected.high))
    (ranking,) = found["bradley_terry"]["facets"]
    first, second = (each["rating"]["value"] for each in ranking["ratings"])
    assert first - second == pytest.approx(400 * math.log10(0.2 / 0.8))


def test_weighted_cases_that_all_say_the_same_claim_no_certainty():
    keys = [pair(f"c{n}", chance=0.5 + n / 20) for n in range(10)]

    rate = only_pair(asked(keys, [vote(key, "left") for key in keys]))["win_rate"]

    assert rate["value"] == rate["high"] == 1
    assert rate["low"] < 0.8


def test_clusters_of_cases_are_drawn_and_tested_as_one():
    groups = CaseGroups(clusters={f"c{n:04}": f"k{n // 5}" for n in range(20)}, by="customer")
    alone, together = voted(*["left"] * 20), voted(*["left"] * 20, groups=groups)

    entry = only_pair(together)

    assert entry["p"] == pytest.approx(2 * 0.5**4)
    assert only_pair(alone)["p"] == pytest.approx(2 * 0.5**20)
    assert entry["win_rate"]["low"] < only_pair(alone)["win_rate"]["low"]
    assert entry["win_rate"]["method"].endswith("clustered by customer")
    (facet,) = human(together)["bradley_terry"]["facets"]
    assert facet["ratings"][0]["rating"]["n"] == 4
    assert "bootstrap by customer" in facet["ratings"][0]["rating"]["method"]


def test_slices_have_win_rates_and_a_ranking_where_there_are_enough_cases():
    members = {"mail": frozenset(f"c{n:04}" for n in range(12)), "chat": frozenset({"c0012"})}
    members["fax"] = frozenset({"nobody was asked about it"})
    groups = CaseGroups(slices={"channel": members})

    found = human(voted(*["left", "right"] * 6, "left", groups=groups))

    slices = found["win_rates"]["slices"]["channel"]
    assert list(slices) == ["mail", "chat"]
    assert [each["win_rate"]["value"] for each in slices["mail"]] == [0.5, 0.5]
    assert [each["win_rate"]["value"] for each in slices["chat"]] == [1, 0]
    (facet,) = found["bradley_terry"]["facets"]
    assert list(facet["slices"]["channel"]) == ["mail"]
    assert [each["cell"] for each in facet["slices"]["channel"]["mail"]] == [0, 1]


def test_one_that_never_lost_needs_a_prior():
    (facet,) = human(voted("left", "left", "tie"))["bradley_terry"]["facets"]
    (other,) = human(voted("left", "left"))["bradley_terry"]["facets"]

    assert (facet["needs_prior"], other["needs_prior"]) == (False, True)


# --- votes for nothing ----------------------------------------


def test_votes_for_other_tasks_are_counted_and_not_scored():
    key, single = pair("c0"), rated("c1")
    said = [
        vote(key, "left"),
        vote(key, "right", task_id="of another export"),
        vote(key, "right", rater="bob"),
        rating(key, "polite", 1.0),
        vote(single, "left"),
        rating(single, "rude", 1.0),
    ]
    tasks = {single.task_id: ("polite",)}

    found = human(asked([key, single], said, criteria=tasks), broken_lines=[3])

    assert (found["unknown_votes"], found["broken_lines"]) == (5, [3])
    assert counts(found["win_rates"]["pairs"][0]) == (1, 0, 0, 0)
    assert (found["n_answered"], found["kind"], found["ratings"]) == (1, "both", [])


def test_tasks_of_cells_that_the_run_lacks_are_nobodys():
    key = pair("c0", left=0, right=9)

    found = human(asked([key], [vote(key, "left")]))

    assert (found["n_tasks"], found["unknown_votes"]) == (0, 1)


def test_without_a_vote_everything_is_unknown():
    found = human(asked([pair("c0")], []))

    nothing = ("agreement", "self_consistency", "side_bias", "seconds")
    assert (found["n_answered"], found["n_raters"]) == (0, 0)
    assert [found[name] for name in nothing] == [None] * 4
    assert found["win_rates"] == {"overall": [], "pairs": [], "slices": {}}
    assert found["raters"][0]["with_others"]["value"] is None


def test_one_vote_has_no_interval():
    rate = only_pair(voted("left"))["win_rate"]

    assert (rate["value"], rate["low"], rate["high"], rate["n"]) == (1, None, None, 1)


# --- ratings ----------------------------------------


def test_ratings_are_shares_of_criteria_met_by_case():
    keys = [rated("c0"), rated("c0", "bob"), rated("c1")]
    criteria = {key.task_id: ("polite", "short") for key in keys}
    labels = [(1.0, 1.0), (1.0, 0.0), (0.0, None)]
    said = [
        rating(key, name, label)
        for key, given_labels in zip(keys, labels, strict=True)
        for name, label in zip(criteria[key.task_id], given_labels, strict=True)
    ]

    found = human(asked(keys, said, criteria=criteria))

    (entry,) = found["ratings"]
    assert (found["kind"], found["n_answered"], entry["cell"]) == ("rubric", 3, 0)
    # The case with a skipped criterion says something of the other one alone.
    assert (entry["passed"]["value"], entry["passed"]["n"]) == (0.75, 1)
    assert entry["criteria"]["polite"]["value"] == 0.5
    assert (entry["criteria"]["short"]["value"], entry["criteria"]["short"]["n"]) == (0.5, 1)


def test_an_answer_is_rated_once_all_its_criteria_are():
    key, other = rated("c0"), rated("c1")
    criteria = {key.task_id: ("polite", "short"), other.task_id: ("polite", "short")}
    said = [rating(key, "polite", 1.0)] + [
        rating(other, name, None) for name in ("polite", "short")
    ]

    found = human(asked([key, other], said, criteria=criteria))

    assert (found["n_answered"], found["raters"][0]["n_skipped"]) == (0, 1)
    assert found["ratings"][0]["passed"]["value"] is None


# --- properties ----------------------------------------


@given(
    st.lists(
        st.tuples(st.integers(0, 5), st.sampled_from(["ann", "bob"]), st.sampled_from(CHOICES)),
        max_size=40,
    ),
    st.randoms(use_true_random=False),
)
def test_the_order_of_other_raters_lines_changes_nothing(rows, shuffle):
    keys = {(n, rater): pair(f"c{n}", rater) for n in range(6) for rater in ("ann", "bob")}
    said = [vote(keys[n, rater], choice) for n, rater, choice in rows]
    last = list({each.task_id: each for each in said}.values())
    shuffle.shuffle(last)

    assert human(asked(list(keys.values()), said)) == human(asked(list(keys.values()), last))


def test_swapping_every_task_changes_nothing_but_the_sides():
    rng = random.Random(3)
    choices = [rng.choice(CHOICES[:4]) for _ in range(30)]
    turned = {"left": "right", "right": "left"}
    keys = [pair(f"c{n:04}", left=1, right=0) for n in range(30)]

    straight = human(voted(*choices))
    swapped = human(
        asked(keys, [vote(key, turned.get(c, c)) for key, c in zip(keys, choices, strict=True)])
    )

    assert straight["win_rates"] == swapped["win_rates"]
    assert straight["bradley_terry"] == swapped["bradley_terry"]
    assert straight["side_bias"]["left"]["value"] == pytest.approx(
        1 - swapped["side_bias"]["left"]["value"]
    )


def test_a_plain_sample_is_the_mean_of_its_outcomes():
    outcomes = [1.0] * 7 + [0.5] * 2 + [0.0] * 3
    words = {1.0: "left", 0.5: "tie", 0.0: "right"}

    rate = only_pair(voted(*(words[each] for each in outcomes)))["win_rate"]

    expected = win_rate(outcomes)
    assert (rate["value"], rate["low"], rate["high"]) == pytest.approx(
        (expected.value, expected.low, expected.high)
    )
