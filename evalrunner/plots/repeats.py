"""The repeats figure: how often answers to one case differ, and how often all of them are right."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from evalrunner import formatting
from evalrunner.plots.captions import subtitle, title
from evalrunner.plots.colors import COLORS
from evalrunner.plots.files import write_csv
from evalrunner.plots.page import Entry, Page
from evalrunner.plots.points import facet_titles, read_estimate
from evalrunner.plots.strips import Block, Chart, Mark, Row, Strip, strips_figure
from evalrunner.plots.style import readable, shortened, shown_names
from evalrunner.types import Estimate

MOST_ROWS = 40
_HEADER = (
    "facet",
    "cell",
    "label",
    "score",
    "repeats",
    "flip_rate",
    "flip_rate_low",
    "flip_rate_high",
    "n",
)
_SCORE, _TITLE = 30, 90
_FLIPS, _PASSES = COLORS["palette-2"], COLORS["palette-1"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Repeated:
    """What the repeats of a cell say."""

    cell: int
    facet: int
    label: str
    score: str
    repeats: int
    flip_rate: Estimate
    passes: Sequence[float | None]
    """pass^1, pass^2, … up to the number of repeats; empty for graded scores."""


def has_repeats(summary: Mapping[str, Any]) -> bool:
    """Whether there is a row to draw."""
    return any(_is_drawable(one) for one in read_repeats(summary))


def repeats_figure(summary: Mapping[str, Any]) -> Figure:
    """The figure; needs a cell with repeats."""
    known = [one for one in read_repeats(summary) if _is_drawable(one)]
    drawn = sorted(known[:MOST_ROWS], key=lambda one: one.facet)
    names = shown_names({cell["id"]: cell["label"] for cell in summary["cells"]})
    most = max(one.repeats for one in drawn)
    has_passes = any(_known(one.passes) for one in drawn)
    page = Page(
        title=title(summary, "Repeats"),
        subtitle=subtitle(summary, "least reliable first"),
        legend=list(_legend(drawn)) if has_passes else (),
        notes=list(_notes(known, drawn)),
    )
    strips = [_strip("flip rate")]
    if has_passes:
        strips.append(_strip(f"pass^1 to pass^{most}" if most > 1 else "pass^1"))
    titles = facet_titles(sorted(summary["cells"], key=lambda cell: (cell["facet"], cell["id"])))
    blocks = [
        Block(
            title=shortened(facet_title, limit=_TITLE),
            rows=[
                _row(one, names[one.cell], has_passes=has_passes)
                for one in drawn
                if one.facet == facet
            ],
        )
        for facet, facet_title in titles.items()
    ]
    columns = ["flip rate", "cases", *([f"pass^{most}"] if has_passes else [])]
    kept = [block for block in blocks if block.rows]
    return strips_figure(Chart(page=page, strips=strips, blocks=kept, columns=columns))


def write_repeats_csv(summary: Mapping[str, Any], path: Path) -> None:
    """The numbers of every cell with repeats."""
    found = read_repeats(summary)
    most = max((len(one.passes) for one in found), default=0)
    header = [*_HEADER, *(f"pass_hat_{k + 1}" for k in range(most))]
    rows = [
        (
            one.facet,
            one.cell,
            one.label,
            one.score,
            one.repeats,
            one.flip_rate.value,
            one.flip_rate.low,
            one.flip_rate.high,
            one.flip_rate.n,
            *one.passes,
            *[None] * (most - len(one.passes)),
        )
        for one in found
    ]
    write_csv(path, [header, *rows])


def read_repeats(summary: Mapping[str, Any]) -> list[Repeated]:
    """What the cells with repeats say, the least reliable first."""
    found = [
        Repeated(
            cell=cell["id"],
            facet=cell["facet"],
            label=cell["label"],
            score=str(cell["repeats"].get("score") or ""),
            repeats=int(cell["repeats"]["k"]),
            flip_rate=read_estimate(cell["repeats"].get("flip_rate")),
            passes=[
                read_estimate({"value": value}).value
                for value in cell["repeats"].get("pass_hat_k") or ()
            ],
        )
        for cell in summary["cells"]
        if cell.get("repeats")
    ]
    return sorted(found, key=lambda one: (-(one.flip_rate.value or 0.0), one.cell))


def _is_drawable(one: Repeated) -> bool:
    return one.flip_rate.value is not None or bool(_known(one.passes))


def _known(values: Sequence[float | None]) -> list[float]:
    return [value for value in values if value is not None]


def _strip(title: str) -> Strip:
    return Strip(
        title=title,
        show=lambda value: formatting.percent(value, digits=0),
        least_span=0.1,
        bounds=(0.0, 1.0),
    )


def _row(one: Repeated, name: str, *, has_passes: bool) -> Row:
    flips = Mark(estimate=one.flip_rate, color=_FLIPS, gid=f"flips-{one.cell}")
    passes = [
        # The last one is what a user meets who asks so often; it stands out.
        Mark(
            estimate=Estimate(value=value),
            color=_PASSES,
            marker="o" if k == 1 else "D" if k == one.repeats else "|",
            hollow=k == 1,
            gid=f"pass-{one.cell}-{k}",
        )
        for k, value in enumerate(one.passes, start=1)
    ]
    words = [formatting.percent_interval(one.flip_rate), f"{one.flip_rate.n:,}"]
    if has_passes:
        last = one.passes[-1] if one.passes else None
        words.append(formatting.percent(last))
    marks = [[flips], passes] if has_passes else [[flips]]
    return Row(name=name, marks=marks, words=words, joined=True)


def _legend(drawn: Sequence[Repeated]) -> Iterator[Entry]:
    most = max(one.repeats for one in drawn)
    yield Entry(text="cases whose answers differ in score", marker="o", color=_FLIPS, size=7)
    yield Entry(text="pass^1: an answer is right", marker="o", color=_PASSES, fill="none", size=7)
    yield Entry(
        text=f"pass^{most}: {most} answers are all right", marker="D", color=_PASSES, size=7
    )


def _notes(known: Sequence[Repeated], drawn: Sequence[Repeated]) -> Iterator[list[str]]:
    scores = sorted({shortened(readable(one.score), limit=_SCORE) for one in drawn if one.score})
    if scores:
        yield [f"By the score {scores[0]}", *scores[1:]]
    if len(known) > len(drawn):
        yield [
            f"The {len(drawn)} least reliable of {len(known)} cells; repeats.csv has all of them."
        ]
