import json
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalrunner.stats.calibration import Confusion, judge_errors, rogan_gladen
from evalrunner.stats.intervals import clustered_rate_interval, wilson_interval
from evalrunner.stats.mcnemar import mcnemar
from evalrunner.stats.prediction_powered import (
    labels_for_half_width,
    power_tuning,
    prediction_powered_mean,
)

GOLDEN = Path(__file__).parent / "golden" / "stat_cases.json"
CASES = {case["id"]: case for case in json.loads(GOLDEN.read_text("utf-8"))["cases"]}
PPI = CASES["ppi_plus_plus"]["inputs"]
PPI_DATA = (PPI["human"], PPI["judge_on_labelled"], PPI["judge_on_unlabelled"])

counts = st.integers(0, 60)


def rng(seed=0):
    return np.random.default_rng(seed)


def columns(tp, fn, fp, tn):
    """Human and judge, one row a case."""
    return np.repeat([[1, 1, 0, 0], [1, 0, 1, 0]], [tp, fn, fp, tn], axis=1)


def confusion(tp, fn, fp, tn):
    return Confusion(true_passes=tp, false_fails=fn, false_passes=fp, true_fails=tn)


def noisy_judge(draws, truth, *, sensitivity, specificity):
    return np.where(truth, draws < sensitivity, draws > specificity).astype(float)


def test_errors_of_the_judge_are_the_published_ones():
    case = CASES["judge_confusion"]
    expected = case["expected"]

    found = judge_errors(*columns(**case["inputs"]), rng=rng())

    assert found.confusion == confusion(**case["inputs"])
    assert found.confusion.n == 100
    assert found.confusion.balanced_accuracy == pytest.approx(expected["balanced_accuracy"])
    assert found.confusion.matthews == pytest.approx(expected["mcc"])
    assert found.kappa.value == pytest.approx(expected["kappa"])
    rates = (found.sensitivity, found.specificity, found.precision, found.negative_precision)
    assert [rate.value for rate in rates] == pytest.approx(
        [expected[key] for key in ("sensitivity", "specificity", "ppv", "npv")]
    )
    bounds = [*expected["sens_wilson"], *expected["spec_wilson"]]
    assert [rate for one in rates[:2] for rate in (one.low, one.high)] == pytest.approx(bounds)


def test_inflation_is_tested_in_pairs():
    case = CASES["judge_confusion"]

    found = judge_errors(*columns(**case["inputs"]), rng=rng()).inflation

    assert found.difference.value == pytest.approx(case["expected"]["judge_minus_human"])
    assert found.difference.low > 0
    assert (found.wins, found.losses) == (12, 2)
    exact = mcnemar(case["inputs"]["fp"], case["inputs"]["fn"], exact=True)
    assert exact == pytest.approx(case["expected"]["mcnemar_exact_p"])
    assert found.p_value < exact


def test_labels_of_one_customer_are_not_independent():
    human, judge = columns(40, 4, 8, 8)
    clusters = np.arange(60) // 4

    found = judge_errors(human, judge, rng=rng(), clusters=clusters, by="customer")

    inside = human == 1
    expected = clustered_rate_interval(
        judge[inside], n_trials=44, clusters=clusters[inside], by="customer"
    )
    assert found.sensitivity == expected
    assert found.inflation.test == "sign flip, clustered by customer"


def test_a_judge_without_errors_or_without_a_class_has_no_crossover():
    assert confusion(5, 0, 0, 5).crossover is None
    assert confusion(5, 1, 0, 0).crossover is None
    assert confusion(0, 0, 1, 5).crossover is None
    assert confusion(5, 1, 0, 0).balanced_accuracy is None
    assert confusion(0, 0, 1, 5).balanced_accuracy is None
    assert confusion(5, 1, 0, 0).matthews is None


def test_rogan_gladen_and_its_interval_are_the_published_ones():
    case = CASES["rogan_gladen"]
    (tp, positives), (tn, negatives) = case["inputs"]["tpr"], case["inputs"]["tnr"]
    table = confusion(tp, positives - tp, negatives - tn, tn)

    found = rogan_gladen(case["inputs"]["judge_pass"], case["inputs"]["n"], table)

    assert found.value == pytest.approx(case["expected"]["theta"])
    bounds = case["expected"]["lang_reiczigel_lee_ci"]
    assert (found.low, found.high) == pytest.approx(bounds, abs=case["tol"])
    assert table.crossover == pytest.approx(case["expected"]["crossover"])
    assert (found.n, found.method) == (400, "Rogan-Gladen, Lang-Reiczigel")


@pytest.mark.parametrize(
    "table",
    [
        confusion(5, 5, 5, 5),
        confusion(0, 0, 3, 9),
        confusion(9, 3, 0, 0),
        confusion(1, 0, 900, 100),
    ],
    ids=["chance", "no passes", "no failures", "one label of a kind"],
)
def test_a_judge_that_may_be_no_better_than_chance_corrects_nothing(table):
    assert rogan_gladen(50, 100, table).value is None


def test_no_verdicts_have_no_corrected_rate():
    assert rogan_gladen(0, 0, confusion(9, 1, 1, 9)).value is None


@given(counts, counts, counts, counts, st.integers(1, 400), st.floats(0, 1))
def test_a_corrected_rate_lies_in_its_interval_and_both_in_range(tp, fn, fp, tn, n, share):
    found = rogan_gladen(round(share * n), n, confusion(tp, fn, fp, tn))

    assert found.value is None or 0 <= found.low <= found.value <= found.high <= 1


