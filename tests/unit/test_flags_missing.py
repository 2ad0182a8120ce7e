"""Flags about answers that are missing or cut."""

import pytest
from summaries import canary, cell, compared, flags, summary

from evalrunner.flags.missing import missing_results

NOTHING = {"value": None, "low": None, "high": None, "n": 0, "method": "none"}
REVERSIBLE = (
    "7 cases missing on one side could make the difference anything from −2.0 to 5.0 points"
)


def test_missing_cases_that_could_turn_the_winner_round_are_told():
    pair = compared(0, 1, 0.02, 0.01, because=REVERSIBLE)

    (flag,) = flags("missing_results", cell(0, 82), cell(1, 80), comparisons=[pair])

    assert (flag["severity"], flag["cell"]) == ("yellow", None)
    assert flag["message"] == f"which of m0 and m1 is better is open: {REVERSIBLE}"
    assert flag["evidence"]["pairs"][0]["missing"] == pair["missing"]


def test_missing_cases_of_two_losers_do_not_matter():
    pair = compared(1, 2, 0.02, 0.01, because=REVERSIBLE)
    cells = [cell(0, 95), cell(1, 50), cell(2, 52)]

    assert flags("missing_results", *cells, comparisons=[pair]) == []


@pytest.mark.parametrize("count", ["n_error", "n_skipped", "n_unscored"])
def test_candidate_that_misses_more_than_allowed_is_told(count):
    cells = [cell(0, 82), cell(1, 80, **{count: 3})]

    (flag,) = flags("missing_results", *cells)

    assert flag["cell"] == 1
    assert flag["message"] == "3.0 % of the trials of m1 have no score"
    assert ("resume" in flag["remedy"]) == (count != "n_unscored")


def test_a_candidate_of_which_nothing_is_scored_is_told_beside_others_and_alone():
    unscored = cell(1, 0, n_unscored=100, quality=NOTHING)

    (alone,) = flags("missing_results", unscored)
    (beside,) = flags("missing_results", cell(0, 82), unscored)

    assert alone["message"] == "100.0 % of the trials of m1 have no score"
    assert (alone["cell"], beside["cell"]) == (1, 1)
    assert "a scorer that failed" in alone["remedy"]


def test_candidates_that_miss_much_are_one_flag():
    cells = [cell(n, 80, n_error=3 + n) for n in range(4)]

    (flag,) = flags("missing_results", *cells)

    assert flag["cell"] is None
    assert flag["message"] == "6.0 % of the trials of m3 have no score; likewise 3 others"


def test_a_few_missing_answers_are_healthy():
    assert flags("missing_results", cell(0, 82, n_error=2), cell(1, 80)) == []


def test_what_racing_left_out_is_not_missing():
    raced = cell(1, 40, 50, n_planned=100, n_skipped=50, raced={"n_skipped": 50})

    assert flags("missing_results", cell(0, 82), raced) == []


def test_verdicts_that_failed_are_told_as_failures_of_the_judge_alone():
    plain = cell(0, 80, n_unscored=10)
    judged = plain | {"judging": {"exact_match": {}}}

    assert list(missing_results(summary(judged))) == []
    assert list(missing_results(summary(plain))) != []


def test_answers_cut_at_the_limit_are_told():
    (flag,) = flags("truncated_outputs", cell(0, 80, n_ok=88, n_truncated=12), cell(1, 90))

    assert flag["cell"] == 0
    assert "12 of 100 answers of m0 (12.0 %) are cut at max_output_tokens" in flag["message"]
    assert "model.max_output_tokens" in flag["remedy"]


def test_the_worst_of_several_is_named():
    cells = [cell(n, 80, n_ok=90 - n, n_truncated=10 + n) for n in range(3)]

    (flag,) = flags("truncated_outputs", *cells)

    assert flag["cell"] is None
    assert flag["message"].startswith("12 of 100 answers of m2")
    assert "likewise 2 others" in flag["message"]


def test_one_long_answer_and_canaries_are_not():
    cut = canary(1, 0, n_ok=0, n_truncated=20)

    assert flags("truncated_outputs", cell(0, 80, n_ok=99, n_truncated=1), cut) == []
