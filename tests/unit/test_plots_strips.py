"""Figures of rows: paired differences, repeats, and a judge against people."""

from __future__ import annotations

import csv
import itertools
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from calibrations import entry
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_hex
from matplotlib.patches import Rectangle

from evalrunner.plots import draw_all
from evalrunner.plots.calibration import calibration_figure, has_calibration
from evalrunner.plots.colors import COLORS
from evalrunner.plots.differences import differences_figure, has_differences, relevant_pairs
from evalrunner.plots.page import Page
from evalrunner.plots.repeats import has_repeats, repeats_figure
from evalrunner.plots.strips import Block, Chart, Mark, Row, Strip, strip_limits, strips_figure
from evalrunner.types import Estimate

WEIRD = ["$\\frac$", "_x", "模型", "\x1b[31mred", "two\nlines", "W" * 130, "<b>&amp;", "🙂"]


def estimate(value, spread=0.05, n=120):
    if value is None:
        return {"value": None, "low": None, "high": None, "n": 0}
    return {"value": value, "low": value - spread, "high": value + spread, "n": n}


def cell(number, label=None, **changes):
    made = {
        "id": number,
        "label": label or f"m{number}",
        "axes": {"dataset": "tickets", "model": f"m{number}"},
        "facet": 0,
        "role": "candidate",
        "n_cases": 120,
        "quality": estimate(0.5 + number / 100),
        "slices": {},
        "cost": {"usd_per_1000": None},
        "latency_s": {"p50": 0.5, "p90": 1.0, "p99": 2.0},
        "repeats": None,
        "pareto": {"status": "dominated"},
    }
    return made | changes


def comparison(a, b, value, conclusion="cannot_tell", reverse="cannot_tell", **changes):
    made = {
        "facet": 0,
        "a": a,
        "b": b,
        "difference": estimate(value),
        "p": 0.01,
        "p_adjusted": 0.02,
        "n_paired": 120,
        "wins": 20,
        "ties": 90,
        "losses": 10,
        "conclusion": conclusion,
        "reverse": reverse,
        "margin": 0.02,
        "selected": False,
    }
    return made | changes


def summary(*cells, comparisons=(), calibration=(), **more):
    return {
        "run": {"name": "tickets", "confidence": 0.95},
        "quality": "exact_match",
        "cells": list(cells),
        "comparisons": list(comparisons),
        "calibration": list(calibration),
    } | more


def repeated(number, flips, passes=(0.8, 0.7, 0.65), **changes):
    repeats = {"k": 3, "score": "rubric", "flip_rate": estimate(flips), "n": 120}
    passes = None if passes is None else list(passes)
    return cell(number, repeats=repeats | {"pass_hat_k": passes}, **changes)


def everything():
    """A summary that every figure has numbers for."""
    return summary(
        repeated(0, 0.1),
        repeated(1, 0.2),
        repeated(2, 0.3),
        comparisons=[comparison(0, 1, 0.1, "better", "worse"), comparison(1, 2, -0.01)],
        calibration=[entry(0), entry(1)],
    )


def with_slices(made):
    slices = {"category": {"a": estimate(0.5)}, "channel": {"b": estimate(0.6)}}
    return made | {"cells": [one | {"slices": slices} for one in made["cells"]]}


def words(figure):
    return [text.get_text() for text in figure.texts]


def artist(figure, gid):
    (found,) = (a for a in figure.get_children() if a.get_gid() == gid)
    return found


def gids(figure):
    return {str(a.get_gid()) for a in figure.get_children()}


def x_of(figure, gid):
    return float(artist(figure, gid).get_xdata()[0])


def y_of(figure, gid):
    return float(artist(figure, gid).get_ydata()[0])


def rows_from_top(figure, prefix):
    """Markers' ids in the order of their rows."""
    markers = [
        a for a in figure.get_children() if re.fullmatch(f"{prefix}-[-0-9]+", str(a.get_gid()))
    ]
    return [m.get_gid() for m in sorted(markers, key=lambda m: -m.get_ydata()[0])]


