"""The progress of a run: what is counted, what is said of it, and how it fits a terminal."""

from __future__ import annotations

import io
import sys
from decimal import Decimal

import pytest
from rich.cells import cell_len
from rich.console import Console

from evalrunner.cli.display import is_live, progress_line, show_progress
from evalrunner.cli.display.live import LiveView
from evalrunner.cli.widths import fitted
from evalrunner.runner import Cap, CellProgress, Door, Progress
from evalrunner.stats import mean_interval, wilson_interval
from evalrunner.types import Score, Status

HOSTILE = "[/foo]\x1b]52;c;aGk=\x07"


class _Clock:
    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


def cell_of(label="m", *, done=0, planned=10, errors=0, kind="timeout", quality=1.0, **more):
    """A cell with so many answers, the last ones failed."""
    cell = CellProgress(label=label, planned=planned, **more)
    progress = Progress({0: cell})
    for n in range(done):
        is_bad = n >= done - errors
        progress.count(
            0,
            status=Status.ERROR if is_bad else Status.OK,
            error_kind=kind if is_bad else None,
            quality=None if is_bad else Score(value=quality),
        )
    return cell


def progress_of(*cells, **more):
    progress = Progress(dict(enumerate(cells)), clock=_Clock())
    for name, value in more.items():
        setattr(progress, name, value)
    return progress


def screen(progress, *, columns=100, rows=24):
    """The lines of the live view."""
    file = io.StringIO()
    console = Console(file=file, width=columns, height=rows, force_terminal=True, no_color=True)
    console.print(LiveView(progress))
    lines = file.getvalue().replace("\x1b[2m", "").replace("\x1b[0m", "").split("\n")
    assert all(cell_len(line) <= columns for line in lines), lines
    return lines[:-1]


# --- what is counted ----------------------------------------


def test_quality_so_far_of_passes_is_their_wilson_interval():
    cell = cell_of(done=8)
    for _ in range(2):
        cell.count(0.0)

    assert cell.quality(level=0.95) == wilson_interval(8, 10, level=0.95)


def test_quality_so_far_of_grades_is_their_t_interval():
    cell, grades = cell_of(), [0.2, 0.5, 0.9, 0.4]
    for grade in grades:
        cell.count(grade)

    found = cell.quality(level=0.9)

    expected = mean_interval(grades, level=0.9)
    assert (found.value, found.low, found.high) == pytest.approx(
        (expected.value, expected.low, expected.high)
    )


def test_repeats_make_the_interval_so_far_no_narrower():
    once, thrice = cell_of(done=10), cell_of(done=30, planned=30, repeats=3)

    assert thrice.quality(level=0.95).low == pytest.approx(once.quality(level=0.95).low)


@pytest.mark.parametrize(("grades", "value"), [([], None), ([0.5], 0.5)])
def test_quality_so_far_has_no_interval_without_observations(grades, value):
    cell = cell_of()
    for grade in grades:
        cell.count(grade)

    found = cell.quality(level=0.95)

    assert (found.value, found.low, found.high) == (value, None, None)


def test_time_left_follows_the_latest_speed():
    """A hundred cached answers in the first second say nothing about those that are asked for."""
    progress = progress_of(cell_of(planned=1000))
    for second in range(120):
        progress.clock.now = float(second)
        progress.cells[0].done += 100 if second == 0 else 1
        progress.mark()

    assert progress.eta_s == pytest.approx(1000 - 219, rel=0.05)


def test_what_an_earlier_session_did_is_done_and_not_counted_as_speed():
    progress = progress_of(cell_of(done=2, planned=10, already_done=6))
    progress.clock.now = 4.0

    assert (progress.done, progress.eta_s) == (8, 4.0)


# --- what is said ----------------------------------------


def test_line_before_the_first_answer():
    assert progress_line(progress_of(cell_of())) == "0/10 · $0"


def test_line_says_quality_with_interval_spending_and_time_left():
    progress = progress_of(cell_of(done=4), spent_usd=Decimal("1.25"))
    progress.clock.now = 8.0

    line = progress_line(progress)

    assert line == "4/10 · quality 100.0 % (51.0–100.0) · $1.25 · ETA 12.0 s"


def test_line_says_how_much_of_the_budget_is_spent():
    progress = progress_of(cell_of(), spent_usd=Decimal("0.5"), budget_usd=Decimal(2))

    assert progress_line(progress) == "0/10 · $0.50 of $2.00 (25 %)"


def test_spending_is_a_lower_bound_while_calls_have_no_price():
    progress = progress_of(cell_of(done=2), spent_usd=Decimal("0.5"), unpriced=3)

    assert "≥ $0.50 (3 calls unpriced)" in progress_line(progress)


def test_line_counts_errors_by_kind():
    cells = cell_of(done=3, errors=3), cell_of("b", done=2, errors=1, kind="overloaded")

    assert "errors: 3 timeout, 1 overloaded" in progress_line(progress_of(*cells))


def test_line_tells_requests_under_way_and_how_the_limit_was_cut():
    doors = [Door(model="gpt", in_flight=9, limit=12, was=16)]

    line = progress_line(progress_of(cell_of(), doors=doors))

    assert "9 in flight, limit 12, was 16 before a rate limit" in line


def test_line_tells_which_models_limit_was_cut_where_there_are_several():
    doors = [
        Door(model=HOSTILE, in_flight=9, limit=12, was=16),
        Door(model="b", in_flight=1, limit=4),
    ]

    line = progress_line(progress_of(cell_of(), doors=doors))

    assert "10 in flight, limit 16, was 20 before a rate limit of [/foo]\\x1b]52" in line


