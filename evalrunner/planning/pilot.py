"""How far two cells lay apart on a case in this project's own earlier runs.

Read while a plan is made, so it is cheap and never fails: the summaries of the newest runs only,
and whatever cannot be read is passed over.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import NormalDist, fmean
from typing import Any, TypeAlias

from evalrunner.planning.history import newest_runs
from evalrunner.types import Json

_FEWEST_CASES = 30
"""Of fewer a share of cases is hardly known."""
_MOST_BYTES = 8_000_000
"""Of summaries that are read; those of other data sets are not parsed."""

Measured: TypeAlias = tuple[str, str]
"""A data set's choice name, and what stands for quality."""
Candidate: TypeAlias = tuple[Json, Json]
"""A model's and a prompt's choice name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """How far the scores of two cells lie apart on a case."""

    variance: float
    """Of their difference, each asked once. Of right and wrong: the share of cases that one alone
    gets right."""
    noise: float | None = None
    """The part of it that is another one when both are asked again; None = unknown."""
    is_binary: bool = True
    """Whether the scores are right or wrong."""
    origin: str | None = None
    """The run that it was seen in; None = assumed."""
    n: int | None = None
    """Cases that it was seen on."""
    best: float | None = None
    """Highest quality of a cell there."""
    is_clustered: bool = False
    """Whether it counts that cases depend on each other."""


def read_spreads(
    outputs: Path, wanted: Mapping[Measured, Collection[Candidate]]
) -> dict[Measured, Spread]:
    """What the newest runs under `outputs` that compared cells say.

    Pairs of the wanted candidates count, where there are none, all pairs.
    """
    found: dict[Measured, Spread] = {}
    left = _MOST_BYTES
    for directory in newest_runs(outputs):
        missing = wanted.keys() - found.keys()
        if not missing:
            break
        path = directory / "summary.json"
        try:
            left -= path.stat().st_size
            if left < 0:
                break
            text = path.read_bytes()
            named = sorted(key for key in missing if all(_quoted(name) in text for name in key))
            summary = json.loads(text) if named else None
            for key in named:
                spread = _spread(summary, key, wanted[key], origin=_name(directory))
                if spread is not None:
                    found[key] = spread
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            continue
    return found


def _quoted(name: str) -> bytes:
    return json.dumps(name).encode()


def _name(directory: Path) -> str:
    return f"{directory.parent.name}/{directory.name}"


def _spread(
    summary: Any, measured: Measured, wanted: Collection[Candidate], *, origin: str
) -> Spread | None:
    """Of the pairs that were measured in this way; None without any."""
    cells = {
        cell["id"]: cell
        for cell in summary["cells"]
        if (cell["axes"]["dataset"], cell["quality_name"]) == measured
        and cell["role"] == "candidate"
    }
    pairs = [
        pair
        for entry in summary["comparisons"]
        if entry["a"] in cells and entry["b"] in cells and entry["n_paired"] >= _FEWEST_CASES
        if (pair := _Pair.of(entry, cells[entry["a"]], cells[entry["b"]])) is not None
    ]
    pairs = [pair for pair in pairs if pair.candidates <= set(wanted)] or pairs
    if not pairs:
        return None
    noises = [pair.noise for pair in pairs if pair.noise is not None]
    best = [quality for pair in pairs for quality in pair.qualities]
    return Spread(
        variance=fmean(pair.variance for pair in pairs),
        noise=fmean(noises) if len(noises) == len(pairs) else None,
        is_binary=all(pair.is_binary for pair in pairs),
        origin=origin,
        n=max(pair.n for pair in pairs),
        best=max(best, default=None),
        is_clustered=any(pair.is_clustered for pair in pairs),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Pair:
    variance: float
    noise: float | None
    is_binary: bool
    is_clustered: bool
    n: int
    candidates: frozenset[Candidate]
    qualities: tuple[float, ...]

    @classmethod
    def of(
        cls, entry: Mapping[str, Any], a: Mapping[str, Any], b: Mapping[str, Any]
    ) -> _Pair | None:
        """None where the spread cannot be seen."""
        known = _observed(entry)
        if known is None:
            return None
        repeats, noise = _noise(a, b)
        more = 0.0 if noise is None else noise - noise / repeats
        values = [cell["quality"]["value"] for cell in (a, b)]
        return cls(
            # What several repeats averaged out is seen by those who ask once.
            variance=known + more,
            noise=noise,
            is_binary=_is_binary(entry, a, b),
            is_clustered=entry["n_clusters"] < entry["n_paired"],
            n=entry["n_paired"],
            candidates=frozenset((c["axes"]["model"], c["axes"]["prompt"]) for c in (a, b)),
            qualities=tuple(value for value in values if value is not None),
        )


def _observed(entry: Mapping[str, Any]) -> float | None:
    """Variance of the difference of two scores of a case, as they were averaged over repeats."""
    n = entry["n_paired"]
    if entry["method"].startswith("McNemar"):
        # As if one of two more cases differed: none of 120 is not never.
        return float((entry["wins"] + entry["losses"] + 1) / (n + 2))
    value, low, high = (entry["difference"][key] for key in ("value", "low", "high"))
    if low is None or high is None:
        return None
    # One side may be cut at the range.
    half = max(value - low, high - value)
    error = half / NormalDist().inv_cdf((1 + entry["confidence"]) / 2)
    return float(n * error**2) or None


def _noise(a: Mapping[str, Any], b: Mapping[str, Any]) -> tuple[int, float | None]:
    """Repeats, and the variance of one repeat of both cells together."""
    found = [
        each for cell in (a, b) if (each := cell.get("repeats")) and each["within"] is not None
    ]
    if len(found) < len((a, b)):
        return 1, None
    return min(each["k"] for each in found), sum(each["within"] for each in found)


def _is_binary(entry: Mapping[str, Any], a: Mapping[str, Any], b: Mapping[str, Any]) -> bool:
    if entry["method"].startswith("McNemar"):
        return True
    found = [cell.get("repeats") for cell in (a, b)]
    return all(repeats and repeats["pass_hat_k"] is not None for repeats in found)
