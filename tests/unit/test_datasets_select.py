"""Renaming, filtering, and the seeded draw."""

import json
from array import array
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalrunner.datasets import CaseSet, DatasetSettings, load_cases
from evalrunner.datasets._select import draw, draw_key, shares_of
from evalrunner.errors import ConfigError
from evalrunner.project import Project


def load(root: Path, rows: list[dict], *, seed: int = 0, **settings) -> CaseSet:
    (root / "cases.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    made = DatasetSettings(name="t", path="cases.jsonl", **settings)
    return load_cases(made, Project(root), seed=seed)


def ids(cases: CaseSet) -> list[str]:
    return [case.id for case in cases]


def rows_of(n: int) -> list[dict]:
    return [{"id": f"c{i}", "input": "q", "category": "ab"[i % 4 == 0]} for i in range(n)]


def test_the_draw_is_the_same_on_every_machine(tmp_path):
    """Golden, by sha256sum over seed, NUL, id: other ids would change every limited experiment."""
    assert ids(load(tmp_path, rows_of(20), limit=5)) == ["c6", "c9", "c11", "c13", "c15"]
    assert ids(load(tmp_path, rows_of(20), limit=5, seed=1)) == ["c2", "c4", "c5", "c8", "c11"]


def test_a_smaller_limit_takes_a_subset_of_a_larger_one(tmp_path):
    small = ids(load(tmp_path, rows_of(1000), limit=100, seed=7))
    large = ids(load(tmp_path, rows_of(1000), limit=200, seed=7))

    assert len(small) == 100
    assert set(small) < set(large)


def test_the_selected_keep_the_order_of_the_file(tmp_path):
    chosen = ids(load(tmp_path, rows_of(1000), limit=100))

    assert chosen == sorted(chosen, key=lambda name: int(name[1:]))


def test_another_seed_draws_other_cases(tmp_path):
    one = set(ids(load(tmp_path, rows_of(1000), limit=100, seed=1)))
    two = set(ids(load(tmp_path, rows_of(1000), limit=100, seed=2)))

    assert 1 <= len(one & two) <= 25


def test_new_cases_do_not_change_the_draw_among_the_old(tmp_path):
    old = set(ids(load(tmp_path, rows_of(500), limit=100)))
    new = set(ids(load(tmp_path, rows_of(505), limit=100)))

    assert len(old & new) >= 95


@pytest.mark.parametrize("limit", [None, 30, 31])
def test_a_limit_that_is_not_reached_takes_all(tmp_path, limit):
    assert ids(load(tmp_path, rows_of(30), limit=limit)) == [f"c{i}" for i in range(30)]


def test_stratify_keeps_the_shares(tmp_path):
    cases = load(tmp_path, rows_of(400), limit=40, stratify="category")

    assert Counter(case.fields["category"] for case in cases) == {"a": 30, "b": 10}


def test_cases_without_the_stratifying_field_are_a_stratum(tmp_path):
    rows = [{"input": "q", "group": [i % 2]} for i in range(20)] + [{"input": "q"}] * 20

    cases = load(tmp_path, rows, limit=8, stratify="group")

    groups = Counter(str(case.fields.get("group")) for case in cases)
    assert groups == {"None": 4, "[0]": 2, "[1]": 2}


@given(
    st.dictionaries(st.text(max_size=3), st.integers(1, 500), min_size=1, max_size=20), st.data()
)
def test_shares_are_within_one_of_exact_and_add_up(counts, data):
    total = sum(counts.values())
    limit = data.draw(st.integers(0, total))

    shares = shares_of(counts, limit)

    assert sum(shares.values()) == limit
    for name, n in counts.items():
        assert abs(shares[name] - limit * n / total) < 1
        assert 0 <= shares[name] <= n


def test_every_case_is_drawn_equally_often():
    """Over 2,000 seeds each of 10 cases is among 3 in 30 % of the draws, give or take 5 s.e."""
    seen = Counter(
        position
        for seed in range(2000)
        for position in draw(array("Q", [draw_key(seed, f"c{i}") for i in range(10)]), 3)
    )

    assert all(abs(seen[position] - 600) < 5 * (2000 * 0.3 * 0.7) ** 0.5 for position in range(10))


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ({"kind": "x"}, ["1", "4"]),
        ({"kind": ["x", "y"]}, ["1", "2", "4"]),
        ({"kind": "x", "level": 3}, ["1"]),
        ({"level": "3"}, ["1", "2"]),
        ({"tags": ["edge"]}, ["2"]),
        ({"flag": True}, ["3"]),
        ({"kind": None}, ["3"]),
        ({"id": [2, 3]}, ["2", "3"]),
    ],
)
def test_filter_keeps_cases_with_one_of_the_values_in_every_field(tmp_path, wanted, expected):
    rows = [
        {"input": "q", "kind": "x", "level": 3},
        {"input": "q", "kind": "y", "level": "3", "tags": ["edge", "long"]},
        {"input": "q", "flag": True},
        {"input": "q", "kind": "x", "level": 4},
    ]

    assert ids(load(tmp_path, rows, filter=wanted)) == expected


def test_the_limit_counts_what_the_filter_keeps(tmp_path):
    cases = load(tmp_path, rows_of(100), filter={"category": "b"}, limit=10)

    assert [case.fields["category"] for case in cases] == ["b"] * 10


def test_fields_are_renamed_before_anything_looks_at_them(tmp_path):
    rows = [{"question": "q", "answer": "a", "input": "old", "sha256": "x"}]
    fields = {"input": "question", "expected_output": "answer", "asked": "question"}

    (case,) = load(tmp_path, rows, fields=fields | {"former": "input", "source_sha256": "sha256"})

    assert case.fields == {
        "id": "1",
        "input": "q",
        "asked": "q",
        "expected_output": "a",
        "former": "old",
        "source_sha256": "x",
    }


def test_renaming_from_a_field_that_no_row_has_is_refused_with_the_nearest_name(tmp_path):
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, [{"question": "q"}], fields={"input": "qestion"})

    problem = caught.value.problems[0]
    assert problem.where == "dataset.fields"
    assert "'qestion' to become 'input'" in problem.what
    assert "did you mean 'question'?" in problem.hint


def test_renaming_never_overwrites_a_field(tmp_path):
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, [{"question": "q", "input": "i"}] * 3, fields={"input": "question"})

    (problem,) = caught.value.problems
    assert problem.where == "cases.jsonl:1"
    assert "would overwrite the row's own 'input'" in problem.what


def test_a_field_named_sha256_is_refused_once(tmp_path):
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, [{"input": "q", "sha256": "x"}] * 3)

    (problem,) = caught.value.problems
    assert "'sha256' is reserved" in problem.what
    assert "dataset.fields.source_sha256=sha256" in problem.hint


def test_problems_of_the_settings_come_before_those_of_rows(tmp_path):
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, [{"id": "a"}], slices=["x"])

    assert [problem.where for problem in caught.value.problems] == [
        "dataset.slices",
        "cases.jsonl:1",
    ]
