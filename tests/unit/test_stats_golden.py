"""Every golden case of every statistic, computed by the public functions."""

import json
import math
from pathlib import Path

import numpy as np
import pytest

from evalrunner import stats
from evalrunner.stats.student import t_quantile

GOLDEN = Path(__file__).parent / "golden" / "stat_cases.json"
CASES = {case["id"]: case for case in json.loads(GOLDEN.read_text("utf-8"))["cases"]}
UNTESTED = {"bradley_terry_food"}
"""Its votes are not shipped."""

COMPUTED = {}
"""A function a case: its inputs to its expected values, by the same names."""

NOT_OFFERED = {
    # Too narrow near 0 and 1, or centred elsewhere than on the rate.
    "prop_ci": {"wald", "agresti_coull"},
    # Mid-p is what their authors recommend; Newcombe's is offered with his correction only.
    "paired_2x2": {
        "mcnemar_asymptotic_stat",
        "mcnemar_asymptotic_p",
        "mcnemar_cc_p",
        "wald_ci",
        "se_ddof0",
        "newcombe_no_phi_correction_ci",
    },
    "sign_flip_exact": {"t_p", "wilcoxon_p"},
    # Less powerful than Holm, or than Benjamini and Hochberg.
    "multiple_bh1995": {"bonferroni", "fdr_by"},
    "multiple_small": {"hommel"},
    "pass_at_k": {"naive_plugin_pass_at_5"},
    "cohen_kappa": {"se0"},
    "kappa_paradox": {"scott_pi"},
    "krippendorff_textbook": {"ratio"},
    "weighted_kappa": {"spearman"},
    # Bounds of a ranking are drawn by case, not taken from single votes.
    "bradley_terry_ci": {"se", "elo_se"},
    # The interval is that of t, not of the normal distribution.
    "win_rate_ties": {"ci", "win_ratio"},
    # Both presentations of a pair taken for independent trials: the wrong test.
    "position_bias": {"first_rate_all_presentations"},
    # Lang and Reiczigel's keeps its coverage, the delta method does not.
    "rogan_gladen": {"delta_se", "delta_ci"},
    # A check of the sample by its count, which the sampler has no use for.
    "hash_sampling": {"binomial_95"},
}
"""Values that the file has and evalrunner does not compute, by the beginning of the case's id."""

DRAWN = {"ideal_bootstrap_se": 0.02 * 0.02716, "percentile_ci": 0.005, "p_boot_le_0": 0.006}
"""Tolerances of values that are drawn, as the case's note has them."""


def golden(*names):
    """Declares a function to compute the cases `names`."""

    def declare(function):
        COMPUTED.update(dict.fromkeys(names, function))
        return function

    return declare


@pytest.mark.parametrize("name", sorted(CASES.keys() - UNTESTED))
def test_golden_case_is_reproduced(name):
    case = CASES[name]

    found = COMPUTED[name](case["inputs"])

    absent = next((keys for start, keys in NOT_OFFERED.items() if name.startswith(start)), set())
    assert found.keys() | absent == case["expected"].keys()
    assert not found.keys() & absent
    for key, value in found.items():
        assert_close(value, case["expected"][key], tol=tolerance(case, key))


def test_every_golden_case_is_computed():
    assert COMPUTED.keys() == CASES.keys() - UNTESTED
    assert len(COMPUTED) == 48


def assert_close(found, expected, *, tol):
    """Numbers within `tol`, a function of the expected one; everything else equal."""
    if isinstance(expected, dict):
        assert found.keys() == expected.keys()
        for key, value in expected.items():
            assert_close(found[key], value, tol=tol)
    elif isinstance(expected, list):
        assert len(found) == len(expected)
        for one, other in zip(found, expected, strict=True):
            assert_close(one, other, tol=tol)
    elif expected is None or isinstance(expected, str | bool):
        assert found == expected
    else:
        assert found == pytest.approx(expected, abs=tol(expected))


def tolerance(case, key):
    """As the file says, and relative to values under 1, of which it would say nothing."""
    if key in DRAWN:
        return lambda expected: DRAWN[key]
    return lambda expected: case["tol"] * (min(1, abs(expected)) or 1)


def rng():
    return np.random.default_rng(0)


def bounds(estimate):
    return [estimate.low, estimate.high]


