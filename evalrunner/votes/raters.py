"""The raters themselves: how much they did, how fast, on which side, and who stands apart."""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from evalrunner.formatting import n_of, p_value, percent
from evalrunner.stats import SignTest, bounded_mean_interval, holm, sign_test
from evalrunner.types import Estimate
from evalrunner.votes.agreement import Codes, Floats, answers, same_again, told
from evalrunner.votes.ballots import Asked, Opinion, TaskState

_NEARLY_ALWAYS = 0.9
"""Share of the decided votes for one side: no pair is so one-sided, for sides are drawn."""
_CHARACTERS_PER_S = 250
"""Ten times what people read; source: Brysbaert (2019), Journal of Memory and Language 109."""
_FASTEST_S = 0.5
_DRAWS = 10_000
_SLACK = 1e-9
"""Sums that differ by rounding alone count as equal."""


def raters_json(asked: Asked) -> list[dict[str, Any]]:
    """`raters` of the summary: everyone who has tasks."""
    states: dict[str, list[TaskState]] = {}
    for state in asked.states:
        states.setdefault(state.key.rater, []).append(state)
    apart = _Apart.of(asked, states)
    return [_rater(asked, rater, own, apart) for rater, own in states.items()]


def side_bias(asked: Asked) -> dict[str, Any] | None:
    """`side_bias` of the summary; None where no vote chose a side."""
    found = _left(asked, asked.opinions)
    return {"left": asdict(found.share), "p": found.p_value} if found.share.n else None


def seconds_json(states: Iterable[TaskState]) -> dict[str, Any]:
    """Seconds for an answered task, half and nine tenths of them; None where no time is known.

    `n` counts the tasks whose time is known.
    """
    times = [each.seconds for each in states if each.is_answered and each.seconds is not None]
    if not times:
        return {"p50": None, "p90": None, "n": 0}
    half, most = np.quantile(times, [0.5, 0.9]).tolist()
    return {"p50": half, "p90": most, "n": len(times)}


def _rater(asked: Asked, rater: str, own: Sequence[TaskState], apart: _Apart) -> dict[str, Any]:
    left = apart.left[rater]
    copies = [pair for pair in asked.copies if pair[1].rater == rater]
    because = apart.because(rater)
    return {
        "rater": rater,
        "n_tasks": len(own),
        "n_answered": sum(each.is_answered for each in own),
        "n_skipped": sum(each.is_skipped for each in own),
        "n_flagged": sum(each.is_flagged for each in own),
        "seconds": seconds_json(own),
        "left": asdict(left.share),
        "left_p": left.p_value,
        "same_again": told(asked, same_again(asked, copies, swapped=False)),
        "same_swapped": told(asked, same_again(asked, copies, swapped=True)),
        "with_others": told(asked, apart.agreed[rater]),
        "is_outlier": because is not None,
        "because": because,
    }


def _left(asked: Asked, opinions: Iterable[Opinion]) -> SignTest:
    counts = Counter(each.choice for each in opinions)
    return sign_test(counts["left"], counts["right"], level=asked.level)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Apart:
    """What could make a rater an outlier; each test is adjusted for the number of raters."""

    left: Mapping[str, SignTest]
    left_p: Mapping[str, float]
    agreed: Mapping[str, Estimate]
    """With what most of the others say."""
    others: Mapping[str, float]
    """How far the others agree so, on the same questions."""
    agreed_p: Mapping[str, float]
    fast: Mapping[str, tuple[int, int]]
    """Tasks done faster than anybody reads, and tasks with a known time."""
    fast_p: Mapping[str, float]
    limit: float

    @classmethod
    def of(cls, asked: Asked, states: Mapping[str, Sequence[TaskState]]) -> _Apart:
        given: dict[str, list[Opinion]] = {rater: [] for rater in states}
        for each in asked.opinions:
            given[each.rater].append(each)
        left = {rater: _left(asked, own) for rater, own in given.items()}
        fast = {rater: _fast(asked, own) for rater, own in states.items()}
        table = _Table.of(asked)
        return cls(
            left=left,
            left_p=_adjusted({rater: found.p_value for rater, found in left.items()}),
            agreed={rater: table.estimate(rater) for rater in states},
            others={rater: table.others(rater) for rater in table.raters},
            agreed_p=_adjusted({rater: table.p_value(rater) for rater in table.raters}),
            fast=fast,
            fast_p=_adjusted(
                {rater: sign_test(n, total - n).p_value for rater, (n, total) in fast.items()}
            ),
            limit=1 - asked.level,
        )

    def because(self, rater: str) -> str | None:
        """Why a rater stands apart, in words; None for one who does not."""
        reasons = "; ".join(self._reasons(rater))
        return reasons or None

    def _reasons(self, rater: str) -> Iterable[str]:
        p = self.agreed_p.get(rater, 1.0)
        if p < self.limit:
            own = percent(self.agreed[rater].value, digits=0)
            others = percent(self.others[rater], digits=0)
            yield f"agrees with most of the others on {own}, they do on {others} ({p_value(p)})"
        p, share = self.left_p.get(rater, 1.0), self.left[rater].share
        value = share.value or 0.0
        if p < self.limit and max(value, 1 - value) > _NEARLY_ALWAYS:
            side, most = ("left", value) if value > _NEARLY_ALWAYS else ("right", 1 - value)
            votes = n_of(share.n, "decided vote")
            yield f"chose the {side} in {percent(most, digits=0)} of {votes} ({p_value(p)})"
        p, (n, total) = self.fast_p.get(rater, 1.0), self.fast[rater]
        if p < self.limit and 2 * n > total:
            yield f"was faster than anybody reads in {n:,} of {n_of(total, 'task')} ({p_value(p)})"


