"""What a test set may do to us, C1 to C18 of the fault catalogue, and what we say then."""

import json
import resource
import subprocess
import sys
from datetime import date
from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import parquet

from evalrunner.datasets import CaseSet, DatasetSettings, load_cases
from evalrunner.errors import ConfigError, Problem, StoreError
from evalrunner.project import Project


def load(root: Path, content: str | bytes, name: str = "cases.jsonl", **settings) -> CaseSet:
    data = content if isinstance(content, bytes) else content.encode()
    (root / name).write_bytes(data)
    made = DatasetSettings(name="t", path=name, **settings)
    return load_cases(made, Project(root), seed=0)


def problems_of(*args, **settings) -> tuple[Problem, ...]:
    with pytest.raises(ConfigError) as caught:
        load(*args, **settings)
    return caught.value.problems


def row(**fields) -> str:
    return json.dumps({"id": "a", "input": "q"} | fields) + "\n"


def test_duplicate_ids_are_refused_with_both_lines(tmp_path):
    """C1."""
    (problem,) = problems_of(tmp_path, row(id="a") + row(id="b") + row(id="a"))

    assert problem.where == "cases.jsonl:3"
    assert problem.what == "id 'a' is already in line 1"


@pytest.mark.parametrize(
    ("first", "second"),
    [(7, "7"), ("é", "e\u0301"), ("7", 7)],
)
def test_ids_equal_to_the_eye_collide(tmp_path, first, second):
    """C2."""
    (problem,) = problems_of(tmp_path, row(id=first) + row(id=second))

    assert "already in line 1" in problem.what


def test_integer_ids_keep_their_digits(tmp_path):
    """C2."""
    big = 2**70

    cases = load(tmp_path, row(id=7) + row(id="007") + row(id=big))

    assert [case.id for case in cases] == ["7", "007", str(big)]
    assert cases[0].fields["id"] == "7"


@pytest.mark.parametrize("value", [False, 7.5, None, ["a"]])
def test_ids_of_another_type_are_refused_with_a_hint_to_quote_them(tmp_path, value):
    """C2."""
    (problem,) = problems_of(tmp_path, row(id=value))

    assert problem.where == "cases.jsonl:1"
    assert problem.what.startswith("id:")
    assert "quote" in problem.hint


def test_a_date_as_id_is_refused(tmp_path):
    """C2."""
    table = pa.table({"id": [date(2026, 11, 23)], "input": ["q"]})
    parquet.write_table(table, tmp_path / "cases.parquet")
    settings = DatasetSettings(name="t", path="cases.parquet")

    with pytest.raises(ConfigError, match=r"parquet:row 1: id: .*2026.*\n.*quote"):
        load_cases(settings, Project(tmp_path), seed=0)


def test_rows_without_any_id_are_numbered(tmp_path):
    cases = load(tmp_path, '{"input": "x"}\n\n{"input": "y"}\n')

    assert [case.id for case in cases] == ["1", "2"]


def test_ids_in_some_rows_only_are_refused(tmp_path):
    problems = problems_of(tmp_path, '{"input": "x"}\n' + row() + '{"input": "y"}\n')

    assert [problem.where for problem in problems] == ["cases.jsonl:1", "cases.jsonl:3"]
    assert problems[0].what == "no id, but line 2 has one"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("cases.csv", "id,input\na,q\n"),
        ("cases.jsonl", '{"id": "a", "input": "q"}\n'),
        ("cases.json", '[{"id": "a", "input": "q"}]'),
    ],
)
def test_a_byte_order_mark_is_accepted(tmp_path, name, text):
    """C3."""
    cases = load(tmp_path, b"\xef\xbb\xbf" + text.encode(), name)

    assert cases[0].fields == {"id": "a", "input": "q"}


def test_only_line_feeds_end_lines_and_values_keep_theirs(tmp_path):
    """C4."""
    value = "a\u2028b\u0085c\x1cd\r\ne"
    raw = json.dumps({"id": "a", "input": value}, ensure_ascii=False)

    jsonl = load(tmp_path, raw + "\r\n" + raw.replace('"a"', '"b"') + "\r\n")
    csv = load(tmp_path, f'id,input\r\na,"{value}"\r\n', "cases.csv")

    assert [case.input for case in jsonl] == [value, value]
    assert csv[0].input == value


