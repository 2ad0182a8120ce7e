"""How far people agree with each other: more agreement cannot be asked of a judge."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from evalrunner.stats import (
    cohen_kappa,
    gwet_ac1,
    krippendorff_alpha,
    percent_agreement,
    two_raters,
)
from evalrunner.types import Estimate

_TWO = 2


@dataclass(frozen=True, slots=True)
class Opinions:
    """What each rater said of one answer, of a criterion of it, or of a pair of answers."""

    case: Hashable
    values: Mapping[str, float]
    """By rater: 0 = fail, 1 = pass; of a pair 0.5 = tie."""


def human_ceiling(
    said: Sequence[Opinions], *, rng: np.random.Generator, level: float = 0.95
) -> dict[str, Any] | None:
    """Agreement among people, clustered by case; None where no two said anything of the same.

    Kappa only where exactly two raters did.
    """
    shared = [each for each in said if len(each.values) >= _TWO]
    if not shared:
        return None
    raters = sorted({rater for each in shared for rater in each.values})
    matrix = np.array([[each.values.get(rater, np.nan) for each in shared] for rater in raters])
    places: dict[Hashable, int] = {}
    codes = np.array([places.setdefault(each.case, len(places)) for each in shared])
    clusters = None if len(places) == codes.size else codes
    options: dict[str, Any] = {"clusters": clusters, "by": "case", "level": level}
    kappa = _kappa(matrix, rng=rng, **options) if len(raters) == _TWO else None
    return {
        "percent": asdict(percent_agreement(matrix, **options)),
        "kappa": None if kappa is None else asdict(kappa),
        "ac1": asdict(gwet_ac1(matrix, rng=rng, n_categories=_categories(matrix), **options)),
        "alpha": asdict(krippendorff_alpha(matrix, rng=rng, **options)),
        "n_raters": len(raters),
        "n": len(shared),
    }


def _kappa(matrix: Any, *, rng: np.random.Generator, level: float, **clusters: Any) -> Estimate:
    values = np.unique(matrix)
    if np.isin(values, (0, 1)).all():
        return two_raters(matrix[0], matrix[1], rng=rng, level=level, **clusters)[0]
    places = np.searchsorted(values, matrix)
    table = np.zeros((values.size, values.size))
    np.add.at(table, (places[0], places[1]), 1)
    return cohen_kappa(table, level=level)


def _categories(matrix: Any) -> int:
    """Pass and fail can always be said, a tie only where there are pairs."""
    known = np.unique(matrix[~np.isnan(matrix)])
    return max(_TWO, int(known.size))