def assert_no_text_overlaps(figure):
    renderer = FigureCanvasAgg(figure).get_renderer()
    texts = [t for t in figure.texts if t.get_text()]
    boxes = [(t.get_text(), t.get_window_extent(renderer)) for t in texts]
    for (first, a), (second, b) in itertools.combinations(boxes, 2):
        assert not a.overlaps(b), (first, second)
    width = figure.get_window_extent().x1
    assert all(box.x0 >= 0 and box.x1 <= width for _, box in boxes)


def read_csv(path):
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.reader(file))


# --- differences ----------------------------------------


def test_all_pairs_put_the_better_one_first_and_the_largest_difference_on_top():
    made = summary(
        *map(cell, range(3)),
        comparisons=[
            comparison(0, 1, -0.1, "worse", "better"),
            comparison(0, 2, -0.3, "worse", "better"),
            comparison(1, 2, 0.01, "cannot_tell", "not_worse"),
        ],
    )

    figure = differences_figure(made)

    order = ["difference-2-0", "difference-1-0", "difference-1-2"]
    assert rows_from_top(figure, "difference") == order
    assert {"m2 vs m0", "m1 vs m0", "m1 vs m2"} <= set(words(figure))
    assert "30.0 points (25.0 to 35.0)" in words(figure)
    assert x_of(figure, "difference-2-0") > x_of(figure, "difference-1-0")


def test_against_a_baseline_differences_keep_their_sign_and_the_title_names_it():
    made = summary(
        *map(cell, range(3)),
        comparisons=[comparison(0, 2, -0.1, "worse", "better"), comparison(1, 2, 0.1, "better")],
    )

    figure = differences_figure(made)

    assert rows_from_top(figure, "difference") == ["difference-1-2", "difference-0-2"]
    assert {"against m2", "−10.0 points (−15.0 to −5.0)"} <= set(words(figure))


@pytest.mark.parametrize(
    ("conclusion", "reverse", "shown", "marker"),
    [
        ("better", "worse", "better", ">"),
        ("worse", "better", "worse", "<"),
        ("not_worse", "cannot_tell", "not worse", "s"),
        ("not_worse", "not_worse", "within the margin", "D"),
        ("cannot_tell", "cannot_tell", "cannot tell", "o"),
    ],
)
def test_each_conclusion_has_words_and_a_shape_of_its_own(conclusion, reverse, shown, marker):
    made = summary(
        cell(0), cell(1), comparisons=[comparison(0, 1, 0.01, conclusion, reverse, n_paired=1234)]
    )

    figure = differences_figure(made)

    assert artist(figure, "difference-0-1").get_marker() == marker
    assert words(figure).count(shown) == 2, "in the legend and in the row"
    assert "1,234" in words(figure)


def test_the_margin_is_a_band_around_the_line_of_no_difference():
    made = summary(cell(0), cell(1), comparisons=[comparison(0, 1, 0.02, margin=0.05)])

    figure = differences_figure(made)

    (band,) = bands(figure)
    per_point = (x_of(figure, "difference-0-1") - (band.get_x() + band.get_width() / 2)) / 2
    assert band.get_width() == pytest.approx(10 * per_point)
    assert "margin of 5 points" in words(figure)


def test_no_margin_is_no_band():
    figure = differences_figure(
        summary(cell(0), cell(1), comparisons=[comparison(0, 1, 0.02, margin=0.0)])
    )

    assert not bands(figure)


def bands(figure):
    patches = (a for a in figure.get_children() if isinstance(a, Rectangle))
    return [patch for patch in patches if to_hex(patch.get_facecolor()) == COLORS["tie"]]


def test_of_many_pairs_the_most_relevant_forty_are_drawn_and_the_rest_is_counted(tmp_path):
    """The recommended cell's pairs first, then the frontier's; all of them are in the CSV."""
    cells = [cell(i) for i in range(12)]
    cells[0]["pareto"] = {"status": "frontier"}
    pairs = list(itertools.combinations(range(12), 2))
    made = summary(
        *cells,
        comparisons=[comparison(a, b, (a - b) / 100) for a, b in pairs],
        recommendations=[{"facet": 0, "cell": 1}],
    )

    kept = {frozenset((pair.a, pair.b)) for pair in relevant_pairs(made)}
    figure = differences_figure(made)
    draw_all(made, tmp_path)

    assert len(kept) == 40
    assert {frozenset(pair) for pair in pairs if {0, 1} & set(pair)} <= kept
    assert frozenset((2, 3)) not in kept
    assert any(text.startswith("The 40 most relevant of 66 pairs") for text in words(figure))
    assert len(read_csv(tmp_path / "differences.csv")) == 67
    assert_no_text_overlaps(figure)


