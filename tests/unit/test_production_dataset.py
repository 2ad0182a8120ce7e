"""A test set drawn from logged calls: its cases, their weights, and its files."""

from __future__ import annotations

import json
import stat

import jsonschema
import numpy as np
import pytest

from evalrunner.datasets import DatasetSettings, load_cases
from evalrunner.errors import ConfigError, StoreError
from evalrunner.production.dataset import DatasetOptions, make_dataset
from evalrunner.production.dataset.questions import questions_of
from evalrunner.production.logs import LoggedCall, Logs
from evalrunner.project import Project


def call(number, **fields):
    rng = np.random.default_rng([7, number])
    text = " ".join(f"{word:05x}" for word in rng.integers(16**5, size=8))
    return LoggedCall(**{"id": f"c{number}", "at": None, "input": text, "output": "yes", **fields})


def made(tmp_path, calls, **options):
    found = make_dataset(Logs(records=list(calls)), tmp_path, DatasetOptions(**options))
    text = (tmp_path / f"datasets/{found['name']}.jsonl").read_text()
    return found, [json.loads(line) for line in text.splitlines()]


def test_weights_count_the_traffic_that_the_cases_stand_for(tmp_path):
    """1 / rate, over the calls that asked the same, divided by the chance to be drawn."""
    calls = [
        *(call(n, category="rare", rate=0.5) for n in range(100)),
        *(call(n, category="common", rate=0.01) for n in range(100, 300)),
    ]

    found, cases = made(tmp_path, calls, n=50)

    by = {
        name: [c["weight"] for c in cases if c["category"] == name] for name in ("rare", "common")
    }
    assert sum(by["rare"]) == pytest.approx(200)
    assert sum(by["common"]) == pytest.approx(20_000)
    # 200 of 20,200 calls are one half of a case of 50: every stratum has one nevertheless.
    assert (len(by["rare"]), len(by["common"])) == (1, 49)
    assert found["effective_n"] < 50


def test_repeated_questions_are_one_case_with_the_weight_of_all(tmp_path):
    """Equal ones, and nearly equal ones; the first stands for them."""
    text = "Where can I find the invoice of my last order, please tell me now"
    calls = [
        call(1, input=text),
        call(2, input=f"{text.upper()}  "),
        call(3, input=f"{text}!"),
        call(4),
    ]

    found, cases = made(tmp_path, calls)

    assert [(c["id"], c["weight"]) for c in cases] == [("c1", 3.0), ("c4", 1.0)]
    assert (found["n_equal"], found["n_near"]) == (1, 1)
    assert cases[0]["recorded"]["n_calls"] == 3


def test_equal_words_of_two_categories_are_two_questions(tmp_path):
    """What tells them apart is not in the text, and each is part of its own stratum."""
    calls = [call(1, category="a"), call(1, id="c2", category="b"), call(1, id="c3", category="a")]

    _, cases = made(tmp_path, calls)

    assert [(c["id"], c["category"], c["weight"]) for c in cases] == [
        ("c1", "a", 2.0),
        ("c2", "b", 1.0),
    ]


def test_frequent_questions_are_drawn_more_often(tmp_path):
    """So that cases weigh alike and a plain mean is that of the traffic."""
    calls = [call(0, id=f"again{n}", input="the frequent one") for n in range(100)]
    calls += [call(n) for n in range(1, 101)]
    drawn = 0
    for seed in range(20):
        _, cases = made(tmp_path / str(seed), calls, n=2, seed=seed)
        drawn += any(c["input"] == "the frequent one" for c in cases)

    # Half of the traffic: certain among two.
    assert drawn == 20


def test_what_can_be_no_case_is_left_out_and_counted(tmp_path):
    """Nothing asked, nothing answered, or only the beginning of either."""
    calls = [
        call(1),
        call(2, input="  "),
        call(3, output=None),
        call(4, cut=("input",)),
        call(5, cut=("output",)),
        call(6, cut=("metadata",)),
    ]

    found, cases = made(tmp_path, calls)

    assert [c["id"] for c in cases] == ["c1", "c6"]
    assert sum(found["left_out"].values()) == 4
    assert found["left_out"]["without an input"] == 1


def test_a_turn_of_a_conversation_comes_with_those_before_it():
    """Alone it would say nothing."""
    turns = [
        {"role": "system", "content": "Be short."},
        {"role": "user", "content": "Shall I reset it?"},
        {"role": "assistant", "content": "Do you want to?"},
        {"role": "user", "content": "yes"},
    ]

    (question,) = questions_of([call(1, input="yes", messages=turns)]).all

    assert question.input == turns[1:]


def test_recorded_outputs_are_never_the_expected_ones(tmp_path):
    """What production said stands apart, and the schema has its place."""
    calls = [call(1, model="m", output={"a": 1}), call(1, id="other", model="n", output="no")]

    _, (case,) = made(tmp_path, calls)

    assert "expected_output" not in case
    assert case["recorded"]["output"] == {"a": 1}
    assert case["recorded"]["others"] == [{"model": "n", "output": "no"}]


def test_equal_allocation_gives_each_stratum_as_many(tmp_path):
    """Small ones all that they have."""
    sizes = {"a": 100, "b": 50, "c": 3}
    calls = [call(n + 1000 * k, category=name) for k, (name, size) in enumerate(sizes.items())
             for n in range(size)]  # fmt: skip

    found, _ = made(tmp_path, calls, n=33, allocate="equal")

    assert {each["name"]: each["n"] for each in found["strata"]} == {"a": 15, "b": 15, "c": 3}