def test_line_tells_what_it_waits_for_in_place_of_the_time_left():
    doors = [Door(model="gpt", in_flight=0, limit=12, was=16, resumes_s=14.2)]
    progress = progress_of(cell_of(done=2), doors=doors, waiting=f"batch {HOSTILE}: 1/4 done")

    line = progress_line(progress)

    assert "waiting: rate limit of gpt, resumes in 14 s" in line
    assert "waiting: batch [/foo]\\x1b]52;c;aGk=\\x07: 1/4 done" in line
    assert "ETA" not in line


def test_pauses_that_nobody_notices_are_not_told():
    doors = [Door(model="gpt", in_flight=1, limit=12, resumes_s=0.4)]

    assert "waiting" not in progress_line(progress_of(cell_of(), doors=doors))


def test_line_of_many_cells_tells_the_range_of_their_quality():
    cells = [cell_of(str(n), done=5, quality=float(n > 0)) for n in range(5)]

    assert "quality 0.0 % to 100.0 % over 5 cells" in progress_line(progress_of(*cells))


def test_stopping_run_says_how_to_stop_at_once():
    line = progress_line(progress_of(cell_of(done=1), is_stopping=True))

    assert "stopping" in line
    assert "Ctrl-C again" in line


# --- how it is shown ----------------------------------------


@pytest.mark.parametrize(
    ("isatty", "environ", "live"),
    [
        (True, {"TERM": "xterm"}, True),
        (True, {}, True),
        (True, {"CI": "false"}, True),
        (True, {"CI": "true"}, False),
        (True, {"TERM": "dumb"}, False),
        (False, {"TERM": "xterm"}, False),
    ],
)
def test_view_is_live_only_where_somebody_watches(isatty, environ, live):
    stream = io.StringIO()
    stream.isatty = lambda: isatty

    assert is_live(stream, environ) is live


def test_off_a_terminal_are_plain_lines(capsys):
    with show_progress(progress_of(cell_of(done=10))):
        pass

    said = capsys.readouterr()
    assert said.out == ""
    assert said.err == "10/10 · $0\n"


def test_budget_that_is_nearly_spent_is_warned_of_once(capsys):
    caps = [
        Cap(name="run.budget_usd", spent=Decimal("4.1"), limit=Decimal(5)),
        Cap(name="limits.budget_usd of gpt", spent=Decimal(1), limit=Decimal(5)),
    ]

    with show_progress(progress_of(cell_of(done=10), caps=caps)):
        pass

    warning, line = capsys.readouterr().err.splitlines()
    assert warning.startswith("warning: 82 % of run.budget_usd is spent ($4.10 of $5.00)")
    assert line.startswith("10/10")


def test_live_view_is_replaced_by_one_line(capsys, monkeypatch):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("CI", raising=False)

    with show_progress(progress_of(cell_of(done=5))):
        pass

    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.split("\x1b[2K")[-1] == "5/10 · $0\n"


def test_each_cell_has_a_row_with_bar_quality_and_errors():
    lines = screen(progress_of(cell_of("luna", done=5, errors=1), cell_of("haiku")))

    assert lines[0].split() == [
        *("luna", "━" * 16, "5/10", "100.0", "%", "(51.0–100.0)", "1", "timeout"),
    ]
    assert lines[1].split() == ["haiku", "━" * 16, "0/10"]
    assert lines[2].startswith("5/20 · $0")


def test_labels_cannot_steer_the_view():
    """F3."""
    lines = screen(progress_of(cell_of(HOSTILE, done=1, errors=1, kind=HOSTILE)))

    assert "[/foo]\\x1b]52;c;aGk=\\x07" in lines[0]
    assert "\x1b" not in "".join(lines)


def test_what_does_not_fit_is_counted_and_who_is_at_work_is_shown():
    cells = [
        cell_of(f"cell{n}", done=10 if n < 5 else 3 if n == 17 else 0, planned=10)
        for n in range(30)
    ]

    lines = screen(progress_of(*cells), rows=12)

    assert lines[0].startswith("cell17")
    assert lines[-2] == f"… {30 - (len(lines) - 2)} more cells, 5 done"
    assert len(lines) <= 11


@pytest.mark.parametrize(
    ("columns", "has_bar", "has_quality"),
    [(120, True, True), (80, True, True), (60, False, True), (40, False, False)],
)
def test_narrow_terminals_leave_out_what_has_no_room(columns, has_bar, has_quality):
    cell = cell_of("gpt_6_luna · prompt=stepwise", done=300, planned=1000, errors=2)
    doors = [Door(model="gpt", in_flight=0, limit=12, was=16, resumes_s=14.2)]

    text = "\n".join(screen(progress_of(cell, doors=doors), columns=columns))

    assert ("━" in text) is has_bar
    assert ("(98.7–100.0)" in text) is has_quality
    assert "300/1,000" in text
    assert "in 14 s" in text.replace("\n", " ")


@pytest.mark.parametrize(
    ("text", "width", "expected"),
    [
        ("short", 5, "short"),
        ("model/prompt_a", 9, "mode…pt_a"),
        ("模型名前", 5, "模…前"),
        ("abc", 2, "ab"),
    ],
)
def test_labels_are_cut_in_the_middle(text, width, expected):
    assert fitted(text, width) == expected
