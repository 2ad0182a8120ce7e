"""Everything that is derived from a run directory, rebuilt without network and key.

`build_report` reads plan, cases and journal, and writes `trials.jsonl`, `errors.jsonl`, the summary
as JSON, CSV and Markdown, the figures and `report.html`. The same journal and seed give the same
bytes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path
from typing import Any

from evalrunner.flags import find_flags
from evalrunner.planning import CellSpec
from evalrunner.pricing import PricingSettings
from evalrunner.providers.families import maker_of
from evalrunner.report.books import PriceBooks
from evalrunner.report.busy import is_timed, second_shares
from evalrunner.report.comparisons import write_comparisons
from evalrunner.report.decisions import decisions
from evalrunner.report.derived import DerivedFiles
from evalrunner.report.extraction import ExtractionTally
from evalrunner.report.items import item_facts
from evalrunner.report.judging import judges_json
from evalrunner.report.markdown import summary_markdown
from evalrunner.report.money import Saved, usd_number
from evalrunner.report.people import said_by_people
from evalrunner.report.price_facts import price_facts
from evalrunner.report.prices import CellPrices
from evalrunner.report.prompt_cache import PromptCacheTally
from evalrunner.report.racing import race_json
from evalrunner.report.recorded import RecordedRun, Survey, open_run, survey
from evalrunner.report.rows import error_row, trial_rows
from evalrunner.report.tables import summary_csv
from evalrunner.report.test_sets import test_set_facts
from evalrunner.report.unclaimed import UnclaimedMoney
from evalrunner.store import write_json, write_text
from evalrunner.summary import (
    CaseColumns,
    CellCosts,
    CellInfo,
    CellResult,
    SummaryOptions,
    facet_results,
    judging_summary,
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
    the manifest, so that later reports do not depend on the price table. Without `figures` the page
    that shows them is not written either. Raises StoreError.
    """
    run = open_run(directory)
    books = PriceBooks(run.manifest, pricing, is_open=freeze_prices)
    summary = _summarize(run, books)
    write_json(directory / "summary.json", summary)
    write_text(directory / "summary.csv", summary_csv(summary))
    write_text(directory / "summary.md", summary_markdown(summary))
    if freeze_prices:
        write_json(directory / "manifest.json", run.manifest | {"pricing": books.frozen()})
    if figures:
        from evalrunner.plots import draw_run
        from evalrunner.report.page import write_page

        draw_run(summary, directory)
        write_page(directory)
    return summary


def _summarize(run: RecordedRun, books: PriceBooks) -> dict[str, Any]:
    surveys = _surveys(run, books)
    shares = second_shares(run.specs, books, surveys)
    columns = _CaseColumnsCache(run)
    unclaimed = UnclaimedMoney(run.index.unclaimed_usd)
    results = []
    with DerivedFiles(run.directory) as files:
        for spec in run.specs:
            prices = CellPrices(spec, books, shares=shares[spec.id])
            result = _cell(run, spec, prices, surveys[spec.id], columns.of(spec), files)
            result.summary["cost"] = unclaimed.added(result.summary["cost"], spec)
            results.append(result)
    cells = [result.summary for result in results]
    extraction = [
        {"cell": cell["id"], **entry} for cell in cells for entry in cell.pop("extraction")
    ]
    facets = facet_results(
        results,
        # Canaries answer fewer cases, and are in no comparison.
        {s.facet: (columns.of(s), _options(s)) for s in run.specs if s.role == "candidate"},
    )
    for facet in facets:
        mark_pareto(facet)
    judges = {spec.facet: judges_json(spec) for spec in run.specs}
    summary = {
        "schema_version": 1,
        "run": _run_facts(run) | {"race": race_json(cells)},
        "quality": run.specs[0].quality,
        "cells": cells,
        "comparisons": write_comparisons(run, facets),
        "recommendations": [],
        "recommendation": None,
        "judging": judging_summary(results, judges, options=_options(run.specs[0])),
        "items": item_facts(run, facets),
        "extraction": extraction,
        "prices": price_facts(books),
    }
    summary |= said_by_people(run, summary, facets)
    summary |= test_set_facts(run, facets)
    summary |= {"flags": find_flags(summary)}
    return summary | decisions(summary, facets, run.specs)


def _surveys(run: RecordedRun, books: PriceBooks) -> dict[int, Survey]:
    """Of each cell; empty ones, without reading a trial, where there is nothing to find out."""
    billed = dict(run.index.possibly_billed)
    if not billed and not any(is_timed(spec, books) for spec in run.specs):
        return {spec.id: Survey() for spec in run.specs}
    return {spec.id: survey(run, spec, billed=billed) for spec in run.specs}


def _cell(
    run: RecordedRun,
    spec: CellSpec,
    prices: CellPrices,
    found: Survey,
    columns: CaseColumns,
    files: DerivedFiles,
) -> CellResult:
    # An attempt that was perhaps charged has no known cost.
    costs = CellCosts(
        retries_usd=None if found.possibly_billed else Decimal(0),
        possibly_billed=found.possibly_billed,
    )
    info = CellInfo(
        id=spec.id,
        label=spec.label,
        axes=spec.axes,
        facet=spec.facet,
        role=spec.role,
        scorers=spec.settings.scorer,
        costs=costs,
        raced=run.index.raced.get(spec.id),
    )
    saved, prompt_cache, served_models = Saved(), PromptCacheTally(prices), set[str]()
    extraction = ExtractionTally(spec)

    def trials() -> Iterator[tuple[int, dict[str, Json]]]:
        nonlocal saved
        for case, row, spared in trial_rows(run, spec, prices):
            files.write(row, error_row(spec, case, row))
            saved += spared
            prompt_cache.add(row)
            extraction.add(case, row)
            if row["served_model"]:
                served_models.add(row["served_model"])
            yield case.index - spec.first, row

    result = summarize_cell(info, trials(), cases=columns, options=_options(spec))
    more_cost = {
        "saved_cache": usd_number(saved.cache),
        "saved_batch": usd_number(saved.batch),
        "prompt_cache": prompt_cache.to_json(),
    }
    cost = result.summary["cost"] | more_cost
    more = {
        "quality_name": spec.quality,
        "family": maker_of(spec.settings.model),
        "cost": cost,
        "served_models": sorted(served_models),
        "extraction": extraction.to_json(),
    }
    return replace(result, summary=result.summary | more)


def _options(spec: CellSpec) -> SummaryOptions:
    settings = spec.settings.run
    return SummaryOptions(
        quality=spec.quality,
        confidence=settings.confidence,
        max_missing=settings.max_missing,
        repeats=spec.repeats,
        seed=settings.seed,
        margin=settings.margin,
    )


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
            self.made[key] = self._build(spec, targets)
        return self.made[key]

    def _build(self, spec: CellSpec, targets: Mapping[str, str]) -> CaseColumns:
        dataset = spec.settings.dataset
        if not (dataset.slices or dataset.cluster or targets):
            # No column, so no case need be read.
            return CaseColumns(n=spec.n)
        return CaseColumns.build(
            self.run.cases.slice(spec.first, spec.n),
            slices=dataset.slices,
            cluster=dataset.cluster,
            targets=targets,
        )


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
        "warnings": manifest.get("warnings", []),
        "repeats": max(spec.repeats for spec in run.specs),
        "confidence": settings.confidence,
        "max_missing": settings.max_missing,
        "n_cases": len(run.cases),
        "possibly_billed": sum(run.index.possibly_billed.values()),
        "corrupt_lines": run.index.corrupt_lines,
    }
