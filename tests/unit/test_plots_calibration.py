"""The figure of judges against people: a row for each cell, and for all of them together."""

import csv
import re

from calibrations import entry, refused
from matplotlib.backends.backend_agg import FigureCanvasAgg
from pages import cell, estimate

from evalrunner.plots import draw_all
from evalrunner.plots.calibration import calibration_figure, has_calibration

NOTHING = estimate(None, n=0)


def summary(*entries, cells=3):
    return {
        "run": {"name": "tickets", "confidence": 0.95},
        "quality": "rubric",
        "cells": [
            cell(n, pareto={"status": "dominated"}, facet=n // 3, axes={"judge": f"j{n // 3}"})
            for n in range(cells)
        ],
        "calibration": list(entries),
    }


def words(figure):
    return [text.get_text() for text in figure.texts]


def gids(figure):
    return {str(artist.get_gid()) for artist in figure.get_children()}


def place(figure, gid):
    (found,) = (artist for artist in figure.get_children() if artist.get_gid() == gid)
    (x, *_), (y, *_) = found.get_data()
    return float(x), float(y)


def test_a_judges_errors_and_all_scores_of_a_cell_share_a_row():
    figure = calibration_figure(summary(entry(0)))

    names = ["sensitivity", "specificity", "kappa", "inflation", "raw", "corrected", "rogan-gladen"]
    assert len({place(figure, f"{name}-0")[1] for name in names}) == 1
    # The raw score is 69 %, the corrected ones 61 % and 60 %.
    x = [place(figure, f"{name}-0")[0] for name in ("rogan-gladen", "corrected", "raw")]
    assert x == sorted(x)
    assert "m0  n=120" in words(figure)
    assert any("judge: strict" in text for text in words(figure))
    assert any("Inflation: the judge's mean score above people's" in t for t in words(figure))


def test_all_cells_together_come_first_in_their_facet():
    rows = [entry(), entry(0), entry(judge="mild", facet=1), entry(3, judge="mild", facet=1)]

    figure = calibration_figure(summary(*rows, cells=6))

    shown = [text for text in words(figure) if "  n=" in text]
    assert shown == ["all cells  n=120", "m0  n=120", "all cells  n=120", "m3  n=120"]
    assert {"judge: j0", "judge: j1"} <= set(words(figure))
    assert {"raw-0", "sensitivity-0"} <= gids(figure)
    assert "corrected-0" not in gids(figure)


def test_members_of_a_panel_are_drawn_as_a_whole_and_named():
    rows = [entry(), entry(member="opus"), entry(0), entry(0, member="opus")]

    shown = [text for text in words(calibration_figure(summary(*rows))) if "  n=" in text]

    assert shown == [
        "all cells · strict  n=120",
        "all cells · strict / opus  n=120",
        "m0  n=120",
    ]


def test_scorers_of_a_judge_are_told_apart():
    figure = calibration_figure(summary(entry(0), entry(0, scorer="tone")))

    assert {"m0 · strict / rubric  n=120", "m0 · strict / tone  n=120"} <= set(words(figure))


def test_a_refused_cell_shows_the_judges_score_alone(tmp_path):
    made = summary(entry(0), refused(1, kappa=NOTHING))

    figure = calibration_figure(made)
    draw_all(made, tmp_path)

    assert {"raw-1", "sensitivity-1"} <= gids(figure)
    assert not gids(figure) & {"corrected-1", "rogan-gladen-1", "kappa-1"}
    with (tmp_path / "calibration.csv").open(encoding="utf-8", newline="") as file:
        first, second = csv.DictReader(file)
    assert (first["corrected"], second["corrected"], second["kappa"]) == ("0.61", "", "")
    assert (second["judge"], second["member"], second["label"], second["raw"]) == (
        "strict",
        "",
        "m1",
        "0.69",
    )


def test_a_graded_judge_has_no_second_opinion():
    graded = calibration_figure(summary(entry(0, corrected_rogan_gladen=None)))
    decided = calibration_figure(summary(entry(0)))

    assert "corrected by Rogan and Gladen" in words(decided)
    assert "corrected by Rogan and Gladen" not in words(graded)


def test_nothing_known_is_not_drawn():
    names = ("sensitivity", "specificity", "kappa", "inflation", "corrected")
    nothing = entry(0, corrected_rogan_gladen=None) | dict.fromkeys(names, NOTHING)

    assert not has_calibration(summary())
    assert not has_calibration(summary(nothing))
    assert not has_calibration(summary(entry(0, member="opus")))
    assert has_calibration(summary(entry(0)))


def test_of_many_calibrations_the_first_are_drawn_and_the_rest_is_counted():
    made = summary(*[entry(n, facet=n // 3) for n in range(50)], cells=50)

    figure = calibration_figure(made)

    assert "sensitivity-39" in gids(figure)
    assert "sensitivity-40" not in gids(figure)
    assert any(re.match(r"The first 40 of 50 rows", text) for text in words(figure))


def test_foreign_names_are_drawn_as_plain_text_and_fit():
    """F9."""
    rows = [entry(0, judge="$\\x$" * 30), entry(0, judge="\x1b[31mred\n" * 9, member="W" * 90)]
    rows += [entry(judge="模型", member="_x"), entry(judge="<b>&amp;")]

    figure = calibration_figure(summary(*rows))

    renderer = FigureCanvasAgg(figure).get_renderer()
    width = figure.get_window_extent().x1
    boxes = [text.get_window_extent(renderer) for text in figure.texts]
    assert all(box.x0 >= 0 and box.x1 <= width for box in boxes)
    assert not any(text.get_parse_math() for text in figure.texts)
    assert not any("\x1b" in text or "\n" in text for text in words(figure))
