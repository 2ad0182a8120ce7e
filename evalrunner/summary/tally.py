"""One streaming pass over a cell's trials: sums by case, so that memory stays small.

A trial leaves 8 bytes of latency, 8 of its answer's checksum and, with a `labels` scorer, 12 of
classes; all else is by case.
"""

from __future__ import annotations

import zlib
from array import array
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal

import numpy as np
from numpy.typing import NDArray

from evalrunner.scorers import ScorerSettings
from evalrunner.scorers.classification import METRICS, OUTSIDE
from evalrunner.scorers.labels import LabelsSettings, normalised_label
from evalrunner.scorers.quality import ACCURACY, trial_quality
from evalrunner.scorers.structured import JsonFieldsSettings
from evalrunner.summary.classes import ClassTable
from evalrunner.summary.columns import Amounts, CaseColumns, Column
from evalrunner.summary.judging import JudgeTally
from evalrunner.summary.repeats import RepeatCosts
from evalrunner.types import Json, Status

F1_METRICS = tuple(name for name in METRICS if name != ACCURACY)
USAGE_CLASSES = (
    "input_tokens",
    "cache_read_tokens",
    "cache_write_5m_tokens",
    "cache_write_1h_tokens",
    "output_tokens",
    "reasoning_tokens",
)
RACED = "raced"
"""Kind of the error of trials that racing left out."""
_ANSWERED = frozenset({Status.OK, Status.REFUSED, Status.TRUNCATED})


_READERS = frozenset({"exact_match", "labels", "numeric"})
"""Kinds of scorers whose label is what the answer says, right or wrong; a judge's is a verdict."""


class _Answers:
    """Classes of the scored trials of one `labels` scorer."""

    def __init__(self, settings: LabelsSettings, truth: Sequence[str | None]) -> None:
        spelled = settings.labels or sorted({label for label in truth if label is not None})
        # Labels that the scorer takes for one class are one class here: the first spelling.
        labels = {normalised_label(label): label for label in reversed(spelled)}
        self._labels = tuple(label for label in spelled if label in labels.values())
        self._codes = {normalised_label(label): code for code, label in enumerate(self._labels)}
        self._truth = array("i", map(self._code, truth))
        self._columns = (array("i"), array("i"), array("i"))

    def add(self, row: int, score: Mapping[str, Json]) -> None:
        truth = self._truth[row]
        if truth == OUTSIDE:
            return
        answer = truth if score["value"] == 1 else self._code(score.get("label"))
        for column, value in zip(self._columns, (row, truth, answer), strict=True):
            column.append(value)

    def table(self) -> ClassTable:
        cases, truth, answers = (np.array(column, dtype=np.intp) for column in self._columns)
        return ClassTable(labels=self._labels, cases=cases, truth=truth, answers=answers)

    def _code(self, label: str | None) -> int:
        return OUTSIDE if label is None else self._codes.get(normalised_label(label), OUTSIDE)


