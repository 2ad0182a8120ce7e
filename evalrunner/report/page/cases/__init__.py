"""The data of the case browser: an index of all cases, and pages of them with every answer.

Blobs of a few megabytes are part of the page; larger ones are script files in `report/` beside it,
which the browser's code loads one by one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evalrunner.datasets import CaseFile
from evalrunner.errors import ConfigError, StoreError
from evalrunner.planning import CellSpec, read_specs
from evalrunner.planning.frozen import kept_template
from evalrunner.prompts import PromptTemplate
from evalrunner.report.page.cases.blobs import MOST_INLINE, Blobs, decoded, write_side_files
from evalrunner.report.page.cases.groups import groups_of, page_size, pages_of
from evalrunner.report.page.cases.index import CellColumns, cell_entries, group_entry
from evalrunner.report.page.cases.labels import Labels
from evalrunner.report.page.cases.pages import Prompts, case_page, cases_of
from evalrunner.report.page.cases.rows import TrialRows
from evalrunner.store import read_json

__all__ = ["CaseData", "case_data", "decoded"]

_NEEDED = ("plan.json", "cases.jsonl", "trials.jsonl")


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseData:
    """What the case browser shows."""

    n_cases: int
    n_trials: int
    is_inline: bool
    raw_note: str | None
    """What of the raw requests and responses is left out; None = nothing."""
    _index: Blobs
    _pages: Blobs

    @property
    def n_blobs(self) -> int:
        """Blobs besides the index."""
        return len(self._pages)

    @property
    def scripts(self) -> Iterator[tuple[str, str]]:
        """(name, base64) of the blobs that are part of the page."""
        yield from self._index
        if self.is_inline:
            yield from self._pages

    def write_side_files(self, directory: Path) -> None:
        """Write the other blobs into `report/`, and remove those of an earlier report.

        Raises StoreError.
        """
        write_side_files(directory, iter(()) if self.is_inline else iter(self._pages))


def case_data(directory: Path, summary: Mapping[str, Any]) -> CaseData | None:
    """The data of a run directory's cases; None when it has no trials. Raises StoreError."""
    if not all((directory / name).is_file() for name in _NEEDED):
        return None
    specs, cases = read_specs(directory), CaseFile(directory / "cases.jsonl")
    rows, labels = TrialRows(directory / "trials.jsonl", specs), Labels(directory, specs)
    columns = {spec.id: CellColumns(spec, labels) for spec in specs}
    for spec in specs:
        for place, row in rows.scan(spec):
            columns[spec.id].add(place, row)
    size = page_size(specs, rows.n_bytes)
    groups = groups_of(specs, page_size=size)
    prompts = Prompts(_templates(directory, specs))
    blobs = Blobs()
    for page in pages_of(groups, page_size=size):
        trials = {spec.id: rows.of(spec, page.places) for spec in page.group.specs}
        shown = cases_of(page, cases)
        blobs.add(f"cases-{page.number:04d}", case_page(page, shown, trials, prompts))
    index = Blobs()
    content = {
        "version": 1,
        "run": {name: summary["run"][name] for name in ("name", "confidence")},
        "page_size": size,
        "raw": {"has_pages": False, "note": None},
        "cells": cell_entries(specs, groups, summary),
        "groups": [group_entry(group, cases, columns) for group in groups],
    }
    index.add("index", content | {"is_inline": True})
    is_inline = index.n_bytes + blobs.n_bytes <= MOST_INLINE
    if not is_inline:
        index = Blobs()
        index.add("index", content | {"is_inline": False})
    return CaseData(
        n_cases=sum(group.n for group in groups),
        n_trials=sum(spec.n_trials for spec in specs),
        is_inline=is_inline,
        raw_note=None,
        _index=index,
        _pages=blobs,
    )


def _templates(
    directory: Path, specs: Sequence[CellSpec]
) -> dict[int, PromptTemplate | None]:
    manifest = read_json(directory / "manifest.json")

    def template(spec: CellSpec) -> PromptTemplate | None:
        try:
            return kept_template(spec.settings.prompt, directory, manifest)
        except (ConfigError, StoreError):
            return None

    return {spec.id: template(spec) for spec in specs}
