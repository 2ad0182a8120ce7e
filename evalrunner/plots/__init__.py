"""Figures of a run, drawn from `summary.json` alone: PNG, SVG and the numbers as CSV.

The only package that imports matplotlib. Reading a summary (`points`), finding places for names
(`labels`) and drawing (`panel`, `strips`, `heat` and a module for each figure) are kept apart, so
that tests can ask each what it decided.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from evalrunner.plots.drawing import draw_all, draw_run

__all__ = ["draw_all", "draw_run"]


def __getattr__(name: str) -> Any:
    """Imports matplotlib only for who draws, not for who reads `colors`."""
    if name in __all__:
        return getattr(import_module("evalrunner.plots.drawing"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
