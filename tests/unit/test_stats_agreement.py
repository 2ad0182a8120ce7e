import json
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats as reference

from evalrunner.stats import (
    cohen_kappa,
    fleiss_kappa,
    gwet_ac1,
    kendall_tau,
    krippendorff_alpha,
    percent_agreement,
    retest_noise,
)

GOLDEN = Path(__file__).parent / "golden" / "stat_cases.json"
CASES = {case["id"]: case for case in json.loads(GOLDEN.read_text("utf-8"))["cases"]}
NAN = math.nan

tables = st.lists(st.lists(st.integers(0, 20), min_size=3, max_size=3), min_size=3, max_size=3)
verdicts = st.lists(
    st.tuples(*[st.sampled_from([0.0, 1.0, 2.0, NAN])] * 3), min_size=2, max_size=25
)


def rng(seed=0):
    return np.random.default_rng(seed)


def textbook():
    data = CASES["krippendorff_textbook"]["inputs"]["reliability_data"]
    return [[NAN if value is None else value for value in row] for row in data]


def paradox():
    """118 times both pass, 5 and 2 times one does, never none: as two rows of ratings."""
    (both, first), (second, none) = CASES["kappa_paradox"]["inputs"]["table"]
    return np.repeat([[0, 0, 1, 1], [0, 1, 0, 1]], [both, first, second, none], axis=1)


def test_kappa_and_its_interval_are_the_published_ones():
    case = CASES["cohen_kappa"]

    kappa = cohen_kappa(case["inputs"]["table"])

    assert kappa.value == pytest.approx(case["expected"]["kappa"], abs=case["tol"])
    assert (kappa.low, kappa.high) == pytest.approx(case["expected"]["ci"], abs=case["tol"])
    assert (kappa.n, kappa.method) == (50, "Cohen's kappa")


def test_weighted_kappa_gives_the_published_values():
    case = CASES["weighted_kappa"]
    table = np.zeros((5, 5))
    np.add.at(table, tuple(np.array([case["inputs"]["human"], case["inputs"]["judge"]]) - 1), 1)

    quadratic = cohen_kappa(table, weights="quadratic")
    linear = cohen_kappa(table, weights="linear")

    assert quadratic.value == pytest.approx(case["expected"]["quadratic"], abs=case["tol"])
    assert linear.value == pytest.approx(case["expected"]["linear"], abs=case["tol"])
    assert quadratic.low < quadratic.value < quadratic.high <= 1
    assert quadratic.method == "Cohen's kappa, quadratic weights"


def test_weights_of_two_categories_change_nothing():
    table = [[20, 5], [10, 15]]

    plain, weighted = cohen_kappa(table), cohen_kappa(table, weights="quadratic")

    assert (weighted.value, weighted.low) == pytest.approx((plain.value, plain.low))


def test_interval_of_weighted_kappa_covers_the_truth():
    """Its standard error is the spread of the estimate over samples of one population."""
    population = np.array([[0.3, 0.05, 0.0], [0.1, 0.2, 0.05], [0.0, 0.1, 0.2]])
    draws = rng().multinomial(300, population.ravel(), size=2000).reshape(-1, 3, 3)

    found = [cohen_kappa(table, weights="linear") for table in draws]

    half = np.mean([one.high - one.value for one in found]) / 1.959964
    assert half == pytest.approx(np.std([one.value for one in found]), rel=0.05)


def test_kappa_without_a_chance_to_disagree_has_no_value():
    assert cohen_kappa([[9, 0], [0, 0]]).value is None
    assert cohen_kappa([[0, 0], [0, 0]]).value is None


def test_perfect_agreement_claims_no_certain_kappa():
    kappa = cohen_kappa([[9, 0], [0, 3]])

    assert (kappa.value, kappa.low, kappa.high) == (1.0, None, None)


