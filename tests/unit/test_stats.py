import csv
import json
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalrunner.stats import (
    bootstrap_interval,
    bootstrap_replicates,
    bounded_mean_interval,
    clustered_rate_interval,
    clustered_se,
    effective_n,
    mean_interval,
    pareto_frontier,
    quantiles,
    ratio_interval,
    wilson_interval,
)
from evalrunner.stats.student import t_quantile

GOLDEN = Path(__file__).parent / "golden"
STAT_CASES = json.loads((GOLDEN / "stat_cases.json").read_text("utf-8"))["cases"]
CASES = {case["id"]: case for case in STAT_CASES}
RATES = [case for name, case in CASES.items() if name.startswith("prop_ci")]

scores = st.floats(0, 1, allow_subnormal=False)


def tau_bench():
    """Rewards as tasks x trials."""
    with (GOLDEN / "tau_bench_airline.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    return np.array([float(row["reward"]) for row in rows]).reshape(50, 4)


def aider():
    with (GOLDEN / "aider_polyglot.csv").open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("case", RATES, ids=[case["id"] for case in RATES])
def test_wilson_interval_gives_the_published_bounds(case):
    estimate = wilson_interval(case["inputs"]["k"], case["inputs"]["n"])

    assert (estimate.low, estimate.high) == pytest.approx(
        case["expected"]["wilson"], abs=case["tol"]
    )
    assert (estimate.n, estimate.method) == (case["inputs"]["n"], "wilson")


def test_wilson_interval_of_nothing_has_no_value():
    estimate = wilson_interval(0, 0)

    assert (estimate.value, estimate.low, estimate.high, estimate.n) == (None, None, None, 0)


@given(n=st.integers(1, 500), share=scores, level=st.sampled_from([0.8, 0.95, 0.99]))
def test_wilson_interval_holds_the_rate_and_is_never_empty(n, share, level):
    estimate = wilson_interval(round(share * n), n, level=level)

    assert 0 <= estimate.low <= estimate.value <= estimate.high <= 1
    assert estimate.low < estimate.high


def test_clustered_standard_error_gives_the_published_value():
    case = CASES["clustered_se"]
    values, clusters = case["inputs"]["scores"], case["inputs"]["clusters"]

    assert clustered_se(values, clusters) == pytest.approx(
        case["expected"]["finite_cluster_corrected"], abs=case["tol"]
    )
    assert clustered_se(values, clusters, corrected=False) == pytest.approx(
        case["expected"]["cr0_miller"], abs=case["tol"]
    )


def test_clustered_mean_uses_t_with_one_degree_less_than_clusters():
    case = CASES["clustered_se"]

    estimate = mean_interval(
        case["inputs"]["scores"], clusters=case["inputs"]["clusters"], by="conversation"
    )

    assert (estimate.low, estimate.high) == pytest.approx(case["expected"]["t_ci"], abs=1e-6)
    assert (estimate.n, estimate.method) == (16, "t, clustered by conversation")


def test_repeats_do_not_count_as_independent_cases():
    """Tau-bench: .0522 clustered by task, not the .0350 of 200 independent rows."""
    trials = tau_bench()
    tasks = np.repeat(np.arange(50), 4)

    assert trials.mean() == pytest.approx(0.42)
    assert clustered_se(trials.ravel(), tasks) == pytest.approx(0.052216, abs=5e-7)
    assert trials.std(ddof=1) / math.sqrt(200) == pytest.approx(0.034987, abs=5e-7)


def test_clustered_rate_is_wilson_at_the_effective_sample_size():
    """Design effect 2.24 by 28.5 tasks' worth of passes, and 4 by half a task."""
    trials = tau_bench()

    estimate = clustered_rate_interval(trials.mean(axis=1), n_trials=200)

    passes = trials.sum(axis=1)
    seen = passes.sum() ** 2 / (passes**2).sum()
    effect = 200 * clustered_se(trials.ravel(), np.repeat(np.arange(50), 4)) ** 2 / (0.42 * 0.58)
    size = 200 / ((seen * effect + 0.5 * 4) / (seen + 0.5))
    expected = wilson_interval(0.42 * size, size)
    assert (estimate.low, estimate.high) == pytest.approx((expected.low, expected.high))
    assert (estimate.n, estimate.method) == (50, "wilson, clustered by case")
    assert (effect, seen) == pytest.approx((2.239, 28.45), abs=0.005)


def test_clusters_never_narrow_the_interval_of_a_rate():
    """Every cluster has the same rate, which would make the clustered error 0."""
    means = np.tile([0.0, 1.0], 10)

    estimate = clustered_rate_interval(
        means, n_trials=20, clusters=np.repeat(np.arange(10), 2), by="customer"
    )

    independent = wilson_interval(10, 20)
    assert estimate.low < independent.low < independent.high < estimate.high
    assert estimate.low == pytest.approx(independent.low, abs=0.01)
    assert estimate.method == "wilson, clustered by customer"


def test_trials_of_a_single_failing_cluster_do_not_narrow_the_interval_of_a_rate():
    """One failure of 500 cases says nothing of whether the failures of a customer come together."""
    one = np.ones(500)
    one[0] = 0
    customers = np.repeat(np.arange(100), 5)

    estimate = clustered_rate_interval(one, n_trials=500, clusters=customers)

    assert wilson_interval(99.8, 100).low < estimate.low < wilson_interval(499, 500).low - 0.005


@pytest.mark.parametrize("rate", [0.0, 1.0])
def test_clusters_without_any_variation_count_once_each(rate):
    estimate = clustered_rate_interval(np.full(30, rate), n_trials=120, clusters=[0, 1, 2] * 10)

    expected = wilson_interval(3 * rate, 3)
    assert (estimate.low, estimate.high) == (expected.low, expected.high)
    assert estimate.n == 30


def test_one_cluster_is_one_observation():
    estimate = clustered_rate_interval([1, 0, 1], n_trials=3, clusters=[7, 7, 7])

    expected = wilson_interval(2 / 3, 1)
    assert (estimate.low, estimate.high) == pytest.approx((expected.low, expected.high))


def test_clustered_rate_of_nothing_has_no_value():
    assert clustered_rate_interval([], n_trials=0).value is None


@given(st.lists(st.tuples(st.integers(0, 5), scores), min_size=1, max_size=40))
def test_clustered_rate_stays_inside_its_bounds_and_is_never_empty(pairs):
    clusters, means = zip(*pairs, strict=True)

    estimate = clustered_rate_interval(means, n_trials=len(means), clusters=clusters)

    assert 0 <= estimate.low < estimate.high <= 1
    assert estimate.low - 1e-12 <= estimate.value <= estimate.high + 1e-12


def test_effective_n_is_capped():
    assert effective_n(0.5, 0.1, most=100) == pytest.approx(25)
    assert effective_n(0.5, 0.01, most=100) == 100
    assert effective_n(0.5, 0.0, most=100) == 100


def test_mean_interval_is_the_t_interval():
    """Student's sleep data, drug 2: 2.33 (0.898 to 3.762), as R's t.test prints it."""
    gain = [1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4]

    estimate = mean_interval(gain)

    assert estimate.value == pytest.approx(2.33)
    assert (estimate.low, estimate.high) == pytest.approx((0.8976775, 3.7623225), abs=5e-7)
    assert (estimate.n, estimate.method) == (10, "t")


@pytest.mark.parametrize("interval", [mean_interval, bounded_mean_interval])
def test_one_graded_case_has_no_interval(interval):
    estimate = interval([0.7])

    assert (estimate.value, estimate.low, estimate.high, estimate.n) == (0.7, None, None, 1)


def test_one_cluster_has_no_interval():
    estimate = mean_interval([0.2, 0.4], clusters=[0, 0])

    assert (estimate.value, estimate.low, estimate.high) == (pytest.approx(0.3), None, None)


def test_mean_of_nothing_has_no_value():
    assert mean_interval([]).value is None


def test_clusters_never_narrow_the_interval_of_a_mean():
    values = [0.1, 0.9] * 10

    clustered = mean_interval(values, clusters=np.repeat(np.arange(10), 2))
    independent = mean_interval(values)

    assert clustered.high - clustered.low > independent.high - independent.low


@given(st.lists(scores, min_size=2, max_size=60))
def test_bounded_mean_interval_stays_in_range_and_is_never_empty(values):
    estimate = bounded_mean_interval(values)

    assert 0 <= estimate.low <= estimate.value <= estimate.high <= 1
    assert estimate.low < estimate.high or max(values) - min(values) < 1e-12


@given(st.lists(st.floats(-1e3, 1e3), min_size=2, max_size=30), st.floats(-1e3, 1e3))
def test_mean_interval_moves_with_its_values(values, shift):
    plain, moved = mean_interval(values), mean_interval(np.array(values) + shift)

    assert moved.low == pytest.approx(plain.low + shift, abs=1e-6)
    assert moved.high == pytest.approx(plain.high + shift, abs=1e-6)


def test_graded_scores_near_the_end_of_the_range_keep_their_coverage():
    """Criteria met, 4 a case, at a rate of .98: t would hold it in 86 of 100 test sets."""
    rng = np.random.default_rng(0)
    chances = rng.beta(0.98 * 7 / 3, 0.02 * 7 / 3, size=(1000, 100))
    sets = rng.binomial(4, chances) / 4

    found = [bounded_mean_interval(values) for values in sets]

    assert np.mean([one.low <= 0.98 <= one.high for one in found]) > 0.93
    assert np.mean([mean_interval(values).low <= 0.98 for values in sets]) < 0.9


def test_many_graded_scores_have_a_t_interval_and_few_do_not():
    many, few = np.tile([0.25, 0.75], 40), np.tile([0.25, 0.75], 10)

    assert bounded_mean_interval(many) == mean_interval(many)
    assert bounded_mean_interval(few).method == "wilson, effective n"
    assert bounded_mean_interval(few).low == pytest.approx(mean_interval(few).low, abs=0.02)


def test_equal_graded_scores_do_not_claim_certainty():
    estimate = bounded_mean_interval([0.7] * 10)
    clustered = bounded_mean_interval([0.7] * 10, clusters=[0, 1] * 5, by="customer")

    assert estimate.low < 0.45
    assert estimate.high > 0.85
    assert estimate.method == "wilson, no spread"
    assert clustered.low < estimate.low
    assert clustered.method == "wilson, no spread, clustered by customer"


def test_cost_per_correct_has_the_published_standard_error():
    case = CASES["cost_per_correct"]

    estimate = ratio_interval(case["inputs"]["cost"], case["inputs"]["correct"])

    student = 2.2621571627409915  # 97.5 % point of t with 9 degrees of freedom.
    assert estimate.value == pytest.approx(case["expected"]["cost_per_correct"], abs=case["tol"])
    assert (estimate.high - estimate.value) / student == pytest.approx(
        case["expected"]["linearised_se"], abs=case["tol"]
    )
    assert (estimate.n, estimate.method) == (10, "ratio, t")


def test_ratio_of_repeats_weighs_cases_by_their_counts():
    estimate = ratio_interval([3.0, 1.0], [3, 1], clusters=[0, 1], by="case")

    assert (estimate.value, estimate.low, estimate.high) == (1.0, 1.0, 1.0)
    assert estimate.method == "ratio, t, clustered by case"


@pytest.mark.parametrize("right", [[], [0, 0]])
def test_cost_per_correct_is_unknown_when_nothing_is_correct(right):
    assert ratio_interval([0.1] * len(right), right).value is None


def test_one_case_has_no_ratio_interval():
    estimate = ratio_interval([0.2], [0.5])

    assert (estimate.value, estimate.low, estimate.high) == (0.4, None, None)


@given(st.lists(st.tuples(st.floats(0, 10), st.floats(0.1, 1)), min_size=2, max_size=30))
def test_ratio_scales_with_the_currency(pairs):
    cost, quality = np.array(pairs).T

    one, thousand = ratio_interval(cost, quality), ratio_interval(1000 * cost, quality)

    assert thousand.value == pytest.approx(1000 * one.value)
    assert thousand.high == pytest.approx(1000 * one.high, abs=1e-9)
    assert one.low >= 0


def mean_of(values):
    return lambda weights: weights @ values / weights.sum(axis=1)


def test_bootstrap_agrees_with_its_exact_distribution():
    case = CASES["paired_bootstrap_exact"]
    ahead, behind, n = (case["inputs"][key] for key in ("a_only", "b_only", "n"))
    values = np.concatenate([np.ones(ahead), -np.ones(behind), np.zeros(n - ahead - behind)])

    drawn = bootstrap_replicates(mean_of(values), n, rng=np.random.default_rng(0), resamples=10_000)
    estimate = bootstrap_interval(
        mean_of(values), n, rng=np.random.default_rng(0), resamples=10_000
    )

    assert drawn.std() == pytest.approx(case["expected"]["ideal_bootstrap_se"], rel=0.02)
    assert (estimate.low, estimate.high) == pytest.approx(
        case["expected"]["percentile_ci"], abs=0.005
    )
    assert (estimate.value, estimate.n, estimate.method) == (pytest.approx(0.05), 200, "bootstrap")


def test_bootstrap_draws_whole_clusters():
    """Five clusters, each all right or all wrong: a resampled mean is a multiple of 1/5."""
    values = np.repeat([1.0, 0.0, 1.0, 1.0, 0.0], 4)
    clusters = np.repeat(np.arange(5), 4)

    drawn = bootstrap_replicates(
        mean_of(values), 20, rng=np.random.default_rng(1), resamples=500, clusters=clusters
    )
    estimate = bootstrap_interval(
        mean_of(values), 20, rng=np.random.default_rng(1), clusters=clusters, by="customer"
    )

    assert np.allclose(drawn * 5, np.round(drawn * 5))
    assert estimate.method == "bootstrap, clustered by customer"


def test_equal_cases_may_share_a_column():
    """30 right of 40: drawing from two columns is drawing from forty cases."""
    shared = bootstrap_interval(
        lambda weights: weights[:, 0] / weights.sum(axis=1),
        2,
        rng=np.random.default_rng(0),
        resamples=20_000,
        copies=[30, 10],
    )
    single = bootstrap_interval(
        mean_of(np.repeat([1.0, 0.0], [30, 10])),
        40,
        rng=np.random.default_rng(0),
        resamples=20_000,
    )

    assert (shared.value, shared.n) == (single.value, single.n) == (0.75, 40)
    assert (shared.low, shared.high) == pytest.approx((single.low, single.high), abs=0.026)


def test_bootstrap_in_parts_draws_every_resample():
    """100,000 cases do not fit into one matrix of weights."""
    drawn = bootstrap_replicates(
        mean_of(np.ones(100_000)), 100_000, rng=np.random.default_rng(0), resamples=50
    )

    assert drawn.tolist() == [1.0] * 50


def test_bootstrap_has_no_interval_for_one_unit_or_an_undefined_statistic():
    rng = np.random.default_rng(0)

    one = bootstrap_interval(mean_of(np.ones(1)), 1, rng=rng)
    one_cluster = bootstrap_interval(mean_of(np.ones(2)), 2, rng=rng, clusters=[0, 0])
    undefined = bootstrap_interval(mean_of(np.full(3, np.nan)), 3, rng=rng)
    nothing = bootstrap_interval(mean_of(np.ones(0)), 0, rng=rng)

    assert [(e.value, e.low) for e in (one, one_cluster, undefined, nothing)] == [
        (1.0, None),
        (1.0, None),
        (None, None),
        (None, None),
    ]


@given(st.lists(scores, min_size=2, max_size=30), st.integers(0, 2**32))
def test_bootstrap_of_a_mean_stays_between_the_extremes(values, seed):
    sample = np.array(values)

    estimate = bootstrap_interval(
        mean_of(sample), sample.size, rng=np.random.default_rng(seed), resamples=50
    )

    assert sample.min() - 1e-9 <= estimate.low <= estimate.high <= sample.max() + 1e-9


def test_frontier_is_the_published_one():
    case = CASES["pareto"]

    mask = pareto_frontier(case["inputs"]["cost"], case["inputs"]["quality"])

    on_frontier = [n for n, kept in zip(case["inputs"]["names"], mask, strict=True) if kept]
    assert on_frontier == case["expected"]["frontier"]


def test_unknown_costs_are_no_points_of_the_frontier():
    """Aider's leaderboard: 18 of 69 costs are 0 or missing, which means unknown."""
    rows = aider()
    unknown = [float(row["total_cost"] or 0) == 0 for row in rows]
    costs = [
        math.nan if row else float(r["total_cost"]) for row, r in zip(unknown, rows, strict=True)
    ]
    qualities = [float(row["pass_rate_2"]) for row in rows]

    mask = pareto_frontier(costs, qualities)

    members = sorted(
        (cost, row["model"]) for cost, row, on in zip(costs, rows, mask, strict=True) if on
    )
    assert sum(unknown) == 18
    assert [name for _, name in members] == [
        "gpt-4o-mini-2024-07-18",
        "DeepSeek Chat V3 (prev)",
        "Grok 3 Mini Beta (high)",
        "DeepSeek-V3.2-Exp (Chat)",
        "DeepSeek-V3.2-Exp (Reasoner)",
        "gpt-5 (low)",
        "gpt-5 (medium)",
        "gpt-5 (high)",
    ]


def test_equal_points_are_both_on_the_frontier():
    assert pareto_frontier([1, 1, 2], [0.5, 0.5, 0.5]).tolist() == [True, True, False]


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), max_size=25))
def test_frontier_keeps_exactly_what_nothing_dominates(points):
    mask = pareto_frontier([cost for cost, _ in points], [quality for _, quality in points])

    expected = [
        not any(c <= cost and q >= quality and (c, q) != (cost, quality) for c, q in points)
        for cost, quality in points
    ]
    assert mask.tolist() == expected


