"""`evalrunner dataset stats|convert|sample`: what they print, write and refuse."""

import csv
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evalrunner.cli import main
from evalrunner.cli.dataset.reading import read_test_set
from evalrunner.cli.dataset.writing import write_set
from evalrunner.project import Project
from evalrunner.types import Case

ROWS = [
    {"id": f"c{at}", "input": f"question {at}", "expected_output": "yes", "kind": "ab"[at % 4 == 0]}
    for at in range(40)
]


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    """A directory with one file."""
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "cases.jsonl", ROWS)
    return tmp_path


def write(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


def read(path):
    return [json.loads(line) for line in path.read_text("utf-8").split("\n") if line]


def cells_of(path):
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def run(capsys, *words, code=0):
    found = main(["dataset", *map(str, words)])
    said = capsys.readouterr()
    assert found == code, said.err
    return said


# --- stats ----------------------------------------


def test_stats_say_what_is_in_a_file(capsys, here):
    rows = [row | {"category": "ab"[n % 2], "tags": ["edge"]} for n, row in enumerate(ROWS)]
    write(here / "cases.jsonl", rows)

    found = json.loads(run(capsys, "stats", "cases.jsonl", "--json").out)

    assert found["n_cases"] == found["n_targets"] == 40
    assert found["categories"] == {"a": 20, "b": 20}
    assert found["targets"] == {"yes": 40}
    assert found["fields"]["tags"] == 40
    assert found["edge_share"] == 1.0
    assert found["input_characters"]["longest"] == len("question 10")
    assert found["input_words"]["median"] == 2
    assert found["scripts"] == {"Latin": 40}
    assert found["duplicates"] == 0


def test_stats_of_a_configured_test_set_say_what_a_run_takes(capsys):
    said = run(capsys, "stats", "banking77").out

    assert "cases        3,080" in said
    assert "a run takes 308 (dataset.limit)" in said
    assert "77 values" in said


def test_names_of_a_stranger_are_harmless_on_the_terminal(capsys, here):
    write(here / "cases.jsonl", [{"input": "x", "category": "\x1b[2Jred", "\x1b]0;t\x07": 1}])

    assert "\x1b" not in run(capsys, "stats", "cases.jsonl").out
    assert "\x1b" not in run(capsys, "check", "cases.jsonl").out


# --- convert ----------------------------------------


@pytest.mark.parametrize("ending", ["jsonl", "json", "csv", "parquet"])
def test_a_converted_file_holds_the_same_cases(capsys, here, ending):
    rows = [row | {"tags": ["edge", "é"], "rubric": ["is kind"]} for row in ROWS]
    write(here / "cases.jsonl", rows)

    run(capsys, "convert", "cases.jsonl", f"out.{ending}")

    before, after = (
        [case.fields for case in read_test_set(name, Project(here)).cases]
        for name in ("cases.jsonl", f"out.{ending}")
    )
    assert after == before


def test_fields_get_other_names(capsys, here):
    write(here / "qa.jsonl", [{"question": "why?", "answer": "so", "n": 1}])

    run(capsys, "convert", "qa.jsonl", "out.jsonl", "--map", "input=question", "--map",
        "expected_output=answer")  # fmt: skip

    assert read(here / "out.jsonl") == [
        {"id": "1", "input": "why?", "expected_output": "so", "n": 1}
    ]


def test_problems_of_a_file_are_told_at_once_with_their_lines(capsys, here):
    (here / "bad.jsonl").write_text('{"input": ""}\n{"question": "x"}\nnot json\n')

    said = run(capsys, "convert", "bad.jsonl", "out.jsonl", code=2)

    assert "bad.jsonl:1: input is empty" in said.err
    assert "bad.jsonl:2: 'input' is missing" in said.err
    assert "bad.jsonl:3: not JSON" in said.err
    assert not (here / "out.jsonl").exists()


def test_nothing_is_overwritten_without_force(capsys, here):
    (here / "out.csv").write_text("mine")

    said = run(capsys, "convert", "cases.jsonl", "out.csv", code=2)

    assert "--force" in said.err
    assert (here / "out.csv").read_text() == "mine"
    run(capsys, "convert", "cases.jsonl", "out.csv", "--force")
    assert len(cells_of(here / "out.csv")) == 40


def test_a_file_is_never_written_over_itself(capsys, here):
    before = (here / "cases.jsonl").read_bytes()

    said = run(capsys, "sample", "cases.jsonl", "./cases.jsonl", "--n", 3, "--force", code=2)

    assert "is the file that is read" in said.err
    assert (here / "cases.jsonl").read_bytes() == before


def test_csv_holds_no_formula_and_keeps_negative_numbers(capsys, here):
    cells = ["=1+1", "+49 30 1", "@SUM(A1)", "-2", "-x", "\t=1", "fine"]
    write(here / "cases.jsonl", [{"input": cell, "expected_output": cell} for cell in cells])

    said = run(capsys, "convert", "cases.jsonl", "out.csv")

    found = [row["expected_output"] for row in cells_of(here / "out.csv")]
    assert found == ["'=1+1", "'+49 30 1", "'@SUM(A1)", "-2", "'-x", "'\t=1", "fine"]
    assert "10 cells changed" in said.err


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("convert", "cases.jsonl", "out.xlsx"), "formats are .jsonl"),
        (("convert", "cases.jsonl", "none/out.csv"), "no directory"),
        (("convert", "cases.jsonl", "out.csv", "--map", "input"), "no renaming"),
        (("convert", "cases.jsonl", "out.csv", "--map", "a=b", "--map", "a=c"), "two fields"),
        (("convert", "cases.jsonl", "out.csv", "--map", "a=nothing"), "'nothing'"),
        (("stats", "nothing.jsonl"), "no file"),
        (("stats", "nothing"), "conf/dataset"),
        (("sample", "cases.jsonl", "out.csv", "--n", "41"), "1 to 40"),
        (("sample", "cases.jsonl", "out.csv", "--n", "0"), "1 to 40"),
        (("sample", "cases.jsonl", "out.csv", "--n", "4", "--by", "kinds"), "'kind'"),
    ],
)
def test_what_cannot_be_done_is_said_before_anything_is_written(capsys, here, words, told):
    before = set(here.iterdir())

    said = run(capsys, *words, code=2)

    assert told in said.err.replace("did you mean kind?", "'kind'")
    assert set(here.iterdir()) == before


