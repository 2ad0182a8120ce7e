"""Drift of production against a test set: found where it is, and not where it is not."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from evalrunner.errors import ConfigError
from evalrunner.production.drift import LEVEL, find_drift
from evalrunner.production.drift.mix import Mixes, mix_facts
from evalrunner.production.drift.words import vectors_of
from evalrunner.production.logs import LoggedCall
from evalrunner.types import Case

DATA = Path(__file__).parents[2] / "datasets"


def banking(name):
    rows = [json.loads(line) for line in (DATA / f"{name}.jsonl").read_text().splitlines()]
    return [(row["input"], row["expected_output"]) for row in rows]


@pytest.fixture(scope="module")
def tested():
    return banking("banking77")


@pytest.fixture(scope="module")
def trained():
    return banking("banking77_train")


def cases_of(rows):
    return [
        Case(id=str(n), fields={"id": str(n), "input": text, "category": name}, sha256="")
        for n, (text, name) in enumerate(rows)
    ]


def calls_of(rows, rate=lambda name: 1.0):
    return [
        LoggedCall(id=str(n), at=None, input=text, output="", category=name, rate=rate(name))
        for n, (text, name) in enumerate(rows)
    ]


def test_banking77s_training_mix_is_a_drift_of_its_test_set(tested, trained):
    """Trap 12, its other side: the mix differs, PSI 0.075 would say `no change`."""
    found = find_drift(cases_of(tested), calls_of(trained))

    assert found["verdict"] == "drift"
    assert "mix" in found["drifted"]
    assert found["mix"]["test"]["statistic"] == pytest.approx(192.92, abs=0.005)
    assert found["mix"]["test"]["p_value"] == pytest.approx(3.9e-12, rel=0.05)
    assert found["mix"]["psi"] < 0.1
    assert found["coverage"]["unseen"]["low"] > 0.05


def test_halves_of_one_sample_seldom_drift(trained):
    """Trap 12: without any drift both tests together see one in at most 5 % of the draws."""
    rng, alarms, psi = np.random.default_rng(0), 0, []
    for _ in range(60):
        order = rng.permutation(len(trained))[:600]
        one, other = ([trained[place] for place in half] for half in (order[:300], order[300:]))
        found = find_drift(cases_of(one), calls_of(other))
        alarms += found["verdict"] == "drift"
        psi.append(found["mix"]["psi"])

    assert alarms / 60 <= LEVEL
    # By the rule of thumb every one of them would have been a great change.
    assert min(psi) > 0.25


def test_other_words_are_a_drift_and_named(trained):
    """Texts of the same categories, with a product that the test set does not know."""
    rng = np.random.default_rng(0)
    order = rng.permutation(len(trained))
    one = [trained[place] for place in order[:1000]]
    other = [
        (f"{text} with my zebra card" if n % 4 == 0 else text, name)
        for n, (text, name) in enumerate(trained[place] for place in order[1000:3000])
    ]

    found = find_drift(cases_of(one), calls_of(other))

    assert found["drifted"] == ["texts"]
    assert "zebra" in {each["word"] for each in found["texts"]["words"]["more"][:3]}


def test_unseen_traffic_is_found_with_what_to_label(trained):
    """A tenth of the calls ask about something else altogether."""
    strange = [(f"ψ{n} zug{n} fahrplan{n} bahnhof", "trains") for n in range(100)]
    rows = [trained[place] for place in np.random.default_rng(0).permutation(len(trained))]

    found = find_drift(cases_of(rows[2000:4000]), calls_of([*rows[:900], *strange]))

    first = found["to_label"][0]
    assert (first["category"], first["n_cases"], first["n_calls"]) == ("trains", 0, 100)
    assert first["share"] == pytest.approx(0.1)
    assert 1 <= len(first["examples"]) <= 3
    assert "bahnhof" in first["examples"][0]["input"]
    assert found["mix"]["thin_share"] == pytest.approx(0.1)


def test_inclusion_weights_undo_unequal_rates(trained):
    """A log that keeps one category ten times as often has no drift for that."""
    rare = trained[0][1]
    rng = np.random.default_rng(1)
    rate = lambda name: 1.0 if name == rare else 0.1  # noqa: E731 - the application's
    kept = [row for row in trained if rng.random() < rate(row[1])]
    order = rng.permutation(len(trained))[:1500]
    cases = cases_of([trained[place] for place in order])

    weighted = find_drift(cases, calls_of(kept, rate))
    naive = find_drift(cases, calls_of(kept))

    assert weighted["verdict"] == "no drift"
    assert naive["drifted"][0] == "mix"
    assert weighted["production"]["mix"][rare] == pytest.approx(
        sum(name == rare for _, name in trained) / len(trained), abs=0.005
    )


def test_equal_weights_leave_the_sample_size_alone():
    """Rao and Scott's correction is none then."""
    calls = ["a"] * 30 + ["b"] * 50 + ["c"] * 20

    mixes = Mixes.of(["a", "b", None], [*calls, None], [20.0] * 101)

    assert mixes.effective_n == pytest.approx(100)
    assert mixes.to_paste == {"b": 50, "a": 30, "c": 20}
    assert (mixes.n_cases_without, mixes.n_calls_without) == (1, 1)


