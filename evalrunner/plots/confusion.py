"""The confusion matrix of a cell: which class was answered for which, the most confused first."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from matplotlib.figure import Figure

from evalrunner.plots.heat import SIZE, HeatMap, draw_heat_map
from evalrunner.plots.page import SIDE, Page, add_panel
from evalrunner.plots.style import WIDTH, house_style, readable, shortened, text_size

_MOST_CLASSES = 16
_MOST_UPRIGHT = 6
_ROW, _GAP, _WIDEST_COLUMN = 0.29, 0.1, 1.1
_REST, _OUTSIDE = "other classes", "no class of the set"


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfusionData:
    """Counts of trials by the class that was right and the class that was answered."""

    labels: Sequence[str]
    matrix: Sequence[Sequence[int]]
    """`matrix[i][j]`: trials of class `labels[i]` that were answered `labels[j]`."""
    outside: Sequence[int] = ()
    """By row: answers outside the label set; empty = there were none."""

    def __post_init__(self) -> None:
        size = len(self.labels)
        widths = {len(row) for row in self.matrix}
        if len(self.matrix) != size or widths - {size} or len(self.outside) not in {0, size}:
            raise ValueError(
                f"{size} labels need {size} x {size} counts, "
                f"got {len(self.matrix)} rows of {sorted(widths)} and {len(self.outside)} outside"
            )

    @classmethod
    def from_counts(cls, counts: Iterable[tuple[str, str | None, int]]) -> ConfusionData:
        """From (right class, answer, trials); the answer None is one outside the label set."""
        listed = list(counts)
        labels = sorted({name for right, answer, _ in listed for name in (right, answer) if name})
        place = {label: i for i, label in enumerate(labels)}
        matrix = [[0] * len(labels) for _ in labels]
        outside = [0] * len(labels)
        for right, answer, trials in listed:
            if answer is None:
                outside[place[right]] += trials
            else:
                matrix[place[right]][place[answer]] += trials
        return cls(labels=labels, matrix=matrix, outside=outside)


def confusion_figure(data: ConfusionData, *, name: str) -> Figure:
    """The matrix of the cell called `name`; of many classes only the most confused ones."""
    classes = shown_classes(data)
    heat = _heat_map(data, classes)
    total = sum(map(sum, data.matrix)) + sum(data.outside)
    right = sum(row[i] for i, row in enumerate(data.matrix))
    parts = [f"{total:,} trials, {right:,} right", "rows: the right class, columns: the answer"]
    if len(classes) < len(data.labels):
        parts.append(f"the {len(classes)} most confused of {len(data.labels)} classes")
    with house_style():
        page = Page(title=f"Confusion matrix · {name}", subtitle=" · ".join(parts))
        left = SIDE + 0.15 + heat.name_width()
        room = WIDTH - SIDE - left - (heat.name_height() if heat.slanted else 0.0)
        height = _ROW * len(heat.rows)
        figure, bottom = page.figure(heat.name_height() + height + _GAP)
        axes = add_panel(
            figure,
            left=left,
            bottom=bottom + _GAP,
            width=min(room, _WIDEST_COLUMN * len(heat.columns)),
            height=height,
        )
        draw_heat_map(axes, heat)
    return figure


def shown_classes(data: ConfusionData) -> list[int]:
    """Indices of the classes to draw, in the order of their labels.

    All of them when they are few; else those of the most frequent confusions, filled up with the
    most frequent classes when there are not enough confusions.
    """
    size = len(data.labels)
    if size <= _MOST_CLASSES:
        return list(range(size))
    pairs = [
        (-data.matrix[i][j], i, j)
        for i in range(size)
        for j in range(size)
        if i != j and data.matrix[i][j]
    ]
    by_size = sorted(range(size), key=lambda i: (-sum(data.matrix[i]), i))
    wanted = [index for _, i, j in sorted(pairs) for index in (i, j)] + by_size
    return sorted(list(dict.fromkeys(wanted))[:_MOST_CLASSES])


def _heat_map(data: ConfusionData, classes: Sequence[int]) -> HeatMap:
    """Shaded by the share of the row; other answers are counted in unshaded columns."""
    names = [shortened(readable(data.labels[i]), limit=28) or "–" for i in classes]
    counts = [[data.matrix[i][j] for j in classes] for i in classes]
    outside = data.outside or [0] * len(data.labels)
    totals = [sum(data.matrix[i]) + outside[i] for i in classes]
    extra: dict[str, list[int]] = {}
    if len(classes) < len(data.labels):
        rows = zip(classes, counts, strict=True)
        extra[_REST] = [sum(data.matrix[i]) - sum(row) for i, row in rows]
    if any(outside):
        extra[_OUTSIDE] = [outside[i] for i in classes]
    full = [[*row, *(column[i] for column in extra.values())] for i, row in enumerate(counts)]
    columns = [*names, *extra]
    return HeatMap(
        rows=names,
        columns=columns,
        values=[
            [count / total if total else None for count in row]
            for row, total in zip(full, totals, strict=True)
        ],
        texts=[[f"{count:,}" if count else "" for count in row] for row in full],
        low=0.0,
        high=1.0,
        slanted=len(columns) > _MOST_UPRIGHT or _widest(columns) > _WIDEST_COLUMN - 0.1,
        plain_columns=range(len(names), len(names) + len(extra)),
    )


def _widest(names: Sequence[str]) -> float:
    return max(text_size(name, SIZE)[0] for name in names) / 72
