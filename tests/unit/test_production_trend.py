"""Periods, the records of one, people's labels of them, and the history file."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st
from trends import FIRST, entry, offline, weeks

from evalrunner.errors import ConfigError, StoreError
from evalrunner.production.trend.history import History, append_entry, read_history
from evalrunner.production.trend.labels import read_period_labels
from evalrunner.production.trend.periods import KINDS, Period, steps_between
from evalrunner.production.trend.records import PeriodRecords, SampledRecord

DAYS = st.dates(min_value=date(1990, 1, 1), max_value=date(2090, 1, 1))


def record(name, *, at=datetime(2026, 1, 7, tzinfo=UTC), output="fine", **changes):
    return SampledRecord(id=name, at=at, input="hello", output=output, **changes)


@given(DAYS, st.sampled_from(KINDS))
def test_a_day_lies_in_one_period_and_its_name_finds_it_again(day, kind):
    period = Period.of(day, kind)

    assert period.start <= day < period.end
    assert Period.named(period.name) == period
    assert period.following.previous == period
    assert steps_between(period, period.following) == 1
    assert period.name < period.following.name


@pytest.mark.parametrize(
    ("day", "kind", "name", "days"),
    [
        # The first days of a year may belong to the last week of another.
        ("2027-01-03", "week", "2026-W53", "2026-12-28 to 2027-01-03"),
        ("2026-12-31", "month", "2026-12", "2026-12-01 to 2026-12-31"),
        ("2024-02-29", "month", "2024-02", "2024-02-01 to 2024-02-29"),
    ],
)
def test_periods_at_the_ends_of_years_and_months(day, kind, name, days):
    period = Period.of(date.fromisoformat(day), kind)

    assert (period.name, period.days) == (name, days)
    assert not period.has_ended(period.end - timedelta(days=1))
    assert period.has_ended(period.end)


def test_a_moment_is_taken_in_utc():
    monday_in_tokyo = datetime(2026, 1, 12, 3, tzinfo=timezone(timedelta(hours=9)))

    assert Period.of(monday_in_tokyo, "week") == FIRST


@pytest.mark.parametrize("name", ["2026", "2026-W54", "2026-13", "week 3"])
def test_what_is_no_period_is_refused(name):
    with pytest.raises(ValueError, match=r"period|month|week"):
        Period.named(name)


def test_records_of_a_period_are_found_once_each_and_the_rest_is_counted():
    logged = [
        record("b"),
        record("a"),
        record("a", at=datetime(2026, 1, 6, tzinfo=UTC), output="first"),
        record("late", at=datetime(2026, 1, 12, tzinfo=UTC)),
        record("undated", at=None),
        record("cut", output=None),
    ]

    found = PeriodRecords.of(logged, FIRST)

    assert [each.id for each in found.records] == ["a", "b", "cut"]
    assert found.records[0].output == "first"
    assert [each.id for each in found.answered] == ["a", "b"]
    assert (found.n_again, found.n_elsewhere, found.n_undated) == (1, 1, 1)


def test_the_hash_of_records_ignores_their_order_and_sees_every_change():
    logged = [record("a"), record("b", rate=0.1)]
    known = PeriodRecords.of(logged, FIRST)

    assert PeriodRecords.of(logged[::-1], FIRST).sha256 == known.sha256
    for changed in ([*logged, record("c")], [record("a", output="bad"), logged[1]]):
        assert PeriodRecords.of(changed, FIRST).sha256 != known.sha256
    assert known.weights == {"a": 1.0, "b": 10.0}


def test_labels_of_several_raters_are_averaged_and_others_records_passed_over(tmp_path):
    path = tmp_path / "labels.jsonl"
    rows = [
        {"id": "a", "label": 1, "rater": "ann"},
        {"id": "a", "label": 0, "rater": "bob"},
        {"case_id": "b", "label": 0, "rater": "ann"},
        {"case_id": "b", "label": 1, "rater": "ann"},
        {"id": "of another week", "label": 0},
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))

    found = read_period_labels(path, [record("a"), record("b")])

    assert found == {"a": 0.5, "b": 1.0}


def test_labels_of_a_spreadsheet_may_be_words(tmp_path):
    path = tmp_path / "labels.csv"
    path.write_text("id,label,rater\na,pass,\nb,Fail,ann\n")

    assert read_period_labels(path, [record("a"), record("b")]) == {"a": 1.0, "b": 0.0}


def test_all_faults_of_a_label_file_are_told_with_their_lines(tmp_path):
    path = tmp_path / "labels.jsonl"
    rows = [
        {"id": "a", "label": "maybe"},
        {"id": "a", "label": 1, "output_sha256": "0" * 64},
        {"id": "cut", "label": 1},
        {"id": "a", "label": 1, "criterion": "Polite"},
        {"id": "a", "label": 3},
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))

    with pytest.raises(ConfigError) as caught:
        read_period_labels(path, [record("a"), record("cut", output=None)])

    assert [problem.where for problem in caught.value.problems] == [
        f"{path}:{line}" for line in range(1, 6)
    ]
    with pytest.raises(ConfigError, match="no file of labels"):
        read_period_labels(tmp_path / "labels.txt", [])


def test_a_label_bound_to_the_output_that_was_logged_counts(tmp_path):
    logged = record("a")
    path = tmp_path / "labels.jsonl"
    path.write_text(json.dumps({"id": "a", "label": 1, "output_sha256": logged.output_sha256}))

    assert read_period_labels(path, [logged]) == {"a": 1.0}


def test_history_is_read_as_it_was_appended(tmp_path):
    path = tmp_path / "history.jsonl"
    first, second = (
        entry(week, [1, 1, 0.5, 0], held_to=offline([1, 0, 1]), weights=[1, 1, 10, 1], labels=[1])
        for week in weeks(2)
    )

    assert read_history(path) == History()
    append_entry(path, first)
    append_entry(path, second)

    assert read_history(path).entries == (first, second)
    assert read_history(path).at(FIRST) == first


def test_lines_of_equal_entries_are_equal_bytes_with_sorted_keys_and_no_text_of_users():
    lines = [entry(FIRST, scores).to_line() for scores in ([1, 0, 1], [0, 1, 1])]

    assert lines[0] == lines[1]
    fields = json.loads(lines[0])
    assert list(fields) == sorted(fields)
    assert lines[0].count("\n") == 1


def test_a_line_that_supersedes_replaces_and_the_earlier_one_stays_in_the_file(tmp_path):
    path = tmp_path / "history.jsonl"
    first = entry(FIRST, [1, 0], is_partial=True)
    second = replace(entry(FIRST, [1, 0, 0]), supersedes=first.id)
    append_entry(path, first)
    append_entry(path, second)

    found = read_history(path)

    assert found.entries == (second,)
    assert found.warnings == ()
    assert path.read_text().splitlines()[0] == first.to_line().strip()


def test_of_two_lines_that_a_merge_left_the_later_counts_with_a_warning(tmp_path):
    path = tmp_path / "history.jsonl"
    one, other = entry(FIRST, [1, 0]), entry(FIRST, [1, 1])
    append_entry(path, one)
    append_entry(path, other)

    found = read_history(path)

    assert found.entries == (other,)
    assert "2026-W02 has two lines" in found.warnings[0]


def test_a_last_line_without_its_end_is_not_run_into(tmp_path):
    path = tmp_path / "history.jsonl"
    first, second = (entry(week, [1, 0]) for week in weeks(2))
    path.write_text("\n" + first.to_line().strip())

    append_entry(path, second)

    assert read_history(path).entries == (first, second)


def test_an_edited_torn_or_foreign_line_is_refused_by_its_number(tmp_path):
    path = tmp_path / "history.jsonl"
    good = entry(FIRST, [1, 0])
    later = json.loads(good.to_line()) | {"schema_version": 2}
    month = entry(Period.of(date(2026, 1, 1), "month"), [1])
    lines = [
        good.to_line(),
        good.to_line().replace('"n_records":2', '"n_records":3'),
        "<<<<<<< HEAD\n",
        "[]\n",
        json.dumps(later) + "\n",
        month.to_line(),
    ]
    path.write_text("".join(lines))

    with pytest.raises(ConfigError) as caught:
        read_history(path)

    found = {problem.where.rpartition(":")[2]: problem for problem in caught.value.problems}
    assert list(found) == ["2", "3", "4", "5", "6"]
    assert "changed after it was written" in found["2"].what
    assert "upgrade" in found["5"].hint
    assert "files of their own" in found["6"].hint


def test_a_line_with_faults_of_form_is_refused(tmp_path):
    path = tmp_path / "history.jsonl"
    good = entry(FIRST, [1, 0])
    # With its own id, as only another program would write it.
    broken = json.loads(good.to_line()) | {"n_records": "many"}
    from evalrunner.production.trend import history

    del broken["id"]
    broken["id"] = history._id_of(broken)
    path.write_text(json.dumps(broken) + "\n")

    with pytest.raises(ConfigError, match="n_records"):
        read_history(path)


def test_a_history_that_cannot_be_written_or_read_is_a_store_error(tmp_path):
    with pytest.raises(StoreError, match="cannot be written"):
        append_entry(tmp_path, entry(FIRST, [1]))
    with pytest.raises(StoreError, match="cannot be read"):
        read_history(tmp_path)


def test_a_period_is_held_to_what_it_or_the_latest_before_it_was_held_to():
    first, second, third, fourth = weeks(4)
    runs = [offline([1, 0], run=f"tickets/r{n}") for n in (1, 2)]
    history = History.of(
        [
            entry(second, [1], held_to=runs[0]),
            entry(third, [1], held_to=runs[1]),
        ]
    )

    found = [history.offline_at(week).run for week in (first, second, third, fourth)]

    assert found == ["tickets/r1", "tickets/r1", "tickets/r2", "tickets/r2"]
    assert History().offline_at(first) is None
