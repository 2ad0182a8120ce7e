"""Whether a judge prefers the outputs that people prefer."""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import numpy as np

from evalrunner.stats import percent_agreement
from evalrunner.votes.agreement import kappa, told
from evalrunner.votes.ballots import Asked, Question

Preference: TypeAlias = Callable[[Question], float | None]
"""What a judge says of a pair: 1 = the first cell is better, 0.5 = neither; None = nothing."""


def judges_json(
    asked: Asked, judges: Mapping[int, tuple[str, str, Preference]]
) -> list[dict[str, Any]]:
    """`judges` of the summary; `judges` has the judge, the scorer and its verdicts by facet."""
    majority = _majorities(asked)
    found: list[dict[str, Any]] = []
    for facet, (judge, scorer, prefers) in sorted(judges.items()):
        verdicts = {
            question: (value, verdict)
            for question, value in majority.items()
            if question.facet == facet and (verdict := prefers(question)) is not None
        }
        n_divided = sum(value is None for value, _ in verdicts.values())
        verdicts = {question: given for question, given in verdicts.items() if given[0] is not None}
        if not verdicts:
            continue
        matrix = np.array(list(verdicts.values()), np.float64).T
        codes, by = asked.codes(verdicts), asked.cases[facet].by
        code = zlib.crc32(f"votes judge {scorer}".encode("utf-8", "surrogatepass"))
        rng = np.random.default_rng([asked.seed, facet, code])
        percent = percent_agreement(matrix, clusters=codes, by=by, level=asked.level)
        beyond = kappa(matrix, codes, rng=rng, by=by, level=asked.level)
        found.append(
            {
                "facet": facet,
                "judge": judge,
                "scorer": scorer,
                "n": len(verdicts),
                "n_divided": n_divided,
                "percent": told(asked, percent),
                "kappa": told(asked, beyond),
            }
        )
    return found


def _majorities(asked: Asked) -> dict[Question, float | None]:
    """What most raters say of each pair; None where no answer has the most votes."""
    votes: dict[Question, Counter[float]] = {}
    for each in asked.opinions:
        if each.choice is not None:
            votes.setdefault(each.question, Counter())[each.value] += 1
    return {question: _most(counts) for question, counts in votes.items()}


def _most(counts: Counter[float]) -> float | None:
    largest = max(counts.values())
    most = [value for value, n in counts.items() if n == largest]
    return most[0] if len(most) == 1 else None
