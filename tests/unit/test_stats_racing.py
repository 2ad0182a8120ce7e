"""Races: the order, the blocks, who is stopped, and the bounds of who was."""

from __future__ import annotations

import math

import numpy as np
import pytest

from evalrunner.stats import confidence_sequence, difference_sequence, mcnemar_e_value
from evalrunner.stats.racing import BLOCK, Race, block_ends, race_order

NAN = math.nan
IDS = [f"c{n}" for n in range(200)]


def raced(*scores, cost=None, clusters=None, confidence=0.95, kept=()):
    """Who is stopped after one block of these scores, a row a cell."""
    table = np.array(scores, dtype=np.float64)
    codes = np.arange(table.shape[1]) if clusters is None else np.array(clusters)
    race = Race(len(table), confidence=confidence)
    race.add(table, codes)
    return race.beaten(cost or [1.0] * len(table), racing=range(len(table)), kept=kept)


def test_order_is_drawn_by_seed_and_id_alone():
    ids = IDS[::-1]

    order, again = race_order(IDS, seed=1), race_order(ids, seed=1)

    assert [IDS[place] for place in order] == [ids[place] for place in again]
    assert sorted(order.tolist()) == list(range(200))
    assert order.tolist() != race_order(IDS, seed=2).tolist()
    assert order.tolist() != list(range(200))


def test_cases_of_a_cluster_follow_each_other_and_large_ones_are_not_favoured():
    clusters = [0] * 100 + list(range(1, 101))

    first = [race_order(IDS, seed=seed, clusters=clusters).tolist() for seed in range(300)]

    places = [sorted(order.index(row) for row in range(100)) for order in first]
    assert all(place == list(range(place[0], place[0] + 100)) for place in places)
    assert np.mean([place[0] for place in places]) == pytest.approx(50, abs=6)


def test_blocks_grow_with_what_is_done():
    ends = block_ends(range(1319))

    sizes = np.diff([0, *ends])
    assert ends[:5] == [20, 40, 60, 80, 100]
    assert ends[-1] == 1319
    assert all(size <= max(BLOCK, done / 4) for size, done in zip(sizes, [0, *ends], strict=False))


def test_no_block_cuts_a_cluster():
    codes = np.repeat([4, 1, 3, 0, 2], [19, 30, 1, 2, 50])

    assert block_ends(codes) == [49, 102]


@pytest.mark.parametrize(("n", "expected"), [(0, []), (1, [1]), (20, [20]), (21, [20, 21])])
def test_last_block_is_what_is_left(n, expected):
    assert block_ends(np.arange(n)) == expected


def test_beaten_cell_is_the_one_that_loses_clearly():
    good, poor = [1] * 9 + [0], [0] * 9 + [1]

    (found,) = raced(good, poor, confidence=0.8)

    assert (found.cell, found.by, found.wins, found.losses, found.n) == (1, 0, 9, 1, 10)
    assert found.e_value == mcnemar_e_value(9, 1)


def test_threshold_grows_with_the_cells_that_race():
    """Six wins of six are enough for 1 / .07, and for two rivals they are not."""
    good, poor = [1] * 6, [0] * 6

    assert raced(good, poor, confidence=0.93)
    assert not raced(good, poor, [1] * 6, confidence=0.93)
    assert raced(good, poor, [1] * 6, confidence=0.85)


@pytest.mark.parametrize(
    ("cost", "is_stopped"),
    [((1.0, 1.0), True), ((1.0, 2.0), True), ((2.0, 1.0), False), ((NAN, 1), False), ((1, NAN), 0)],
)
def test_nobody_is_stopped_by_a_dearer_cell_or_at_an_unknown_price(cost, is_stopped):
    assert bool(raced([1] * 20, [0] * 20, cost=cost)) == is_stopped


def test_graded_scores_count_by_the_sign_of_the_difference():
    better = [0.51] * 20 + [0.3] * 20

    (found,) = raced(better, [0.5] * 20 + [0.3] * 20)

    assert (found.wins, found.losses, found.n) == (20, 0, 40)


def test_sums_that_were_rounded_differently_are_ties():
    assert not raced([(0.1 + 0.2) / 3] * 20, [0.3 / 3] * 20)


def test_a_cluster_counts_once():
    clusters = np.repeat(np.arange(5), 20)

    assert not raced([1] * 100, [0] * 100, clusters=clusters)
    assert raced([1] * 100, [0] * 100)


def test_only_shared_cases_count():
    good, poor = [1] * 20 + [NAN] * 20, [0] * 10 + [NAN] * 10 + [0] * 20

    (found,) = raced(good, poor)

    assert (found.wins, found.n) == (10, 10)


