import csv
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest

from evalrunner.stats import (
    PairedTable,
    bonett_price_interval,
    bootstrap_difference,
    difference_interval,
    mcnemar,
    newcombe_interval,
    paired_difference,
    paired_differences,
    sign_flip,
    tango_interval,
    wilson_interval,
)
from evalrunner.stats.sign_flip import MOST_EXACT

GOLDEN = Path(__file__).parent / "golden"
INTERVALS = [newcombe_interval, tango_interval, bonett_price_interval]

counts = st.integers(0, 60)
tables = st.builds(PairedTable, both=counts, a_only=counts, b_only=counts, none=counts)
halves = st.integers(0, 4).map(lambda quarter: quarter / 4)
rows = st.lists(st.tuples(halves, halves, st.integers(0, 4)), min_size=1, max_size=30)
flags = st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=40)


def rng(seed=0):
    return np.random.default_rng(seed)


def compared(a, b, **options):
    return paired_difference(a, b, rng=rng(), flips=499, **options)


def mirrored(estimate):
    return (-estimate.value, -estimate.high, -estimate.low)


@given(counts, counts)
def test_mcnemar_is_the_binomial_test_and_mid_p_never_the_larger_one(a_only, b_only):
    exact, mid = mcnemar(a_only, b_only, exact=True), mcnemar(a_only, b_only)

    if a_only + b_only:
        assert exact == pytest.approx(binomtest(a_only, a_only + b_only).pvalue)
    assert 0 < mid <= exact <= 1
    assert mid == mcnemar(b_only, a_only)


def test_mcnemar_of_thousands_of_cases_neither_overflows_nor_vanishes():
    assert mcnemar(3000, 3000) == pytest.approx(1)
    assert mcnemar(2000, 1700, exact=True) == pytest.approx(binomtest(2000, 3700).pvalue, rel=1e-9)


def test_models_that_nothing_tells_apart_are_no_different_but_not_certainly_equal():
    table = PairedTable(both=150, a_only=0, b_only=0, none=50)

    assert mcnemar(0, 0) == 1
    for interval in INTERVALS:
        found = interval(table)
        assert found.low < found.value == 0 < found.high


@pytest.mark.parametrize("interval", INTERVALS)
def test_difference_of_no_cases_has_no_value(interval):
    found = interval(PairedTable(both=0, a_only=0, b_only=0, none=0))

    assert (found.value, found.low, found.n) == (None, None, 0)


@pytest.mark.parametrize("interval", INTERVALS)
@given(table=tables.filter(lambda table: table.n > 0))
def test_intervals_of_a_table_hold_its_difference_and_mirror_with_it(interval, table):
    swapped = PairedTable(
        both=table.both, a_only=table.b_only, b_only=table.a_only, none=table.none
    )

    found, other = interval(table), interval(swapped)

    assert -1 <= found.low <= found.value + 1e-12
    assert found.value - 1e-12 <= found.high <= 1
    assert (found.value, found.low, found.high) == pytest.approx(mirrored(other), abs=1e-9)


@given(flags)
def test_table_counts_every_case_once(pairs):
    a, b = np.array(pairs).T

    table = PairedTable.of(a, b)

    assert table.n == len(pairs)
    assert table.both == sum(one and other for one, other in pairs)
    assert table.difference == pytest.approx(a.mean() - b.mean())


@given(st.lists(st.integers(-8, 8), min_size=1, max_size=10))
def test_sign_flip_goes_through_every_pattern(values):
    sizes = np.abs(values)
    patterns = np.array(np.meshgrid(*[[-1, 1]] * sizes.size)).reshape(sizes.size, -1)

    found = sign_flip(np.array(values) / 8, rng=rng())

    assert found[0] == (np.abs(sizes @ patterns) >= abs(sum(values))).mean()


