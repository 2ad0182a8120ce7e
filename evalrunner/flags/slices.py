"""What the overall score hides: parts of the test set in which a candidate fails."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from evalrunner.flags.base import Flag, Rule, Summary
from evalrunner.flags.cells import SIGNIFICANT, Cell, facets_of, in_facet, named
from evalrunner.formatting import n_of, percent
from evalrunner.stats.contingency import fisher_exact
from evalrunner.stats.multiple import holm

_GAP = 0.1
"""By how much a slice must be below the rest: less may be significant and does not matter."""
_FEWEST = 5
"""Cases of a slice."""
_MOST = 20
_F1 = "bootstrap"
"""Method of the interval of an F1."""


def hidden_failure(summary: Summary) -> Iterator[Flag]:
    """A slice significantly below the rest of its cell, by ten points and more.

    Fisher's exact test of the slice against all other cases, adjusted by Holm over all slices and
    candidates of the facet.
    """
    for facet, cells in facets_of(summary):
        parts = [part for cell in cells for part in _parts(cell)]
        if not parts:
            continue
        adjusted = holm([_p_value(part) for part in parts]).tolist()
        found = [
            (part, p) for part, p in zip(parts, adjusted, strict=True) if p < 1 - _level(summary)
        ]
        if not found:
            continue
        # The deepest fall first: it is what is told.
        found.sort(key=lambda each: each[0].value - each[0].rest)
        worst = found[0][0]
        same = [part.cell for part, _ in found if part.name == worst.name]
        names = {part.name for part, _ in found}
        yield Flag(
            code="hidden_failure",
            severity="yellow",
            cell=same[0] if len({part.cell for part, _ in found}) == 1 else None,
            message=f"{in_facet(summary, facet)}{named(summary, [worst.cell])} passes "
            f"{percent(worst.value)} of {n_of(worst.n, 'case')} with {_name(worst)}, "
            f"{percent(worst.rest)} of all others"
            + _more(n_cells=len(set(same)) - 1, n_slices=len(names) - 1),
            evidence={
                "facet": facet,
                "slices": [_evidence(part, p) for part, p in found[:_MOST]],
                "n_slices": len(found),
            },
            remedy="read the failures of that slice, and route it elsewhere or fix its prompt; "
            "decide by slice where they differ",
        )


RULES: tuple[Rule, ...] = (hidden_failure,)


class _Part(NamedTuple):
    """A slice of a cell beside the rest of it."""

    cell: int
    name: tuple[str, str]
    value: float
    n: int
    rest: float
    n_rest: int
    weight: float
    """Independent cases that one case is worth; less than 1 where cases depend on each other."""


def _parts(cell: Cell) -> Iterator[_Part]:
    quality = cell["quality"]
    if quality["method"].startswith(_F1):
        return  # The F1 of a part and of the whole do not tell that of the rest.
    weight = _weight(quality)
    for field, values in cell["slices"].items():
        for value, part in values.items():
            n, n_rest = part["n"], quality["n"] - part["n"]
            if part["value"] is None or n < _FEWEST or n_rest < _FEWEST:
                continue
            passed = quality["value"] * quality["n"] - part["value"] * n
            rest = min(max(passed / n_rest, 0.0), 1.0)
            yield _Part(cell["id"], (field, value), part["value"], n, rest, n_rest, weight)


def _weight(quality: Mapping[str, Any]) -> float:
    """How much narrower the interval of independent cases would be, squared; at most 1."""
    value, low, high, n = (quality[name] for name in ("value", "low", "high", "n"))
    if "clustered" not in quality["method"] or low is None or not 0 < value < 1:
        return 1.0
    independent = 2 * 1.96 * (value * (1 - value) / n) ** 0.5
    return float(min(1.0, (independent / max(high - low, 1e-9)) ** 2))


def _p_value(part: _Part) -> float:
    """Of the slice being as good as the rest; 1 where the fall is too small to matter."""
    if part.rest - part.value < _GAP:
        return 1.0
    n, n_rest = (max(1, round(part.weight * each)) for each in (part.n, part.n_rest))
    return fisher_exact(round(part.value * n), n, round(part.rest * n_rest), n_rest)


def _level(summary: Summary) -> float:
    return float(summary["run"].get("confidence", 1 - SIGNIFICANT))


def _name(part: _Part) -> str:
    field, value = part.name
    return f"{field} = {value}"


def _more(*, n_cells: int, n_slices: int) -> str:
    said: Sequence[str] = [
        *([n_of(n_cells, "other candidate")] if n_cells else []),
        *([n_of(n_slices, "other slice")] if n_slices else []),
    ]
    return f"; likewise {' and '.join(said)}" if said else ""


def _evidence(part: _Part, p: float) -> dict[str, Any]:
    field, value = part.name
    return {
        "cell": part.cell,
        "field": field,
        "value": value,
        "quality": part.value,
        "n": part.n,
        "rest": part.rest,
        "p_adjusted": p,
    }
