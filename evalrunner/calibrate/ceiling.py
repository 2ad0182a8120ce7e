"""How far people agree with each other: more agreement cannot be asked of a judge."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from evalrunner.stats import gwet_ac1, krippendorff_alpha, percent_agreement, two_raters

_TWO = 2


@dataclass(frozen=True, slots=True)
class Opinions:
    """What each rater said of one answer, of a criterion of it, or of one of a pair."""

    case: Hashable
    """Or what else it depends on."""
    values: Mapping[str, float]
    """By rater: 0 = fail, 1 = pass."""


def human_ceiling(
    said: Sequence[Opinions], *, rng: np.random.Generator, by: str = "case", level: float = 0.95
) -> dict[str, Any] | None:
    """Agreement among people, clustered by case; None where no two said anything of the same.

    To be held beside a judge's agreement with single raters: that with most of them is another.

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
    options: dict[str, Any] = {"clusters": clusters, "by": by, "level": level}
    kappa = two_raters(*matrix, rng=rng, **options)[0] if len(raters) == _TWO else None
    return {
        "percent": asdict(percent_agreement(matrix, **options)),
        "kappa": None if kappa is None else asdict(kappa),
        "ac1": asdict(gwet_ac1(matrix, rng=rng, n_categories=_TWO, **options)),
        "alpha": asdict(krippendorff_alpha(matrix, rng=rng, **options)),
        "n_raters": len(raters),
        "n": len(shared),
    }
