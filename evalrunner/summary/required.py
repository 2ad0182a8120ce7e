"""What a key of `decide.require` names: the one grammar for a gate and for a decision."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from evalrunner.scorers.quality import ACCURACY
from evalrunner.types import Estimate


def required_estimate(cell: Mapping[str, Any], key: str) -> Estimate:
    """The estimate in a cell's entry of the summary; without a value where it has none.

    A key is a scorer (`json_valid`), a metric of one (`labels.macro_f1`), or a slice, whose
    estimate is of quality (`category=billing`).
    """
    field, _, value = key.partition("=")
    found = cell["scores"].get(key.removesuffix(f".{ACCURACY}"))
    found = found or cell["slices"].get(field, {}).get(value)
    return Estimate(value=None) if found is None else Estimate(**found)
