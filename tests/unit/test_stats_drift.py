import json
import math
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalrunner.stats.drift import (
    goodness_of_fit,
    homogeneity,
    js_divergence,
    kl_divergence,
    mix_drift,
    population_stability,
    thin_share,
    total_variation,
)
from evalrunner.stats.intervals import wilson_interval
from evalrunner.stats.strata import common_mix, post_stratified
from evalrunner.stats.two_samples import classifier_test, mean_discrepancy

GOLDEN = Path(__file__).parent / "golden" / "stat_cases.json"
CASES = {case["id"]: case for case in json.loads(GOLDEN.read_text("utf-8"))["cases"]}
DATASETS = Path(__file__).parents[2] / "datasets"

mixes = st.lists(st.tuples(st.integers(1, 50), st.integers(1, 50)), min_size=1, max_size=8)


def rng(seed=0):
    return np.random.default_rng(seed)


def mix():
    inputs = CASES["drift_category_mix"]["inputs"]
    return inputs["test_set"], inputs["production"]


def banking77(*names):
    """Counts of the same 77 intents in each file."""
    counted = []
    for name in names:
        lines = (DATASETS / name).read_text("utf-8").splitlines()
        counted.append(Counter(json.loads(line)["expected_output"] for line in lines))
    return [np.array([counts[intent] for intent in sorted(counted[0])]) for counts in counted]


def strata():
    inputs = CASES["post_stratified"]["inputs"]
    values = np.concatenate(
        [
            np.arange(n) < passed
            for n, passed in zip(inputs["strata"]["n"], inputs["strata"]["passed"], strict=True)
        ]
    )
    labels = np.repeat(["a", "b", "c"], inputs["strata"]["n"]).tolist()
    return values, labels, dict(zip("abc", inputs["production_mix"], strict=True))


def test_measures_of_a_changed_mix_are_the_published_ones():
    expected = CASES["drift_category_mix"]["expected"]
    before, after = mix()

    found = mix_drift(before, after, rng=rng())

    assert found.psi == pytest.approx(expected["psi"])
    assert found.js_divergence == pytest.approx(expected["js_divergence_base2"])
    assert found.total_variation == pytest.approx(expected["total_variation"])
    assert found.test.statistic == pytest.approx(expected["chi2_two_sample"])
    assert found.test.p_value == pytest.approx(expected["chi2_two_sample_p"])
    assert found.test.cramers_v == pytest.approx(expected["cramers_v"])
    assert found.test.df == 3
    assert found.psi_p_value == pytest.approx(1 / 2001)


def test_fit_to_a_known_mix_is_the_published_one():
    expected = CASES["drift_category_mix"]["expected"]
    before, after = mix()

    found = goodness_of_fit(after, before)

    assert found.statistic == pytest.approx(expected["chi2_gof"])
    assert found.p_value == pytest.approx(expected["chi2_gof_p"])
    assert kl_divergence(after, before) == pytest.approx(expected["kl_prod_vs_test_nats"])


def test_empty_categories_are_floored_for_the_psi_alone():
    case = CASES["drift_empty_bin"]
    before, after = case["inputs"]["test_set"], case["inputs"]["production"]

    psi = population_stability(before, after, floor=case["inputs"]["floor"])

    assert psi == pytest.approx(case["expected"]["psi_floor"], abs=case["tol"])
    assert js_divergence(before, after) == pytest.approx(
        case["expected"]["js_divergence_base2"], abs=case["tol"]
    )
    assert kl_divergence(after, before) == math.inf


@given(mixes)
def test_distances_of_mixes_are_symmetric_and_zero_for_equal_ones(pairs):
    one, other = np.array(pairs).T

    for measure in (population_stability, js_divergence, total_variation):
        assert measure(one, other) == pytest.approx(measure(other, one))
        assert measure(one, 3 * one) == pytest.approx(0, abs=1e-12)
    assert 0 <= js_divergence(one, other) <= 1
    assert 0 <= total_variation(one, other) <= 1


def test_mixes_without_a_common_category_are_farthest_apart():
    assert js_divergence([1, 0], [0, 1]) == pytest.approx(1)
    assert total_variation([1, 0], [0, 1]) == 1