def test_neyman_allocation_follows_the_spread_of_logged_scores(tmp_path):
    """More where the score varies; without scores it is refused."""
    calls = [call(n, category="calm", metadata={"score": 1.0 - n % 2 / 100}) for n in range(100)]
    calls += [call(n, category="wild", metadata={"scores": {"x": n % 2}}) for n in range(100, 200)]

    found, _ = made(tmp_path, calls, n=40, allocate="neyman")

    assert {each["name"]: each["n"] for each in found["strata"]} == {"calm": 1, "wild": 39}
    with pytest.raises(ConfigError, match="no logged call has a score"):
        made(tmp_path, [call(1), call(2)], name="other", allocate="neyman")


def test_disagreement_draws_what_models_answer_differently(tmp_path):
    """More often, not only: their weights are smaller, and still sum to the traffic."""
    calls = [call(n, model="a", output="yes") for n in range(200)]
    calls += [call(n, id=f"b{n}", model="b", output="no" if n < 50 else "Yes") for n in range(200)]

    _, cases = made(tmp_path, calls, n=60, allocate="disagreement")

    different = [c for c in cases if int(c["id"][1:]) < 50]
    assert 30 <= len(different) <= 45
    assert sum(c["weight"] for c in cases) == pytest.approx(400, rel=0.25)
    assert max(c["weight"] for c in different) < min(
        c["weight"] for c in cases if c not in different
    )
    with pytest.raises(ConfigError, match="answered differently"):
        made(tmp_path, [call(1)], name="other", allocate="disagreement")


def test_chances_are_those_that_the_weights_say(tmp_path):
    """Over many seeds the weighted number of calls is that of the log."""
    calls = [call(n, model="a", metadata={"score": n % 10 / 9}) for n in range(80)]
    totals = []
    for seed in range(60):
        _, cases = made(tmp_path / str(seed), calls, n=20, allocate="disagreement", seed=seed)
        totals.append(sum(c["weight"] for c in cases))

    assert np.mean(totals) == pytest.approx(80, abs=3 * np.std(totals) / 60**0.5)


def test_equal_seeds_give_equal_bytes_and_another_seed_other_cases(tmp_path):
    """Also where the log's files come in another order."""
    calls = [call(n) for n in range(100)]
    _, one = made(tmp_path / "a", calls, n=10)
    _, same = made(tmp_path / "b", calls[::-1], n=10)
    _, other = made(tmp_path / "c", calls, n=10, seed=1)

    assert sorted(c["id"] for c in one) == sorted(c["id"] for c in same)
    assert {c["id"] for c in one} != {c["id"] for c in other}


def test_files_are_private_and_never_replaced(tmp_path):
    """One that is there stops all of them."""
    made(tmp_path, [call(1)])
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}

    with pytest.raises(ConfigError) as caught:
        made(tmp_path, [call(2)])

    assert len(caught.value.problems) == 6
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before
    assert {stat.S_IMODE(path.stat().st_mode) for path in before} == {0o600}


def test_a_link_in_the_place_of_a_file_is_not_followed(tmp_path):
    """Nor one that leads nowhere yet."""
    (tmp_path / "datasets").mkdir()
    (tmp_path / "datasets/production.md").symlink_to(tmp_path / "elsewhere")

    with pytest.raises(ConfigError, match="there already"):
        made(tmp_path, [call(1)])

    assert not (tmp_path / "elsewhere").exists()


def test_what_cannot_be_written_leaves_nothing_behind(tmp_path):
    """A file in the place of the last directory."""
    (tmp_path / "conf").write_text("")

    with pytest.raises(StoreError):
        made(tmp_path, [call(1)])

    assert not list((tmp_path / "datasets").iterdir())


@pytest.mark.parametrize(
    "options",
    [{"name": "../x"}, {"name": ""}, {"n": 0}, {"by": "weight"}, {"by": "gone"}, {"seed": -1}],
)
def test_options_that_mean_nothing_are_refused(tmp_path, options):
    """Before anything is written."""
    with pytest.raises(ConfigError):
        made(tmp_path, [call(1, metadata={"kind": "a"})], **options)

    assert not list(tmp_path.iterdir())


def test_hostile_calls_become_cases_that_load(tmp_path, monkeypatch):
    """Ids twice, lone surrogates, lists of anything, categories with markup; secrets are gone."""
    monkeypatch.setenv("SHOP_API_KEY", "s3cret-s3cret")
    calls = [
        call(1, input="a \ud800 b", category="${oc.env:HOME}", model="${x}"),
        call(2, id="c1", input=["x", 7, None], category="| <b>\n"),
        call(
            3, id="c1", input={"q": "my key is s3cret-s3cret", "n": 1.5}, output=["s3cret-s3cret"]
        ),
        call(4, input=[{"role": "user", "content": [{"type": "text", "text": "hi"}]}]),
        call(5, input=12),
    ]

    found, cases = made(tmp_path, calls)

    schema = json.loads((tmp_path / "datasets/production.schema.json").read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    settings = DatasetSettings(
        name="p", path="datasets/production.jsonl", schema="datasets/production.schema.json",
        slices=["category"],
    )  # fmt: skip
    assert len(load_cases(settings, Project(tmp_path), seed=0)) == len(cases) == 5
    assert [c["id"] for c in cases] == ["c1", "c1-2", "c1-3", "c4", "c5"]
    texts = "".join(path.read_text() for path in tmp_path.rglob("*") if path.is_file())
    assert "s3cret" not in texts
    assert "<b>" not in (tmp_path / "datasets/production.md").read_text()
    assert found["n"] == 5
