"""The figure of what people prefer: win rates, ratings and criteria met, cell by cell."""

from __future__ import annotations

import csv
import itertools
import re

import pytest
from ballots import asked, pair, rated, rating, vote
from matplotlib.backends.backend_agg import FigureCanvasAgg

from evalrunner.plots import draw_all
from evalrunner.plots.human import MOST_ROWS, has_human, human_figure, write_human_csv
from evalrunner.votes import human_json

WEIRD = ["$\\frac$", "_x", "模型", "\x1b[31mred", "two\nlines", "W" * 130, "<b>&amp;", "🙂"]


def cell(number, label=None, **changes):
    made = {
        "id": number,
        "label": label or f"m{number}",
        "axes": {"dataset": "tickets", "model": f"m{number}"},
        "facet": 0,
        "role": "candidate",
        "n_cases": 40,
        "quality": {"value": 0.5, "low": 0.4, "high": 0.6, "n": 40},
        "slices": {},
        "cost": {"usd_per_1000": None},
        "latency_s": {"p50": None, "p90": None, "p99": None},
        "repeats": None,
        "pareto": {"status": "dominated"},
    }
    return made | changes


def summary(human, *cells):
    return {
        "run": {"name": "tickets", "confidence": 0.95},
        "quality": "exact_match",
        "cells": list(cells) or [cell(n) for n in range(3)],
        "comparisons": [],
        "calibration": [],
        "human": human,
    }


def voted(n_cases=12, n_cells=3):
    """The lower a cell's number, the more often it wins."""
    keys = [
        pair(f"c{n:02}", left=a, right=b)
        for n in range(n_cases)
        for a, b in itertools.combinations(range(n_cells), 2)
    ]
    said = [
        vote(key, "right" if int(key.case_id[1:]) % (2 + key.right) == 0 else "left")
        for key in keys
    ]
    return human_json(asked(keys, said, facets=dict.fromkeys(range(n_cells), 0)), judges={})


def rated_only():
    keys = [rated(f"c{n}", cell=cell) for n in range(8) for cell in range(2)]
    said = [rating(key, "polite", float(key.left or key.case_id > "c3")) for key in keys]
    return human_json(asked(keys, said, criteria={k.task_id: ("polite",) for k in keys}), judges={})


def words(figure):
    return [text.get_text() for text in figure.texts]


def rows_from_top(figure, prefix):
    found = [a for a in figure.get_children() if re.fullmatch(f"{prefix}-[0-9]+", str(a.get_gid()))]
    return [a.get_gid() for a in sorted(found, key=lambda a: -a.get_ydata()[0])]


def x_of(figure, gid):
    (found,) = (a for a in figure.get_children() if a.get_gid() == gid)
    return list(found.get_xdata())


def test_a_run_without_votes_has_no_figure():
    nobody = human_json(asked([pair("c0")], []), judges={})

    assert [has_human(summary(each)) for each in (None, nobody, voted())] == [False, False, True]


def test_the_best_cell_stands_on_top_with_its_intervals():
    human = voted()

    figure = human_figure(summary(human))

    assert rows_from_top(figure, "win rate") == ["win rate-0", "win rate-1", "win rate-2"]
    assert rows_from_top(figure, "rating") == ["rating-0", "rating-1", "rating-2"]
    (low, high), (value,) = (x_of(figure, gid) for gid in ("win rate-0-interval", "win rate-0"))
    assert low < value < high
    assert {"win rate", "rating, Bradley-Terry", "A tie is half a win of each."} <= set(
        words(figure)
    )
    assert "12 cases · 1 rater · 36 answered tasks · 95 % intervals" in words(figure)


def test_ratings_of_single_outputs_have_a_strip_of_their_own():
    figure = human_figure(summary(rated_only()))

    assert rows_from_top(figure, "criteria met") == ["criteria met-1", "criteria met-0"]
    assert "100.0 % (67.6–100.0)" in words(figure)
    assert "win rate" not in words(figure)


def test_a_rating_beyond_the_scale_is_told():
    keys = [pair(f"c{n}", left=a, right=a + 1) for n in range(9) for a in range(3)]
    human = human_json(asked(keys, [vote(key, "left") for key in keys]), judges={})

    figure = human_figure(summary(human, *map(cell, range(4))))

    assert "A rating beyond the scale stands at its end." in words(figure)
    assert any("is an assumption" in text for text in words(figure))


def test_each_facet_is_a_block():
    keys = [pair(f"c{n}", left=a, right=a + 1) for n in range(5) for a in (0, 2)]
    facets = {0: 0, 1: 0, 2: 1, 3: 1}
    human = human_json(asked(keys, [vote(k, "left") for k in keys], facets=facets), judges={})
    cells = [
        cell(n, facet=facets[n], axes={"model": f"m{n % 2}", "judge": f"j{facets[n]}"})
        for n in range(4)
    ]

    found = words(human_figure(summary(human, *cells)))

    assert {"judge: j0", "judge: j1"} <= set(found)


def test_numbers_stand_beside_the_figure(tmp_path):
    made = summary(voted())

    paths = draw_all(made, tmp_path)
    write_human_csv(made, tmp_path / "again.csv")

    assert {"human.png", "human.svg", "human.csv"} <= {path.name for path in paths}
    assert (tmp_path / "human.csv").read_bytes() == (tmp_path / "again.csv").read_bytes()
    with (tmp_path / "human.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    best = made["human"]["win_rates"]["overall"][0]
    assert [row["label"] for row in rows] == ["m0", "m1", "m2"]
    assert float(rows[0]["win_rate"]) == best["win_rate"]["value"]
    assert (rows[0]["wins"], rows[0]["passed"]) == (str(best["wins"]), "")


def test_many_cells_are_cut_and_the_csv_has_all(tmp_path):
    human = voted(n_cases=2, n_cells=MOST_ROWS + 2)
    made = summary(human, *map(cell, range(MOST_ROWS + 2)))

    figure = human_figure(made)
    write_human_csv(made, tmp_path / "human.csv")

    assert f"The first {MOST_ROWS} of {MOST_ROWS + 2} cells; human.csv has all of them." in words(
        figure
    )
    assert len((tmp_path / "human.csv").read_text().splitlines()) == MOST_ROWS + 3


@pytest.mark.parametrize("label", WEIRD)
def test_weird_names_are_drawn_beside_each_other(label):
    figure = human_figure(summary(voted(), cell(0, label), cell(1, label + "2"), cell(2)))

    renderer = FigureCanvasAgg(figure).get_renderer()
    boxes = [text.get_window_extent(renderer) for text in figure.texts if text.get_text()]
    width = figure.get_window_extent().x1
    assert not any(a.overlaps(b) for a, b in itertools.combinations(boxes, 2))
    assert all(box.x0 >= 0 and box.x1 <= width for box in boxes)
