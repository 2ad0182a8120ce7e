"""The differences figure: every comparison of two cells with its interval, margin and conclusion.

Against a baseline (or the best of many) a row says how its cell differs from that one; where all
are compared with all, the better of the two comes first in every row.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from evalrunner import formatting
from evalrunner.plots.captions import quality_caption, subtitle, title
from evalrunner.plots.colors import COLORS
from evalrunner.plots.files import write_csv
from evalrunner.plots.page import Entry, Page
from evalrunner.plots.panel import TIE_WIDTH
from evalrunner.plots.points import FRONTIER, UNDECIDED, facet_titles, read_estimate
from evalrunner.plots.strips import Block, Chart, Mark, Row, Strip, strips_figure
from evalrunner.plots.style import TIE_COLOR, shortened, shown_names
from evalrunner.types import Estimate

MOST_PAIRS = 40
_HEADER = (
    "facet,a,b,label_a,label_b,difference,difference_low,difference_high,n,p,p_adjusted,wins,ties,"
    "losses,conclusion,reverse,margin"
)
_NAME, _NAME_OF_TWO, _TITLE = 36, 26, 90
_WITHIN = "within"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Look:
    words: str
    marker: str
    color: str
    hollow: bool = False


_LOOKS = {
    "better": _Look(words="better", marker=">", color=COLORS["palette-3"]),
    "worse": _Look(words="worse", marker="<", color=COLORS["palette-2"]),
    _WITHIN: _Look(words="within the margin", marker="D", color=COLORS["palette-1"]),
    "not_worse": _Look(words="not worse", marker="s", color=COLORS["palette-1"]),
    "cannot_tell": _Look(words="cannot tell", marker="o", color=COLORS["muted"], hollow=True),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """A comparison as it is drawn: of `a` against `b`."""

    facet: int
    a: int
    b: int
    difference: Estimate
    conclusion: str
    reverse: str
    margin: float

    @property
    def turned(self) -> Pair:
        """The same from the other side."""
        low, value, high = (
            None if end is None else -end
            for end in (self.difference.high, self.difference.value, self.difference.low)
        )
        return replace(
            self,
            a=self.b,
            b=self.a,
            difference=replace(self.difference, low=low, value=value, high=high),
            conclusion=self.reverse,
            reverse=self.conclusion,
        )

    @property
    def size(self) -> float:
        """How much better the first is."""
        return self.difference.value or 0.0

    @property
    def said(self) -> str:
        """The conclusion; that neither is worse is more than that one is not."""
        both = self.conclusion == self.reverse == "not_worse"
        return _WITHIN if both else self.conclusion

    @property
    def is_adjusted_away(self) -> bool:
        """The interval alone would have told them apart."""
        low, high = self.difference.low, self.difference.high
        is_clear = low is not None and high is not None and low * high > 0
        return is_clear and self.conclusion not in {"better", "worse"}


def has_differences(summary: Mapping[str, Any]) -> bool:
    """Whether there is a difference to draw."""
    return bool(_drawable(summary))


def differences_figure(summary: Mapping[str, Any]) -> Figure:
    """The figure; needs a comparison whose difference is known."""
    pairs = relevant_pairs(summary)
    margin = pairs[0].margin
    page = Page(
        title=title(summary, "Paired differences"),
        subtitle=subtitle(summary, quality_caption(summary), "right of the line is better"),
        legend=list(_legend(pairs)),
        notes=list(_notes(summary, pairs)),
    )
    strip = Strip(
        title="difference in points",
        show=lambda value: f"{100 * value + 0.0:g}",
        least_span=0.04,
        bounds=(-1.0, 1.0),
        reference=0.0,
        margin=margin,
    )
    return strips_figure(
        Chart(
            page=page,
            strips=[strip],
            blocks=list(_blocks(summary, pairs)),
            columns=["difference", "n", "conclusion"],
        )
    )


def write_differences_csv(summary: Mapping[str, Any], path: Path) -> None:
    """Every comparison as the summary has it, those left out of the figure included."""
    labels = {cell["id"]: cell["label"] for cell in summary["cells"]}
    rows = []
    for one in _comparisons(summary):
        difference = read_estimate(one["difference"])
        sides = (labels.get(one["a"], ""), labels.get(one["b"], ""))
        ends = (difference.value, difference.low, difference.high, one["n_paired"])
        counts = (one["p"], one["p_adjusted"], one["wins"], one["ties"], one["losses"])
        said = (one["conclusion"], one["reverse"], one["margin"])
        rows.append((one["facet"], one["a"], one["b"], *sides, *ends, *counts, *said))
    write_csv(path, [_HEADER.split(","), *rows])


def relevant_pairs(summary: Mapping[str, Any]) -> list[Pair]:
    """What is drawn, by facet, the largest difference first.

    Of too many, of each facet as many as of any other: those of cells that are recommended, then of
    those on the frontier, then of the best.
    """
    weights = _weights(summary)
    ranked: list[tuple[int, Pair]] = []
    for pairs in _by_facet(_drawable(summary)).values():
        order = sorted(pairs, key=lambda pair: _relevance(pair, weights), reverse=True)
        ranked += enumerate(_oriented(order))
    kept = [pair for _, pair in sorted(ranked, key=lambda one: (one[0], one[1].facet))]
    return sorted(kept[:MOST_PAIRS], key=lambda pair: (pair.facet, -pair.size, pair.a, pair.b))


def _comparisons(summary: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    return summary.get("comparisons") or ()


def _drawable(summary: Mapping[str, Any]) -> list[Pair]:
    """Pairs whose difference is known."""
    pairs = [
        Pair(
            facet=one["facet"],
            a=one["a"],
            b=one["b"],
            difference=replace(read_estimate(one["difference"]), n=one["n_paired"]),
            conclusion=one["conclusion"],
            reverse=one["reverse"],
            margin=one["margin"],
        )
        for one in _comparisons(summary)
    ]
    return [pair for pair in pairs if pair.difference.value is not None]


def _by_facet(pairs: Sequence[Pair]) -> dict[int, list[Pair]]:
    found: dict[int, list[Pair]] = {}
    for pair in sorted(pairs, key=lambda pair: (pair.facet, pair.a, pair.b)):
        found.setdefault(pair.facet, []).append(pair)
    return found


def _oriented(pairs: Sequence[Pair]) -> list[Pair]:
    """As they are when all have the same second cell; else with the better one first."""
    if len({pair.b for pair in pairs}) == 1:
        return list(pairs)
    return [pair.turned if pair.size < 0 else pair for pair in pairs]


def _weights(summary: Mapping[str, Any]) -> dict[int, tuple[int, float]]:
    """Cell id to how much it matters, and its quality."""
    chosen = {entry["cell"] for entry in summary.get("recommendations") or ()}
    return {
        cell["id"]: (
            2 * (cell["id"] in chosen)
            + ((cell.get("pareto") or {}).get("status") in {FRONTIER, UNDECIDED}),
            read_estimate(cell.get("quality")).value or 0.0,
        )
        for cell in summary["cells"]
    }


def _relevance(pair: Pair, weights: Mapping[int, tuple[int, float]]) -> tuple[float, float]:
    a, b = (weights.get(cell, (0, 0.0)) for cell in (pair.a, pair.b))
    return a[0] + b[0], min(a[1], b[1])


def _blocks(summary: Mapping[str, Any], pairs: Sequence[Pair]) -> Iterator[Block]:
    """A block a facet; its title names the cell that all others are compared with."""
    labels = {cell["id"]: cell["label"] for cell in summary["cells"]}
    names, short = (shown_names(labels, limit=limit) for limit in (_NAME, _NAME_OF_TWO))
    titles = facet_titles(sorted(summary["cells"], key=lambda cell: (cell["facet"], cell["id"])))
    references = {
        facet: {pair.b for pair in found} for facet, found in _by_facet(_drawable(summary)).items()
    }
    for facet, found in _grouped(pairs):
        is_shared = len(references[facet]) == 1
        parts = [titles.get(facet, ""), f"against {names[found[0].b]}" if is_shared else ""]
        yield Block(
            title=shortened(" · ".join(filter(None, parts)), limit=_TITLE),
            rows=[
                _row(pair, names[pair.a] if is_shared else f"{short[pair.a]} vs {short[pair.b]}")
                for pair in found
            ],
        )


def _grouped(pairs: Sequence[Pair]) -> Iterator[tuple[int, list[Pair]]]:
    for facet in sorted({pair.facet for pair in pairs}):
        yield facet, [pair for pair in pairs if pair.facet == facet]


def _row(pair: Pair, name: str) -> Row:
    look = _LOOKS[pair.said]
    mark = Mark(
        estimate=pair.difference,
        color=look.color,
        marker=look.marker,
        hollow=look.hollow,
        gid=f"difference-{pair.a}-{pair.b}",
    )
    difference = formatting.points_interval(pair.difference)
    return Row(name=name, marks=[[mark]], words=[difference, f"{pair.difference.n:,}", look.words])


def _legend(pairs: Sequence[Pair]) -> Iterator[Entry]:
    said = {pair.said for pair in pairs}
    for conclusion, look in _LOOKS.items():
        if conclusion in said:
            yield Entry(
                text=look.words,
                marker=look.marker,
                color=look.color,
                fill="none" if look.hollow else "full",
                size=7,
            )
    if pairs[0].margin:
        margin = f"margin of {formatting.margin_points(pairs[0].margin)}"
        yield Entry(text=margin, marker="", color=TIE_COLOR, line=True, width=TIE_WIDTH)


def _notes(summary: Mapping[str, Any], pairs: Sequence[Pair]) -> Iterator[list[str]]:
    n_known, n_all = len(_drawable(summary)), len(_comparisons(summary))
    if n_known > len(pairs):
        yield [
            f"The {len(pairs)} most relevant of {n_known:,} pairs (of recommended cells",
            "of those on the frontier",
            "of the best); differences.csv has all of them.",
        ]
    if n_all > n_known:
        yield [
            f"{formatting.n_of(n_all - n_known, 'pair')} without a case that both have scores of"
        ]
    if any(one.get("selected") for one in _comparisons(summary)):
        yield ["The best was chosen for its score on these very cases: its lead looks too large."]
    if any(pair.is_adjusted_away for pair in pairs):
        yield [
            "Better and worse go by p-values adjusted for all pairs; intervals are not adjusted."
        ]
