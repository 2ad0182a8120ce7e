"""Places for names: geometry alone."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evalrunner.plots.labels import LEADER_FROM, Anchor, place_labels
from evalrunner.plots.labels import _cross as cross
from evalrunner.plots.labels import _cross_each_other as cross_each_other
from evalrunner.plots.style import readable, shortened, text_size, wrapped

ROOM = (0.0, 0.0, 600.0, 400.0)


def marker(x, y):
    return (x - 5, y - 5, x + 5, y + 5)


def overlap(a, b):
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]


def test_a_free_name_stands_right_of_its_point_without_a_leader():
    (placed,) = place_labels(
        [Anchor(x=300, y=200, width=60, height=10)], obstacles=[marker(300, 200)], bounds=ROOM
    )

    assert placed.leader is None
    assert placed.align == "left"
    assert 305 <= placed.box[0] <= 312


def test_a_name_at_the_right_edge_stands_left_of_its_point():
    (placed,) = place_labels(
        [Anchor(x=590, y=200, width=60, height=10)], obstacles=[marker(590, 200)], bounds=ROOM
    )

    assert placed.align == "right"
    assert placed.box[2] <= 585


def test_a_name_pushed_away_gets_a_leader_to_its_point():
    wall = (270.0, 150.0, 400.0, 250.0)

    (placed,) = place_labels(
        [Anchor(x=300, y=200, width=60, height=10)], obstacles=[wall], bounds=ROOM
    )

    assert placed.leader is not None
    assert placed.leader[:2] == (300, 200)
    assert not overlap(placed.box, wall)


def test_a_name_between_its_neighbours_never_seems_to_be_theirs():
    anchors = [Anchor(x=300 + 22 * i, y=200, width=40, height=10) for i in range(3)]
    obstacles = [marker(a.x, a.y) for a in anchors]

    places = place_labels(anchors, obstacles=obstacles, bounds=ROOM)

    for i, placed in enumerate(places):
        away = [np.hypot(*distance(placed.box, (a.x, a.y))) for a in anchors]
        assert placed.leader is not None or int(np.argmin(away)) == i


def distance(box, point):
    left, bottom, right, top = box
    x, y = point
    return max(left - x, x - right, 0), max(bottom - y, y - top, 0)


def test_no_room_is_no_place():
    anchors = [Anchor(x=50, y=10, width=90, height=10) for _ in range(3)]

    places = place_labels(anchors, obstacles=[], bounds=(0, 0, 100, 22))

    assert [place is None for place in places].count(True) >= 1
    assert places[0] is not None


def test_no_names_need_no_places():
    assert place_labels([], obstacles=[], bounds=ROOM) == ()


@settings(max_examples=40, deadline=None)
@given(
    st.lists(
        st.tuples(st.floats(0, 600), st.floats(0, 400), st.floats(10, 150)), min_size=1, max_size=15
    )
)
def test_names_cover_neither_each_other_nor_any_point(values):
    anchors = [Anchor(x=x, y=y, width=width, height=10) for x, y, width in values]
    obstacles = [marker(x, y) for x, y, _ in values]

    places = place_labels(anchors, obstacles=obstacles, bounds=ROOM)

    boxes = [placed.box for placed in places if placed]
    assert len(boxes) == len(anchors)
    assert not any(overlap(a, b) for a, b in itertools.combinations(boxes, 2))
    assert not any(overlap(a, b) for a, b in itertools.product(boxes, obstacles))
    for placed in places:
        assert placed.box[0] >= 0
        assert placed.box[2] <= 600
        if placed.leader:
            x0, y0, x1, y1 = placed.leader
            assert np.hypot(x1 - x0, y1 - y0) > LEADER_FROM


@pytest.mark.parametrize(
    ("segment", "crosses"),
    [
        ((0, 0, 20, 20), True),
        ((0, 15, 30, 15), True),
        ((0, 0, 9, 9), False),
        ((0, 12, 12, 24.5), False),
        ((15, 15, 16, 16), True),
        ((0, 0, 30, 0), False),
    ],
)
def test_segments_cross_boxes_they_pass_through(segment, crosses):
    box = np.array([[10.0, 10.0, 20.0, 20.0]])

    assert cross(np.array([segment], dtype=float), box).item() is crosses


@pytest.mark.parametrize(
    ("other", "crosses"),
    [((0, 10, 10, 0), True), ((0, 5, 4, 5), False), ((20, 0, 30, 9), False)],
)
def test_segments_cut_each_other_between_their_ends(other, crosses):
    diagonal = np.array([[0.0, 0.0, 10.0, 10.0]])

    assert cross_each_other(diagonal, np.array([other], dtype=float)).item() is crosses


def test_nothing_crosses_what_is_not_placed():
    nowhere = np.full((1, 4), np.nan)

    assert not cross(np.array([[0.0, 0.0, 9.0, 9.0]]), nowhere).any()
    assert not cross_each_other(nowhere, nowhere).any()


def test_lines_are_broken_between_items_only():
    items = [f"model number {i}" for i in range(20)]

    lines = wrapped(items, width=300, size=9)

    assert " ".join(lines) == ", ".join(items)
    assert all(text_size(line, 9)[0] <= 310 for line in lines)
    assert wrapped([], width=300, size=9) == []


@given(st.text())
def test_readable_text_is_one_printable_line(text):
    shown = readable(text)

    assert shown == " ".join(shown.split())
    assert readable(shown) == shown
    assert len(shortened(shown, limit=20)) <= 20
