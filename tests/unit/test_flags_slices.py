"""The flag about parts of the test set in which a candidate fails."""

import numpy as np
import pytest
from summaries import cell, flags, rate

SUBJECTS = 56


def sliced(number, parts, **changes):
    """A cell whose slices by subject have these (right, n)."""
    right, n = (sum(column) for column in zip(*parts.values(), strict=True))
    values = {name: rate(*part) for name, part in parts.items()}
    return cell(number, right, n, slices={"subject": values}, **changes)


def mmlu(in_mathematics):
    """14,042 questions in 57 subjects; 270 of them are school mathematics."""
    others = {f"subject {n:02}": (202, 246) for n in range(SUBJECTS - 1)}
    others["subject 55"] = (206, 242)
    return sliced(0, {"high_school_mathematics": (in_mathematics, 270), **others})


def test_collapsed_category_behind_a_good_headline_is_found():
    """Trap 3: GPT-4 on MMLU, 80.59 % overall and 8 of 270 in one subject."""
    trap = mmlu(8)

    (flag,) = flags("hidden_failure", trap)

    assert trap["quality"]["value"] == pytest.approx(0.806, abs=0.001)
    assert flag["cell"] == 0
    assert "3.0 % of 270 cases with subject = high_school_mathematics" in flag["message"]
    (part,) = flag["evidence"]["slices"]
    assert part["p_adjusted"] < 1e-100


def test_slices_as_good_as_the_rest_raise_nothing():
    assert flags("hidden_failure", mmlu(220)) == []


def test_a_small_fall_does_not_matter_however_sure_it_is():
    parts = {"a": (8500, 10000), "b": (9200, 10000)}

    assert flags("hidden_failure", sliced(0, parts)) == []


def test_five_cases_prove_no_failure():
    assert flags("hidden_failure", sliced(0, {"a": (2, 5), "b": (60, 75)})) == []


def test_candidates_that_fail_alike_are_one_flag():
    parts = {"a": (10, 50), "b": (140, 150)}

    (flag,) = flags("hidden_failure", sliced(0, parts), sliced(1, parts), sliced(2, parts))

    assert flag["cell"] is None
    assert "likewise 2 other candidates" in flag["message"]
    assert [part["cell"] for part in flag["evidence"]["slices"]] == [0, 1, 2]


def test_facets_have_a_flag_each():
    parts = {"a": (10, 50), "b": (140, 150)}

    raised = flags("hidden_failure", sliced(0, parts), sliced(1, parts, facet=1))

    assert [flag["message"][:8] for flag in raised] == ["facet 0:", "facet 1:"]


def test_dependent_cases_count_for_less():
    """The interval of the cell is five times as wide as of independent cases."""
    parts = {"a": (20, 50), "b": (110, 150)}
    clustered = sliced(0, parts)
    value = clustered["quality"]["value"]
    wide = clustered["quality"] | {
        "low": value - 0.3,
        "high": value + 0.3,
        "method": "t, clustered by customer",
    }

    assert flags("hidden_failure", sliced(0, parts))
    assert flags("hidden_failure", clustered | {"quality": wide}) == []


def test_chance_raises_it_in_at_most_five_percent_of_runs():
    rng = np.random.default_rng(8)

    raised = 0
    for _ in range(200):
        parts = {f"s{n}": (int(rng.binomial(30, 0.8)), 30) for n in range(12)}
        raised += len(flags("hidden_failure", sliced(0, parts)))

    assert raised <= 10


def test_slices_of_an_f1_are_not_held_against_it():
    parts = {"a": (10, 50), "b": (140, 150)}
    whole = sliced(0, parts)

    assert (
        flags("hidden_failure", whole | {"quality": whole["quality"] | {"method": "bootstrap"}})
        == []
    )
    assert flags("hidden_failure", whole)
