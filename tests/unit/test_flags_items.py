"""Flags about test sets that are too easy or too hard, and about labels that models contradict."""

import json

import pytest
from runs import CASES, MODELS, new_run, project, trial, write_journal
from summaries import cell, flags, graded

from evalrunner.report import build_report

N_MODELS = 12


def items(**changes):
    empty = {"n": 0, "cases": []}
    found = {
        "facet": 0,
        "n_cells": 2,
        "everyone_passes": empty,
        "nobody_passes": empty,
        "n_agree_against": 0,
        "suspects": [],
        "reliability": None,
    }
    return [found | changes]


# --- too easy ----------------------------------------


def test_best_model_at_the_ceiling_is_told_with_the_cases_that_everyone_passes():
    passed = {"n": 2, "cases": ["c1", "c2"]}

    (flag,) = flags("too_easy", cell(0, 70), cell(1, 98), items=items(everyone_passes=passed))

    assert (flag["severity"], flag["cell"]) == ("yellow", 1)
    assert flag["evidence"]["everyone_passes"] == passed
    assert "m1 reaches 98.0 % on 100 cases (truly 95 % or more" in flag["message"]
    assert flag["evidence"]["probability_of_95_percent"] == pytest.approx(0.926, abs=0.01)
    assert "every candidate passes 2" in flag["message"]


def test_no_better_model_could_be_told_from_one_that_fails_less_than_six():
    """Trap 13: with f failures the best possible p is 2^(1 - f)."""
    (few,) = flags("too_easy", cell(0, 95))
    (enough,) = flags("too_easy", cell(0, 494, 500))

    assert "with 5 failures no better model can be told from it, which takes 6" in few["message"]
    assert few["evidence"]["best_possible_p"] == pytest.approx(2**-4)
    assert "no better model" not in enough["message"]
    assert enough["evidence"]["best_possible_p"] is None


def test_graded_scores_have_no_bound_by_failures():
    score = graded([0.9, 1.0] * 50)

    (flag,) = flags("too_easy", cell(0, 95, scores={"exact_match": score | {"value": 0.96}}))

    assert "no better model" not in flag["message"]


@pytest.mark.parametrize(("right", "n"), [(90, 100), (94, 100), (465, 500), (8, 8)])
def test_a_set_with_room_or_of_a_few_cases_is_not_too_easy(right, n):
    assert flags("too_easy", cell(0, right, n)) == []


# --- too hard ----------------------------------------


def test_a_run_in_which_nothing_is_right_is_red():
    (flag,) = flags("too_hard", cell(0, 0), cell(1, 0))

    assert flag["severity"] == "red"
    assert flag["evidence"]["facet"] == 0  # It keeps this facet from a recommendation.
    assert "no candidate passes more than 0.0 % of 100 cases" in flag["message"]


def test_a_large_part_that_nobody_passes_is_told():
    nobody = {"n": 30, "cases": ["c1"]}

    (flag,) = flags("too_hard", cell(0, 60), cell(1, 50), items=items(nobody_passes=nobody))

    assert flag["severity"] == "yellow"
    assert "30 of 100 cases are passed by none of 2 candidates" in flag["message"]


def test_some_hard_cases_are_healthy():
    nobody = {"n": 8, "cases": ["c1"]}

    assert flags("too_hard", cell(0, 60), cell(1, 50), items=items(nobody_passes=nobody)) == []
    assert flags("too_hard", cell(0, 0, 5)) == []


def test_what_one_model_fails_is_not_what_nobody_can():
    nobody = {"n": 40, "cases": ["c1"]}

    assert flags("too_hard", cell(0, 60), items=items(nobody_passes=nobody)) == []


# --- suspect labels, through the report ----------------------------------------


def report(root, said, *, n_cases, models=("luna", "opus", "echo"), repeats=1):
    """A run in which `said(model, case, repeat)` is what each model answers; "right" is right."""
    cases = [{"id": f"c{n}", "input": "?", "expected_output": "right"} for n in range(n_cases)]
    # Functions stand for models, so that a run may have as many as it takes.
    made = "".join(
        f"\n@evalrunner.model\ndef {name}(prompt):\n    return prompt\n" for name in models
    )
    files = {
        f"conf/model/{name}.yaml": f"provider: python\nfunction: models.py:{name}\n"
        for name in models
    }
    project(root, {"models.py": MODELS + made} | files, cases=cases)
    directory = new_run(root, f"model={','.join(models)}", f"run.repeats={repeats}")
    records = []
    for place in range(len(models)):
        for case in range(n_cases):
            for repeat in range(repeats):
                text = said(place, case, repeat)
                value = float(text == "right")
                records.append(trial(place, case, repeat, value=value, output=text))
    found = build_report(write_journal(directory, records), figures=False)
    return found["items"][0], [f for f in found["flags"] if f["code"] == "suspect_label"]


def test_label_that_all_strong_models_contradict_is_suspect(tmp_path):
    facts, (flag,) = report(
        tmp_path, lambda _, case, __: "other" if case == 7 else "right", n_cases=12
    )

    assert facts["nobody_passes"] == {"n": 1, "cases": ["c7"]}
    assert facts["everyone_passes"]["n"] == 11
    (suspect,) = facts["suspects"]
    assert suspect["case_id"] == "c7"
    assert suspect["agree"] == {"answer": "other", "n_models": 3}
    assert "on 1 case the 3 strongest models give one and the same answer" in flag["message"]
    assert "c7: “other”" in flag["message"]


