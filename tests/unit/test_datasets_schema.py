"""JSON Schema, the settings, and what a column can say."""

import json
import sys
from pathlib import Path

import jsonschema
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyarrow import parquet
from pydantic import ValidationError

from evalrunner.datasets import CaseSet, DatasetSettings, load_cases
from evalrunner.datasets._quick import compile_schema
from evalrunner.datasets._schema import builtin_schema_path
from evalrunner.errors import ConfigError
from evalrunner.project import Project

BUILTIN = json.loads(builtin_schema_path().read_text())


def load(root: Path, *rows: dict, **settings) -> CaseSet:
    (root / "cases.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    made = DatasetSettings(name="t", path="cases.jsonl", **settings)
    return load_cases(made, Project(root), seed=0)


def first_problem(root: Path, *rows: dict, **settings):
    with pytest.raises(ConfigError) as caught:
        load(root, *rows, **settings)
    return caught.value.problems[0]


scalars = (
    st.none() | st.booleans() | st.integers(-3, 3) | st.sampled_from([0.5, 1.0, "", "a", "user"])
)
keys = st.sampled_from(
    ["id", "input", "role", "content", "criterion", "weight", "tags", "rubric", "category", "x"]
)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=4),
    max_leaves=12,
)
schemas = st.recursive(
    st.booleans()
    | st.fixed_dictionaries(
        {},
        optional={
            "type": st.sampled_from(["string", "integer", "number", "object", "array", "null"])
            | st.lists(st.sampled_from(["string", "boolean", "array"]), min_size=1, unique=True),
            "enum": st.lists(scalars, min_size=1, max_size=3),
            "minLength": st.integers(0, 2),
            "maxLength": st.integers(0, 2),
            "minItems": st.integers(0, 2),
            "maxItems": st.integers(0, 2),
            "minProperties": st.integers(0, 2),
            "maxProperties": st.integers(0, 2),
            "minimum": st.integers(-2, 2),
            "maximum": st.integers(-2, 2),
            "exclusiveMinimum": st.integers(-2, 2),
            "exclusiveMaximum": st.integers(-2, 2),
            "pattern": st.sampled_from(["^a", "s", "^$"]),
            "required": st.lists(keys, max_size=2, unique=True),
            "additionalProperties": st.booleans(),
        },
    ),
    lambda inner: st.fixed_dictionaries(
        {},
        optional={
            "properties": st.dictionaries(keys, inner, max_size=3),
            "items": inner,
            "additionalProperties": st.booleans(),
            "type": st.sampled_from(["object", "array"]),
            "required": st.lists(keys, max_size=2, unique=True),
        },
    ),
    max_leaves=6,
)


@given(schemas, values)
def test_the_quick_test_never_passes_what_jsonschema_refuses(schema, value):
    is_plainly_valid = compile_schema(schema)

    if is_plainly_valid is not None and is_plainly_valid(value):
        assert jsonschema.Draft202012Validator(schema).is_valid(value)


@given(st.dictionaries(keys, values, max_size=5) | values)
def test_the_quick_test_agrees_with_the_built_in_schema(value):
    is_plainly_valid = compile_schema(BUILTIN)

    assert is_plainly_valid is not None
    if is_plainly_valid(value):
        assert jsonschema.Draft202012Validator(BUILTIN).is_valid(value)


@pytest.mark.parametrize(
    "row",
    [
        {"id": "a", "input": "q", "expected_output": "x", "category": "c", "tags": ["t"]},
        {"input": [{"role": "user", "content": "hi"}], "rubric": ["Polite"]},
        {"input": {"question": "q"}, "rubric": [{"criterion": "Polite", "weight": 2}]},
    ],
)
def test_usual_cases_need_no_jsonschema(row):
    is_plainly_valid = compile_schema(BUILTIN)

    assert is_plainly_valid is not None
    assert is_plainly_valid(row)


@pytest.mark.parametrize(
    "keyword",
    [
        {"not": {}},
        {"oneOf": [True]},
        {"if": True, "then": False},
        {"$ref": "#"},
        {"contains": True},
        {"additionalProperties": {"type": "string"}},
        {"prefixItems": [True]},
        {"$schema": "http://json-schema.org/draft-04/schema#"},
        {"pattern": "("},
        {"items": [True]},
        False,
        None,
    ],
)
def test_schemas_beyond_the_quick_test_are_left_to_jsonschema(keyword):
    assert compile_schema(keyword) is None


def test_the_built_in_schema_is_valid():
    jsonschema.Draft202012Validator.check_schema(BUILTIN)


