"""Plans with judges: who is asked, what it may cost, which canaries are added, what is kept."""

from __future__ import annotations

import json
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from evalrunner.errors import ConfigError, StoreError
from evalrunner.planning import thaw
from evalrunner.planning.opponents import opponents_of
from evalrunner.providers.cached import ResponseCache
from evalrunner.scorers.judging import JudgeScorer
from evalrunner.types import Answer
from tests.runs import AT, new_run, planned, project

KEYS = {"OPENAI_API_KEY": "sk-a", "ANTHROPIC_API_KEY": "sk-b"}
RUBRIC = ["Says who is responsible", "Is polite"]
CASES = [{"id": f"c{n}", "input": f"question {n}", "rubric": RUBRIC} for n in range(30)]
FILES = {
    "conf/judge/opus.yaml": "defaults:\n  - /model@model: opus\n",
    "conf/judge/luna.yaml": "defaults:\n  - /model@model: luna\n",
    "conf/judge/both.yaml": (
        "defaults:\n  - /model@model: opus\n  - /model@panel.second: luna\nrepeats: 2\n"
    ),
}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return project(tmp_path, FILES, cases=CASES)


def judged(root, *overrides, **around):
    return planned(root, "scorer=rubric", *overrides, **{"environ": KEYS} | around)


def test_judge_calls_are_counted_apart_from_the_candidates(root):
    plan = judged(root, "model=luna", "judge=opus")

    assert plan.calls[0].to_pay == 30
    assert plan.judge_calls[0].to_pay == 30
    assert plan.n_to_pay == 60
    assert plan.to_json()["calls"]["judge"]["to_pay"] == 30
    assert plan.cost.ceiling == plan.costs[0].ceiling + plan.judge_costs[0].ceiling
    assert plan.judge_costs[0].low > 0


def test_every_member_of_a_panel_is_counted_as_often_as_it_is_asked(root):
    plan = judged(root, "model=luna", "judge=both", "judge.retest=1")

    # Two members twice each, and the first of them once more.
    assert plan.judge_calls[0].total == 30 * 5


def test_two_judges_share_the_candidates_answers(root):
    plan = judged(root, "model=luna,opus", "judge=opus,luna")

    assert [calls.to_pay for calls in plan.calls] == [30, 0, 30, 0]
    assert [calls.to_pay for calls in plan.judge_calls] == [30] * 4
    assert [cell.facet for cell in plan.cells] == [0, 1, 0, 1]


def test_ceiling_holds_for_the_longest_answer_that_is_assumed(root):
    short = judged(root, "model=luna", "judge=opus").judge_costs[0].ceiling
    long = judged(root, "model=luna", "model.max_output_tokens=4000", "judge=opus")

    assert long.judge_costs[0].ceiling > short


def test_judge_scorer_without_judge_is_a_plan_error(root):
    with pytest.raises(ConfigError) as caught:
        judged(root, "model=luna")

    assert [p.where for p in caught.value.problems] == ["scorer.rubric"]
    assert "judge=NAME" in caught.value.problems[0].hint


def test_missing_keys_of_judges_are_found_before_anything_is_paid(root):
    with pytest.raises(ConfigError) as caught:
        judged(root, "model=echo", "judge=both", environ={})

    found = " ".join(problem.what for problem in caught.value.problems)
    assert "OPENAI_API_KEY" in found
    assert "ANTHROPIC_API_KEY" in found


def test_judge_key_alone_is_needed_when_no_candidate_is_paid(root):
    plan = judged(root, "model=echo", "judge=opus", environ={"ANTHROPIC_API_KEY": "sk-b"})

    assert [wire.settings.name for wire in plan.paying_wires] == ["claude-opus-5-5"]


def test_recordings_and_baselines_cannot_judge(root):
    with pytest.raises(ConfigError) as caught:
        judged(
            root,
            "model=luna",
            "judge.model={provider: baseline, kind: empty}",
            "judge.panel.luna={provider: baseline, kind: copy_input}",
        )

    assert {p.where for p in caught.value.problems} == {"judge.model", "judge.panel.luna"}


def test_budget_with_a_judge_of_unknown_price_is_refused(root):
    with pytest.raises(ConfigError) as caught:
        judged(root, "model=luna", "judge=opus", "judge.model.name=nobody", "run.budget_usd=1")

    assert "'nobody' has no known price" in str(caught.value)
    assert "gpt-6-luna" not in str(caught.value)


def test_template_of_another_kind_is_a_plan_error(root):
    (root / "prompts/other.j2").write_text("{# judge: scale #}\n{{ answer }}\n")

    with pytest.raises(ConfigError) as caught:
        judged(root, "model=luna", "judge=opus", "judge.template=prompts/other.j2")

    assert "made for judges of kind 'scale'" in str(caught.value)


