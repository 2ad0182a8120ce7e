"""json_schema and json_fields: strict JSON, schemas that fetch nothing, field by field."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from evalrunner.errors import ConfigError, ScorerError
from evalrunner.project import Project
from evalrunner.scorers import make_scorer
from evalrunner.scorers.json_text import (
    ABSENT,
    InvalidJsonError,
    json_equal,
    parse_json,
    value_at,
)
from evalrunner.scorers.structured import JsonFieldsSettings, JsonSchemaSettings
from evalrunner.types import Case, Completion, Score

PERSON = {
    "type": "object",
    "properties": {"name": {"type": "string"}, "age": {"type": "integer"}},
    "required": ["name"],
    "additionalProperties": False,
}


def case_of(target: Any = None) -> Case:
    return Case(id="c1", fields={"id": "c1", "expected_output": target}, sha256="")


def schema_scorer(root: Path, schema: Any = None, **settings: Any) -> Any:
    built = JsonSchemaSettings.model_validate({"kind": "json_schema", "schema": schema, **settings})
    return make_scorer("valid", built, project=Project(root))


def valid(output: str | None, schema: Any = None, *, root: Path = Path(), **settings: Any) -> Score:
    scorer = schema_scorer(root, schema, **settings)
    assert scorer.target_problem(case_of()) is None
    return asyncio.run(scorer.score(case_of(), Completion(text=output)))


def fields_score(output: str | None, target: Any, **settings: Any) -> Score:
    built = JsonFieldsSettings.model_validate({"kind": "json_fields", **settings})
    scorer = make_scorer("json_fields", built, project=Project(Path()))
    return asyncio.run(scorer.score(case_of(target), Completion(text=output)))


def passed(score: Score) -> dict[str, bool | None]:
    return {one.criterion: one.passed for one in score.criteria}


@pytest.mark.parametrize("text", ['{"a": 1}', "[]", "null", " 1.5e3\n", '"x"', '{"a": {"a": 1}}'])
def test_json_and_nothing_else_is_read(text):
    assert parse_json(text) == json.loads(text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "Expecting value at line 1 column 1"),
        ('{"a": 1,}', "line 1 column"),
        ("{'a': 1}", "property name"),
        ('Here it is: {"a": 1}', "Expecting value"),
        ('{"a": 1} Done.', "Extra data"),
        ("NaN", "NaN is not JSON"),
        ("[-Infinity]", "-Infinity is not JSON"),
        ('{"a": 1, "a": 2}', "the key 'a' is repeated"),
        ("1e999", "the number 1e999 is out of range"),
        ("9" * 5000, "Exceeds the limit"),
        ("[" * 100_000, "nested deeper than 100 levels"),
        ("[" * 101 + "]" * 101, "nested deeper than 100 levels"),
        ('```json\n{"a": 1}\n```', "fenced: true accepts it"),
        ("\ufeff{}", "BOM"),
    ],
)
def test_anything_else_is_invalid_and_says_why(text, message):
    """C8 among them: a repeated key is refused, where `json` keeps the last silently."""
    with pytest.raises(InvalidJsonError) as caught:
        parse_json(text)

    assert message in str(caught.value)


def test_a_hundred_levels_are_read():
    assert parse_json("[" * 100 + "]" * 100) != []


@pytest.mark.parametrize(
    "text",
    ['```json\n{"a": 1}\n```', '```\n{"a": 1}```', '\n ```JSON \n{"a": 1}\n```\n', '{"a": 1}'],
)
def test_one_fence_is_accepted_on_request(text):
    assert parse_json(text, fenced=True) == {"a": 1}


@pytest.mark.parametrize(
    "text",
    [
        'Here:\n```json\n{"a": 1}\n```',
        '```json\n{"a": 1}\n```\nDone.',
        '```json\n```json\n{"a": 1}\n```\n```',
        '```{"a": 1}```',
        "```",
        '```{"a":\n1}```',
    ],
)
def test_text_around_a_fence_or_a_second_one_is_not(text):
    with pytest.raises(InvalidJsonError):
        parse_json(text, fenced=True)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("a", 1),
        ("b.c", 2),
        ("d.0.e", 3),
        ("f.g", 4),
        ("n", None),
        ("x", ABSENT),
        ("a.b", ABSENT),
        ("d.1", ABSENT),
        ("d.-1", ABSENT),
        ("d.²", ABSENT),
        ("d." + "9" * 5000, ABSENT),
        ("s.0", ABSENT),
        ("", ABSENT),
    ],
)
def test_a_dotted_path_finds_a_value_or_nothing(path, expected):
    value = {"a": 1, "b": {"c": 2}, "d": [{"e": 3}], "f.g": 4, "f": {"g": 5}, "n": None, "s": "x"}

    assert value_at(value, path) == expected


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [
        (1, 1.0, True),
        (1, True, False),
        (0, False, False),
        (0, None, False),
        ("1", 1, False),
        ({"a": 1, "b": [2]}, {"b": [2.0], "a": 1}, True),
        ([1, 2], [2, 1], False),
        (-0.0, 0, True),
        (1e300, 1e300, True),
        ("\ud800", "\ud800", True),
    ],
)
def test_json_values_are_compared_by_jsons_own_types(a, b, expected):
    assert json_equal(a, b) is expected


@pytest.mark.parametrize(
    ("output", "schema", "settings", "value", "reason"),
    [
        ('{"name": "x"}', PERSON, {}, 1, None),
        ('{"name": 1}', PERSON, {}, 0, "$.name: 1 is not of type 'string'"),
        ("{}", PERSON, {}, 0, "$: 'name' is a required property"),
        ('{"name": "x", "age": 1.0}', PERSON, {}, 1, None),
        ("[1]", None, {}, 1, None),
        ("[1", None, {}, 0, "invalid JSON: Expecting ',' delimiter at line 1 column 3"),
        (None, None, {}, 0, "invalid JSON: Expecting value at line 1 column 1"),
        ("```\n{}\n```", None, {"fenced": True}, 1, None),
        ("ok: <j>{}</j>", None, {"extract": "<j>(.*)</j>"}, 1, None),
        ("{}", None, {"extract": "<j>(.*)</j>"}, 0, "extract_not_found"),
    ],
)
def test_an_answer_is_valid_or_says_why_not(output, schema, settings, value, reason):
    found = valid(output, schema, **settings)

    assert (found.value, found.reason) == (value, reason)


def test_the_first_three_problems_are_named_in_order():
    found = valid('{"d": 1, "c": 1, "b": 1, "a": 1}', {"additionalProperties": {"type": "string"}})

    assert found.reason is not None
    assert [part[:3] for part in found.reason.split("; ")] == ["$.a", "$.b", "$.c"]


def test_a_schema_may_be_a_file_of_the_project(tmp_path):
    (tmp_path / "person.json").write_text(json.dumps(PERSON), encoding="utf-8")

    assert valid('{"name": "x"}', "person.json", root=tmp_path).value == 1
    assert valid("{}", "person.json", root=tmp_path).value == 0


@pytest.mark.parametrize(
    ("schema", "message"),
    [
        ("missing.json", "no file 'missing.json'"),
        ("broken.json", "is no JSON: Expecting value"),
        ("latin.json", "is no JSON"),
        ("list.json", "no JSON Schema"),
        ({"type": "strin"}, "no JSON Schema: $.type: 'strin' is not valid"),
        ({"pattern": "("}, "no JSON Schema: $.pattern"),
        ({"$ref": "https://example.com/x.json"}, "refers to 'https://example.com/x.json'"),
        ({"items": [{"$ref": "#/$defs/no"}], "$schema": "http://json-schema.org/draft-07/schema#"},
         "refers to '#/$defs/no', which is not in it"),
        ({"$ref": "file:///etc/passwd"}, "nothing is fetched"),
    ],
)  # fmt: skip
def test_a_schema_that_cannot_be_used_is_refused_before_the_run(tmp_path, schema, message):
    (tmp_path / "broken.json").write_text("{'a': 1}".replace("{", "x"), encoding="utf-8")
    (tmp_path / "latin.json").write_bytes('"é"'.encode("latin-1"))
    (tmp_path / "list.json").write_text("[]", encoding="utf-8")

    with pytest.raises(ConfigError, match=r"scorer\.valid\.schema") as caught:
        schema_scorer(tmp_path, schema)

    assert message in str(caught.value)


def test_a_schema_nested_too_deeply_is_refused():
    schema: dict[str, Any] = {}
    for _ in range(2000):
        schema = {"not": schema}

    with pytest.raises((ConfigError, ValidationError), match=r"nested too deeply|recursion"):
        schema_scorer(Path(), schema)


def test_references_inside_a_schema_work():
    schema = {
        "$id": "https://example.com/tree",
        "$defs": {"n": {"anyOf": [{"type": "integer"}, {"items": {"$ref": "#/$defs/n"}}]}},
        "$ref": "#/$defs/n",
        "examples": [{"$ref": "https://example.com/data"}],
    }

    assert valid("[[1], 2]", schema).value == 1


@pytest.mark.parametrize(
    ("output", "schema"), [("1", {"$ref": "#"}), ("9" * 400, {"multipleOf": 0.1})]
)
def test_a_schema_that_cannot_be_applied_makes_an_answer_unscored(output, schema):
    with pytest.raises(ScorerError, match="case 'c1': the schema cannot be applied"):
        valid(output, schema)


def test_the_key_in_yaml_is_schema_both_ways():
    settings = JsonSchemaSettings.model_validate({"kind": "json_schema", "schema": "a.json"})

    assert settings.model_dump() == {
        "kind": "json_schema",
        "extract": None,
        "schema": "a.json",
        "fenced": False,
    }
    assert "schema" in JsonSchemaSettings.model_json_schema()["properties"]


INVOICE = {"vendor": "Acme", "amount": 12.5, "tags": ["a", "b"], "paid": None}


@pytest.mark.parametrize(
    ("output", "target", "settings", "value", "expected"),
    [
        (json.dumps(INVOICE), INVOICE, {}, 1, dict.fromkeys(INVOICE, True)),
        (json.dumps(INVOICE), json.dumps(INVOICE), {}, 1, dict.fromkeys(INVOICE, True)),
        ('{"vendor": "Acme"}', INVOICE, {}, 0.5,
         {"vendor": True, "amount": False, "tags": False, "paid": True}),
        ('{"a": 1, "extra": 2}', {"a": 1}, {}, 1, {"a": True}),
        ('{"a": true}', {"a": 1}, {}, 0, {"a": False}),
        ('{"a": 1}', {"a": 1, "b": 2}, {"fields": ["a"]}, 1, {"a": True}),
        ('{"a": {"b": [{"c": 1}]}}', {"a": {"b": [{"c": 1}]}}, {"fields": ["a.b.0.c"]}, 1,
         {"a.b.0.c": True}),
        ('{"a": 1}', {"a": 1}, {"fields": ["a", "b"]}, 1, {"a": True, "b": None}),
        ('{"b": 1}', {"b": None}, {"fields": ["b"]}, 0, {"b": False}),
        ('{"b": null}', {"b": None}, {"fields": ["b"]}, 1, {"b": True}),
        ("nonsense", INVOICE, {"fields": ["vendor", "amount"]}, 0,
         {"vendor": False, "amount": False}),
        ("[]", {"a": 1}, {}, 0, {"a": False}),
        (None, {"a": 1}, {}, 0, {"a": False}),
        ("{}", {"a": 1}, {"extract": "<j>(.*)"}, 0, {"a": False}),
        ('```\n{"a": 1}\n```', {"a": 1}, {"fenced": True}, 1, {"a": True}),
        ('```\n{"a": 1}\n```', {"a": 1}, {}, 0, {"a": False}),
    ],
)  # fmt: skip
def test_the_share_of_right_fields_and_each_of_them(output, target, settings, value, expected):
    found = fields_score(output, target, **settings)

    assert found.value == value
    assert passed(found) == expected


@pytest.mark.parametrize(
    ("rule", "got", "wanted", "is_right"),
    [
        ({}, "Acme", "acme", False),
        ({"compare": "ignore_case"}, " ACME ", "acme", True),
        ({"compare": "ignore_case"}, "acme inc", "acme", False),
        ({"compare": "ignore_case"}, 1, 1.0, True),
        ({"compare": "ignore_case"}, "1", 1, False),
        ({"compare": "numeric"}, "$1,234.50", 1234.5, True),
        ({"compare": "numeric"}, 1234.5, "1,234.50", True),
        ({"compare": "numeric"}, 12.51, 12.5, False),
        ({"compare": "numeric", "tolerance": 0.01}, 12.51, 12.5, True),
        ({"compare": "numeric"}, "none", 12.5, False),
        ({"compare": "numeric"}, [12.5], 12.5, True),
        ({"compare": "numeric"}, [12.5, 13], 12.5, False),
        ({"compare": "numeric"}, True, 1, False),
        ({"compare": "set"}, ["b", "a", "a"], ["a", "b"], True),
        ({"compare": "set"}, ["a"], ["a", "b"], False),
        ({"compare": "set"}, [1.0, {"x": 1}], [{"x": 1}, 1], True),
        ({"compare": "set"}, "ab", ["a", "b"], False),
        ({"compare": "set"}, [], [], True),
    ],
)
def test_each_field_by_its_own_rule(rule, got, wanted, is_right):
    found = fields_score(json.dumps({"x": got}), {"x": wanted}, fields={"x": rule})

    assert passed(found) == {"x": is_right}


def test_a_wrong_field_says_what_was_expected():
    found = fields_score('{"a": 2}', {"a": 1, "b": "x"})

    assert [one.reason for one in found.criteria] == [
        "expected 1, got 2",
        'expected "x", got nothing',
    ]


def test_invalid_json_is_the_models_failure_and_says_so():
    assert fields_score("{", {"a": 1}).reason is not None
    assert str(fields_score("{", {"a": 1}).reason).startswith("invalid JSON: Expecting property")
    assert fields_score("[]", {"a": 1}).reason == "not a JSON object"


@pytest.mark.parametrize("target", [None, {}, []])
def test_a_target_without_fields_is_unscored(target):
    found = fields_score('{"a": 1}', target)

    assert (found.value, found.reason) == (None, "no_target")


def test_a_target_that_lacks_every_asked_field_is_unscored():
    found = fields_score('{"a": 1}', {"b": 1}, fields=["a"])

    assert (found.value, found.reason) == (None, "no_target")
    assert fields_score("{", {"b": 1}, fields=["a"]).value is None


@pytest.mark.parametrize(
    ("target", "settings", "message"),
    [
        ([1], {}, "must be an object"),
        ("[1]", {}, "must be an object"),
        ("{", {}, "Expecting property name"),
        (3, {}, "must be an object"),
        ({"a": float("nan")}, {}, "not JSON compliant"),
        ({"a": "x"}, {"fields": {"a": {"compare": "numeric"}}}, "'a': 'x' holds no number"),
        ({"a": [1, 2]}, {"fields": {"a": {"compare": "numeric"}}}, "'a' is compared as a number"),
        ({"a": "x"}, {"fields": {"a": {"compare": "set"}}}, "'a' is compared as a set"),
    ],
)
def test_a_target_that_cannot_be_compared_is_found_before_the_run(target, settings, message):
    built = JsonFieldsSettings.model_validate({"kind": "json_fields", **settings})
    scorer = make_scorer("json_fields", built, project=Project(Path()))

    assert message in str(scorer.target_problem(case_of(target)))
    with pytest.raises(ScorerError, match="case 'c1'"):
        asyncio.run(scorer.score(case_of(target), Completion(text="{}")))


@pytest.mark.parametrize(
    "fields", [[], {}, "a", {"a": {"compare": "fuzzy"}}, {"a": {"tolerance": -1}}, {"a": {"x": 1}}]
)
def test_rules_that_mean_nothing_are_refused(fields):
    with pytest.raises(ValidationError):
        JsonFieldsSettings.model_validate({"kind": "json_fields", "fields": fields})


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=10,
)  # fmt: skip


@given(JSON_VALUES)
def test_json_is_read_back_and_equals_itself(value):
    assert json_equal(parse_json(json.dumps(value)), value)


@given(st.dictionaries(st.text(), JSON_VALUES, min_size=1, max_size=5))
def test_an_object_has_all_its_own_fields_right(value):
    assert fields_score(json.dumps(value), value).value == 1


@given(
    st.text(alphabet=st.characters(exclude_categories=())) | JSON_VALUES.map(json.dumps),
    st.dictionaries(st.text(), JSON_VALUES, min_size=1, max_size=3),
)
def test_any_answer_has_a_share_between_0_and_1(output, target):
    found = fields_score(output, target)

    assert found.value is not None
    assert 0 <= found.value <= 1
    assert len(found.criteria) == len(target)