def test_fleiss_kappa_is_nominal_alpha_but_for_its_small_sample_correction():
    ratings = rng().integers(0, 3, (4, 50))
    counts = np.array([(ratings == label).sum(axis=0) for label in range(3)]).T

    kappa, alpha = fleiss_kappa(counts), krippendorff_alpha(ratings, rng=rng(), resamples=2)

    assert 1 - kappa == pytest.approx((1 - alpha.value) * 200 / 199)
    assert fleiss_kappa([[4, 0], [4, 0]]) is None


@given(tables)
def test_kappa_does_not_depend_on_who_is_first(table):
    kappa, mirrored = cohen_kappa(table), cohen_kappa(np.transpose(table))

    assert (kappa.value is None) == (mirrored.value is None)
    if kappa.value is not None:
        assert kappa.value == pytest.approx(mirrored.value)
        assert kappa.low == pytest.approx(mirrored.low)


@pytest.mark.parametrize("metric", ["nominal", "ordinal", "interval"])
def test_alpha_gives_the_textbook_values(metric):
    case = CASES["krippendorff_textbook"]

    alpha = krippendorff_alpha(textbook(), rng=rng(), metric=metric)

    assert alpha.value == pytest.approx(case["expected"][metric], abs=case["tol"])
    assert alpha.low < alpha.value < alpha.high <= 1 + 1e-9
    assert (alpha.n, alpha.method) == (11, f"Krippendorff's alpha, {metric}, bootstrap")


def test_rare_failures_sink_kappa_and_alpha_but_not_ac1():
    case, ratings = CASES["kappa_paradox"], paradox()
    expected, tol = case["expected"], case["tol"]

    assert cohen_kappa(case["inputs"]["table"]).value == pytest.approx(expected["cohen"], abs=tol)
    assert percent_agreement(ratings).value == pytest.approx(expected["percent"], abs=tol)
    assert gwet_ac1(ratings, rng=rng()).value == pytest.approx(expected["gwet_ac1"], abs=tol)
    assert krippendorff_alpha(ratings, rng=rng()).value == pytest.approx(
        expected["krippendorff"], abs=tol
    )


def test_ac1_and_agreement_of_four_raters_with_gaps_are_the_published_ones():
    case = CASES["krippendorff_textbook"]

    ac1, agreement = gwet_ac1(textbook(), rng=rng()), percent_agreement(textbook())

    assert ac1.value == pytest.approx(case["expected"]["gwet_ac1"], abs=case["tol"])
    assert agreement.value == pytest.approx(case["expected"]["percent_agreement"], abs=case["tol"])
    assert (ac1.n, agreement.n) == (12, 11)


def test_random_raters_agree_no_better_than_chance():
    ratings = rng().integers(0, 2, size=(3, 400))

    alpha = krippendorff_alpha(ratings, rng=rng())

    assert alpha.low < 0 < alpha.high
    assert alpha.value == pytest.approx(0, abs=0.06)


def test_alpha_of_equal_values_is_unknown_for_nobody_had_to_tell_two_apart():
    constant = krippendorff_alpha(np.ones((3, 50)), rng=rng())

    assert (constant.value, constant.low, constant.high, constant.n) == (None, None, None, 50)
    assert gwet_ac1(np.ones((3, 50)), rng=rng()).value is None
    assert gwet_ac1(np.ones((3, 50)), rng=rng(), n_categories=2).value == 1.0


@pytest.mark.parametrize("metric", ["nominal", "ordinal", "interval"])
def test_perfect_agreement_claims_no_certain_alpha(metric):
    alpha = krippendorff_alpha([[1, 1, 3, 0.1]] * 2, rng=rng(), metric=metric)

    assert (alpha.value, alpha.low, alpha.high) == (1.0, None, None)


@pytest.mark.parametrize("ratings", [[], [[1.0, 0.0]], [[1.0, NAN], [NAN, 0.0]]])
def test_a_single_rating_a_case_says_nothing_of_agreement(ratings):
    assert krippendorff_alpha(ratings, rng=rng()).value is None
    assert percent_agreement(ratings).value is None
    assert gwet_ac1(ratings, rng=rng()).value is None


