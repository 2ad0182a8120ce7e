import json
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalrunner.stats.dominance import dominance_p_values, frontier_probability, standings
from evalrunner.stats.frontier import (
    additive_epsilon,
    hypervolume,
    hypervolume_contributions,
    pareto_frontier,
)

GOLDEN = Path(__file__).parent / "golden" / "stat_cases.json"
CASES = {case["id"]: case for case in json.loads(GOLDEN.read_text("utf-8"))["cases"]}
PARETO = CASES["pareto"]
NAN = math.nan

points = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=1, max_size=12)


def rng(seed=0):
    return np.random.default_rng(seed)


def answers(*shares, n=200):
    """Cells that are right on the first share of the cases: the better holds the worse."""
    return np.array([np.arange(n) < round(share * n) for share in shares], dtype=float)


def prices(*each, n=200):
    return np.repeat(np.array(each, dtype=float)[:, None], n, axis=1)


def statuses(quality, cost, **options):
    return [found.status for found in standings(quality, cost, rng=rng(), **options)]


@given(points)
def test_frontier_is_what_no_point_dominates(pairs):
    cost, quality = np.array(pairs, dtype=float).T
    no_worse = (cost[None] <= cost[:, None]) & (quality[None] >= quality[:, None])
    better = (cost[None] < cost[:, None]) | (quality[None] > quality[:, None])

    mask = pareto_frontier(cost, quality)

    assert mask.tolist() == (~(no_worse & better).any(axis=1)).tolist()


def test_frontier_judges_sets_of_points_apart():
    cost, quality = np.array([[1, 2, NAN], [1, 2, 3]]), np.array([[0.5, 0.4, 1], [0.5, 0.6, 0.6]])

    mask = pareto_frontier(cost, quality)

    assert mask.tolist() == [[True, False, False], [True, True, False]]


def test_hypervolume_and_contributions_are_the_published_ones():
    given_, expected = PARETO["inputs"], PARETO["expected"]
    reference = (given_["ref_cost"], given_["ref_quality"])

    volume = hypervolume(given_["cost"], given_["quality"], reference=reference)
    shares = hypervolume_contributions(given_["cost"], given_["quality"], reference=reference)

    assert volume == pytest.approx(expected["hypervolume"], abs=PARETO["tol"])
    named = dict(zip(given_["names"], shares, strict=True))
    assert {name: share for name, share in named.items() if share > 0} == pytest.approx(
        expected["hypervolume_contrib"], abs=PARETO["tol"]
    )


def test_points_beyond_the_reference_add_no_volume():
    assert hypervolume([1, 9], [0.5, 0.9], reference=(5, 0.1)) == pytest.approx(4 * 0.4)
    assert hypervolume([9], [0.9], reference=(5, 0)) == 0
    assert hypervolume([1], [0.2], reference=(5, 0.3)) == 0


def test_a_second_copy_of_a_point_contributes_nothing():
    shares = hypervolume_contributions([1, 1, 2], [0.5, 0.5, 0.7], reference=(4, 0))

    assert shares == pytest.approx([0, 0, 0.4])


def test_additive_epsilon_is_the_published_one():
    cost, quality = PARETO["inputs"]["cost"], PARETO["inputs"]["quality"]
    rows = dict(zip(PARETO["inputs"]["names"], zip(cost, quality, strict=True), strict=True))
    front = [rows[name] for name in PARETO["expected"]["frontier"]]

    epsilon = additive_epsilon([rows["A"], rows["D"]], front)

    assert epsilon == pytest.approx(PARETO["expected"]["additive_epsilon_of_AD_vs_front"])
    assert additive_epsilon(front, front) == 0


def test_clear_results_leave_nothing_undecided():
    found = standings(answers(0.6, 0.9, 0.7), prices(1, 2, 3), rng=rng())

    assert [one.status for one in found] == ["frontier", "frontier", "dominated"]
    assert [one.probability for one in found] == pytest.approx([1, 1, 0])
    assert (found[2].dominator, found[0].dominator) == (1, None)
    assert found[2].p_dominated < 1e-6


