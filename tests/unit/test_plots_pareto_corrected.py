"""The Pareto figure of corrected scores: filled where corrected, hollow as the judge says."""

import csv
import re

import pytest
from matplotlib.colors import to_hex
from pages import cell, estimate

from evalrunner.plots import draw_all
from evalrunner.plots.colors import COLORS
from evalrunner.plots.pareto import pareto_figure
from evalrunner.plots.pareto_corrected import has_corrected, pareto_corrected_figure


def priced(number, usd, raw, corrected=None, **changes):
    return cell(
        number,
        quality=estimate(raw, raw - 0.05, raw + 0.05),
        corrected=corrected and estimate(corrected, corrected - 0.08, corrected + 0.08, n=60),
        cost={"usd_per_1000": usd and estimate(usd), "estimated": False},
        pareto={"status": "frontier"},
        **changes,
    )


def summary(*cells, **changes):
    made = {"run": {"name": "tickets", "confidence": 0.95}, "quality": "rubric"}
    return made | {"cells": list(cells), "recommendations": []} | changes


def flattered():
    """The dearer one is better by the judge, and worse by people."""
    return summary(priced(0, 0.1, 0.8, 0.75), priced(1, 1.0, 0.9, 0.7), priced(2, 3.0, 0.85))


def artist(figure, gid, panel=0):
    (found,) = (line for line in figure.axes[panel].lines if line.get_gid() == gid)
    return found


def places(figure, gid):
    return [list(map(float, values)) for values in artist(figure, gid).get_data()]


def gids(figure):
    return {line.get_gid() for axes in figure.axes for line in axes.lines if line.get_gid()}


def words(figure):
    return [text.get_text() for text in (*figure.texts, *figure.axes[0].texts)]


def test_corrected_scores_are_filled_and_joined_to_the_hollow_raw_ones():
    figure = pareto_corrected_figure(flattered())

    assert places(figure, "point-0") == [[0.1], [0.75]]
    assert places(figure, "raw-0") == [[0.1], [0.8]]
    assert places(figure, "join-0") == [[0.1, 0.1], [0.75, 0.8]]
    assert places(figure, "y-interval-0")[1] == pytest.approx([0.67, 0.83])
    fills = {
        name: to_hex(artist(figure, name).get_markerfacecolor())
        for name in gids(figure)
        if name.startswith(("point", "raw"))
    }
    hollow = {name for name, color in fills.items() if color == COLORS["paper"]}
    assert hollow == {"raw-0", "raw-1", "point-2"}


def test_the_frontier_is_of_corrected_points_alone():
    figure = pareto_corrected_figure(flattered())

    # By the judge 1 and 2 were on it; what was not corrected cannot be.
    assert places(figure, "staircase-0")[1] == [0.75, 0.75]
    assert any(
        text.startswith("The frontier goes by the corrected points") for text in words(figure)
    )
    assert "Too few labels to be corrected, hollow – m2" in words(figure)


def test_axes_and_names_are_those_of_the_pareto_figure():
    made = flattered()

    raw, corrected = pareto_figure(made), pareto_corrected_figure(made)

    assert corrected.axes[0].get_xlim() == raw.axes[0].get_xlim()
    assert {"m0", "m1", "m2"} <= set(words(corrected))
    assert corrected.axes[0].get_ylabel() == f"{raw.axes[0].get_ylabel()}, corrected"
    low, high = corrected.axes[0].get_ylim()
    assert low < 0.62
    assert high > 0.9


def test_the_ring_is_around_what_corrected_scores_recommend():
    choice = {"cell": 0, "because": "", "is_same": False}
    entry = {"facet": 0, "cell": 1, "corrected": choice}
    older = {"facet": 0, "cell": 1}

    ringed = gids(pareto_corrected_figure(flattered() | {"recommendations": [entry]}))
    bare = gids(pareto_corrected_figure(flattered() | {"recommendations": [older]}))

    assert "recommended-0" in ringed
    assert not {"recommended-1"} & (ringed | bare)


def test_it_is_drawn_only_where_a_score_was_corrected(tmp_path):
    raw = summary(priced(0, 0.1, 0.8), cell(1, pareto={"status": "unpriced"}))

    draw_all(raw, tmp_path)

    assert not has_corrected(raw)
    assert not has_corrected(summary(priced(0, None, 0.8, 0.7)))
    assert not (tmp_path / "pareto_corrected.svg").exists()


def test_facets_without_a_corrected_score_are_left_out():
    made = summary(
        priced(0, 0.1, 0.8, 0.7, axes={"judge": "a"}),
        priced(1, 0.1, 0.8, facet=1, axes={"judge": "b"}),
    )

    figure = pareto_corrected_figure(made)

    assert len(figure.axes) == 1
    assert "point-1" not in gids(figure)


def test_csv_has_both_scores_and_uncorrected_cells(tmp_path):
    draw_all(flattered(), tmp_path)

    with (tmp_path / "pareto_corrected.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["quality"], row["raw"], row["status"]) for row in rows] == [
        ("0.75", "0.8", "frontier"),
        ("0.7", "0.9", "dominated"),
        ("0.85", "", "dominated"),
    ]
    assert (tmp_path / "pareto_corrected.png").stat().st_size > 0


def test_every_colour_has_a_role(tmp_path):
    draw_all(flattered(), tmp_path)

    svg = (tmp_path / "pareto_corrected.svg").read_text("utf-8")
    assert set(re.findall("#[0-9a-fA-F]{6}", svg)) <= set(COLORS.values())
    ids = re.findall(r' id="([^"]+)"', svg)
    assert len(ids) == len(set(ids))
