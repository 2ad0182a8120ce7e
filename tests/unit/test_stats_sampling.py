import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalrunner.stats.intervals import mean_interval
from evalrunner.stats.sampling import (
    inclusion_chances,
    is_sampled,
    kish_size,
    neyman_allocation,
    stratified_error,
    systematic_draw,
    weighted_mean,
    whole_allocation,
)

GOLDEN = Path(__file__).parent / "golden" / "stat_cases.json"
CASES = {case["id"]: case for case in json.loads(GOLDEN.read_text("utf-8"))["cases"]}


def neyman():
    inputs = CASES["neyman_allocation"]["inputs"]
    rates = np.array(inputs["p"])
    return inputs["N"], np.sqrt(rates * (1 - rates)), inputs["n"]


def test_hash_sampling_picks_the_published_calls():
    expected = CASES["hash_sampling"]["expected"]
    ids = [f"req-{number:06}" for number in range(10_000)]

    one, two = ([name for name in ids if is_sampled(name, rate)] for rate in (0.01, 0.02))

    assert (len(one), one[:5]) == (expected["selected"], expected["first5"])
    assert len(two) == expected["selected_at_2pct"]
    assert set(one) < set(two)


@given(st.text(st.characters(exclude_categories=())))
def test_no_call_is_sampled_at_0_and_every_one_at_1(name):
    assert not is_sampled(name, 0)
    assert is_sampled(name, 1)


def test_neyman_allocation_is_the_published_one():
    case = CASES["neyman_allocation"]
    sizes, spreads, n = neyman()

    found = neyman_allocation(sizes, spreads, n)
    proportional = neyman_allocation(sizes, [0, 0, 0], n)

    assert found == pytest.approx(case["expected"]["neyman"])
    assert proportional == pytest.approx(case["expected"]["proportional"])
    errors = [stratified_error(sizes, spreads, each) for each in (found, proportional)]
    assert errors == pytest.approx(
        [case["expected"]["se_neyman"], case["expected"]["se_proportional"]]
    )
    assert whole_allocation(found, sizes) == (66, 73, 61)


def test_a_stratum_gives_no_more_than_it_has_and_no_fewer_than_asked():
    assert whole_allocation([50, 30, 20], [1000, 10, 1000]) == (64, 10, 26)
    assert whole_allocation([98, 1, 1], [1000, 1000, 3], least=5) == (92, 5, 3)
    assert whole_allocation([50, 50], [20, 10]) == (20, 10)
    assert whole_allocation([1, 1], [20, 10], least=4) == (4, 4)


@given(
    st.lists(st.tuples(st.floats(0, 50), st.integers(0, 60)), min_size=1, max_size=8),
    st.integers(0, 5),
)
def test_whole_allocation_keeps_its_sum_and_its_bounds(strata, least):
    wanted, sizes = zip(*strata, strict=True)

    found = whole_allocation(wanted, sizes, least=least)

    floor = [min(least, size) for size in sizes]
    assert all(low <= n <= size for low, n, size in zip(floor, found, sizes, strict=True))
    assert sum(found) == max(min(round(sum(wanted)), sum(sizes)), sum(floor))


def test_weighted_mean_undoes_unequal_chances():
    """1,000 rare calls all kept, 9,000 common ones at 10 %."""
    values = np.repeat([0.0, 1.0], [1000, 900])
    weights = np.repeat([1.0, 10.0], [1000, 900])

    found = weighted_mean(values, weights)

    assert found.value == pytest.approx(0.9)
    assert found.low < 0.9 < found.high < 0.92
    assert found.method == "weighted, t"


def test_equal_weights_change_nothing():
    values = np.random.default_rng(0).random(50)

    found = weighted_mean(values, np.full(50, 7.0), clusters=np.arange(50) // 5, by="customer")
    plain = mean_interval(values, clusters=np.arange(50) // 5, by="customer")

    assert (found.value, found.low, found.high) == pytest.approx(
        (plain.value, plain.low, plain.high)
    )
    assert found.method == "weighted, t, clustered by customer"


def test_weighted_mean_ends_at_1_and_is_unknown_for_no_calls():
    assert weighted_mean([1.0, 1.0, 0.9], [1, 50, 1]).high <= 1
    assert weighted_mean([], []).value is None


def test_kish_size_is_smaller_for_unequal_weights():
    """The published mix: weights 0.3 / 60, 0.3 / 30 and 0.4 / 10 are worth 48.78 equal ones."""
    case = CASES["post_stratified"]
    counts = np.array(case["inputs"]["strata"]["n"])

    weights = np.repeat(np.array(case["inputs"]["production_mix"]) / counts, counts)

    assert kish_size(weights) == pytest.approx(case["expected"]["kish_n_eff"])
    assert kish_size(np.ones(12)) == 12
    assert kish_size([]) == 0


def test_what_is_too_large_for_its_share_is_certain():
    assert inclusion_chances([10, 1, 1, 1, 1], 3).tolist() == [1, 0.5, 0.5, 0.5, 0.5]
    # Only once the first is certain is the second too large, too.
    assert inclusion_chances([9, 4, 1, 1], 3).tolist() == [1, 1, 0.5, 0.5]


def test_a_systematic_draw_takes_each_place_with_its_chance():
    chances = inclusion_chances([10, 1, 1, 1, 1], 3)
    starts = np.linspace(0, 1, 1000, endpoint=False)
    drawn = [systematic_draw(chances, start=start).tolist() for start in starts]

    assert {len(set(places)) for places in drawn} == {3}
    counts = np.bincount(np.concatenate(drawn), minlength=5) / len(drawn)
    assert counts == pytest.approx(chances, abs=0.002)
