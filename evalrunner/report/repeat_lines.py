"""What the repeats of a run tell, in lines for people."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from evalrunner.formatting import n_of, percent, percent_interval, points, safe_text
from evalrunner.types import Estimate

_LONGEST = 80
_MOST_SHOWN = 15


def repeat_lines(summary: Mapping[str, Any]) -> Iterator[str]:
    """Two lines for each candidate that was asked several times."""
    cells = [
        cell for cell in summary["cells"] if cell.get("repeats") and cell["role"] == "candidate"
    ]
    for cell in cells[:_MOST_SHOWN]:
        repeats = cell["repeats"]
        yield f"{safe_text(cell['label'], limit=_LONGEST)}: {'; '.join(_facts(cell, repeats))}"
        if repeats["advice"] is not None:
            advice = repeats["advice"]
            yield f"  more {advice['more']} buy more certainty: {advice['because']}"
    if cells[_MOST_SHOWN:]:
        yield f"… and {n_of(len(cells) - _MOST_SHOWN, 'cell')} more with repeats, in summary.json"


def _facts(cell: Mapping[str, Any], repeats: Mapping[str, Any]) -> Iterator[str]:
    k, every_time = repeats["k"], repeats["pass_hat_k"]
    if every_time is not None:
        yield (
            f"right every time {percent(every_time[-1])} of {_cases(cell, repeats)} "
            f"(pass^{k}), at least once {percent(repeats['pass_at_k'][-1])}"
        )
    flips = Estimate(**repeats["flip_rate"])
    yield f"the score changes in {percent_interval(flips)} of {n_of(flips.n, 'case')}"
    if repeats["se_k"] is not None:
        yield (
            f"standard error {points(repeats['se_k'])} with {k} repeats, "
            f"{points(repeats['se_one'])} with one"
        )
    if repeats["icc"] is not None:
        yield f"{percent(repeats['icc'], digits=0)} of the variance lies between cases"


def _cases(cell: Mapping[str, Any], repeats: Mapping[str, Any]) -> str:
    """Those with every repeat scored; of all where the summary is older than that count."""
    return n_of(repeats.get("n_whole", cell["n_cases"]), "case")
