"""One streaming pass over the judgements of one scorer in one cell.

A verdict that can be compared with another on the same answer leaves 8 bytes, all else is counted.
"""

from __future__ import annotations

import re
import zlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from statistics import NormalDist
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from evalrunner.stats import krippendorff_alpha, percent_agreement, retest_noise, wilson_interval
from evalrunner.summary.columns import CaseColumns, SummaryOptions
from evalrunner.summary.judging.criteria import CriteriaTally
from evalrunner.summary.judging.pairs import PairTally
from evalrunner.summary.judging.ratings import Ratings, some_questions
from evalrunner.types import Estimate, Json

_PASSED = 0.5
"""Least score of an answer that passes."""
_TWO = 2
_REFUSED = "refused"
_CUT = re.compile(r"; answer cut to [\d,]+ characters(?:;|$)")
"""What a score says of an answer that its judge saw without its middle."""


class JudgeTally:
    """Counts what judges did; `n_cases` is the size of the test set."""

    def __init__(self, n_cases: int) -> None:
        self.criteria = CriteriaTally()
        self.pairs = PairTally(n_cases)
        self._n = Counter[str]()
        self._failures = Counter[str]()
        self._ratings = Ratings()
        self._retests = Ratings()
        self._has_criteria = False

    def add(self, case: int, score: Mapping[str, Json]) -> None:
        """Count one judged answer of the case in row `case`."""
        judgements = [each for each in score["judgements"] if _is_asked(each)]
        failures = [_failure(each) for each in judgements if each["value"] is None]
        valid = [each for each in judgements if each["value"] is not None]
        counted = [each for each in valid if not each.get("is_retest")]
        self._failures.update(failures)
        self._n.update(
            answers=1,
            judgements=len(judgements),
            counted=len(counted),
            passed=score["value"] is not None and score["value"] >= _PASSED,
            answers_failed=bool(failures),
            answers_refused=_REFUSED in failures,
            cut=_CUT.search(score["reason"] or "") is not None,
        )
        self.criteria.add(case, score.get("criteria") or ())
        self.pairs.add(case, score["judgements"])
        for verdicts in self._units(counted):
            if len(verdicts) >= _TWO:
                self._ratings.add(case, verdicts)
        for pair in _retested(valid):
            self._retests.add(case, pair)

    def to_json(
        self, *, cases: CaseColumns, options: SummaryOptions, cell: int, scorer: str
    ) -> dict[str, Any]:
        """The scorer's entry in a cell's `judging`."""
        rng = np.random.default_rng([options.seed, cell, zlib.crc32(f"{scorer} judge".encode())])
        n, failed = self._n, self._failures.total()
        level = options.confidence
        retest = self._retest(cases, options, rng=rng)
        return {
            **{f"n_{name}": n[name] for name in ("answers", "passed", "judgements")},
            "n_failed": failed,
            "failures": dict(sorted(self._failures.items())),
            **{f"n_{name}": n[name] for name in ("answers_failed", "answers_refused")},
            "failure_rate": asdict(wilson_interval(failed, n["judgements"], level=level)),
            "refusal_rate": asdict(
                wilson_interval(self._failures[_REFUSED], n["judgements"], level=level)
            ),
            "agreement": self._agreement(cases, options, rng=rng),
            "retest": retest,
            "noise": None if retest is None else _noise(retest["se_of_mean"], level=level),
            "position": self.pairs.position(level=level),
            "length": None,
            "cut": n["cut"],
        }

    def _units(self, verdicts: Sequence[Mapping[str, Json]]) -> Iterator[list[float]]:
        """The verdicts on each question that was asked several times about one answer."""
        units: dict[Any, list[float]] = {}
        for each in verdicts:
            if each.get("criteria"):
                self._has_criteria = True
                for line in each["criteria"]:
                    if line["passed"] is not None:
                        units.setdefault(line["criterion"], []).append(float(line["passed"]))
            else:
                units.setdefault(_question(each), []).append(each["value"])
        yield from units.values()

    def _agreement(
        self, cases: CaseColumns, options: SummaryOptions, *, rng: np.random.Generator
    ) -> dict[str, Any] | None:
        """How far the verdicts on the same answer agree; None where each was judged once."""
        if not self._ratings.n:
            return None
        matrix, rows = self._ratings.matrix()
        codes, by = _clusters(rows, cases)
        level = options.confidence
        scale: Literal["nominal", "ordinal"] = "nominal" if self._has_criteria else "ordinal"
        alpha = _alpha(matrix, scale, rng=rng, level=level, codes=codes, by=by)
        agreed = percent_agreement(matrix, clusters=codes, by=by, level=level)
        return {
            "alpha": asdict(alpha),
            "agreed": asdict(agreed),
            "n_judgements": self._n["counted"] / self._n["answers"],
            "level": scale,
        }

    def _retest(
        self, cases: CaseColumns, options: SummaryOptions, *, rng: np.random.Generator
    ) -> dict[str, Any] | None:
        """How far a judge agrees with itself; None where none was asked twice."""
        if not self._retests.n:
            return None
        pair, rows = self._retests.matrix()
        codes, by = _clusters(rows, cases)
        level = options.confidence
        noise = retest_noise(pair[0], pair[1], clusters=codes, by=by, level=level)
        alpha = _alpha(pair, "ordinal", rng=rng, level=level, codes=codes, by=by)
        return {
            "n": self._retests.n,
            "changed": asdict(noise.changed),
            "alpha": asdict(alpha),
            "sd": noise.sd,
            "se_of_mean": noise.mean_error(self._n["counted"]),
        }


def _alpha(
    matrix: NDArray[np.float64],
    scale: Literal["nominal", "ordinal"],
    *,
    rng: np.random.Generator,
    level: float,
    codes: NDArray[np.intp],
    by: str,
) -> Estimate:
    some = some_questions(matrix.shape[1], rng=rng)
    return krippendorff_alpha(
        matrix[:, some], rng=rng, metric=scale, level=level, clusters=codes[some], by=by
    )


def _noise(error: float | None, *, level: float) -> dict[str, float] | None:
    if error is None:
        return None
    return {"se": error, "half_width": NormalDist().inv_cdf((1 + level) / 2) * error}


def _is_asked(judgement: Mapping[str, Json]) -> bool:
    """False for equal answers: a tie that no judge was asked about, so it has no order."""
    return judgement.get("opponent") is None or judgement.get("is_first") is not None


def _failure(judgement: Mapping[str, Json]) -> str:
    """The kind in `judge_error: kind: detail`."""
    _, _, rest = (judgement["reason"] or "").partition(":")
    return rest.partition(":")[0].strip() or "unknown"


def _question(judgement: Mapping[str, Json]) -> tuple[Json, Json]:
    """What a judge was asked about an answer: pairwise asks of each opponent, in each order."""
    return judgement.get("opponent"), judgement.get("is_first")


def _retested(verdicts: Sequence[Mapping[str, Json]]) -> Iterator[list[float]]:
    """First and second verdict of a judge that was asked the same again."""
    first: dict[Any, float] = {}
    for each in verdicts:
        key = (each["judge"], *_question(each))
        if not each.get("is_retest"):
            first.setdefault(key, each["value"])
        elif key in first:
            yield [first[key], each["value"]]


def _clusters(rows: NDArray[np.intp], cases: CaseColumns) -> tuple[NDArray[np.intp], str]:
    """What makes verdicts depend on each other, and its name: at least their case."""
    if cases.clusters is None:
        return rows, "case"
    return cases.clusters[rows], cases.cluster_field or "cluster"
