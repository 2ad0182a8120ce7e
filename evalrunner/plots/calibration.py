"""The calibration figure: a judge against people, and each score without the judge's errors."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

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
_ERROR_NAMES = ("sensitivity", "specificity", "kappa", "inflation")
_SCORE_NAMES = ("raw", "corrected", "corrected_rogan_gladen")
_ESTIMATES = (*_ERROR_NAMES, *_SCORE_NAMES)
_JUDGE, _NAME, _TITLE = 24, 30, 90
_Who: TypeAlias = tuple[str, str | None, str]
_ERRORS, _RAW, _CORRECTED = COLORS["palette-1"], COLORS["muted"], COLORS["palette-3"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibrated:
    """A judge's verdicts on one cell beside those of people."""

    facet: int
    judge: str
    member: str | None
    """Of a panel; None = what the panel says as one, or the only judge."""
    scorer: str
    cell: int | None
    """None = of all cells together."""
    label: str
    n_labels: int
    """Of answers."""
    method: str
    estimates: Mapping[str, Estimate]

    @property
    def who(self) -> _Who:
        """What tells the rows of a cell apart."""
        return self.judge, self.member, self.scorer


def has_calibration(summary: Mapping[str, Any]) -> bool:
    """Whether there is a row to draw."""
    return any(_is_drawable(one) for one in read_calibration(summary))


def calibration_figure(summary: Mapping[str, Any]) -> Figure:
    """The figure; needs an entry that has an estimate."""
    known = [one for one in read_calibration(summary) if _is_drawable(one)]
    has_second = any(_is_known(one, "corrected_rogan_gladen") for one in known)
    drawn = known[:MOST_ROWS]
    judges = list(dict.fromkeys(one.judge for one in drawn))
    about = ["people are right by definition"]
    if len(judges) == 1:
        about.insert(0, f"judge: {shortened(readable(judges[0]), limit=_JUDGE)}")
    page = Page(
        title=title(summary, "The judge against people"),
        subtitle=subtitle(summary, *about),
        legend=list(_legend(has_second=has_second)),
        notes=list(_notes(known, drawn)),
    )
    return strips_figure(
        Chart(page=page, strips=list(_strips()), blocks=list(_blocks(summary, drawn)))
    )


def write_calibration_csv(summary: Mapping[str, Any], path: Path) -> None:
    """The numbers of the figure, entries without any included."""
    about = ("facet", "judge", "member", "scorer", "cell", "label", "n_labels", "method")
    ends = [f"{name}{end}" for name in _ESTIMATES for end in ("", "_low", "_high")]
    rows = [
        (
            *(getattr(one, name) for name in about),
            *(
                end
                for name in _ESTIMATES
                for each in [one.estimates[name]]
                for end in (each.value, each.low, each.high)
            ),
        )
        for one in read_calibration(summary)
    ]
    write_csv(path, [[*about, *ends], *rows])


def read_calibration(summary: Mapping[str, Any]) -> list[Calibrated]:
    """The entries by facet, those of all cells together first, else in order of the cells."""
    labels = {cell["id"]: cell["label"] for cell in summary["cells"]}
    found = [
        Calibrated(
            facet=entry["facet"],
            judge=str(entry["judge"]),
            member=entry["member"],
            scorer=str(entry["scorer"]),
            cell=entry["cell"],
            label="all cells" if entry["cell"] is None else labels.get(entry["cell"], ""),
            n_labels=entry["n_labels"],
            method=entry["method"] or "",
            estimates={name: read_estimate(entry[name]) for name in _ESTIMATES},
        )
        for entry in summary.get("calibration") or ()
    ]
    return sorted(found, key=lambda one: (one.facet, -1 if one.cell is None else one.cell))


def _is_drawable(one: Calibrated) -> bool:
    """Members of panels only as a whole: nothing is decided by one of them in one cell."""
    known = any(_is_known(one, name) for name in _ESTIMATES if name != "raw")
    return known and (one.member is None or one.cell is None)


def _is_known(one: Calibrated, name: str) -> bool:
    return one.estimates[name].value is not None


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
    for facet in dict.fromkeys(one.facet for one in drawn):
        members = [(number, one) for number, one in enumerate(drawn) if one.facet == facet]
        whos: dict[int | None, set[_Who]] = {}
        for _, one in members:
            whos.setdefault(one.cell, set()).add(one.who)
        rows = [_row(one, names, whos[one.cell], number=number) for number, one in members]
        yield Block(title=shortened(titles.get(facet, ""), limit=_TITLE), rows=rows)


def _row(
    one: Calibrated,
    names: Mapping[int, str],
    whos: AbstractSet[_Who],
    *,
    number: int,
) -> Row:
    name = one.label if one.cell is None else names.get(one.cell, f"cell {one.cell}")
    if len(whos) > 1:
        name += f" · {_who(one, whos)}"
    errors = [
        [Mark(estimate=one.estimates[name], color=_ERRORS, gid=f"{name}-{number}")]
        for name in _ERROR_NAMES
    ]
    scores = [
        Mark(estimate=one.estimates["raw"], color=_RAW, hollow=True, gid=f"raw-{number}"),
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


def _who(one: Calibrated, whos: AbstractSet[_Who]) -> str:
    """The judge, with the member and the scorer where these tell it from others."""
    parts = [one.judge] + ([one.member] if one.member else [])
    if len({scorer for judge, _, scorer in whos if judge == one.judge}) > 1:
        parts.append(one.scorer)
    return " / ".join(shortened(readable(part), limit=_JUDGE) for part in parts)


def _legend(*, has_second: bool) -> Iterator[Entry]:
    yield Entry(text="judge against people", marker="o", color=_ERRORS, size=7)
    yield Entry(text="score by the judge", marker="o", color=_RAW, fill="none", size=7)
    yield Entry(text="corrected by labels", marker="D", color=_CORRECTED, size=6)
    if has_second:
        yield Entry(text="corrected by Rogan and Gladen", marker="x", color=INK, size=5)


def _notes(known: Sequence[Calibrated], drawn: Sequence[Calibrated]) -> Iterator[list[str]]:
    yield ["n = labelled answers. Sensitivity: share of what people pass that the judge passes."]
    yield ["Specificity: the same of failing. Inflation: the judge's mean score above people's."]
    if len(known) > len(drawn):
        yield [f"The first {len(drawn)} of {len(known)} rows; calibration.csv has all of them."]