@pytest.mark.parametrize(
    ("fields", "what"),
    [
        ({"input": 5}, "input: 5 is not of type 'string', 'array', 'object'"),
        ({"input": []}, "input: [] should be non-empty"),
        ({"input": [{"role": "usr", "content": "x"}]}, "input[0].role: 'usr' is not one of ["),
        ({"input": [{"role": "user"}]}, "input[0]: 'content' is missing, there are: role"),
        ({"rubric": "Polite"}, "rubric: 'Polite' is not of type 'array', 'null'"),
        ({"rubric": [{"criterion": "x", "weight": 0}]}, "rubric[0].weight: 0 is less than"),
        ({"rubric": [{"criterion": "x", "wait": 1}]}, "rubric[0]: Additional properties"),
        ({"tags": ["a", 1]}, "tags[1]: 1 is not of type 'string'"),
        ({"id": ""}, "id: '' should be non-empty"),
    ],
)
def test_what_breaks_the_built_in_schema_is_shown_with_its_place(tmp_path, fields, what):
    problem = first_problem(tmp_path, {"id": "a", "input": "q"} | fields)

    assert problem.where == "cases.jsonl:1"
    assert problem.what.startswith(what)


def test_a_huge_or_hostile_value_is_shown_short_and_harmless(tmp_path):
    problem = first_problem(tmp_path, {"input": "q", "tags": "\x1b[31m" + "x" * 100_000})

    assert "\x1b" not in problem.what
    assert len(problem.what) < 300


def test_the_users_schema_is_checked_beside_the_built_in_one(tmp_path):
    schema = {"properties": {"level": {"type": "integer", "maximum": 3}}, "required": ["level"]}
    (tmp_path / "s.json").write_text(json.dumps(schema))

    with pytest.raises(ConfigError) as caught:
        load(tmp_path, {"level": 4}, {"input": "q"}, {"input": "q", "level": 3}, schema="s.json")

    assert [str(problem).split("\n")[0] for problem in caught.value.problems] == [
        "cases.jsonl:1: 'input' is missing, there are: level",
        "cases.jsonl:1: level: 4 is greater than the maximum of 3",
        "cases.jsonl:2: 'level' is missing, there are: input",
    ]


def test_the_users_schema_may_use_all_of_json_schema(tmp_path):
    schema = {
        "$defs": {"even": {"multipleOf": 2}},
        "properties": {"n": {"$ref": "#/$defs/even"}},
        "if": {"required": ["n"]},
        "then": {"required": ["m"]},
    }
    (tmp_path / "s.json").write_text(json.dumps(schema))

    with pytest.raises(ConfigError) as caught:
        load(tmp_path, {"input": "q"}, {"input": "q", "n": 3}, schema="s.json")

    assert [problem.what for problem in caught.value.problems] == [
        "n: 3 is not a multiple of 2",
        "'m' is missing, there are: input, n",
    ]


@pytest.mark.parametrize(
    ("schema", "what"),
    [
        ("{", "is not JSON"),
        ("5", "holds no JSON Schema"),
        ('{"type": "strng"}', "no valid JSON Schema"),
        ('{"minLength": "3"}', "no valid JSON Schema"),
        ('{"pattern": "("}', "no valid JSON Schema"),
        ('{"$ref": "http://127.0.0.1:9/s.json"}', "nothing is fetched"),
        ('{"$ref": "#/$defs/no"}', "is not in the schema"),
        ('{"$ref": "#"}', "without end"),
    ],
)
def test_a_schema_that_is_none_is_the_settings_problem(tmp_path, schema, what):
    (tmp_path / "s.json").write_text(schema)

    problem = first_problem(tmp_path, {"input": "q"}, schema="s.json")

    assert problem.where == "dataset.schema"
    assert what in problem.what


def test_the_key_schema_survives_a_dump():
    made = DatasetSettings.model_validate({"name": "t", "path": "p.csv", "schema": "s.json"})

    dumped = made.model_dump()

    assert made.schema_ == "s.json"
    assert dumped["schema"] == "s.json"
    assert DatasetSettings.model_validate(dumped) == made
    assert json.loads(made.model_dump_json())["schema"] == "s.json"
    assert "schema" in DatasetSettings.model_json_schema()["properties"]


@pytest.mark.parametrize(
    "wrong", [{"limit": -1}, {"slice": []}, {"encoding": "utf-99"}, {"encoding": "rot13"}]
)
def test_wrong_settings_are_refused(wrong):
    with pytest.raises(ValidationError):
        DatasetSettings.model_validate({"name": "t", "path": "p.csv"} | wrong)


@pytest.mark.parametrize("path", ["cases.yaml", "cases", "cases.jsonl.gz"])
def test_an_unknown_format_is_refused_with_the_known_ones(tmp_path, path):
    with pytest.raises(ConfigError, match=r"dataset\.path(.|\n)*\.jsonl, \.json, \.csv, \.parquet"):
        load_cases(DatasetSettings(name="t", path=path), Project(tmp_path), seed=0)


