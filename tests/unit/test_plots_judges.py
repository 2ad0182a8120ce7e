"""The figure of judges as instruments: agreement with people against the price of a verdict."""

import csv
import re
from dataclasses import replace

import pytest
from calibrations import CEILING, calibrated, instrument
from matplotlib.backends.backend_agg import FigureCanvasAgg
from pages import cell, estimate

from evalrunner.plots import draw_all
from evalrunner.plots.axes import quality_limits
from evalrunner.plots.judges import has_judges, judges_figure
from evalrunner.plots.points import read_facets


def summary(*instruments, facets=1, **more):
    cells = [
        cell(n, facet=n, axes={"dataset": f"d{n}"}, pareto={"status": "dominated"})
        for n in range(facets)
    ]
    return {
        "run": {"name": "tickets", "confidence": 0.95},
        "quality": "rubric",
        "cells": cells,
        "calibrated": calibrated(instruments, **more),
    }


def words(figure):
    return [text.get_text() for text in (*figure.texts, *figure.axes[0].texts)]


def artist(figure, gid):
    (found,) = (a for a in (*figure.axes[0].lines, *figure.axes[0].texts) if a.get_gid() == gid)
    return found


def place(figure, gid):
    (x, *_), (y, *_) = artist(figure, gid).get_data()
    return float(x), float(y)


def test_a_judge_stands_at_its_price_and_agreement_and_the_frontier_is_drawn():
    cheap = instrument("mild", percent=estimate(0.74, 0.68, 0.79), usd_per_1000_verdicts=price(0.4))
    dear = instrument("strict", percent=estimate(0.86, 0.8, 0.9), usd_per_1000_verdicts=price(4.2))
    beaten = {"status": "dominated"}
    lost = instrument("worse", percent=estimate(0.8), usd_per_1000_verdicts=price(9), pareto=beaten)

    figure = judges_figure(summary(cheap, dear, lost))

    assert place(figure, "point--1") == (0.4, 0.74)
    assert list(artist(figure, "y-interval--2").get_ydata()) == [0.8, 0.9]
    assert list(artist(figure, "staircase-0").get_ydata()) == [0.74, 0.74, 0.86, 0.86]
    assert figure.axes[0].get_xscale() == "log"
    assert {"mild", "strict", "worse"} <= set(words(figure))


def price(usd):
    return estimate(usd, 0.9 * usd, 1.1 * usd)


def test_the_ceiling_is_a_line_with_a_band_that_no_name_lies_on():
    low = instrument(percent=estimate(0.5, 0.4, 0.6))
    near = instrument("mild", percent=estimate(0.915, 0.9, 0.93), usd_per_1000_verdicts=price(2))

    figure = judges_figure(summary(low, near))

    assert set(artist(figure, "ceiling-line").get_ydata()) == {0.92}
    (band,) = (patch for patch in figure.axes[0].patches if patch.get_gid() == "ceiling-band")
    assert (band.get_y(), band.get_y() + band.get_height()) == pytest.approx((0.88, 0.95))
    bottom, top = figure.axes[0].get_ylim()
    assert bottom < 0.4
    assert top > 0.95
    renderer = FigureCanvasAgg(figure).get_renderer()
    line = artist(figure, "ceiling-line").get_window_extent(renderer).y0
    names = [t.get_window_extent(renderer) for t in figure.axes[0].texts]
    assert not any(box.y0 < line < box.y1 for box in names)
    assert any("people with each other" in text for text in words(figure))


def test_an_unknown_ceiling_is_said_and_not_drawn():
    figure = judges_figure(summary(instrument(), ceiling=None))
    unbounded = judges_figure(
        summary(instrument(), ceiling=CEILING | {"percent": estimate(0.9, n=3)})
    )

    gids = {line.get_gid() for line in figure.axes[0].lines}
    assert "ceiling-line" not in gids
    assert "How often people agree with each other is not known." in words(figure)
    assert not any(patch.get_gid() == "ceiling-band" for patch in unbounded.axes[0].patches)
    assert artist(unbounded, "ceiling-line")


def test_judges_without_a_price_are_named_under_the_plot_and_never_at_0(tmp_path):
    unpriced = instrument(
        "local",
        percent=estimate(0.7, 0.64, 0.76),
        usd_per_1000_verdicts=None,
        pareto={"status": "unpriced"},
    )
    made = summary(instrument(), unpriced)

    figure = judges_figure(made)
    draw_all(made, tmp_path)

    assert "point--2" not in {line.get_gid() for line in figure.axes[0].lines}
    assert "No price, not drawn – local: 70.0 % (64.0–76.0)" in words(figure)
    with (tmp_path / "judges.csv").open(encoding="utf-8", newline="") as file:
        first, second = csv.DictReader(file)
    assert (first["judge"], first["usd_per_1000_verdicts"], first["status"]) == (
        "strict",
        "4.2",
        "frontier",
    )
    assert (second["usd_per_1000_verdicts"], second["percent"]) == ("", "0.7")


def test_a_scorer_that_asks_nobody_stands_left_of_the_break():
    free = instrument("exact", scorer="exact", usd_per_1000_verdicts=estimate(0.0))

    figure = judges_figure(summary(instrument(), free))

    x, _ = place(figure, "point--2")
    assert figure.axes[0].xaxis.get_major_formatter()(x) == "$0"
    assert "axis-break-1" in {line.get_gid() for line in figure.axes[0].lines}


def test_without_a_judge_that_has_both_there_is_no_figure(tmp_path):
    unpriced = instrument(usd_per_1000_verdicts=None, pareto={"status": "unpriced"})
    unlabelled = instrument(percent=estimate(None, n=0), pareto={"status": "unpriced"})

    draw_all(summary(unpriced, unlabelled), tmp_path)

    assert not has_judges({"cells": [], "calibrated": None})
    assert not (tmp_path / "judges.svg").exists()


@pytest.mark.parametrize(
    ("changes", "names"),
    [
        (({"member": "opus"}, {"member": None}), {"strict / opus", "strict"}),
        (({"scorer": "tone"}, {}), {"strict · tone", "strict · rubric"}),
        (({"facet": 0}, {"facet": 1}), {"strict · rubric · dataset: d0"}),
    ],
)
def test_judges_are_named_by_no_more_than_tells_them_apart(changes, names):
    figure = judges_figure(summary(*[instrument(**each) for each in changes], facets=2))

    assert names <= set(words(figure))


def test_points_of_judges_are_no_links_to_cells(tmp_path):
    draw_all(summary(instrument(), instrument("mild")), tmp_path)

    svg = (tmp_path / "judges.svg").read_text("utf-8")
    assert 'id="point--1"' in svg
    assert not re.search(r'id="point-\d+"', svg)


def test_foreign_names_are_drawn_as_plain_text(tmp_path):
    """F9."""
    hostile = ["$\\frac$", "\x1b[31mred\ntext", "模型" * 40, "<b>&amp;", "W" * 200, "=1+1"]
    made = summary(*[instrument(name, member=name, model=name) for name in hostile])

    figure = judges_figure(made)
    draw_all(made, tmp_path)

    assert not any(text.get_parse_math() for text in (*figure.texts, *figure.axes[0].texts))
    assert not any("\x1b" in text or "\n" in text for text in words(figure))
    assert "'=1+1" in (tmp_path / "judges.csv").read_text("utf-8")


def test_limits_have_room_for_further_levels():
    (facet,) = read_facets(summary())
    point = replace(facet.points[0], quality=replace(facet.points[0].quality, value=0.5))

    low, high = quality_limits([point], also=[0.05, 0.97])

    assert low < 0.05
    assert high > 0.97