@pytest.mark.parametrize("level", [0.5, 0.6827, 0.8, 0.9, 0.95, 0.99, 0.999, 0.9999, 0.999999])
def test_t_quantile_is_scipys(level):
    """On both sides of where the sum gives way to the expansion, and far beyond."""
    from scipy.special import stdtrit

    dfs = [*range(1, 301), 999, 1000, *range(1995, 2006), 2500, 10**4, 10**5, 10**6]

    found = [t_quantile(df, level=level) for df in dfs]

    assert found == pytest.approx(stdtrit(dfs, (1 + level) / 2).tolist(), rel=1e-9)


def test_t_quantile_of_the_printed_tables():
    """Abramowitz and Stegun (1964), table 26.10."""
    table = {1: 12.706, 2: 4.303, 10: 2.228, 30: 2.042, 120: 1.980}

    assert {df: round(t_quantile(df, level=0.95), 3) for df in table} == table


def test_quantiles_interpolate_and_are_unknown_for_no_values():
    assert quantiles(range(101)) == {"p50": 50.0, "p90": 90.0, "p99": 99.0}
    assert quantiles([]) == {"p50": None, "p90": None, "p99": None}


@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=50))
def test_quantiles_are_ordered_and_inside_the_sample(values):
    found = quantiles(values)

    assert min(values) <= found["p50"] <= found["p90"] <= found["p99"] <= max(values)
