"""Where names go beside their points, so that nothing covers anything.

Pure geometry in points (1/72 inch). Every name tries places around its point, near ones first,
and takes the cheapest that covers no obstacle and no other name; then those that fared badly try
again with the others in place. Names that end up away from their point get a leader line.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

Box: TypeAlias = tuple[float, float, float, float]
"""Left, bottom, right, top."""
Floats: TypeAlias = NDArray[np.float64]
Bools: TypeAlias = NDArray[np.bool_]

LEADER_FROM = 13.5
"""From the middle of a marker: 16 pixels from its edge in a figure 1280 pixels wide."""
_GAPS = (5, 7, 10, 14, 19, 25, 32, 41, 52, 65, 80, 98, 120, 150, 190, 240)
_ALONG = np.linspace(-1, 1, 9)
_PASSES = 3
_CROSSES_NAME = 250.0
_CROSSES_LEADER = 60.0
_CROSSES_OBSTACLE = 4.0
_NEARER_TO_ANOTHER = 30.0
_MARGIN = 1.5
_BATCH = 96
_ENOUGH = 4 * _BATCH
_GOOD = 20.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Anchor:
    """A point and the size of the name it needs."""

    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Placement:
    """Where a name goes."""

    box: Box
    leader: Box | None
    """From (x0, y0) at the point to (x1, y1) at the name; None when they are close."""
    align: Literal["left", "center", "right"]
    """The side that stays where it is when a viewer's font is narrower."""


def place_labels(
    anchors: Sequence[Anchor], *, obstacles: Sequence[Box], bounds: Box
) -> tuple[Placement | None, ...]:
    """A place for every name, None where the room does not suffice.

    Earlier anchors choose first. `obstacles` are markers, intervals and lines.
    """
    room = _Room(anchors, obstacles=obstacles, bounds=bounds)
    for _ in range(_PASSES):
        for index in np.flatnonzero(room.costs > _GOOD):
            room.settle(int(index))
    return tuple(room.placement(index) for index in range(len(anchors)))


class _Room:
    """All names and where they stand now; NaN = not placed."""

    def __init__(self, anchors: Sequence[Anchor], *, obstacles: Sequence[Box], bounds: Box) -> None:
        self._points = np.array([(a.x, a.y) for a in anchors], dtype=float).reshape(-1, 2)
        self._sizes = np.array([(a.width, a.height) for a in anchors], dtype=float).reshape(-1, 2)
        self._obstacles = np.array(obstacles, dtype=float).reshape(-1, 4)
        self._bounds = bounds
        self.boxes = np.full((len(anchors), 4), np.nan)
        self._leaders = np.full((len(anchors), 4), np.nan)
        self.costs = np.full(len(anchors), np.inf)
        # What stays put is checked once: places that clear all obstacles, near and anywhere.
        self._near = [self._free(self._around(index)) for index in range(len(anchors))]
        self._far: dict[int, Floats] = {}

    def settle(self, index: int) -> None:
        """Moves one name to the best place there is now."""
        self.boxes[index] = self._leaders[index] = np.nan
        found = self._cheapest(index, self._near[index])
        if found is None or found[0] >= _CROSSES_NAME:
            if index not in self._far:
                self._far[index] = self._free(self._anywhere(index))
            elsewhere = self._cheapest(index, self._far[index])
            found = min((f for f in (found, elsewhere) if f), key=lambda f: f[0], default=None)
        if found is not None:
            self.costs[index], self.boxes[index], leader = found
            far = _length(leader[None])[0] > LEADER_FROM
            self._leaders[index] = leader if far else np.nan

    def placement(self, index: int) -> Placement | None:
        """Where the name stands in the end."""
        box, leader, x = self.boxes[index], self._leaders[index], self._points[index][0]
        if np.isnan(box[0]):
            return None
        ends = None if np.isnan(leader[0]) else _as_box(leader)
        align: Literal["left", "center", "right"] = "center"
        if box[0] >= x or box[2] <= x:
            align = "left" if box[0] >= x else "right"
        return Placement(box=_as_box(box), leader=ends, align=align)

    def _around(self, index: int) -> Floats:
        """Places on ever wider frames around the point."""
        half = self._sizes[index] / 2
        ones = np.ones_like(_ALONG)
        sides = [(ones, _ALONG), (-ones, _ALONG), (_ALONG, ones), (_ALONG, -ones)]
        frame = np.concatenate([np.stack(side, axis=1) for side in sides])
        centres = np.concatenate([self._points[index] + frame * (half + gap) for gap in _GAPS])
        return np.concatenate([centres - half, centres + half], axis=1)

    def _anywhere(self, index: int) -> Floats:
        """Places all over the room, for names whose neighbourhood is full."""
        width, height = self._sizes[index]
        left, bottom, right, top = self._bounds
        columns = np.arange(left, max(right - width, left) + 1, 15.0)
        rows = np.arange(bottom, max(top - height, bottom) + 1, 10.0)
        x, y = (grid.ravel() for grid in np.meshgrid(columns, rows))
        return np.stack([x, y, x + width, y + height], axis=1)

    def _cheapest(self, index: int, boxes: Floats) -> tuple[float, Floats, Floats] | None:
        """Cost, box and leader of the best of `boxes`, None when each covers something."""
        boxes = boxes[~_overlap(_widened(boxes), self.boxes).any(1)]
        leaders = _leaders(self._points[index], boxes)
        centres = (boxes[:, :2] + boxes[:, 2:]) / 2 - self._points[index]
        side = 1.5 * (centres[:, 0] < 0) + 1.0 * (centres[:, 1] < 0)
        least = _length(leaders) + side
        order = np.argsort(least, kind="stable")
        best: tuple[float, Floats, Floats] | None = None
        for start in range(0, len(order), _BATCH):
            batch = order[start : start + _BATCH]
            if best is not None and (start >= _ENOUGH or least[batch[0]] >= best[0]):
                break  # Distance alone makes the rest dearer, or hardly any cheaper.
            costs = least[batch] + self._penalties(index, boxes[batch], leaders[batch])
            i = int(np.argmin(costs))
            if best is None or costs[i] < best[0]:
                best = float(costs[i]), boxes[batch[i]], leaders[batch[i]]
        return best

    def _penalties(self, index: int, boxes: Floats, leaders: Floats) -> Floats:
        """What each leader crosses, what crosses each box, and whose name it would seem to be."""
        apart = _length(leaders)
        drawn = np.where((apart > LEADER_FROM)[:, None], leaders, np.nan)
        names = _cross(drawn, self.boxes).sum(1) + _cross(self._leaders, _widened(boxes)).sum(0)
        mistaken = self._nearer_to_another(self._points[index], boxes, apart)
        return np.asarray(
            _CROSSES_NAME * names
            + _CROSSES_LEADER * _cross_each_other(drawn, self._leaders).sum(1)
            + _CROSSES_OBSTACLE * _cross(drawn, self._obstacles).sum(1)
            + _NEARER_TO_ANOTHER * mistaken
        )

    def _free(self, boxes: Floats) -> Floats:
        """Those of `boxes` that lie within the bounds and cover no obstacle."""
        left, bottom, right, top = self._bounds
        low, high = (boxes[:, :2] >= (left, bottom)).all(1), (boxes[:, 2:] <= (right, top)).all(1)
        boxes = boxes[low & high]
        return np.asarray(boxes[~_overlap(_widened(boxes), self._obstacles).any(1)])

    def _nearer_to_another(self, point: Floats, boxes: Floats, apart: Floats) -> Bools:
        """Without a leader a name seems to belong to the nearest point."""
        others = self._points[(self._points != point).any(1)]
        if not len(others):
            return np.zeros(len(boxes), dtype=bool)
        nearest = np.clip(others[None], boxes[:, None, :2], boxes[:, None, 2:])
        distances = np.hypot(*np.moveaxis(nearest - others[None], -1, 0)).min(1)
        return np.asarray((distances <= apart) & (apart <= LEADER_FROM))


