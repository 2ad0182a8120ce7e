"""Quality over time: what is joined by a line, what is not, and where the marks are."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from evalrunner.report.view.chart import make_chart
from evalrunner.report.view.files import MeasuredCell
from evalrunner.report.view.page import index_html
from evalrunner.report.view.rows import Facet, Row, Status
from evalrunner.report.view.trend import find_trends

START = datetime(2026, 11, 1, tzinfo=UTC)
MEASURE = {"cases": "c1", "scorer": "s1", "judge": "j1", "rules": "r1"}


def cell(value, label="luna", *, half=0.05):
    low, high = (None, None) if half is None else (value - half, value + half)
    return MeasuredCell.model_validate(
        {
            "id": 0,
            "label": label,
            "facet": 0,
            "role": "candidate",
            "quality": {"value": value, "low": low, "high": high, "n": 100},
            "quality_name": "exact_match",
            "cost": {"usd_spent": 0.1},
            "n_error": 0,
            "n_skipped": 0,
            "n_unscored": 0,
        }
    )


def row(day, value, *, name="tickets", title="exact_match · tickets", recommended=None, **changes):
    best = None if value is None else cell(value)
    return Row(
        path=f"{name}/{day}",
        name=name,
        started_at=START + timedelta(days=day),
        status=Status.DONE,
        facets=(
            Facet(
                title=title,
                measure=MEASURE | changes,
                best=best,
                recommended=recommended,
                because=None,
            ),
        ),
    )


def changes(rows):
    (trend,) = find_trends(rows)
    return [point.changed for point in trend.points]


def test_runs_are_in_order_of_time_whatever_order_they_came_in():
    (trend,) = find_trends([row(2, 0.7), row(0, 0.5), row(1, 0.6)])

    assert [point.best.quality.value for point in trend.points] == [0.5, 0.6, 0.7]


@pytest.mark.parametrize(
    ("part", "words"),
    [
        ("cases", "the cases"),
        ("scorer", "the scorer"),
        ("judge", "the judge"),
        ("rules", "what refused and cut-off answers score"),
    ],
)
def test_the_line_breaks_where_something_changed_and_goes_on_after_it(part, words):
    rows = [row(0, 0.5), row(1, 0.6), row(2, 0.7, **{part: "x"}), row(3, 0.8, **{part: "x"})]

    assert changes(rows) == [(), (), (words,), ()]

    chart = make_chart(find_trends(rows)[0])
    x = [mark.x for mark in chart.marks]
    assert [(a.x, b.x) for a, b in chart.lines] == [(x[0], x[1]), (x[2], x[3])]
    assert len(chart.breaks) == 1
    assert x[1] < chart.breaks[0] < x[2]


def test_a_run_in_between_with_other_cases_is_not_passed_over():
    rows = [row(0, 0.5), row(1, 0.6, cases="x"), row(2, 0.7)]

    assert make_chart(find_trends(rows)[0]).lines == ()
    assert changes(rows) == [(), ("the cases",), ("the cases",)]


def test_what_is_measured_otherwise_by_name_is_a_trend_of_its_own():
    other = {"title": "rubric · tickets · judge strict"}
    rows = [row(0, 0.5), row(1, 0.9, **other), row(2, 0.6), row(3, 0.8, **other)]

    found = find_trends(rows)

    assert [[point.best.quality.value for point in trend.points] for trend in found] == [
        [0.5, 0.6],
        [0.9, 0.8],
    ]


def test_experiments_are_not_mixed_and_one_run_is_no_trend():
    assert find_trends([row(0, 0.5), row(1, 0.6, name="other")]) == []


def test_a_run_without_quality_or_without_a_plan_is_in_no_trend():
    unplanned = row(2, 0.6)
    unplanned = replace(unplanned, facets=(replace(unplanned.facets[0], measure={}),))

    (trend,) = find_trends([row(0, 0.5), row(1, None), unplanned, row(3, 0.7)])

    assert len(trend.points) == 2


def test_a_rescored_run_asked_nothing_anew_and_is_in_no_trend():
    rows = [row(0, 0.5), replace(row(1, 0.6), is_rescored=True), row(2, 0.7)]

    (trend,) = find_trends(rows)

    assert [point.best.quality.value for point in trend.points] == [0.5, 0.7]


def test_marks_are_as_high_as_their_quality_says():
    chart = make_chart(
        find_trends([row(0, 0.5, recommended=cell(0.45)), row(1, 0.65, recommended=None)])[0]
    )

    first, second = chart.marks
    # The axis goes from 40 % to 70 %.
    assert [text for _, text in chart.ticks] == ["40 %", "70 %"]
    floor, ceiling = (y for y, _ in chart.ticks)
    assert (floor, ceiling) == (chart.bottom, chart.top)

    def share(y):
        return 0.4 + 0.3 * (floor - y) / (floor - ceiling)

    assert share(first.best) == pytest.approx(0.5, abs=1e-3)
    assert share(first.low) == pytest.approx(0.45, abs=1e-3)
    assert share(first.high) == pytest.approx(0.55, abs=1e-3)
    assert share(first.recommended) == pytest.approx(0.45, abs=1e-3)
    assert share(second.best) == pytest.approx(0.65, abs=1e-3)
    assert second.recommended is None
    assert chart.left < first.x < second.x < chart.right


@pytest.mark.parametrize("value", [0.0, 0.5, 1.0])
def test_equal_values_without_intervals_have_a_place(value):
    rows = [row(day, value) for day in range(2)]
    rows = [
        replace(each, facets=(replace(each.facets[0], best=cell(value, half=None)),))
        for each in rows
    ]

    chart = make_chart(find_trends(rows)[0])

    assert chart.marks[0].best == chart.marks[1].best
    assert chart.top <= chart.marks[0].best <= chart.bottom
    assert chart.marks[0].low is None


def test_more_runs_than_there_is_room_for_are_counted_and_in_the_table(tmp_path):
    rows = [row(day, 0.5) for day in range(60)]

    chart = make_chart(find_trends(rows)[0])
    page = index_html(tmp_path, rows)

    assert (len(chart.marks), chart.n_left_out) == (50, 10)
    assert "the newest 50 runs; the table has 10 more" in page
    assert page.count('class="trend-dot"') == 50
    assert "<summary>Table of 60 runs</summary>" in page


def test_the_page_says_where_and_why_the_line_breaks(tmp_path):
    page = index_html(tmp_path, [row(0, 0.5), row(1, 0.6, cases="x", judge="x")])

    assert "2026-11-02 00:00: the cases and the judge changed; what is before cannot be" in page
    assert page.count('class="trend-break"') == 1
    assert 'class="trend-line"' not in page
