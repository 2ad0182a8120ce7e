"""Which cases people are asked about: exact chances, and estimates that nothing biases."""

from __future__ import annotations

from collections import Counter
from statistics import fmean

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalrunner.human.choosing import (
    FLOOR,
    choose_informative,
    choose_random,
    choose_stratified,
    draw,
)
from evalrunner.human.pairs import is_left_second, pairs_of, repeat_of

IDS = tuple(f"c{n:02}" for n in range(40))
TRUTH = {case: float(n % 3 == 0) for n, case in enumerate(IDS)}
# The informative cases are those that fail: their plain mean would be far too low.
DISAGREEMENT = {case: 0.9 * (1 - TRUTH[case]) + (n % 5) / 50 for n, case in enumerate(IDS)}
STRATA = {case: "rare" if n < 3 else "odd" if n % 2 else "even" for n, case in enumerate(IDS)}
SEEDS = range(1500)


def spread(share, n):
    """Four standard errors of a share of n."""
    return 4 * (share * (1 - share) / n) ** 0.5


CHOICES = {
    "random": lambda seed: choose_random(IDS, 10, seed=seed),
    "stratified": lambda seed: choose_stratified(STRATA, 10, seed=seed),
    "informative": lambda seed: choose_informative(DISAGREEMENT, 10, seed=seed),
}


@pytest.mark.parametrize("choose", CHOICES.values(), ids=CHOICES)
def test_every_case_is_chosen_as_often_as_its_chance_says(choose):
    chosen = [choose(seed) for seed in SEEDS]

    counts = Counter(case for each in chosen for case in each.ids)
    chances = chosen[0].chances
    assert all(each.chances == chances for each in chosen)
    assert sum(chances.values()) == pytest.approx(10)
    assert {len(each.ids) for each in chosen} == {10}
    for case in IDS:
        error = spread(chances[case], len(SEEDS)) + 1e-9
        assert counts[case] / len(SEEDS) == pytest.approx(chances[case], abs=error)


@pytest.mark.parametrize("choose", CHOICES.values(), ids=CHOICES)
def test_weights_make_estimates_unbiased(choose):
    chosen = [choose(seed) for seed in SEEDS]

    weighted = [
        sum(TRUTH[case] / each.chances[case] for case in each.ids) / len(IDS) for each in chosen
    ]
    error = float(np.std(weighted)) / len(SEEDS) ** 0.5
    assert fmean(weighted) == pytest.approx(fmean(TRUTH.values()), abs=4 * error)


def test_informative_cases_without_weights_would_mislead():
    chosen = [CHOICES["informative"](seed) for seed in SEEDS]

    plain = fmean(fmean(TRUTH[case] for case in each.ids) for each in chosen)

    assert plain < fmean(TRUTH.values()) - 0.1


def test_disagreement_raises_a_chance_above_a_floor():
    chances = choose_informative({"calm": 0.0, "torn": 1.0, "half": 0.5}, 1, seed=0).chances

    assert chances["torn"] / chances["calm"] == pytest.approx((FLOOR + 1) / FLOOR)
    assert chances["half"] / chances["calm"] == pytest.approx((FLOOR + 0.5) / FLOOR)


def test_cases_chances_are_equal_where_nothing_disagrees():
    chosen = choose_informative(dict.fromkeys(IDS, 0.0), 10, seed=0)

    assert chosen.is_equal
    assert chosen.chances["c00"] == pytest.approx(0.25)


@given(
    st.lists(st.floats(0, 1), min_size=1, max_size=60),
    st.integers(1, 80),
    st.integers(0, 1000),
)
def test_an_informative_choice_has_exactly_its_number_of_cases(values, n, seed):
    disagreement = {f"c{place}": value for place, value in enumerate(values)}

    chosen = choose_informative(disagreement, n, seed=seed)

    assert len(chosen.ids) == len(set(chosen.ids)) == min(n, len(values))
    assert sum(chosen.chances.values()) == pytest.approx(min(n, len(values)))
    assert all(0 < chance <= 1 for chance in chosen.chances.values())
    assert {case for case, chance in chosen.chances.items() if chance == 1} <= set(chosen.ids)


