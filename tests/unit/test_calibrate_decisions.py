"""What labels of people do to flags and to the choice."""

from dataclasses import asdict

import pytest
import summaries
from facets import cell, facet

from evalrunner.decide import Needs, corrected_choice
from evalrunner.flags import find_flags
from evalrunner.types import Estimate


def estimate(value, half=0.03, n=100):
    return asdict(Estimate(value=value, low=value - half, high=value + half, n=n, method="PPI++"))


def entry(number, corrected, **changes):
    values = {
        "cell": number,
        "corrected": None if corrected is None else estimate(corrected),
        "n_labels": 100,
        "refused": None if corrected is not None else "too few labels: it needs 5 more",
    }
    return values | changes


def pair(a, b, value, half, conclusion="cannot_tell"):
    return {"a": a, "b": b, "corrected": estimate(value, half), "conclusion": conclusion}


@pytest.fixture
def two():
    """By its judge the dear one is far better."""
    return facet([cell(0, "cheap", [0.0, 1] * 50, 0.1), cell(1, "dear", [1.0] * 100, 5)])


NEEDS = Needs(margin=0.02)


def chosen(two, *, corrected=(0.9, 0.9), difference=(0.0, 0.01), raw=1, needs=NEEDS, **pairs):
    return corrected_choice(
        two,
        needs,
        raw=raw,
        entries=[entry(number, value) for number, value in enumerate(corrected)],
        comparisons=pairs.get("comparisons", [pair(0, 1, *difference)]),
    )


def test_cheapest_within_the_margin_of_the_best_is_chosen_by_corrected_differences(two):
    found = chosen(two, corrected=(0.895, 0.9))

    assert (found["cell"], found["is_same"]) == (0, False)
    assert found["because"].startswith("Use cheap: $0.10 per 1,000 requests, corrected quality")
    assert "not worse than dear by more than 2 points" in found["because"]


def test_best_that_is_the_cheapest_is_said_to_be_both(two):
    assert "the best and the cheapest" in chosen(two)["because"]


def test_choice_that_labels_confirm_is_the_same(two):
    found = chosen(two, corrected=(0.6, 0.9), comparisons=[pair(0, 1, -0.3, 0.05, "worse")])

    assert (found["cell"], found["is_same"]) == (1, True)
    assert "the best, every cheaper one is worse" in found["because"]


def test_difference_that_labels_leave_open_chooses_nothing(two):
    found = chosen(two, corrected=(0.88, 0.9), difference=(-0.02, 0.05))

    assert (found["cell"], found["is_same"]) == (None, False)
    assert found["because"].startswith("No recommendation by corrected scores: these 100 cases")


def test_pair_without_a_corrected_difference_is_open(two):
    assert chosen(two, corrected=(0.88, 0.9), comparisons=[])["cell"] is None


def test_cell_without_a_corrected_score_may_be_the_best(two):
    found = chosen(two, corrected=(0.9, None))

    assert found["cell"] is None
    assert "dear has none (too few labels: it needs 5 more)" in found["because"]


def test_floor_holds_for_the_corrected_score(two):
    needs = Needs(margin=0.02, quality_floor=0.85)

    assert chosen(two, corrected=(0.87, 0.9), needs=needs)["cell"] == 1


def test_without_labels_nothing_is_said(two):
    entries = [entry(number, None, n_labels=0) for number in (0, 1)]

    assert corrected_choice(two, NEEDS, raw=0, entries=entries, comparisons=[]) is None


def test_single_candidate_leaves_no_choice():
    alone = facet([cell(0, "only", [1.0] * 100, 1)])

    found = corrected_choice(alone, NEEDS, raw=None, entries=[entry(0, 0.9)], comparisons=[])

    assert found is None


def test_limits_that_no_candidate_keeps_leave_nothing_to_choose(two):
    found = chosen(two, needs=Needs(margin=0.02, require={"exact_match": 1.0}))

    assert found["cell"] is None
    assert "no candidate keeps" in found["because"]


