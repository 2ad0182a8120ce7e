"""The scores of a run at the mix of categories that production has."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evalrunner.config import Experiment
from evalrunner.config.mixes import is_counts
from evalrunner.health import mix_fit, shown_value, value_counts
from evalrunner.stats import PostStratified, post_stratified
from evalrunner.summary import FacetResult
from evalrunner.types import Case, Estimate, Json

_NONE = ""
"""Category of cases without one: no mix names it, so that they count for nothing."""


def production_json(
    settings: Experiment,
    test_sets: Sequence[tuple[str, Sequence[Case], Sequence[FacetResult]]],
) -> dict[str, Any] | None:
    """`production` of the summary; None where the configuration tells no mix.

    A test set is its name, its cases and the facets that it is the test set of.
    """
    by, mix = settings.production.by, settings.production.mix
    if by is None:
        return None
    fits = [
        {"dataset": name, "facets": [facet.facet for facet in facets], **fit.to_json()}
        for name, cases, facets in test_sets
        if (fit := mix_fit(value_counts(cases, by), mix)) is not None
    ]
    made = [
        _Reweighting.of(facet, cases, by=by, mix=mix)
        for _, cases, facets in test_sets
        for facet in facets
    ]
    return {
        "by": by,
        "mix": mix,
        "source": "counts" if is_counts(mix) else "shares",
        "margin": settings.run.margin,
        "fit": fits,
        "reweighted": [entry for each in made for entry in each.cells()],
        "reversals": [entry for each in made for entry in each.reversals()],
    }


@dataclass(frozen=True, slots=True)
class _Reweighting:
    facet: FacetResult
    labels: NDArray[np.str_]
    """Category of each case."""
    mix: Mapping[str, float]

    @classmethod
    def of(
        cls, facet: FacetResult, cases: Sequence[Case], *, by: str, mix: Mapping[str, float]
    ) -> _Reweighting:
        return cls(
            facet, np.array([shown_value(case.fields.get(by)) or _NONE for case in cases]), mix
        )

    def cells(self) -> Iterator[dict[str, Json]]:
        """An entry a cell; without an estimate for an F1, which has no value by case."""
        for place, cell in enumerate(self.facet.ids):
            found = self._at_mix(self.facet.quality[place], mix=self.mix)
            yield {
                "facet": self.facet.facet,
                "cell": cell,
                "raw": self.facet.results[place].summary["quality"]["value"],
                "reweighted": asdict(_bounded(found)),
                "n_eff": found.effective_n,
                "uncovered": self._shares(found.missing),
            }

    def reversals(self) -> Iterator[dict[str, Json]]:
        """Pairs of cells of which another one leads at the mix, as far as it is covered.

        The interval is that of the difference on the cases of both, None where they share none.
        """
        quality = self.facet.quality
        has_case = ~np.isnan(quality)
        for a, b in itertools.combinations(range(len(self.facet.ids)), 2):
            mix = {
                name: share
                for name, share in self.mix.items()
                if all(has_case[place][self.labels == name].any() for place in (a, b))
            }
            one, other = (self._at_mix(quality[place], mix=mix).estimate for place in (a, b))
            if one.value is None or other.value is None:
                continue
            raw = float(np.nanmean(quality[a]) - np.nanmean(quality[b]))
            if raw * (one.value - other.value) < 0:
                common = self._at_mix(quality[a] - quality[b], mix=mix, bounds=(-1, 1)).estimate
                value = one.value - other.value if common.value is None else common.value
                yield {
                    "facet": self.facet.facet,
                    "a": self.facet.ids[a],
                    "b": self.facet.ids[b],
                    "raw": raw,
                    "reweighted": asdict(common) | {"value": value},
                    "uncovered": self._shares(self.mix.keys() - mix.keys()),
                }

    def _at_mix(
        self,
        values: NDArray[np.float64],
        *,
        mix: Mapping[str, float],
        bounds: tuple[float, float] = (0, 1),
    ) -> PostStratified:
        known = ~np.isnan(values)
        clusters = self.facet.cases.clusters
        return post_stratified(
            values[known],
            self.labels[known].tolist(),
            mix,
            clusters=None if clusters is None else clusters[known],
            bounds=bounds,
            level=self.facet.options.confidence,
        )

    def _shares(self, names: Sequence[str] | set[str]) -> dict[str, Json]:
        total = sum(self.mix.values())
        return {name: self.mix[name] / total for name in sorted(names) if self.mix[name]}


def _bounded(found: PostStratified) -> Estimate:
    """Where a category has no case: what the score can be at least and at most."""
    if found.estimate.value is not None or not found.estimate.n:
        return found.estimate
    return Estimate(value=None, low=found.low, high=found.high, n=found.estimate.n, method="bounds")
