"""One entry of `summary.json["cells"]` from a cell's trials."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evalrunner.scorers import ScorerSettings
from evalrunner.scorers.quality import resolve_quality
from evalrunner.stats import (
    bootstrap_interval,
    bounded_mean_interval,
    clustered_rate_interval,
    wilson_interval,
)
from evalrunner.summary.classes import ClassTable
from evalrunner.summary.columns import (
    CaseColumns,
    CellInfo,
    CellResult,
    Column,
    SummaryOptions,
    dependence,
)
from evalrunner.summary.costs import cost_json
from evalrunner.summary.latency import latency_json
from evalrunner.summary.racing import anytime_interval, raced_json
from evalrunner.summary.repeats import repeats_json
from evalrunner.summary.tally import F1_METRICS, CellTally
from evalrunner.types import Estimate, Json, Status


def summarize_cell(
    info: CellInfo,
    trials: Iterable[tuple[int, Mapping[str, Json]]],
    *,
    cases: CaseColumns,
    options: SummaryOptions,
) -> CellResult:
    """Summary of one cell from its trials, read once in any order.

    A trial is the row of its case in `cases`, and its row of `trials.jsonl`. Raises ConfigError
    when `options.quality` is no scorer or metric of the cell.
    """
    quality = resolve_quality(options.quality, info.scorers)
    name = ".".join(part for part in quality if part is not None)
    tally = CellTally(cases, scorers=info.scorers, quality=quality)
    tally.read(trials)
    classes = tally.classes()
    is_left_out = tally.left_out > 0
    scores = _Scores(
        columns=_columns(tally),
        classes=classes,
        cases=cases,
        options=options,
        cell=info.id,
        is_raced=bool(is_left_out.any()),
    )
    summary = {
        "id": info.id,
        "label": info.label,
        "axes": dict(info.axes),
        "facet": info.facet,
        "role": info.role,
        **_counts(tally, cases=cases),
        "quality": _json(scores.estimate(name)),
        "scores": {each: _json(scores.estimate(each)) for each in scores.names()},
        "slices": _slices(scores, name=name),
        "cost": cost_json(tally, info=info, cases=cases, options=options),
        "retried": _retried(tally, scores, name=name),
        "repeats": repeats_json(
            scores.columns, name, costs=tally.repeat_costs, cases=cases, options=options
        ),
        "latency_s": latency_json(tally.latencies),
        "usage": _usage(tally),
        "classes": {each: table.to_json() for each, table in classes.items()},
        "judging": {
            each: judged.to_json(cases=cases, options=options, cell=info.id, scorer=each)
            for each, judged in tally.judged.items()
        },
        "criteria": {
            each: judged.criteria.to_json(cases.n, scores.mean)
            for each, judged in tally.judged.items()
        },
        "raced": raced_json(info, tally),
        "pareto": {"status": None, "probability": None},
    }
    return CellResult(
        summary=summary,
        quality=scores.by_case(name),
        cost_usd=tally.cost.means(),
        classes=classes,
        contests={each: judged.pairs.contests() for each, judged in tally.judged.items()},
        lengths=None if tally.lengths is None else tally.lengths.means(),
        answers=tally.answers(),
        left_out=is_left_out if scores.is_raced else None,
        checks={
            each: scores.by_case(each)
            for each, scorer in info.scorers.items()
            if each != name and _needs_no_target(scorer)
        },
    )


@dataclass(frozen=True, kw_only=True)
class _Scores:
    """Estimates of scores and metrics, over all cases or some."""

    columns: Mapping[str, Column]
    classes: Mapping[str, ClassTable]
    cases: CaseColumns
    options: SummaryOptions
    cell: int
    is_raced: bool
    """Whether racing stopped the cell, which an interval for a planned number does not allow."""

    def names(self) -> list[str]:
        """Scorers, each followed by its metrics."""
        names = []
        for name in self.columns:
            names.append(name)
            if name in self.classes:
                names += [f"{name}.{metric}" for metric in F1_METRICS]
        return names

    def by_case(self, name: str) -> NDArray[np.float64]:
        """Mean over the repeats of each case; NaN where it has none."""
        if name in self.columns:
            return self.columns[name].means()
        return np.full(self.cases.n, np.nan)

    def estimate(self, name: str, *, rows: NDArray[np.intp] | None = None) -> Estimate:
        """Estimate of a score or metric over the cases in `rows`, default all."""
        scorer, _, metric = name.rpartition(".")
        if name not in self.columns and scorer in self.classes and metric in F1_METRICS:
            return self._f1(scorer, metric, rows=rows)
        column = self.columns.get(name)
        return Estimate(value=None) if column is None else self.mean(column, rows=rows)

    def mean(self, column: Column, *, rows: NDArray[np.intp] | None = None) -> Estimate:
        """Estimate of a column of values over the cases in `rows`, default all."""
        some = np.arange(self.cases.n) if rows is None else rows
        scored = some[column.counts[some] > 0]
        if scored.size == 0:
            return Estimate(value=None)
        means, level = column.means()[scored], self.options.confidence
        if self.is_raced:
            every, _ = dependence(some, cases=self.cases, options=self.options)
            return anytime_interval(means, clusters=every, level=level)
        clusters, by = dependence(scored, cases=self.cases, options=self.options)
        if column.graded:
            return bounded_mean_interval(means, clusters=clusters, by=by, level=level)
        if clusters is None:
            return wilson_interval(float(means.sum()), scored.size, level=level)
        n_trials = int(column.counts[scored].sum())
        return clustered_rate_interval(
            means, n_trials=n_trials, clusters=clusters, by=by, level=level
        )

    def _f1(self, scorer: str, metric: str, *, rows: NDArray[np.intp] | None) -> Estimate:
        whole = self.classes[scorer]
        table = whole if rows is None else whole.of_cases(rows)
        scored = np.unique(table.cases)
        clusters, by = dependence(scored, cases=self.cases, options=self.options)
        copies = None
        if clusters is None:
            table, copies = table.merged()
            scored = table.cases
        part = "" if rows is None else f" {rows[0]} {rows.size}"
        return bootstrap_interval(
            lambda weights: table.metric(metric, weights, rows=scored),
            scored.size,
            rng=self._rng(f"{scorer}.{metric}{part}"),
            level=self.options.confidence,
            clusters=clusters,
            by=by,
            copies=copies,
        )

    def _rng(self, name: str) -> np.random.Generator:
        # By name, so that adding a scorer or a slice does not move the others' intervals.
        return np.random.default_rng([self.options.seed, self.cell, zlib.crc32(name.encode())])


def _columns(tally: CellTally) -> dict[str, Column]:
    columns: dict[str, Column] = {}
    for name, column in tally.scores.items():
        columns[name] = column
        for field, values in sorted(tally.fields.get(name, {}).items()):
            columns[f"{name}.{field}"] = values
    return columns


def _counts(tally: CellTally, *, cases: CaseColumns) -> dict[str, int]:
    return {
        "n_cases": cases.n,
        "n_planned": tally.statuses.total(),
        **{f"n_{status}": tally.statuses[status] for status in Status},
        "n_unscored": tally.n_unscored,
    }


def _needs_no_target(scorer: ScorerSettings) -> bool:
    return scorer.kind == "json_schema" or (
        scorer.kind == "regex" and getattr(scorer, "target", None) is None
    )


def _retried(tally: CellTally, scores: _Scores, *, name: str) -> dict[str, Any]:
    """How many answers needed a retry, and the quality without them.

    What times out or is refused is no random sample, so a retried answer may be a biased one.
    """
    column = scores.columns.get(name)
    if not tally.n_retried or column is None:
        return {"n": tally.n_retried, "quality_without": None}
    without = scores.mean(column.without(tally.retried))
    return {"n": tally.n_retried, "quality_without": _json(without)}


def _slices(scores: _Scores, *, name: str) -> dict[str, dict[str, Any]]:
    return {
        field: {value: _json(scores.estimate(name, rows=rows)) for value, rows in values.items()}
        for field, values in scores.cases.slices.items()
    }


def _usage(tally: CellTally) -> dict[str, Any] | None:
    """Tokens of all answers together; None when no answer reported any."""
    if not tally.usage_known:
        return None
    return {
        **tally.usage,
        "estimated": tally.usage_estimated,
        "unknown_calls": tally.n_answered - tally.usage_known,
    }


def _json(estimate: Estimate) -> dict[str, Any]:
    return asdict(estimate)
