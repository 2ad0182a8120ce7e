"""What repeats tell of a cell, from sums by case."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalrunner.report.repeat_lines import repeat_lines
from evalrunner.stats import flip_rate, variance_components
from evalrunner.summary import CaseColumns, SummaryOptions
from evalrunner.summary.columns import Column
from evalrunner.summary.repeats import RepeatCosts, repeats_json

GOLDEN = [[1, 1, 1, 1], [1, 0, 1, 1], [0, 0, 0, 0], [1, 1, 0, 0], [0, 1, 0, 0], [1, 1, 1, 0]]
"""The golden cases variance_components and pass_at_k."""


def found(table, *, costs=(), clusters=None, name="score", k=None):
    """`cells[].repeats` of cases x repeats; None = unscored. `costs` of first and later repeats."""
    column, spent = Column(len(table)), RepeatCosts()
    for case, scores in enumerate(table):
        for repeat, score in enumerate(scores):
            if score is not None:
                column.add(case, float(score))
            if costs:
                usd = costs[repeat > 0]
                spent.add({"spent_usd": usd, "cached": False, "repeat": repeat, "scores": {}})
    columns = CaseColumns(
        n=len(table),
        clusters=None if clusters is None else np.array(clusters),
        cluster_field=None if clusters is None else "customer",
    )
    options = SummaryOptions(quality="score", repeats=k or max(map(len, table)))
    return repeats_json({"score": column}, name, costs=spent, cases=columns, options=options)


def lines(repeats):
    cell = {"label": "luna", "role": "candidate", "n_cases": 6, "repeats": repeats}
    return "\n".join(repeat_lines({"cells": [cell]}))


def test_variance_components_and_errors_are_the_golden_ones():
    repeats = found(GOLDEN)

    assert repeats["between"] == pytest.approx(0.09027777777777779)
    assert repeats["within"] == pytest.approx(0.18055555555555555)
    assert repeats["icc"] == pytest.approx(1 / 3)
    assert repeats["se_one"] == pytest.approx(0.21245914639969937)
    assert repeats["se_k"] == pytest.approx(0.15023130314433292)


def test_passes_of_one_to_k_repeats_are_the_golden_ones():
    repeats = found(GOLDEN)

    assert repeats["pass_hat_k"] == pytest.approx([0.5416667, 0.3611111, 0.25, 0.1666667])
    assert repeats["pass_at_k"] == pytest.approx([0.5416667, 0.7222222, 0.7916667, 0.8333333])


def test_flip_rate_is_the_share_of_cases_with_mixed_scores():
    repeats = found(GOLDEN)

    assert repeats["flip_rate"]["value"] == pytest.approx(4 / 6)
    assert repeats["flip_rate"]["n"] == repeats["n"] == 6


@given(
    st.lists(
        st.lists(st.sampled_from([0.0, 0.1, 0.7, 1.0, None]), min_size=3, max_size=3), min_size=2
    )
)
def test_sums_by_case_tell_what_the_whole_table_tells(table):
    whole = np.array(table, dtype=np.float64)
    repeats, wanted = found(table), variance_components(whole)

    if wanted is None:
        assert repeats["between"] is None
    else:
        assert repeats["within"] == pytest.approx(wanted.within, abs=1e-9)
        assert repeats["between"] == pytest.approx(wanted.between, abs=1e-9)
    assert repeats["flip_rate"]["value"] == flip_rate(whole).value
    assert json.loads(json.dumps(repeats, allow_nan=False)) == repeats


def test_repeats_of_graded_scores_have_no_passes():
    repeats = found([[0.2, 0.4], [0.9, 0.9]])

    assert repeats["pass_hat_k"] is repeats["pass_at_k"] is None
    assert repeats["flip_rate"]["value"] == 0.5
    assert "right every time" not in lines(repeats)


def test_one_repeat_tells_nothing():
    assert found([[1], [0]]) is None


def test_missing_trials_leave_out_the_cases_that_have_too_few():
    repeats = found([[1, 1], [1, None], [None, None]])

    assert repeats["pass_hat_k"] == [1.0, 1.0]
    assert repeats["n"] == 1


def test_no_case_with_so_many_repeats_has_no_pass():
    repeats = found([[1, None], [0, None]])

    assert repeats["pass_hat_k"] == [0.5, None]
    assert repeats["advice"] is None
    assert "right every time – of 0 cases" in lines(repeats)


def test_metric_without_a_value_by_trial_shows_the_repeats_of_its_scorer():
    assert found(GOLDEN, name="score.macro_f1")["score"] == "score"


def test_cases_of_one_cluster_make_the_error_larger_never_smaller():
    alike, alone = found(GOLDEN, clusters=[0, 0, 1, 1, 1, 0]), found(GOLDEN)
    spread = found(GOLDEN, clusters=[0, 1, 0, 1, 0, 1])

    assert alike["se_k"] > alone["se_k"]
    assert spread["se_k"] >= alone["se_k"]
    assert alike["se_one"] > alike["se_k"]


def test_more_cases_buy_more_where_every_answer_costs_the_same():
    advice = found(GOLDEN)["advice"]

    assert advice["more"] == "cases"
    assert advice["repeats"] == 8
    assert advice["se_more_cases"] == pytest.approx(0.15023130314433292 / 2**0.5)
    assert advice["se_more_repeats"] == pytest.approx(0.13714178929257986)  # golden: K = 8
    assert advice["cases_asked_once"] == 24
    assert "every answer at the same price" in advice["because"]


def test_more_repeats_buy_more_where_a_repeated_prompt_is_nearly_free():
    """A long prompt that is read from the provider's cache by every repeat."""
    noisy = [[1, 0], [0, 1], [1, 1], [0, 0], [1, 0], [0, 1]]

    cheap, equal = found(noisy, costs=(1.0, 0.05)), found(noisy, costs=(1.0, 1.0))

    assert cheap["advice"]["more"] == "repeats"
    assert cheap["advice"]["repeats"] == pytest.approx(2 + 1.05 / 0.05)
    assert "a first answer cost $1.00, a repeat $0.05)" in cheap["advice"]["because"]
    assert equal["advice"]["usd_first"] == 1.0


