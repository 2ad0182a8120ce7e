"""Everything that is derived from a run directory, rebuilt without network and key.

`build_report` reads plan, cases and journal, and writes `trials.jsonl`, `errors.jsonl`, the summary
as JSON, CSV and Markdown, and the figures. The same journal and seed give the same bytes.
"""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TextIO

from evalrunner.errors import StoreError
from evalrunner.planning import CellSpec
from evalrunner.pricing import PricingSettings
from evalrunner.report.prices import CellPrices, PriceBooks, second_shares
from evalrunner.report.recorded import RecordedRun, Survey, open_run, survey
from evalrunner.report.rows import error_row, trial_rows
from evalrunner.report.tables import summary_csv, summary_markdown
from evalrunner.store import write_json, write_text
from evalrunner.summary import (
    CaseColumns,
    CellCosts,
    CellInfo,
    CellResult,
    SummaryOptions,
    mark_pareto,
    summarize_cell,
)
from evalrunner.types import Json, sha256_of

__all__ = ["build_report"]


def build_report(
    directory: Path,
    *,
    pricing: PricingSettings | None = None,
    freeze_prices: bool = False,
    figures: bool = True,
) -> dict[str, Any]:
    """Rebuild all derived files of a run; returns the content of `summary.json`.

    `pricing` replaces the run's own prices. `freeze_prices` writes the prices that were used into
    the manifest, so that later reports do not depend on the price table. Raises StoreError.
    """
    run = open_run(directory)
    books = PriceBooks(run.manifest, pricing)
    summary = _summarize(run, books)
    write_json(directory / "summary.json", summary)
    write_text(directory / "summary.csv", summary_csv(summary))
    write_text(directory / "summary.md", summary_markdown(summary))
    if freeze_prices:
        write_json(directory / "manifest.json", run.manifest | {"pricing": books.frozen()})
    if figures:
        _draw(summary, directory)
    return summary


def _summarize(run: RecordedRun, books: PriceBooks) -> dict[str, Any]:
    surveys = {spec.id: survey(run, spec) for spec in run.specs}
    shares = second_shares(run, books, surveys)
    columns = _CaseColumnsCache(run)
    results = []
    with _Derived(run.directory) as files:
        for spec in run.specs:
            prices = CellPrices(spec, books.book(spec), second_share=shares[spec.id])
            results.append(_cell(run, spec, prices, surveys[spec.id], columns.of(spec), files))
    cells = [result.summary for result in results]
    mark_pareto(cells)
    return {
        "schema_version": 1,
        "run": _run_facts(run),
        "quality": run.specs[0].quality,
        "cells": cells,
        "comparisons": [],
        "recommendations": [],
        "recommendation": None,
        "calibration": [],
        "human": None,
        "flags": [],
    }


def _cell(
    run: RecordedRun,
    spec: CellSpec,
    prices: CellPrices,
    found: Survey,
    columns: CaseColumns,
    files: _Derived,
) -> CellResult:
    info = CellInfo(
        id=spec.id,
        label=spec.label,
        axes=spec.axes,
        facet=spec.facet,
        role=spec.role,
        scorers=spec.settings.scorer,
        costs=CellCosts(possibly_billed=found.possibly_billed),
    )
    settings = spec.settings.run
    options = SummaryOptions(
        quality=spec.quality,
        confidence=settings.confidence,
        max_missing=settings.max_missing,
        repeats=spec.repeats,
        seed=settings.seed,
    )
    saved = []

    def rows() -> Iterator[dict[str, Json]]:
        for case, row, saved_usd in trial_rows(run, spec, prices):
            files.write(row, error_row(spec, case, row))
            if saved_usd:
                saved.append(saved_usd)
            yield row

    result = summarize_cell(info, rows(), cases=columns, options=options)
    cost = result.summary["cost"] | {"saved_cache": float(sum(saved))}
    return replace(result, summary=result.summary | {"cost": cost})


@dataclass(slots=True)
class _CaseColumnsCache:
    """The columns of each test set, shared by the cells that use it."""

    run: RecordedRun
    made: dict[str, CaseColumns]

    def __init__(self, run: RecordedRun) -> None:
        self.run = run
        self.made = {}

    def of(self, spec: CellSpec) -> CaseColumns:
        """The columns of a cell's cases."""
        targets = {
            name: str(getattr(scorer, "target", ""))
            for name, scorer in spec.settings.scorer.items()
            if scorer.kind == "labels"
        }
        dataset = spec.settings.dataset
        key = sha256_of([spec.first, spec.n, dataset.slices, dataset.cluster, targets])
        if key not in self.made:
            self.made[key] = CaseColumns.build(
                self.run.cases.slice(spec.first, spec.n),
                slices=dataset.slices,
                cluster=dataset.cluster,
                targets=targets,
            )
        return self.made[key]


class _Derived:
    """`trials.jsonl` and `errors.jsonl`, replaced together when both are whole."""

    _NAMES = ("trials.jsonl", "errors.jsonl")

    def __init__(self, directory: Path) -> None:
        suffix = secrets.token_hex(4)
        self._paths = {directory / f".{name}.{suffix}": directory / name for name in self._NAMES}
        self._stack = ExitStack()
        self._files: list[TextIO] = []

    def __enter__(self) -> Self:
        try:
            for temporary in self._paths:
                flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
                file = os.fdopen(os.open(temporary, flags, 0o644), "w", encoding="ascii")
                self._files.append(self._stack.enter_context(file))
        except OSError as error:
            self._stack.close()
            raise StoreError(f"cannot write {temporary}: {error.strerror}") from error
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self._stack.close()
        for temporary, final in self._paths.items():
            if error is None:
                temporary.replace(final)
            else:
                temporary.unlink(missing_ok=True)

    def write(self, trial: Mapping[str, Json], error: Mapping[str, Json] | None) -> None:
        """Add one trial, and its entry in `errors.jsonl` if it has one."""
        for file, row in zip(self._files, (trial, error), strict=True):
            if row is not None:
                file.write(json.dumps(row, separators=(",", ":"), allow_nan=False) + "\n")


def _run_facts(run: RecordedRun) -> dict[str, Json]:
    """What the summary says of the run as a whole."""
    settings = run.specs[0].settings.run
    manifest = run.manifest
    return {
        "name": settings.name,
        "started_at": manifest["started_at"],
        "finished_at": manifest["finished_at"],
        "evalrunner": manifest["evalrunner"],
        "git": manifest["git"],
        "parent": manifest["parent"],
        "seed": settings.seed,
        "repeats": max(spec.repeats for spec in run.specs),
        "confidence": settings.confidence,
        "n_cases": len(run.cases),
        "possibly_billed": sum(run.index.possibly_billed.values()),
        "corrupt_lines": run.index.corrupt_lines,
    }


def _draw(summary: Mapping[str, Any], directory: Path) -> None:
    from evalrunner.plots import ConfusionData, draw_all

    confusion = {}
    for cell in summary["cells"]:
        for table in cell["classes"].values():
            confusion[cell["id"]] = ConfusionData.from_counts(
                (truth, answer, trials) for truth, answer, trials in table["confusion"]
            )
    draw_all(summary, directory, confusion=confusion)
