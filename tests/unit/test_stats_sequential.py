import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom

from evalrunner.stats import (
    anytime_p_value,
    confidence_sequence,
    mcnemar_e_value,
    sprt,
    wilson_interval,
)

counts = st.integers(0, 200)


@given(counts, counts)
def test_e_value_is_that_of_either_side_and_positive(a_only, b_only):
    value = mcnemar_e_value(a_only, b_only)

    assert value > 0
    assert value == pytest.approx(mcnemar_e_value(b_only, a_only))
    assert 0 < anytime_p_value(value) <= 1


@given(st.integers(0, 60))
def test_e_value_is_a_fair_game_between_equal_models(n):
    """What it stands at is, on average, what one starts with."""
    expected = sum(binom.pmf(k, n, 0.5) * mcnemar_e_value(k, n - k) for k in range(n + 1))

    assert expected == pytest.approx(1)


def test_e_value_of_thousands_of_cases_is_a_number():
    assert mcnemar_e_value(5000, 0) > 1e300
    assert 0 < mcnemar_e_value(5000, 5000) < 0.02
    assert mcnemar_e_value(0, 0) == pytest.approx(1)


def test_looking_after_every_case_raises_no_false_alarms():
    """2,000 orders of 300 discordant cases between equal models; mid-p would raise 20 %."""
    wins = np.random.default_rng(0).integers(0, 2, (2000, 300)).cumsum(axis=1)
    ahead = [[mcnemar_e_value(k, n - k) >= 20 for k in range(n + 1)] for n in range(1, 301)]

    alarms = np.array([[ahead[n][wins[run, n]] for n in range(300)] for run in range(2000)])

    assert alarms.any(axis=1).mean() <= 0.05


@given(st.integers(1, 400), st.floats(0, 1), st.sampled_from([0.8, 0.95]))
def test_confidence_sequence_is_wider_than_a_planned_interval(n, share, level):
    passed = round(share * n)

    found, planned = (
        interval(passed, n, level=level) for interval in (confidence_sequence, wilson_interval)
    )
    mirrored = confidence_sequence(n - passed, n, level=level)

    assert 0 <= found.low <= found.value <= found.high <= 1
    assert found.high - found.low > planned.high - planned.low
    assert (1 - mirrored.high, 1 - mirrored.low) == pytest.approx((found.low, found.high))


def test_confidence_sequence_misses_a_rate_at_no_time():
    """1,000 runs of up to 300 cases at a rate of .9."""
    passed = (np.random.default_rng(0).random((1000, 300)) < 0.9).cumsum(axis=1)
    held = [
        [one.low <= 0.9 <= one.high for one in (confidence_sequence(k, n) for k in range(n + 1))]
        for n in range(10, 301, 10)
    ]

    missed = np.array(
        [[not held[i][passed[run, 10 * i + 9]] for i in range(30)] for run in range(1000)]
    )

    assert missed.any(axis=1).mean() <= 0.05


def test_confidence_sequence_of_nothing_has_no_value():
    assert confidence_sequence(0, 0).value is None


def test_sprt_stops_at_the_first_limit_it_reaches():
    passing = sprt([True] * 50, p0=0.8, p1=0.9)
    failing = sprt([False] * 50, p0=0.8, p1=0.9)

    step = math.log(0.9 / 0.8)
    assert (passing.decision, passing.stopped_at) == ("H1", math.ceil(passing.upper / step))
    assert (failing.decision, failing.stopped_at) == ("H0", 3)
    assert failing.log_ratio <= failing.lower


def test_sprt_without_enough_outcomes_does_not_decide():
    found = sprt([True, False], p0=0.8, p1=0.9)

    assert (found.decision, found.stopped_at) == (None, None)
    assert found.lower < found.log_ratio < found.upper
