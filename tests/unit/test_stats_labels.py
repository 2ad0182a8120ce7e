"""Labels with unequal chances, dependent verdicts, and how many labels it takes."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalrunner.stats import (
    LabelSpread,
    cohen_kappa,
    gwet_ac1,
    judge_errors,
    labels_among,
    labels_for_half_width,
    score_inflation,
    two_raters,
    weighted_difference,
    weighted_rate,
    wilson_interval,
)

TABLE = ((20, 5), (10, 15))
"""Cohen's kappa is 0.4."""


def columns(table=TABLE):
    (both, first), (second, none) = table
    return (
        np.array([1] * (both + first) + [0] * (second + none)),
        np.array([1] * both + [0] * first + [1] * second + [0] * none),
    )


def rng():
    return np.random.default_rng(0)


def test_two_raters_agree_as_the_golden_table_says():
    kappa, ac1 = two_raters(*columns(), rng=rng())

    assert kappa.value == pytest.approx(0.4)
    assert (kappa.low, kappa.high) == pytest.approx((0.151, 0.649), abs=0.03)
    assert ac1.value == pytest.approx(gwet_ac1(columns(), rng=rng(), n_categories=2).value)


@given(
    st.lists(st.tuples(st.integers(0, 1), st.integers(0, 1)), min_size=2, max_size=40),
)
def test_two_raters_are_cohen_and_gwet_for_any_table(pairs):
    one, two = np.array(pairs).T
    table = np.zeros((2, 2))
    np.add.at(table, (one, two), 1)

    kappa, ac1 = two_raters(one, two, rng=rng())

    assert kappa.value == pytest.approx(cohen_kappa(table).value)
    expected = gwet_ac1([one, two], rng=rng(), n_categories=2, resamples=2).value
    assert ac1.value == pytest.approx(expected)


def test_copies_of_a_cluster_are_no_evidence():
    one, two = columns()
    alone = two_raters(one, two, rng=rng())[0]

    copied = two_raters(
        np.repeat(one, 4), np.repeat(two, 4), rng=rng(), clusters=np.repeat(np.arange(50), 4)
    )[0]

    assert copied.value == pytest.approx(alone.value)
    assert copied.high - copied.low == pytest.approx(alone.high - alone.low, abs=0.03)
    assert copied.n == 200


def test_raters_who_always_agree_have_no_interval():
    kappa, ac1 = two_raters([0, 1, 0, 1], [0, 1, 0, 1], rng=rng())

    assert (kappa.value, kappa.low, ac1.value, ac1.high) == (1, None, 1, None)


def test_weights_count_as_copies_do():
    one, two = columns()
    weights = np.where(one == 1, 3, 1)

    weighted = two_raters(one, two, rng=rng(), weights=weights)[0]

    copied = cohen_kappa(np.array(TABLE) * [[3], [1]])
    assert weighted.value == pytest.approx(copied.value)


def test_equal_weights_change_no_rate_and_no_bound_by_much():
    values = [1] * 30 + [0] * 20

    found = weighted_rate(values, np.full(50, 7.0))

    plain = wilson_interval(30, 50)
    assert found.value == pytest.approx(plain.value)
    assert (found.low, found.high) == pytest.approx((plain.low, plain.high), abs=1e-9)


def test_rate_without_spread_is_not_certain():
    found = weighted_rate([1, 1, 1, 1], [1, 2, 1, 1])

    assert found.value == found.high == 1
    assert found.low < 0.6
    assert weighted_rate([], []).value is None


def test_weighted_difference_of_equal_weights_is_the_mean():
    gaps = np.array([1.0, 0, 0, 1, 1, 0, -1, 1])

    found = weighted_difference(gaps, np.ones(8), rng=rng())

    assert found.difference.value == pytest.approx(gaps.mean())
    assert (found.wins, found.ties, found.losses) == (4, 3, 1)
    assert found.p_value == pytest.approx(0.375)
    assert weighted_difference([], [], rng=rng()).p_value is None


def test_weights_reach_every_rate_of_a_judge():
    people = np.array([1, 1, 0, 0] * 10)
    judge = np.array([1, 1, 1, 0] * 10)

    found = judge_errors(people, judge, rng=rng(), weights=np.where(people == 1, 1.0, 3.0))

    assert found.agreement.value == pytest.approx(1 - 3 / 8)
    assert found.inflation.difference.value == pytest.approx(3 / 8)
    assert found.specificity.value == 0.5
    assert found.confusion.n == 40


def test_inflation_of_graded_scores_is_their_mean_difference():
    found = score_inflation([0.75, 1, 0.5], [0.5, 0.5, 0.5], rng=rng())

    assert found.difference.value == pytest.approx(0.25)


SPREAD = LabelSpread(human=0.25, judge=0.2, shared=0.15)


def test_labels_among_endless_cases_are_those_of_the_formula():
    people, judge = columns()
    spread = LabelSpread.of(people, judge)
    trust = spread.shared / spread.judge

    endless = labels_for_half_width(people, judge, half_width=0.05, tuning=trust)

    assert labels_among(3_000_000, spread, half_width=0.05) == pytest.approx(endless, rel=0.01)


def test_labels_among_few_cases_are_all_of_them_or_not_enough():
    assert labels_among(300, SPREAD, half_width=0.01) is None
    assert labels_among(100, SPREAD, half_width=0.098) <= 100


@given(st.integers(40, 2000), st.floats(0.02, 0.2))
def test_wider_intervals_never_need_more_labels(n_cases, half_width):
    narrow = labels_among(n_cases, SPREAD, half_width=half_width)
    wide = labels_among(n_cases, SPREAD, half_width=half_width * 1.5)

    assert narrow is None or wide <= narrow <= n_cases


def test_labels_that_do_not_vary_show_no_spread():
    assert LabelSpread.of([1, 1, 1], [1, 0, 1]) is None
    assert LabelSpread.of([1], [1]) is None


def test_constant_judge_is_no_help():
    constant = LabelSpread(human=0.25, judge=0.0, shared=0.0)

    assert labels_among(10_000, constant, half_width=0.05) == 385