def test_unreadable_rubrics_are_listed_by_case(tmp_path):
    cases = [*CASES[:2], {"id": "bad", "input": "x", "rubric": ["y", "y"]}]
    root = project(tmp_path, FILES, cases=cases)

    with pytest.raises(ConfigError) as caught:
        judged(root, "model=luna", "judge=opus")

    assert "'bad'" in str(caught.value)


def test_judgements_of_known_answers_are_found_in_the_cache(root, tmp_path):
    cache = ResponseCache(tmp_path / "cache" / "responses.sqlite")
    plan = judged(root, "model=luna", "judge=luna", cache=cache)
    cell = plan.cells[0]
    scorer = cell.scorers[0]
    assert isinstance(scorer, JudgeScorer)
    for case in plan.case_sets[0]:
        request = cell.wire.build_request(cell.template.render(case), case, 0)
        keep(cache, request, "Ask billing.")
        for _, question in scorer.requests(case, "Ask billing."):
            keep(cache, question, "{}")

    again = judged(root, "model=luna", "judge=luna", cache=cache, environ={})

    cache.close()
    assert (again.calls[0].to_pay, again.judge_calls[0].to_pay) == (0, 0)
    assert again.judge_calls[0].cached == 30


def keep(cache, request, text):
    message = {"type": "message", "content": [{"type": "output_text", "text": text}]}
    body = {"id": "r", "status": "completed", "model": "gpt-6-luna", "output": [message]}
    answer = Answer(
        body=json.dumps(body).encode(),
        started_at=1.0,
        latency_s=0.1,
        attempts=1,
        request_id=None,
    )
    cache.put([(request, answer)])


def test_canaries_are_cells_of_their_own_over_the_first_cases(root):
    plan = judged(root, "model=luna,opus", "judge=opus", "judge.canaries=true", "run.repeats=2")
    canaries = [cell for cell in plan.cells if cell.role == "canary"]

    assert [cell.id for cell in plan.cells] == list(range(7))
    assert [cell.label.removeprefix("canary:") for cell in canaries] == [
        "empty",
        "constant",
        "copied_input",
        "full_marks",
        "other_answer",
    ]
    assert {(cell.first, cell.n, cell.repeats, cell.facet) for cell in canaries} == {(0, 20, 1, 0)}
    assert plan.judge_calls[-1].total == 20
    assert plan.calls[-1].to_pay == 0


def test_canary_answers_one_case_with_the_answer_to_another(tmp_path):
    cases = [{"id": f"c{n}", "input": "same", "expected_output": f"right {n}"} for n in range(3)]
    root = project(tmp_path, FILES, cases=cases)
    plan = planned(
        root, "scorer=reference", "model=luna", "judge=opus", "judge.canaries=true", environ=KEYS
    )

    assert plan.cells[-1].settings.model.texts == {
        "c0": "right 1",
        "c1": "right 2",
        "c2": "right 0",
    }


def test_the_answer_to_another_case_is_never_right_in_a_sorted_file(tmp_path):
    targets = ["Yes"] * 25 + ["yes "] * 2 + ["no"] * 25
    cases = [{"id": f"c{n}", "input": "?", "expected_output": t} for n, t in enumerate(targets)]
    root = project(tmp_path, FILES, cases=cases)
    plan = planned(
        root, "scorer=reference", "model=luna", "judge=opus", "judge.canaries=true", environ=KEYS
    )

    assert plan.cells[-1].settings.model.texts == {f"c{n}": "no" for n in range(20)}


def test_where_all_cases_have_one_target_no_canary_answers_for_another(tmp_path):
    cases = [{"id": f"c{n}", "input": "?", "expected_output": "yes"} for n in range(4)]
    root = project(tmp_path, FILES, cases=cases)
    plan = planned(
        root, "scorer=reference", "model=luna", "judge=opus", "judge.canaries=true", environ=KEYS
    )

    assert plan.cells[-1].label == "canary:full_marks"


def test_frozen_run_judges_by_the_templates_it_was_started_with(root):
    template = root / "prompts/judge/rubric.j2"
    template.parent.mkdir(parents=True)
    template.write_text("{# judge: rubric #}\nFirst. {{ criteria }} {{ input }} {{ answer }}\n")
    directory = new_run(root, "scorer=rubric", "model=luna", "judge=opus", environ=KEYS)
    template.write_text("{# judge: rubric #}\nSecond. {{ criteria }} {{ input }} {{ answer }}\n")

    (scorer,) = thaw(directory)[0].scorers

    assert "First." in scorer.files[1].text
    manifest = json.loads((directory / "manifest.json").read_text())
    assert {"prompts/judge/rubric.j2", "prompts/judge/rubric.schema.json"} <= set(
        manifest["prompts"]
    )
    (directory / manifest["prompts"]["prompts/judge/rubric.j2"]["copy"]).write_text("changed")
    with pytest.raises(StoreError):
        thaw(directory)


