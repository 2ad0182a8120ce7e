"""Whether the categories of production come as often as in the test set."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evalrunner.stats import mix_drift, thin_share

_FEW_CASES = 5
ENOUGH = 30
"""Calls and cases below which no difference says little."""

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Mixes:
    """Categories of both sides; those without one are counted apart."""

    cases: Mapping[str, int]
    calls: Mapping[str, int]
    masses: Mapping[str, float]
    """Production calls that the logged ones stand for."""
    effective_n: float
    """Equally weighted calls that would tell as much about the shares."""
    n_cases_without: int
    n_calls_without: int

    @classmethod
    def of(
        cls,
        cases: Sequence[str | None],
        calls: Sequence[str | None],
        weights: Sequence[float],
    ) -> Mixes:
        """From the category of each case, and of each call with its weight."""
        known = [(name, w) for name, w in zip(calls, weights, strict=True) if name is not None]
        masses: dict[str, float] = defaultdict(float)
        squares: dict[str, float] = defaultdict(float)
        for name, weight in known:
            masses[name] += weight
            squares[name] += weight**2
        return cls(
            cases=Counter(name for name in cases if name is not None),
            calls=Counter(name for name, _ in known),
            masses=dict(masses),
            effective_n=_effective_n(list(masses.values()), list(squares.values()), len(known)),
            n_cases_without=sum(name is None for name in cases),
            n_calls_without=sum(name is None for name in calls),
        )

    @property
    def shares(self) -> dict[str, float]:
        """Of production, the largest first."""
        total = sum(self.masses.values())
        ordered = sorted(self.masses.items(), key=lambda item: (-item[1], item[0]))
        return {name: mass / total for name, mass in ordered}

    @property
    def to_paste(self) -> dict[str, float]:
        """As `production.mix` takes it: counts, or shares where calls have unequal weights."""
        is_equal = len({self.masses[name] / n for name, n in self.calls.items()}) <= 1
        if is_equal:
            return {name: self.calls[name] for name in self.shares}
        return {name: round(share, 6) for name, share in self.shares.items()}


def mix_facts(mixes: Mixes, *, rng: np.random.Generator) -> dict[str, Any] | None:
    """Test, distances and categories; None where one side has no category."""
    if not mixes.cases or not mixes.masses:
        return None
    shares = mixes.shares
    names = [*shares, *sorted(mixes.cases.keys() - shares.keys())]
    ours = np.array([mixes.cases.get(name, 0) for name in names], dtype=np.float64)
    theirs = np.array([shares.get(name, 0.0) for name in names])
    found = mix_drift(ours, theirs * mixes.effective_n, rng=rng)
    n = float(ours.sum())
    return {
        **asdict(found),
        "n_cases": round(n),
        "n_calls": sum(mixes.calls.values()),
        "n_cases_without": mixes.n_cases_without,
        "n_calls_without": mixes.n_calls_without,
        "effective_n": mixes.effective_n,
        "is_enough": min(n, mixes.effective_n) >= ENOUGH,
        "thin_share": thin_share(ours, theirs, least=_FEW_CASES),
        "few_cases": _FEW_CASES,
        "categories": [
            {
                "category": name,
                "n_cases": mixes.cases.get(name, 0),
                "test_set": mixes.cases.get(name, 0) / n,
                "n_calls": mixes.calls.get(name, 0),
                "production": shares.get(name, 0.0),
            }
            for name in names
        ],
    }


def _effective_n(masses: Sequence[float], squares: Sequence[float], n: int) -> float:
    """Sample size at which a test of equally weighted calls is right for these, on average.

    n, where all weigh alike. Source: Rao and Scott (1981), JASA 76(374), the first-order
    correction by the mean design effect of the shares.
    """
    mass, square = np.asarray(masses), np.asarray(squares)
    if mass.size < 2:  # noqa: PLR2004 - one category has no mix
        return float(mass.sum() ** 2 / square.sum()) if mass.size else 0.0
    shares = mass / mass.sum()
    variance = (square * (1 - shares) ** 2 + (square.sum() - square) * shares**2) / mass.sum() ** 2
    effects = n * variance / (shares * (1 - shares))
    # Rounded: equal weights give n itself.
    return round(float(n * (mass.size - 1) / ((1 - shares) * effects).sum()), 6)
