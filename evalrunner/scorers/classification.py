"""What can be said of a classifier: accuracy, precision, recall, F1s and the confusion matrix.

Pure, and over weights, so that a bootstrap counts its resamples in one call. An answer that is none
of the labels is *outside*: wrong, and counted apart. Labels are compared as they are spelled.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Codes: TypeAlias = NDArray[np.intp]
Floats: TypeAlias = NDArray[np.float64]

OUTSIDE = -1
"""The code of an answer that is none of the labels."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassMetrics:
    """One class against all others; a ratio without a denominator is None."""

    label: str
    precision: float | None
    recall: float | None
    f1: float | None
    support: int
    """Trials whose truth is this class."""
    predicted: int
    """Trials whose answer is this class."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassificationMetrics:
    """What is printed of a classifier."""

    n: int
    n_outside: int
    """Answers that are none of the labels: wrong for their class, predicted for no other."""
    accuracy: float | None
    macro_f1: float | None
    """Mean over the classes that occur, in truth or in answers."""
    weighted_f1: float | None
    """Mean weighted by support."""
    per_class: tuple[ClassMetrics, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfusionMatrix:
    """How often each truth (row) got each answer (column)."""

    labels: tuple[str, ...]
    counts: NDArray[np.int64]
    """One row a label; one column a label and a last one for answers outside."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassCounts:
    """What every metric is made of: weights by class, of shape (resamples, labels)."""

    true_positive: Floats
    predicted: Floats
    support: Floats


def classification_metrics(
    truth: Sequence[str],
    predicted: Sequence[str | None],
    *,
    labels: Sequence[str] | None = None,
) -> ClassificationMetrics:
    """Accuracy, precision, recall and F1s of `predicted` (None = outside) against `truth`.

    `labels` None means the classes of `truth`: invented classes are outside, and do not pull the
    macro F1 down one by one. Raises ValueError for a truth that is no label.
    """
    names = label_set(truth, labels)
    codes = encode_labels(truth, predicted, labels=names)
    counts = class_counts(*codes, n_labels=len(names))
    return ClassificationMetrics(
        n=len(truth),
        n_outside=int(np.count_nonzero(codes[1] == OUTSIDE)),
        accuracy=_known(accuracy(counts)[0]),
        macro_f1=_known(macro_f1(counts)[0]),
        weighted_f1=_known(weighted_f1(counts)[0]),
        per_class=tuple(_per_class(names, counts)),
    )


def confusion_matrix(
    truth: Sequence[str],
    predicted: Sequence[str | None],
    *,
    labels: Sequence[str] | None = None,
) -> ConfusionMatrix:
    """Counts by truth and answer; `labels` and errors as in `classification_metrics`."""
    names = label_set(truth, labels)
    rows, columns = encode_labels(truth, predicted, labels=names)
    counts = np.zeros((len(names), len(names) + 1), dtype=np.int64)
    # The code of an outside answer, -1, is the last column.
    np.add.at(counts, (rows, columns), 1)
    return ConfusionMatrix(labels=names, counts=counts)


def label_set(truth: Sequence[str], labels: Sequence[str] | None) -> tuple[str, ...]:
    """The declared labels, or else the sorted classes of `truth`."""
    return tuple(sorted(set(truth)) if labels is None else labels)


def encode_labels(
    truth: Sequence[str], predicted: Sequence[str | None], *, labels: Sequence[str]
) -> tuple[Codes, Codes]:
    """Both as positions in `labels`; answers that are none of them are `OUTSIDE`.

    Raises ValueError for a truth that is no label, and for sequences of different lengths.
    """
    code = {label: position for position, label in enumerate(labels)}
    unknown = sorted(set(truth) - code.keys())
    if unknown:
        raise ValueError(f"truths that are no labels: {', '.join(map(repr, unknown))}")
    pairs = list(zip(truth, predicted, strict=True))
    rows = [code[label] for label, _ in pairs]
    columns = [OUTSIDE if label is None else code.get(label, OUTSIDE) for _, label in pairs]
    return np.array(rows, dtype=np.intp), np.array(columns, dtype=np.intp)


def class_counts(
    truth_codes: Codes,
    predicted_codes: Codes,
    *,
    n_labels: int,
    weights: Floats | None = None,
) -> ClassCounts:
    """Counts for each row of `weights`, of shape (resamples, trials); None = each trial once.

    A bootstrap passes how often each resample drew each trial. O(resamples x trials), whatever the
    number of labels.
    """
    rows = np.ones((1, len(truth_codes))) if weights is None else weights
    right = truth_codes == predicted_codes
    inside = predicted_codes != OUTSIDE

    def counted(codes: Codes, kept: Floats) -> Floats:
        counts = [np.bincount(codes, weights=row, minlength=n_labels) for row in kept]
        return np.array(counts, dtype=np.float64).reshape(len(kept), n_labels)

    return ClassCounts(
        true_positive=counted(truth_codes[right], rows[:, right]),
        predicted=counted(predicted_codes[inside], rows[:, inside]),
        support=counted(truth_codes, rows),
    )


def accuracy(counts: ClassCounts) -> Floats:
    """Share of right answers in each resample; NaN for one without trials."""
    return _ratio(counts.true_positive.sum(axis=1), counts.support.sum(axis=1))


def class_f1(counts: ClassCounts) -> Floats:
    """F1 of each class in each resample; NaN where the class is in neither truth nor answers."""
    return _ratio(2 * counts.true_positive, counts.predicted + counts.support)


def macro_f1(counts: ClassCounts) -> Floats:
    """Mean F1 of each resample over the classes that occur in it, in truth or in answers."""
    f1 = class_f1(counts)
    occurs = ~np.isnan(f1)
    return _ratio(np.where(occurs, f1, 0).sum(axis=1), occurs.sum(axis=1).astype(np.float64))


def weighted_f1(counts: ClassCounts) -> Floats:
    """Mean F1 of each resample weighted by support."""
    weighted = np.where(counts.support > 0, class_f1(counts) * counts.support, 0)
    return _ratio(weighted.sum(axis=1), counts.support.sum(axis=1))


METRICS: Mapping[str, Callable[[ClassCounts], Floats]] = {
    "accuracy": accuracy,
    "macro_f1": macro_f1,
    "weighted_f1": weighted_f1,
}
"""The metrics that `run.quality` may name behind a labels scorer: `labels.macro_f1`."""


def _ratio(numerator: Floats, denominator: Floats) -> Floats:
    ratio = np.full(np.shape(numerator), np.nan)
    np.divide(numerator, denominator, out=ratio, where=denominator > 0)
    return ratio


def _per_class(names: Sequence[str], counts: ClassCounts) -> Iterator[ClassMetrics]:
    precision = _ratio(counts.true_positive, counts.predicted)[0]
    recall = _ratio(counts.true_positive, counts.support)[0]
    f1 = class_f1(counts)[0]
    for position, label in enumerate(names):
        yield ClassMetrics(
            label=label,
            precision=_known(precision[position]),
            recall=_known(recall[position]),
            f1=_known(f1[position]),
            support=int(counts.support[0, position]),
            predicted=int(counts.predicted[0, position]),
        )


def _known(value: float) -> float | None:
    return None if np.isnan(value) else float(value)
