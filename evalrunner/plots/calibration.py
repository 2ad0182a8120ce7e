"""The calibration figure: a judge against people, and each score without the judge's errors."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
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
from evalrunner.plots.style import INK, readable, shortened, shown_names
from evalrunner.types import Estimate

MOST_ROWS = 40
_ESTIMATES = (
    "sensitivity",
    "specificity",
    "kappa",
    "inflation",
    "corrected",
    "corrected_rogan_gladen",
)
_JUDGE, _NAME, _TITLE = 24, 30, 90
_ERRORS, _RAW, _CORRECTED = COLORS["palette-1"], COLORS["muted"], COLORS["palette-3"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibrated:
    """A judge's verdicts on one cell beside those of people."""

    judge: str
    cell: int | None
    """None = of all cells together."""
    facet: int | None
    label: str
    n_labels: int
    raw: Estimate
    """The cell's quality as the judge sees it."""
    estimates: Mapping[str, Estimate] = field(default_factory=dict)
    method: str = ""


def has_calibration(summary: Mapping[str, Any]) -> bool:
    """Whether there is a row to draw."""
    return any(_is_drawable(one) for one in read_calibration(summary))


def calibration_figure(summary: Mapping[str, Any]) -> Figure:
    """The figure; needs an entry that has an estimate."""
    known = [one for one in read_calibration(summary) if _is_drawable(one)]
    drawn = known[:MOST_ROWS]
    judges = list(dict.fromkeys(one.judge for one in drawn))
    about = ["people are right by definition"]
    if len(judges) == 1:
        about.insert(0, f"judge: {shortened(readable(judges[0]), limit=_JUDGE)}")
    page = Page(
        title=title(summary, "The judge against people"),
        subtitle=subtitle(summary, *about),
        legend=list(_legend()),
        notes=list(_notes(known, drawn)),
    )
    return strips_figure(
        Chart(page=page, strips=list(_strips()), blocks=list(_blocks(summary, drawn)))
    )


def write_calibration_csv(summary: Mapping[str, Any], path: Path) -> None:
    """The numbers of the figure, entries without any included."""
    names = ("raw", *_ESTIMATES)
    ends = [f"{name}{end}" for name in names for end in ("", "_low", "_high")]
    rows = [
        (
            one.judge,
            one.cell,
            one.label,
            one.n_labels,
            one.method,
            *(end for each in _all(one) for end in (each.value, each.low, each.high)),
        )
        for one in read_calibration(summary)
    ]
    write_csv(path, [["judge", "cell", "label", "n_labels", "method", *ends], *rows])


def read_calibration(summary: Mapping[str, Any]) -> list[Calibrated]:
    """The entries by facet, cell and judge; those of all cells together come first."""
    cells = {cell["id"]: cell for cell in summary["cells"]}
    found = []
    for entry in summary.get("calibration") or ():
        cell = cells.get(entry["cell"])
        found.append(
            Calibrated(
                judge=str(entry["judge"]),
                cell=entry["cell"],
                facet=None if cell is None else cell["facet"],
                label="all cells" if cell is None else cell["label"],
                n_labels=int(entry.get("n_labels") or 0),
                raw=read_estimate(cell and cell.get("quality")),
                estimates={name: read_estimate(entry.get(name)) for name in _ESTIMATES},
                method=str(entry.get("method") or ""),
            )
        )
    return sorted(found, key=lambda one: (_order(one.facet), _order(one.cell), one.judge))


def _order(number: int | None) -> int:
    return -1 if number is None else number


def _all(one: Calibrated) -> list[Estimate]:
    return [one.raw, *(one.estimates[name] for name in _ESTIMATES)]


def _is_drawable(one: Calibrated) -> bool:
    return any(estimate.value is not None for estimate in one.estimates.values())


def _strips() -> Iterator[Strip]:
    for name in ("sensitivity", "specificity"):
        yield _strip(name, least=0.0)
    yield _strip("kappa", least=-1.0, show=lambda value: f"{value + 0.0:g}", reference=0.0)
    points = _strip("inflation, points", least=-1.0, show=_points, reference=0.0)
    yield points
    yield _strip("score", least=0.0)


def _strip(
    title: str,
    *,
    least: float,
    show: Any = lambda value: formatting.percent(value, digits=0),
    reference: float | None = None,
) -> Strip:
    return Strip(title=title, show=show, least_span=0.2, bounds=(least, 1.0), reference=reference)


def _points(value: float) -> str:
    return f"{100 * value + 0.0:g}"


def _blocks(summary: Mapping[str, Any], drawn: Sequence[Calibrated]) -> Iterator[Block]:
    labels = {cell["id"]: cell["label"] for cell in summary["cells"]}
    names = shown_names(labels, limit=_NAME)
    titles = facet_titles(sorted(summary["cells"], key=lambda cell: (cell["facet"], cell["id"])))
    has_many = len({one.judge for one in drawn}) > 1
    for facet in dict.fromkeys(one.facet for one in drawn):
        rows = [
            _row(one, names, has_many=has_many, number=number)
            for number, one in enumerate(drawn)
            if one.facet == facet
        ]
        about = "" if facet is None else titles[facet]
        yield Block(title=shortened(about, limit=_TITLE), rows=rows)


def _row(one: Calibrated, names: Mapping[int, str], *, has_many: bool, number: int) -> Row:
    name = one.label if one.cell is None else names.get(one.cell, f"cell {one.cell}")
    if has_many:
        name += f" · {shortened(readable(one.judge), limit=_JUDGE)}"
    errors = [
        [Mark(estimate=one.estimates[name], color=_ERRORS, gid=f"{name}-{number}")]
        for name in _ESTIMATES[:4]
    ]
    scores = [
        Mark(estimate=one.raw, color=_RAW, hollow=True, gid=f"raw-{number}"),
        Mark(
            estimate=one.estimates["corrected"],
            color=_CORRECTED,
            marker="D",
            size=6,
            gid=f"corrected-{number}",
        ),
        Mark(
            estimate=Estimate(value=one.estimates["corrected_rogan_gladen"].value),
            color=INK,
            marker="x",
            size=5,
            gid=f"rogan-gladen-{number}",
        ),
    ]
    return Row(name=f"{name}  n={one.n_labels:,}", marks=[*errors, scores])


def _legend() -> Iterator[Entry]:
    yield Entry(text="judge against people", marker="o", color=_ERRORS, size=7)
    yield Entry(text="score by the judge", marker="o", color=_RAW, fill="none", size=7)
    yield Entry(text="corrected by labels", marker="D", color=_CORRECTED, size=6)
    yield Entry(text="corrected by Rogan and Gladen", marker="x", color=INK, size=5)


def _notes(known: Sequence[Calibrated], drawn: Sequence[Calibrated]) -> Iterator[list[str]]:
    yield ["n = labels by people. Sensitivity: share of what people pass that the judge passes."]
    yield ["Specificity: the same of failing. Inflation: pass rate of the judge above people's."]
    if len(known) > len(drawn):
        yield [f"The first {len(drawn)} of {len(known)} rows; calibration.csv has all of them."]
