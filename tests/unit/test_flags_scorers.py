"""Flags about scores that hang on the scorer, on how answers are read, or on no answer at all."""

import json

import pytest
from runs import new_run, project, trial, write_journal
from summaries import canary, cell, flags, rate, summary

from evalrunner.flags.scorers import constant_answer
from evalrunner.report import build_report


def two_scores(number, right, other, n=400, *, name="rubric"):
    return cell(number, right, n, scores={name: rate(other, n)})


# --- one metric ----------------------------------------


def test_scores_that_name_different_winners_are_told():
    (flag,) = flags("single_metric", two_scores(0, 350, 200), two_scores(1, 280, 300))

    assert flag["severity"] == "yellow"
    assert flag["evidence"]["cells"] == [0, 1]
    assert "by exact_match m0 is better (87.5 % against 70.0 %)" in flag["message"]
    assert "by rubric m1 (75.0 % against 50.0 %)" in flag["message"]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ((350, 200), (280, 210)),  # the second difference is within its noise
        ((300, 200), (295, 300)),  # the first one is
        ((350, 300), (280, 200)),  # both name the same winner
    ],
)
def test_scores_that_agree_or_cannot_tell_are_not(first, second):
    assert flags("single_metric", two_scores(0, *first), two_scores(1, *second)) == []


def test_scores_without_bounds_cannot_tell():
    unknown = {"rubric": rate(200, 400) | {"low": None, "high": None}}

    assert flags("single_metric", cell(0, 350, 400, scores=unknown), two_scores(1, 280, 300)) == []


def test_many_pairs_are_many_chances():
    """A reversal that two cells would show is luck among forty."""
    pair = two_scores(0, 330, 270), two_scores(1, 305, 297)
    alike = [two_scores(n, 318, 284) for n in range(2, 40)]

    assert flags("single_metric", *pair)
    assert flags("single_metric", *pair, *alike) == []


def test_one_field_of_an_answer_is_no_score_of_its_own():
    cells = [
        two_scores(0, 350, 200, name="json_fields.city"),
        two_scores(1, 280, 300, name="json_fields.city"),
    ]

    assert flags("single_metric", *cells) == []


def test_f1_is_another_score():
    cells = [
        two_scores(0, 350, 200, name="labels.macro_f1"),
        two_scores(1, 280, 300, name="labels.macro_f1"),
    ]

    assert len(flags("single_metric", *cells)) == 1


# --- canaries ----------------------------------------


def test_canary_above_every_candidate_is_red():
    """Trap 9: a constant answer wins."""
    (flag,) = flags("constant_answer", cell(0, 40), cell(1, 60), canary(2, 15))

    assert (flag["severity"], flag["cell"]) == ("red", 2)
    assert (
        "canary:constant, whose answers should fail, reaches 75.0 % on 20 cases"
        in (flag["message"])
    )


def test_answer_to_another_case_is_not_told_as_a_constant():
    (other,) = flags(
        "constant_answer", cell(0, 60), canary(1, 15) | {"label": "canary:other_answer"}
    )

    assert "another target" in other["remedy"]
    assert "balance the classes" not in other["remedy"]


def test_canary_near_the_best_is_yellow():
    (flag,) = flags("constant_answer", cell(0, 90), canary(1, 16))

    assert flag["severity"] == "yellow"
    assert "and m0 90.0 %: it is not far above" in flag["message"]


@pytest.mark.parametrize("right", [0, 1, 6])
def test_canary_far_below_is_as_it_should_be(right):
    assert flags("constant_answer", cell(0, 90), canary(1, right)) == []


def test_canaries_of_a_judge_are_told_as_inflation_alone():
    plain = canary(1, 15)
    judged = plain | {"judging": {"exact_match": {}}}

    assert list(constant_answer(summary(cell(0, 40), judged))) == []
    assert list(constant_answer(summary(cell(0, 40), plain))) != []


def test_where_nothing_is_right_no_canary_is_to_blame():
    assert flags("constant_answer", cell(0, 0), canary(1, 15)) == []


# --- extraction, through the report ----------------------------------------