def test_a_missing_file_is_refused_under_the_given_key(tmp_path):
    settings = DatasetSettings(name="t", path="none.csv")

    with pytest.raises(ConfigError, match=r"^data\.test\.path: no file 'none\.csv'"):
        load_cases(settings, Project(tmp_path), seed=0, where="data.test")


def test_an_absolute_path_needs_leave(tmp_path):
    path = tmp_path / "cases.jsonl"
    path.write_text('{"input": "q"}')
    settings, project = DatasetSettings(name="t", path=str(path)), Project(tmp_path)

    assert len(load_cases(settings, project, seed=0, allow_absolute=True)) == 1
    with pytest.raises(ConfigError, match="is absolute"):
        load_cases(settings, project, seed=0)


def test_a_file_that_may_not_be_read_is_a_problem(tmp_path, monkeypatch):
    (tmp_path / "cases.jsonl").mkdir()
    monkeypatch.setattr(Path, "is_file", lambda _: True)

    with pytest.raises(ConfigError, match=r"cases\.jsonl: cannot be read: Is a directory"):
        load_cases(DatasetSettings(name="t", path="cases.jsonl"), Project(tmp_path), seed=0)


def test_empty_cells_are_absent_fields_and_values_stay_text(tmp_path):
    (tmp_path / "cases.csv").write_text(
        "id,input,expected_output,level,tags,rubric\n"
        '1,"[not a list]",,007,"[""edge""]","[""Polite"", {""criterion"": ""Short""}]"\n'
    )

    (case,) = load_cases(DatasetSettings(name="t", path="cases.csv"), Project(tmp_path), seed=0)

    assert case.fields == {
        "id": "1",
        "input": "[not a list]",
        "level": "007",
        "tags": ["edge"],
        "rubric": ["Polite", {"criterion": "Short"}],
    }


def test_renamed_columns_are_read_by_their_new_name(tmp_path):
    (tmp_path / "cases.csv").write_text('question,marks\nq,"[""edge""]"\n')
    fields = {"input": "question", "tags": "marks"}
    settings = DatasetSettings(name="t", path="cases.csv", fields=fields)

    (case,) = load_cases(settings, Project(tmp_path), seed=0)

    assert case.fields == {"id": "1", "input": "q", "tags": ["edge"]}


@pytest.mark.parametrize(("cells", "what"), [("a,", "input is empty"), (",q", "id: ''")])
def test_an_empty_input_or_id_cell_is_refused(tmp_path, cells, what):
    (tmp_path / "cases.csv").write_text(f"id,input\n{cells}\n")

    with pytest.raises(ConfigError, match=rf"cases\.csv:2: {what}"):
        load_cases(DatasetSettings(name="t", path="cases.csv"), Project(tmp_path), seed=0)


def test_parquet_gives_typed_values_and_nulls_are_absent(tmp_path):
    table = pa.table(
        {
            "id": [7, 8],
            "input": [[{"role": "user", "content": "hi"}], [{"role": "user", "content": "ho"}]],
            "expected_output": [1.5, None],
            "tags": [["edge"], None],
        }
    )
    parquet.write_table(table, tmp_path / "cases.parquet")

    cases = load_cases(DatasetSettings(name="t", path="cases.parquet"), Project(tmp_path), seed=0)

    assert cases[0].fields["expected_output"] == 1.5
    assert cases[1].fields == {"id": "8", "input": [{"role": "user", "content": "ho"}]}


def test_a_broken_parquet_file_is_refused(tmp_path):
    (tmp_path / "cases.parquet").write_bytes(b"PAR1 not at all")

    with pytest.raises(ConfigError, match="not a readable Parquet file"):
        load_cases(DatasetSettings(name="t", path="cases.parquet"), Project(tmp_path), seed=0)


def test_parquet_without_pyarrow_says_what_to_install(tmp_path, monkeypatch):
    (tmp_path / "cases.parquet").write_bytes(b"")
    monkeypatch.setitem(sys.modules, "pyarrow", None)

    with pytest.raises(ConfigError, match=r"pip install 'evalrunner\[parquet\]'"):
        load_cases(DatasetSettings(name="t", path="cases.parquet"), Project(tmp_path), seed=0)


@pytest.mark.parametrize("size", [(1 << 20) - 1, 1 << 20, (1 << 20) + 1, 3 << 20])
def test_rows_of_an_array_may_lie_across_chunks(tmp_path, size):
    texts = ["é" * (size // 2), "x\n" * 100, "y" * size]
    rows = [{"id": str(n), "input": text, "n": 10**30} for n, text in enumerate(texts)]
    (tmp_path / "cases.json").write_text(json.dumps(rows, indent=2, ensure_ascii=False))

    cases = load_cases(DatasetSettings(name="t", path="cases.json"), Project(tmp_path), seed=0)

    assert [case.fields for case in cases] == rows