def test_bytes_of_another_encoding_are_refused_with_their_offset(tmp_path):
    """C5."""
    data = row(id="a").encode() + row(id="b").encode().replace(b"q", b"caf\xe9")

    (problem,) = problems_of(tmp_path, data)

    assert problem.where == "cases.jsonl:2"
    assert problem.what == f"not utf-8: byte 0xe9 at offset {data.index(0xE9)}"
    assert "dataset.encoding=cp1252" in problem.hint


def test_the_offset_holds_beyond_the_first_chunk_and_for_cut_characters(tmp_path):
    """C5."""
    data = row(input="x" * 3_000_000).encode() + b'{"id": "b", "input": "\xc3'

    (problem,) = problems_of(tmp_path, data)

    assert problem.where == "cases.jsonl:2"
    assert f"offset {len(data) - 1:,}" in problem.what


@pytest.mark.parametrize("encoding", ["cp1252", "utf-16"])
@pytest.mark.parametrize("name", ["cases.jsonl", "cases.csv"])
def test_another_encoding_can_be_named(tmp_path, encoding, name):
    """C5."""
    text = 'id,input\na,"café €"\n' if name.endswith("csv") else '{"id": "a", "input": "café €"}\n'

    cases = load(tmp_path, text.encode(encoding), name, encoding=encoding)

    assert cases[0].input == "café €"


def test_a_file_without_the_mark_of_its_encoding_is_refused(tmp_path):
    """C5."""
    (problem,) = problems_of(tmp_path, row().encode("utf-16-be"), encoding="utf-16")

    assert problem.where == "cases.jsonl"
    assert "BOM" in problem.what


def test_utf16_is_guessed(tmp_path):
    """C5."""
    (problem,) = problems_of(tmp_path, row().encode("utf-16"))

    assert "encoding=utf-16" in problem.hint


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999"])
@pytest.mark.parametrize("is_array", [False, True])
def test_numbers_that_json_lacks_are_refused(tmp_path, number, is_array):
    """C6."""
    bad = row(id="b", score="?").strip().replace('"?"', number)
    text = f"[{row()[:-1]},\n{bad}]" if is_array else row() + bad

    (problem,) = problems_of(tmp_path, text)

    assert problem.where == "cases.jsonl:2"
    assert number in problem.what


def test_a_nan_of_a_parquet_file_is_refused(tmp_path):
    """C6."""
    table = pa.table({"input": ["q", "r"], "score": [1.0, float("nan")]})
    parquet.write_table(table, tmp_path / "cases.parquet")

    with pytest.raises(ConfigError, match=r"cases\.parquet:row 2: score is nan"):
        load_cases(DatasetSettings(name="t", path="cases.parquet"), Project(tmp_path), seed=0)


def test_huge_integers_are_refused_and_large_ones_kept(tmp_path):
    """C7."""
    (problem,) = problems_of(tmp_path, row().replace('"q"', '"q", "n": ' + "9" * 5000))
    cases = load(tmp_path, row(n=2**64 + 1))

    assert problem.where == "cases.jsonl:1"
    assert "5,000 digits" in problem.what
    assert cases[0].fields["n"] == 2**64 + 1


def test_a_key_that_stands_twice_is_refused(tmp_path):
    """C8."""
    (problem,) = problems_of(tmp_path, row() + '{"id": "b", "input": "x", "input": "y"}\n')

    assert problem.where == "cases.jsonl:2"
    assert "'input' stands twice" in problem.what


@pytest.mark.parametrize("depth", [101, 100_000])
@pytest.mark.parametrize("name", ["cases.jsonl", "cases.json"])
def test_deep_nesting_is_refused(tmp_path, depth, name):
    """C9."""
    deep = row(x="?").replace('"?"', "[" * depth + "]" * depth)
    text = deep if name.endswith("l") else f"[{deep}]"

    (problem,) = problems_of(tmp_path, text, name)

    assert problem.where == f"{name}:1"
    assert "nested more than 100" in problem.what