def test_each_facet_keeps_its_most_relevant_pairs():
    cells = [cell(i, facet=int(i > 9)) for i in range(12)]
    many = [comparison(a, b, 0.1) for a, b in itertools.combinations(range(10), 2)]

    figure = differences_figure(
        summary(*cells, comparisons=[*many, comparison(10, 11, 0.2, facet=1)])
    )

    assert "difference-10-11" in gids(figure)
    assert {"facet 0", "facet 1 · against m11"} <= set(words(figure))


def test_what_a_reader_must_know_of_the_pairs_is_noted():
    made = summary(
        *map(cell, range(3)),
        comparisons=[
            comparison(0, 2, 0.3, selected=True),
            comparison(1, 2, None, n_paired=0),
        ],
    )

    shown = " ".join(words(differences_figure(made)))

    assert "1 pair without a case that both have scores of" in shown
    assert "its lead looks too large" in shown
    assert "p-values adjusted for all pairs" in shown


def test_differences_csv_is_as_the_summary_has_it_and_holds_no_formula(tmp_path):
    """F2."""
    made = summary(
        cell(0, "=1+1"), cell(1), comparisons=[comparison(0, 1, -0.25, "worse", "better")]
    )

    draw_all(made, tmp_path)

    header, row = read_csv(tmp_path / "differences.csv")
    found = dict(zip(header, row, strict=True))
    assert found["label_a"] == "'=1+1"
    assert (found["a"], found["b"], found["difference"]) == ("0", "1", "-0.25")
    assert (found["conclusion"], found["reverse"], found["n"]) == ("worse", "better", "120")


# --- repeats ----------------------------------------


def test_repeats_are_drawn_with_the_least_reliable_cell_on_top():
    figure = repeats_figure(summary(repeated(0, 0.1), repeated(1, 0.4), cell(2)))

    assert rows_from_top(figure, "flips") == ["flips-1", "flips-0"]
    assert {"40.0 % (35.0–45.0)", "65.0 %", "pass^1 to pass^3"} <= set(words(figure))
    assert x_of(figure, "pass-0-1") > x_of(figure, "pass-0-2") > x_of(figure, "pass-0-3")


def test_graded_scores_have_a_flip_rate_alone():
    figure = repeats_figure(summary(repeated(0, 0.1, passes=None)))

    assert not any(gid.startswith("pass-") for gid in gids(figure))
    assert not any("pass^" in text for text in words(figure))


def test_of_many_cells_with_repeats_the_least_reliable_are_drawn(tmp_path):
    made = summary(*[repeated(i, i / 100) for i in range(50)])

    figure = repeats_figure(made)
    draw_all(made, tmp_path)

    assert len(rows_from_top(figure, "flips")) == 40
    assert "flips-9" not in gids(figure)
    assert any(text.startswith("The 40 least reliable of 50 cells") for text in words(figure))
    header, first, *rest = read_csv(tmp_path / "repeats.csv")
    assert header[-3:] == ["pass_hat_1", "pass_hat_2", "pass_hat_3"]
    assert first[1:6] == ["49", "m49", "rubric", "3", "0.49"]
    assert len(rest) == 49


def test_repeats_of_several_facets_stand_under_their_titles():
    unnamed = repeated(0, 0.1)
    unnamed["repeats"]["score"] = None

    figure = repeats_figure(summary(unnamed, repeated(1, 0.4, facet=1)))

    assert {"facet 0", "facet 1"} <= set(words(figure))
    assert y_of(figure, "flips-0") > y_of(figure, "flips-1")
    assert_no_text_overlaps(figure)


# --- all of them ----------------------------------------


