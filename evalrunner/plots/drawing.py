"""All figures of a run at once: which ones there are numbers for, and under what names."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from evalrunner.plots.calibration import (
    calibration_figure,
    has_calibration,
    write_calibration_csv,
)
from evalrunner.plots.confusion import ConfusionData, confusion_figure
from evalrunner.plots.differences import (
    differences_figure,
    has_differences,
    write_differences_csv,
)
from evalrunner.plots.human import has_human, human_figure, write_human_csv
from evalrunner.plots.judges import has_judges, judges_figure, write_judges_csv
from evalrunner.plots.latency import has_latency, latency_figure, write_latency_csv
from evalrunner.plots.pareto import pareto_figure, write_pareto_csv
from evalrunner.plots.pareto_corrected import (
    has_corrected,
    pareto_corrected_figure,
    write_pareto_corrected_csv,
)
from evalrunner.plots.repeats import has_repeats, repeats_figure, write_repeats_csv
from evalrunner.plots.slices import has_slices, slice_texts, slices_figure, write_slices_csv
from evalrunner.plots.style import house_style, missing_glyphs, save_figure, shown_names

_logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Drawing:
    """A figure of the whole summary, with its numbers beside it."""

    stem: str
    is_possible: Callable[[Mapping[str, Any]], bool]
    figure: Callable[[Mapping[str, Any]], Figure]
    write_csv: Callable[[Mapping[str, Any], Path], None]

    def write(self, summary: Mapping[str, Any], directory: Path) -> list[Path]:
        """Draws it and returns the paths."""
        paths = save_figure(self.figure(summary), directory, stem=self.stem)
        paths.append(directory / f"{self.stem}.csv")
        self.write_csv(summary, paths[-1])
        return paths


_DRAWINGS = (
    # There is always something to say about the cost.
    _Drawing("pareto", lambda _: True, pareto_figure, write_pareto_csv),
    _Drawing(
        "pareto_corrected", has_corrected, pareto_corrected_figure, write_pareto_corrected_csv
    ),
    _Drawing("latency", has_latency, latency_figure, write_latency_csv),
    _Drawing("slices", has_slices, slices_figure, write_slices_csv),
    _Drawing("differences", has_differences, differences_figure, write_differences_csv),
    _Drawing("repeats", has_repeats, repeats_figure, write_repeats_csv),
    _Drawing("human", has_human, human_figure, write_human_csv),
    _Drawing("calibration", has_calibration, calibration_figure, write_calibration_csv),
    _Drawing("judges", has_judges, judges_figure, write_judges_csv),
)


def draw_run(summary: Mapping[str, Any], directory: Path) -> list[Path]:
    """`draw_all` of what a run compares, each cell's confusion matrix included."""
    # Control answers are no candidates: they would only stretch the axes.
    candidates = [cell for cell in summary["cells"] if cell["role"] == "candidate"]
    confusion = {
        cell["id"]: ConfusionData.from_counts(
            (truth, answer, trials) for truth, answer, trials in table["confusion"]
        )
        for cell in candidates
        for table in cell["classes"].values()
    }
    return draw_all({**summary, "cells": candidates}, directory, confusion=confusion)


def draw_all(
    summary: Mapping[str, Any],
    directory: Path,
    *,
    confusion: Mapping[int, ConfusionData] | None = None,
) -> list[Path]:
    """Writes every figure that `summary` has the numbers for, and returns the paths.

    `summary` is the content of `summary.json`; `confusion` goes by cell id. Equal arguments give
    equal bytes. Each file replaces its predecessor in one step. Raises StoreError.
    """
    with house_style():
        return _draw_all(summary, directory, confusion=confusion or {})


def _draw_all(
    summary: Mapping[str, Any], directory: Path, *, confusion: Mapping[int, ConfusionData]
) -> list[Path]:
    _warn_of_missing_glyphs(summary, confusion)
    paths = [
        path
        for drawing in _DRAWINGS
        if drawing.is_possible(summary)
        for path in drawing.write(summary, directory)
    ]
    names = shown_names({cell["id"]: cell["label"] for cell in summary["cells"]})
    for cell, data in sorted(confusion.items()):
        figure = confusion_figure(data, name=names.get(cell, f"cell {cell}"))
        paths += save_figure(figure, directory, stem=f"confusion-{cell}")
    return paths


def _warn_of_missing_glyphs(
    summary: Mapping[str, Any], confusion: Mapping[int, ConfusionData]
) -> None:
    """Says once, for all figures, which characters became boxes."""
    missing = missing_glyphs(_texts(summary, confusion))
    if missing:
        _logger.warning(
            "the figures' font has no %s: drawn as boxes; the CSV files have the names in full",
            ", ".join(repr(character) for character in missing[:8])
            + (f" and {len(missing) - 8} more" if len(missing) > 8 else ""),  # noqa: PLR2004
        )


def _texts(summary: Mapping[str, Any], confusion: Mapping[int, ConfusionData]) -> Iterator[str]:
    yield str(summary["run"].get("name") or "")
    yield str(summary.get("quality") or "")
    for cell in summary["cells"]:
        yield cell["label"]
        yield from (str(value) for value in cell["axes"].values())
    yield from slice_texts(summary)
    yield from (str(entry["judge"]) for entry in summary.get("calibration") or ())
    for data in confusion.values():
        yield from data.labels