def test_banking77_mismatch_is_the_published_one():
    """The training set's mix as production against the balanced test set."""
    test_set, train = banking77("banking77.jsonl", "banking77_train.jsonl")

    found = mix_drift(test_set, train, rng=rng())

    assert found.test.statistic == pytest.approx(192.92, abs=0.005)
    assert found.test.df == 76
    assert found.test.p_value == pytest.approx(4e-12, rel=0.25)
    assert found.psi == pytest.approx(0.0748, abs=5e-5)
    assert found.js_divergence == pytest.approx(0.013167, abs=5e-7)
    assert found.test.cramers_v == pytest.approx(0.1214, abs=5e-5)
    assert found.psi_p_value < 0.001


def test_samples_of_the_same_mix_seldom_raise_an_alarm():
    """200 samples of 300 from BANKING77's balanced set: a PSI of .344 on average means nothing."""
    (test_set,) = banking77("banking77.jsonl")
    samples = rng(1).multinomial(300, test_set / test_set.sum(), size=200)

    found = [mix_drift(test_set, sample, rng=rng(), resamples=200) for sample in samples]

    assert np.mean([one.psi for one in found]) == pytest.approx(0.344, abs=0.06)
    assert np.mean([one.psi_without_drift for one in found]) > 0.25
    assert np.mean([one.test.p_value < 0.05 for one in found]) <= 0.05
    assert np.mean([one.psi_p_value < 0.05 for one in found]) <= 0.05


def test_rare_categories_are_tested_together():
    """One expected case a row is the least: half of two, as both rows are as long."""
    merged = homogeneity([50, 50, 1, 0], [50, 50, 0, 1])
    joined = homogeneity([50, 40, 1], [50, 40, 0])
    only_rare = homogeneity([1, 0], [0, 0.5])

    assert merged.df == 2
    assert merged.statistic == pytest.approx(0)
    assert joined.df == 1
    assert joined.statistic == pytest.approx(homogeneity([50, 41], [50, 40]).statistic)
    assert (only_rare.df, only_rare.p_value) == (0, 1)


@pytest.mark.parametrize("categories", [4, 77])
def test_false_alarms_of_the_mix_keep_their_level(categories):
    """Both samples drawn from one mix with rare categories, 1,000 times."""
    shares = 1 / np.arange(1, categories + 1)
    draws = rng(4).multinomial(200, shares / shares.sum(), size=(1000, 2))

    alarms = sum(homogeneity(*draw).p_value < 0.05 for draw in draws)

    assert 20 <= alarms <= 64


def test_thin_categories_carry_their_share_of_production():
    assert thin_share([40, 4, 0], [50, 30, 20]) == pytest.approx(0.5)
    assert thin_share([40, 5, 5], [50, 30, 20]) == 0


def test_classifier_two_sample_test_is_the_published_one():
    case = CASES["c2st"]

    found = classifier_test(case["inputs"]["correct"], case["inputs"]["n"])

    assert found.accuracy.value == pytest.approx(case["expected"]["accuracy"])
    assert found.p_value == pytest.approx(case["expected"]["p_greater"])
    assert found.z == pytest.approx(case["expected"]["z"])


def test_a_classifier_must_beat_the_more_frequent_sample():
    assert classifier_test(90, 100, chance=0.9).p_value > 0.5
    assert classifier_test(0, 10).p_value == 1


def test_mean_discrepancy_is_the_published_one():
    case = CASES["mmd"]

    found = mean_discrepancy(
        case["inputs"]["x"], case["inputs"]["y"], rng=rng(), gamma=case["inputs"]["gamma"]
    )

    assert found.biased == pytest.approx(case["expected"]["mmd2_biased"])
    assert found.unbiased == pytest.approx(case["expected"]["mmd2_unbiased"])
    assert 0.1 < found.p_value < 0.9


def test_mean_discrepancy_finds_a_shift_in_any_dimension():
    one, other = rng(2).normal(size=(80, 3)), rng(3).normal(size=(60, 3))

    same = mean_discrepancy(one, other, rng=rng())
    shifted = mean_discrepancy(one, other + np.array([0, 0, 1]), rng=rng())

    assert same.p_value > 0.05
    assert shifted.p_value == pytest.approx(1 / 501)
    assert shifted.unbiased > 5 * abs(same.unbiased)


