"""Judges' templates and settings: found, declared for their kind, hashed; rubrics that are none."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest
from judge_scripts import (
    SETTINGS,
    case_of,
    fences,
    judge_of,
    request_of,
    scorer_of,
    user_turn,
)
from pydantic import ValidationError

from evalrunner.errors import ConfigError
from evalrunner.project import Project, packaged
from evalrunner.scorers import make_scorer
from evalrunner.scorers.judge.settings import read_rubric

KINDS = tuple(SETTINGS)


def write(root, name, text):
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def problem(kind="scale", *, root=Path(), judge=None, **settings):
    with pytest.raises(ConfigError) as error:
        scorer_of(kind, judge=judge, root=root, **settings)
    return str(error.value)


@pytest.mark.parametrize("kind", KINDS)
def test_a_judge_scorer_without_judge_is_a_plan_error(kind):
    settings = SETTINGS[kind].model_validate({"kind": kind})

    with pytest.raises(ConfigError) as error:
        make_scorer("mine", settings, project=Project(Path()))

    (found,) = error.value.problems
    assert found.where == "scorer.mine"
    assert found.hint == "add judge=NAME"


@pytest.mark.parametrize("kind", KINDS)
def test_every_file_that_decides_a_question_is_named_with_its_hash(kind):
    files = scorer_of(kind).files

    assert [file.path for file in files] == [
        "prompts/judge/system.j2",
        f"prompts/judge/{kind}.j2",
        f"prompts/judge/{kind}.schema.json",
    ]
    for file in files:
        content = (packaged("prompts").parent / file.path).read_bytes()
        assert file.sha256 == hashlib.sha256(content).hexdigest()


@pytest.mark.parametrize("kind", KINDS)
def test_shipped_templates_restate_what_is_judged_behind_the_answer(kind):
    """B4."""
    scorer = scorer_of(kind)
    case = case_of(rubric=["Is not rude"])

    before, behind = user_turn(request_of(scorer, case, "SECRET")).split("SECRET")

    values = scorer._task(case).values
    lines = {
        "rubric": ["Is not rude"],
        "scale": [values.get("question"), "excellent: it does all"],
        "classify": [values.get("question"), "- yes"],
        "reference": ["CORRECT", "PARTLY", "WRONG"],
    }[kind]
    for line in lines:
        assert line in behind
        assert kind == "reference" or line in before
    assert behind.index("ANSWER") < behind.index(lines[0])


def test_a_project_may_have_its_own_templates(tmp_path):
    write(tmp_path, "prompts/judge/system.j2", "{# judge: system #}\nBe kind.\n")
    write(tmp_path, "prompts/judge/scale.j2", "{#- judge: scale -#}\n{{ answer }} {{ question }}")
    scorer = scorer_of("scale", root=tmp_path, question="How?")

    request = request_of(scorer, case_of(), "x")

    assert request.body["instructions"] == "Be kind."
    assert user_turn(request).endswith(">>> How?")
    assert scorer.files[0].text == "{# judge: system #}\nBe kind.\n"


def test_instructions_of_a_judge_follow_the_system_turn():
    plain = request_of(scorer_of("scale"), case_of(), "x").body["instructions"]
    strict = scorer_of("scale", judge=judge_of(instructions="Be {{ strict }}.\n"))

    assert (
        request_of(strict, case_of(), "x").body["instructions"]
        == f"{plain}\n\nBe {{{{ strict }}}}."
    )


def test_a_scorers_template_wins_over_the_judges_and_that_over_the_kinds(tmp_path):
    for name in ("scorers", "judges"):
        write(tmp_path, f"{name}.j2", f"{{# judge: scale #}}\n{name} {{{{ answer }}}}")
    judge = judge_of(template="judges.j2")

    def first_word(**settings):
        scorer = scorer_of("scale", root=tmp_path, **settings)
        return user_turn(request_of(scorer, case_of(), "x")).split()[0]

    assert first_word() == "Rate"
    assert first_word(judge=judge) == "judges"
    assert first_word(judge=judge, template="scorers.j2") == "scorers"


def test_a_template_made_for_another_kind_is_a_plan_error(tmp_path):
    write(tmp_path, "mine.j2", "{# judge: rubric #}\n{{ answer }}")
    write(tmp_path, "bare.j2", "{{ answer }}")

    of_judge = problem(root=tmp_path, judge=judge_of(template="mine.j2"))
    of_scorer = problem(root=tmp_path, template="bare.j2")

    assert "judge.template: 'mine.j2' cannot be used by scorer 'mine', of kind 'scale'" in of_judge
    assert "made for judges of kind 'rubric'" in of_judge
    assert "{# judge: scale #}" in of_judge
    assert "scorer.mine.template: 'bare.j2'" in of_scorer
    assert "does not say for which kind" in of_scorer


def test_all_that_is_wrong_with_templates_is_said_at_once(tmp_path):
    write(tmp_path, "prompts/judge/system.j2", "{# judge: scale #}")
    write(tmp_path, "prompts/judge/scale.j2", "{# judge: scale #}\n{{ answer }")
    write(tmp_path, "prompts/judge/scale.schema.json", "{")

    told = problem(root=tmp_path)

    assert "of kind 'system'" in told
    assert "prompts/judge/scale.j2:2: not a Jinja2 template" in told
    assert "prompts/judge/scale.schema.json" in told
    assert "is no JSON" in told


def test_a_template_must_show_what_is_judged(tmp_path):
    write(tmp_path, "mine.j2", "{# judge: reference #}\n{{ answer }}")

    assert "never shows 'reference'" in problem("reference", root=tmp_path, template="mine.j2")


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ({"type": "objekt"}, "no JSON Schema"),
        ({"type": "object", "properties": {"reason": {}}}, "has no property 'score'"),
        ({"type": "object"}, "has no property 'reason' and 'score'"),
        ([], "no JSON Schema"),
        (True, "has no property 'reason' and 'score'"),
    ],
)
def test_a_schema_must_have_what_verdicts_are_read_by(tmp_path, content, told):
    write(tmp_path, "prompts/judge/scale.schema.json", json.dumps(content))

    assert told in problem(root=tmp_path)


def test_a_schema_may_ask_for_more(tmp_path):
    path = "prompts/judge/reference.schema.json"
    schema = json.loads((packaged("prompts").parent / path).read_bytes())
    schema["properties"] = {"quotation": {"type": "string"}, **schema["properties"]}
    write(tmp_path, path, json.dumps(schema))

    sent = request_of(scorer_of("reference", root=tmp_path), case_of(), "x").body["text"]["format"]

    assert list(sent["schema"]["properties"]) == ["quotation", "reason", "verdict"]


def test_a_file_that_is_missing_names_the_key():
    assert "scorer.mine.template: no file 'nowhere.j2'" in problem(template="nowhere.j2")


def test_templates_may_show_other_fields_of_the_case_fenced_as_well(tmp_path):
    write(
        tmp_path, "mine.j2", "{# judge: scale #}\n{{ passages }}\n{{ answer }}\n{{ note|d('-') }}"
    )
    scorer = scorer_of("scale", root=tmp_path, template="mine.j2")
    case = case_of(passages=["<<<a>>>", "b"])

    shown = fences(request_of(scorer, case, "x"))

    assert shown == {"PASSAGES": '["< < <a> > >", "b"]', "ANSWER": "x"}
    assert scorer.target_problem(case) is None
    assert scorer.target_problem(case_of()) == "case 't1': mine.j2 reads 'passages', which it lacks"


@pytest.mark.parametrize(
    ("rubric", "told"),
    [
        ([], "a list of criteria that is not empty"),
        ("Is polite", "a list of criteria"),
        ({"criterion": "a"}, "a list of criteria"),
        (5, "a list of criteria"),
        ([""], "criterion 1: its text is missing"),
        (["a", "  "], "criterion 2: its text is missing"),
        ([None], "criterion 1: it must be text, or {criterion, weight}"),
        ([["a"]], "criterion 1: it must be text"),
        ([{"weight": 1}], "criterion 1: its text is missing"),
        ([{"criterion": 1}], "criterion 1: its text is missing"),
        ([{"criterion": "a", "wieght": 1}], "criterion 1: it must be text, or"),
        ([{"criterion": "a", "weight": 0}], "above 0 and at most 1e9, not 0"),
        ([{"criterion": "a", "weight": -1}], "above 0 and at most 1e9, not -1"),
        ([{"criterion": "a", "weight": "2"}], "above 0 and at most 1e9, not '2'"),
        ([{"criterion": "a", "weight": True}], "above 0 and at most 1e9, not True"),
        ([{"criterion": "a", "weight": None}], "above 0 and at most 1e9, not None"),
        ([{"criterion": "a", "weight": 1e300}], "above 0 and at most 1e9, not 1e+300"),
        (["a", " a "], "criterion 2: 'a' was there before"),
        (["a", {"criterion": "a", "weight": 2}], "criterion 2: 'a' was there before"),
    ],
)
def test_a_rubric_that_cannot_be_read_is_found_before_any_request(rubric, told):
    found = scorer_of("rubric").target_problem(case_of(rubric=rubric))

    assert found.startswith("case 't1': field 'rubric': ")
    assert told in found


def test_a_rubric_may_stand_in_another_field():
    scorer = scorer_of("rubric", field="checks")

    assert "1. Is short" in user_turn(request_of(scorer, case_of(checks=["Is short"]), "x"))
    assert "field 'checks'" in scorer.target_problem(case_of(checks=[]))


def test_criteria_keep_their_order_and_weights():
    lines = ["b", {"criterion": " a ", "weight": 3}]

    assert list(read_rubric(lines).items()) == [("b", 1.0), ("a", 3.0)]


@pytest.mark.parametrize(
    ("kind", "settings"),
    [
        ("rubric", {"criteria": []}),
        ("rubric", {"criteria": ["a", "a"]}),
        ("rubric", {"criteria": [" "]}),
        ("rubric", {"criteria": [{"criterion": "a", "weight": 0}]}),
        ("rubric", {"criteria": [{"criterion": "a", "weight": float("inf")}]}),
        ("scale", {"levels": {1: "one"}}),
        ("scale", {"levels": {"low": "a", "high": "b"}}),
        ("scale", {"levels": {1: "", 2: "b"}}),
        ("scale", {"question": " "}),
        ("reference", {"partly": 1.1}),
        ("classify", {"choices": {"A": 1}}),
        ("classify", {"choices": {"A": 1, "B": 2}}),
        ("classify", {"choices": {"A": 1, "B": {"score": -1}}}),
        ("classify", {"choices": {"A": 1, "": 0}}),
        ("scale", {"max_characters": 0}),
    ],
)
def test_settings_that_make_no_sense_are_refused(kind, settings):
    with pytest.raises(ValidationError):
        SETTINGS[kind].model_validate({"kind": kind, **settings})


@pytest.mark.parametrize(
    ("kind", "settings", "told"),
    [
        ("rubric", {"criteria": "a"}, "a rubric is a list of criteria"),
        ("rubric", {"criteria": [{"criterion": "a", "weight": 0}]}, "criterion 1: its weight"),
        ("rubric", {"criteria": [{"criterium": "a"}]}, "criterion 1: it must be text, or"),
        ("scale", {"levels": ["bad", "good"]}, "{1: ..., 2: ...}"),
        ("scale", {"levels": {1: "one"}}, "{1: ..., 2: ...}"),
        ("classify", {"choices": {"A": 1}}, "at least two choices"),
    ],
)
def test_settings_are_refused_once_and_in_words(kind, settings, told):
    with pytest.raises(ValidationError) as error:
        SETTINGS[kind].model_validate({"kind": kind, **settings})

    (problem,) = error.value.errors()
    assert told in problem["msg"]


def test_levels_survive_being_frozen_as_json():
    settings = SETTINGS["scale"].model_validate(
        {"kind": "scale", "levels": {1: "bad", 10: "good", 9: "fair"}}
    )
    frozen = json.loads(json.dumps(settings.model_dump(mode="json")))

    assert SETTINGS["scale"].model_validate(frozen) == settings
    assert list(scorer_of("scale", levels=frozen["levels"])._worth()) == [1, 9, 10]
