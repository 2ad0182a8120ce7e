"""The figure of what people say: win rates, rankings and ratings of each cell with intervals."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from evalrunner import formatting
from evalrunner.plots.captions import title
from evalrunner.plots.colors import COLORS
from evalrunner.plots.files import write_csv
from evalrunner.plots.page import Page
from evalrunner.plots.points import facet_titles, interval_words, read_estimate
from evalrunner.plots.strips import Block, Chart, Mark, Row, Strip, strips_figure
from evalrunner.plots.style import shortened, shown_names
from evalrunner.types import Estimate

MOST_ROWS = 40
_MEAN, _REACH = 1000.0, 800.0
"""Of ratings: where the average cell stands, and how far the scale goes: odds of 100 : 1."""
_NAME, _TITLE = 28, 90
_RATING = "rating"
"""Has no words beside its strip: what is a rating of 1,080? The names need the room."""
_COUNTS = ("wins", "ties", "losses")


@dataclass(frozen=True, slots=True, kw_only=True)
class Preferred:
    """What people say of a cell."""

    facet: int
    cell: int
    label: str
    win_rate: Estimate
    rating: Estimate
    passed: Estimate
    """Share of the criteria met."""
    counts: tuple[int, int, int] | None
    """Votes won, tied and lost; None where it was in no pair."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Column:
    name: str
    strip: Strip
    color: str
    of: Callable[[Preferred], Estimate]


def has_human(summary: Mapping[str, Any]) -> bool:
    """Whether there is a row to draw."""
    return any(_is_drawable(one) for one in read_preferred(summary))


def human_figure(summary: Mapping[str, Any]) -> Figure:
    """The figure; needs a cell that people voted on or rated."""
    known = [one for one in read_preferred(summary) if _is_drawable(one)]
    drawn = known[:MOST_ROWS]
    columns = [each for each in _COLUMNS if any(_has(each.of(one)) for one in drawn)]
    titles = facet_titles(sorted(summary["cells"], key=lambda cell: (cell["facet"], cell["id"])))
    labels = {cell["id"]: cell["label"] for cell in summary["cells"]}
    names = shown_names(labels, limit=_NAME)
    blocks = [
        Block(
            title=shortened(titles[facet], limit=_TITLE),
            rows=[_row(one, names[one.cell], columns) for one in drawn if one.facet == facet],
        )
        for facet in dict.fromkeys(one.facet for one in drawn)
    ]
    page = Page(
        title=title(summary, "What people prefer"),
        subtitle=_subtitle(summary),
        notes=list(_notes(summary, known, drawn)),
    )
    return strips_figure(
        Chart(
            page=page,
            strips=[each.strip for each in columns],
            blocks=blocks,
            columns=[each.name for each in columns if each.name != _RATING],
        )
    )


def write_human_csv(summary: Mapping[str, Any], path: Path) -> None:
    """The numbers of the figure, cells that were left out of it included."""
    names = ("win_rate", "rating", "passed")
    ends = [f"{name}{end}" for name in names for end in ("", "_low", "_high", "_n")]
    rows = [
        (
            one.facet,
            one.cell,
            one.label,
            *(one.counts or (None, None, None)),
            *(
                end
                for each in (one.win_rate, one.rating, one.passed)
                for end in (each.value, each.low, each.high, each.n)
            ),
        )
        for one in read_preferred(summary)
    ]
    write_csv(path, [["facet", "cell", "label", *_COUNTS, *ends], *rows])


def read_preferred(summary: Mapping[str, Any]) -> list[Preferred]:
    """What people say of each cell that they were asked about, by facet and the best first."""
    human = summary.get("human")
    if human is None:
        return []
    won = {(each["facet"], each["cell"]): each for each in human["win_rates"]["overall"]}
    rated = {
        (facet["facet"], each["cell"]): each["rating"]
        for facet in human["bradley_terry"]["facets"]
        for each in facet["ratings"]
    }
    met = {(each["facet"], each["cell"]): each["passed"] for each in human["ratings"]}
    labels = {cell["id"]: cell["label"] for cell in summary["cells"]}
    found = []
    for place in dict.fromkeys([*won, *met]):
        votes = won.get(place)
        found.append(
            Preferred(
                facet=place[0],
                cell=place[1],
                label=labels.get(place[1], f"cell {place[1]}"),
                win_rate=read_estimate(votes and votes["win_rate"]),
                rating=read_estimate(rated.get(place)),
                passed=read_estimate(met.get(place)),
                counts=votes and (votes["wins"], votes["ties"], votes["losses"]),
            )
        )
    return sorted(
        found, key=lambda one: (one.facet, *map(_least, (one.win_rate, one.passed)), one.cell)
    )


def _least(estimate: Estimate) -> float:
    return 0.0 if estimate.value is None else -estimate.value


def _has(estimate: Estimate) -> bool:
    return estimate.value is not None


def _is_drawable(one: Preferred) -> bool:
    return _has(one.win_rate) or _has(one.passed)


def _row(one: Preferred, name: str, columns: Sequence[_Column]) -> Row:
    return Row(
        name=name,
        marks=[
            [Mark(estimate=each.of(one), color=each.color, gid=f"{each.name}-{one.cell}")]
            for each in columns
        ],
        words=[_words(each.of(one)) for each in columns if each.name != _RATING],
    )


def _words(share: Estimate) -> str:
    return formatting.percent_interval(share) if _has(share) else formatting.UNKNOWN


def _percent(value: float) -> str:
    return formatting.percent(value, digits=0)


_COLUMNS = (
    _Column(
        name="win rate",
        strip=Strip(
            title="win rate",
            show=_percent,
            least_span=0.2,
            bounds=(0.0, 1.0),
            reference=0.5,
        ),
        color=COLORS["palette-1"],
        of=lambda one: one.win_rate,
    ),
    _Column(
        name=_RATING,
        strip=Strip(
            title="rating, Bradley-Terry",
            show=lambda value: formatting.number(value, digits=0),
            least_span=100.0,
            bounds=(_MEAN - _REACH, _MEAN + _REACH),
            reference=_MEAN,
        ),
        color=COLORS["palette-3"],
        of=lambda one: one.rating,
    ),
    _Column(
        name="criteria met",
        strip=Strip(title="criteria met", show=_percent, least_span=0.2, bounds=(0.0, 1.0)),
        color=COLORS["palette-2"],
        of=lambda one: one.passed,
    ),
)


def _subtitle(summary: Mapping[str, Any]) -> str:
    human = summary["human"]
    cases = max(
        read_estimate(each).n
        for one in (human["win_rates"]["overall"], human["ratings"])
        for entry in one
        for each in (entry.get("win_rate") or entry.get("passed"),)
    )
    parts = [
        formatting.n_of(cases, "case"),
        formatting.n_of(human["n_raters"], "rater"),
        f"{human['n_answered']:,} answered tasks",
        interval_words(summary),
    ]
    return " · ".join(parts)


def _notes(
    summary: Mapping[str, Any], known: Sequence[Preferred], drawn: Sequence[Preferred]
) -> Iterator[list[str]]:
    if any(_has(one.win_rate) for one in drawn):
        yield ["A tie is half a win of each."]
    if any(facet["needs_prior"] for facet in summary["human"]["bradley_terry"]["facets"]):
        yield ["One never lost, or never won: how far apart the ratings are is an assumption."]
    if any(abs((one.rating.value or _MEAN) - _MEAN) > _REACH for one in drawn):
        yield ["A rating beyond the scale stands at its end."]
    if len(known) > len(drawn):
        yield [f"The first {len(drawn)} of {len(known)} cells; human.csv has all of them."]
