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
from evalrunner.planning import read_specs
from evalrunner.report.page.cases.blobs import MOST_INLINE, Blobs, decoded, write_side_files
from evalrunner.report.page.cases.groups import Page, groups_of, page_size, pages_of
from evalrunner.report.page.cases.index import CellColumns, cell_entries, group_entry
from evalrunner.report.page.cases.labels import Labels
from evalrunner.report.page.cases.pages import Prompts, case_page, cases_of
from evalrunner.report.page.cases.raw import RawPages
from evalrunner.report.page.cases.rows import TrialRows, encode
from evalrunner.report.page.source import PageSource
from evalrunner.types import Case

__all__ = ["CaseData", "case_data", "decoded", "section"]

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


def section(source: PageSource) -> dict[str, Any] | None:
    """What the section `cases` shows; its `data` goes into the page, or beside it."""
    data = case_data(source.directory, source.summary)
    if data is None:
        return None
    shown = ("n_cases", "n_trials", "n_blobs", "is_inline", "raw_note")
    return {name: getattr(data, name) for name in shown} | {"data": data}


def case_data(directory: Path, summary: Mapping[str, Any]) -> CaseData | None:
    """The data of a run directory's cases; None when it has no trials. Raises StoreError."""
    if not all((directory / name).is_file() for name in _NEEDED):
        return None
    specs, cases = read_specs(directory), CaseFile(directory / "cases.jsonl")
    rows, labels = TrialRows(directory / "trials.jsonl", specs), Labels(directory, specs, cases)
    columns = {spec.id: CellColumns(spec, labels) for spec in specs}
    for spec in specs:
        for place, row in rows.scan(spec):
            columns[spec.id].add(place, row)
    size = page_size(specs, rows.n_bytes)
    groups = groups_of(specs, page_size=size)
    prompts = Prompts(directory, specs)
    raw = RawPages(directory, specs, prompts)
    blobs = Blobs()
    blobs.add(
        blob
        for page in pages_of(groups, page_size=size)
        for blob in _page_blobs(page, cases_of(page, cases), rows, prompts=prompts, raw=raw)
    )
    content = {
        "version": 1,
        "run": {name: summary["run"][name] for name in ("name", "confidence")},
        "page_size": size,
        "raw": {"has_pages": raw.exist, "note": raw.note},
        "cells": cell_entries(specs, groups, summary),
        "groups": [group_entry(group, cases, columns) for group in groups],
    }
    index = _index(content, is_inline=True)
    is_inline = index.n_bytes + blobs.n_bytes <= MOST_INLINE
    return CaseData(
        n_cases=sum(group.n for group in groups),
        n_trials=sum(spec.n_trials for spec in specs),
        is_inline=is_inline,
        raw_note=raw.note,
        _index=index if is_inline else _index(content, is_inline=False),
        _pages=blobs,
    )


def _page_blobs(
    page: Page, cases: Sequence[Case], rows: TrialRows, *, prompts: Prompts, raw: RawPages
) -> Iterator[tuple[str, str]]:
    yield f"cases-{page.number:04d}", case_page(page, cases, rows, prompts)
    if raw.exist:
        yield f"raw-{page.number:04d}", raw.page(page, cases, rows)


def _index(content: Mapping[str, Any], *, is_inline: bool) -> Blobs:
    index = Blobs()
    index.add([("index", encode({**content, "is_inline": is_inline}))])
    return index
