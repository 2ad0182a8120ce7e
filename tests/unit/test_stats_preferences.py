import json
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from evalrunner.stats import (
    bradley_terry,
    bradley_terry_strengths,
    length_bias,
    position_bias,
    sign_test,
    win_rate,
)

GOLDEN = Path(__file__).parent / "golden" / "stat_cases.json"
CASES = {case["id"]: case for case in json.loads(GOLDEN.read_text("utf-8"))["cases"]}

matrices = st.lists(st.lists(st.integers(1, 20), min_size=4, max_size=4), min_size=4, max_size=4)


def votes():
    """Each of the published votes as a case of its own."""
    wins = np.array(CASES["bradley_terry_ci"]["inputs"]["wins"], dtype=int)
    pairs = [(i, j) for i in range(3) for j in range(3) for _ in range(wins[i, j])]
    return pairs, [1] * len(pairs)


def ranked(pairs, outcomes, *, n_items, cases=None, seed=0):
    return bradley_terry(
        pairs,
        outcomes,
        n_items=n_items,
        cases=range(len(pairs)) if cases is None else cases,
        rng=np.random.default_rng(seed),
    )


def test_ties_count_half_in_the_published_win_rate():
    case = CASES["win_rate_ties"]
    wins, ties, losses = (case["inputs"][key] for key in ("wins", "ties", "losses"))

    rate = win_rate([1] * wins + [0.5] * ties + [0] * losses)

    student = 1.971956544  # 97.5 % point of t with 199 degrees of freedom.
    assert rate.value == pytest.approx(case["expected"]["win_rate"], abs=case["tol"])
    assert (rate.high - rate.value) / student == pytest.approx(
        case["expected"]["se"], abs=case["tol"]
    )
    assert rate.n == 200


def test_winning_every_case_claims_no_certainty():
    rate = win_rate([1.0] * 12)

    assert (rate.value, rate.high) == (1.0, 1.0)
    assert rate.low < 0.8


def test_repeats_of_a_case_do_not_narrow_a_win_rate():
    alone = win_rate([1, 0] * 10)
    clustered = win_rate(np.repeat([1, 0] * 5, 2), clusters=np.repeat(range(10), 2), by="case")

    assert clustered.high - clustered.low > alone.high - alone.low
    assert clustered.method == "wilson, effective n, clustered by case"


def test_sign_test_leaves_ties_out():
    expected = CASES["win_rate_ties"]["expected"]

    found = sign_test(120, 50)

    assert found.share.value == pytest.approx(expected["win_excluding_ties"])
    assert found.p_value == pytest.approx(expected["sign_test_p"], rel=1e-6)


@given(st.integers(0, 60), st.integers(0, 60))
def test_sign_test_is_the_exact_binomial_one(ahead, behind):
    found = sign_test(ahead, behind)

    if ahead + behind == 0:
        assert (found.share.value, found.p_value) == (None, None)
    else:
        assert found.p_value == pytest.approx(binomtest(ahead, ahead + behind).pvalue)


def test_position_bias_is_tested_among_the_inconsistent_pairs():
    case = CASES["position_bias"]
    inputs, expected = case["inputs"], case["expected"]

    found = position_bias(
        pairs=inputs["pairs"], first=inputs["always_first"], second=inputs["always_second"]
    )

    assert found.inconsistency.value == pytest.approx(expected["inconsistency"])
    assert found.inconsistency.low < expected["inconsistency"] < found.inconsistency.high
    assert found.first.share.value == pytest.approx(expected["first_share"])
    assert found.first.p_value == pytest.approx(expected["p"], rel=1e-6)
    assert found.net == pytest.approx(expected["net_bias"])


def test_a_judge_that_always_says_first_is_wholly_inconsistent():
    found = position_bias(pairs=30, first=30, second=0)

    assert (found.inconsistency.value, found.first.share.value, found.net) == (1, 1, 1)
    assert found.first.p_value == pytest.approx(2**-29)


def test_a_consistent_judge_shows_no_bias_and_no_test():
    found = position_bias(pairs=30, first=0, second=0)

    assert (found.inconsistency.value, found.first.share.value) == (0.0, None)
    assert (found.first.p_value, found.net) == (None, 0.0)
    assert position_bias(pairs=0, first=0, second=0).net is None


def test_length_bias_counts_winners_that_are_longer():
    """Two longer winners, one longer loser; a tie and a pair of equal lengths say nothing."""
    found = length_bias([900, 10, 800, 500, 70], [100, 90, 100, 20, 70], [1, 0, 0, 0.5, 1])

    assert (found.share.value, found.share.n, found.p_value) == (2 / 3, 3, 1.0)


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(0, 50), st.sampled_from([0, 0.5, 1]))))
def test_length_bias_does_not_depend_on_who_is_first(rows):
    first, second, outcomes = np.array(rows, dtype=float).reshape(-1, 3).T

    assert length_bias(first, second, outcomes) == length_bias(second, first, 1 - outcomes)