@pytest.mark.parametrize(
    ("tuning", "value", "interval"),
    [
        (None, "ppi_pp", "ppi_pp_ci"),
        (1.0, "ppi_lambda1", "ppi_lambda1_ci"),
        (0.0, "human_only", "human_only_ci_z_ddof0"),
    ],
)
def test_corrected_mean_is_the_published_one(tuning, value, interval):
    case = CASES["ppi_plus_plus"]

    found = prediction_powered_mean(*PPI_DATA, tuning=tuning)

    assert found.value == pytest.approx(case["expected"][value], abs=case["tol"])
    assert (found.low, found.high) == pytest.approx(case["expected"][interval], abs=case["tol"])
    assert (found.n, found.method) == (20, "PPI++")


def test_power_tuning_is_the_published_one():
    assert power_tuning(*PPI_DATA) == pytest.approx(CASES["ppi_plus_plus"]["expected"]["lam"])


def test_a_judge_that_tells_nothing_is_not_relied_on():
    """Constant, contrary to people, or silent on the other cases: their labels alone count."""
    human = [1, 0, 1, 1, 0, 1]

    assert power_tuning(human, [1] * 6, [1] * 9) == 0
    assert power_tuning(human, [0, 1, 0, 0, 1, 0], [0, 1, 1]) == 0
    assert power_tuning(human, human, []) == 0
    alone = prediction_powered_mean(human, human, [], tuning=1.0)
    assert alone == prediction_powered_mean(human, [1] * 6, [1] * 9)


def test_labels_that_all_agree_do_not_claim_certainty():
    found = prediction_powered_mean(np.ones(40), np.ones(40), np.ones(300))
    paired = prediction_powered_mean(
        np.ones(40),
        np.ones(40),
        np.ones(300),
        clusters=(np.arange(40) // 2, np.arange(300) + 20),
    )

    assert (found.value, found.high) == (1, 1)
    assert found.low == pytest.approx(wilson_interval(40, 40).low)
    assert paired.low == pytest.approx(wilson_interval(20, 20).low)


def test_one_label_has_no_interval_and_none_no_value():
    one, none = (prediction_powered_mean([1] * n, [1] * n, [1, 0]) for n in (1, 0))

    assert (one.value, one.low, one.n) == (1, None, 1)
    assert (none.value, none.n) == (None, 0)


@pytest.mark.parametrize(("rate", "bounds"), [(0.7, "normal"), (0.7, "wilson"), (0.9, "wilson")])
def test_corrected_interval_covers_the_truth_that_the_judge_misses(rate, bounds):
    """100 random labels of 400; the judge passes about every third wrong answer."""
    covered = off = 0
    generator = rng(1)
    for _ in range(1000):
        truth = generator.random(400) < rate
        judge = noisy_judge(generator.random(400), truth, sensitivity=0.98, specificity=0.65)
        off += judge.mean() - rate
        found = prediction_powered_mean(truth[:100], judge[:100], judge[100:], bounds=bounds)
        covered += found.low <= rate <= found.high

    assert off / 1000 == pytest.approx((1 - rate) * 0.35 - rate * 0.02, abs=0.01)
    assert 0.93 <= covered / 1000 <= 0.97


def test_wilson_bounds_stay_in_range_where_normal_ones_are_cut():
    human, judge = columns(19, 0, 1, 0)
    others = np.repeat([1, 0], [90, 10])

    normal = prediction_powered_mean(human, judge, others)
    wilson = prediction_powered_mean(human, judge, others, bounds="wilson")

    assert normal.high == 1
    assert wilson.value == normal.value < wilson.high < 1
    assert wilson.low < normal.low
    assert wilson.method == "PPI++, wilson"


def test_clusters_widen_the_corrected_interval():
    """Every case four times over, labelled and unlabelled ones of the same customers."""
    data = [np.repeat(values, 4) for values in PPI_DATA]
    codes = (np.repeat(np.arange(20), 4), np.repeat(np.arange(40) % 20, 4))

    alone = prediction_powered_mean(*data, tuning=0.4)
    together = prediction_powered_mean(*data, tuning=0.4, clusters=codes)
    once = prediction_powered_mean(
        *PPI_DATA, tuning=0.4, clusters=(np.arange(20), np.arange(40) % 20)
    )

    assert together.value == pytest.approx(alone.value)
    assert together.high - together.low > 1.5 * (alone.high - alone.low)
    assert (together.low, together.high) == pytest.approx((once.low, once.high))


def test_weights_undo_a_selection_of_the_cases_to_label():
    """Cases that the judge fails are labelled four times as often as those that it passes."""
    generator = rng(2)
    truth = generator.random(20_000) < 0.8
    judge = noisy_judge(generator.random(20_000), truth, sensitivity=0.9, specificity=0.7)
    chance = np.where(judge == 1, 0.1, 0.4)
    chosen = generator.random(20_000) < chance

    data = (truth[chosen].astype(float), judge[chosen], judge[~chosen])
    weights = (1 / chance[chosen], 1 / (1 - chance[~chosen]))
    naive = prediction_powered_mean(*data)
    weighted = prediction_powered_mean(*data, weights=weights)

    assert naive.low > truth.mean() + 0.04
    assert weighted.low < truth.mean() < weighted.high
    assert weighted.high - weighted.low < 0.06


def test_labels_needed_shrink_with_a_better_judge():
    truth = rng(3).random(1000) < 0.7
    good = noisy_judge(rng(4).random(1000), truth, sensitivity=0.98, specificity=0.95)

    alone = labels_for_half_width(truth, good, half_width=0.03, tuning=0.0)
    helped = labels_for_half_width(truth, good, half_width=0.03, tuning=0.9)

    spread = float(truth.astype(float).var())
    assert alone == math.ceil(1.959963985**2 * spread / 0.03**2)
    assert helped < alone / 3