class CellTally:
    """Everything that a cell's summary needs of its trials.

    Args:
        cases: The test set.
        scorers: Settings by name.
        quality: The scorer and metric that `resolve_quality` gives.
    """

    def __init__(
        self,
        cases: CaseColumns,
        *,
        scorers: Mapping[str, ScorerSettings],
        quality: tuple[str, str | None],
    ) -> None:
        n = cases.n
        self.statuses: Counter[Status] = Counter()
        self.n_unscored = 0
        self.left_out = np.zeros(n, dtype=np.int32)
        """Trials of each case that racing left out."""
        self.scores = {name: Column(n) for name in scorers}
        self.fields: dict[str, dict[str, Column]] = {
            name: {} for name, scorer in scorers.items() if isinstance(scorer, JsonFieldsSettings)
        }
        self.cost = Amounts(n)
        self.unpriced_calls = 0
        self.unknown_spending = 0
        self.paired_cost = np.zeros(n)
        self.paired_quality = np.zeros(n)
        self.is_paired = np.zeros(n, dtype=np.bool_)
        self.spent_usd = Decimal(0)
        self.judge_usd = Decimal(0)
        self.repeat_costs = RepeatCosts()
        self.unknown_judging = 0
        """Scores whose judges cost nobody knows what."""
        self.judged: dict[str, JudgeTally] = {}
        """By scorer; of those alone that have judgements."""
        self.lengths = Amounts(n) if _compares(scorers) else None
        """Characters of the answers, where answers are compared with each other."""
        self.n_retried = 0
        self.retried: list[tuple[int, float]] = []
        """Case and quality of the scored answers that needed more than one attempt."""
        self.latencies = array("d")
        self._read = array("i"), array("I")
        """Case and checksum of each answer."""
        self.usage = dict.fromkeys(USAGE_CLASSES, 0)
        self.usage_known = 0
        self.usage_estimated = False
        self._n = n
        self._quality = quality
        self._reads_answers = scorers[quality[0]].kind in _READERS
        self._blank = {name: Column(n) for name in self.fields}
        self._answers = {
            name: _Answers(scorer, cases.truth[name])
            for name, scorer in scorers.items()
            if isinstance(scorer, LabelsSettings)
        }

    @property
    def n_answered(self) -> int:
        """Trials with an answer, whatever it says."""
        return sum(self.statuses[status] for status in _ANSWERED)

    def read(self, trials: Iterable[tuple[int, Mapping[str, Json]]]) -> None:
        """Count every trial of this cell: the row of its case, and its row of `trials.jsonl`."""
        for case, row in trials:
            self._add(case, row)
        for name, columns in self.fields.items():
            for column in columns.values():
                column.join(self._blank[name])

    def answers(self) -> NDArray[np.float64] | None:
        """Repeats x cases: equal numbers are equal answers; NaN = none. None without any."""
        cases, codes = (np.array(column) for column in self._read)
        if not cases.size:
            return None
        order = np.argsort(cases, kind="stable")
        cases, codes = cases[order], codes[order]
        repeat = np.arange(cases.size) - np.searchsorted(cases, cases)
        table = np.full((int(repeat.max()) + 1, self._n), np.nan)
        table[repeat, cases] = codes
        return table

    def classes(self) -> dict[str, ClassTable]:
        """The answers of each `labels` scorer."""
        return {name: answers.table() for name, answers in self._answers.items()}

    def _add(self, case: int, row: Mapping[str, Json]) -> None:
        status = Status(row["status"])
        self.statuses[status] += 1
        is_answered = status in _ANSWERED
        self._add_spending(row, is_answered=is_answered)
        if not is_answered:
            self.left_out[case] += (row.get("error") or {}).get("kind") == RACED
            return
        self.repeat_costs.add(row)
        for name in self.scores:
            self._add_score(name, row["scores"].get(name), case)
        if self.lengths is not None:
            self.lengths.add(case, len(row["output"] or ""))
        self._add_answer(row, case)
        self._add_cost(row, case)
        self._add_usage(row["usage"])
        # Of a cached answer it is the time of the call that was paid, not of the look-up.
        if row["latency_s"] is not None:
            self.latencies.append(row["latency_s"])

    def _add_answer(self, row: Mapping[str, Json], case: int) -> None:
        text = row.get("output")
        if self._reads_answers:
            text = (row["scores"].get(self._quality[0]) or {}).get("label") or text
        if text is not None:
            self._read[0].append(case)
            said = text.strip().casefold()
            self._read[1].append(zlib.crc32(said.encode("utf-8", "surrogatepass")))

    def _add_score(self, name: str, score: Mapping[str, Json] | None, case: int) -> None:
        if score is None:
            return
        if score.get("judgements"):
            if name not in self.judged:
                self.judged[name] = JudgeTally(self._n)
            self.judged[name].add(case, score)
        if score["value"] is None:
            return
        self.scores[name].add(case, score["value"])
        if name in self._answers:
            self._answers[name].add(case, score)
        if name in self.fields:
            self._add_fields(name, score, case)

    def _add_fields(self, name: str, score: Mapping[str, Json], case: int) -> None:
        criteria = score.get("criteria") or ()
        if not criteria:
            # An answer that failed as a whole (a refusal, broken JSON) failed in every field.
            self._blank[name].add(case, score["value"])
        columns = self.fields[name]
        for criterion in criteria:
            if criterion["passed"] is not None:
                key = criterion["criterion"]
                if key not in columns:
                    columns[key] = Column(self._n)
                columns[key].add(case, float(criterion["passed"]))

    def _add_cost(self, row: Mapping[str, Json], case: int) -> None:
        quality, cost = trial_quality(row["scores"], self._quality), row["cost_usd"]
        self.n_unscored += quality is None
        if row["attempts"] > 1:
            self.n_retried += 1
            if quality is not None:
                self.retried.append((case, quality))
        if cost is None:
            self.unpriced_calls += 1
            return
        self.cost.add(case, float(cost))
        if quality is not None:
            self.paired_cost[case] += float(cost)
            self.paired_quality[case] += quality
            self.is_paired[case] = True

    def _add_spending(self, row: Mapping[str, Json], *, is_answered: bool) -> None:
        spent = row["spent_usd"]
        if spent is not None:
            self.spent_usd += _money(spent)
        elif is_answered and not row["cached"]:
            self.unknown_spending += 1
        for score in row["scores"].values():
            judge = score.get("spent_usd", score.get("cost_usd"))
            if judge is not None:
                self.judge_usd += _money(judge)
            else:
                self.unknown_judging += "spent_usd" in score

    def _add_usage(self, usage: Mapping[str, Json] | None) -> None:
        if usage is None:
            return
        self.usage_known += 1
        self.usage_estimated = self.usage_estimated or usage["estimated"]
        for name in USAGE_CLASSES:
            self.usage[name] += usage[name]


def _compares(scorers: Mapping[str, ScorerSettings]) -> bool:
    return any(scorer.kind == "pairwise" for scorer in scorers.values())


def _money(value: float | Decimal) -> Decimal:
    return value if isinstance(value, Decimal) else Decimal(str(value))