def standard_error(estimate, *, df):
    """From the half width of a t interval."""
    return (estimate.high - estimate.value) / t_quantile(df, level=0.95)


@golden(*(name for name in CASES if name.startswith("prop_ci")))
def prop_ci(inputs):
    k, n = inputs["k"], inputs["n"]
    return {
        "wilson": bounds(stats.wilson_interval(k, n)),
        "clopper_pearson": bounds(stats.clopper_pearson_interval(k, n)),
        "jeffreys": bounds(stats.jeffreys_interval(k, n)),
        "beta_uniform_prior": bounds(stats.flat_prior_interval(k, n)),
    }


@golden("paired_2x2_bentur", "paired_2x2_eval200", "paired_2x2_eval500")
def paired_2x2(inputs):
    table = stats.PairedTable(**inputs)
    ahead, behind = table.a_only, table.b_only
    differences = np.repeat([1.0, -1.0, 0.0], [ahead, behind, table.both + table.none])
    return {
        "diff": stats.newcombe_interval(table).value,
        "mcnemar_exact_p": stats.mcnemar(ahead, behind, exact=True),
        "mcnemar_midp": stats.mcnemar(ahead, behind),
        "newcombe_square_and_add_ci": bounds(stats.newcombe_interval(table)),
        "tango_score_ci": bounds(stats.tango_interval(table)),
        "bonett_price_ci": bounds(stats.bonett_price_interval(table)),
        "se_ddof1": standard_error(stats.difference_interval(differences), df=table.n - 1),
    }


@golden("paired_bootstrap_exact")
def paired_bootstrap(inputs):
    ahead, behind, n = inputs["a_only"], inputs["b_only"], inputs["n"]
    a, b = np.repeat([[1, 0, 0], [0, 1, 0]], [ahead, behind, n - ahead - behind], axis=1)
    found = stats.bootstrap_difference(a, b, rng=rng(), resamples=10_000)
    drawn = stats.bootstrap_replicates(
        lambda weights: weights @ (a - b) / n, n, rng=rng(), resamples=10_000
    )
    return {
        "bootstrap_mean": found.value,
        "ideal_bootstrap_se": drawn.std(),
        "percentile_ci": bounds(found),
        "p_boot_le_0": (drawn <= 1e-12).mean(),
    }


@golden("sign_flip_exact")
def sign_flip(inputs):
    d = np.array(inputs["d"])
    found = stats.paired_difference(np.maximum(d, 0), np.maximum(-d, 0), rng=rng())
    return {
        "mean": found.difference.value,
        "p": found.p_value,
        "t_stat": found.difference.value / standard_error(found.difference, df=d.size - 1),
    }


@golden("clustered_se")
def clustered_se(inputs):
    scores, clusters = inputs["scores"], inputs["clusters"]
    found = stats.paired_difference(scores, np.zeros(len(scores)), clusters=clusters, rng=rng())
    alone = stats.mean_interval(scores)
    return {
        "mean": found.difference.value,
        "naive_se": standard_error(alone, df=len(scores) - 1),
        "cr0_miller": stats.clustered_se(scores, clusters, corrected=False),
        "finite_cluster_corrected": stats.clustered_se(scores, clusters),
        "t_crit_df": found.n_clusters - 1,
        "t_ci": bounds(found.difference),
    }


@golden("multiple_bh1995")
def multiple(inputs):
    found = {"holm": stats.holm(inputs["p"]), "fdr_bh": stats.benjamini_hochberg(inputs["p"])}
    return {
        name: {"adjusted": p.tolist(), "rejected": int((p <= 0.05).sum())}
        for name, p in found.items()
    }


@golden("multiple_small")
def multiple_small(inputs):
    p = inputs["p"]
    return {"holm": stats.holm(p).tolist(), "bh": stats.benjamini_hochberg(p).tolist()}


@golden("power_miller")
def power_miller(inputs):
    designs = [
        {"between": inputs["omega2"], "within": 2 * sigma2, "repeats": repeats}
        for sigma2, repeats in zip(inputs["sigma2"], inputs["K"], strict=True)
    ]
    delta = inputs["delta"]
    return {
        "n": [stats.miller_cases(delta, **design) for design in designs],
        "n_exact": [(stats.miller_difference(1, **design) / delta) ** 2 for design in designs],
    }