def test_a_lead_within_the_noise_dominates_nobody():
    """The dearer cell's point is lower by 1 of 200 cases: off the frontier, but not beaten."""
    quality = answers(0.8, 0.795)

    found = standings(quality, prices(1, 2), rng=rng())

    assert [one.status for one in found] == ["frontier", "undecided"]
    assert found[1].p_dominated > 0.05
    assert found[1].dominator is None


def test_equal_answers_for_more_money_are_practically_beaten_only():
    """Twenty equal cases say little, two thousand that a point of quality is not lost."""
    many = standings(answers(0.9, 0.9, n=2000), prices(1, 2, n=2000), rng=rng(), margin=0.01)
    few = standings(answers(0.9, 0.9, n=20), prices(1, 2, n=20), rng=rng(), margin=0.01)

    assert [(one.status, one.dominator, one.substitute) for one in many] == [
        ("frontier", None, None),
        ("undecided", None, 0),
    ]
    assert few[1].substitute is None


def test_frontier_probability_of_two_cells_is_that_of_their_difference():
    """The dear cell is right in 20 more cases, wrong in 10: on the frontier when b > c drawn."""
    case = CASES["paired_bootstrap_exact"]
    ahead, behind, n = (case["inputs"][key] for key in ("a_only", "b_only", "n"))
    dear = np.repeat([1.0, 0.0, 1.0], [ahead, behind, n - ahead - behind])
    cheap = np.repeat([0.0, 1.0, 1.0], [ahead, behind, n - ahead - behind])
    chance = np.array([1.0])
    step = np.array([behind, n - ahead - behind, ahead]) / n
    for _ in range(n):
        chance = np.convolve(chance, step)

    found = frontier_probability([dear, cheap], prices(2, 1), rng=rng(), resamples=20_000)

    assert found == pytest.approx([chance[n + 1 :].sum(), 1], abs=0.003)


def test_equal_points_stay_on_the_frontier_in_every_resample():
    """Sums of the same numbers in another order differ in the last digit."""
    graded = rng(1).random(300)

    found = frontier_probability(
        np.tile(graded, (7, 1)), np.tile(graded / 3e5, (7, 1)), rng=rng(), resamples=500
    )

    assert found.tolist() == [1.0] * 7


def test_cells_without_price_or_quality_take_no_part():
    quality, cost = answers(0.6, 0.9, 0.7, 0.95), prices(1, 2, NAN, 1)
    quality[3] = NAN

    found = standings(quality, cost, rng=rng())

    assert [one.status for one in found] == ["frontier", "frontier", "unpriced", "undecided"]
    assert [one.probability for one in found[2:]] == [None, None]
    assert found[1].p_dominated == pytest.approx(1)


def test_nothing_priced_leaves_nothing_to_compare():
    assert statuses(answers(0.5, 0.6), prices(NAN, NAN)) == ["unpriced", "unpriced"]


def test_one_cell_is_its_own_frontier():
    (found,) = standings(answers(0.5), prices(1), rng=rng())

    assert (found.status, found.probability, found.p_dominated) == ("frontier", 1.0, 1.0)


def test_one_case_dominates_nobody():
    found = dominance_p_values([[0.0], [1.0]], [[2.0], [1.0]])

    assert found.tolist() == [[1, 1], [1, 1]]


def test_cells_are_compared_on_the_cases_they_share():
    """The cheap cell lacks the hard cases: higher by its own mean, equal where both answered."""
    quality = answers(0.6, 0.6)
    quality[0, 100:] = NAN

    found = standings(quality, prices(1, 2), rng=rng())

    assert np.nanmean(quality[0]) > np.nanmean(quality[1])
    assert [one.status for one in found] == ["frontier", "undecided"]
    assert found[1].p_dominated > 0.4


