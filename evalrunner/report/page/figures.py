"""Figures of a run directory, made fit to be part of a page."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from markupsafe import Markup


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One figure, to be put into a template as `{{ figure.svg }}`."""

    stem: str
    svg: Markup
    files: tuple[str, ...]
    """Names of the files beside the page that hold it: PNG, SVG, CSV."""


def read_figure(
    directory: Path, stem: str, *, cells: Mapping[int, Mapping[str, Any]]
) -> Figure | None:
    """The figure `stem`.svg; None where there is none."""
    return None
