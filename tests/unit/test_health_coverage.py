"""The mix of a test set against the one it should have: a real test, with the level it claims."""

import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalrunner.config.mixes import is_counts, mix_problem
from evalrunner.health import mix_fit

DATASETS = Path(__file__).parents[2] / "datasets"


def intents(name):
    lines = (DATASETS / name).read_text("utf-8").splitlines()
    return Counter(json.loads(line)["expected_output"] for line in lines if line)


TEST, TRAIN = intents("banking77.jsonl"), intents("banking77_train.jsonl")


def samples(mix, n, times, seed):
    """Counts of `times` draws of `n` from a mix."""
    names = sorted(mix)
    shares = np.array([mix[name] for name in names], dtype=float)
    drawn = np.random.default_rng(seed).multinomial(n, shares / shares.sum(), size=times)
    return [dict(zip(names, row.tolist(), strict=True)) for row in drawn]


def test_banking77s_train_mix_is_a_mismatch():
    """Bar: chi-square 192.92 with 76 degrees of freedom, p about 4e-12."""
    found = mix_fit(TEST, TRAIN)

    assert found.test.statistic == pytest.approx(192.92, abs=0.005)
    assert found.test.df == 76
    assert found.test.p_value == pytest.approx(4e-12, rel=0.05)
    assert found.p_value == pytest.approx(1 / 2001)
    assert found.psi == pytest.approx(0.0748, abs=5e-5)
    assert found.is_mismatch
    assert (found.n, found.n_mix) == (3080, 10003)
    assert found.thin_share == 0
    assert found.missing == found.unexpected == {}


@pytest.mark.parametrize(
    "fits",
    [
        pytest.param(
            lambda: (mix_fit(counts, TRAIN) for counts in samples(TRAIN, 300, 200, 7)),
            id="test sets of 300 from the train mix",
        ),
        pytest.param(
            lambda: (mix_fit(TEST, counts) for counts in samples(TEST, 300, 200, 8)),
            id="logs of 300 with the test set's mix",
        ),
    ],
)
def test_samples_of_the_same_mix_are_seldom_a_mismatch(fits):
    """Bar: at most 5 % of 200; trap 12: their PSI is .344 on average."""
    found = list(fits())

    assert sum(fit.is_mismatch for fit in found) <= 10
    assert np.mean([fit.psi for fit in found]) > 0.25
    assert np.mean([fit.psi_without_drift for fit in found]) > 0.25


def test_samples_against_the_same_shares_are_seldom_a_mismatch():
    total = TRAIN.total()
    shares = {name: n / total for name, n in TRAIN.items()}

    found = [mix_fit(counts, shares).is_mismatch for counts in samples(TRAIN, 300, 100, 9)]

    assert sum(found) <= 5


def test_false_alarms_keep_their_level_with_rare_categories():
    """An alarm at 0.05 in about 5 % of 400 pairs of small samples from one mix of 30 categories."""
    mix = {f"c{at}": 1 / at for at in range(1, 31)}
    ours, theirs = samples(mix, 100, 400, 1), samples(mix, 150, 400, 2)

    alarms = sum(mix_fit(a, b).p_value < 0.05 for a, b in zip(ours, theirs, strict=True))

    assert 8 <= alarms <= 34


def test_shares_are_taken_as_exact_and_have_no_count():
    found = mix_fit({"a": 50, "b": 50}, {"a": 0.9, "b": 0.1})

    assert found.is_mismatch
    assert found.n_mix is None
    assert found.test.statistic == pytest.approx(100 * (0.4**2 / 0.9 + 0.4**2 / 0.1))
    assert found.largest == {"a": (0.5, 0.9), "b": (0.5, 0.1)}


def test_small_counts_are_no_proof():
    """The same shares, counted on eight calls, may be chance."""
    assert not mix_fit({"a": 50, "b": 50}, {"a": 7, "b": 1}).is_mismatch
    assert mix_fit({"a": 50, "b": 50}, {"a": 90, "b": 10}).is_mismatch


def test_a_difference_that_changes_nothing_is_none_however_sure():
    found = mix_fit({"a": 5_100_000, "b": 4_900_000}, {"a": 5_000_000, "b": 5_000_000})

    assert found.p_value < 0.01
    assert not found.is_mismatch


def test_any_number_of_calls_can_be_counted():
    assert mix_fit({"a": 50, "b": 50}, {"a": 9e11, "b": 1e11}).is_mismatch
    assert not mix_fit({"a": 90, "b": 10}, {"a": 9e11, "b": 1e11}).is_mismatch


def test_categories_without_cases_are_named_with_their_share():
    found = mix_fit({"a": 60, "b": 3, "odd": 1}, {"a": 60, "b": 20, "new": 15, "rare": 5, "no": 0})

    assert list(found.missing.items()) == [("new", 0.15), ("rare", 0.05)]
    assert found.unexpected == {"odd": 1}
    assert found.thin_share == pytest.approx(0.4)
    assert json.loads(json.dumps(found.to_json(), allow_nan=False))["n_missing"] == 2


def test_an_empty_side_fits_nothing():
    assert mix_fit({}, {"a": 1}) is None
    assert mix_fit({"a": 1}, {}) is None


def test_the_same_counts_give_the_same_numbers_in_any_order():
    one = mix_fit({"a": 30, "b": 70}, {"b": 60, "a": 40})

    assert mix_fit({"b": 70, "a": 30}, {"a": 40, "b": 60}) == one


@given(st.dictionaries(st.sampled_from("abcdef"), st.integers(1, 500), min_size=1))
def test_a_mix_fits_itself(counts):
    found = mix_fit(counts, counts)

    assert found.total_variation == pytest.approx(0)
    assert not found.is_mismatch


def test_mixes_are_counts_or_shares_that_sum_to_one():
    assert is_counts({"a": 3, "b": 4})
    assert not is_counts({"a": 0.3, "b": 0.7})
    assert not is_counts({"a": 1.0})
    assert mix_problem({"a": 0.3, "b": 0.7}) is mix_problem({"a": 30, "b": 70}) is None
    assert "0.5" in mix_problem({"a": 0.3, "b": 0.2})
    assert "below 0" in mix_problem({"a": -1, "b": 2})
    assert "not finite" in mix_problem({"a": float("inf")})
    assert "no category" in mix_problem({"a": 0})