def test_strata_get_their_share_and_at_least_one_case():
    chosen = choose_stratified(STRATA, 10, seed=3)

    counts = Counter(STRATA[case] for case in chosen.ids)
    sizes = Counter(STRATA.values())
    assert counts == {"rare": 1, "even": 4, "odd": 5}
    assert all(
        chosen.chances[case] == counts[stratum] / sizes[stratum] for case, stratum in STRATA.items()
    )


def test_a_smaller_choice_takes_some_of_a_larger_one():
    few, many = (choose_random(IDS, n, seed=5) for n in (8, 20))

    assert set(few.ids) < set(many.ids)
    assert list(many.ids) == sorted(many.ids)


@pytest.mark.parametrize("choose", CHOICES.values(), ids=CHOICES)
def test_another_seed_chooses_others(choose):
    assert choose(1) == choose(1)
    assert choose(1).ids != choose(2).ids


def test_all_cases_are_certain_where_more_are_asked_for_than_there_are():
    for chosen in (
        choose_random(IDS, 100, seed=0),
        choose_stratified(STRATA, 100, seed=0),
        choose_informative(DISAGREEMENT, 100, seed=0),
    ):
        assert chosen.ids == IDS
        assert set(chosen.chances.values()) == {1}


def test_draws_are_spread_evenly_and_tell_words_apart():
    values = np.array([draw(n, "word") for n in range(4000)])

    assert 0 <= values.min() < values.max() < 1
    assert np.histogram(values, bins=10, range=(0, 1))[0].min() > 330
    assert draw("a", "bc") != draw("ab", "c")


@pytest.mark.parametrize("cells", [(4, 2), (1, 5, 3)])
def test_up_to_three_cells_are_all_held_against_each_other(cells):
    pairs = pairs_of(cells, seed=0, case_id="c1")

    assert {frozenset(pair) for pair in pairs} == {
        frozenset({a, b}) for a in cells for b in cells if a != b
    }
    assert all(a < b for a, b in pairs)


@given(st.sets(st.integers(0, 50), min_size=4, max_size=20), st.integers(0, 100))
def test_each_of_many_cells_comes_twice_and_all_are_connected(cells, seed):
    pairs = pairs_of(sorted(cells), seed=seed, case_id="c1")

    reached = {min(cells)}
    for _ in cells:
        reached |= {cell for pair in pairs if reached & set(pair) for cell in pair}
    assert Counter(cell for pair in pairs for cell in pair) == dict.fromkeys(cells, 2)
    assert len(set(pairs)) == len(pairs)
    assert reached == cells


def test_over_many_cases_every_pair_comes_up_about_equally_often():
    counts = Counter(
        pair for n in range(900) for pair in pairs_of(range(6), seed=0, case_id=f"c{n}")
    )

    share = 2 / 5  # of 15 pairs a case has 6
    assert len(counts) == 15
    assert all(n / 900 == pytest.approx(share, abs=spread(share, 900)) for n in counts.values())


def test_sides_and_repeats_are_fair_and_depend_on_rater_case_and_pair():
    left = [
        is_left_second((0, cell), seed=0, rater=rater, case_id=f"c{n}")
        for cell in (1, 2)
        for rater in ("ann", "bob")
        for n in range(500)
    ]
    repeats = Counter(repeat_of((0, 2, 3), seed=0, case_id=f"c{n}", cell=1) for n in range(900))

    assert fmean(left) == pytest.approx(0.5, abs=spread(0.5, 2000))
    assert [fmean(left[at : at + 500]) for at in (0, 500, 1000, 1500)] == pytest.approx(
        [0.5] * 4, abs=spread(0.5, 500)
    )
    assert left[:500] != left[500:1000] != left[1000:1500]
    assert set(repeats) == {0, 2, 3}
    assert min(repeats.values()) > 250
