"""The latency figure: where points stand, what is joined, and what is only in the CSV."""

from __future__ import annotations

import csv
import math

import pytest

from evalrunner.plots import draw_all
from evalrunner.plots.latency import has_latency, latency_figure


def estimate(value):
    return value and {"value": value, "low": value - 0.04, "high": value + 0.04, "n": 100}


def cell(number, label, p90, value, **changes):
    made = {
        "id": number,
        "label": label,
        "axes": {"dataset": "tickets", "model": label},
        "facet": 0,
        "role": "candidate",
        "n_cases": 100,
        "quality": estimate(value),
        "slices": {},
        "cost": {"usd_per_1000": {"value": 1.0, "low": None, "high": None, "n": 100}},
        "latency_s": {"p50": p90 and p90 / 2, "p90": p90, "p99": p90 and 2 * p90},
        "pareto": {"status": "undecided", "probability": 0.4, "tied_with": [0]},
    }
    return made | changes


def summary(*cells):
    return {"run": {"name": "tickets"}, "quality": "exact_match", "cells": list(cells)}


def three():
    return summary(
        cell(0, "fast", 0.2, 0.6), cell(1, "slow", 4.0, 0.9), cell(2, "both worse", 5.0, 0.8)
    )


def artist(figure, gid):
    (found,) = (a for axes in figure.axes for a in axes.lines if a.get_gid() == gid)
    return found


def gids(figure):
    return {str(a.get_gid()) for axes in figure.axes for a in (*axes.lines, *axes.texts)}


def words(figure):
    return [text.get_text() for text in figure.texts]


def test_points_stand_at_the_90th_percentile_with_a_lighter_stroke_to_the_median():
    figure = latency_figure(three())

    stroke, interval = artist(figure, "stroke-1"), artist(figure, "y-interval-1")
    assert artist(figure, "point-1").get_xydata().tolist() == [[4.0, 0.9]]
    assert sorted(stroke.get_xdata()) == [2.0, 4.0]
    assert stroke.get_alpha() < interval.get_alpha()
    assert stroke.get_linewidth() < interval.get_linewidth()
    ticks = [label.get_text() for label in figure.axes[0].get_xticklabels()]
    assert {"200 ms", "2 s"} <= set(ticks)


def test_the_frontier_is_of_latency_and_quality_whatever_that_of_cost_says():
    figure = latency_figure(three())

    assert artist(figure, "staircase-0").get_xydata()[0].tolist() == [0.2, 0.6]
    assert artist(figure, "point-0").get_markerfacecolor() != "#ffffff"
    assert artist(figure, "point-2").get_markerfacecolor() == "#ffffff"
    assert not any(gid.startswith("tie-") for gid in gids(figure))
    assert {"on the frontier", "not on the frontier"} <= set(words(figure))
    assert not any("%" in text.get_text() for text in figure.axes[0].texts)


def test_a_canary_is_never_on_the_frontier():
    canary = cell(3, "gold", 0.1, 1.0, role="canary")

    figure = latency_figure(summary(*three()["cells"], canary))

    assert artist(figure, "staircase-0").get_xydata()[0].tolist() == [0.2, 0.6]
    assert artist(figure, "point-3").get_marker() == "x"


def test_zero_unknown_and_impossible_latencies_have_their_places():
    """F10: 0 in a slot of its own, what is no time listed under the figure."""
    cells = [
        cell(0, "instant", 0.0, 0.5),
        cell(1, "known", 1.0, 0.6),
        cell(2, "replayed", None, 0.7),
        cell(3, "odd", math.nan, 0.8),
        cell(4, "negative", -1.0, 0.9),
    ]

    figure = latency_figure(summary(*cells))

    assert "0 s" in [label.get_text() for label in figure.axes[0].get_xticklabels()]
    assert {"point-0", "point-1"} <= gids(figure)
    assert not gids(figure) & {"point-2", "point-3", "point-4"}
    listed = "No latency, not drawn – replayed: 70.0 % (66.0–74.0), odd: 80.0 % (76.0–84.0),"
    assert any(text.startswith(listed) for text in words(figure))


@pytest.mark.parametrize("facets", [1, 2])
def test_forty_cells_are_all_named_without_overlap(facets):
    cells = [
        cell(i, f"model {i % 10} prompt {i // 10}", 0.5 + math.sin(i) / 3, 0.7 + math.cos(i) / 9)
        | {"facet": i % facets}
        for i in range(40)
    ]

    figure = latency_figure(summary(*cells))

    names = [
        text
        for axes in figure.axes
        for text in axes.texts
        if str(text.get_gid()).startswith("name-")
    ]
    boxes = [text.get_window_extent() for text in names]
    assert len(boxes) == 40
    assert not any(a.overlaps(b) for i, a in enumerate(boxes) for b in boxes[:i])


def test_without_a_latency_there_is_no_figure(tmp_path):
    nothing = summary(cell(0, "replayed", None, 0.7), cell(1, "unscored", 1.0, None))

    draw_all(nothing, tmp_path)

    assert not has_latency(nothing)
    assert not list(tmp_path.glob("latency.*"))


def test_csv_holds_all_three_quantiles_and_cells_without_a_place(tmp_path):
    draw_all(summary(cell(0, "=SUM(1)", 1.0, 0.5), cell(1, "b", None, 0.6)), tmp_path)

    with (tmp_path / "latency.csv").open(encoding="utf-8", newline="") as file:
        header, first, second = csv.reader(file)
    assert header[:6] == ["facet", "cell", "label", "p50_s", "p90_s", "p99_s"]
    assert first == ["0", "0", "'=SUM(1)", "0.5", "1.0", "2.0", "0.5", "0.46", "0.54", "100"]
    assert second[2:7] == ["b", "", "", "", "0.6"]