def test_many_brackets_are_not_taken_for_depth(tmp_path):
    """C9."""
    cases = load(tmp_path, row(input="[" * 500, x=[[]] * 500))

    assert cases[0].input == "[" * 500


@pytest.mark.parametrize("name", ["cases.jsonl", "cases.json", "cases.csv"])
def test_a_value_of_ten_megabytes_is_read(tmp_path, name):
    """C10."""
    value = "0123456789" * 1_000_000
    text = {
        "cases.jsonl": row(input=value),
        "cases.json": f"[{row(input=value)}]",
        "cases.csv": f"id,input\na,{value}\n",
    }[name]

    cases = load(tmp_path, text, name)

    assert cases[0].input == value


def test_arrays_and_lines_are_told_apart_by_content(tmp_path):
    """C11."""
    array = load(tmp_path, " \n[" + row(id="a") + "," + row(id="b") + "]", "array.jsonl")
    lines = load(tmp_path, row(id="a") + row(id="b"), "lines.json")

    assert [case.id for case in array] == [case.id for case in lines] == ["a", "b"]


def test_one_object_over_several_lines_is_one_clear_problem(tmp_path):
    """C11."""
    text = json.dumps({"cases": [{"id": "a", "input": "q"}]}, indent=1)

    (problem,) = problems_of(tmp_path, text, "cases.json")

    assert "spans several lines" in problem.what
    assert "array" in problem.hint


@pytest.mark.parametrize("value", ["5", '"text"', "null", "[1]", "true", "1.5"])
def test_rows_that_are_no_objects_are_refused(tmp_path, value):
    """C11."""
    (problem,) = problems_of(tmp_path, row() + value + "\n")

    assert problem.where == "cases.jsonl:2"
    assert "must be an object" in problem.what


def test_all_faulty_lines_are_shown_at_once(tmp_path):
    """C12."""
    text = (
        row(id="a")
        + "\n  \n"
        + "// a comment\n# another\n"
        + '{"id": "b", "input": "q"},\n'
        + '{"id": "c", "input": "q",}\n'
        + "{'id': 'd'}\n"
        + '{"id": "e", "inp'
    )

    problems = problems_of(tmp_path, text)

    assert [problem.where for problem in problems] == [f"cases.jsonl:{n}" for n in range(4, 10)]
    assert all("not JSON" in problem.what for problem in problems)
    hints = [problem.hint for problem in problems]
    assert hints[:2] == ["JSON has no comments: delete it"] * 2
    assert hints[2:4] == ["remove the trailing comma"] * 2
    assert hints[4] == "JSON wants double quotes"
    assert "half-written" in hints[5]


def test_the_first_twenty_problems_are_shown_and_the_rest_counted(tmp_path):
    """C12."""
    problems = problems_of(tmp_path, "oops\n" * 1033)

    assert len(problems) == 21
    assert problems[19].where == "cases.jsonl:20"
    assert problems[20].what == "and 1,013 more"


def test_a_number_across_two_chunks_is_one_number(tmp_path):
    """C11."""
    (problem,) = problems_of(tmp_path, "[" + " " * ((1 << 20) - 4) + "123456]")

    assert problem.what == "a row must be an object {…}, this is a number"


@pytest.mark.parametrize(
    ("text", "line", "what"),
    [
        ('[{"id": "a", "input": "q"},\n\n]', 3, "comma before the closing ]"),
        ('[{"id": "a", "input": "q"}\n{"id": "b"}]', 2, "a comma or the closing ] is missing"),
        ('[{"id": "a", "input": "q"}\n', 2, "the file ends inside the array"),
        ('[\n{"id": "a", "inp', 2, "Unterminated string"),
        ('[{"id": "a", "input": "q"}]\nx', 2, "text after the end"),
        ('[\n{"id": "a",\n "input": q}]', 3, "Expecting value, column 11"),
        ("[\n// all of them\n]", 2, "Expecting value"),
    ],
)
def test_faults_of_an_array_are_shown_with_their_line(tmp_path, text, line, what):
    """C12."""
    (problem,) = problems_of(tmp_path, text, "cases.json")

    assert problem.where == f"cases.json:{line}"
    assert what in problem.what


