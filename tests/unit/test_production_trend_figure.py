"""The chart as a figure, a table, JSON and Markdown."""

from __future__ import annotations

import csv
import json
from dataclasses import replace

import pytest
from trends import FIRST, MEASURE, entry, offline, weeks

from evalrunner.cli.production.trend_lines import chart_json, chart_lines, gate_of, step_markdown
from evalrunner.plots.style import house_style
from evalrunner.plots.trend import MOST_POINTS, draw_trend, trend_figure
from evalrunner.production.trend.chart import make_chart
from evalrunner.production.trend.periods import Period

GOOD, BAD = [1] * 90 + [0] * 10, [1] * 50 + [0] * 50


@pytest.fixture
def segments():
    """Two good weeks, one without a line, a bad one; then one by another judge."""
    first, second, _, fourth, fifth = weeks(5)
    held_to = offline(GOOD * 3)
    other = replace(MEASURE, judge="another")
    return make_chart(
        [
            entry(first, GOOD, held_to=held_to),
            entry(second, GOOD, held_to=held_to),
            entry(fourth, BAD, held_to=held_to, n_records=104, n_unscored=4),
            entry(fifth, GOOD, held_to=held_to, measure=other, is_partial=True),
        ],
        None,
    )


def artists(figure):
    (axes,) = figure.axes
    return {str(line.get_gid()): line for line in axes.lines}


def test_figure_has_a_point_with_its_interval_for_each_period(segments):
    drawn = artists(trend_figure(chart_json(segments, None)))

    points = {name: line for name, line in drawn.items() if name.startswith("point-")}
    assert {name: list(line.get_xdata()) for name, line in points.items()} == {
        "point-2026-W02": [0],
        "point-2026-W03": [1],
        # A week without a line keeps its place.
        "point-2026-W05": [3],
        "point-2026-W06": [4],
    }
    assert list(points["point-2026-W05"].get_ydata()) == [0.5]
    low, high = drawn["interval-2026-W05"].get_ydata()
    assert low < 0.5 < high
    assert [points[name].get_marker() for name in sorted(points)] == ["o", "o", "D", "o"]
    assert (
        points["point-2026-W06"].get_markerfacecolor()
        != points["point-2026-W06"].get_markeredgecolor()
    )


def test_figure_breaks_where_the_measure_changed(segments):
    drawn = artists(trend_figure(chart_json(segments, None)))

    assert list(drawn["segment-2026-W06"].get_xdata()) == [3.5, 3.5]


def test_equal_charts_give_equal_files_and_the_csv_has_every_number(segments, tmp_path):
    chart = chart_json(segments, None)

    paths = draw_trend(chart, tmp_path)
    before = [path.read_bytes() for path in paths]
    draw_trend(json.loads(json.dumps(chart)), tmp_path)

    assert [path.name for path in paths] == ["trend.png", "trend.svg", "trend.csv"]
    assert [path.read_bytes() for path in paths] == before
    rows = list(csv.DictReader(paths[2].read_text().splitlines()))
    assert [(row["segment"], row["period"], row["alarm"]) for row in rows] == [
        ("0", "2026-W02", "0"),
        ("0", "2026-W03", "0"),
        ("0", "2026-W05", "1"),
        ("1", "2026-W06", "0"),
    ]
    assert float(rows[2]["score"]) == 0.5
    # Nothing is known of what is not comparable.
    assert rows[3]["difference"] == ""


def test_a_long_history_is_cut_to_its_end_in_the_figure():
    entries = [entry(week, GOOD) for week in weeks(MOST_POINTS + 5)]

    with house_style():
        drawn = artists(trend_figure(chart_json(make_chart(entries, None), None)))

    names = [name for name in drawn if name.startswith("point-")]
    assert len(names) == MOST_POINTS
    assert f"point-{entries[-1].period}" in names


def test_table_has_a_row_a_period_says_the_gap_and_what_changed(segments):
    text = "\n".join(chart_lines(segments, None))

    assert "  1 week without a line" in text
    assert "100 of 104" in text
    assert "(alarm)" in text
    assert "2026-W06*" in text
    assert "not comparable with what is above: changed the judge" in text
    assert "2026-W06 had not ended when it was scored" in text
    assert text.splitlines()[-1].startswith("cannot tell: it was measured otherwise")


def test_strip_shows_score_interval_and_offline_score_in_their_order(segments):
    row = next(line for line in chart_lines(segments, None) if line.startswith("2026-W05"))

    strip = row[row.index(")") :]
    assert strip.index("─") < strip.index("●") < strip.index("│")


def test_gate_is_of_the_period_that_was_asked_for(segments):
    first, _, third, fourth, fifth = weeks(5)

    codes = [gate_of(segments, period).exit_code for period in (first, third, fourth, fifth)]

    assert codes == [0, 3, 1, 3]
    assert gate_of(segments, third).sentence == "cannot tell: no record of 2026-W04"
    assert gate_of(segments, fourth).sentence.startswith("ALARM: production is worse")
    assert gate_of((), None).sentence == "cannot tell: nothing was scored yet"


def test_better_than_offline_passes_and_is_said():
    chart = make_chart([entry(FIRST, [1] * 300, held_to=offline(BAD * 5))], None)

    found = gate_of(chart, None)

    assert found.exit_code == 0
    assert "better than the offline score" in found.sentence


def test_an_empty_history_is_shown_as_such():
    assert list(chart_lines((), Period.named("2026-W02"))) == ["cannot tell: no record of 2026-W02"]
    assert chart_json((), None)["segments"] == []


def test_markdown_of_a_step_is_inert_and_shows_what_is_comparable(segments):
    hostile = offline(GOOD, run="x/@bob <b>", measure=replace(MEASURE, judge="another"))

    found = step_markdown(make_chart([entry(FIRST, GOOD)], hostile), None)

    assert found.startswith("## Production\n")
    assert "| 2026-W02 | 100 |" in found
    assert "@bob" not in found
    assert "<b>" not in found.replace("\\<b\\>", "")
    assert step_markdown(segments, None).count("\n| 2026-") == 1