@settings(max_examples=40, deadline=None)
@given(
    st.lists(
        st.fixed_dictionaries(
            {"input": st.text(min_size=1).filter(str.strip)},
            optional={"note": st.text(), "n": st.integers(), "more": st.lists(st.booleans())},
        ),
        min_size=1,
        max_size=5,
    )
)
def test_any_cases_survive_being_written_as_json(tmp_path_factory, rows):
    """Lone surrogates and line separators included."""
    path = tmp_path_factory.mktemp("out") / "out.jsonl"
    rows = [{"id": str(at)} | row for at, row in enumerate(rows)]

    write_set([Case(id=row["id"], fields=row, sha256="") for row in rows], path)

    assert [case.fields for case in read_test_set(str(path), Project(path.parent)).cases] == rows


# --- sample ----------------------------------------


def test_a_sample_keeps_shares_and_order(capsys, here):
    said = run(capsys, "sample", "cases.jsonl", "out.jsonl", "--n", 20, "--by", "kind", "--json")

    found = json.loads(said.out)
    ids = [row["id"] for row in read(here / "out.jsonl")]
    assert found["counts"] == {
        "a": {"available": 30, "sampled": 15},
        "b": {"available": 10, "sampled": 5},
    }
    assert len(ids) == 20
    assert ids == [row["id"] for row in ROWS if row["id"] in ids]


def test_a_sample_is_the_same_again_and_another_with_another_seed(capsys, here):
    for name, seed in (("one", 0), ("two", 0), ("three", 1)):
        run(capsys, "sample", "cases.jsonl", f"{name}.jsonl", "--n", 10, "--seed", seed)

    one, two, three = ((here / f"{name}.jsonl").read_bytes() for name in ("one", "two", "three"))
    assert one == two != three


def test_a_smaller_sample_is_part_of_a_larger_one(capsys, here):
    for n in (5, 15):
        run(capsys, "sample", "cases.jsonl", f"{n}.jsonl", "--n", n)

    small, large = ({row["id"] for row in read(here / f"{n}.jsonl")} for n in (5, 15))
    assert small < large


def test_a_sample_draws_what_a_run_with_that_limit_takes(capsys, here):
    """`dataset.limit` and `dataset.stratify` with the run's seed."""
    from evalrunner.datasets import DatasetSettings, load_cases

    chosen = DatasetSettings(name="c", path="cases.jsonl", limit=12, stratify="kind")

    run(capsys, "sample", "cases.jsonl", "out.jsonl", "--n", 12, "--by", "kind", "--seed", 3)

    taken = load_cases(chosen, Project(here), seed=3)
    assert [row["id"] for row in read(here / "out.jsonl")] == [case.id for case in taken]


def test_the_shares_are_told(capsys):
    said = run(capsys, "sample", "cases.jsonl", "out.jsonl", "--n", 8, "--by", "kind").out

    assert "8 cases of 40" in said
    assert "75.0 %" in said
