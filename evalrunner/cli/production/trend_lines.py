"""The control chart of production in words, rows of text, Markdown and JSON."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from evalrunner.cli.columns import table_lines
from evalrunner.formatting import (
    UNKNOWN,
    count,
    markdown_text,
    n_of,
    percent_interval,
    points_interval,
    safe_text,
)
from evalrunner.production.trend.chart import Point, Segment
from evalrunner.production.trend.periods import Period, steps_between
from evalrunner.types import Estimate

_STRIP = 33
_LONGEST = 60
_HEADER = ("period", "records", "score of it alone", "", "since", "all since then, at any time")
_COLUMNS = ("period", "records", "score of it alone", "since", "all since then, at any time")
_PASSED, _ALARM, _OPEN = 0, 1, 3


@dataclass(frozen=True, slots=True, kw_only=True)
class TrendGate:
    """What cron and build servers are told."""

    exit_code: int
    """0 no alarm · 1 alarm · 3 too little can be told."""
    sentence: str


def gate_of(
    segments: Sequence[Segment], period: Period | None, *, lacking: str | None = None
) -> TrendGate:
    """Of a period, or of the latest one; `lacking` says why the period has no line."""
    points = [point for segment in segments for point in segment.points]
    if period is not None:
        points = [point for point in points if point.entry.period == period.name]
    if not points:
        what = "nothing was scored yet" if period is None else f"no record of {period.name}"
        return TrendGate(exit_code=_OPEN, sentence=f"cannot tell: {lacking or what}")
    point = points[-1]
    if point.unknown is not None:
        return TrendGate(exit_code=_OPEN, sentence=f"cannot tell: {point.unknown}")
    if point.difference is None:
        raise RuntimeError(f"{point.entry.period} is known, and has no difference")
    code = _ALARM if point.is_alarm else _PASSED
    return TrendGate(exit_code=code, sentence=_sentence(point, point.difference))


def chart_lines(
    segments: Sequence[Segment], period: Period | None, *, lacking: str | None = None
) -> Iterator[str]:
    """A table with a row a period, and what it says."""
    low, high = _range(segments)
    for segment in segments:
        if segment.changed:
            yield ""
            changed = " and ".join(segment.changed)
            yield f"not comparable with what is above: changed {changed}"
        rows = list(_rows(segment, low, high))
        yield from table_lines(_HEADER, rows)
    if segments:
        yield ""
        yield from _legend(segments[-1].points[-1])
    yield gate_of(segments, period, lacking=lacking).sentence


def chart_json(
    segments: Sequence[Segment], period: Period | None, *, lacking: str | None = None
) -> dict[str, Any]:
    """All of it, for programs and for the figure."""
    gate = gate_of(segments, period, lacking=lacking)
    first = segments[0].points[0].entry.when if segments else None
    return {
        "schema_version": 1,
        "segments": [
            {
                "changed": list(segment.changed),
                "points": [
                    {"place": steps_between(first, point.entry.when), **_json(point)}
                    for point in segment.points
                    if first is not None
                ],
            }
            for segment in segments
        ],
        "gate": asdict(gate),
    }


def step_markdown(
    segments: Sequence[Segment], period: Period | None, *, lacking: str | None = None
) -> str:
    """What a build server shows."""
    lines = [
        "## Production",
        "",
        markdown_text(gate_of(segments, period, lacking=lacking).sentence),
        "",
    ]
    for segment in segments[-1:]:
        lines += [f"| {' | '.join(_COLUMNS)} |", f"|{' --- |' * len(_COLUMNS)}"]
        lines += [f"| {' | '.join(_cells(point))} |" for point in segment.points]
    return "\n".join(lines) + "\n"


def _sentence(point: Point, difference: Estimate) -> str:
    seen = f"{points_interval(difference)} against offline, since {point.since}"
    if point.by == "people":
        seen += ", both corrected by people's labels"
    if point.is_alarm:
        return f"ALARM: production is worse than the offline score: {seen}"
    if point.moved == "higher":
        return f"no alarm, but production is better than the offline score: {seen}"
    return f"no alarm: {seen}"


def _legend(point: Point) -> Iterator[str]:
    offline = point.entry.offline
    yield "● score and its interval · │ offline score"
    if offline is not None:
        score = (offline.corrected if point.by == "people" else None) or offline.score
        named = safe_text(f"{offline.cell}, {offline.run}", limit=_LONGEST)
        yield f"offline: {percent_interval(score)} ({named})"
    if point.entry.corrected is not None:
        n = n_of(point.entry.corrected.n, "label")
        yield (
            f"{point.entry.period} as people score: {percent_interval(point.entry.corrected)} "
            f"({n}, PPI++)"
        )
    if point.entry.is_partial:
        yield f"{point.entry.period} had not ended when it was scored"


def _rows(segment: Segment, low: float, high: float) -> Iterator[list[str]]:
    before: Period | None = None
    for point in segment.points:
        skipped = 0 if before is None else steps_between(before, point.entry.when) - 1
        if before is not None and skipped:
            yield [f"  {n_of(skipped, before.kind)} without a line", *[""] * 5]
        before = point.entry.when
        cells = _cells(point)
        yield [*cells[:3], _strip(point, low, high), *cells[3:]]


def _cells(point: Point) -> list[str]:
    entry = point.entry
    scored = count(entry.n_scored)
    mark = " (alarm)" if point.is_alarm else f" ({point.moved})" if point.moved else ""
    return [
        entry.period + "*" * entry.is_partial,
        f"{scored} of {entry.n_records:,}" if entry.n_unscored else scored,
        percent_interval(entry.score) if entry.n_scored else UNKNOWN,
        point.since,
        f"{percent_interval(point.standing)}{mark}",
    ]


def _strip(point: Point, low: float, high: float) -> str:
    """The interval of the period alone, and the offline score, in characters."""
    drawn = [" "] * _STRIP

    def place(value: float) -> int:
        return round((value - low) / (high - low) * (_STRIP - 1))

    score = point.entry.score
    if score.low is not None and score.high is not None:
        for at in range(place(score.low), place(score.high) + 1):
            drawn[at] = "─"
    if point.reference is not None and point.reference.value is not None:
        drawn[place(point.reference.value)] = "│"
    if score.value is not None:
        drawn[place(score.value)] = "●"
    return "".join(drawn)


def _range(segments: Sequence[Segment]) -> tuple[float, float]:
    ends = [
        end
        for segment in segments
        for point in segment.points
        for estimate in (point.entry.score, point.reference)
        if estimate is not None
        for end in (estimate.value, estimate.low, estimate.high)
        if end is not None
    ]
    low, high = min(ends, default=0.0), max(ends, default=1.0)
    return (low, high) if low < high else (0.0, 1.0)


def _json(point: Point) -> dict[str, Any]:
    entry = point.entry
    estimates = {
        "score": entry.score,
        "corrected": entry.corrected,
        "standing": point.standing,
        "reference": point.reference,
        "difference": point.difference,
    }
    return {
        "period": entry.period,
        "is_partial": entry.is_partial,
        "run": entry.run,
        "offline": entry.offline and {"run": entry.offline.run, "cell": entry.offline.cell},
        "quality": entry.measure.quality,
        "n_records": entry.n_records,
        "n_unscored": entry.n_unscored,
        "since": point.since,
        "by": point.by,
        "moved": point.moved,
        "alarm": point.is_alarm,
        "unknown": point.unknown,
        "confidence": entry.confidence,
        **{name: each and asdict(each) for name, each in estimates.items()},
    }
