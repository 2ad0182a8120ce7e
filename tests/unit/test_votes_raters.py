"""What the votes say of the raters: agreement, constancy, sides, time, and who stands apart."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from ballots import asked, pair, rated, rating, vote, voted

from evalrunner.stats import cohen_kappa, gwet_ac1, krippendorff_alpha
from evalrunner.votes import CaseGroups, human_json

CASES = {
    case["id"]: case
    for case in json.loads((Path(__file__).parent / "golden" / "stat_cases.json").read_bytes())[
        "cases"
    ]
}
RATERS = ("ann", "bob", "cleo", "dan")


def human(found, **judges):
    return human_json(found, judges=judges.get("judges", {}))


def rater(found, name):
    return next(each for each in found["raters"] if each["rater"] == name)


def votes_of(table, **changes):
    """Votes of several raters: a row of choices for each; None = no vote."""
    keys, said = [], []
    for name, choices in zip(RATERS, table, strict=False):
        for n, choice in enumerate(choices):
            keys.append(pair(f"c{n:04}", name))
            said += [] if choice is None else [vote(keys[-1], choice)]
    return asked(keys, said, **changes)


def table_of(counts, words):
    """Two raters' choices with these counts by the first's (rows) and the second's (columns)."""
    found = [
        (words[a], words[b])
        for a, row in enumerate(counts)
        for b, n in enumerate(row)
        for _ in range(n)
    ]
    return list(zip(*found, strict=True))


# --- agreement ----------------------------------------


def test_kappa_and_ac1_of_two_raters_are_the_golden_ones():
    """Rated criteria have two categories, as the table of the paradox."""
    case = CASES["kappa_paradox"]
    table = table_of(case["inputs"]["table"], (1.0, 0.0))
    keys = [[rated(f"c{n}", name) for n in range(125)] for name in ("ann", "bob")]
    said = [
        rating(key, "polite", label)
        for own, labels in zip(keys, table, strict=True)
        for key, label in zip(own, labels, strict=True)
    ]
    flat = [key for own in keys for key in own]

    found = human(asked(flat, said, criteria={key.task_id: ("polite",) for key in flat}))

    agreement, expected = found["agreement"], case["expected"]
    assert agreement["percent"]["value"] == pytest.approx(expected["percent"])
    assert agreement["kappa"]["value"] == pytest.approx(expected["cohen"])
    assert agreement["ac1"]["value"] == pytest.approx(expected["gwet_ac1"])
    assert agreement["alpha"]["value"] == pytest.approx(expected["krippendorff"])
    assert agreement["ac1"]["low"] < expected["gwet_ac1"] < agreement["ac1"]["high"]


def test_alpha_is_the_textbook_one_whatever_the_labels_are():
    case = CASES["krippendorff_textbook"]
    keys, said = [], []
    for name, labels in zip(RATERS, case["inputs"]["reliability_data"], strict=True):
        for n, label in enumerate(labels):
            keys.append(rated(f"c{n:02}", name))
            said += [] if label is None else [rating(keys[-1], "good", label / 5)]

    found = human(asked(keys, said, criteria={key.task_id: ("good",) for key in keys}))

    assert found["agreement"]["alpha"]["value"] == pytest.approx(0.743421, abs=1e-6)
    assert found["agreement"]["percent"]["value"] == pytest.approx(
        case["expected"]["percent_agreement"]
    )
    assert (found["agreement"]["n_raters"], found["agreement"]["kappa"]) == (4, None)


def test_agreement_on_pairs_has_three_categories_and_both_bad_is_a_tie():
    words = ("left", "right", "tie")
    first, second = table_of([[10, 2, 1], [1, 9, 2], [0, 1, 4]], words)
    second = ["both_bad" if each == "tie" else each for each in second]

    found = human(votes_of([first, second]))["agreement"]

    codes = {"left": 1.0, "right": 0.0, "tie": 0.5, "both_bad": 0.5}
    matrix = np.array([[codes[each] for each in row] for row in (first, second)])
    rng = np.random.default_rng(0)
    assert found["kappa"]["value"] == pytest.approx(
        cohen_kappa([[10, 2, 1], [1, 9, 2], [0, 1, 4]]).value
    )
    assert found["alpha"]["value"] == pytest.approx(krippendorff_alpha(matrix, rng=rng).value)
    assert found["ac1"]["value"] == pytest.approx(gwet_ac1(matrix, rng=rng, n_categories=3).value)
    assert [(each["a"], each["b"]) for each in found["pairs"]] == [("ann", "bob")]


def test_raters_who_saw_a_pair_the_other_way_round_can_agree():
    keys = [pair("c0"), pair("c0", "bob", left=1, right=0)]

    found = human(asked(keys, [vote(keys[0], "left"), vote(keys[1], "right")]))

    assert found["agreement"]["percent"]["value"] == 1