@golden("power_connor")
def power_connor(inputs):
    return {
        "n": [
            stats.connor_cases(case["effect"], discordant=case["discordant"])
            for case in inputs["cases"]
        ],
        "mde": [stats.connor_difference(**case) for case in inputs["mde_for"]],
    }


@golden("power_mcnemar_exact")
def power_mcnemar(inputs):
    ahead, behind = inputs["p10"], inputs["p01"]
    either = (ahead + behind) / 2

    def power(n, *, exact):
        return stats.mcnemar_power(n, a_only=ahead, b_only=behind, exact=exact)

    return {
        "power_exact": [power(n, exact=True) for n in inputs["n"]],
        "power_midp": [power(n, exact=False) for n in inputs["n"]],
        "type1_exact": stats.mcnemar_power(200, a_only=either, b_only=either, exact=True),
        "type1_midp": stats.mcnemar_power(200, a_only=either, b_only=either),
    }


@golden("variance_components")
def variance_components(inputs):
    scores = np.array(inputs["scores"])
    found = stats.variance_components(scores)
    return {
        "mean": stats.mean_interval(scores.mean(axis=1)).value,
        "MSB": 4 * found.between + found.within,
        "MSW": found.within,
        "between": found.between,
        "within": found.within,
        "icc1": found.icc,
        "se_mean": found.mean_error(4),
        "predicted_se_K1": found.mean_error(1),
        "predicted_se_K8": found.mean_error(8),
    }


@golden("pass_at_k")
def pass_at_k(inputs):
    table = inputs["table"]
    counts, ks = (table["c"], table["n"]), table["k"]
    return {
        "pass_at": [float(stats.pass_at_k(inputs["c"], inputs["n"], k=k)) for k in inputs["k"]],
        "mean_pass_at": [stats.pass_at_k(*counts, k=k).mean() for k in ks],
        "mean_pass_hat": [stats.pass_hat_k(*counts, k=k).mean() for k in ks],
    }


@golden("cohen_kappa")
def cohen_kappa(inputs):
    found = stats.cohen_kappa(inputs["table"])
    return {
        "kappa": found.value,
        "se": (found.high - found.value) / 1.959963984540054,
        "ci": bounds(found),
    }


@golden("kappa_paradox")
def kappa_paradox(inputs):
    (both, first), (second, none) = inputs["table"]
    ratings = np.repeat([[0, 0, 1, 1], [0, 1, 0, 1]], [both, first, second, none], axis=1)
    return {
        "percent": stats.percent_agreement(ratings).value,
        "cohen": stats.cohen_kappa(inputs["table"]).value,
        "gwet_ac1": stats.gwet_ac1(ratings, rng=rng()).value,
        "krippendorff": stats.krippendorff_alpha(ratings, rng=rng()).value,
    }


@golden("krippendorff_textbook")
def krippendorff(inputs):
    data = np.array(inputs["reliability_data"], dtype=float)
    alphas = {
        metric: stats.krippendorff_alpha(data, rng=rng(), metric=metric).value
        for metric in ("nominal", "ordinal", "interval")
    }
    return alphas | {
        "gwet_ac1": stats.gwet_ac1(data, rng=rng()).value,
        "percent_agreement": stats.percent_agreement(data).value,
    }


@golden("fleiss_kappa")
def fleiss_kappa(inputs):
    return {"kappa": stats.fleiss_kappa(inputs["counts"])}


@golden("weighted_kappa")
def weighted_kappa(inputs):
    human, judge = np.array(inputs["human"]), np.array(inputs["judge"])
    table = np.zeros((5, 5))
    np.add.at(table, (human - 1, judge - 1), 1)
    return {
        "quadratic": stats.cohen_kappa(table, weights="quadratic").value,
        "linear": stats.cohen_kappa(table, weights="linear").value,
        "mean_inflation": stats.mean_interval(judge - human).value,
    }


@golden("bradley_terry_ci")
def bradley_terry(inputs):
    strengths = stats.bradley_terry_strengths(inputs["wins"])
    points = 400 / math.log(10)
    return {
        "log_strength_vs_A": (strengths - strengths[0]).tolist(),
        "elo_vs_A": (points * (strengths - strengths[0])).tolist(),
        "p_A_beats_B": 1 / (1 + math.exp(strengths[1] - strengths[0])),
    }


