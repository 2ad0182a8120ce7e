"""Cases on disk come back as they went in, from the temporary file and from a run's cases.jsonl."""

import gc
import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from evalrunner.datasets import CaseFile, CaseSet, DatasetSettings, load_cases, write_cases
from evalrunner.errors import StoreError
from evalrunner.project import Project
from evalrunner.types import Case, sha256_of

texts = st.text(st.characters(exclude_categories=()), max_size=20)
numbers = st.integers(-(2**70), 2**70) | st.floats(allow_nan=False, allow_infinity=False)
values = st.recursive(
    st.none() | st.booleans() | numbers | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=8,
)
names = texts.filter(
    lambda name: name not in {"id", "input", "expected_output", "rubric", "tags", "category"}
).filter(lambda name: name != "sha256")
rows = st.lists(
    st.builds(
        lambda extra, text: extra | {"input": text},
        st.dictionaries(names, values, max_size=4),
        texts.filter(lambda text: text.strip()),
    ),
    min_size=1,
    max_size=6,
)


def load(root: Path, *cases: dict, name: str = "cases.jsonl") -> CaseSet:
    (root / name).write_text("".join(json.dumps(case) + "\n" for case in cases))
    return load_cases(DatasetSettings(name="t", path=name), Project(root), seed=0)


@given(rows)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
def test_any_case_survives_the_way_into_a_run_and_back(tmp_path, fields):
    cases = load(tmp_path, *fields)
    write_cases([cases], tmp_path / "frozen.jsonl")
    frozen = CaseFile(tmp_path / "frozen.jsonl")

    frozen.verify()
    expected = [case | {"id": str(n)} for n, case in enumerate(fields, start=1)]
    assert [case.fields for case in cases] == expected
    assert list(frozen) == list(cases)
    assert [case.sha256 for case in frozen] == [sha256_of(case) for case in expected]
    assert frozen.sha256 == cases.sha256


@pytest.mark.parametrize("text", ["\ud800", "a\0b", "\u2028\u2029\x85\x1c", "\r\n", "\U0001f600"])
def test_awkward_characters_come_back_and_the_file_stays_ascii_lines(tmp_path, text):
    write_cases(
        [load(tmp_path, {"id": text + "x", "input": text + "x"})], tmp_path / "frozen.jsonl"
    )
    (case,) = CaseFile(tmp_path / "frozen.jsonl")

    assert (case.id, case.input) == (text + "x", text + "x")
    assert (tmp_path / "frozen.jsonl").read_bytes().isascii()
    assert (tmp_path / "frozen.jsonl").read_bytes().count(b"\n") == 1


def test_a_frozen_line_holds_all_fields_and_last_the_hash(tmp_path):
    case = {"id": "a", "input": "q", "tags": ["edge"], "zone": 3}
    write_cases([load(tmp_path, case)], tmp_path / "frozen.jsonl")

    line = json.loads((tmp_path / "frozen.jsonl").read_text())
    assert line == case | {"sha256": sha256_of(case)}
    assert list(line)[-1] == "sha256"


def test_sets_are_frozen_one_after_another(tmp_path):
    first = load(tmp_path, {"input": "a"}, {"input": "b"}, name="one.jsonl")
    second = load(tmp_path, {"input": "c"}, name="two.jsonl")

    spans = write_cases([first, second, first], tmp_path / "frozen.jsonl")

    frozen = CaseFile(tmp_path / "frozen.jsonl")
    assert spans == [(0, 2), (2, 1), (3, 2)]
    assert [case.input for case in frozen] == ["a", "b", "c", "a", "b"]
    part = frozen.slice(*spans[2], name="again")
    assert [(case.input, case.index) for case in part] == [("a", 3), ("b", 4)]
    assert (len(part), part.name, part.sha256) == (2, "again", first.sha256)


def test_cases_are_a_sequence_that_can_be_iterated_again_and_at_once(tmp_path):
    cases = load(tmp_path, *({"input": letter} for letter in "abc"))

    pairs = [(one.input, two.input) for one in cases for two in cases]

    assert pairs == [(one, two) for one in "abc" for two in "abc"]
    assert [case.index for case in cases] == [0, 1, 2]
    assert (len(cases), cases[-1].input, cases.name) == (3, "c", "t")
    assert [case.input for case in cases[1:]] == ["b", "c"]
    assert cases[1] in cases
    with pytest.raises(IndexError):
        cases[3]


def test_the_hash_of_a_set_depends_on_its_order(tmp_path):
    one = load(tmp_path, {"id": "a", "input": "x"}, {"id": "b", "input": "y"})
    two = load(tmp_path, {"id": "b", "input": "y"}, {"id": "a", "input": "x"})

    assert one.sha256 != two.sha256


def test_a_case_set_outlives_its_source_and_leaves_nothing_behind(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()
    cases = load(tmp_path, {"input": "q"})
    (tmp_path / "cases.jsonl").unlink()
    descriptors = len(list(Path("/dev/fd").iterdir()))

    assert cases[0].input == "q"
    assert list((tmp_path / "temporary").iterdir()) == []
    del cases
    gc.collect()
    assert len(list(Path("/dev/fd").iterdir())) == descriptors - 1


def test_verify_names_the_lines_that_changed(tmp_path):
    path = tmp_path / "frozen.jsonl"
    write_cases([load(tmp_path, *({"input": letter} for letter in "abc"))], path)
    path.write_text(path.read_text().replace('"b"', '"B"'))

    with pytest.raises(StoreError, match=r"frozen\.jsonl: changed .*: line 2$"):
        CaseFile(path).verify()


@pytest.mark.parametrize("line", ["{", "[]", '{"id": "a"}', '{"sha256": "0"}', "5"])
def test_a_line_that_is_no_case_is_named_when_it_is_read(tmp_path, line):
    path = tmp_path / "frozen.jsonl"
    write_cases([load(tmp_path, {"input": "a"})], path)
    path.write_text(path.read_text() + line)
    frozen = CaseFile(path)

    assert isinstance(frozen[0], Case)
    with pytest.raises(StoreError, match=r"frozen\.jsonl:2: not a case"):
        frozen[1]


def test_a_run_directory_that_cannot_be_written_or_read_is_a_store_error(tmp_path):
    cases = load(tmp_path, {"input": "a"})

    with pytest.raises(StoreError, match="cannot be written: No such file"):
        write_cases([cases], tmp_path / "missing" / "cases.jsonl")
    with pytest.raises(StoreError, match="cannot be read: No such file"):
        CaseFile(tmp_path / "missing.jsonl")
