"""The confusion figure: which classes are shown, and that every trial is in some field."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.backends.backend_agg import FigureCanvasAgg

from evalrunner.plots import draw_all
from evalrunner.plots.confusion import ConfusionData, confusion_figure, shown_classes

SMALL = ConfusionData(
    labels=["billing", "refund", "other"],
    matrix=[[30, 2, 0], [5, 1200, 1], [0, 0, 9]],
    outside=[1, 0, 0],
)


def many(size=77, **confused):
    """A perfect matrix, but for `confused`: {"c3_c5": 4} = 4 of class 3 answered 5."""
    matrix = [[10 if i == j else 0 for j in range(size)] for i in range(size)]
    for pair, count in confused.items():
        right, answer = (int(name.removeprefix("c")) for name in pair.split("_"))
        matrix[right][answer] = count
    return ConfusionData(labels=[f"class {i:02}" for i in range(size)], matrix=matrix)


def table(figure):
    """Texts of the fields by row and column name."""
    (axes,) = figure.axes
    rows = [label.get_text() for label in axes.get_yticklabels()]
    columns = [label.get_text() for label in axes.get_xticklabels()]
    found = {}
    for text in axes.texts:
        _, _, i, j = text.get_gid().split("-")
        found[rows[int(i)], columns[int(j)]] = text.get_text()
    return found


def words(figure):
    return [text.get_text() for text in figure.texts]


def test_fields_hold_the_counts_and_zero_is_left_blank():
    figure = confusion_figure(SMALL, name="GPT-6 luna")

    fields = table(figure)
    assert fields["refund", "refund"] == "1,200"
    assert fields["refund", "billing"] == "5"
    assert ("billing", "other") not in fields
    assert fields["billing", "no class of the set"] == "1"
    assert "Confusion matrix · GPT-6 luna" in words(figure)
    assert "1,248 trials, 1,239 right · rows: the right class, columns: the answer" in words(figure)


def test_of_many_classes_the_most_confused_are_shown_and_the_rest_summed():
    data = many(c3_c5=4, c70_c3=9, c3_c20=1, c20_c76=1)

    figure = confusion_figure(data, name="m")

    fields = table(figure)
    rows = {row for row, _ in fields}
    assert len(rows) == 16
    assert {"class 03", "class 05", "class 70", "class 20", "class 76"} <= rows
    assert fields["class 70", "class 03"] == "9"
    assert ("class 03", "other classes") not in fields
    assert any("the 16 most confused of 77 classes" in text for text in words(figure))


def test_confusions_with_classes_not_shown_are_in_the_last_column():
    pairs = {f"c{2 * i}_c{2 * i + 1}": 5 for i in range(8)} | {"c0_c50": 1, "c1_c51": 2}

    fields = table(confusion_figure(many(**pairs), name="m"))

    assert fields["class 00", "other classes"] == "1"
    assert fields["class 01", "other classes"] == "2"


def test_a_perfect_model_shows_the_most_frequent_classes():
    data = many()
    data.matrix[40][40] = 99

    assert shown_classes(data) == [*range(15), 40]


def test_counts_are_read_as_the_summary_writes_them():
    data = ConfusionData.from_counts([("b", "a", 2), ("b", "b", 3), ("c", None, 1)])

    assert data.labels == ["a", "b", "c"]
    assert data.matrix == [[0, 0, 0], [2, 3, 0], [0, 0, 0]]
    assert data.outside == [0, 0, 1]


@settings(max_examples=50, deadline=None)
@given(st.lists(st.lists(st.integers(0, 30), min_size=20, max_size=20), min_size=20, max_size=20))
def test_shown_classes_are_distinct_sorted_and_hold_the_worst_pair(matrix):
    data = ConfusionData(labels=[str(i) for i in range(20)], matrix=matrix)

    shown = shown_classes(data)

    assert shown == sorted(set(shown))
    assert len(shown) == 16
    worst = max((matrix[i][j], -i, -j) for i in range(20) for j in range(20) if i != j)
    assert worst[0] == 0 or {-worst[1], -worst[2]} <= set(shown)


@pytest.mark.parametrize(
    ("labels", "matrix", "outside"),
    [
        (["a"], [[1], [2]], []),
        (["a", "b"], [[1, 2], [3]], []),
        (["a"], [[1]], [1, 2]),
    ],
)
def test_sizes_that_do_not_fit_are_refused(labels, matrix, outside):
    with pytest.raises(ValueError, match=r"\d labels need"):
        ConfusionData(labels=labels, matrix=matrix, outside=outside)


@pytest.mark.parametrize("size", [2, 6, 16, 77])
def test_nothing_leaves_the_page_and_upright_names_do_not_overlap(size):
    figure = confusion_figure(many(size), name="a model with a rather long name · and prompt")

    renderer = FigureCanvasAgg(figure).get_renderer()
    (axes,) = figure.axes
    names = [*axes.get_xticklabels(), *axes.get_yticklabels(), *figure.texts]
    for box in (text.get_window_extent(renderer) for text in names):
        assert figure.bbox.x0 <= box.x0
        assert box.x1 <= figure.bbox.x1
        assert box.y1 <= figure.bbox.y1


def test_draw_all_writes_one_figure_a_cell(tmp_path, caplog):
    cells = [
        {
            "id": i,
            "label": f"m{i}",
            "axes": {"model": f"m{i}"},
            "facet": 0,
            "role": "candidate",
            "n_cases": 1,
            "quality": None,
            "cost": {"usd_per_1000": None},
            "pareto": {"status": "unpriced"},
        }
        for i in range(2)
    ]
    data = ConfusionData.from_counts([("类", "类", 1)])

    paths = draw_all({"run": {}, "cells": cells}, tmp_path, confusion={1: SMALL, 7: data})

    assert [path.name for path in paths[3:]] == [
        "confusion-1.png",
        "confusion-1.svg",
        "confusion-7.png",
        "confusion-7.svg",
    ]
    assert b"m1" in paths[4].read_bytes()
    assert b"cell 7" in paths[6].read_bytes()
    assert len(caplog.records) == 1