@golden("win_rate_ties")
def win_rate_ties(inputs):
    wins, ties, losses = (inputs[key] for key in ("wins", "ties", "losses"))
    rate = stats.win_rate(np.repeat([1.0, 0.5, 0.0], [wins, ties, losses]))
    signs = stats.sign_test(wins, losses)
    return {
        "win_rate": rate.value,
        "se": standard_error(rate, df=199),
        "win_excluding_ties": signs.share.value,
        "sign_test_p": signs.p_value,
        "net_benefit": 2 * rate.value - 1,
    }


@golden("position_bias")
def position_bias(inputs):
    found = stats.position_bias(
        pairs=inputs["pairs"], first=inputs["always_first"], second=inputs["always_second"]
    )
    return {
        "inconsistency": found.inconsistency.value,
        "consistency": 1 - found.inconsistency.value,
        "first_share": found.first.share.value,
        "p": found.first.p_value,
        "net_bias": found.net,
    }


@golden("sprt")
def sprt(inputs):
    rates = {key: inputs[key] for key in ("p0", "p1", "alpha", "beta")}
    found = stats.sprt(inputs["outcomes"], **rates)
    return {
        "upper": found.upper,
        "lower": found.lower,
        "inc_pass": stats.sprt([1], **rates).log_ratio,
        "inc_fail": stats.sprt([0], **rates).log_ratio,
        "stop_at": found.stopped_at,
        "llr_at_stop": found.log_ratio,
        "decision": found.decision,
    }


@golden("anytime_mcnemar")
def anytime_mcnemar(inputs):
    values = [stats.mcnemar_e_value(*pair) for pair in inputs["pairs"]]
    return {
        "e_value": values,
        "anytime_p": [stats.anytime_p_value(value) for value in values],
        "stop_at_e20": [value >= 20 for value in values],
    }


@golden("confidence_sequence")
def confidence_sequence(inputs):
    counts = [(passes, passes + fails) for passes, fails in inputs["pairs"]]
    return {
        "ci": [bounds(stats.confidence_sequence(*pair)) for pair in counts],
        "fixed_n_wilson": [bounds(stats.wilson_interval(*pair)) for pair in counts],
    }


@golden("rogan_gladen")
def rogan_gladen(inputs):
    (tp, positives), (tn, negatives) = inputs["tpr"], inputs["tnr"]
    confusion = stats.Confusion(
        true_passes=tp, false_fails=positives - tp, false_passes=negatives - tn, true_fails=tn
    )
    found = stats.rogan_gladen(inputs["judge_pass"], inputs["n"], confusion)
    observed = stats.wilson_interval(inputs["judge_pass"], inputs["n"]).value
    return {
        "observed": observed,
        "theta": found.value,
        "inflation": observed - found.value,
        "lang_reiczigel_lee_ci": bounds(found),
        "crossover": confusion.crossover,
    }


@golden("ppi_plus_plus")
def ppi_plus_plus(inputs):
    data = (inputs["human"], inputs["judge_on_labelled"], inputs["judge_on_unlabelled"])
    tuned = stats.prediction_powered_mean(*data)
    trusting = stats.prediction_powered_mean(*data, tuning=1)
    human = stats.prediction_powered_mean(*data, tuning=0)
    return {
        "judge_only_unlabelled": stats.mean_interval(data[2]).value,
        "human_only": human.value,
        "lam": stats.power_tuning(*data),
        "ppi_pp": tuned.value,
        "ppi_pp_ci": bounds(tuned),
        "ppi_lambda1": trusting.value,
        "ppi_lambda1_ci": bounds(trusting),
        "human_only_ci_z_ddof0": bounds(human),
    }


@golden("judge_confusion")
def judge_confusion(inputs):
    counts = [inputs[key] for key in ("tp", "fn", "fp", "tn")]
    human, judge = np.repeat([[1, 1, 0, 0], [1, 0, 1, 0]], counts, axis=1)
    found = stats.judge_errors(human, judge, rng=rng())
    return {
        "sensitivity": found.sensitivity.value,
        "specificity": found.specificity.value,
        "ppv": found.precision.value,
        "npv": found.negative_precision.value,
        "balanced_accuracy": found.confusion.balanced_accuracy,
        "mcc": found.confusion.matthews,
        "kappa": found.kappa.value,
        "judge_minus_human": found.inflation.difference.value,
        "mcnemar_exact_p": stats.mcnemar(found.inflation.wins, found.inflation.losses, exact=True),
        "sens_wilson": bounds(found.sensitivity),
        "spec_wilson": bounds(found.specificity),
    }


