import csv
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalrunner.stats import (
    clustered_se,
    flip_rate,
    pass_at_k,
    pass_hat_k,
    variance_components,
    wilson_interval,
)

GOLDEN = Path(__file__).parent / "golden"
NAN = np.nan


def tau_bench():
    """Rewards as tasks x trials."""
    with (GOLDEN / "tau_bench_airline.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    return np.array([float(row["reward"]) for row in rows]).reshape(50, 4)


def test_tau_bench_is_right_every_time_as_often_as_published():
    passed = tau_bench().sum(axis=1)

    assert [pass_hat_k(passed, 4, k=k).mean() for k in (1, 2, 3, 4)] == pytest.approx(
        [0.42, 0.2733333, 0.22, 0.2], abs=1e-6
    )
    assert [pass_at_k(passed, 4, k=k).mean() for k in (1, 2, 3, 4)] == pytest.approx(
        [0.42, 0.5666667, 0.66, 0.72], abs=1e-6
    )


def test_tau_bench_has_the_published_variance_components():
    found = variance_components(tau_bench())

    assert (found.between, found.within) == pytest.approx((0.09966, 0.14667), abs=5e-6)
    assert found.icc == pytest.approx(0.4046, abs=5e-5)
    assert found.mean_error(4) == pytest.approx(
        clustered_se(tau_bench().ravel(), np.repeat(np.arange(50), 4))
    )
    assert found.mean_error(4, n=200) == pytest.approx(found.mean_error(4) / 2)


@given(st.integers(1, 6), st.integers(0, 6), st.integers(1, 6))
def test_pass_at_k_counts_the_samples_of_k_repeats(repeats, passed, k):
    passed = min(passed, repeats)
    drawn = list(combinations([1] * passed + [0] * (repeats - passed), k))

    some, every = pass_at_k(passed, repeats, k=k), pass_hat_k(passed, repeats, k=k)

    if drawn:
        assert some == pytest.approx(np.mean([any(one) for one in drawn]))
        assert every == pytest.approx(np.mean([all(one) for one in drawn]))
    else:
        assert np.isnan(some)
        assert np.isnan(every)


def test_cases_may_have_lost_repeats():
    found = pass_hat_k([3, 2, 1], [3, 3, 1], k=2)

    assert found[:2] == pytest.approx([1, 1 / 3])
    assert np.isnan(found[2])


@given(st.integers(0, 99), st.integers(2, 6))
def test_components_of_a_known_population_are_found_on_average(seed, repeats):
    rng = np.random.default_rng(seed)
    means = rng.normal(0, 0.3, (400, 1))

    found = variance_components(means + rng.normal(0, 0.4, (400, repeats)))

    assert found.between == pytest.approx(0.09, abs=0.05)
    assert found.within == pytest.approx(0.16, abs=0.05)


def test_components_of_unequal_repeats_are_those_of_equal_ones_on_average():
    rng = np.random.default_rng(0)
    scores = rng.normal(0, 0.3, (4000, 1)) + rng.normal(0, 0.4, (4000, 4))
    scores[rng.random((4000, 4)) < 0.3] = NAN

    found = variance_components(scores)

    assert (found.between, found.within) == pytest.approx((0.09, 0.16), rel=0.08)


def test_noise_alone_leaves_nothing_between_cases():
    """Every case has the same mean, less spread than its repeats would give it."""
    found = variance_components([[0, 1], [1, 0], [0, 1]])

    assert (found.between, found.icc) == (0, 0)
    assert variance_components([[1, 1], [1, 1]]).icc is None


@pytest.mark.parametrize("scores", [[[0, 1, 1]], [[0, NAN], [1, NAN], [NAN, 1]], [[NAN, NAN]] * 3])
def test_components_are_unknown_without_two_cases_or_without_repeats(scores):
    assert variance_components(scores) is None


def test_flip_rate_counts_mixed_cases_among_the_repeated():
    scores = [[1, 0, 1], [1, 1, NAN], [0, 0, 0], [1, NAN, NAN], [0.5, 0.75, NAN]]

    found = flip_rate(scores)

    expected = wilson_interval(2, 4)
    assert (found.value, found.n) == (0.5, 4)
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high))


def test_flip_rate_of_clusters_is_less_certain():
    scores = np.repeat([[0, 1], [1, 1]], [20, 40], axis=0)

    alone = flip_rate(scores)
    together = flip_rate(scores, clusters=np.arange(60) // 10, by="customer")

    assert together.high - together.low > alone.high - alone.low
    assert together.method == "wilson, clustered by customer"


def test_flip_rate_without_repeats_is_unknown():
    assert flip_rate([[1], [0]]).value is None
