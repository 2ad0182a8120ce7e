"""The comparisons of a facet, as they stand in `summary.json`."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evalrunner.compare.f1 import F1Pair, f1_bounds
from evalrunner.compare.pairs import Pairing
from evalrunner.compare.raced import at_any_time
from evalrunner.compare.scores import Rows, Scores
from evalrunner.compare.verdict import Aim, Missing, judge, more_cases
from evalrunner.stats import PairedDifference, benjamini_hochberg, holm, paired_differences
from evalrunner.summary import ClassTable
from evalrunner.types import Json

Floats = NDArray[np.float64]

_EQUAL = 1e-12
"""Means of the same repeats in another order differ by less."""


def compare_cells(*compared: tuple[Scores, Pairing]) -> list[dict[str, Any]]:
    """An entry of `summary.json["comparisons"]` for each pair, and in it one for each slice.

    P-values are adjusted by Holm over all the pairs, by Benjamini and Hochberg over a pair's
    slices. An F1 is not compared by slice.
    """
    found = [_Comparing(scores, pairing) for scores, pairing in compared]
    wholes = [each.pairs("", None) for each in found]
    p_values = adjusted([pair.p_value for whole in wholes for pair in whole], holm)
    n_tested = sum(p_value is not None for p_value in p_values)
    raised = iter(p_values)
    return [
        entry
        for each, whole in zip(found, wholes, strict=True)
        for entry in each.entries([(pair, next(raised)) for pair in whole], n_tested=n_tested)
    ]


def flipped_cases(scores: Scores, pairing: Pairing) -> Iterator[dict[str, Json]]:
    """A row of `flips.jsonl` for each pair and case that the two score differently."""
    for a, b in pairing.pairs:
        differences = np.nan_to_num(scores.quality[a] - scores.quality[b])
        for row in np.flatnonzero(np.abs(differences) > _EQUAL).tolist():
            yield {
                "facet": scores.facet,
                "a": scores.cells[a],
                "b": scores.cells[b],
                "case_id": scores.cases[row],
                "value_a": float(scores.quality[a, row]),
                "value_b": float(scores.quality[b, row]),
            }


def adjusted(
    p_values: Sequence[float | None], by: Callable[[list[float]], Floats]
) -> list[float | None]:
    """P-values raised by `holm` or `benjamini_hochberg`; None stays None and does not count."""
    known = [p_value for p_value in p_values if p_value is not None]
    raised = iter(by(known).tolist())
    return [None if p_value is None else next(raised) for p_value in p_values]


@dataclass(frozen=True, slots=True)
class _Comparing:
    scores: Scores
    pairing: Pairing

    def pairs(self, name: str, rows: Rows | None) -> list[PairedDifference]:
        """Of each pair, over the cases in `rows`, default all."""
        # By name, so that another slice does not move the draws of this one.
        code = zlib.crc32(f"compare {name}".encode("utf-8", "surrogatepass"))
        rng = np.random.default_rng([self.scores.options.seed, self.scores.facet, code])
        kept = slice(None) if rows is None else rows
        clusters = None if self.scores.clusters is None else self.scores.clusters[kept]
        found = paired_differences(
            self.scores.quality[:, kept],
            self.pairing.pairs,
            rng=rng,
            clusters=clusters,
            by=self.scores.by,
            level=self.scores.options.confidence,
        )
        if self.scores.metric is None:
            return [
                self._raced(pair, each, kept) if self.scores.stopped(pair) else each
                for pair, each in zip(self.pairing.pairs, found, strict=True)
            ]
        return [
            self._f1(self.scores.metric, pair, each, rng=rng)
            for pair, each in zip(self.pairing.pairs, found, strict=True)
        ]

    def entries(
        self, found: Sequence[tuple[PairedDifference, float | None]], *, n_tested: int
    ) -> list[dict[str, Any]]:
        """Of each pair with its adjusted p-value, one of `n_tested`."""
        options, slices = self.scores.options, self._slices()
        entries = []
        for place, (each, p_value) in enumerate(found):
            a, b = self.pairing.pairs[place]
            said = self._said(each, p_value, self._missing((a, b)))
            more = more_cases(
                each,
                n_comparisons=n_tested,
                confidence=options.confidence,
                margin=options.margin,
            )
            entries.append(
                {
                    "facet": self.scores.facet,
                    "a": self.scores.cells[a],
                    "b": self.scores.cells[b],
                    **said,
                    **_more(said, more),
                    "method": each.test,
                    "n_clusters": each.n_clusters,
                    "few_clusters": each.few_clusters,
                    "selected": self.pairing.selected,
                    "margin": options.margin,
                    "confidence": options.confidence,
                    "slices": self._sliced(place, slices),
                }
            )
        return entries

    def _slices(self) -> dict[tuple[str, str], tuple[list[PairedDifference], Rows]]:
        """Field and value to what each pair is on these cases."""
        return {
            (field, value): (self.pairs(f"{field}={value}", rows), rows)
            for field, values in self.scores.slices.items()
            for value, rows in values.items()
            if self.scores.metric is None
        }

    def _sliced(
        self, place: int, found: Mapping[tuple[str, str], tuple[list[PairedDifference], Rows]]
    ) -> dict[str, dict[str, Any]]:
        """Field, then value, to what is said of one pair on these cases."""
        p_values = adjusted([each[place].p_value for each, _ in found.values()], benjamini_hochberg)
        slices: dict[str, dict[str, Any]] = {field: {} for field, _ in found}
        for ((field, value), (each, rows)), p_value in zip(found.items(), p_values, strict=True):
            missing = self._missing_scores(self.pairing.pairs[place], rows)
            slices[field][value] = self._said(each[place], p_value, missing)
        return slices

    def _said(
        self,
        found: PairedDifference,
        p_adjusted: float | None,
        missing: Missing,
    ) -> dict[str, Any]:
        judged = judge(
            found.difference,
            p_adjusted,
            missing,
            confidence=self.scores.options.confidence,
            margin=self.scores.options.margin,
        )
        return {
            "difference": asdict(found.difference),
            "p": found.p_value,
            "p_adjusted": p_adjusted,
            "n_paired": found.difference.n,
            "wins": found.wins,
            "ties": found.ties,
            "losses": found.losses,
            **asdict(judged),
            "missing": asdict(missing),
        }

    def _missing(self, pair: tuple[int, int]) -> Missing:
        missing = self._missing_scores(pair, slice(None))
        if self.scores.metric is None:
            return missing
        bounds = f1_bounds(*self._tables(pair), self.scores.metric)
        low, high = (None, None) if bounds is None else bounds
        return replace(missing, low=low, high=high)

    def _missing_scores(self, pair: tuple[int, int], rows: Rows | slice) -> Missing:
        """Of the cases in `rows` that racing has left out of neither."""
        cells = list(pair)
        asked = ~self.scores.left_out[cells][:, rows].any(axis=0)
        a, b = self.scores.quality[cells][:, rows][:, asked]
        return Missing.of(a, b)

    def _raced(
        self, pair: tuple[int, int], found: PairedDifference, rows: Rows | slice
    ) -> PairedDifference:
        a, b = pair
        clusters = self.scores.clusters
        return at_any_time(
            found,
            (self.scores.quality[a] - self.scores.quality[b])[rows],
            clusters=None if clusters is None else clusters[rows],
            level=self.scores.options.confidence,
        )

    def _f1(
        self,
        metric: str,
        pair: tuple[int, int],
        found: PairedDifference,
        *,
        rng: np.random.Generator,
    ) -> PairedDifference:
        """`found`, which is of the share of right answers, with the difference of the F1s."""
        both = F1Pair.of(*self._tables(pair), metric=metric, clusters=self.scores.clusters)
        if not both.n:
            return found
        by = self.scores.by
        level = self.scores.options.confidence
        return replace(
            found,
            difference=both.interval(rng=rng, by=by, level=level),
            p_value=both.p_value(rng=rng),
            test="swapped answers" + ("" if both.clusters is None else f", clustered by {by}"),
        )

    def _tables(self, pair: tuple[int, int]) -> tuple[ClassTable, ClassTable]:
        return self.scores.classes[pair[0]], self.scores.classes[pair[1]]


def _more(said: Mapping[str, Any], more: tuple[int, Aim] | None) -> dict[str, Any]:
    is_wanted = said["conclusion"] == "cannot_tell" and said["because"] is None
    n, shows = more if more is not None and is_wanted else (None, None)
    return {"n_more": n, "more_show": shows}