def test_criteria_of_one_case_are_drawn_together():
    """Forty criteria of ten cases, where a case's criteria agree or disagree together."""
    first = np.tile([0.0, 1.0], 20)
    flipped = np.repeat([True, False, False, False, False] * 2, 4)
    ratings, cases = [first, np.where(flipped, 1 - first, first)], np.repeat(np.arange(10), 4)

    alone = krippendorff_alpha(ratings, rng=rng())
    together = krippendorff_alpha(ratings, rng=rng(), clusters=cases, by="case")

    assert together.value == alone.value
    assert together.high - together.low > 1.3 * (alone.high - alone.low)
    assert together.method == "Krippendorff's alpha, nominal, bootstrap, clustered by case"


@given(verdicts, st.sampled_from(["nominal", "ordinal", "interval"]))
def test_alpha_ignores_who_said_it_and_never_exceeds_one(rows, metric):
    ratings = np.array(rows).T

    alpha = krippendorff_alpha(ratings, rng=rng(), metric=metric, resamples=20)
    shuffled = krippendorff_alpha(ratings[::-1], rng=rng(), metric=metric, resamples=20)

    assert (alpha.value is None) == (shuffled.value is None)
    if alpha.value is not None:
        assert alpha.value == pytest.approx(shuffled.value)
        assert alpha.value <= 1 + 1e-9


@given(verdicts, st.floats(0.1, 10), st.floats(-100, 100))
def test_interval_alpha_knows_no_unit(rows, scale, shift):
    ratings = np.array(rows).T

    one = krippendorff_alpha(ratings, rng=rng(), metric="interval", resamples=2)
    other = krippendorff_alpha(ratings * scale + shift, rng=rng(), metric="interval", resamples=2)

    assert one.value == pytest.approx(other.value, abs=1e-6)


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=2, max_size=12))
def test_kendall_tau_is_that_of_scipy(pairs):
    first, second = np.array(pairs, dtype=float).T

    tau = kendall_tau(first, second)

    if len(set(first)) == 1 or len(set(second)) == 1:
        assert tau is None
    else:
        assert tau == pytest.approx(reference.kendalltau(first, second).statistic)


def test_unknown_qualities_take_no_part_in_a_ranking():
    assert kendall_tau([0.9, 0.5, NAN, 0.1], [0.8, 0.6, 0.7, NAN]) == 1.0
    assert kendall_tau([0.9, NAN], [NAN, 0.6]) is None


def test_noise_of_a_judge_is_the_spread_of_its_second_thoughts():
    """A judge with a standard deviation of 0.1 around the truth, asked twice."""
    truth, noise = rng().uniform(0.3, 0.7, 5000), rng(1).normal(0, 0.1, (2, 5000))

    found = retest_noise(truth + noise[0], truth + noise[1])

    assert found.sd == pytest.approx(0.1, rel=0.03)
    assert found.mean_error(400) == pytest.approx(found.sd / 20)
    assert found.changed.value == 1.0


def test_changed_verdicts_are_counted_with_wilson_bounds():
    found = retest_noise([1, 1, 0, 0, NAN], [1, 0, 0, 0, 1])

    assert (found.changed.value, found.changed.n) == (0.25, 4)
    assert 0 < found.changed.low < 0.25 < found.changed.high < 1


def test_changed_criteria_of_one_case_are_no_independent_evidence():
    first, second = [1] * 40, [0] * 8 + [1] * 32

    alone = retest_noise(first, second).changed
    by_case = retest_noise(first, second, clusters=np.repeat(np.arange(5), 8)).changed

    assert by_case.high - by_case.low > alone.high - alone.low


def test_noise_of_a_judge_that_was_not_asked_twice_is_unknown():
    found, once = retest_noise([], []), retest_noise([1.0], [1.0])

    assert (found.changed.value, found.sd, found.mean_error(100)) == (None, None, None)
    assert (once.changed.value, once.sd) == (0.0, None)
    assert retest_noise([1.0, 0.0], [1.0, 0.0]).mean_error(0) is None
