"""Flags about judges: raised when they should be, and only then."""

import json
import re
from pathlib import Path

import pytest
from judgements import judged, judged_run, judged_trial, judgement
from runs import write_journal

from evalrunner import flags
from evalrunner.flags import CODES, judges
from evalrunner.report import build_report


def test_codes_are_those_that_rules_raise():
    """`--fail-on` knows no others."""
    files = Path(flags.__file__).parent.glob("**/*.py")
    source = "".join(file.read_text() for file in files)

    assert set(re.findall(r'code="(\w+)"', source)) == set(CODES)


def test_every_code_is_documented_and_nothing_else():
    text = (Path(__file__).parents[2] / "docs" / "flags.md").read_text(encoding="utf-8")

    assert sorted(re.findall(r"^\| `(\w+)` \|", text, flags=re.MULTILINE)) == sorted(CODES)


def flags_of(directory, records):
    """Those about judges alone."""
    write_journal(directory, records)
    known = {rule.__name__ for rule in judges.RULES}
    found = build_report(directory, figures=False)["flags"]
    return [flag for flag in found if flag["code"] in known]


def codes(flags):
    return [flag["code"] for flag in flags]


def failing(directory, rates, *, n_cases, kind="refused", judge="judge"):
    """Flags where the judge fails on the first `rates[cell]` cases of each cell."""
    records = []
    for cell, n_failed in enumerate(rates):
        for case in range(n_cases):
            verdict = judgement(float(case % 2), judge=judge)
            if case < n_failed:
                verdict = judgement(None, judge=judge, reason=f"judge_error: {kind}")
            records.append(judged_trial(cell, case, judged(verdict)))
    return flags_of(directory, records)


def canary_run(root, passed, *, n_cases=20):
    """A run whose cell 1 is a canary that passes `passed` of its cases."""
    directory = judged_run(root, "model=luna,echo", "judge=severe", n_cases=n_cases)
    plan = json.loads((directory / "plan.json").read_bytes())
    plan["cells"][1] |= {"role": "canary", "label": "canary:empty"}
    (directory / "plan.json").write_text(json.dumps(plan))
    records = [
        judged_trial(cell, case, judged(judgement(float(case < n))))
        for cell, n in enumerate((n_cases, passed))
        for case in range(n_cases)
    ]
    return directory, records


def test_flags_have_the_documented_fields(tmp_path):
    """Design 8."""
    directory, records = canary_run(tmp_path, 20)

    (flag,) = flags_of(directory, records)

    assert set(flag) == {"code", "severity", "cell", "message", "evidence", "remedy"}
    assert json.loads(json.dumps(flag, allow_nan=False)) == flag


def test_a_run_without_judges_has_none():
    summary = {"judging": None, "cells": [{"judging": {}, "role": "candidate"}]}

    assert [flag for rule in judges.RULES for flag in rule(summary)] == []


# --- self-preference ----------------------------------------


def test_a_judge_of_the_candidates_family_is_told(tmp_path):
    """Fault B7: one flag a judge, however many cells and facets."""
    directory = judged_run(tmp_path, "judge=severe,jury", "model=luna,opus")
    records = [judged_trial(cell, 0, judged(judgement())) for cell in range(4)]

    found = [f for f in flags_of(directory, records) if f["code"] == "self_preference"]

    by_judge = {flag["evidence"]["judge"]: flag for flag in found}
    assert set(by_judge) == {"claude-opus-5-5", "gpt-6-luna"}
    assert len(found) == 2
    assert len(by_judge["claude-opus-5-5"]["evidence"]["cells"]) == 2
    assert "opus" in by_judge["claude-opus-5-5"]["message"]
    assert len(by_judge["gpt-6-luna"]["evidence"]["cells"]) == 1


def test_a_panel_of_two_makers_is_not_told_to_add_another(tmp_path):
    directory = judged_run(tmp_path, "judge=jury", "model=luna,opus")

    found = flags_of(directory, [judged_trial(0, 0, judged(judgement()))])

    remedies = {f["remedy"] for f in found if f["code"] == "self_preference"}
    assert len(remedies) == 1
    assert "add a judge" not in remedies.pop()


def test_a_judge_of_another_family_is_not(tmp_path):
    directory = judged_run(tmp_path, "judge=severe", "model=luna,echo")

    assert flags_of(directory, [judged_trial(0, 0, judged(judgement()))]) == []


# --- failures ----------------------------------------


@pytest.mark.parametrize("kind", ["refused", "parse"])
def test_a_judge_that_fails_on_one_candidate_more_is_red(tmp_path, kind):
    """Fault B3: what is left out biases the table."""
    directory = judged_run(tmp_path, "judge=severe", "model=luna,echo", n_cases=40)

    (flag,) = failing(directory, (8, 0), n_cases=40, kind=kind)

    assert (flag["code"], flag["severity"]) == ("judge_failures", "red")
    assert flag["evidence"]["failure_rate"] == {"0": 0.2, "1": 0.0}
    assert flag["evidence"]["p"]["failed"] < 0.01
    assert "20.0 % of the verdicts on luna" in flag["message"]
    assert "resume" not in flag["remedy"]  # the reply is recorded: it would be read again


