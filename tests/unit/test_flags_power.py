"""Flags about differences that cannot be seen, and about winners by luck."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from summaries import cell, compared, flags

from evalrunner.stats.selection import selection_optimism

# --- too few cases ----------------------------------------


def test_open_question_about_the_best_is_told_with_what_the_cases_can_show():
    pairs = [
        compared(0, 1, 0.03, 0.07, n_more=450),
        compared(0, 2, 0.4, 0.07, conclusion="better", reverse="worse"),
    ]

    (flag,) = flags("too_few_cases", cell(0, 83), cell(1, 80), cell(2, 43), comparisons=pairs)

    assert flag["severity"] == "yellow"
    # Half the interval is 1.96 errors; seen at Holm's level of two, four times in five: 3.08.
    assert flag["evidence"]["smallest_difference"] == {"1": pytest.approx(0.1101, abs=1e-4)}
    assert (
        "100 cases show differences from about 11.0 points on, the margin is 2 points"
        in (flag["message"])
    )
    assert flag["message"].endswith("whether m1 is as good as m0 cannot be told")
    assert "add about 450 cases" in flag["remedy"]


@pytest.mark.parametrize(
    "pair",
    [
        compared(0, 1, 0.3, 0.07, conclusion="better", reverse="worse"),
        # The second is not worse than the best, seen from either side.
        compared(0, 1, 0.001, 0.01, reverse="not_worse"),
        compared(1, 0, -0.001, 0.01, conclusion="not_worse"),
        # More cases are not the answer where some are missing.
        compared(0, 1, 0.03, 0.07, because="7 cases missing"),
        # A larger set: what it shows is within the margin.
        compared(0, 1, 0.012, 0.013),
    ],
)
def test_what_can_be_told_needs_no_more_cases(pair):
    assert flags("too_few_cases", cell(0, 83), cell(1, 80), comparisons=[pair]) == []


def test_two_losers_may_stay_undecided():
    pairs = [
        compared(0, 1, 0.3, 0.05, conclusion="better", reverse="worse"),
        compared(0, 2, 0.3, 0.05, conclusion="better", reverse="worse"),
        compared(1, 2, 0.0, 0.05),
    ]

    assert flags("too_few_cases", cell(0, 83), cell(1, 53), cell(2, 53), comparisons=pairs) == []


def test_nothing_is_shown_by_a_handful():
    pair = compared(0, 1, 0.3, 0.9)

    (flag,) = flags("too_few_cases", cell(0, 3, 3), cell(1, 2, 3), comparisons=[pair])

    assert flag["message"].startswith("3 cases show nothing, the margin is 2 points")


# --- the winner's curse ----------------------------------------


def many(values, half):
    """Cells of these right answers of 100, each compared with the first, the best."""
    cells = [cell(n, value) for n, value in enumerate(values)]
    pairs = [compared(n, 0, (value - values[0]) / 100, half) for n, value in enumerate(values) if n]
    return cells, pairs


def test_best_of_many_alike_is_told_with_its_luck():
    cells, pairs = many([84] + [83] * 19, half=0.06)

    (flag,) = flags("winner_curse", *cells, comparisons=pairs)

    assert (flag["severity"], flag["cell"]) == ("yellow", 0)
    assert flag["evidence"]["optimism"] > flag["evidence"]["lead"] == pytest.approx(0.01)
    assert "m0 is the best of 20 by 1.0 points" in flag["message"]
    assert "fresh cases" in flag["remedy"]


def test_clear_winner_is_no_luck():
    cells, pairs = many([95] + [70] * 19, half=0.06)

    assert flags("winner_curse", *cells, comparisons=pairs) == []


def test_best_of_three_is_hardly_lucky():
    cells, pairs = many([84, 83, 83], half=0.06)

    assert flags("winner_curse", *cells, comparisons=pairs) == []


def test_small_errors_make_no_luck_to_speak_of():
    cells, pairs = many([84] * 10, half=0.005)

    assert flags("winner_curse", *cells, comparisons=pairs) == []


def test_optimism_of_equal_scores_is_the_mean_of_the_largest_of_so_many():
    """Tippett (1925): the largest of 2, 5, 10 and 20 standard normals."""
    means = [selection_optimism([0.5] * n, [0.01] * n) for n in (2, 5, 10, 20)]

    assert means == pytest.approx([0.0056419, 0.0116296, 0.0153875, 0.0186748], rel=1e-3)


@given(st.lists(st.tuples(st.floats(0, 1), st.floats(0.001, 0.2)), min_size=1, max_size=12))
def test_optimism_is_between_nothing_and_that_of_equals(cells):
    values, errors = zip(*cells, strict=True)

    optimism = selection_optimism(values, errors)

    assert 0 <= optimism <= 1.7 * max(errors) * len(cells) ** 0.5
    assert selection_optimism(values, [0.0] * len(values)) == 0


def test_differences_without_bounds_say_nothing():
    cells, pairs = many([84] + [83] * 19, half=0.06)
    unbounded = [
        pair | {"difference": pair["difference"] | {"low": None, "high": None}} for pair in pairs
    ]

    for code in ("too_few_cases", "winner_curse"):
        assert flags(code, *cells, comparisons=pairs)
        assert flags(code, *cells, comparisons=unbounded) == []
