"""Statistics in a few lines of numpy each; every function names its source.

Arrays in, an `Estimate` out. What may be computed from which trials is decided by `summary`.
"""

from evalrunner.stats.agreement import (
    cohen_kappa,
    gwet_ac1,
    krippendorff_alpha,
    percent_agreement,
)
from evalrunner.stats.bradley_terry import (
    BradleyTerry,
    bradley_terry,
    bradley_terry_strengths,
)
from evalrunner.stats.frontier import pareto_frontier, quantiles
from evalrunner.stats.intervals import (
    bounded_mean_interval,
    clustered_rate_interval,
    clustered_se,
    effective_n,
    mean_interval,
    ratio_interval,
    wilson_interval,
)
from evalrunner.stats.preferences import (
    PositionBias,
    SignTest,
    length_bias,
    position_bias,
    sign_test,
    win_rate,
)
from evalrunner.stats.resampling import bootstrap_interval, bootstrap_replicates
from evalrunner.stats.stability import RetestNoise, kendall_tau, retest_noise

__all__ = [
    "BradleyTerry",
    "PositionBias",
    "RetestNoise",
    "SignTest",
    "bootstrap_interval",
    "bootstrap_replicates",
    "bounded_mean_interval",
    "bradley_terry",
    "bradley_terry_strengths",
    "clustered_rate_interval",
    "clustered_se",
    "cohen_kappa",
    "effective_n",
    "gwet_ac1",
    "kendall_tau",
    "krippendorff_alpha",
    "length_bias",
    "mean_interval",
    "pareto_frontier",
    "percent_agreement",
    "position_bias",
    "quantiles",
    "ratio_interval",
    "retest_noise",
    "sign_test",
    "wilson_interval",
    "win_rate",
]
