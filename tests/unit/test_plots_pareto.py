"""The Pareto figure: what its artists say of position, words and room."""

from __future__ import annotations

import csv
import itertools
import json
import math
import re
import subprocess
import sys
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.transforms import Bbox

import evalrunner.plots
from evalrunner.errors import StoreError
from evalrunner.plots import draw_all
from evalrunner.plots.axes import log_axis, quality_limits
from evalrunner.plots.colors import COLORS
from evalrunner.plots.pareto import pareto_figure
from evalrunner.plots.points import read_facets, staircase
from evalrunner.plots.style import PAPER

WEIRD = {
    "$\\frac$ and $x$": "$\\frac$ and $x$",
    "_hidden": "_hidden",
    "模型一号": "□□□□ #2",
    "模型二号": "□□□□ #3",
    "\x1b[31mred\x1b[0m": "[31mred[0m",
    "=HYPERLINK(1)": "=HYPERLINK(1)",
    "two\nlines\tand tab": "two lines and tab",
    "\u202ertl\x00": "rtl",
    "": "#8",
    "x" * 130: "x" * 18 + "…" + "x" * 17,
    "x" * 129 + "y": "x" * 18 + "…" + "x" * 16 + "y",
    "<b>&amp;--></b>": "<b>&amp;--></b>",
}


def estimate(value, low=None, high=None, n=308):
    return None if value is None else {"value": value, "low": low, "high": high, "n": n}


def cell(number, label, cost, value, **changes):
    """A cell as in summary.json, with intervals of 4 points and 5 % of the cost."""
    spread = estimate(cost, cost and 0.95 * cost, cost and 1.05 * cost)
    known = estimate(value, value and value - 0.04, value and min(1, value + 0.04))
    made = {
        "id": number,
        "label": label,
        "axes": {"dataset": "tickets", "model": label, "prompt": "plain", "judge": "none"},
        "facet": 0,
        "role": "candidate",
        "n_cases": 308,
        "quality": known,
        "slices": {},
        "cost": {"usd_per_1000": spread, "estimated": False},
        "pareto": {"status": "unpriced" if cost is None else "dominated"},
    }
    return made | changes


def summary(*cells, **run):
    """A summary whose frontier is marked as `summary` would."""
    for one in cells:
        one["pareto"] = {"status": status_of(one, cells)}
    return {"run": {"name": "tickets", **run}, "quality": "exact_match", "cells": list(cells)}


def status_of(one, cells):
    if one["role"] == "canary" or one["pareto"]["status"] in {"undecided", "unpriced"}:
        return one["pareto"]["status"]
    rivals = [
        c
        for c in cells
        if c["facet"] == one["facet"] and c["role"] == "candidate" and c["quality"] and price(c)
    ]
    cost, quality = price(one), one["quality"] and one["quality"]["value"]
    beaten = any(
        price(c)["value"] <= cost["value"]
        and c["quality"]["value"] >= quality
        and (price(c)["value"], c["quality"]["value"]) != (cost["value"], quality)
        for c in rivals
        if quality is not None
    )
    return "dominated" if beaten or quality is None else "frontier"


def price(one):
    return one["cost"]["usd_per_1000"]


def three():
    return summary(
        cell(0, "GPT-6 luna", 0.42, 0.81),
        cell(1, "Claude Haiku 5", 0.9, 0.79),
        cell(2, "Claude Opus 5.5", 6.1, 0.93),
    )


