"""Judges as instruments: how often each agrees with people, against the price of its verdicts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from evalrunner import formatting
from evalrunner.plots.captions import title
from evalrunner.plots.files import write_csv
from evalrunner.plots.points import (
    DOMINATED,
    Facet,
    Point,
    facet_titles,
    interval_words,
    read_estimate,
)
from evalrunner.plots.scatter import Scatter, scatter_figure
from evalrunner.plots.style import readable, shown_names
from evalrunner.types import Estimate

_NAMES = ("facet", "judge", "member", "scorer", "model", "n_units")
_ESTIMATES = ("percent", "kappa", "ac1", "inflation", "usd_per_1000_verdicts")


def has_judges(summary: Mapping[str, Any]) -> bool:
    """Whether a judge has both a price and an agreement with people."""
    return bool(_facet(summary).drawn)


def judges_figure(summary: Mapping[str, Any]) -> Figure:
    """The figure of all judges that people's labels measured; needs one with a place."""
    found = summary.get("calibrated") or {}
    ceiling = read_estimate((found.get("ceiling") or {}).get("percent"))
    notes = []
    if ceiling.value is None:
        notes.append(["How often people agree with each other is not known."])
    else:
        notes.append(["Judges are held to most raters: easier than to agree with one of them."])
    return scatter_figure(
        Scatter(
            facets=[_facet(summary)],
            title=title(summary, "Judges as instruments"),
            subtitle=f"people are right by definition · {interval_words(summary)} · "
            "up and to the left is better",
            quality="Agreement with people",
            caption="Cost per 1,000 verdicts (US$, log scale, list price)",
            lacking="price",
            show=formatting.usd,
            ceiling=None if ceiling.value is None else ceiling,
            ceiling_name="people with each other, one rater with another",
            notes=notes,
        )
    )


def write_judges_csv(summary: Mapping[str, Any], path: Path) -> None:
    """The numbers of the figure, judges that could not be placed included."""
    header = [*_NAMES, *(f"{name}{end}" for name in _ESTIMATES for end in ("", "_low", "_high"))]
    rows = [
        (
            *(each[name] for name in _NAMES),
            *(end for name in _ESTIMATES for end in _ends(read_estimate(each[name]))),
            each["pareto"]["status"],
        )
        for each in _instruments(summary)
    ]
    write_csv(path, [[*header, "status"], *rows])


def _ends(estimate: Estimate) -> tuple[float | None, float | None, float | None]:
    return estimate.value, estimate.low, estimate.high


def _instruments(summary: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return list((summary.get("calibrated") or {}).get("instruments") or ())


def _facet(summary: Mapping[str, Any]) -> Facet:
    """All judges in one panel, whatever they judged; those of a panel share a colour."""
    instruments = _instruments(summary)
    labels = _labels(summary)
    names = shown_names(labels)
    points = [
        Point(
            # Under 0: no cell has this place, and no link leads from it to a cell's row.
            cell=-number,
            facet=0,
            label=labels[number],
            name=names[number],
            group=readable(str(each["judge"])),
            x=read_estimate(each["usd_per_1000_verdicts"], lowest=0),
            quality=read_estimate(each["percent"]),
            status=each["pareto"]["status"] or DOMINATED,
            estimated=False,
        )
        for number, each in enumerate(instruments, start=1)
    ]
    return Facet(title="", points=tuple(p for p in points if p.quality.value is not None))


def _labels(summary: Mapping[str, Any]) -> dict[int, str]:
    """Judges by their places from 1 on, named by no more than tells them apart."""
    instruments = _instruments(summary)
    titles = facet_titles(sorted(summary["cells"], key=lambda cell: (cell["facet"], cell["id"])))
    parts = [
        (
            " / ".join(str(name) for name in (each["judge"], each["member"]) if name),
            str(each["scorer"]),
            titles.get(each["facet"], ""),
        )
        for each in instruments
    ]
    for n_parts in (1, 2, 3):
        labels = [" · ".join(filter(None, each[:n_parts])) for each in parts]
        if max(Counter(labels).values(), default=1) == 1:
            break
    return dict(enumerate(labels, start=1))
