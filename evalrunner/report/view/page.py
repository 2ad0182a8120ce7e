"""The index as HTML."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

from evalrunner.formatting import n_of, safe_text
from evalrunner.report.page import PAGE, document
from evalrunner.report.view.chart import make_chart
from evalrunner.report.view.files import MeasuredCell
from evalrunner.report.view.rows import Facet, Row, Status
from evalrunner.report.view.trend import Trend, find_trends

GENERATOR = '<meta name="generator" content="evalrunner view">'
_HERE = Path(__file__).parent
_LONGEST = 80
_LONGEST_SENTENCE = 300
_MOST_NAMES = 4
_BADGES = {
    Status.DONE: ("done", "good"),
    Status.STOPPED: ("stopped: resumable", "warn"),
    Status.RUNNING: ("running now", ""),
    Status.IMPORTED: ("imported", ""),
    Status.UNREADABLE: ("unreadable", "bad"),
}


def index_html(root: Path, rows: Sequence[Row]) -> str:
    """The whole page; `root` is the directory that links start from."""
    styles = [document.styles()[0], (_HERE / "assets" / "index.css").read_text("utf-8")]
    scripts = [
        *document.scripts(browser=False),
        (_HERE / "assets" / "index.js").read_text("utf-8"),
    ]
    return document.render(
        "index.html.j2",
        folder=_HERE / "templates",
        generator=GENERATOR,
        title=_text(root.resolve().name or "runs"),
        counts=[
            f"{n:,} {_BADGES[status][0]}"
            for status, n in Counter(row.status for row in rows).items()
        ],
        n_runs=n_of(len(rows), "run"),
        statuses=[
            (status.value, _BADGES[status][0])
            for status in Status
            if any(row.status is status for row in rows)
        ],
        rows=[_row(row) for row in rows],
        trends=[_trend(trend) for trend in find_trends(rows)],
        policy=document.content_security_policy(
            scripts=scripts, styles=styles, loads_scripts=False
        ),
        styles=styles,
        scripts=scripts,
    )


def link(path: str) -> str:
    """A relative URL of a path below the index, whatever its name is made of."""
    return quote(os.fsencode(path))


def _row(row: Row) -> dict[str, Any]:
    text, kind = _BADGES[row.status]
    return {
        "name": _text(row.name),
        "started_at": _day_time(row.started_at),
        "path": _text(row.path),
        "status": row.status.value,
        "badge": {"text": text, "kind": kind},
        "reason": _text(row.reason, _LONGEST_SENTENCE),
        "n_missing": row.n_missing,
        "is_rescored": row.is_rescored,
        "is_stale": row.is_stale,
        "grid": _grid(row),
        "n_trials": _n_trials(row),
        "models": _names(row.models),
        "facets": [
            _facet(facet, of_many=len(row.facets) > 1) for facet in row.facets[:_MOST_NAMES]
        ],
        "n_more_facets": max(0, len(row.facets) - _MOST_NAMES),
        "quality": row.facets[0].best.quality.value if row.facets and row.facets[0].best else None,
        "usd_spent": row.usd_spent,
        "flags": _flags(row.flags),
        "report": link(f"{row.path}/{PAGE}") if PAGE in row.files else None,
        "summary": link(f"{row.path}/summary.md") if "summary.md" in row.files else None,
        "folder": link(f"{row.path}/"),
    }


def _facet(facet: Facet, *, of_many: bool) -> dict[str, Any]:
    chosen, best = facet.recommended, facet.best
    return {
        "title": _text(facet.title) if of_many else "",
        "best": _cell(best),
        "recommended": None if chosen is not None and chosen == best else _cell(chosen),
        "is_best": chosen is not None and chosen == best,
        "because": _text(facet.because or "", _LONGEST_SENTENCE),
    }


def _cell(cell: MeasuredCell | None) -> dict[str, Any] | None:
    if cell is None:
        return None
    return {"label": _text(cell.label), "quality": cell.quality.model_dump()}


def _flags(flags: Sequence[tuple[str, str]]) -> list[dict[str, Any]]:
    """How many of each severity, and which."""
    kinds = {"red": "bad", "yellow": "warn"}
    codes: dict[str, list[str]] = {}
    for severity, code in flags:
        codes.setdefault(severity, []).append(code)
    return [
        {
            "text": f"{len(found):,} {_text(severity)}",
            "kind": kinds.get(severity, ""),
            "codes": _names(found),
        }
        for severity, found in codes.items()
    ]


def _trend(trend: Trend) -> dict[str, Any]:
    chart = make_chart(trend)
    points = [
        {
            "day": _day_time(point.row.started_at),
            "href": link(f"{point.row.path}/{PAGE}") if PAGE in point.row.files else None,
            "best": _cell(point.best),
            "recommended": _cell(point.recommended),
            "cases": _text(point.measure["cases"][:8]),
            "changed": " and ".join(point.changed),
        }
        for point in trend.points
    ]
    return {
        "name": _text(trend.name),
        "title": _text(trend.title, _LONGEST_SENTENCE),
        "chart": chart,
        # Of those in the picture, in its order.
        "shown": points[chart.n_left_out :],
        "points": points[::-1],
    }


def _grid(row: Row) -> str:
    counted = ((row.n_cells, "cell"), (row.n_cases, "case"), (row.repeats, "repeat"))
    return " × ".join(n_of(n, noun) for n, noun in counted if n is not None)


def _n_trials(row: Row) -> int | None:
    if row.n_cells is None or row.n_cases is None:
        return None
    return row.n_cells * row.n_cases * (row.repeats or 1)


def _names(names: Sequence[str]) -> str:
    shown = ", ".join(map(_text, names[:_MOST_NAMES]))
    more = len(names) - _MOST_NAMES
    return f"{shown} and {more:,} more" if more > 0 else shown


def _day_time(moment: datetime | None) -> str:
    return "" if moment is None else f"{moment:%Y-%m-%d %H:%M}"


def _text(text: str, limit: int = _LONGEST) -> str:
    return safe_text(text, limit=limit)
