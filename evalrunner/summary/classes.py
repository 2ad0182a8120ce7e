"""The answers of a `labels` scorer as codes: what its metrics and its confusion are made from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evalrunner.scorers.classification import METRICS, OUTSIDE, Codes, Floats, class_counts


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassTable:
    """Every scored trial of a `labels` scorer."""

    labels: tuple[str, ...]
    """The declared labels, or else the sorted truths."""
    cases: Codes
    """Row of the trial's case."""
    truth: Codes
    """Position in `labels`."""
    answers: Codes
    """As `truth`; `OUTSIDE` for what is no label of the set."""

    def of_cases(self, rows: Codes) -> ClassTable:
        """Only the trials of these cases."""
        kept = np.isin(self.cases, rows)
        return ClassTable(
            labels=self.labels,
            cases=self.cases[kept],
            truth=self.truth[kept],
            answers=self.answers[kept],
        )

    def merged(self) -> tuple[ClassTable, NDArray[np.int64]]:
        """One trial for each pair of truth and answer that occurs, and how often it does."""
        pairs, counts = np.unique(
            np.column_stack([self.truth, self.answers]), axis=0, return_counts=True
        )
        rows = np.arange(len(pairs))
        table = ClassTable(labels=self.labels, cases=rows, truth=pairs[:, 0], answers=pairs[:, 1])
        return table, counts.astype(np.int64)

    def metric(self, name: str, weights: Floats, *, rows: Codes) -> Floats:
        """One of `METRICS` for each row of `weights`, whose columns stand for the cases `rows`."""
        drawn = weights[:, np.searchsorted(rows, self.cases)]
        counts = class_counts(self.truth, self.answers, n_labels=len(self.labels), weights=drawn)
        return METRICS[name](counts)

    def to_json(self) -> dict[str, Any]:
        """Precision, recall, F1 and n by class, and the confusion counts.

        A count is `[truth, answer, trials]`; the answer null is one outside the label set.
        """
        counts = class_counts(self.truth, self.answers, n_labels=len(self.labels))
        right, true, answered = counts.true_positive[0], counts.support[0], counts.predicted[0]
        return {
            "classes": {
                label: {
                    "precision": _share(right[code], answered[code]),
                    "recall": _share(right[code], true[code]),
                    "f1": _share(2 * right[code], true[code] + answered[code]),
                    "n": int(true[code]),
                }
                for code, label in enumerate(self.labels)
            },
            "confusion": self._confusion(),
            "n_outside": int(np.count_nonzero(self.answers == OUTSIDE)),
        }

    def _confusion(self) -> list[list[Any]]:
        table, counts = self.merged()
        names = (*self.labels, None)  # The code of an outside answer, -1, is the last of these.
        return [
            [names[truth], names[answer], int(count)]
            for truth, answer, count in zip(table.truth, table.answers, counts, strict=True)
        ]


def _share(part: float, whole: float) -> float | None:
    return float(part / whole) if whole else None