def forty(*, spread=1.0):
    """Ten models and four prompts; a small `spread` puts all of them into one corner."""
    models = ["gpt_6", "gpt_mini", "opus", "haiku", "mistral"]
    models += ["llama_70b", "qwen_3", "gemma_9", "deepseek", "phi_5"]
    prompts = ["plain", "few_shot", "chain_of_thought", "rubric_first"]
    cells = []
    for i, (model, prompt) in enumerate(itertools.product(models, prompts)):
        cost = 10 ** (spread * (1.7 * math.sin(3.1 * (i // 4)) + 0.2 * (i % 4)))
        quality = 0.75 + spread * (0.13 * math.cos(1.7 * (i // 4)) + 0.02 * (i % 4))
        made = cell(i, f"{model} · {prompt}", cost, quality)
        made["axes"] |= {"model": model, "prompt": prompt}
        cells.append(made)
    return summary(*cells)


def artist(axes, gid):
    found = [a for a in (*axes.lines, *axes.texts) if a.get_gid() == gid]
    assert len(found) == 1, f"{len(found)} artists called {gid}"
    return found[0]


def place(axes, number):
    (x,), (y,) = artist(axes, f"point-{number}").get_data()
    return float(x), float(y)


def has(axes, gid):
    return any(a.get_gid() == gid for a in (*axes.lines, *axes.texts))


def names(axes):
    return [text for text in axes.texts if str(text.get_gid()).startswith("name-")]


def words(figure):
    return [text.get_text() for text in figure.texts]


def boxes_of(figure):
    """Bounding boxes of all names, and of everything that they must not cover."""
    renderer = FigureCanvasAgg(figure).get_renderer()
    labels, others = [], []
    for axes in figure.axes:
        labels += [text.get_window_extent(renderer) for text in names(axes)]
        for line in axes.lines:
            gid = str(line.get_gid())
            pixels = axes.transData.transform(list(zip(*line.get_data(), strict=True)))
            if gid.startswith(("point-", "estimate-")):
                radius = line.get_markersize() / 2 * figure.dpi / 72
                (x, y), *_ = pixels
                others.append(Bbox([[x - radius, y - radius], [x + radius, y + radius]]))
            elif "interval" in gid or gid.startswith("staircase"):
                others += [Bbox([a, b]).padded(0.5) for a, b in itertools.pairwise(pixels)]
    return labels, [Bbox([box.min, box.max]) for box in others]


def assert_nothing_overlaps(figure):
    labels, others = boxes_of(figure)
    for first, second in itertools.combinations(labels, 2):
        assert not first.overlaps(second)
    for label, other in itertools.product(labels, others):
        assert not label.overlaps(other)


def test_points_stand_at_their_cost_and_quality():
    (axes,) = pareto_figure(three()).axes

    assert axes.get_xscale() == "log"
    assert place(axes, 0) == (0.42, 0.81)
    assert place(axes, 2) == (6.1, 0.93)


def test_both_intervals_are_drawn_and_a_missing_one_is_not():
    cells = three()["cells"]
    cells[1]["quality"] = estimate(0.79)
    cells[1]["cost"]["usd_per_1000"] = estimate(0.9)

    (axes,) = pareto_figure(summary(*cells)).axes

    assert list(artist(axes, "y-interval-0").get_ydata()) == pytest.approx([0.77, 0.85])
    assert list(artist(axes, "x-interval-0").get_xdata()) == pytest.approx([0.399, 0.441])
    assert not has(axes, "y-interval-1")
    assert not has(axes, "x-interval-1")


def test_staircase_joins_the_frontier_and_no_other_cell():
    (axes,) = pareto_figure(three()).axes

    x, y = artist(axes, "staircase-0").get_data()
    assert list(x)[:3] == [0.42, 6.1, 6.1]
    assert list(y) == [0.81, 0.81, 0.93, 0.93]
    assert list(x)[3] == axes.get_xlim()[1]


def test_frontier_is_filled_and_bold_the_rest_hollow_and_grey():
    (axes,) = pareto_figure(three()).axes

    on, off = artist(axes, "point-0"), artist(axes, "point-1")
    assert on.get_markerfacecolor() == on.get_markeredgecolor()
    assert off.get_markerfacecolor() == PAPER
    assert artist(axes, "name-0").get_fontweight() == "bold"
    assert artist(axes, "name-1").get_fontweight() == "normal"
    assert artist(axes, "name-0").get_color() != artist(axes, "name-1").get_color()


def test_undecided_is_half_filled_and_explained():
    cells = three()["cells"]
    cells[1]["pareto"] = {"status": "undecided"}

    figure = pareto_figure(summary(*cells))

    assert artist(figure.axes[0], "point-1").get_fillstyle() == "bottom"
    assert "undecided" in words(figure)


def test_families_differ_in_shape_and_colour():
    figure = pareto_figure(three())

    (axes,) = figure.axes
    gpt, haiku, opus = (artist(axes, f"point-{i}") for i in range(3))
    assert haiku.get_marker() == opus.get_marker() != gpt.get_marker()
    assert haiku.get_color() == opus.get_color() != gpt.get_color()
    assert {"Claude", "GPT", "on the frontier", "not on the frontier"} <= set(words(figure))


def test_groups_are_models_when_prompts_vary_and_shapes_suffice():
    cells = [cell(i, f"m{i // 2} p{i % 2}", 1 + i, 0.5 + 0.1 * i) for i in range(4)]
    for i, one in enumerate(cells):
        one["axes"]["model"] = f"gpt_{i // 2}"

    figure = pareto_figure(summary(*cells))

    assert {"gpt_0", "gpt_1"} <= set(words(figure))


def test_more_families_than_shapes_share_the_last_one():
    cells = [cell(i, f"{chr(97 + i)} model", 1 + i, 0.5) for i in range(12)]

    groups = [point.group for point in read_facets(summary(*cells))[0].points]

    assert groups == ["a", "b", "c", "d", "e", "f", *["other"] * 6]


def test_zero_cost_stands_in_a_slot_left_of_the_break():
    """F10: a cost of 0 vanishes from a plain log axis without a warning."""
    cells = [cell(0, "majority", 0, 0.4), *three()["cells"][1:]]

    (axes,) = pareto_figure(summary(*cells)).axes

    x, y = place(axes, 0)
    assert axes.get_xlim()[0] < x < min(place(axes, 1)[0], place(axes, 2)[0])
    assert y == 0.4
    assert "$0" in [label.get_text() for label in axes.get_xticklabels()]
    assert has_break(axes)
    assert artist(axes, "staircase-0").get_xdata()[0] == x


def test_no_break_without_a_free_cell_and_none_when_all_are_free():
    """F10."""
    (priced,) = pareto_figure(three()).axes
    (free,) = pareto_figure(summary(*[cell(i, f"m{i}", 0, 0.5 + i / 10) for i in range(3)])).axes

    assert not has_break(priced)
    assert not has_break(free)
    assert [label.get_text() for label in free.get_xticklabels()] == ["$0"]
    assert len({place(free, i)[0] for i in range(3)}) == 1


def has_break(axes):
    return any(str(line.get_gid()).startswith("axis-break") for line in axes.lines)


def test_unpriced_cells_are_named_below_and_never_drawn():
    """F10."""
    cells = [
        *three()["cells"],
        cell(3, "in-house", None, 0.83),
        cell(4, "broken", 1.0, None),
        cell(5, "odd", float("nan"), 0.5),
        cell(6, "negative", -1.0, 0.5),
    ]

    figure = pareto_figure(summary(*cells))

    (axes,) = figure.axes
    assert [text.get_gid() for text in names(axes)] == ["name-0", "name-2", "name-1"]
    assert not any(has(axes, f"point-{i}") for i in (3, 4, 5, 6))
    note = "No price, not drawn – in-house: 83.0 % (79.0–87.0), odd: 50.0 % (46.0–54.0), negative:"
    assert any(text.startswith(note) for text in words(figure))
    assert "No quality, not drawn – broken" in words(figure)


def test_all_unpriced_says_so_instead_of_an_empty_plot():
    figure = pareto_figure(summary(*[cell(i, f"local {i}", None, 0.5) for i in range(7)]))

    (axes,) = figure.axes
    assert artist(axes, "nothing-0").get_text().startswith("No cell has both a price and a quality")
    assert not axes.lines
    assert sum(f"local {i}: 50.0 %" in " ".join(words(figure)) for i in range(7)) == 7


def test_one_point_is_drawn_inside_its_axes():
    """F10."""
    (axes,) = pareto_figure(summary(cell(0, "only", 0.42, 0.81))).axes

    low, high = axes.get_xlim()
    assert low < place(axes, 0)[0] < high
    assert len(axes.get_xticks()) >= 2
    assert len(names(axes)) == 1


def test_identical_points_are_all_named_apart():
    """F10."""
    figure = pareto_figure(summary(*[cell(i, f"twin {i}", 1.0, 0.8) for i in range(6)]))

    assert len(names(figure.axes[0])) == 6
    assert_nothing_overlaps(figure)


def test_canaries_stand_apart_and_never_on_the_frontier():
    gold = cell(3, "gold answer", 0.1, 1.0, role="canary", pareto={"status": "frontier"})

    figure = pareto_figure(summary(*three()["cells"], gold))

    (axes,) = figure.axes
    assert artist(axes, "point-3").get_marker() == "x"
    assert artist(axes, "staircase-0").get_ydata()[0] == 0.81
    assert "canary, no candidate" in words(figure)


def test_each_facet_is_a_panel_titled_by_what_differs():
    cells = []
    for i in range(6):
        judge = ["strict", "lenient"][i // 3]
        made = cell(i, f"model {i % 3} · {judge}", 3.0 ** (i % 3), 0.5 + 0.1 * (i % 3) + i / 100)
        made["axes"] |= {"model": f"m{i % 3}", "judge": judge, "model.params.t": i % 3}
        cells.append(made | {"facet": i // 3})

    figure = pareto_figure(summary(*cells))

    assert [axes.get_title("left") for axes in figure.axes] == ["judge: strict", "judge: lenient"]
    assert [len(names(axes)) for axes in figure.axes] == [3, 3]
    assert figure.axes[0].get_xlim() == figure.axes[1].get_xlim()
    assert figure.axes[0].get_ylim() == figure.axes[1].get_ylim()
    assert_nothing_overlaps(figure)


def test_a_facet_without_prices_keeps_its_panel():
    cells = [*three()["cells"], cell(3, "x", None, 0.4, facet=1)]

    first, second = pareto_figure(summary(*cells)).axes

    assert first.get_title("left") == "facet 0"
    assert has(first, "staircase-0")
    assert has(second, "nothing-1")


def test_facets_with_many_names_stand_below_each_other():
    cells = [cell(i, f"model {i}", 1.0 + i, 0.5 + i / 50, facet=i % 2) for i in range(20)]

    first, second = pareto_figure(summary(*cells)).axes

    assert first.get_position().x0 == second.get_position().x0
    assert first.get_position().y0 > second.get_position().y1


@pytest.mark.parametrize("spread", [1.0, 0.3, 0.03])
def test_forty_cells_are_all_named_without_overlap(spread):
    figure = pareto_figure(forty(spread=spread))

    assert len(names(figure.axes[0])) == 40
    assert_nothing_overlaps(figure)


def test_forty_long_names_lose_what_they_share_and_are_all_drawn():
    made = forty(spread=0.3)
    for one in made["cells"]:
        one["label"] = f"organisation/{one['label']} · temperature=0.7"

    figure = pareto_figure(made)

    shown = {text.get_text() for text in names(figure.axes[0])}
    assert len(shown) == 40
    assert "…gpt_6 · plain…" in shown
    assert_nothing_overlaps(figure)


def test_names_that_share_nothing_are_shortened_until_all_are_drawn():
    made = forty(spread=0.3)
    for i, one in enumerate(made["cells"]):
        one["label"] = f"{chr(97 + i % 26)}{i:02}" * 12

    figure = pareto_figure(made)

    shown = {text.get_text() for text in names(figure.axes[0])}
    assert len(shown) == 40
    assert max(map(len, shown)) <= 24
    assert_nothing_overlaps(figure)


def test_forty_cells_in_two_panels_are_all_named_without_overlap():
    cells = [one | {"facet": i % 2} for i, one in enumerate(forty()["cells"])]

    figure = pareto_figure(summary(*cells))

    assert [len(names(axes)) for axes in figure.axes] == [20, 20]
    assert_nothing_overlaps(figure)


def test_cells_in_the_same_place_are_all_named():
    """F10."""
    figure = pareto_figure(summary(*[cell(i, f"same {i}", 1.0, 0.7) for i in range(8)]))

    (axes,) = figure.axes
    assert len({place(axes, i) for i in range(8)}) == 1
    assert len(names(axes)) == 8
    assert_nothing_overlaps(figure)


def test_one_cell_is_drawn_on_axes_with_ticks():
    """F10."""
    (axes,) = pareto_figure(summary(cell(0, "alone", 1.0, 0.7))).axes

    assert place(axes, 0) == (1.0, 0.7)
    assert [text.get_text() for text in names(axes)] == ["alone"]
    assert len(axes.get_xticklabels()) > 1


@pytest.mark.parametrize(("quality", "beyond"), [(0.0, "low"), (1.0, "high")])
def test_a_marker_on_the_edge_stays_clear_of_the_tick_labels(quality, beyond):
    (axes,) = pareto_figure(summary(cell(0, "a", 1.0, None, quality=estimate(quality)))).axes

    low, high = axes.get_ylim()
    assert {"low": low < 0 and high < 0.1, "high": high > 1 and low > 0.9}[beyond]
    assert {label.get_text() for label in axes.get_yticklabels()} <= {
        f"{percent} %" for percent in range(101)
    }


def test_every_id_of_a_figure_is_its_own_and_markers_carry_their_cell(tmp_path):
    """Also with several panels, a break in each axis and estimates that are no cells."""
    cells = [cell(i, f"m{i}", 0.5 * (i // 2), 0.5 + i / 20, facet=i % 2) for i in range(8)]
    made = decided(*cells, cascades=[cascade(0.5)]) | {"comparisons": []}

    draw_all(made, tmp_path)

    svg = (tmp_path / "pareto.svg").read_text("utf-8")
    ids = re.findall(r' id="([^"]+)"', svg)
    assert len(ids) == len(set(ids))
    assert {i for i in ids if i.startswith("point-")} == {f"point-{i}" for i in range(8)}
    assert {i for i in ids if i.startswith("estimate-")} == {"estimate-1", "estimate-2"}
    assert re.search(r'<g id="point-3">.*?<use ', svg, re.DOTALL)


def test_every_colour_of_the_scatter_has_a_role(tmp_path):
    draw_all(decided(*forty()["cells"], cascades=[cascade(0.5)]), tmp_path)

    svg = (tmp_path / "pareto.svg").read_text("utf-8")
    assert set(re.findall("#[0-9a-fA-F]{6}", svg)) <= set(COLORS.values())


def test_colours_are_read_without_matplotlib():
    code = "import evalrunner.plots.colors, sys; sys.exit('matplotlib' in sys.modules)"

    subprocess.run([sys.executable, "-c", code], check=True)

    assert not hasattr(evalrunner.plots, "no_such_figure")


def test_names_stay_inside_their_panel():
    figure = pareto_figure(forty())

    renderer = FigureCanvasAgg(figure).get_renderer()
    panel = figure.axes[0].get_window_extent()
    for text in names(figure.axes[0]):
        box = text.get_window_extent(renderer)
        assert panel.x0 <= box.x0
        assert box.x1 <= panel.x1
        assert panel.y0 <= box.y0
        assert box.y1 <= panel.y1


def test_names_that_find_no_room_are_listed_below():
    """A panel of 90 points names the first 80, those on the frontier before all others."""
    cells = [
        cell(i, f"cell {i:02}.", 1.3 ** (i % 10), 0.1 + 0.09 * (i // 10), pareto={"status": "x"})
        for i in range(90)
    ]

    figure = pareto_figure(summary(*cells))

    drawn = len(names(figure.axes[0]))
    listed = " ".join(words(figure)).split("No room for the names of ")[1]
    assert has(figure.axes[0], "name-80")
    assert drawn == 80
    assert listed.count("cell") == 10
    assert_nothing_overlaps(figure)


def test_leaders_only_join_names_that_are_far_from_their_point():
    figure = pareto_figure(forty(spread=0.3))

    (axes,) = figure.axes
    renderer = FigureCanvasAgg(figure).get_renderer()
    lengths = {True: [], False: []}
    for text in names(axes):
        number = str(text.get_gid()).removeprefix("name-")
        box = text.get_window_extent(renderer)
        x, y = axes.transData.transform(place(axes, number))
        dx, dy = max(box.x0 - x, x - box.x1, 0), max(box.y0 - y, y - box.y1, 0)
        at_1280 = math.hypot(dx, dy) / figure.dpi * 128
        lengths[has(axes, f"leader-{number}")].append(at_1280)
    assert min(lengths[True]) > 16
    assert max(lengths[False]) < 16 + 8.5  # The radius of a marker comes on top.


def test_foreign_names_are_drawn_as_plain_text(caplog, tmp_path):
    """F9: math, leading underscores, control characters, missing glyphs, very long names."""
    cells = [cell(i, n, 0.1 * 1.6**i, 0.5 + i % 5 / 10) for i, n in enumerate(WEIRD)]
    weird = summary(*cells, name="$run$ \x07_")

    draw_all(weird, tmp_path)

    figure = pareto_figure(weird)
    shown = {text.get_gid(): text.get_text() for text in names(figure.axes[0])}
    assert shown == {f"name-{i}": name for i, name in enumerate(WEIRD.values())}
    assert not any(text.get_parse_math() for text in all_texts(figure) if text.get_text())
    assert "Quality and cost · $run$ _" in words(figure)
    (warning,) = caplog.records
    assert "'模'" in warning.getMessage()


def all_texts(figure):
    ticks = [t for a in figure.axes for t in (*a.get_xticklabels(), *a.get_yticklabels())]
    titles = [t for a in figure.axes for t in (a.title, a.xaxis.label, a.yaxis.label)]
    return [*figure.texts, *(t for a in figure.axes for t in a.texts), *ticks, *titles]


def test_a_leading_underscore_does_not_vanish_from_the_legend():
    """F9."""
    cells = [cell(i, f"m{i}", 1 + i, 0.5 + i / 10) for i in range(4)]
    for i, one in enumerate(cells):
        one["axes"]["model"] = ["_a", "b"][i % 2]

    assert "_a" in words(pareto_figure(summary(*cells)))


def test_many_missing_glyphs_are_counted_in_one_warning(caplog, tmp_path):
    """F9."""
    label = "".join(chr(0x4E00 + i) for i in range(12))

    draw_all(summary(cell(0, label, 1.0, 0.5)), tmp_path)

    (warning,) = caplog.records
    assert "and 4 more" in warning.getMessage()


def test_equal_labels_get_their_ids():
    cells = [cell(0, "same", 1, 0.5), cell(1, "same", 2, 0.6), cell(2, "other", 3, 0.7)]

    (axes,) = pareto_figure(summary(*cells)).axes

    assert {t.get_text() for t in names(axes)} == {"same #0", "same #1", "other"}


def test_subtitle_tells_cases_repeats_and_level():
    figure = pareto_figure(three() | {"run": {"repeats": 3, "confidence": 0.9}})

    assert "Quality and cost" in words(figure)
    assert "308 cases · 3 repeats each · 90 % intervals · up and to the left is better" in words(
        figure
    )


def test_subtitle_tells_the_range_of_case_counts():
    cells = three()["cells"]
    cells[0]["n_cases"] = 1200

    assert words(pareto_figure(summary(*cells)))[1].startswith("308 to 1,200 cases · 95 %")


def test_axis_says_what_is_in_the_cost():
    caption = "Cost per 1,000 requests (US$, log scale, list price, judge not included"
    cells = three()["cells"]

    assert f"{caption})" in words(pareto_figure(summary(*cells)))
    cells[0]["cost"]["estimated"] = True
    some = pareto_figure(summary(*cells))
    assert f"{caption}, “est.” = estimated token counts)" in words(some)
    assert {t.get_text() for t in names(some.axes[0])} == {
        "GPT-6 luna (est.)",
        "Claude Haiku 5",
        "Claude Opus 5.5",
    }
    for one in cells:
        one["cost"]["estimated"] = True
    everything = pareto_figure(summary(*cells))
    assert f"{caption}, estimated token counts)" in words(everything)
    assert "GPT-6 luna" in {t.get_text() for t in names(everything.axes[0])}


def test_quality_axis_is_in_percent_and_does_not_start_at_zero():
    (axes,) = pareto_figure(three()).axes

    low, high = axes.get_ylim()
    assert 0.7 < low < 0.75
    assert 0.97 < high <= 1
    assert "80 %" in [label.get_text() for label in axes.get_yticklabels()]
    assert axes.get_ylabel() == "Quality: exact_match"


def test_quality_axis_of_near_equals_is_not_blown_up():
    near = estimate(0.801, 0.8, 0.802)

    (axes,) = pareto_figure(summary(cell(0, "a", 1, None, quality=near))).axes

    assert axes.get_ylim() == pytest.approx((0.78, 0.822))
    labels = [label.get_text() for label in axes.get_yticklabels()]
    assert labels == ["78 %", "79 %", "80 %", "81 %", "82 %"]


def test_quality_beyond_one_gets_a_plain_axis():
    (axes,) = pareto_figure(summary(cell(0, "a", 1, None, quality=estimate(3.5, 2.0, 5.0)))).axes

    assert axes.get_ylim() == pytest.approx((1.7, 5.3))
    assert "4" in [label.get_text() for label in axes.get_yticklabels()]


def test_wide_and_narrow_cost_ranges_get_readable_ticks():
    """F10."""
    for costs in ([1e-9, 2e4], [0.4, 0.41], [3e-5, 8e-4], [0, 1e-7]):
        cells = [cell(i, f"m{i}", cost, 0.5 + i / 10) for i, cost in enumerate(costs)]
        figure = pareto_figure(summary(*cells))
        renderer = FigureCanvasAgg(figure).get_renderer()
        boxes = [t.get_window_extent(renderer) for t in figure.axes[0].get_xticklabels()]

        assert 2 <= len(boxes) <= 9
        for first, second in itertools.pairwise(boxes):
            assert first.x1 < second.x0


def test_a_cost_interval_that_reaches_zero_ends_at_the_axis():
    wide = cell(0, "a", 1.0, 0.5)
    wide["cost"]["usd_per_1000"] = estimate(1.0, -2.0, 1e6)

    (axes,) = pareto_figure(summary(wide, cell(1, "b", 2.0, 0.6))).axes

    assert list(artist(axes, "x-interval-0").get_xdata()) == pytest.approx(axes.get_xlim())
    assert axes.get_xlim()[1] < 100


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.one_of(st.just(0.0), st.floats(1e-9, 1e6)),
            st.floats(0, 1),
        ),
        min_size=1,
        max_size=8,
    )
)
def test_every_point_has_a_place_inside_the_limits(values):
    cells = [cell(i, f"m{i}", cost, quality) for i, (cost, quality) in enumerate(values)]
    points = read_facets(summary(*cells))[0].points

    axis, (low, high) = log_axis(points), quality_limits(points)
    corners = staircase(points)

    assert all(axis.left < axis.at(p.x.value) < axis.high for p in points)
    assert all(low <= p.quality.value <= high for p in points)
    assert -0.04 <= low < high <= 1.04
    assert corners == sorted(corners)
    assert [quality for _, quality in corners] == sorted(quality for _, quality in corners)


def test_csv_holds_every_cell_and_no_formula(tmp_path):
    """F2."""
    cells = [
        cell(0, "=HYPERLINK(1)", 0.5, 0.8),
        cell(1, "\tplus", 0, 0.6),
        cell(2, "plain, with comma", None, 0.7),
        cell(3, "@ref \ud800", 1.0, None),
        cell(4, "gold", 1.0, 1.0, role="canary"),
    ]

    draw_all(summary(*cells), tmp_path)

    with (tmp_path / "pareto.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file))
    assert ",".join(rows[0]) == (
        "facet,cell,label,usd_per_1000,usd_low,usd_high,quality,quality_low,quality_high,n,status,"
        "probability"
    )
    assert rows[1][:5] == ["0", "0", "'=HYPERLINK(1)", "0.5", "0.475"]
    assert [row[2] for row in rows[2:]] == [
        "'\tplus",
        "plain, with comma",
        "'@ref \\ud800",
        "gold",
    ]
    assert rows[3][3:7] == ["", "", "", "0.7"]
    assert [row[10] for row in rows[1:]] == [
        "frontier",
        "frontier",
        "unpriced",
        "dominated",
        "canary",
    ]
    assert rows[1][9] == "308"


def test_draw_all_writes_the_three_pareto_files_whole(tmp_path):
    (tmp_path / "pareto.png").write_bytes(b"old")

    paths = draw_all(three(), tmp_path)

    assert [path.name for path in paths] == ["pareto.png", "pareto.svg", "pareto.csv"]
    assert sorted(tmp_path.iterdir()) == sorted(paths)
    assert (tmp_path / "pareto.png").read_bytes().startswith(b"\x89PNG")
    assert b"GPT-6 luna" in (tmp_path / "pareto.svg").read_bytes()


def test_a_failed_write_leaves_the_old_file_and_no_rest(tmp_path):
    (tmp_path / "pareto.png").mkdir()

    with pytest.raises(StoreError, match=r"cannot write .*pareto"):
        draw_all(three(), tmp_path)

    assert [path.name for path in tmp_path.iterdir()] == ["pareto.png"]


def test_two_processes_draw_the_same_bytes(tmp_path):
    """Also under another user's matplotlib settings, hash seed and time zone."""
    code = (
        "import json, sys; from pathlib import Path; from evalrunner.plots import draw_all\n"
        "draw_all(json.loads(Path(sys.argv[1]).read_text()), Path(sys.argv[2]))"
    )
    source = tmp_path / "summary.json"
    source.write_text(json.dumps(forty()))
    (tmp_path / "matplotlibrc").write_text("font.size: 20\naxes.grid: True\nlines.linewidth: 9\n")
    for run, seed in (("a", "1"), ("b", "2")):
        (tmp_path / run).mkdir()
        environ = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "PYTHONHASHSEED": seed}
        if run == "b":
            environ |= {"MATPLOTLIBRC": str(tmp_path / "matplotlibrc"), "TZ": "Asia/Tokyo"}
        subprocess.run(
            [sys.executable, "-c", code, str(source), str(tmp_path / run)], check=True, env=environ
        )

    for name in ("pareto.png", "pareto.svg", "pareto.csv"):
        first, second = (Path(tmp_path, run, name).read_bytes() for run in ("a", "b"))
        assert first == second


def test_drawing_leaves_the_users_settings_alone():
    before = dict(mpl.rcParams)
    pareto_figure(three())

    assert dict(mpl.rcParams) == before


# --- decisions ----------------------------------------


def decided(*cells, cascades=(), shares=("0", "2")):
    """A summary with a recommendation of cell 2 and what routing would reach."""
    made = summary(*cells)
    oracle = {"usd_per_1000": estimate(1.0, 0.9, 1.1), "quality": estimate(0.97, 0.95, 0.98)}
    entry = {"facet": 0, "oracle": oracle | {"shares": dict.fromkeys(shares, 0.5)}}
    made["routing"] = [entry | {"cascades": list(cascades)}]
    made["recommendations"] = [{"facet": 0, "cell": 2}]
    return made


def cascade(share, *, useful=True, partner=None):
    return {
        "cheap": 0,
        "strong": 2,
        "partner": partner,
        "usd_per_1000": estimate(6.1 * share, 6 * share, 6.2 * share),
        "quality": estimate(0.92, 0.9, 0.94),
        "cost_share": share,
        "is_useful": useful,
    }


def test_the_recommended_cell_is_ringed():
    figure = pareto_figure(decided(*three()["cells"]))
    axes = figure.axes[0]

    assert tuple(np.ravel(artist(axes, "recommended-2").get_data())) == place(axes, 2)
    assert not has(axes, "recommended-0")
    assert "recommended" in words(figure)


def test_cascades_and_the_oracle_are_hollow_and_never_on_the_staircase():
    cascades = [cascade(0.7), cascade(0.4, partner=1), cascade(0.5), cascade(0.2, useful=False)]
    plain = artist(pareto_figure(three()).axes[0], "staircase-0").get_ydata()

    figure = pareto_figure(decided(*three()["cells"], cascades=cascades))

    axes = figure.axes[0]
    shown = [text.get_text() for text in names(axes)]
    assert "GPT-6 luna + Claude Haiku 5 → Claude Opus 5.5" in shown
    assert "GPT-6 luna → Claude Opus 5.5" in shown
    assert "oracle router" in shown
    assert not has(axes, "estimate-4"), "two cascades and the oracle, no more"
    for number in (1, 2, 3):
        assert artist(axes, f"estimate-{number}").get_markerfacecolor() == PAPER
    assert list(artist(axes, "staircase-0").get_ydata()) == list(plain)
    assert "cascade, estimated from this grid" in words(figure)


def test_one_cell_that_answers_all_makes_no_oracle():
    figure = pareto_figure(decided(*three()["cells"], shares=("0",)))

    assert not has(figure.axes[0], "estimate-1")


def test_cells_that_cannot_be_told_apart_share_a_band():
    made = three()
    made["cells"][1]["pareto"] = {"status": "undecided", "probability": 0.31, "tied_with": [0]}

    figure = pareto_figure(made)

    axes = figure.axes[0]
    band = list(zip(*artist(axes, "tie-1").get_data(), strict=True))
    assert band == [place(axes, 1), place(axes, 0)]
    assert artist(axes, "name-1").get_text() == "Claude Haiku 5 · 31 %"
    assert "cannot be told apart" in words(figure)
    assert any(text.startswith("“31 %” beside a name") for text in words(figure))


@pytest.mark.parametrize(
    ("status", "probability", "shown"),
    [
        ("frontier", 0.99, "GPT-6 luna"),
        ("frontier", 0.56, "GPT-6 luna · 56 %"),
        ("dominated", 0.001, "GPT-6 luna"),
        ("dominated", 0.2, "GPT-6 luna · 20 %"),
        ("frontier", None, "GPT-6 luna"),
    ],
)
def test_a_chance_is_written_where_the_status_alone_says_too_much(status, probability, shown):
    made = three()
    made["cells"][0]["pareto"] = {"status": status, "probability": probability}

    figure = pareto_figure(made)

    assert artist(figure.axes[0], "name-0").get_text() == shown