def test_a_case_without_input_is_named_before_any_request(tmp_path):
    """C13; what templates and scorers need is checked over all cases by planning."""
    (problem,) = problems_of(tmp_path, row(id="a") + '{"id": "b", "question": "q"}\n')

    assert problem.where == "cases.jsonl:2"
    assert problem.what == "'input' is missing, there are: id, question"
    assert "dataset.fields.input=" in problem.hint


@pytest.mark.parametrize("key", ["cluster", "stratify", "slices", "filter"])
def test_fields_that_no_case_has_are_refused_with_the_nearest_name(tmp_path, key):
    """C13."""
    value = {"slices": ["catgory"], "filter": {"catgory": "x"}}.get(key, "catgory")

    (problem,) = problems_of(tmp_path, row(category="x"), **{key: value})

    assert problem.where == f"dataset.{key}"
    assert "'catgory'" in problem.what
    assert "did you mean 'category'?" in problem.hint


def test_a_filter_value_that_no_case_has_is_refused_with_the_nearest_value(tmp_path):
    text = row(id="a", category="billing") + row(id="b", category="refund")

    (problem,) = problems_of(tmp_path, text, filter={"category": ["billing", "refnd"]})

    assert problem.where == "dataset.filter"
    assert "'refnd'" in problem.what
    assert "did you mean 'refund'?" in problem.hint


@pytest.mark.parametrize("name", ["input", "expected_output"])
@pytest.mark.parametrize("value", ["", " \n"])
def test_empty_texts_are_refused_unless_allowed(tmp_path, name, value):
    """C14."""
    (problem,) = problems_of(tmp_path, row(**{name: value}))
    cases = load(tmp_path, row(**{name: value}), allow_empty=True)

    assert problem.what == f"{name} is empty"
    assert "allow_empty=true" in problem.hint
    assert cases[0].fields[name] == value


def test_lists_and_single_values_as_target_are_not_mixed(tmp_path):
    """C14."""
    text = row(id="a", expected_output="x") + row(id="b", expected_output=["x", "y"])

    (problem,) = problems_of(tmp_path, text)

    assert problem.where == "cases.jsonl:2"
    assert "single value in line 1" in problem.what


def test_a_label_outside_the_declared_ones_is_refused_by_the_users_schema(tmp_path):
    """C14."""
    (tmp_path / "s.json").write_text('{"properties": {"expected_output": {"enum": ["yes", "no"]}}}')
    text = row(id="a", expected_output="yes") + row(id="b", expected_output="maybe")

    (problem,) = problems_of(tmp_path, text, schema="s.json")

    assert problem.where == "cases.jsonl:2"
    assert problem.what == "expected_output: 'maybe' is not one of ['yes', 'no']"


@pytest.mark.parametrize(
    ("text", "settings", "where"),
    [
        ("", {}, "cases.jsonl"),
        ("\n \n", {}, "cases.jsonl"),
        ("[]", {}, "cases.jsonl"),
        (row(a="1", b="2") + row(id="z", a="2", b="1"), {"filter": {"a": 1, "b": 1}}, "filter"),
        (row(), {"limit": 0}, "limit"),
    ],
)
def test_nothing_to_run_is_refused(tmp_path, text, settings, where):
    """C15."""
    (problem,) = problems_of(tmp_path, text, **settings)

    assert where in problem.where
    assert "0 cases" in problem.what


@pytest.mark.parametrize(
    ("text", "where", "what"),
    [
        ("id,input\na,q\nb,q,extra\nc\n", "cases.csv:3", "3 cells, but the header names 2"),
        ("id;input\na;q\n", "cases.csv:1", "separated by semicolons"),
        ("id\tinput\na\tq\n", "cases.csv:1", "separated by tabs"),
        ("id,input\na,q\x00\n", "cases.csv:2", "a NUL byte"),
        ("id,in\x00put\na,q\n", "cases.csv:1", "a NUL byte"),
        ("id,input,input\na,q,r\n", "cases.csv:1", "columns of the same name: 'input'"),
        ("id,input,\na,q,r\n", "cases.csv:1", "column 3 has no name"),
        ('id,input\na,"two\nlines"\nb,"open\n', "cases.csv:4", "not CSV: unexpected end of data"),
        ('id,input,tags\na,q,"x, y"\n', "cases.csv:2", "tags is 'x, y', not a JSON list"),
        ('id,input,tags\na,q,"[1, 2"\n', "cases.csv:2", "tags is '[1, 2', not a JSON list"),
    ],
)
def test_faulty_csv_is_refused_with_its_line(tmp_path, text, where, what):
    """C16."""
    problem, *_ = problems_of(tmp_path, text, "cases.csv")

    assert problem.where == where
    assert what in problem.what


