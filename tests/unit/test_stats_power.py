import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom, false_discovery_control

from evalrunner.stats import (
    benjamini_hochberg,
    clopper_pearson_interval,
    connor_cases,
    connor_difference,
    flat_prior_interval,
    holm,
    jeffreys_interval,
    mcnemar,
    mcnemar_power,
    miller_cases,
    miller_difference,
    wilson_interval,
)

p_values = st.lists(st.floats(0, 1), max_size=30)
shares = st.floats(0.02, 1)


@given(p_values)
def test_holm_is_stricter_than_benjamini_hochberg_and_both_than_none(p):
    strict, loose = holm(p), benjamini_hochberg(p)

    assert (np.array(p) <= loose + 1e-12).all()
    assert (loose <= strict + 1e-12).all()
    assert (strict <= 1).all()
    if p:
        assert loose == pytest.approx(false_discovery_control(p, method="bh"))


@given(p_values.flatmap(lambda p: st.tuples(st.just(p), st.permutations(range(len(p))))))
def test_adjusted_p_values_stand_where_theirs_stood(case):
    p, order = np.array(case[0]), np.array(case[1], dtype=int)

    assert holm(p[order]).tolist() == holm(p)[order].tolist()
    assert benjamini_hochberg(p[order]).tolist() == benjamini_hochberg(p)[order].tolist()


def test_a_single_comparison_is_not_adjusted():
    assert holm([0.03]).tolist() == benjamini_hochberg([0.03]).tolist() == [0.03]


@given(st.integers(5, 20_000), shares)
def test_smallest_difference_and_cases_are_inverse(n, discordant):
    difference = connor_difference(n, discordant=discordant)

    if difference is not None:
        assert 0 < difference <= discordant
        assert connor_cases(difference, discordant=discordant) == pytest.approx(n, abs=1)


def test_too_few_cases_show_no_difference_at_all():
    """Of six cases at 10 % discordance not even six wins to none would be expected."""
    assert connor_difference(6, discordant=0.1) is None


def test_models_differ_on_at_least_as_many_cases_as_their_scores_do():
    assert connor_cases(0.3, discordant=0.1) == connor_cases(0.3, discordant=0.3)


def test_power_of_the_planned_number_of_cases_is_the_planned_one():
    n = connor_cases(0.05, discordant=0.15)

    power = mcnemar_power(n, a_only=0.10, b_only=0.05)

    assert power == pytest.approx(0.8, abs=0.01)


@given(st.integers(1, 500), st.floats(0.01, 1), st.floats(0, 1), st.integers(1, 10))
def test_smallest_graded_difference_and_cases_are_inverse(n, between, within, repeats):
    spread = {"between": between, "within": within, "repeats": repeats}

    assert miller_cases(miller_difference(n, **spread), **spread) == n


def test_repeats_only_help_against_what_varies_within_a_case():
    assert miller_cases(0.03, between=0.1, repeats=10) == miller_cases(0.03, between=0.1)
    assert miller_cases(0.03, between=0.1, within=0.2, repeats=2) == miller_cases(0.03, between=0.2)


@pytest.mark.parametrize("exact", [False, True])
def test_power_sums_over_all_outcomes(exact):
    """Nine cases, every pair of counts."""
    a_only, b_only, n = 0.4, 0.1, 9
    expected = sum(
        binom.pmf(m, n, a_only + b_only) * binom.pmf(ahead, m, a_only / (a_only + b_only))
        for m in range(n + 1)
        for ahead in range(m + 1)
        if mcnemar(ahead, m - ahead, exact=exact) <= 0.05
    )

    found = mcnemar_power(n, a_only=a_only, b_only=b_only, exact=exact)

    assert found == pytest.approx(expected, rel=1e-9)
    assert found > 0


def test_models_that_never_differ_or_always_do():
    assert mcnemar_power(100, a_only=0, b_only=0) == 0
    assert mcnemar_power(6, a_only=1, b_only=0) == pytest.approx(1)
    assert mcnemar_power(5, a_only=0, b_only=1, exact=True) == 0


@pytest.mark.parametrize("discordant", [0.05, 0.2, 0.5])
def test_false_alarms_of_mcnemar_stay_near_the_level(discordant):
    half = discordant / 2

    for n in (100, 200, 500):
        assert mcnemar_power(n, a_only=half, b_only=half, exact=True) <= 0.05
        assert mcnemar_power(n, a_only=half, b_only=half) <= 0.0525


@given(st.integers(1, 300), st.floats(0, 1), st.sampled_from([0.8, 0.95]))
def test_exact_bounds_hold_the_rate_and_its_credible_ones(n, share, level):
    k = round(share * n)

    exact, jeffreys = (
        interval(k, n, level=level) for interval in (clopper_pearson_interval, jeffreys_interval)
    )

    assert 0 <= exact.low <= k / n <= exact.high <= 1
    assert exact.low <= jeffreys.low < jeffreys.high <= exact.high
    mirrored = clopper_pearson_interval(n - k, n, level=level)
    assert (1 - mirrored.high, 1 - mirrored.low) == pytest.approx((exact.low, exact.high))


@pytest.mark.parametrize("rate", [0.5, 0.9, 0.98])
def test_clopper_pearson_covers_at_every_rate(rate):
    chances = binom.pmf(np.arange(201), 200, rate)

    covered = [
        one.low <= rate <= one.high
        for one in (clopper_pearson_interval(k, 200) for k in range(201))
    ]

    assert chances[covered].sum() >= 0.95


@pytest.mark.parametrize(
    "interval", [clopper_pearson_interval, jeffreys_interval, flat_prior_interval, wilson_interval]
)
def test_rate_of_nothing_has_no_value(interval):
    found = interval(0, 0)

    assert (found.value, found.low, found.high, found.n) == (None, None, None, 0)
    assert not math.isnan(interval(0, 5).high)
