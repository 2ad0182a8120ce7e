"""Statistics in a few lines of numpy each; every function names its source.

Arrays in, an `Estimate` out. What may be computed from which trials is decided by `summary`.
"""

from evalrunner.stats.agreement import (
    cohen_kappa,
    fleiss_kappa,
    gwet_ac1,
    krippendorff_alpha,
    percent_agreement,
)
from evalrunner.stats.bradley_terry import (
    BradleyTerry,
    bradley_terry,
    bradley_terry_strengths,
)
from evalrunner.stats.cascade import (
    Cascade,
    VerifiedCascade,
    agreement_signal,
    two_stage_cascade,
    verified_cascade,
)
from evalrunner.stats.dominance import Standing, dominance_p_values, frontier_probability, standings
from evalrunner.stats.frontier import (
    additive_epsilon,
    hypervolume,
    hypervolume_contributions,
    pareto_frontier,
    quantiles,
)
from evalrunner.stats.intervals import (
    bounded_mean_interval,
    clustered_rate_interval,
    clustered_se,
    effective_n,
    mean_interval,
    ratio_interval,
    wilson_interval,
)
from evalrunner.stats.mcnemar import (
    PairedTable,
    bonett_price_interval,
    mcnemar,
    newcombe_interval,
    tango_interval,
)
from evalrunner.stats.multiple import benjamini_hochberg, holm
from evalrunner.stats.paired import (
    PairedDifference,
    bootstrap_difference,
    difference_interval,
    paired_difference,
    paired_differences,
)
from evalrunner.stats.power import (
    connor_cases,
    connor_difference,
    mcnemar_power,
    miller_cases,
    miller_difference,
)
from evalrunner.stats.preferences import (
    PositionBias,
    SignTest,
    length_bias,
    position_bias,
    sign_test,
    win_rate,
)
from evalrunner.stats.rates import clopper_pearson_interval, flat_prior_interval, jeffreys_interval
from evalrunner.stats.repeats import (
    VarianceComponents,
    flip_rate,
    pass_at_k,
    pass_hat_k,
    variance_components,
)
from evalrunner.stats.resampling import bootstrap_interval, bootstrap_replicates
from evalrunner.stats.routing import (
    CategoryRouting,
    Routing,
    category_routing,
    gap_recovered,
    oracle_routing,
    oracle_share_to_match,
)
from evalrunner.stats.sequential import (
    Sprt,
    anytime_p_value,
    confidence_sequence,
    mcnemar_e_value,
    sprt,
)
from evalrunner.stats.sign_flip import sign_flip
from evalrunner.stats.stability import RetestNoise, kendall_tau, retest_noise

__all__ = [
    "BradleyTerry",
    "Cascade",
    "CategoryRouting",
    "PairedDifference",
    "PairedTable",
    "PositionBias",
    "RetestNoise",
    "Routing",
    "SignTest",
    "Sprt",
    "Standing",
    "VarianceComponents",
    "VerifiedCascade",
    "additive_epsilon",
    "agreement_signal",
    "anytime_p_value",
    "benjamini_hochberg",
    "bonett_price_interval",
    "bootstrap_difference",
    "bootstrap_interval",
    "bootstrap_replicates",
    "bounded_mean_interval",
    "bradley_terry",
    "bradley_terry_strengths",
    "category_routing",
    "clopper_pearson_interval",
    "clustered_rate_interval",
    "clustered_se",
    "cohen_kappa",
    "confidence_sequence",
    "connor_cases",
    "connor_difference",
    "difference_interval",
    "dominance_p_values",
    "effective_n",
    "flat_prior_interval",
    "fleiss_kappa",
    "flip_rate",
    "frontier_probability",
    "gap_recovered",
    "gwet_ac1",
    "holm",
    "hypervolume",
    "hypervolume_contributions",
    "jeffreys_interval",
    "kendall_tau",
    "krippendorff_alpha",
    "length_bias",
    "mcnemar",
    "mcnemar_e_value",
    "mcnemar_power",
    "mean_interval",
    "miller_cases",
    "miller_difference",
    "newcombe_interval",
    "oracle_routing",
    "oracle_share_to_match",
    "paired_difference",
    "paired_differences",
    "pareto_frontier",
    "pass_at_k",
    "pass_hat_k",
    "percent_agreement",
    "position_bias",
    "quantiles",
    "ratio_interval",
    "retest_noise",
    "sign_flip",
    "sign_test",
    "sprt",
    "standings",
    "tango_interval",
    "two_stage_cascade",
    "variance_components",
    "verified_cascade",
    "wilson_interval",
    "win_rate",
]
