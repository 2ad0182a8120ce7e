"""Fisher's exact test."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import fisher_exact as reference

from evalrunner.stats.contingency import fisher_exact


def test_fishers_lady_tasting_tea():
    """Fisher (1935), The Design of Experiments: 3 of 4 cups right each way, 34 of 70 tables."""
    assert fisher_exact(3, 4, 1, 4) == pytest.approx(34 / 70)


@given(st.integers(0, 40), st.integers(0, 40), st.integers(0, 40), st.integers(0, 40))
@settings(max_examples=60, deadline=None)
def test_p_value_is_that_of_scipy(hits, misses, other_hits, other_misses):
    table = [[hits, misses], [other_hits, other_misses]]

    found = fisher_exact(hits, hits + misses, other_hits, other_hits + other_misses)

    assert found == pytest.approx(reference(table).pvalue, rel=1e-6)


def test_groups_in_which_nothing_happened_do_not_differ():
    assert fisher_exact(0, 5, 0, 7) == 1
    assert fisher_exact(0, 0, 3, 7) == 1