def test_agreement_is_by_case_where_several_pairs_are_of_one():
    keys = [
        pair(f"c{n}", name, left=a, right=b)
        for name in ("ann", "bob")
        for n in range(6)
        for a, b in ((0, 1), (0, 2), (1, 2))
    ]
    said = [
        vote(key, "left" if key.rater == "ann" or key.case_id < "c4" else "right") for key in keys
    ]

    found = human(asked(keys, said))["agreement"]

    assert (found["percent"]["value"], found["percent"]["n"]) == (pytest.approx(2 / 3), 18)
    assert "clustered by case" in found["percent"]["method"]
    assert found["percent"]["high"] - found["percent"]["low"] > 0.6


def test_nobody_agrees_where_nobody_shares_a_question():
    keys = [pair("c0"), pair("c1", "bob")]

    found = human(asked(keys, [vote(key, "left") for key in keys]))

    assert found["agreement"] is None
    assert rater(found, "ann")["with_others"]["value"] is None


def test_agreement_of_weighted_cases_says_that_it_is_unweighted():
    keys = [pair(f"c{n}", name, chance=0.1 + n / 10) for n in range(5) for name in ("ann", "bob")]

    found = human(asked(keys, [vote(key, "left") for key in keys]))

    assert found["agreement"]["percent"]["method"].endswith("unweighted")
    assert "weighted" in found["win_rates"]["pairs"][0]["win_rate"]["method"]


# --- the same answer again ----------------------------------------


def test_copies_tell_how_constant_a_rater_is():
    keys = [pair(f"c{n}") for n in range(4)]
    again = [pair(f"c{n}", task_id=f"a{n}", copy_of=keys[n].task_id) for n in range(2)]
    turned = {"left": 1, "right": 0, "is_swapped": True}
    swapped = [
        pair(f"c{n}", task_id=f"s{n}", copy_of=keys[n].task_id, **turned) for n in range(2, 4)
    ]
    choices = ["left", "left", "left", "left", "left", "tie", "right", "left"]
    every = keys + again + swapped

    found = human(
        asked(every, [vote(key, choice) for key, choice in zip(every, choices, strict=True)])
    )

    # Always left is another answer once the sides are swapped.
    own = rater(found, "ann")
    assert [own[name]["value"] for name in ("same_again", "same_swapped")] == [0.5, 0.5]
    assert found["self_consistency"]["same"]["n"] == 2
    assert found["self_consistency"]["kappa"]["n"] == 4
    assert found["side_bias"]["left"]["n"] == 4


def test_a_copy_of_what_was_skipped_tells_nothing():
    key = pair("c0")
    copy = pair("c0", task_id="again", copy_of=key.task_id)

    found = human(asked([key, copy], [vote(key, "skip"), vote(copy, "left")]))

    assert found["self_consistency"] is None
    assert found["win_rates"]["pairs"] == []


def test_copies_of_ratings_are_compared_by_criterion():
    key = rated("c0")
    copy = rated("c0", task_id="again", copy_of=key.task_id)
    criteria = dict.fromkeys((key.task_id, copy.task_id), ("polite", "short"))
    said = [rating(each, name, 1.0) for each in (key, copy) for name in criteria[key.task_id]]
    said[-1] = rating(copy, "short", 0.0)

    found = human(asked([key, copy], said, criteria=criteria))["self_consistency"]

    assert (found["same"]["value"], found["same"]["n"]) == (0.5, 2)
    assert found["swapped"]["value"] is None


# --- sides and time ----------------------------------------


def test_side_bias_is_tested_among_decided_votes():
    found = human(voted(*["left"] * 14, *["right"] * 4, *["tie"] * 5))["side_bias"]

    assert (found["left"]["value"], found["left"]["n"]) == (pytest.approx(14 / 18), 18)
    assert found["p"] == pytest.approx(0.030884, abs=1e-6)
    assert human(voted("tie"))["side_bias"] is None


def test_time_is_that_of_answered_tasks_as_said_last():
    keys = [pair(f"c{n}") for n in range(4)]
    said = [
        vote(keys[0], "left", seconds=500),
        vote(keys[0], "left", seconds=10),
        vote(keys[1], "tie", seconds=20),
        vote(keys[2], "skip", seconds=900),
        vote(keys[3], "right"),
    ]

    found = human(asked(keys, said))

    assert found["seconds"] == {"p50": 15, "p90": pytest.approx(19), "n": 2}
    assert rater(found, "ann")["seconds"] == found["seconds"]
    assert human(voted("left"))["seconds"] is None


def test_flags_are_counted_by_rater():
    key = pair("c0")

    found = human(asked([key], [vote(key, "left", is_flagged=True)]))

    assert rater(found, "ann")["n_flagged"] == 1


# --- who stands apart ----------------------------------------


def crowd(odd, n=40):
    """Three raters who mostly agree, and a fourth."""
    rng = np.random.default_rng(7)
    truth = rng.choice(["left", "right"], n)
    good = [[t if rng.random() < 0.9 else "tie" for t in truth] for _ in range(3)]
    return [*good, [odd(n, t) for n, t in enumerate(truth)]]


def test_who_contradicts_the_others_stands_apart():
    turned = {"left": "right", "right": "left"}

    found = human(votes_of(crowd(lambda n, t: turned[t] if n % 2 else t)))

    assert [each["is_outlier"] for each in found["raters"]] == [False, False, False, True]
    because = rater(found, "dan")["because"]
    assert because.startswith("agrees with most of the others on 5")
    assert "p < 0.001" in because


