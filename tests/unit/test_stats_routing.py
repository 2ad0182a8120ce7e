import csv
import json
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalrunner.stats.cascade import agreement_signal, two_stage_cascade, verified_cascade
from evalrunner.stats.intervals import wilson_interval
from evalrunner.stats.routing import (
    category_routing,
    gap_recovered,
    oracle_routing,
    oracle_share_to_match,
    seeded_folds,
)

GOLDEN = Path(__file__).parent / "golden"
CASES = {
    case["id"]: case
    for case in json.loads((GOLDEN / "stat_cases.json").read_text("utf-8"))["cases"]
}
NAN = math.nan


def rng(seed=0):
    return np.random.default_rng(seed)


def gsm8k():
    """Mixtral's and GPT-4's correctness on GSM8K, as upstream has it."""
    with (GOLDEN / "gsm8k_flags.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    return np.array([[row["mixtral"], row["gpt4"]] for row in rows], dtype=float).T


def prices(*each, n):
    return np.repeat(np.array(each, dtype=float)[:, None], n, axis=1)


def test_gsm8k_has_the_published_oracle_router():
    expected = CASES["oracle_router"]["expected"]
    flags = gsm8k()

    oracle = oracle_routing(flags, prices(1, 20, n=1319))

    assert flags.mean(axis=1) == pytest.approx([expected["weak"], expected["strong"]], abs=1e-9)
    assert oracle.quality.value == pytest.approx(expected["oracle"], abs=1e-9)
    assert oracle.shares[1] == pytest.approx(expected["strong_share_for_oracle"], abs=1e-9)
    assert oracle.cost.value == pytest.approx(1 + 19 * oracle.shares[1])
    rate = wilson_interval(1225, 1319)
    assert (rate.low, rate.high) == pytest.approx(expected["oracle_ci_wilson"])
    assert oracle.quality.low == pytest.approx(rate.low, abs=0.003)


def test_gsm8k_needs_the_published_share_of_strong_calls_to_match():
    expected = CASES["oracle_router"]["expected"]
    weak, strong = gsm8k()

    share = oracle_share_to_match(weak, strong)

    assert share == pytest.approx(expected["strong_share_to_match_strong"], abs=1e-9)
    assert oracle_share_to_match(strong, weak) == 0
    assert oracle_share_to_match([NAN], [1]) is None


def test_random_routing_recovers_its_share_of_the_gap():
    weak, strong = CASES["oracle_router"]["expected"]["weak"], 0.8567096285064443

    recovered = gap_recovered((weak + strong) / 2, weak=weak, strong=strong)

    assert recovered == pytest.approx(CASES["oracle_router"]["expected"]["pgr_of_random_50pct"])
    assert gap_recovered(0.5, weak=0.6, strong=0.6) is None


def test_oracle_takes_the_cheapest_of_the_best():
    quality = np.array([[1, 0, 0, 0.2], [1, 1, 0, 0.7], [1, 1, 0, 0.9]])
    cost = np.array([[1, 1, 1, 1], [2, 5, 2, 2], [3, 3, 3, 3]])

    oracle = oracle_routing(quality, cost)

    assert oracle.cells == (0, 2, 0, 2)
    assert (oracle.quality.value, oracle.cost.value) == pytest.approx((2.9 / 4, 8 / 4))
    assert oracle.shares == (0.5, 0, 0.5)


def test_a_cell_without_price_or_score_is_no_choice_for_the_case():
    quality, cost = [[1, NAN, NAN], [1, 0, 1]], [[NAN, 1, 1], [9, 9, NAN]]

    oracle = oracle_routing(quality, cost)

    assert oracle.cells == (1, 1, None)
    assert (oracle.quality.value, oracle.quality.n, oracle.shares) == (0.5, 2, (0, 1))


def test_nothing_known_is_routed_nowhere():
    oracle = oracle_routing([[NAN]], [[1]])

    assert (oracle.quality.value, oracle.cost.value, oracle.shares) == (None, None, (0.0,))


@given(st.integers(0, 2**32), st.integers(1, 5), st.integers(1, 30))
def test_no_router_beats_the_oracle(seed, n_cells, n):
    quality, cost = rng(seed).random((2, n_cells, n))
    some = rng(seed + 1).integers(0, n_cells, n)

    oracle = oracle_routing(quality, cost)

    assert oracle.quality.value >= quality[some, np.arange(n)].mean() - 1e-9
    assert sum(oracle.shares) == pytest.approx(1)


def test_categories_go_to_the_cheapest_cell_that_is_good_enough():
    """The cheap cell is as good at refunds, and hopeless at law."""
    categories = np.repeat(["refund", "law"], 100)
    cheap = np.where(categories == "refund", 0.95, 0.1)
    dear = np.full(200, 0.96)

    strict = category_routing([cheap, dear], prices(1, 9, n=200), categories, rng=rng())
    lax = category_routing([cheap, dear], prices(1, 9, n=200), categories, rng=rng(), margin=0.02)

    assert strict.choices == {"law": 1, "refund": 1}
    assert lax.choices == {"law": 1, "refund": 0}
    assert lax.routing.cost.value == 5
    assert lax.routing.quality.value == pytest.approx(0.955)


def test_choices_by_chance_are_not_rewarded():
    """Twelve equal cells of coin tosses: the best of each category is no better on other cases."""
    quality = (rng(1).random((12, 2000)) < 0.5).astype(float)
    categories = np.arange(2000) % 40

    found = category_routing(quality, prices(*[1.0] * 12, n=2000), categories, rng=rng())

    in_sample = np.mean([quality[:, categories == c].mean(axis=1).max() for c in range(40)])
    assert in_sample > 0.6
    assert found.routing.quality.low < 0.5 < found.routing.quality.high


def test_a_category_that_is_new_goes_where_everything_would_go():
    """Its only case is held out: nothing else is known of it."""
    categories = ["common"] * 20 + ["rare"]
    quality = np.vstack([np.ones(21), np.zeros(21)])

    found = category_routing(quality, prices(2, 1, n=21), categories, rng=rng())

    assert set(found.routing.cells) == {0}
    assert found.choices == {"common": 0, "rare": 0}


def test_a_category_without_any_score_has_no_cell():
    found = category_routing([[1, NAN]], [[1, 1]], ["known", "unknown"], rng=rng(), clusters=[0, 0])

    assert found.choices == {"known": 0}
    assert found.routing.cells == (0, None)


@given(st.integers(0, 2**32), st.integers(2, 40), st.integers(2, 8))
def test_folds_hold_out_every_case_once_and_never_divide_a_cluster(seed, n, folds):
    clusters = rng(seed).integers(0, 10, n)

    masks = list(seeded_folds(n, folds=folds, rng=rng(seed), clusters=clusters))

    assert np.sum(masks, axis=0).tolist() == [1] * n
    assert all(len(set(clusters[mask]) & set(clusters[~mask])) == 0 for mask in masks)
    assert all(mask.any() for mask in masks)


def test_cascade_with_a_verifier_has_the_published_cost_and_quality():
    case = CASES["cascade_cost"]
    weak, strong = gsm8k()
    costs = {key: case["inputs"][key] for key in ("weak_cost", "strong_cost")}
    verifier = case["inputs"]["verifier"]

    perfect = verified_cascade(weak, strong, **costs)
    noisy = verified_cascade(
        weak,
        strong,
        **costs,
        true_positive_rate=verifier["tpr"],
        false_positive_rate=verifier["fpr"],
    )

    expected = case["expected"]["perfect_verifier"]
    assert (perfect.quality, perfect.cost) == pytest.approx((expected["acc"], expected["cost"]))
    expected = case["expected"]["noisy_verifier"]
    assert (noisy.accepted, noisy.cost, noisy.quality) == pytest.approx(
        (expected["accept"], expected["cost"], expected["acc"])
    )


def test_agreement_is_the_share_of_the_most_frequent_answer():
    answers = [[1, 1, 2, NAN], [1, 2, NAN, NAN], [1, 2, 3, NAN], [3, 2, NAN, NAN]]

    chosen, share = agreement_signal(answers)

    assert chosen[:3].tolist() == [1, 2, 2]
    assert share.tolist() == [0.75, 0.75, 0.5, 0]
    assert math.isnan(chosen[3])


def test_agreement_of_no_answers_is_none_at_all():
    chosen, share = agreement_signal(np.full((2, 3), NAN))

    assert np.isnan(chosen).all()
    assert share.tolist() == [0, 0, 0]


def test_cascade_with_a_telling_signal_keeps_the_quality_for_less():
    """A verifier that is right in 95 % of the cases and 20 % of the wrong ones, on real answers."""
    weak, strong = gsm8k()
    draws = rng(2).random(1319)
    signal = np.where(weak == 1, draws < 0.95, draws < 0.2).astype(float)

    cascade = two_stage_cascade(
        (weak, strong), (np.full(1319, 0.001), np.full(1319, 0.02)), signal, rng=rng()
    )

    expected = CASES["cascade_cost"]["expected"]["noisy_verifier"]
    assert cascade.threshold == 1
    assert cascade.escalated.value == pytest.approx(1 - expected["accept"], abs=0.025)
    assert cascade.quality.value == pytest.approx(expected["acc"], abs=0.02)
    assert cascade.cost.value == pytest.approx(expected["cost"], abs=0.0005)
    assert cascade.cost_share == pytest.approx(cascade.cost.value / 0.02)
    assert cascade.quality_share == pytest.approx(cascade.quality.value / strong.mean())
    assert cascade.difference.value == pytest.approx(cascade.quality.value - strong.mean())


def test_threshold_is_the_cheapest_that_keeps_the_quality():
    """Wrong below a signal of 0.4: everything above may be taken, and half as much below costs."""
    signal = np.linspace(0, 1, 101)
    weak, strong = (signal >= 0.4).astype(float), np.ones(101)
    costs = (np.ones(101), np.full(101, 9.0))

    exact = two_stage_cascade((weak, strong), costs, signal, rng=rng())
    lax = two_stage_cascade((weak, strong), costs, signal, rng=rng(), margin=0.1)

    assert exact.threshold == pytest.approx(0.4)
    assert lax.threshold == pytest.approx(0.3)
    assert exact.escalated.value == pytest.approx(0.4, abs=0.02)
    assert lax.quality.value == pytest.approx(0.9, abs=0.03)


def test_a_cheap_model_that_never_helps_is_never_trusted():
    cascade = two_stage_cascade(
        (np.zeros(40), np.ones(40)), (np.ones(40), np.full(40, 4.0)), rng(3).random(40), rng=rng()
    )

    assert (cascade.threshold, cascade.escalated.value) == (None, 1)
    assert (cascade.quality_share, cascade.cost_share) == (1, 1.25)


def test_a_signal_of_chance_loses_what_its_threshold_seemed_to_save():
    """Chosen on the cases it is judged by, the threshold would lose nothing."""
    weak, strong = gsm8k()[:, :300]
    signal = rng(4).random(300)

    cascade = two_stage_cascade(
        (weak, strong), (np.ones(300), np.full(300, 20.0)), signal, rng=rng(), margin=0.02
    )

    lost_in_sample = (strong - weak)[signal >= cascade.threshold].sum() / 300
    assert lost_in_sample <= 0.02
    assert cascade.difference.value < 0


def test_cases_with_a_gap_are_left_out_of_the_cascade():
    quality = (np.array([1, 1, NAN, 0]), np.array([1, 1, 1, 1]))
    costs = (np.ones(4), np.array([2, 2, 2, NAN]))

    cascade = two_stage_cascade(quality, costs, [1, 1, 1, 1], rng=rng(), clusters=[0, 1, 1, 2])

    assert (cascade.quality.n, cascade.threshold, cascade.cost_share) == (2, 1, 0.5)


def test_no_cases_make_no_cascade():
    empty = np.array([])

    cascade = two_stage_cascade((empty, empty), (empty, empty), empty, rng=rng())

    assert (cascade.threshold, cascade.quality.value, cascade.quality_share) == (None, None, None)


def test_same_seed_gives_the_same_cascade():
    weak, strong = gsm8k()
    signal = rng(5).random(1319)
    costs = (np.ones(1319), np.full(1319, 20.0))

    one, other = (two_stage_cascade((weak, strong), costs, signal, rng=rng()) for _ in range(2))

    assert one == other
