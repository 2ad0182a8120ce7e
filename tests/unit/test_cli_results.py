"""The screen at the end of a run: its order, and its table in terminals of any width."""

from __future__ import annotations

import re
import sys

import pytest
from calibrations import calibrated, entry
from rich.cells import cell_len

from evalrunner.cli.results import results
from evalrunner.cli.screens import ending_lines
from evalrunner.runner import Ending

HOSTILE = "[/foo]\x1b]52;c;aGk=\x07\x1b[2J|\u202eevil"
FLAG = {
    "code": "judge_inflation",
    "severity": "red",
    "cell": None,
    "message": "rubric: answers that must fail pass: empty 9 of 20",
    "evidence": {"facet": 0, "scorer": "rubric"},
    "remedy": "take a stricter judge",
}


def estimate(value, low, high, n=400):
    return {"value": value, "low": low, "high": high, "n": n, "method": "wilson"}


def cell_of(place, label, **changes):
    cost = {"usd_per_1000": estimate(0.0954, 0.0843, 0.106), "usd_spent": 0.5, "estimated": False}
    return {
        "id": place,
        "label": label,
        "facet": 0,
        "role": "candidate",
        "quality_name": "exact",
        "quality": estimate(0.9 - place / 1000, 0.8, 0.95),
        "cost": cost | {"usd_spent_at_least": 0.5},
        "latency_s": {"p50": 0.0958},
        "n_error": 2,
        "n_skipped": 0,
        "n_unscored": 1,
        "retried": {"n": 0, "quality_without": None},
        "judging": {},
        "pareto": {"status": "undecided" if place else "frontier"},
    } | changes


def summary_of(*cells, flags=(), because="Use it: the best and the cheapest"):
    entry = {"facet": 0, "cell": 0, "because": because, "monthly_usd": None}
    return {
        "run": {"possibly_billed": 0},
        "cells": list(cells),
        "comparisons": [],
        "judging": None,
        "recommendations": [entry | {"next_cheaper": None, "steps": []}],
        "flags": list(flags),
    }


@pytest.fixture
def shown(capsys, monkeypatch):
    """What is printed to a terminal so many columns wide, line by line, without styles."""

    def show(summary, columns):
        monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
        monkeypatch.setenv("COLUMNS", str(columns))
        monkeypatch.setenv("TERM", "xterm")
        results(summary)
        return re.sub(r"\x1b\[[0-9;]*m", "", capsys.readouterr().out).split("\n")

    return show


LABEL = "claude_haiku_5_5/prompt=stepwise,temperature=0.7,judge=strict"
"""Longer than half a narrow terminal."""


@pytest.mark.parametrize("columns", [60, 80, 100, 160])
def test_table_has_a_line_a_cell_at_any_width(shown, columns):
    lines = shown(summary_of(cell_of(0, LABEL), cell_of(1, f"{LABEL}2")), columns)

    place = next(n for n, line in enumerate(lines) if line.startswith("cell "))
    rows = lines[place + 1 : place + 3]
    assert all("%" in row and "(80.0–95.0)" in row for row in rows)
    assert [row.split()[0][-3:] for row in rows] == ["ict", "ct2"]
    assert max(map(cell_len, lines)) <= columns


def test_narrow_table_keeps_quality_cost_and_what_is_missing(shown):
    lines = shown(summary_of(cell_of(0, LABEL), cell_of(1, "b")), 80)

    header, row, *_ = lines[lines.index("") + 1 :]
    assert header.split()[:5] == ["cell", "quality", "$", "/", "1,000"]
    assert "$0.0954" in row
    assert "(0.0843" not in row
    assert "  3" in row


def test_wide_table_tells_everything(shown):
    lines = shown(summary_of(cell_of(0, LABEL), cell_of(1, "b")), 160)

    row = next(line for line in lines if line.startswith(LABEL))
    assert row.split("  ")[0] == LABEL
    for text in ("$0.0954 (0.0843–0.106)", "95.8 ms", "400", "2 error, 1 unscored", "frontier"):
        assert text in row


def test_many_cells_are_cut_and_counted(shown):
    cells = [cell_of(n, f"m{n}") for n in range(75)]

    lines = shown(summary_of(*cells), 160)

    assert "… and 15 more cells, in summary.csv" in lines
    assert not [line for line in lines if line.startswith("m60 ")]


def test_verdict_table_and_flags_come_in_this_order(shown):
    lines = shown(summary_of(cell_of(0, "a"), cell_of(1, "b"), flags=[FLAG]), 100)

    starts = [line.split(" ")[0] for line in lines]
    assert starts.index("Use") < starts.index("cell") < starts.index("red")


def test_message_of_a_flag_is_told_once(shown):
    because = f"No recommendation: red flag judge_inflation: {FLAG['message']}"

    text = "\n".join(
        shown(summary_of(cell_of(0, "a"), cell_of(1, "b"), flags=[FLAG], because=because), 200)
    )

    assert "No recommendation: red flag judge_inflation, see the flags" in text
    assert text.count("answers that must fail pass") == 1


def test_foreign_text_is_inert_everywhere(shown):
    """F3."""
    flag = FLAG | {"message": HOSTILE, "remedy": HOSTILE}

    text = "\n".join(shown(summary_of(cell_of(0, HOSTILE), flags=[flag], because=HOSTILE), 300))

    assert "\x1b" not in text
    assert "\x07" not in text
    assert "\u202e" not in text
    assert text.count(r"[/foo]\x1b]52;c;aGk=\x07") >= 3


@pytest.mark.parametrize(("usd_spent", "said"), [(0.5, "spent: $1.00"), (None, "spent: ≥ $1.00")])
def test_what_was_spent_is_a_lower_bound_where_prices_are_unknown(usd_spent, said):
    unpriced = cell_of(1, "b")
    unpriced["cost"] = unpriced["cost"] | {"usd_spent": usd_spent}

    line = next(ending_lines(summary_of(cell_of(0, "a"), unpriced), Ending(), "outputs/x"))

    assert line == f"quality: exact · {said}"


@pytest.mark.parametrize("columns", [80, 140])
def test_corrected_scores_stand_beside_the_raw_ones_at_any_width(shown, columns):
    corrected = cell_of(0, LABEL, corrected=estimate(0.81, 0.74, 0.87, n=60))

    lines = shown(summary_of(corrected, cell_of(1, "b", corrected=None)), columns)

    place = next(n for n, line in enumerate(lines) if line.startswith("cell "))
    assert lines[place].split()[:3] == ["cell", "quality", "corrected"]
    assert "90.0 % (80.0–95.0)  81.0 % (74.0–87.0)" in lines[place + 1]
    assert max(map(cell_len, lines)) <= columns


def test_without_corrected_scores_there_is_no_such_column(shown):
    lines = shown(summary_of(cell_of(0, LABEL), cell_of(1, "b")), 80)

    assert "corrected" not in "\n".join(lines)


def test_what_people_say_of_judges_comes_last(shown):
    people = {"calibration": [entry()], "calibrated": calibrated()}
    summary = summary_of(cell_of(0, "a"), cell_of(1, "b"), flags=[FLAG]) | people
    summary["run"]["confidence"] = 0.95

    lines = shown(summary, 200)

    starts = [line.split(":")[0] for line in lines]
    assert starts.index("red judge_inflation") < starts.index("judge strict, rubric")
