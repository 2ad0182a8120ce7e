"""The entries of `summary.json["calibration"]`: one judge against people, in one cell or in all."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from evalrunner.calibrate.correction import (
    HALF_WIDTHS,
    Correction,
    corrected_mean,
    label_budget,
    label_spread,
)
from evalrunner.calibrate.judged import Instrument, JudgedCell, Labelled
from evalrunner.stats import (
    bounded_mean_interval,
    clustered_rate_interval,
    judge_errors,
    score_inflation,
    weighted_rate,
)
from evalrunner.summary import FacetResult
from evalrunner.types import Estimate

_POOLED = Correction(mean=None, rogan_gladen=None, trust=None, refused=None, more=None)


def entries_of(instrument: Instrument) -> Iterator[dict[str, Any]]:
    """All cells together, then each of them."""
    has_criteria = any(cell.criteria is not None for cell in instrument.cells)
    facet = instrument.facet
    pooled = _entry(instrument, instrument.cells, has_criteria=has_criteria)
    yield _with_correction(pooled, _POOLED, method="pooled over the cells")
    for cell in instrument.cells:
        entry = _entry(instrument, [cell], has_criteria=has_criteria)
        found = corrected_mean(cell, facet)
        method = None if found.mean is None else found.mean.method
        spread = label_spread(cell)
        level = facet.options.confidence
        yield _with_correction(entry, found, method=method) | {
            "cell": cell.cell,
            "label_budget": label_budget(cell, half_widths=HALF_WIDTHS, level=level),
            "label_spread": None if spread is None else asdict(spread),
        }


def _entry(
    instrument: Instrument, cells: Sequence[JudgedCell], *, has_criteria: bool
) -> dict[str, Any]:
    facet = instrument.facet
    found = Labelled.of(cells, facet, has_criteria=has_criteria)
    level, by = facet.options.confidence, found.by
    name = f"{instrument.key} {[cell.cell for cell in cells]}"
    errors = judge_errors(
        found.unit_labels,
        found.unit_scores,
        rng=facet.rng(name),
        clusters=found.unit_clusters,
        weights=found.unit_weights,
        by=by,
        level=level,
    )
    inflation = score_inflation(
        found.scores,
        found.labels,
        rng=facet.rng(f"{name} inflation"),
        clusters=found.clusters,
        weights=found.weights,
        by=by,
        level=level,
    )
    return {
        "judge": instrument.judge,
        "scorer": instrument.scorer,
        "member": instrument.member,
        "facet": facet.facet,
        "cell": None,
        "is_quality": instrument.is_quality,
        "n_labels": int(found.labels.size),
        "n_cases": int(np.unique(found.rows).size),
        "n_answers": int(sum((~np.isnan(cell.scores)).sum() for cell in cells)),
        "unit": "criterion" if has_criteria else "answer",
        "n_units": errors.confusion.n,
        "n_divided": found.n_divided,
        "confusion": asdict(errors.confusion),
        "sensitivity": asdict(errors.sensitivity),
        "specificity": asdict(errors.specificity),
        "percent": asdict(errors.agreement),
        "with_one_rater": asdict(
            bounded_mean_interval(found.shared, clusters=found.shared_clusters, by=by, level=level)
        ),
        "kappa": asdict(errors.kappa),
        "ac1": asdict(errors.ac1),
        "inflation": asdict(inflation.difference),
        "inflation_p": inflation.p_value,
        "people": asdict(_people(found, level=level)),
        "raw": asdict(_raw(cells, facet)),
        "slices": _slices(cells, facet, name=name, has_criteria=has_criteria),
    }


def _with_correction(
    entry: dict[str, Any], found: Correction, *, method: str | None
) -> dict[str, Any]:
    return entry | {
        "corrected": None if found.mean is None else asdict(found.mean),
        "corrected_rogan_gladen": None
        if found.rogan_gladen is None
        else asdict(found.rogan_gladen),
        "trust": found.trust,
        "method": method,
        "refused": found.refused,
        "more_labels": None if found.more is None else dict(found.more),
        "label_budget": [],
        "label_spread": None,
    }


def _people(found: Labelled, *, level: float) -> Estimate:
    if found.weights is not None:
        return weighted_rate(
            found.labels, found.weights, clusters=found.clusters, by=found.by, level=level
        )
    return _mean(found.labels, found.clusters, by=found.by, level=level)


def _raw(cells: Sequence[JudgedCell], facet: FacetResult) -> Estimate:
    """As the summary has it, or else made here."""
    if len(cells) == 1 and cells[0].raw is not None:
        return cells[0].raw
    scores = np.concatenate([cell.scores for cell in cells])
    rows = np.concatenate([cell.rows for cell in cells])
    known = ~np.isnan(scores)
    codes = rows[known] if facet.cases.clusters is None else facet.cases.clusters[rows[known]]
    is_alone = np.unique(codes).size == codes.size
    level = facet.options.confidence
    return _mean(scores[known], None if is_alone else codes, by=facet.by, level=level)


def _mean(values: Any, clusters: Any, *, by: str, level: float) -> Estimate:
    if np.isin(values, (0, 1)).all():
        return clustered_rate_interval(
            values, n_trials=len(values), clusters=clusters, by=by, level=level
        )
    return bounded_mean_interval(values, clusters=clusters, by=by, level=level)


def _slices(
    cells: Sequence[JudgedCell], facet: FacetResult, *, name: str, has_criteria: bool
) -> dict[str, dict[str, Any]]:
    """Inflation and agreement in each slice of the cases that has labels."""
    tables: dict[str, dict[str, Any]] = {}
    for field, values in facet.cases.slices.items():
        for value, rows in values.items():
            part = Labelled.of(cells, facet, has_criteria=has_criteria, among=rows)
            if not (part.labels.size or part.unit_labels.size):
                continue
            inflation = score_inflation(
                part.scores,
                part.labels,
                rng=facet.rng(f"{name} {field} {value}"),
                clusters=part.clusters,
                weights=part.weights,
                by=part.by,
                level=facet.options.confidence,
            )
            tables.setdefault(field, {})[value] = {
                "n_labels": int(part.labels.size),
                "inflation": asdict(inflation.difference),
                "percent": asdict(_agreed(part, level=facet.options.confidence)),
            }
    return tables


def _agreed(part: Labelled, *, level: float) -> Estimate:
    same = (part.unit_scores == part.unit_labels).astype(np.float64)
    if part.unit_weights is not None:
        return weighted_rate(
            same, part.unit_weights, clusters=part.unit_clusters, by=part.by, level=level
        )
    return _mean(same, part.unit_clusters, by=part.by, level=level)
