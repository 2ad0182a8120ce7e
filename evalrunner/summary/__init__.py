"""Trials to cell summaries: quality, cost, latency and slices, each with its n and interval.

Pure: rows in, one entry of `summary.json` out, plus the per-case columns that comparisons need.
"""

from evalrunner.summary.cell import summarize_cell
from evalrunner.summary.classes import ClassTable
from evalrunner.summary.columns import (
    CaseColumns,
    CellCosts,
    CellInfo,
    CellResult,
    SummaryOptions,
)
from evalrunner.summary.facets import FacetResult, facet_results
from evalrunner.summary.judging import judging_summary
from evalrunner.summary.pareto import mark_pareto
from evalrunner.summary.racing import missing_share
from evalrunner.summary.required import required_estimate
from evalrunner.summary.tally import RACED

__all__ = [
    "RACED",
    "CaseColumns",
    "CellCosts",
    "CellInfo",
    "CellResult",
    "ClassTable",
    "FacetResult",
    "SummaryOptions",
    "facet_results",
    "judging_summary",
    "mark_pareto",
    "missing_share",
    "required_estimate",
    "summarize_cell",
]
