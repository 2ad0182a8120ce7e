"""Statistics in a few lines of numpy each; every function names its source.

Arrays in, an `Estimate` out. What may be computed from which trials is decided by `summary`.
"""

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
from evalrunner.stats.resampling import bootstrap_interval, bootstrap_replicates

__all__ = [
    "bootstrap_interval",
    "bootstrap_replicates",
    "bounded_mean_interval",
    "clustered_rate_interval",
    "clustered_se",
    "effective_n",
    "mean_interval",
    "pareto_frontier",
    "quantiles",
    "ratio_interval",
    "wilson_interval",
]