def test_every_ragged_row_is_shown(tmp_path):
    """C16."""
    problems = problems_of(tmp_path, 'id,input\na\nb,"x\ny"\nc\n', "cases.csv")

    assert [problem.where for problem in problems] == ["cases.csv:2", "cases.csv:5"]


def test_a_changed_case_changes_its_hash_and_no_other(tmp_path):
    """C17; what to do about it is decided by the run that is resumed."""
    before = load(tmp_path, row(id="a") + row(id="b"))
    after = load(tmp_path, row(id="a") + row(id="b", input="other"))

    assert before[0].sha256 == after[0].sha256
    assert before[1].sha256 != after[1].sha256
    assert before.sha256 != after.sha256


def test_equal_cases_have_equal_hashes_in_every_format(tmp_path):
    """C17."""
    load_again = load(tmp_path, '{"input": "q", "id": "a", "category": "x"}')
    table = pa.table({"id": ["a"], "input": ["q"], "category": ["x"], "tags": [None]})
    parquet.write_table(table, tmp_path / "cases.parquet")
    settings = DatasetSettings(name="t", path="cases.parquet")

    hashes = {
        load_again.sha256,
        load(tmp_path, row(category="x")).sha256,
        load(tmp_path, f"[{row(category='x')}]", "cases.json").sha256,
        load(tmp_path, "category,id,input,tags\nx,a,q,\n", "cases.csv").sha256,
        load_cases(settings, Project(tmp_path), seed=0).sha256,
    }

    assert len(hashes) == 1


@pytest.mark.parametrize("name", ["cases.jsonl", "cases.json"])
def test_memory_grows_by_bytes_a_case_not_by_its_text(tmp_path, name):
    """C18."""
    n, text = 30_000, "x" * 2000
    with (tmp_path / name).open("w") as file:
        file.write("[" if name == "cases.json" else "")
        for i in range(n):
            comma = "," if name == "cases.json" and i < n - 1 else ""
            file.write(json.dumps({"id": f"case-{i}", "input": text}) + comma + "\n")
        file.write("]" if name == "cases.json" else "")
    script = (
        "import resource, sys\n"
        "from pathlib import Path\n"
        "from evalrunner.datasets import DatasetSettings, load_cases\n"
        "from evalrunner.project import Project\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        f"cases = load_cases(DatasetSettings(name='t', path={name!r}), Project(Path()), seed=0)\n"
        "assert sum(len(case.input) for case in cases) == 60_000_000\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)\n"
    )

    grown = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, check=True
    )

    unit = 1 if sys.platform == "darwin" else 1024
    assert int(grown.stdout) * unit < 25_000_000


def test_a_remote_data_set_is_refused_with_what_can_be_read(tmp_path):
    """C18."""
    settings = DatasetSettings(name="t", path="hf://gsm8k@main?split=test")

    with pytest.raises(ConfigError, match=r"dataset\.path: 'hf://.*only local(.|\n)*\.parquet"):
        load_cases(settings, Project(tmp_path), seed=0)


@pytest.mark.parametrize("n", [1, 1000])
def test_a_full_disk_is_no_problem_of_the_data(tmp_path, n):
    content = "".join(row(id=i, input="x" * 1000) for i in range(n))
    (tmp_path / "cases.jsonl").write_text(content)
    settings = DatasetSettings(name="t", path="cases.jsonl")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (500 * n, hard))

    try:
        with pytest.raises(StoreError, match="temporary file cannot be written"):
            load_cases(settings, Project(tmp_path), seed=0)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_missing_temporary_directory_is_no_problem_of_the_data(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "missing"))

    with pytest.raises(StoreError, match="temporary file cannot be written: No such file"):
        load(tmp_path, row())