def test_nobody_stands_apart_among_equals():
    rng = np.random.default_rng(11)
    fickle = [list(rng.choice(["left", "right", "tie"], 60)) for _ in range(4)]

    for table in (fickle, crowd(lambda _, t: t)):
        assert not any(each["is_outlier"] for each in human(votes_of(table))["raters"])


def test_of_two_who_disagree_neither_stands_apart():
    found = human(votes_of([["left", "right"] * 20, ["right", "left"] * 20]))

    assert [each["is_outlier"] for each in found["raters"]] == [False, False]
    assert rater(found, "ann")["with_others"]["value"] == 0


def test_false_alarms_about_equal_raters_are_rare():
    """At 95 %, of 60 crowds of equals about three have somebody who stands apart."""
    rng = np.random.default_rng(5)
    crowds = [
        [list(rng.choice(["left", "right", "tie"], 25, p=[0.5, 0.2, 0.3])) for _ in range(3)]
        for _ in range(60)
    ]

    apart = [
        any("agrees" in (each["because"] or "") for each in human(votes_of(table))["raters"])
        for table in crowds
    ]

    assert sum(apart) <= 8


def test_who_always_votes_one_side_stands_apart():
    found = human(voted(*["right"] * 19, "left"))

    because = rater(found, "ann")["because"]
    assert because == "chose the right in 95 % of 20 decided votes (p < 0.001)"
    assert rater(human(voted(*["left"] * 5)), "ann")["because"] is None


def test_a_rater_with_many_answers_on_one_side_but_not_nearly_all_does_not():
    assert rater(human(voted(*["left"] * 80, *["right"] * 20)), "ann")["because"] is None


def test_who_is_faster_than_reading_stands_apart():
    keys = [pair(f"c{n}", name) for name in ("ann", "bob") for n in range(10)]
    said = [
        vote(key, "left" if n % 2 else "right", seconds=3 if key.rater == "ann" else 20)
        for n, key in enumerate(keys)
    ]
    lengths = {key.task_id: 2000 for key in keys}

    found = human(asked(keys, said, lengths=lengths))

    assert rater(found, "ann")["because"] == (
        "was faster than anybody reads in 10 of 10 tasks (p = 0.004)"
    )
    assert rater(found, "bob")["because"] is None


def test_short_outputs_may_be_judged_fast_but_not_at_once():
    keys = [pair(f"c{n}") for n in range(10)]

    quick, instant = (
        human(
            asked(
                keys, [vote(key, ("left", "right")[n % 2], seconds=s) for n, key in enumerate(keys)]
            )
        )
        for s in (0.6, 0.4)
    )

    assert rater(quick, "ann")["because"] is None
    assert "faster than anybody reads" in rater(instant, "ann")["because"]


def test_raters_are_told_apart_by_case_not_by_pair():
    """Twenty pairs of one case are one piece of evidence."""
    keys = [
        pair("c0", name, left=a, right=b, task_id=f"{name} {a} {b} {r}", left_repeat=r)
        for name in RATERS
        for a, b in ((0, 1), (0, 2), (1, 2))
        for r in range(7)
    ]
    said = [vote(key, "right" if key.rater == "dan" else "left") for key in keys]

    found = human(asked(keys, said))

    assert rater(found, "dan")["with_others"]["value"] == 0
    assert "agrees" not in rater(found, "dan")["because"]


# --- judges ----------------------------------------


def test_a_judge_is_held_to_the_majority_of_raters():
    """Of five cases it has no verdict on one, and raters are divided on another."""
    table = [
        ["left", "left", "right", "left", "left"],
        ["left", "left", "right", "right", "tie"],
        ["right", "left", "right", None, None],
    ]
    said = {"c0000": 1.0, "c0001": 0.0, "c0002": 0.0, "c0003": 0.5, "c0004": None}
    judge = {0: ("strict", "rubric", lambda question: said[question.case_id])}

    (found,) = human(votes_of(table), judges=judge)["judges"]

    assert (found["facet"], found["judge"], found["scorer"]) == (0, "strict", "rubric")
    assert (found["n"], found["n_divided"]) == (3, 1)
    assert found["percent"]["value"] == pytest.approx(2 / 3)
    assert found["kappa"]["value"] == pytest.approx(cohen_kappa([[1, 1], [0, 1]]).value)


def test_a_judge_without_a_verdict_on_any_pair_is_left_out():
    judge = {0: ("strict", "rubric", lambda _: None)}

    assert human(votes_of([["left"]]), judges=judge)["judges"] == []


def test_clusters_of_raters_questions_are_the_datasets_field():
    groups = CaseGroups(clusters={f"c{n:04}": f"k{n // 10}" for n in range(20)}, by="customer")

    found = human(votes_of([["left"] * 20, ["left"] * 10 + ["right"] * 10], groups=groups))

    assert "clustered by customer" in found["agreement"]["percent"]["method"]