def test_unequal_weights_cost_sample_size():
    """Half of the calls with nine times the weight, whatever their category."""
    calls, weights = ["a", "b"] * 100, [1.0, 1.0, 9.0, 9.0] * 50

    mixes = Mixes.of(["a", "b"], calls, weights)

    # Kish: (1 + 9)^2 / (2 (1 + 81)) of 200.
    assert mixes.effective_n == pytest.approx(200 * 100 / 164)
    assert mixes.to_paste == {"a": 100, "b": 100}


@pytest.mark.parametrize("seed", [0])
def test_weighted_mixes_keep_their_level(seed):
    """Calls logged at two rates, without drift: the mix test sees one in about 5 %."""
    rng, names = np.random.default_rng(seed), np.array(list("abcdefgh"))
    share = np.arange(1, 9) / 36
    alarms = 0
    for _ in range(400):
        traffic = rng.choice(8, p=share, size=4000)
        rate = np.where(rng.random(4000) < 0.5, 0.5, 0.05)
        kept = rng.random(4000) < rate
        cases = names[rng.choice(8, p=share, size=500)].tolist()
        mixes = Mixes.of(cases, names[traffic[kept]].tolist(), (1 / rate[kept]).tolist())
        facts = mix_facts(mixes, rng=rng)
        alarms += facts["test"]["p_value"] < 0.05

    assert alarms / 400 == pytest.approx(0.05, abs=0.033)


def test_few_texts_cannot_be_told(trained):
    """Silence is no proof."""
    few = find_drift(cases_of(trained[:15]), calls_of(trained[20:35]))
    some = find_drift(cases_of(trained[:60:2]), calls_of(trained[1:61:2]))

    assert few["texts"] is None
    assert few["coverage"] is None
    assert few["verdict"] == some["verdict"] == "cannot be told"
    assert not some["texts"]["is_enough"]
    # Of 15 calls a mix is chance.
    assert few["production"] is None
    assert sum(some["production"]["mix"].values()) == 30


def test_without_categories_the_texts_alone_are_tested(trained):
    """And a field that was asked for must be there."""
    calls = [LoggedCall(id=str(n), at=None, input=t, output="") for n, (t, _) in enumerate(trained)]

    found = find_drift(cases_of(trained[:500]), calls[500:1500])

    assert (found["by"], found["mix"], found["production"]) == (None, None, None)
    with pytest.raises(ConfigError, match="no logged call has 'category'"):
        find_drift(cases_of(trained[:500]), calls, by="category")
    with pytest.raises(ConfigError, match="no case of the test set has 'x'"):
        find_drift(cases_of(trained[:500]), calls, by="x")
    with pytest.raises(ConfigError, match="mix of production is unknown"):
        find_drift(cases_of(trained[:500]), calls, run=Path("run"))


def test_a_test_set_without_duplicates_is_no_drift_for_that(trained):
    """Traffic repeats itself; retries are no new kind of question."""
    rows = [trained[place] for place in np.random.default_rng(0).permutation(len(trained))]

    found = find_drift(cases_of(rows[:500]), calls_of(rows[500:1000] * 3))

    assert "texts" not in found["drifted"]


def test_vectors_have_length_one_and_know_words_without_spaces():
    """A text without words is all zero; signs of Chinese are words."""
    vectors = vectors_of(["Hello, WORLD hello", "你好 world", "!?"])

    lengths = np.sqrt(np.asarray(vectors.rows.multiply(vectors.rows).sum(axis=1)).ravel())
    assert lengths == pytest.approx([1, 1, 0])
    assert vectors.words == ("hello", "world", "你", "好")
    assert vectors_of([]).rows.shape[0] == 0
