import json
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from evalrunner.stats.items import (
    best_possible_p,
    chance_rate_at_least,
    failures_to_tell_apart,
    item_analysis,
    two_parameter_logistic,
)

GOLDEN = Path(__file__).parent / "golden" / "stat_cases.json"
CASES = {case["id"]: case for case in json.loads(GOLDEN.read_text("utf-8"))["cases"]}
NAN = math.nan


def textbook():
    return np.array(CASES["item_analysis"]["inputs"]["models_x_items"])


def test_item_analysis_gives_the_published_values():
    expected = CASES["item_analysis"]["expected"]

    found = item_analysis(textbook())

    assert list(found.difficulty) == expected["difficulty"]
    assert found.item_rest[0] is None
    assert found.item_rest[1:] == pytest.approx(tuple(expected["item_rest_correlation"][1:]))
    assert found.reliability == pytest.approx(expected["kr20"])
    assert list(found.solved_by_all) == expected["no_information_items"]
    assert found.solved_by_none == ()


def test_a_wrong_label_shows_as_a_negative_correlation():
    scores = textbook()
    scores[:, 3] = 1 - scores[:, 3]

    assert item_analysis(scores).item_rest[3] < -0.4


def test_gaps_are_left_out_of_what_they_touch():
    """The last case lacks a model: its difficulty is that of the rest, KR-20 is without it."""
    scores = textbook()
    scores[0, 5] = NAN

    found = item_analysis(scores)

    assert found.difficulty[5] == pytest.approx(3 / 7)
    assert found.reliability == pytest.approx(item_analysis(textbook()[:, :5]).reliability)
    rest = textbook()[1:, :5].mean(axis=1)
    assert found.item_rest[5] == pytest.approx(np.corrcoef(scores[1:, 5], rest)[0, 1])


def test_cases_that_nobody_answered_or_solved_are_named():
    found = item_analysis([[0, NAN, 0.5, 1], [0, NAN, 1.0, 1], [0, NAN, NAN, NAN]])

    assert found.difficulty == (0, None, 0.75, 1)
    assert (found.solved_by_all, found.solved_by_none) == ((3,), (0,))


@pytest.mark.parametrize(
    "scores",
    [[[1, 0, 1]], [[1], [0]], [[1, 0], [0, 1]], [[1, 0, 1], [1, 0, 1]]],
    ids=["one model", "one case", "equal totals", "no spread"],
)
def test_reliability_needs_spread_between_models(scores):
    assert item_analysis(scores).reliability is None


def test_two_models_have_no_correlation():
    assert item_analysis([[1, 0, 1], [0, 0, 1]]).item_rest == (None, None, None)


@given(
    arrays(np.float64, st.tuples(st.integers(1, 6), st.integers(1, 8)), elements=st.floats(0, 1))
)
def test_correlations_stay_between_their_bounds(scores):
    found = item_analysis(scores)

    assert all(r is None or -1 - 1e-9 <= r <= 1 + 1e-9 for r in found.item_rest)
    assert all(0 <= mean <= 1 for mean in found.difficulty)
    assert found.reliability is None or found.reliability <= 1 + 1e-9


def test_two_parameter_logistic_is_the_published_one():
    case = CASES["irt_2pl"]
    inputs = case["inputs"]

    chance, information = two_parameter_logistic(
        inputs["theta"], discrimination=inputs["a"], difficulty=inputs["b"]
    )

    assert chance == pytest.approx(case["expected"]["p"])
    assert information == pytest.approx(case["expected"]["information"])


def test_chance_that_a_set_is_too_easy_is_the_published_one():
    inputs, expected = (CASES["ceiling_posterior"][key] for key in ("inputs", "expected"))

    jeffreys, flat = (
        chance_rate_at_least(inputs["k"], inputs["n"], threshold=0.95, prior=prior)
        for prior in (0.5, 1.0)
    )

    assert jeffreys == pytest.approx(expected["p_true_ge_095_jeffreys"], abs=1e-9)
    assert flat == pytest.approx(expected["p_true_ge_095_uniform"], abs=1e-9)


def test_resolution_of_an_easy_set_is_the_published_one():
    case = CASES["ceiling_resolution"]

    found = [best_possible_p(f) for f in case["inputs"]["failures_of_weaker_model"]]

    assert found == case["expected"]["best_possible_two_sided_p"]
    assert failures_to_tell_apart() == case["expected"]["smallest_failures_for_p_lt_005"]
    assert best_possible_p(0) == 1
    assert failures_to_tell_apart(0.99) == 8