def _fast(asked: Asked, own: Iterable[TaskState]) -> tuple[int, int]:
    timed = [each for each in own if each.is_answered and each.seconds is not None]
    n = 0
    for each in timed:
        reading = asked.lengths.get(each.key.task_id, 0) / _CHARACTERS_PER_S
        n += (each.seconds or 0.0) < max(_FASTEST_S, reading)
    return n, len(timed)


def _adjusted(p_values: Mapping[str, float | None]) -> dict[str, float]:
    known = {rater: p for rater, p in p_values.items() if p is not None}
    return dict(zip(known, holm(list(known.values())).tolist(), strict=True))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Table:
    """How far each rater's answers are those of most others: raters x questions, NaN = none.

    Where the others are split, an answer that is one of k most frequent ones agrees by 1 / k.
    """

    asked: Asked
    raters: Sequence[str]
    agreed: Floats
    codes: Codes

    @classmethod
    def of(cls, asked: Asked) -> _Table:
        raters, questions, matrix = answers(asked)
        agreed = np.full(matrix.shape, np.nan)
        for column in range(matrix.shape[1]):
            said = {
                row: matrix[row, column] for row in np.flatnonzero(~np.isnan(matrix[:, column]))
            }
            for row, value in said.items():
                counts = Counter(other for place, other in said.items() if place != row)
                most = [each for each, n in counts.items() if n == max(counts.values())]
                agreed[row, column] = (value in most) / len(most)
        return cls(asked=asked, raters=raters, agreed=agreed, codes=asked.codes(questions))

    def estimate(self, rater: str) -> Estimate:
        """With its interval by case; without a value for one who shares no question."""
        row = self.agreed[self._row(rater)] if rater in self.raters else np.empty(0)
        known = ~np.isnan(row)
        codes = self.codes[known] if known.any() else None
        return bounded_mean_interval(
            row[known], clusters=codes, by=self.asked.by, level=self.asked.level
        )

    def others(self, rater: str) -> float:
        """The mean of the other raters on the questions that this one answered."""
        row = self._row(rater)
        columns = ~np.isnan(self.agreed[row])
        return float(np.nanmean(np.delete(self.agreed, row, axis=0)[:, columns]))

    def p_value(self, rater: str) -> float | None:
        """That the answers of this rater might as well have been any other's; one-sided.

        Permutes who of a case's raters gave which answers, all of a case together: exact but for
        the draws. None where nobody else could stand out: it takes three. Source: Phipson and
        Smyth (2010), Statistical Applications in Genetics and Molecular Biology 9(1).
        """
        row = self._row(rater)
        shared = ~np.isnan(self.agreed[row]) & ((~np.isnan(self.agreed)).sum(axis=0) > 2)  # noqa: PLR2004 - of two, neither is the odd one
        if not shared.any():
            return None
        code = zlib.crc32(f"votes rater {rater}".encode("utf-8", "surrogatepass"))
        rng = np.random.default_rng([self.asked.seed, code])
        observed, drawn = 0.0, np.zeros(_DRAWS)
        for unit in np.unique(self.codes[shared]):
            columns = shared & (self.codes == unit)
            whole = ~np.isnan(self.agreed[:, columns]).any(axis=1)
            sums = np.nansum(self.agreed[:, columns], axis=1)
            centred = sums[whole] - sums[whole].mean()
            observed += float(sums[row] - sums[whole].mean())
            drawn += centred[rng.integers(0, centred.size, size=_DRAWS)]
        return float(1 + (drawn <= observed + _SLACK).sum()) / (1 + _DRAWS)

    def _row(self, rater: str) -> int:
        return list(self.raters).index(rater)