@given(st.lists(st.integers(-4, 4).filter(bool), min_size=21, max_size=24), st.integers(0, 99))
@settings(max_examples=25, deadline=None)
def test_drawn_sign_flips_agree_with_all_patterns(values, seed):
    """The distribution of the sum, one value after another, beside 20,000 draws."""
    assert len(values) > MOST_EXACT
    chances = np.ones(1)
    for size in np.abs(values):
        chances = np.convolve(chances, [0.5, *np.zeros(2 * size - 1), 0.5])
    sums = np.arange(chances.size) - chances.size // 2
    exact = chances[np.abs(sums) >= abs(sum(values))].sum()

    found = sign_flip(np.array(values) / 4, rng=rng(seed), flips=20_000)[0]

    assert found == pytest.approx(exact, abs=5 * np.sqrt(exact * (1 - exact) / 20_000) + 1e-4)


@given(rows)
def test_sign_flip_knows_neither_order_nor_side(cases):
    differences = np.array([one - other for one, other, _ in cases])
    codes = np.array([code for *_, code in cases])
    order = rng(1).permutation(differences.size)

    plain = sign_flip(differences, rng=rng(), clusters=codes, flips=99)

    assert sign_flip(-differences, rng=rng(), clusters=codes, flips=99) == plain
    assert sign_flip(differences[order], rng=rng(), clusters=codes[order], flips=99) == plain
    assert 0 < plain[0] <= 1


def test_sign_flip_of_many_comparisons_in_blocks_is_that_of_each():
    """3,000 differences are more than one block of signs holds with 999 draws."""
    differences = rng().normal(0.02, 1, (3, 3000))
    differences[1, :2980] = np.nan

    together = sign_flip(differences, rng=rng(1), flips=999)
    alone = [sign_flip(row, rng=rng(1), flips=999)[0] for row in differences]

    assert together == pytest.approx(alone, abs=0.05)
    assert together[1] == sign_flip(differences[1, 2980:], rng=rng(2))[0]


def test_clusters_flip_together():
    """Five customers who all prefer the first: 2 of 32 patterns lean as far."""
    differences, customers = np.full(50, 0.5), np.repeat(np.arange(5), 10)

    assert sign_flip(differences, rng=rng(), clusters=customers)[0] == 2 / 32


def test_comparison_of_nothing_has_no_p_value_and_of_one_case_no_evidence():
    found = sign_flip([[np.nan, np.nan], [0.5, np.nan]], rng=rng())

    assert np.isnan(found[0])
    assert found[1] == 1


def test_right_or_wrong_is_compared_by_mcnemar_and_newcombe():
    a = np.repeat([1, 1, 0, 0], [150, 20, 10, 20])
    b = np.repeat([1, 0, 1, 0], [150, 20, 10, 20])

    found = compared(a, b)

    assert found.difference == newcombe_interval(PairedTable.of(a, b))
    assert (found.p_value, found.test) == (mcnemar(20, 10), "McNemar mid-p")
    assert (found.wins, found.ties, found.losses) == (20, 170, 10)
    assert (found.n_clusters, found.few_clusters) == (200, False)


def test_graded_scores_are_compared_by_t_and_sign_flips():
    a, b = rng().random((2, 60))

    found = compared(a, b)

    assert found.difference.method == "t"
    assert found.difference.value == pytest.approx((a - b).mean())
    assert found.test == "sign flip"
    assert found.wins + found.losses == 60


def test_repeats_of_a_case_are_no_new_evidence():
    """Tau-bench: two trials of 50 tasks against two others, averaged, are 50 pairs."""
    with (GOLDEN / "tau_bench_airline.csv").open(encoding="utf-8") as file:
        trials = np.array([float(row["reward"]) for row in csv.DictReader(file)]).reshape(50, 4)

    found = compared(trials[:, :2].mean(axis=1), trials[:, 2:].mean(axis=1))

    assert (found.difference.n, found.n_clusters, found.test) == (50, 50, "sign flip")
    assert found.difference.low < 0 < found.difference.high
    assert found.p_value > 0.05


def test_right_or_wrong_of_clusters_is_compared_by_cluster():
    a, b = rng().integers(0, 2, (2, 100))
    customers = np.arange(100) // 5

    found = compared(a, b, clusters=customers, by="customer")

    assert found.difference.method == "t, clustered by customer"
    assert found.test == "sign flip, clustered by customer"
    assert found.n_clusters == 20
    assert not found.few_clusters


