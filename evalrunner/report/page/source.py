"""What the sections of `report.html` are made from: files of a run directory, read once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from evalrunner.formatting import usd
from evalrunner.report.page.figures import Figure, read_figure
from evalrunner.store import read_json


@dataclass(frozen=True, kw_only=True)
class PageSource:
    """A run as its derived files have it; nothing of it is changed by a section."""

    directory: Path
    summary: Mapping[str, Any]
    plan: Mapping[str, Any]
    """Empty where there is none: results that were imported."""
    manifest: Mapping[str, Any]

    @classmethod
    def read(cls, directory: Path) -> PageSource:
        """Of a directory that has a summary. Raises StoreError."""
        is_planned = (directory / "plan.json").exists()
        return cls(
            directory=directory,
            summary=read_json(directory / "summary.json"),
            plan=read_json(directory / "plan.json") if is_planned else {},
            manifest=read_json(directory / "manifest.json"),
        )

    @cached_property
    def cells(self) -> Mapping[int, Mapping[str, Any]]:
        """The summary's cells by id, canaries included."""
        return {cell["id"]: cell for cell in self.summary["cells"]}

    @cached_property
    def candidates(self) -> tuple[Mapping[str, Any], ...]:
        """The summary's cells without canaries."""
        return tuple(cell for cell in self.summary["cells"] if cell["role"] == "candidate")

    @cached_property
    def settings(self) -> Mapping[str, Any]:
        """The frozen configuration of the first cell; empty without a plan."""
        cells = self.plan.get("cells") or [{"config": {}}]
        config: Mapping[str, Any] = cells[0]["config"]
        return config

    @cached_property
    def place(self) -> str:
        """The run directory as one types it in its project, or else its name alone."""
        directory = self.directory.resolve()
        project = Path(self.manifest.get("project") or directory)
        is_inside = directory != project and directory.is_relative_to(project)
        return str(directory.relative_to(project)) if is_inside else directory.name

    @property
    def spent(self) -> str:
        """What the run cost; `≥ $1.20` where some of it has no known price."""
        return spent_words(self.summary["cells"])

    def label(self, cell: int) -> str:
        """What people call a cell."""
        return str(self.cells[cell]["label"]) if cell in self.cells else f"cell {cell}"

    def figure(self, stem: str, about: str) -> Figure | None:
        """The figure `stem`.svg, fit to be part of a page; None where there is none.

        `about` is what it is called to who cannot see it.
        """
        return read_figure(self.directory, stem, cells=self.cells, about=about)

    def has_file(self, name: str) -> bool:
        """Whether the run directory has a file that the page can link to."""
        return (self.directory / name).is_file()


def spent_words(cells: Iterable[Mapping[str, Any]]) -> str:
    """What these cells cost together: `$1.20`, `≥ $1.20` where some of it has no known price."""
    costs = [cell["cost"] for cell in cells]
    if all(cost["usd_spent"] is not None for cost in costs):
        return usd(sum(cost["usd_spent"] for cost in costs))
    return f"≥ {usd(sum(cost['usd_spent_at_least'] for cost in costs))}"