@pytest.mark.parametrize(
    ("kind", "step"),
    [("server", "resume the run"), ("truncated", "raise judge.model.max_output_tokens")],
)
def test_failures_name_the_step_that_helps(tmp_path, kind, step):
    directory = judged_run(tmp_path, "judge=severe", "model=luna,echo", n_cases=40)

    (flag,) = failing(directory, (8, 8), n_cases=40, kind=kind)

    assert flag["remedy"].endswith(f": {step}, or take another judge")


def test_a_judge_that_fails_everywhere_alike_is_yellow(tmp_path):
    directory = judged_run(tmp_path, "judge=severe", "model=luna,echo", n_cases=40)

    (flag,) = failing(directory, (8, 7), n_cases=40)

    assert (flag["code"], flag["severity"]) == ("judge_failures", "yellow")


def test_rare_failures_raise_no_flag(tmp_path):
    directory = judged_run(tmp_path, "judge=severe", "model=luna,echo", n_cases=60)

    assert failing(directory, (1, 0), n_cases=60) == []


def test_many_candidates_are_many_chances_for_a_difference(tmp_path):
    """3 of 40 against 2 of 200 has p = .03, and one of six cells has it by luck."""
    prompts = "prompt=ask,beg,short"
    directory = judged_run(
        tmp_path, "judge=severe", "model=luna,echo", prompts, "run.max_missing=0.2", n_cases=40
    )

    assert failing(directory, (3, 0, 1, 0, 1, 0), n_cases=40) == []


# --- noise ----------------------------------------


def test_disagreement_about_a_few_odd_answers_is_no_noise(tmp_path):
    """Where nearly every answer passes, alpha is low although judges hardly ever differ."""
    directory = judged_run(tmp_path, "judge=jury", "model=echo", n_cases=60)
    records = [
        judged_trial(
            0, case, judged(judgement(float(case > 1)), judgement(float(case != 5), judge="luna"))
        )
        for case in range(60)
    ]

    assert flags_of(directory, records) == []


def test_a_judge_that_contradicts_itself_is_noise(tmp_path):
    """One judge alone, asked twice."""
    directory = judged_run(tmp_path, "judge=severe", "model=echo", n_cases=40)
    records = [
        judged_trial(
            0,
            case,
            judged(
                judgement(float(case % 2)), judgement(float(case % 4 < 2), sample=1, is_retest=True)
            ),
        )
        for case in range(40)
    ]

    (flag,) = flags_of(directory, records)

    assert (flag["code"], flag["severity"]) == ("judge_noise", "red")


def test_only_cells_without_agreement_are_said_to_have_none(tmp_path):
    """Numbers are told of the cell that is named."""
    directory = judged_run(tmp_path, "judge=jury", "model=luna,echo", n_cases=60)
    records = [
        judged_trial(
            cell, case, judged(judgement(float(case % 2)), judgement(second, judge="luna"))
        )
        for cell, wrong_every in enumerate((3, 2))
        for case in range(60)
        for second in [float((case % 2) ^ (case // 2 % wrong_every == 0))]
    ]

    (flag,) = [f for f in flags_of(directory, records) if f["code"] == "judge_noise"]

    assert flag["severity"] == "red"
    assert "no better than chance for echo (Krippendorff's alpha" in flag["message"]
    assert "other" not in flag["message"]
    assert set(flag["evidence"]["alpha"]) == {"0", "1"}


# --- inflation ----------------------------------------


def test_a_judge_that_passes_canaries_is_red(tmp_path):
    directory, records = canary_run(tmp_path, 12)

    (flag,) = flags_of(directory, records)

    assert (flag["code"], flag["severity"], flag["cell"]) == ("judge_inflation", "red", 1)
    assert "empty 12 of 20" in flag["message"]
    assert flag["evidence"]["canaries"]["1"]["n_passed"] == 12


def test_a_single_canary_that_passes_is_no_inflation(tmp_path):
    directory, records = canary_run(tmp_path, 1)

    assert flags_of(directory, records) == []


def test_canaries_are_no_candidates_of_a_judges_family(tmp_path):
    """Nor do failures on them count as uneven."""
    directory, records = canary_run(tmp_path, 0)
    plan = json.loads((directory / "plan.json").read_bytes())
    plan["cells"][1]["config"]["model"]["name"] = "claude-canary"
    (directory / "plan.json").write_text(json.dumps(plan))

    assert codes(flags_of(directory, records)) == []
