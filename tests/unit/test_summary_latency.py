"""The latency histogram of a summary."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalrunner.summary.latency import latency_json


def test_edges_are_eight_to_a_decade_and_the_same_for_every_cell():
    quick = latency_json([0.1, 0.11, 0.14, 0.99])["histogram"]
    slow = latency_json([0.9, 1.0])["histogram"]

    assert quick["edges_s"] == [0.1, 0.133, 0.178, 0.237, 0.316, 0.422, 0.562, 0.75, 1.0]
    assert quick["counts"] == [2, 1, 0, 0, 0, 0, 0, 1]
    assert slow == {"edges_s": [0.75, 1.0, 1.33], "counts": [1, 1]}


def test_nothing_measured_is_unknown():
    assert latency_json([]) == dict.fromkeys(("p50", "p90", "p99", "histogram"))


def test_times_beyond_the_edges_count_in_the_outermost_bins():
    assert latency_json([0.0])["histogram"] == {"edges_s": [1e-07, 1.33e-07], "counts": [1]}
    assert latency_json([1e9])["histogram"] == {"edges_s": [75000.0, 100000.0], "counts": [1]}


@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=50))
def test_every_answer_is_counted_once_and_no_empty_bin_is_at_an_end(latencies):
    found = latency_json(latencies)["histogram"]

    assert sum(found["counts"]) == len(latencies)
    assert min(found["counts"][0], found["counts"][-1]) > 0
    assert len(found["edges_s"]) == len(found["counts"]) + 1
    assert (np.diff(found["edges_s"]) > 0).all()


def test_bins_are_what_numpy_counts_between_the_edges():
    sample = np.random.default_rng(0).lognormal(-1, 1, 1000)

    found = latency_json(sample)["histogram"]

    counts, _ = np.histogram(sample, found["edges_s"])
    assert found["counts"] == pytest.approx(counts.tolist())
