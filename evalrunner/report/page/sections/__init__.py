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

from evalrunner.report.page import cases
from evalrunner.report.page.sections import (
    about,
    calibration,
    cells,
    comparisons,
    confusion,
    costs,
    criteria,
    differences,
    flags,
    human,
    judges,
    latency,
    pareto,
    repeats,
    slices,
    verdict,
)
from evalrunner.report.page.source import PageSource


@dataclass(frozen=True, slots=True)
class Section:
    """One section of the page."""

    id: str
    title: str
    build: Callable[[PageSource], Mapping[str, Any] | None]
    template: str
    is_early: bool = False
    """Takes long and asks for no file of a figure: built while they are drawn."""


SECTIONS = (
    Section("verdict", "What to do", verdict.section, "sections/verdict.html.j2"),
    Section("flags", "Flags", flags.section, "sections/flags.html.j2"),
    Section("cells", "Cells", cells.section, "sections/cells.html.j2"),
    Section("pareto", "Quality and cost", pareto.section, "sections/pareto.html.j2"),
    Section("human", "People", human.section, "sections/human.html.j2"),
    Section("slices", "Slices", slices.section, "sections/slices.html.j2"),
    Section("confusion", "Confusions", confusion.section, "sections/confusion.html.j2"),
    Section("criteria", "Criteria", criteria.section, "sections/criteria.html.j2"),
    Section("comparisons", "Comparisons", comparisons.section, "sections/comparisons.html.j2"),
    Section("latency", "Latency", latency.section, "sections/latency.html.j2"),
    Section("costs", "Costs", costs.section, "sections/costs.html.j2"),
    Section(
        "differences", "How the cells differ", differences.section, "sections/differences.html.j2"
    ),
    Section("repeats", "Repeats", repeats.section, "sections/repeats.html.j2"),
    Section("judges", "Judges", judges.section, "sections/judges.html.j2"),
    Section(
        "calibration",
        "Judges against people",
        calibration.section,
        "sections/calibration.html.j2",
    ),
    Section("cases", "Cases", cases.section, "sections/cases.html.j2", is_early=True),
    Section("about", "About this run", about.section, "sections/about.html.j2"),
)
