"""Whether the test set has the mix of categories that it should have."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evalrunner.config.mixes import is_counts
from evalrunner.stats import (
    ChiSquare,
    goodness_of_fit,
    homogeneity,
    population_stability,
    thin_share,
    total_variation,
)
from evalrunner.types import Json

LEVEL = 0.01
"""Of the test that a mismatch must pass: most test sets are checked again and again."""
MATTERS = 0.05
"""Share of the cases in the wrong category below which a mismatch changes nothing."""
_LEAST = 5
_RESAMPLES = 2000
_MOST_SHOWN = 20
_ROUNDING = 1e-9
_MOST_DEALT = 1e8
_FLOOR = 1e-4
"""Share of a category that the mix lacks: a case of it is unlikely, not impossible."""

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class MixFit:
    """How the mix of a test set fits the one it should have."""

    n: int
    """Cases of the test set with a category."""
    n_mix: int | None
    """What the other mix was counted on; None where only its shares are known."""
    test: ChiSquare
    """Of both being drawn from one mix; with shares alone, of the test set being drawn from it."""
    p_value: float
    """The same by simulation, which holds however rare the categories are."""
    psi: float
    psi_without_drift: float
    psi_p_value: float
    """Simulated: share of samples as large as these, from one mix, whose PSI is as large."""
    total_variation: float
    """Share of the cases that would have to change their category."""
    thin_share: float
    """Share of the mix in categories with fewer than 5 cases."""
    missing: Mapping[str, float]
    """Categories of the mix without any case, with their share."""
    unexpected: Mapping[str, int]
    """Categories of the test set that the mix has not, with their cases."""
    largest: Mapping[str, tuple[float, float]]
    """Categories whose shares are farthest apart: in the test set, in the mix."""

    @property
    def is_mismatch(self) -> bool:
        """Whether the mixes differ by more than chance, and by more than nothing."""
        return self.p_value < LEVEL and self.total_variation >= MATTERS

    def to_json(self) -> dict[str, Json]:
        """As JSON; long lists are cut."""
        cut = {
            name: dict(list(getattr(self, name).items())[:_MOST_SHOWN])
            for name in ("missing", "unexpected", "largest")
        }
        return (
            {name: getattr(self, name) for name in self.__slots__ if name not in {*cut, "test"}}
            | {"test": asdict(self.test), "is_mismatch": self.is_mismatch}
            | {"n_missing": len(self.missing), "n_unexpected": len(self.unexpected)}
            | cut
        )


def mix_fit(counts: Mapping[str, int], mix: Mapping[str, float], *, seed: int = 0) -> MixFit | None:
    """The mix of a test set against counts (a log's) or shares; None when one of them is empty.

    With few cases and many categories every distance is far from 0 without any drift: the verdict
    rests on the chi-square statistic when the cases of both are dealt anew, 2,000 times. Sources:
    Fisher (1935), The Design of Experiments, on such a test; Hope (1968), JRSS B 30(3), on taking
    some of all deals.
    """
    names = sorted({*counts, *(name for name, value in mix.items() if value > 0)})
    ours = np.array([counts.get(name, 0) for name in names], dtype=np.float64)
    theirs = np.array([max(0.0, mix.get(name, 0)) for name in names], dtype=np.float64)
    if not ours.sum() or not theirs.sum():
        return None
    is_sample, shares = is_counts(mix), theirs / theirs.sum()
    rng = np.random.default_rng([seed, len(names)])
    null = (_of_pairs if is_sample else _of_draws)(ours, theirs, rng)
    apart = sorted(
        zip(names, (ours / ours.sum()).tolist(), shares.tolist(), strict=True),
        key=lambda each: (-abs(each[1] - each[2]), each[0]),
    )
    lacking = sorted(
        ((name, share) for name, own, share in apart if not own), key=lambda each: -each[1]
    )
    return MixFit(
        n=int(ours.sum()),
        n_mix=int(theirs.sum()) if is_sample else None,
        test=_test(ours, theirs, is_sample=is_sample),
        p_value=null.p_value,
        psi=float(population_stability(ours, theirs)),
        psi_without_drift=null.psi,
        psi_p_value=null.psi_p_value,
        total_variation=total_variation(ours, theirs),
        thin_share=thin_share(ours, theirs, least=_LEAST),
        missing=dict(lacking),
        unexpected={name: counts[name] for name, _, share in apart if not share},
        largest={name: (own, share) for name, own, share in apart[:5] if own != share},
    )


def _of_pairs(ours: Floats, theirs: Floats, rng: np.random.Generator) -> _Null:
    """Both rows being drawn from one mix: the cases of both, dealt anew as often as wanted."""
    # More calls than that make nothing surer, and numpy deals no more.
    both = np.rint(ours + theirs * min(1.0, _MOST_DEALT / theirs.sum())).astype(np.int64)
    drawn = rng.multivariate_hypergeometric(
        both, round(ours.sum()), size=_RESAMPLES, method="marginals"
    )
    rows = np.vstack([ours, drawn]).astype(np.float64)
    others = np.vstack([theirs, both - drawn]).astype(np.float64)
    apart = (_shares(rows) - _shares(others)) ** 2 / np.maximum(_shares(both[None]), _FLOOR**2)
    return _Null.of(apart.sum(axis=1), population_stability(rows, others))


def _of_draws(ours: Floats, theirs: Floats, rng: np.random.Generator) -> _Null:
    """The test set being drawn from a mix that is known."""
    mix = np.maximum(theirs / theirs.sum(), _FLOOR)
    mix /= mix.sum()
    drawn = rng.multinomial(round(ours.sum()), mix, size=_RESAMPLES)
    rows = np.vstack([ours, drawn]).astype(np.float64)
    apart = (_shares(rows) - mix) ** 2 / mix
    return _Null.of(apart.sum(axis=1), population_stability(rows, theirs))


def _shares(rows: NDArray[Any]) -> Floats:
    shares: Floats = rows / rows.sum(axis=1, keepdims=True)
    return shares


def _tail(values: Floats) -> float:
    """Share of the draws that are as far out as what was found, which is the first."""
    return float((values >= values[0] * (1 - _ROUNDING)).mean())


@dataclass(frozen=True, slots=True)
class _Null:
    """What chance alone does to chi-square and PSI."""

    p_value: float
    psi: float
    psi_p_value: float

    @classmethod
    def of(cls, apart: Floats, psi: Floats) -> _Null:
        """From both, of what was found and then of each draw."""
        return cls(_tail(apart), float(psi[1:].mean()), _tail(psi))


def _test(ours: Floats, theirs: Floats, *, is_sample: bool) -> ChiSquare:
    if is_sample:
        return homogeneity(ours, theirs)
    known = np.maximum(theirs / theirs.sum(), _FLOOR)
    return goodness_of_fit(ours, known / known.sum())
