"""The scores of a run, as they would be at the mix of categories of production."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import asdict
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any

import numpy as np

from evalrunner.datasets import CaseFile
from evalrunner.errors import ConfigError, Problem, StoreError
from evalrunner.health import shown_value, text_of
from evalrunner.planning import CellSpec, read_specs
from evalrunner.stats import post_stratified
from evalrunner.store import run_directory
from evalrunner.summary import CaseColumns, CellInfo, SummaryOptions, summarize_cell

_NONE = ""
"""Category of cases without one: no mix names it, so that they count for nothing."""


def reweighted_scores(
    run: Path, by: str, mix: Mapping[str, float], *, inputs: Collection[str], name: str
) -> list[dict[str, Any]]:
    """Of each candidate: its score as it is, and at the mix; bounds where a category has no case.

    `inputs` are the texts of the test set `name`: cells over other data sets are left out. Raises
    ConfigError for a run of other data sets only, or whose cases have no such field, StoreError
    when it cannot be read.
    """
    directory = run_directory(run)
    cases = CaseFile(directory / "cases.jsonl")
    specs = _specs(directory, cases, inputs, name)
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


def _specs(
    directory: Path, cases: CaseFile, inputs: Collection[str], name: str
) -> dict[int, CellSpec]:
    """Candidates over the test set: a case of it is enough, as it may have changed since."""
    specs = [spec for spec in read_specs(directory) if spec.role == "candidate"]
    spans = {(spec.first, spec.n) for spec in specs}
    known = {
        span for span in spans if any(text_of(case.input) in inputs for case in cases.slice(*span))
    }
    if not known:
        others = " and ".join(dict.fromkeys(spec.settings.dataset.name for spec in specs))
        what = f"this run is of {others}, not of {name}: they share no input"
        hint = f"name a run of {name}, or the data set of the run with --dataset"
        raise ConfigError(Problem(where=f"--run {directory}", what=what, hint=hint))
    return {spec.id: spec for spec in specs if (spec.first, spec.n) in known}


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
    targets = {
        name: str(getattr(scorer, "target", ""))
        for name, scorer in spec.settings.scorer.items()
        if scorer.kind == "labels"
    }
    columns = CaseColumns(n=spec.n)
    if dataset.cluster or targets:
        columns = CaseColumns.build(own, slices=(), cluster=dataset.cluster, targets=targets)
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