@golden("pareto")
def pareto(inputs):
    names, cost, quality = (np.array(inputs[key]) for key in ("names", "cost", "quality"))
    reference = (inputs["ref_cost"], inputs["ref_quality"])
    mask = stats.pareto_frontier(cost, quality)
    parts = stats.hypervolume_contributions(cost, quality, reference=reference)
    points = np.column_stack([cost, quality])
    affordable = mask & (cost <= inputs["budget"])
    return {
        "frontier": names[mask].tolist(),
        "hypervolume": stats.hypervolume(cost, quality, reference=reference),
        "hypervolume_contrib": dict(zip(names[mask], parts[mask], strict=True)),
        "additive_epsilon_of_AD_vs_front": stats.additive_epsilon(points[[0, 3]], points[mask]),
        "best_within_budget": names[affordable][-1],
        "cheapest_with_quality_ge_085": names[mask & (quality >= 0.85)][0],
    }


@golden("cost_per_correct")
def cost_per_correct(inputs):
    found = stats.ratio_interval(inputs["cost"], inputs["correct"])
    return {
        "mean_cost": stats.mean_interval(inputs["cost"]).value,
        "accuracy": stats.mean_interval(inputs["correct"]).value,
        "cost_per_correct": found.value,
        "linearised_se": standard_error(found, df=len(inputs["cost"]) - 1),
    }


def right_or_wrong(counts):
    """Weak and strong model, one column a case."""
    return np.repeat([[1, 1, 0, 0], [1, 0, 1, 0]], counts, axis=1)


@golden("oracle_router")
def oracle_router(inputs):
    flags = right_or_wrong([inputs[key] for key in ("both", "weak_only", "strong_only", "none")])
    n = flags.shape[1]
    oracle = stats.oracle_routing(flags, np.repeat([[1.0], [20.0]], n, axis=1))
    weak, strong = flags.mean(axis=1)
    return {
        "weak": weak,
        "strong": strong,
        "oracle": oracle.quality.value,
        "strong_share_for_oracle": oracle.shares[1],
        "strong_share_to_match_strong": stats.oracle_share_to_match(*flags),
        "oracle_ci_wilson": bounds(stats.wilson_interval(round(oracle.quality.value * n), n)),
        "pgr_of_random_50pct": stats.gap_recovered((weak + strong) / 2, weak=weak, strong=strong),
    }


@golden("cascade_cost")
def cascade_cost(inputs):
    costs = {key: inputs[key] for key in ("weak_cost", "strong_cost")}
    flags = right_or_wrong([747, 95, 383, 94])
    perfect = stats.verified_cascade(*flags, **costs)
    noisy = stats.verified_cascade(
        *flags,
        **costs,
        true_positive_rate=inputs["verifier"]["tpr"],
        false_positive_rate=inputs["verifier"]["fpr"],
    )
    return {
        "perfect_verifier": {"acc": perfect.quality, "cost": perfect.cost},
        "noisy_verifier": {"accept": noisy.accepted, "cost": noisy.cost, "acc": noisy.quality},
    }


@golden("ceiling_posterior")
def ceiling_posterior(inputs):
    return {
        "p_true_ge_095_jeffreys": stats.chance_rate_at_least(**as_successes(inputs)),
        "p_true_ge_095_uniform": stats.chance_rate_at_least(**as_successes(inputs), prior=1),
    }


def as_successes(inputs):
    return {"successes": inputs["k"], "n": inputs["n"], "threshold": inputs["threshold"]}


@golden("ceiling_resolution")
def ceiling_resolution(inputs):
    failures = inputs["failures_of_weaker_model"]
    return {
        "best_possible_two_sided_p": [stats.best_possible_p(count) for count in failures],
        "smallest_failures_for_p_lt_005": stats.failures_to_tell_apart(),
    }