def test_two_models_suffice_where_there_are_just_two(tmp_path):
    facts, (flag,) = report(
        tmp_path,
        lambda _, case, __: "other" if case == 7 else "right",
        n_cases=12,
        models=("luna", "opus"),
    )

    assert facts["suspects"][0]["agree"] == {"answer": "other", "n_models": 2}
    assert flag["remedy"].startswith("see whether the answers were read rightly")


def test_two_strong_models_of_three_suspect_nothing(tmp_path):
    facts, _ = report(
        tmp_path,
        lambda model, case, _: "right" if case != 7 and (model < 2 or case < 3) else "other",
        n_cases=12,
    )

    assert facts["suspects"] == []


@pytest.mark.parametrize(
    ("said", "suspects"), [("160 red roses by 5 pm", []), ("150 red roses by 5 pm", ["c7"])]
)
def test_a_number_that_stands_in_the_answer_was_perhaps_misread(tmp_path, said, suspects):
    cases = [{"id": f"c{n}", "input": "?", "expected_output": "160"} for n in range(12)]
    directory = new_run(
        project(tmp_path, cases=cases),
        "model=echo,luna",
        "scorer=numeric",
        environ={"OPENAI_API_KEY": "sk-proj-0123456789abcdef"},
    )
    records = []
    for place in range(2):
        for case in range(12):
            label, text = ("5", said) if case == 7 else ("160", "160")
            score = {"value": float(case != 7), "reason": None, "label": label, "criteria": []}
            scores = {"numeric": score | {"cost_usd": None}}
            records.append(trial(place, case, scores=scores, output=text))

    found = build_report(write_journal(directory, records), figures=False)

    assert [each["case_id"] for each in found["items"][0]["suspects"]] == suspects


def test_models_that_fail_in_different_ways_suspect_nothing(tmp_path):
    facts, raised = report(
        tmp_path, lambda model, case, _: f"other {model}" if case == 7 else "right", n_cases=12
    )

    assert facts["nobody_passes"]["cases"] == ["c7"]
    assert (facts["suspects"], raised) == ([], [])


def test_an_answer_that_changes_with_the_repeat_suspects_nothing(tmp_path):
    facts, _ = report(
        tmp_path,
        lambda _, case, repeat: f"other {repeat}" if case == 7 else "right",
        n_cases=12,
        repeats=2,
    )

    assert facts["suspects"] == []


def test_weak_models_are_no_witnesses(tmp_path):
    facts, raised = report(
        tmp_path, lambda _, case, __: "other" if case < 7 else "right", n_cases=12
    )

    assert facts["nobody_passes"]["n"] == 7
    assert (facts["suspects"], raised) == ([], [])


def graded_by_strength(model, case, *, reversed_case=None):
    """Model m passes the cases below a threshold that rises with it; one case is turned round."""
    if case == reversed_case:
        return "right" if model < N_MODELS / 2 else f"other {model}"
    return "right" if case % 15 < 2 + model else f"other {model}"


@pytest.mark.parametrize(("reversed_case", "suspects"), [(29, ["c29"]), (None, [])])
def test_case_that_weak_models_pass_and_strong_ones_fail_is_suspect(
    tmp_path, reversed_case, suspects
):
    facts, raised = report(
        tmp_path,
        lambda model, case, _: graded_by_strength(model, case, reversed_case=reversed_case),
        n_cases=30,
        models=[f"m{n:02}" for n in range(N_MODELS)],
    )

    assert [each["case_id"] for each in facts["suspects"]] == suspects
    assert all(each["item_rest"] < -0.5 and each["agree"] is None for each in facts["suspects"])
    assert len(raised) == len(suspects)


def test_luck_of_three_models_reverses_no_label(tmp_path):
    """A case that only the weakest passes has a negative correlation, by luck one time in three."""
    facts, _ = report(
        tmp_path,
        lambda model, case, _: "right" if (case + model) % (2 + model) else f"other {model}",
        n_cases=30,
    )

    assert facts["suspects"] == []


def test_f1_as_quality_goes_by_the_right_answers(tmp_path):
    cases = [{"id": f"c{n}", "input": "?", "expected_output": "ab"[n % 2]} for n in range(12)]
    directory = new_run(
        project(tmp_path, cases=cases), "scorer=labels", "run.quality=labels.macro_f1"
    )
    records = []
    for case in range(12):
        is_right = case != 3
        label = "ab"[case % 2] if is_right else "a"
        score = {"value": float(is_right), "reason": None, "label": label, "criteria": []}
        records.append(trial(0, case, scores={"labels": score | {"cost_usd": None}}, output=label))

    found = build_report(write_journal(directory, records), figures=False)

    assert found["items"][0]["nobody_passes"] == {"n": 1, "cases": ["c3"]}
    assert found["items"][0]["everyone_passes"]["n"] == 11


def test_facts_name_at_most_fifty_cases(tmp_path):
    facts, _ = report(tmp_path, lambda *_: "right", n_cases=60)

    assert facts["everyone_passes"]["n"] == 60
    assert len(facts["everyone_passes"]["cases"]) == 50
    assert json.loads(json.dumps(facts, allow_nan=False)) == facts


def test_no_answer_leaves_no_facts_but_zeros(tmp_path):
    directory = new_run(project(tmp_path, cases=CASES))

    found = build_report(write_journal(directory, []), figures=False)

    assert found["items"][0]["everyone_passes"] == {"n": 0, "cases": []}
    assert found["items"][0]["suspects"] == []