def test_opponents_are_the_candidates_of_the_facet_or_the_baseline_alone(root):
    cells = judged(root, "model=luna,opus,echo", "judge=opus", "judge.canaries=true").cells
    with_baseline = [
        replace(
            cell,
            settings=cell.settings.model_copy(
                update={"run": cell.settings.run.model_copy(update={"baseline": {"model": "opus"}})}
            ),
        )
        for cell in cells
    ]

    assert [c.id for c in opponents_of(cells[0], cells, against=None)] == [1, 2]
    assert [c.id for c in opponents_of(with_baseline[0], with_baseline, against=None)] == [1]
    assert [c.id for c in opponents_of(with_baseline[0], with_baseline, against="all")] == [1, 2]
    assert opponents_of(with_baseline[1], with_baseline, against="baseline") == []
    assert [c.id for c in opponents_of(cells[-1], cells, against="all")] == [0, 1, 2]


def test_pairs_are_counted_once_in_both_orders(root):
    plan = planned(root, "scorer=pairwise", "model=luna,opus,echo", "judge=opus", environ=KEYS)

    # Three pairs of cells, 30 cases, both orders.
    assert sum(calls.total for calls in plan.judge_calls) == 3 * 30 * 2


def test_judge_costs_follow_the_judges_own_price(root):
    plan = judged(
        root,
        "model=luna",
        "judge=opus",
        "pricing.overrides.claude-opus-5-5={input: 0, output: 1000000}",
    )

    # A dollar a token: 30 answers of 100 tokens at most.
    assert plan.judge_costs[0].ceiling == Decimal(3000)


def test_plan_is_the_same_twice(root):
    plans = [judged(root, "model=luna,opus", "judge=both", at=AT).to_json() for _ in range(2)]

    assert plans[0] == plans[1]


def test_judge_that_cannot_be_asked_this_way_is_a_plan_error(root):
    with pytest.raises(ConfigError) as caught:
        judged(
            root, "model=luna", "judge=luna", "judge.model.api=decisions", "judge.structured=off"
        )

    assert "decisions" in str(caught.value)
    assert len(caught.value.problems) == 1


def test_prompt_that_reads_the_criteria_is_a_plan_error(tmp_path):
    cases = [{"id": "c0", "input": "x", "demands": ["is short"]}]
    root = project(tmp_path, FILES | {"prompts/short.j2": "{{ demands }}\n"}, cases=cases)

    with pytest.raises(ConfigError) as caught:
        judged(root, "model=luna", "judge=opus", "scorer.rubric.field=demands")

    assert "reads 'demands', which holds what the answer is scored against" in str(caught.value)


def test_judge_of_the_candidates_family_is_warned_of(root):
    """B7."""
    plan = judged(root, "model=luna,opus", "judge=opus")

    assert len(plan.warnings) == 1
    assert "'claude-opus-5-5' and candidate 'claude-opus-5-5'" in plan.warnings[0]
    assert judged(root, "model=luna", "judge=opus").warnings == ()


def test_rubric_that_no_case_has_is_a_plan_error(root):
    with pytest.raises(ConfigError) as caught:
        judged(root, "model=luna", "judge=opus", "scorer.rubric.field=rubrik")

    assert caught.value.problems[0].where == "scorer.rubric.field"
    assert "did you mean 'rubric'?" in caught.value.problems[0].hint


@pytest.mark.parametrize(
    "more", [["model=luna"], ["model=luna", "scorer.pairwise.against=baseline"]]
)
def test_pairs_without_a_second_cell_are_a_plan_error(root, more):
    with pytest.raises(ConfigError) as caught:
        planned(root, "scorer=pairwise", "judge=opus", *more, environ=KEYS)

    assert caught.value.problems[0].where == "scorer.pairwise"
    assert "run.baseline" in caught.value.problems[0].hint


def test_missing_key_of_a_judge_is_named_where_the_judge_stands(root):
    with pytest.raises(ConfigError) as caught:
        judged(root, "model=echo", "judge=both", environ={})

    assert [p.where for p in caught.value.problems] == [
        "judge.model.api_key_env",
        "judge.panel.second.api_key_env",
    ]


def test_judge_that_no_scorer_asks_is_warned_of(tmp_path):
    plan = planned(project(tmp_path, FILES), "model=echo", "judge=opus")

    assert "judge=opus is not asked anything" in plan.warnings[0]


def test_panel_of_twice_the_same_model_is_warned_of(root):
    files = {"conf/judge/twins.yaml": FILES["conf/judge/both.yaml"].replace("luna", "opus")}
    plan = judged(project(root, files, cases=CASES), "model=echo", "judge=twins")

    assert any("judge.panel.second is the same model as judge.model" in w for w in plan.warnings)
