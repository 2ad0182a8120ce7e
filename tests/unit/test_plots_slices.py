"""The slices figure: which fields are where, what they say, and what is left to the CSV."""

from __future__ import annotations

import csv
import itertools

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_hex, to_rgb

from evalrunner.plots import draw_all
from evalrunner.plots.slices import slices_figure


def estimate(value, n=20):
    return {"value": value, "low": value and value - 0.1, "high": value and value + 0.1, "n": n}


def cell(number, label, slices):
    return {
        "id": number,
        "label": label,
        "axes": {"dataset": "tickets", "model": label},
        "facet": 0,
        "role": "candidate",
        "n_cases": 100,
        "quality": estimate(0.5, 100),
        "slices": slices,
        "cost": {"usd_per_1000": {"value": 1.0, "low": None, "high": None, "n": 100}},
        "pareto": {"status": "dominated"},
    }


def summary(*cells):
    return {"run": {"name": "tickets"}, "quality": "exact_match", "cells": list(cells)}


def two_cells():
    return summary(
        cell(0, "small", {"category": {"billing": estimate(0.9), "refund": estimate(0.2, 7)}}),
        cell(1, "large", {"category": {"billing": estimate(0.8), "other": estimate(None, 0)}}),
    )


def rows_of(axes):
    return [label.get_text() for label in axes.get_yticklabels()]


def columns_of(axes):
    return [label.get_text() for label in axes.get_xticklabels()]


def field(axes, row, column):
    (text,) = (t for t in axes.texts if t.get_gid().endswith(f"-{row}-{column}"))
    return text


def words(figure):
    return [text.get_text() for text in figure.texts]


def test_worst_value_comes_first_with_its_n():
    figure = slices_figure(two_cells())

    (axes,) = figure.axes
    assert rows_of(axes) == ["refund  n=7", "billing  n=20", "other  n=0"]
    assert columns_of(axes) == ["small", "large"]
    assert [field(axes, 0, j).get_text() for j in range(2)] == ["20", "–"]
    assert [field(axes, 1, j).get_text() for j in range(2)] == ["90", "80"]
    assert "category" in words(figure)


def test_unknown_fields_are_unshaded_and_numbers_stand_out_on_every_shade():
    (axes,) = slices_figure(two_cells()).axes

    (mesh,) = axes.collections
    mesh.update_scalarmappable()
    shades = mesh.get_facecolors()
    assert [to_hex(shades[i]) == "#eef0f2" for i in range(6)] == [0, 1, 0, 0, 1, 1]
    assert luminance(shades[0]) > luminance(shades[3]) > luminance(shades[2])
    ink = luminance(to_rgb(field(axes, 0, 0).get_color()))
    assert min((luminance(shade) + 0.05) / (ink + 0.05) for shade in shades) > 4.5


def luminance(colour):
    """Relative luminance as WCAG 2 defines it."""
    parts = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in colour[:3]]
    return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]


def test_each_field_is_a_panel():
    both = {"category": {"a": estimate(0.5)}, "language": {"de": estimate(0.4)}}

    figure = slices_figure(summary(cell(0, "m", both)))

    assert [rows_of(axes) for axes in figure.axes] == [["a  n=20"], ["de  n=20"]]
    assert {"category", "language"} <= set(words(figure))


def test_only_the_worst_of_many_values_are_drawn_and_all_are_in_the_csv(tmp_path):
    values = {f"intent {i:02}": estimate(i / 100) for i in range(77)}
    cells = [cell(i, f"a model with a longer name {i:02}", {"intent": values}) for i in range(30)]

    figure = slices_figure(summary(*cells))
    paths = draw_all(summary(*cells), tmp_path)

    (axes,) = figure.axes
    assert len(rows_of(axes)) == 30
    assert rows_of(axes)[0] == "intent 00  n=20"
    assert len(columns_of(axes)) == 24
    assert "intent: the 30 worst of 77 values." in words(figure)
    assert any(
        "Not drawn, see slices.csv – a model with a longer name 24" in w for w in words(figure)
    )
    assert [path.name for path in paths[3:]] == ["slices.png", "slices.svg", "slices.csv"]
    with paths[5].open(encoding="utf-8", newline="") as file:
        assert len(list(csv.reader(file))) == 1 + 77 * 30


def test_names_and_numbers_neither_overlap_nor_leave_the_page():
    values = {f"a rather long value of a field {i}": estimate(i / 40) for i in range(40)}
    for count in (1, 4, 9, 24):
        cells = [cell(i, f"model {i} · prompt with a name", {"f": values}) for i in range(count)]
        figure = slices_figure(summary(*cells))
        renderer = FigureCanvasAgg(figure).get_renderer()
        (axes,) = figure.axes

        numbers = [text.get_window_extent(renderer) for text in axes.texts[:count]]
        names = [*axes.get_yticklabels(), *axes.get_xticklabels()]
        boxes = [text.get_window_extent(renderer) for text in [*names, *figure.texts]]

        for first, second in itertools.pairwise(numbers):
            assert first.x1 < second.x0
        for box in boxes:
            assert figure.bbox.x0 <= box.x0
            assert box.x1 <= figure.bbox.x1
            assert box.y1 <= figure.bbox.y1


def test_equal_qualities_and_foreign_names_are_drawn(tmp_path, caplog):
    """F2, F9."""
    odd = {"$f$_": {"=1+1": estimate(0.5), "退款": estimate(0.5), "": estimate(0.5)}}

    paths = draw_all(summary(cell(0, "m", odd)), tmp_path)

    (axes,) = slices_figure(summary(cell(0, "m", odd))).axes
    assert rows_of(axes) == ["–  n=20", "=1+1  n=20", "□□  n=20"]
    assert not any(text.get_parse_math() for text in [*axes.texts, *axes.get_yticklabels()])
    with paths[5].open(encoding="utf-8", newline="") as file:
        assert [row[1] for row in csv.reader(file)] == ["value", "", "'=1+1", "退款"]
    assert len(caplog.records) == 1


def test_without_slices_there_is_no_figure(tmp_path):
    paths = draw_all(summary(cell(0, "m", {}), cell(1, "n", {"category": {}})), tmp_path)

    assert [path.name for path in paths] == ["pareto.png", "pareto.svg", "pareto.csv"]