def test_bradley_terry_strengths_are_the_published_ones():
    case = CASES["bradley_terry_ci"]

    strengths = bradley_terry_strengths(case["inputs"]["wins"])

    assert strengths - strengths[0] == pytest.approx(
        case["expected"]["log_strength_vs_A"], abs=case["tol"]
    )
    assert strengths.mean() == pytest.approx(0)


def test_ratings_stand_on_the_elo_scale():
    case = CASES["bradley_terry_ci"]

    first, second, third = ranked(*votes(), n_items=3).ratings

    ahead = [rating.value - first.value for rating in (first, second, third)]
    assert ahead == pytest.approx(case["expected"]["elo_vs_A"], abs=1e-4)
    assert 1 / (1 + 10 ** (ahead[1] / 400)) == pytest.approx(case["expected"]["p_A_beats_B"])
    assert (first.value + second.value + third.value) / 3 == pytest.approx(1000)
    assert (first.n, first.method) == (148, "Bradley-Terry, bootstrap by case")


def test_bounds_of_a_rating_agree_with_the_information_matrix():
    """Ratings are relative to the mean: the spread of B - A has a published standard error."""
    wins = np.array(CASES["bradley_terry_ci"]["inputs"]["wins"])
    draws = np.random.default_rng(0).multinomial(148, (wins / wins.sum()).ravel(), size=4000)
    strengths = bradley_terry_strengths(draws.reshape(-1, 3, 3))

    spread = (strengths - strengths[:, :1]).std(axis=0)
    rating = ranked(*votes(), n_items=3).ratings[0]

    assert spread == pytest.approx(CASES["bradley_terry_ci"]["expected"]["se"], rel=0.08)
    bounds = 1000 + 400 / math.log(10) * np.quantile(strengths[:, 0], [0.025, 0.975])
    assert (rating.low, rating.high) == pytest.approx(tuple(bounds), abs=4)


@given(matrices)
def test_strengths_explain_as_many_wins_as_there_were(rows):
    """The maximum of the likelihood is where every item's expected wins are its own."""
    wins = np.array(rows) * (1 - np.eye(4))
    played = wins + wins.T

    strengths = bradley_terry_strengths(wins)

    chance = 1 / (1 + np.exp(strengths[None, :] - strengths[:, None]))
    assert (played * chance).sum(axis=1) == pytest.approx(wins.sum(axis=1), abs=1e-6)


def test_a_tie_is_half_a_win_of_each():
    tied = ranked([(0, 1)] * 4, [0.5] * 4, n_items=2)
    shared = ranked([(0, 1)] * 4, [1, 0, 1, 0], n_items=2)

    assert [rating.value for rating in tied.ratings] == pytest.approx([1000, 1000])
    assert [rating.value for rating in shared.ratings] == pytest.approx([1000, 1000])


def test_an_undefeated_item_gets_a_finite_rating_that_says_how():
    found = ranked([(0, 1), (0, 2), (1, 2), (2, 1)] * 10, [1] * 40, n_items=3)

    assert found.needs_prior
    assert found.ratings[0].method == "Bradley-Terry, bootstrap by case, prior 0.01"
    assert 1500 < found.ratings[0].value < 3000
    assert not ranked(*votes(), n_items=3).needs_prior


def test_a_ring_of_wins_needs_no_prior():
    """Everybody is beaten by somebody who is beaten by somebody: no strength is infinite."""
    found = ranked([(i, (i + 1) % 6) for i in range(6)], [1] * 6, n_items=6)

    assert not found.needs_prior
    assert [rating.value for rating in found.ratings] == pytest.approx([1000] * 6)


def test_groups_that_never_met_are_not_ranked_against_each_other():
    pairs = [(0, 1), (1, 0), (2, 3), (3, 2)] * 5

    found = ranked(pairs, [1] * 20, n_items=4)

    assert found.needs_prior
    assert [rating.value for rating in found.ratings] == pytest.approx([1000] * 4)


def test_an_item_without_comparisons_has_no_rating():
    with_idle, without = ranked(*votes(), n_items=4), ranked(*votes(), n_items=3)

    assert (with_idle.ratings[3].value, with_idle.ratings[3].n) == (None, 0)
    assert with_idle.ratings[:3] == without.ratings
    assert [rating.value for rating in ranked([], [], n_items=2).ratings] == [None, None]


def test_ratings_from_one_case_or_from_equal_cases_have_no_bounds():
    one = ranked([(0, 1), (1, 0)], [1, 1], n_items=2, cases=[7, 7]).ratings[0]
    equal = ranked([(0, 1)] * 9, [1] * 9, n_items=2).ratings[0]

    assert (one.value, one.low, one.high) == (pytest.approx(1000), None, None)
    assert (equal.low, equal.high) == (None, None)


def test_bounds_widen_when_the_votes_of_a_case_hang_together():
    pairs, outcomes = [(0, 1)] * 60, np.repeat([1, 1, 0, 1, 0, 1], 10)

    alone = ranked(pairs, outcomes, n_items=2).ratings[0]
    by_case = ranked(pairs, outcomes, n_items=2, cases=np.repeat(range(6), 10)).ratings[0]

    assert by_case.value == pytest.approx(alone.value)
    assert by_case.high - by_case.low > 2 * (alone.high - alone.low)