def test_blocks_add_up():
    race = Race(2, confidence=0.95)

    found = []
    for begin in (0, 4):
        race.add(np.array([[1.0] * 4, [0.0] * 4]), np.arange(begin, begin + 4))
        found.append(race.beaten([1, 1], racing=[0, 1]))

    assert not found[0]
    assert [(each.cell, each.wins) for each in found[1]] == [(1, 8)]


def test_kept_cell_is_not_stopped():
    assert not raced([1] * 20, [0] * 20, kept=[1])


def test_who_is_stopped_stops_nobody():
    """Three of whom each beats the next, as graded scores allow: one is left."""
    a = [3] * 20 + [2] * 20 + [1] * 20
    b = [2] * 20 + [1] * 20 + [3] * 20
    c = [1] * 20 + [3] * 20 + [2] * 20
    weighted = [[x / 3 for x in row] + [0.0] * 40 for row in (a, b, c)]

    found = raced(*weighted, confidence=0.2)

    stopped = {each.cell for each in found}
    assert 0 < len(stopped) < 3
    assert all(
        each.by not in {earlier.cell for earlier in found[:k]} for k, each in enumerate(found)
    )


def test_one_of_equals_is_rarely_stopped():
    """At most 5 % of the races with four equals, looked at after each block."""
    rng = np.random.default_rng(5)
    ends = block_ends(np.arange(400))

    wrong = 0
    for _ in range(400):
        table, race = (rng.random((5, 400)) < 0.7).astype(float), Race(5, confidence=0.95)
        for begin, end in zip([0, *ends], ends, strict=False):
            race.add(table[:, begin:end], np.arange(begin, end))
            if any(each.cell == 0 for each in race.beaten([1] * 5, racing=range(5))):
                wrong += 1
                break

    assert wrong / 400 <= 0.05


@pytest.mark.parametrize("draw", ["graded", "clusters"])
def test_bounds_of_a_mean_miss_it_at_no_time(draw):
    """Scores between 0 and 1, and clusters of one to four cases with one result."""
    rng, misses = np.random.default_rng(7), 0
    for _ in range(400):
        sizes = rng.integers(1, 5, 200) if draw == "clusters" else np.ones(200, dtype=int)
        values = rng.beta(0.6, 0.4, 200) if draw == "graded" else rng.random(200) < 0.6
        sums, n = np.cumsum(values * sizes), np.cumsum(sizes)
        found = (
            confidence_sequence(float(total), int(count), largest_cluster=int(sizes.max()))
            for total, count in zip(sums[::5], n[::5], strict=True)
        )
        misses += any(not each.low <= 0.6 <= each.high for each in found)

    assert misses / 400 <= 0.05


def test_largest_cluster_widens_the_bounds():
    alone = confidence_sequence(60, 100)
    clustered = confidence_sequence(60, 100, largest_cluster=4)

    assert clustered.low < alone.low < alone.high < clustered.high
    assert clustered.value == alone.value == 0.6


@pytest.mark.parametrize("total", [-1e-17, 3 + 1e-15])
def test_a_sum_that_was_rounded_out_of_its_range_has_bounds(total):
    found = confidence_sequence(total, 3)

    assert 0 <= found.low <= found.high <= 1


def test_bounds_of_a_difference_miss_it_at_no_time():
    rng, misses = np.random.default_rng(3), 0
    for _ in range(100):
        draws = rng.random(200)
        wins, losses = np.cumsum(draws < 0.25), np.cumsum(draws > 0.9)
        found = (difference_sequence(int(wins[k]), int(losses[k]), k + 1) for k in range(0, 200, 5))
        misses += any(not each.low <= 0.15 <= each.high for each in found)

    assert misses / 100 <= 0.05


@pytest.mark.parametrize(
    ("wins", "losses", "n"), [(31, 5, 100), (5, 31, 100), (6, 0, 6), (0, 0, 9), (3, 3, 6)]
)
def test_bounds_of_a_difference_are_where_no_rates_are_likely_enough(wins, losses, n):
    """Against the likeliest of many rates of losing."""
    counts = np.array([wins, losses, n - wins - losses])
    found = difference_sequence(wins, losses, n)

    def likeliest(difference):
        lose = np.linspace(max(0, -difference), (1 - difference) / 2, 100_001)[1:-1]
        rates = np.array([lose + difference, lose, 1 - difference - 2 * lose])
        return (counts[:, None] * np.log(rates)).sum(axis=0).max()

    mixture = math.lgamma(3) - math.lgamma(n + 3) + sum(math.lgamma(c + 1) for c in counts)
    for bound, is_end in ((found.low, found.low == -1), (found.high, found.high == 1)):
        is_edge = abs(bound) > 1 - 1e-9
        assert (
            is_edge
            or is_end
            or likeliest(bound) == pytest.approx(mixture + math.log(0.05), abs=1e-3)
        )
    assert found.low <= (wins - losses) / n <= found.high


def test_without_cases_nothing_is_known_of_a_difference():
    assert difference_sequence(0, 0, 0).value is None