def test_few_clusters_are_marked():
    a, b = rng().random((2, 95))

    assert compared(a, b, clusters=np.arange(95) // 5).few_clusters
    assert not compared(a, b).few_clusters


@given(rows.filter(lambda cases: len({code for *_, code in cases}) > 1))
def test_clusters_never_narrow_the_interval_of_a_difference(cases):
    differences = np.array([one - other for one, other, _ in cases])
    codes = [code for *_, code in cases]

    clustered, alone = (
        difference_interval(differences, clusters=codes),
        difference_interval(differences),
    )

    assert clustered.high - clustered.low >= alone.high - alone.low - 1e-12


@pytest.mark.parametrize("is_clustered", [False, True])
@given(cases=rows)
@settings(deadline=None)
def test_order_of_cases_changes_nothing_and_sides_mirror(is_clustered, cases):
    a, b, codes = np.array(cases).T
    options = {"clusters": codes.astype(int)} if is_clustered else {}
    order = rng(1).permutation(a.size)
    moved = {"clusters": options["clusters"][order]} if is_clustered else {}

    found, other = compared(a, b, **options), compared(b, a, **options)

    assert compared(a[order], b[order], **moved) == found
    assert found.p_value == pytest.approx(other.p_value)
    assert (found.wins, found.losses) == (other.losses, other.wins)
    if found.difference.low is not None:
        one = (found.difference.value, found.difference.low, found.difference.high)
        assert one == pytest.approx(mirrored(other.difference))
        assert one[1] <= one[0] <= one[2]


def test_every_pair_is_compared_on_the_cases_that_both_have():
    scores = rng().random((3, 40))
    scores[1, :10] = np.nan
    scores[2] = np.nan

    found = paired_differences(scores, [(0, 1), (0, 2), (1, 0)], rng=rng())

    alone = paired_difference(scores[0, 10:], scores[1, 10:], rng=rng())
    assert found[0].difference == alone.difference
    assert found[0].difference.n == 30
    assert (found[1].difference.value, found[1].p_value, found[1].n_clusters) == (None, None, 0)
    assert found[2].difference.value == -found[0].difference.value


def test_pairs_of_a_run_choose_their_method_each():
    scores = np.array([rng().integers(0, 2, 30), rng(1).integers(0, 2, 30), rng().random(30)])

    found = paired_differences(scores, [(0, 1), (0, 2)], rng=rng())

    assert [one.test for one in found] == ["McNemar mid-p", "sign flip"]
    assert paired_differences(scores, [], rng=rng()) == []


def test_equal_differences_do_not_claim_certainty():
    """At most 3.7 % of the cases may differ, when none of 100 does."""
    same = difference_interval(np.zeros(100))
    ahead = difference_interval(np.full(100, 0.25), clusters=np.arange(100) // 5, by="customer")

    share = wilson_interval(0, 100).high
    assert (same.value, same.low, same.high) == pytest.approx((0, -share, share))
    assert share == pytest.approx(0.037, abs=5e-4)
    assert 0 < ahead.low < 0.1
    assert 0.3 < ahead.high < 0.4
    assert (same.method, ahead.method) == ("no spread", "no spread, clustered by customer")


def test_one_graded_case_has_no_interval():
    found = compared([0.5], [0.25])

    assert (found.difference.value, found.difference.low, found.p_value) == (0.25, None, 1.0)


def test_scores_that_differ_by_rounding_are_ties():
    found = compared([0.1 + 0.2, 0.5], [0.3, 0.25])

    assert (found.wins, found.ties, found.losses) == (1, 1, 0)


def test_bootstrap_of_clusters_is_wider_and_ignores_the_order():
    a, b = rng().integers(0, 2, (2, 60))
    a, customers = np.sort(a), np.arange(60) // 10
    order = rng(1).permutation(60)

    alone = bootstrap_difference(a, b, rng=rng())
    together = bootstrap_difference(a, b, rng=rng(), clusters=customers, by="customer")
    moved = bootstrap_difference(
        a[order], b[order], rng=rng(), clusters=customers[order], by="customer"
    )

    assert together.high - together.low > alone.high - alone.low
    assert moved == together
    assert together.method == "bootstrap, clustered by customer"