def test_equal_vectors_have_no_discrepancy():
    found = mean_discrepancy([1.0, 1.0], [1.0, 1.0, 1.0], rng=rng())

    assert (found.biased, found.unbiased, found.p_value) == (0, 0, 1)


def test_post_stratified_mean_is_the_published_one():
    expected = CASES["post_stratified"]["expected"]
    values, labels, production = strata()

    found = post_stratified(values, labels, production)

    assert values.mean() == expected["unweighted"]
    assert found.estimate.value == pytest.approx(expected["post_stratified"])
    assert (found.estimate.low, found.estimate.high) == pytest.approx(expected["ci"])
    assert found.effective_n == pytest.approx(expected["kish_n_eff"])
    assert (found.low, found.high) == pytest.approx((0.64, 0.64))
    worst = wilson_interval(4, 10)
    assert (worst.low, worst.high) == pytest.approx(expected["worst_stratum_wilson"])


def test_a_category_without_cases_leaves_bounds_only():
    values, labels, production = strata()

    found = post_stratified(values, labels, {**production, "new": 1.0})

    assert found.estimate.value is None
    assert (found.missing, found.missing_share) == (("new",), pytest.approx(0.5))
    assert (found.low, found.high) == pytest.approx((0.32, 0.82))


def test_an_empty_mix_says_nothing():
    found = post_stratified([1, 0], ["a", "a"], {})

    assert (found.estimate.value, found.low, found.high, found.effective_n) == (None,) * 3 + (0,)


def test_cases_outside_the_mix_count_for_nothing():
    found = post_stratified([1, 0, 0, 0], ["a", "a", "b", "b"], {"a": 1.0, "b": 0.0})

    assert (found.estimate.value, found.estimate.n) == (0.5, 2)


def test_one_case_of_a_category_shows_no_spread_and_claims_none():
    found = post_stratified([1, 1, 1, 1], ["a", "a", "a", "b"], {"a": 0.8, "b": 0.2})

    half = 1.959963985 * 0.2 * 0.5
    assert (found.estimate.low, found.estimate.high) == pytest.approx((1 - half, 1))


def test_equal_scores_get_wilson_bounds_at_the_effective_size():
    found = post_stratified(np.ones(40), ["a"] * 30 + ["b"] * 10, {"a": 0.5, "b": 0.5})

    assert found.effective_n == pytest.approx(30)
    assert found.estimate.low == pytest.approx(wilson_interval(30, 30).low)


def test_differences_are_post_stratified_in_their_own_range():
    values, labels = [-1.0, 0.0, -1.0, 0.0, 0.0, 0.0], ["a"] * 4 + ["b"] * 2

    found = post_stratified(values, labels, {"a": 0.9, "b": 0.1}, bounds=(-1, 1))

    assert found.estimate.value == pytest.approx(-0.45)
    assert found.estimate.low < -0.5


def test_clusters_widen_the_post_stratified_interval_and_never_narrow_it():
    values, labels, production = strata()
    blocks = np.arange(100) // 5

    alone = post_stratified(values, labels, production).estimate
    together = post_stratified(values, labels, production, clusters=blocks).estimate
    apart = post_stratified(values, labels, production, clusters=np.arange(100)[::-1]).estimate

    assert together.high - together.low > 1.2 * (alone.high - alone.low)
    assert (apart.low, apart.high) == pytest.approx((alone.low, alone.high))


def test_kidney_stones_reverse_at_a_common_mix():
    case = CASES["simpson"]
    one, other = ({k: tuple(v) for k, v in case["inputs"][m].items()} for m in "AB")

    found = common_mix(one, other)

    expected = case["expected"]
    assert found.raw == pytest.approx((expected["A_total"], expected["B_total"]))
    assert found.standardised == pytest.approx(
        (expected["standardised_A"], expected["standardised_B"])
    )
    assert found.is_reversed is expected["reversal"]


def test_the_mix_of_production_decides_who_leads():
    one, other = {"a": (9, 10), "b": (1, 10)}, {"a": (6, 10), "b": (5, 10)}

    found = common_mix(one, other, mix={"a": 90, "b": 10})

    assert found.standardised == pytest.approx((0.82, 0.59))
    assert found.is_reversed
    assert not common_mix(one, other).is_reversed