def test_figures_without_numbers_are_not_drawn(tmp_path):
    bare = summary(cell(0), cell(1), comparisons=[comparison(0, 1, None, n_paired=0)])
    nothing_known = dict.fromkeys(("sensitivity", "specificity", "kappa", "inflation"))
    unknown = entry(0, corrected=None, corrected_rogan_gladen=None, **nothing_known)
    older = {key: value for key, value in bare.items() if key != "comparisons"}

    draw_all(bare | {"calibration": [unknown]}, tmp_path)

    assert not has_differences(bare)
    assert not has_differences(older)
    assert not has_repeats(bare)
    assert not has_calibration(bare)
    assert {path.stem for path in tmp_path.iterdir()} == {"pareto", "latency"}


def test_foreign_names_fit_and_are_drawn_as_plain_text(caplog):
    """F9."""
    n = len(WEIRD)
    made = summary(
        *[repeated(i, 0.1, label=label) for i, label in enumerate(WEIRD)],
        comparisons=[
            comparison(a, b, 0.01 * (a - b)) for a, b in itertools.combinations(range(n), 2)
        ],
        calibration=[entry(i, judge=judge) for i in range(n) for judge in ("$\\x$", "W" * 90)],
    )

    for draw in (differences_figure, repeats_figure, calibration_figure):
        figure = draw(made)

        assert_no_text_overlaps(figure)
        assert not any(text.get_parse_math() for text in figure.texts)
        assert not any("\x1b" in text or "\n" in text for text in words(figure))
    assert not caplog.records


def test_every_id_is_its_own_and_every_colour_has_a_role(tmp_path):
    draw_all(with_slices(everything()), tmp_path)

    for path in tmp_path.glob("*.svg"):
        svg = path.read_text("utf-8")
        ids = re.findall(r' id="([^"]+)"', svg)
        assert len(ids) == len(set(ids)), path.name
        # The fields of a heat map lie between its shades.
        if path.stem != "slices":
            assert set(re.findall("#[0-9a-fA-F]{6}", svg)) <= set(COLORS.values()), path.name


def test_two_processes_draw_the_same_bytes_of_every_figure(tmp_path):
    code = (
        "import json, sys; from pathlib import Path; from evalrunner.plots import draw_all\n"
        "draw_all(json.loads(Path(sys.argv[1]).read_text()), Path(sys.argv[2]))"
    )
    source = tmp_path / "summary.json"
    source.write_text(json.dumps(everything()))
    for seed in ("1", "2"):
        (tmp_path / seed).mkdir()
        environ = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "PYTHONHASHSEED": seed}
        subprocess.run(
            [sys.executable, "-c", code, str(source), str(tmp_path / seed)], check=True, env=environ
        )

    drawn = sorted(path.name for path in (tmp_path / "1").iterdir())
    assert {Path(name).stem for name in drawn} == {
        "pareto",
        "latency",
        "differences",
        "repeats",
        "calibration",
    }
    for name in drawn:
        assert (tmp_path / "1" / name).read_bytes() == (tmp_path / "2" / name).read_bytes()


def test_ticks_of_neighbouring_strips_and_long_titles_have_room():
    strips = [
        Strip(title="share", show=lambda value: f"{value:.0%}", least_span=0.1, bounds=(0.0, 1.0))
    ] * 3
    mark = Mark(estimate=Estimate(value=1.0, low=0.0, high=1.0), color=COLORS["ink"], gid="a")
    row = Row(name="only", marks=[[mark], [], []])

    figure = strips_figure(
        Chart(
            page=Page(title="t", subtitle="s"), strips=strips, blocks=[Block(title="", rows=[row])]
        )
    )

    assert_no_text_overlaps(figure)
    assert words(figure).count("100%") == 3
    left, right = artist(figure, "a-interval").get_xdata()
    assert left < right == x_of(figure, "a")


@given(
    st.lists(st.floats(-1, 1), max_size=5),
    st.one_of(st.none(), st.floats(-1, 1)),
    st.floats(0.01, 1.5),
)
def test_limits_hold_all_values_and_never_leave_the_bounds(values, reference, least_span):
    strip = Strip(
        title="",
        show=str,
        least_span=least_span,
        bounds=(-1.0, 1.0),
        reference=reference,
        margin=0.05,
    )
    marks = [Mark(estimate=Estimate(value=value), color="") for value in values]

    low, high = strip_limits(strip, marks)

    assert -1 <= low < high <= 1
    assert all(low <= value <= high for value in values)
    assert reference is None or low <= reference <= high
    assert high - low >= least_span - 1e-9