@golden("drift_category_mix")
def drift_category_mix(inputs):
    before, after = np.array(inputs["test_set"]), np.array(inputs["production"])
    found = stats.mix_drift(before, after, rng=rng(), resamples=10)
    known = stats.goodness_of_fit(after, before)
    return {
        "psi": found.psi,
        "js_divergence_base2": found.js_divergence,
        "js_distance_base2": math.sqrt(found.js_divergence),
        "kl_prod_vs_test_nats": stats.kl_divergence(after, before),
        "total_variation": found.total_variation,
        "chi2_two_sample": found.test.statistic,
        "chi2_two_sample_p": found.test.p_value,
        "chi2_gof": known.statistic,
        "chi2_gof_p": known.p_value,
        "cramers_v": found.test.cramers_v,
    }


@golden("drift_empty_bin")
def drift_empty_bin(inputs):
    before, after = inputs["test_set"], inputs["production"]
    return {
        "psi_floor": float(stats.population_stability(before, after, floor=inputs["floor"])),
        "js_divergence_base2": stats.js_divergence(before, after),
    }


@golden("mmd")
def mmd(inputs):
    found = stats.mean_discrepancy(
        inputs["x"], inputs["y"], gamma=inputs["gamma"], rng=rng(), permutations=10
    )
    return {"mmd2_biased": found.biased, "mmd2_unbiased": found.unbiased}


@golden("c2st")
def c2st(inputs):
    found = stats.classifier_test(inputs["correct"], inputs["n"])
    return {"accuracy": found.accuracy.value, "p_greater": found.p_value, "z": found.z}


@golden("post_stratified")
def post_stratified(inputs):
    sizes, passed = inputs["strata"]["n"], inputs["strata"]["passed"]
    mix = dict(zip("abc", inputs["production_mix"], strict=True))
    counts = np.column_stack([passed, np.subtract(sizes, passed)]).ravel()
    values = np.repeat([1.0, 0.0] * 3, counts)
    found = stats.post_stratified(values, np.repeat(list(mix), sizes).tolist(), mix)
    worst = stats.wilson_interval(passed[-1], sizes[-1])
    return {
        "unweighted": stats.mean_interval(values).value,
        "post_stratified": found.estimate.value,
        "se": (found.estimate.high - found.estimate.value) / 1.959963984540054,
        "ci": bounds(found.estimate),
        "kish_n_eff": found.effective_n,
        "worst_stratum_wilson": bounds(worst),
    }


@golden("item_analysis")
def item_analysis(inputs):
    found = stats.item_analysis(inputs["models_x_items"])
    return {
        "difficulty": list(found.difficulty),
        "item_rest_correlation": list(found.item_rest),
        "kr20": found.reliability,
        "no_information_items": list(found.solved_by_all),
    }


@golden("irt_2pl")
def irt_2pl(inputs):
    chance, information = stats.two_parameter_logistic(
        inputs["theta"], discrimination=inputs["a"], difficulty=inputs["b"]
    )
    return {"p": chance.tolist(), "information": information.tolist()}


@golden("hash_sampling")
def hash_sampling(inputs):
    names = [f"req-{number:06}" for number in range(10_000)]
    picked = [name for name in names if stats.is_sampled(name, inputs["rate"])]
    more = [name for name in names if stats.is_sampled(name, 2 * inputs["rate"])]
    return {
        "selected": len(picked),
        "first5": picked[:5],
        "nested_at_2pct": set(picked) <= set(more),
        "selected_at_2pct": len(more),
    }


@golden("neyman_allocation")
def neyman_allocation(inputs):
    sizes, rates, n = np.array(inputs["N"]), np.array(inputs["p"]), inputs["n"]
    spreads = np.sqrt(rates * (1 - rates))
    best = stats.neyman_allocation(sizes, spreads, n)
    even = stats.neyman_allocation(sizes, np.ones(3), n)
    return {
        "neyman": best.tolist(),
        "proportional": even.tolist(),
        "se_neyman": stats.stratified_error(sizes, spreads, best),
        "se_proportional": stats.stratified_error(sizes, spreads, even),
    }


@golden("simpson")
def simpson(inputs):
    found = stats.common_mix(inputs["A"], inputs["B"])
    rates = {
        f"{model}_{part}": stats.wilson_interval(*inputs[model][part]).value
        for model in "AB"
        for part in ("easy", "hard")
    }
    return rates | {
        "A_total": found.raw[0],
        "B_total": found.raw[1],
        "standardised_A": found.standardised[0],
        "standardised_B": found.standardised[1],
        "reversal": found.is_reversed,
    }