def read_twice(root, answers, *overrides, target="20", scorer="numeric"):
    """What a report says of these answers, each a (text, value, label) of one case."""
    cases = [{"id": f"c{n}", "input": "?", "expected_output": target} for n in range(len(answers))]
    directory = new_run(project(root, cases=cases), f"scorer={scorer}", *overrides)
    records = []
    for case, (text, value, label) in enumerate(answers):
        score = {"value": value, "reason": None, "label": label, "criteria": [], "cost_usd": None}
        records.append(trial(0, case, scores={scorer: score}, output=text))
    found = build_report(write_journal(directory, records), figures=False)
    return found["extraction"], [f for f in found["flags"] if f["code"] == "extraction_disagrees"]


PLAIN = ("It makes 20 dollars.", 1.0, "20")
CENTS = ("It makes $20.00", 1.0, "20.00")


def test_amounts_that_a_simpler_reading_gets_wrong_are_told(tmp_path):
    """Trap 2: "$20.00" read as 0."""
    (entry,), (flag,) = read_twice(tmp_path, [PLAIN] * 6 + [CENTS] * 4)

    assert (entry["cell"], entry["scorer"], entry["n"], entry["n_disagree"]) == (
        0,
        "numeric",
        10,
        4,
    )
    assert entry["cases"] == ["c6", "c7", "c8", "c9"]
    assert entry["value"]["value"] == pytest.approx(0.6)
    assert flag["severity"] == "yellow"
    assert "4 of 10 answers" in flag["message"]
    assert "60.0 %, not 100.0 %" in flag["message"]
    assert json.loads(json.dumps(flag, allow_nan=False)) == flag


def test_readings_that_agree_raise_nothing(tmp_path):
    answers = [
        PLAIN,
        ("about 1,020", 0.0, "1020"),
        ("nothing here", 0.0, None),
        ("−5 or -20", 0.0, "-20"),
        ("20,", 1.0, "20"),
    ]

    (entry,), raised = read_twice(tmp_path, answers)

    assert (entry["n_disagree"], raised) == (0, [])


def test_two_odd_answers_are_no_trap(tmp_path):
    (entry,), raised = read_twice(tmp_path, [PLAIN] * 10 + [CENTS] * 2)

    assert (entry["n_disagree"], raised) == (2, [])


@pytest.mark.parametrize("after", ["", " " + "and nothing more" * 20])
def test_numbers_that_extract_leaves_out_are_told(tmp_path, after):
    wrong = (f"Answer: 7, so {'well ' * 40}20{after}", 0.0, "7")

    (entry,), (flag,) = read_twice(tmp_path, [wrong] * 3, r"scorer.numeric.extract='Answer: (\d+)'")

    assert entry["value"]["value"] == 1
    assert "without `extract`" in flag["message"]


@pytest.mark.parametrize(
    ("scorer", "overrides"),
    [
        ("exact_match", [r"scorer.exact_match.extract='Answer: (\w+)'"]),
        ("regex", [r"scorer.regex.extract='Answer: (\w+)'", 'scorer.regex.pattern="^yes$"']),
        ("regex", [r"scorer.regex.extract='Answer: (\w+)'"]),
    ],
)
def test_answers_that_are_found_twice_are_told(tmp_path, scorer, overrides):
    twice = ("Answer: yes. No! Answer: no", 0.0, "no")

    (entry,), (flag,) = read_twice(tmp_path, [twice] * 3, *overrides, scorer=scorer, target="yes")

    assert entry["n_disagree"] == 3
    assert "the first match of `extract`" in flag["message"]


def test_answers_that_are_found_once_are_not(tmp_path):
    once = ("Answer: yes", 1.0, "yes")
    absent = ("no idea", 0.0, None)
    overrides = [r"scorer.exact_match.extract='Answer: (\w+)'"]

    (entry,), raised = read_twice(
        tmp_path, [once] * 4 + [absent], *overrides, scorer="exact_match", target="yes"
    )

    assert (entry["n_disagree"], raised) == (0, [])


def test_scorers_that_do_not_extract_have_no_second_reading(tmp_path):
    answers = [("20", 1.0, None)]

    assert read_twice(tmp_path, answers, scorer="exact_match") == ([], [])


def test_a_runaway_answer_is_read_in_no_time(tmp_path):
    """Commas without end, which a careless expression would take the square of its length for."""
    (entry,), _ = read_twice(tmp_path, [("20" + "," * 90_000, 1.0, "20")])

    assert entry["n_disagree"] == 0