def test_evidence_against_the_points_leaves_a_cell_undecided():
    """The dear cell is right on all cases that it has alone, and worse on the shared ones."""
    quality = answers(0.3, 1.0)
    quality[0, 100:] = NAN
    quality[1, :60] = 0

    found = standings(quality, prices(1, 2), rng=rng())

    assert np.nanmean(quality, axis=1).tolist() == [0.6, 0.7]
    assert [one.status for one in found] == ["frontier", "undecided"]
    assert found[1].dominator == 0


def test_clusters_are_one_observation():
    """A lead of 15 points that is the same in all 20 cases of each of ten customers."""
    clusters = np.repeat(np.arange(10), 20)
    quality = np.vstack([clusters % 10 < 6, clusters % 10 < 8]).astype(float)

    alone = standings(quality, prices(2, 1), rng=rng())
    together = standings(quality, prices(2, 1), rng=rng(), clusters=clusters)

    assert [one.status for one in alone] == ["dominated", "frontier"]
    assert [one.status for one in together] == ["undecided", "frontier"]


@pytest.mark.parametrize("clusters", [None, np.repeat(np.arange(25), 8)])
def test_order_of_cases_does_not_matter(clusters):
    quality, cost = (rng(2).random((3, 200)) < 0.7).astype(float), rng(3).random((3, 200))
    shuffled = rng(4).permutation(200)
    codes = None if clusters is None else clusters[shuffled]

    one = standings(quality, cost, rng=rng(), clusters=clusters)
    other = standings(quality[:, shuffled], cost[:, shuffled], rng=rng(), clusters=codes)

    assert one == other
    assert 0 < one[1].probability < 1


def test_p_value_of_zero_or_one_scores_is_near_the_exact_one():
    """Ten cases better and none worse: one-sided exact McNemar 2**-10, 6 and none: 2**-6."""
    better = np.zeros((3, 100))
    better[1, :10] = 1
    better[2, :6] = 1

    found = dominance_p_values(better, prices(2, 1, 1, n=100))

    assert found[0, 1:] == pytest.approx([2**-10, 2**-6], rel=0.8)


def test_more_cells_need_more_evidence():
    pair = standings(answers(0.79, 0.83), prices(2, 1), rng=rng())
    grid = standings(
        np.vstack([answers(0.79, 0.83), answers(*[0.1] * 30)]),
        np.vstack([prices(2, 1), prices(*[3.0] * 30)]),
        rng=rng(),
    )

    assert grid[0].p_dominated == pytest.approx(31 * pair[0].p_dominated)
    assert (pair[0].status, grid[0].status) == ("dominated", "undecided")


def test_dominance_is_seldom_claimed_where_there_is_none():
    """Equal quality at another price, 1,000 times: at most the promised 5 % are called beaten."""
    draws = rng(5).random((1000, 2, 150)) < 0.85
    cost = prices(2, 1, n=150)

    wrong = sum(dominance_p_values(draw.astype(float), cost)[0, 1] < 0.05 for draw in draws)

    assert 20 <= wrong <= 50 + 2 * math.sqrt(1000 * 0.05 * 0.95)


def test_dearer_by_chance_is_not_dearer():
    """Costs with the same mean: neither cell can be called the cheaper one."""
    cost = rng(6).lognormal(0, 0.5, (2, 200))

    found = dominance_p_values(answers(0.5, 0.9), cost)

    assert found[0, 1] > 0.01
    assert found[1, 0] > 0.99


def test_same_seed_gives_the_same_standings():
    quality, cost = (rng(7).random((5, 120)) < 0.7).astype(float), rng(8).random((5, 120))

    assert standings(quality, cost, rng=rng()) == standings(quality, cost, rng=rng())


@given(st.integers(0, 2**32), st.sampled_from([1e-6, 3.0, 1e4]))
def test_the_currency_does_not_matter(seed, factor):
    quality, cost = (rng(seed).random((4, 30)) < 0.7).astype(float), rng(seed + 1).random((4, 30))

    one = standings(quality, cost, rng=rng(), resamples=50)
    other = standings(quality, cost * factor, rng=rng(), resamples=50)

    assert [a.status for a in one] == [a.status for a in other]
    assert [a.probability for a in one] == [a.probability for a in other]