def test_repeats_that_never_differ_are_not_advised():
    advice = found([[1, 1], [0, 0], [1, 1]])["advice"]

    assert advice["more"] == "cases"
    assert "asking once is enough" in advice["because"]


def test_nothing_is_advised_where_nothing_varies():
    assert found([[1, 1], [1, 1]])["advice"] is None


def test_costs_of_cached_and_unpriced_answers_do_not_count():
    costs = RepeatCosts()
    about = {"repeat": 0, "cached": False, "scores": {}}

    costs.add(about | {"spent_usd": 2.0, "scores": {"judged": {"spent_usd": 0.5}}})
    costs.add(about | {"spent_usd": None})
    costs.add(about | {"spent_usd": 0.0, "cached": True})
    assert costs.means() is None
    costs.add(about | {"spent_usd": 1.0, "repeat": 3})

    assert costs.means() == (2.5, 1.0)


@pytest.mark.parametrize("last", [1.0, 0.5])
def test_column_made_at_once_is_the_one_made_score_by_score(last):
    rows, scores = np.array([0, 0, 1, 2]), np.array([1.0, 0.0, 1.0, last])
    one, other = Column(3), Column(3)
    one.add_all(rows, scores)
    for row, score in zip(rows, scores, strict=True):
        other.add(row, score)

    assert one.graded == other.graded == (last == 0.5)
    assert one.squares.tolist() == other.squares.tolist() == [1.0, 1.0, last**2]
    assert one.without([(2, last)]).squares.tolist() == [1.0, 1.0, 0.0]


def test_lines_of_many_cells_are_cut_and_counted():
    cell = {"label": "luna", "role": "candidate", "n_cases": 6, "repeats": found(GOLDEN)}

    *_, last = repeat_lines({"cells": [cell] * 17 + [cell | {"role": "canary"}]})

    assert last == "… and 2 cells more with repeats, in summary.json"


def test_lines_say_how_reliable_a_cell_is_and_what_to_buy():
    shown = lines(found(GOLDEN))

    assert "luna: right every time 16.7 % of 6 cases (pass^4), at least once 83.3 %" in shown
    assert "the score changes in 66.7 %" in shown
    assert "standard error 15.0 points with 4 repeats, 21.2 points with one" in shown
    assert "\n  more cases buy more certainty: " in shown


def test_an_interrupted_run_is_advised_nothing_but_its_own_repeats():
    whole = [[1, 0], [0, 0], [1, 1], [0, 1]]

    assert found(whole)["advice"] is not None
    assert found([*whole, [1, None]])["advice"] is None
