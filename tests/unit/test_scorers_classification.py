"""Metrics of a classifier, against scikit-learn and by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, f1_score, precision_recall_fscore_support
from sklearn.metrics import confusion_matrix as sklearn_confusion

from evalrunner.scorers.classification import (
    METRICS,
    class_counts,
    class_f1,
    classification_metrics,
    confusion_matrix,
    encode_labels,
)

LABELS = ("a", "b", "c", "d")
NOWHERE = "outside"
PAIRS = st.lists(
    st.tuples(st.sampled_from(LABELS), st.sampled_from((*LABELS, None))), min_size=1, max_size=40
)
TRUTH = ["a", "a", "a", "b", "b", "c"]
ANSWERS = ["a", "a", "b", "b", None, "x"]


def test_a_small_example_by_hand():
    metrics = classification_metrics(TRUTH, ANSWERS)
    by_label = {one.label: one for one in metrics.per_class}

    assert (metrics.n, metrics.n_outside, metrics.accuracy) == (6, 2, 0.5)
    assert (by_label["a"].precision, by_label["a"].recall) == (1.0, pytest.approx(2 / 3))
    assert (by_label["b"].precision, by_label["b"].recall, by_label["b"].f1) == (0.5, 0.5, 0.5)
    assert (by_label["c"].precision, by_label["c"].recall, by_label["c"].f1) == (None, 0.0, 0.0)
    assert metrics.macro_f1 == pytest.approx((0.8 + 0.5 + 0) / 3)
    assert metrics.weighted_f1 == pytest.approx((3 * 0.8 + 2 * 0.5 + 0) / 6)
    assert [(one.support, one.predicted) for one in metrics.per_class] == [(3, 2), (2, 2), (1, 0)]


def test_a_declared_label_that_never_occurs_has_no_metric_and_is_left_out_of_the_mean():
    metrics = classification_metrics(["a", "b"], ["a", "b"], labels=LABELS)

    assert metrics.macro_f1 == 1
    assert metrics.per_class[3].f1 is None
    assert metrics.per_class[3].recall is None


def test_invented_classes_do_not_pull_the_macro_mean_down():
    metrics = classification_metrics(["a", "b", "b"], ["a", "b", "something else"])

    assert metrics.n_outside == 1
    assert metrics.macro_f1 == pytest.approx((1 + 2 / 3) / 2)


def test_no_trials_are_unknown_and_not_zero():
    metrics = classification_metrics([], [], labels=LABELS)

    assert (metrics.accuracy, metrics.macro_f1, metrics.weighted_f1) == (None, None, None)


def test_a_truth_that_is_no_label_is_refused():
    with pytest.raises(ValueError, match="truths that are no labels: 'x', 'y'"):
        classification_metrics(["a", "y", "x"], ["a", "a", "a"], labels=LABELS)


def test_different_lengths_are_refused():
    with pytest.raises(ValueError, match=r"shorter|longer"):
        classification_metrics(["a", "b"], ["a"])


def test_the_confusion_matrix_has_a_last_column_for_answers_outside():
    matrix = confusion_matrix(TRUTH, ANSWERS)

    assert matrix.labels == ("a", "b", "c")
    assert matrix.counts.tolist() == [[2, 1, 0, 0], [0, 1, 0, 1], [0, 0, 0, 1]]


@given(PAIRS)
def test_metrics_agree_with_scikit_learn(pairs):
    truth = [pair[0] for pair in pairs]
    answers = [pair[1] or NOWHERE for pair in pairs]

    metrics = classification_metrics(truth, [pair[1] for pair in pairs], labels=LABELS)
    matrix = confusion_matrix(truth, [pair[1] for pair in pairs], labels=LABELS)

    precision, recall, f1, support = precision_recall_fscore_support(
        truth, answers, labels=LABELS, zero_division=np.nan
    )
    columns = {"precision": precision, "recall": recall, "f1": f1, "support": support}
    for name, column in columns.items():
        ours = [getattr(one, name) for one in metrics.per_class]
        assert np.array(ours, dtype=float) == pytest.approx(column, nan_ok=True)
    assert metrics.accuracy == pytest.approx(accuracy_score(truth, answers))
    for ours_value, average in ((metrics.macro_f1, "macro"), (metrics.weighted_f1, "weighted")):
        assert ours_value == pytest.approx(
            f1_score(truth, answers, labels=LABELS, average=average, zero_division=np.nan)
        )
    full = sklearn_confusion(truth, answers, labels=[*LABELS, NOWHERE])
    assert matrix.counts.tolist() == full[:4].tolist()


@given(PAIRS, st.randoms(use_true_random=False))
def test_weights_count_like_repeated_trials(pairs, random):
    truth, answers = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
    times = [[random.randrange(4) for _ in pairs] for _ in range(3)]
    times[0][0] = 1
    codes = encode_labels(truth, answers, labels=LABELS)

    counts = class_counts(*codes, n_labels=4, weights=np.array(times, dtype=np.float64))

    for row, weights in enumerate(times):
        drawn = [pair for pair, n in zip(pairs, weights, strict=True) for _ in range(n)]
        again = classification_metrics(
            [pair[0] for pair in drawn], [pair[1] for pair in drawn], labels=LABELS
        )
        for name, metric in METRICS.items():
            expected = getattr(again, name)
            value = metric(counts)[row]
            assert value == pytest.approx(np.nan if expected is None else expected, nan_ok=True)


def test_fractional_weights_scale_away():
    codes = encode_labels(TRUTH, ANSWERS, labels=("a", "b", "c"))
    whole = class_counts(*codes, n_labels=3)
    part = class_counts(*codes, n_labels=3, weights=np.full((1, 6), 0.01))

    assert class_f1(part) == pytest.approx(class_f1(whole))


def test_no_resamples_give_no_values():
    codes = encode_labels(TRUTH, ANSWERS, labels=("a", "b", "c"))
    counts = class_counts(*codes, n_labels=3, weights=np.zeros((0, 6)))

    assert METRICS["macro_f1"](counts).shape == (0,)