def _widened(boxes: Floats) -> Floats:
    return np.asarray(boxes + np.array([-_MARGIN, -_MARGIN, _MARGIN, _MARGIN]))


def _leaders(point: Floats, boxes: Floats) -> Floats:
    """From the point to the nearest place on each box."""
    nearest = np.clip(point, boxes[:, :2], boxes[:, 2:])
    return np.concatenate([np.broadcast_to(point, nearest.shape), nearest], axis=1)


def _length(segments: Floats) -> Floats:
    return np.asarray(np.hypot(segments[:, 2] - segments[:, 0], segments[:, 3] - segments[:, 1]))


def _overlap(boxes: Floats, others: Floats) -> Bools:
    """(n, m): which boxes share area; comparisons with NaN are false."""
    a, b = boxes[:, None], others[None]
    return np.asarray(
        (a[..., 0] < b[..., 2])
        & (b[..., 0] < a[..., 2])
        & (a[..., 1] < b[..., 3])
        & (b[..., 1] < a[..., 3])
    )


def _cross(segments: Floats, boxes: Floats) -> Bools:
    """(n, m): which segments pass through which boxes (separating axes)."""
    start, end = segments[:, None, :2], segments[:, None, 2:]
    low, high = boxes[None, :, :2], boxes[None, :, 2:]
    touching = ((np.minimum(start, end) < high) & (np.maximum(start, end) > low)).all(-1)
    middle, half = (low + high) / 2, (high - low) / 2
    along = end - start
    offset = np.abs(_turn(along, middle - start))
    reach = np.abs(along[..., 1]) * half[..., 0] + np.abs(along[..., 0]) * half[..., 1]
    return np.asarray(touching & (offset < reach))


def _cross_each_other(segments: Floats, others: Floats) -> Bools:
    """(n, m): which segments cut each other between their ends."""
    a, b = segments[:, None, :2], segments[:, None, 2:]
    c, d = others[None, :, :2], others[None, :, 2:]
    splits = _turn(b - a, c - a) * _turn(b - a, d - a) < 0
    return np.asarray(splits & (_turn(d - c, a - c) * _turn(d - c, b - c) < 0))


def _turn(first: Floats, second: Floats) -> Floats:
    return np.asarray(first[..., 0] * second[..., 1] - first[..., 1] * second[..., 0])


def _as_box(values: Floats) -> Box:
    left, bottom, right, top = (float(value) for value in values)
    return left, bottom, right, top
