"""The sections of `report.html`, from top to bottom.

A builder gets the `PageSource` and returns what its template calls `section`, or None when the run
has nothing for it. The page writes the `<section id>` with its heading; a template holds what comes
below. Macros: `{% import "_macros.html.j2" as ui %}`.

The context of `cases` says with `is_inline` whether its data is in the page or in files beside it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from evalrunner.report.page.sections import about, cells, flags, pareto, verdict
from evalrunner.report.page.source import PageSource


@dataclass(frozen=True, slots=True)
class Section:
    """One section of the page."""

    id: str
    title: str
    build: Callable[[PageSource], Mapping[str, Any] | None]
    template: str


SECTIONS = (
    Section("verdict", "What to do", verdict.section, "sections/verdict.html.j2"),
    Section("flags", "What to mind", flags.section, "sections/flags.html.j2"),
    Section("cells", "Cells", cells.section, "sections/cells.html.j2"),
    Section("pareto", "Quality and cost", pareto.section, "sections/pareto.html.j2"),
    Section("about", "About this run", about.section, "sections/about.html.j2"),
)