def test_without_a_known_price_nothing_is_chosen():
    free = facet([cell(n, f"m{n}", [1.0] * 100, None) for n in (0, 1)])

    assert "no candidate has a known price" in chosen(free)["because"]


# --- flags ----------------------------------------


def summary(
    *,
    inflation=(0.1, 0.03),
    p=0.001,
    percent=(0.8, 0.03),
    single=(0.8, 0.03),
    kappa=(0.6, 0.1),
    **calibrated,
):
    """The summary of a run whose people have spoken."""
    pooled = {
        "facet": 0,
        "judge": "strict",
        "scorer": "rubric",
        "member": None,
        "cell": None,
        "n_labels": 100,
        "inflation": estimate(*inflation),
        "inflation_p": p,
        "percent": estimate(*percent),
        "with_one_rater": estimate(*single),
        "kappa": estimate(*kappa),
    }
    return summaries.summary(
        *(summaries.cell(n, 80) for n in range(3)),
        comparisons=[summaries.compared(0, 1, 0.0, 0.1)],
        calibration=[pooled],
        calibrated={"ceiling": None, "uneven": []} | calibrated,
    )


def uneven(a, b, value, p, *, is_uneven=True):
    return {
        "facet": 0,
        "judge": "strict",
        "scorer": "rubric",
        "a": a,
        "b": b,
        "difference": estimate(value),
        "p": p,
        "p_adjusted": p,
        "is_uneven": is_uneven,
    }


@pytest.mark.parametrize(
    ("changes", "which"),
    [
        ({}, "higher"),
        ({"inflation": (-0.1, 0.03)}, "lower"),
        ({"p": 0.2}, None),
        ({"inflation": (0.015, 0.01)}, None),
        ({"p": None}, None),
    ],
)
def test_scores_beyond_the_margin_above_or_below_people_are_inflated(changes, which):
    flags = find_flags(summary(**changes))

    said = [flag["message"] for flag in flags if flag["code"] == "judge_inflation"]
    assert [f"scores {which} than people" in each for each in said] == ([True] if which else [])


def test_scorer_without_a_judge_is_called_a_scorer():
    changed = summary()
    changed["calibration"][0]["judge"] = "rubric"

    assert find_flags(changed)[0]["message"].startswith("scorer rubric scores higher")


def test_errors_that_favour_one_cell_are_a_red_flag():
    pairs = [
        uneven(0, 1, -0.2, 0.01),
        uneven(0, 2, 0.1, 0.04),
        uneven(1, 2, 0.01, 0.9, is_uneven=False),
    ]

    (flag,) = [f for f in find_flags(summary(uneven=pairs)) if f["code"] == "judge_uneven"]

    assert flag["severity"] == "red"
    assert "is kinder to m1 than to m0 by 20.0 points" in flag["message"]
    assert "likewise 1 other pair" in flag["message"]
    assert flag["evidence"]["facet"] == 0


@pytest.mark.parametrize(
    ("percent", "single", "kappa", "ceiling", "severity"),
    [
        ((0.9, 0.03), (0.7, 0.03), (0.4, 0.1), (0.9, 0.03), "yellow"),
        ((0.7, 0.03), (0.88, 0.03), (0.4, 0.1), (0.9, 0.03), None),
        ((0.7, 0.03), (0.7, 0.03), (0.4, 0.1), None, None),
        ((0.2, 0.03), (0.3, 0.03), (-0.6, 0.1), None, "red"),
    ],
)
def test_judge_below_the_agreement_of_people_or_chance_is_misaligned(
    percent, single, kappa, ceiling, severity
):
    """People agree with each other as single raters do: so must the judge, to be compared."""
    people = None if ceiling is None else {"percent": estimate(*ceiling)}

    flags = find_flags(summary(percent=percent, single=single, kappa=kappa, ceiling=people))

    assert [f["severity"] for f in flags if f["code"] == "judge_misaligned"] == (
        [severity] if severity else []
    )


def test_run_of_before_there_was_calibration_has_no_flag_of_it():
    old = {key: value for key, value in summary().items() if not key.startswith("calibrat")}

    assert not [flag for flag in find_flags(old) if flag["code"].startswith("judge_")]
