"""The scores of a run, as they would be at the mix of categories of production."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any

import numpy as np

from evalrunner.datasets import CaseFile
from evalrunner.errors import ConfigError, Problem, StoreError
from evalrunner.health import shown_value
from evalrunner.planning import CellSpec, read_specs
from evalrunner.stats import post_stratified
from evalrunner.store import run_directory
from evalrunner.summary import CaseColumns, CellInfo, SummaryOptions, summarize_cell

_NONE = ""
"""Category of cases without one: no mix names it, so that they count for nothing."""


def reweighted_scores(run: Path, by: str, mix: Mapping[str, float]) -> list[dict[str, Any]]:
    """Of each candidate: its score as it is, and at the mix; bounds where a category has no case.

    Raises ConfigError for a run whose cases have no such field, StoreError when it cannot be read.
    """
    directory = run_directory(run)
    specs = {spec.id: spec for spec in read_specs(directory) if spec.role == "candidate"}
    cases = CaseFile(directory / "cases.jsonl")
    labels = [shown_value(case.fields.get(by)) or _NONE for case in cases]
    if not any(labels):
        what = f"no case of the run has the field {by!r}"
        hint = "name the field that the run's cases have: --by FIELD"
        raise ConfigError(Problem(where=str(run), what=what, hint=hint))
    return [
        _entry(specs[cell], rows, cases, labels, mix)
        for cell, rows in _trials(directory)
        if cell in specs
    ]


def _trials(directory: Path) -> Iterator[tuple[int, Iterator[dict[str, Any]]]]:
    path = directory / "trials.jsonl"
    try:
        with path.open("rb") as file:
            yield from groupby(map(json.loads, file), key=itemgetter("cell"))
    except (OSError, ValueError, KeyError) as error:
        hint = f"rebuild it with `evalrunner report {directory}`"
        raise StoreError(f"{path} cannot be read: {error}; {hint}") from error


def _entry(
    spec: CellSpec,
    rows: Iterator[dict[str, Any]],
    cases: CaseFile,
    labels: list[str],
    mix: Mapping[str, float],
) -> dict[str, Any]:
    own = cases.slice(spec.first, spec.n)
    places = {case.id: place for place, case in enumerate(own)}
    dataset, run = spec.settings.dataset, spec.settings.run
    columns = CaseColumns(n=spec.n)
    if dataset.cluster:
        columns = CaseColumns.build(own, slices=(), cluster=dataset.cluster, targets={})
    options = SummaryOptions(
        quality=spec.quality, confidence=run.confidence, repeats=run.repeats, seed=run.seed
    )
    info = CellInfo(
        id=spec.id,
        label=spec.label,
        axes=spec.axes,
        facet=spec.facet,
        role=spec.role,
        scorers=spec.settings.scorer,
    )
    trials = ((places[row["case_id"]], row) for row in rows)
    result = summarize_cell(info, trials, cases=columns, options=options)
    known = ~np.isnan(result.quality)
    names = np.array(labels[spec.first : spec.first + spec.n])
    found = post_stratified(
        result.quality[known],
        names[known].tolist(),
        mix,
        clusters=None if columns.clusters is None else columns.clusters[known],
        level=run.confidence,
    )
    return {
        "cell": spec.id,
        "label": spec.label,
        "facet": spec.facet,
        "quality": spec.quality,
        "raw": {
            name: result.summary["quality"][name]
            for name in ("value", "low", "high", "n", "method")
        },
        "reweighted": asdict(found.estimate),
        "low": found.low,
        "high": found.high,
        "effective_n": found.effective_n,
        "missing": list(found.missing),
        "missing_share": found.missing_share,
    }
