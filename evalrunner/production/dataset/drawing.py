"""Which questions become cases, and how many production calls each of them then stands for."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from evalrunner.errors import ConfigError, Problem
from evalrunner.production.dataset.questions import Question
from evalrunner.stats.sampling import (
    inclusion_chances,
    neyman_allocation,
    systematic_draw,
    whole_allocation,
)
from evalrunner.types import sha256_of

Allocation: TypeAlias = Literal["proportional", "equal", "neyman", "disagreement"]
Floats = NDArray[np.float64]

NONE = "(none)"
_FLOOR = 0.2
"""Added to a question's disagreement: none has a chance of 0, so none is without a weight."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawn:
    """One question that became a case."""

    question: Question
    stratum: str
    weight: float
    """Production calls that it stands for: those of its words, divided by its chance."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stratum:
    """What there was of a category, and what was drawn."""

    name: str
    n_questions: int
    mass: float
    n: int


def draw(
    questions: Sequence[Question], n: int, *, by: str | None, allocate: Allocation, seed: int
) -> tuple[list[Drawn], list[Stratum]]:
    """At most `n` questions, in the order given, and the strata in the order of their names.

    Within a stratum chances are in proportion to a question's traffic, for `disagreement` also to
    how far models or scores disagree about it. Raises ConfigError when nothing tells the spread
    that `neyman` needs, or whether anything disagrees.
    """
    _check(questions, allocate)
    strata: dict[str, list[Question]] = defaultdict(list)
    for question in questions:
        strata[_stratum(question, by)].append(question)
    names = sorted(strata)
    sizes = [len(strata[name]) for name in names]
    masses = [sum(question.mass for question in strata[name]) for name in names]
    wanted = _wanted([strata[name] for name in names], masses, n, allocate)
    # A category without a case could be said nothing about.
    counts = whole_allocation(wanted, sizes, least=1 if len(names) <= n else 0)
    rng = np.random.default_rng(seed)
    # By identity: nothing keeps an application from giving two calls one id.
    chosen: dict[int, Drawn] = {}
    for name, count in zip(names, counts, strict=True):
        for question, chance in _sample(strata[name], count, allocate, rng=rng, seed=seed):
            weight = question.mass / chance
            chosen[id(question)] = Drawn(question=question, stratum=name, weight=weight)
    kept = [chosen[id(question)] for question in questions if id(question) in chosen]
    return kept, [
        Stratum(name=name, n_questions=size, mass=mass, n=count)
        for name, size, mass, count in zip(names, sizes, masses, counts, strict=True)
    ]


def _stratum(question: Question, by: str | None) -> str:
    return NONE if by is None else question.call.field(by) or NONE


def _check(questions: Sequence[Question], allocate: Allocation) -> None:
    n_scores = sum(question.score is not None for question in questions)
    hint = 'log {"score": 0.8} with the metadata, or take --allocate proportional'
    if allocate == "neyman" and n_scores <= 1:
        what = "how far the categories vary is unknown: no logged call has a score"
        raise ConfigError(Problem(where="--allocate neyman", what=what, hint=hint))
    if allocate == "disagreement" and not n_scores and not any(q.differs for q in questions):
        what = "no input was answered differently by several models, and no call has a score"
        raise ConfigError(Problem(where="--allocate disagreement", what=what, hint=hint))


def _wanted(
    strata: Sequence[Sequence[Question]], masses: Sequence[float], n: int, allocate: Allocation
) -> Floats:
    n = min(n, sum(map(len, strata)))
    if allocate == "equal":
        return _equal([len(stratum) for stratum in strata], n)
    if allocate == "neyman":
        return neyman_allocation(masses, _spreads(strata), n)
    pulls = [sum(_pull(q, allocate) for q in stratum) for stratum in strata]
    return n * np.asarray(pulls) / sum(pulls)


def _equal(sizes: Sequence[int], n: int) -> Floats:
    """The same for each, the rest to those that have more."""
    given, left = np.zeros(len(sizes)), float(n)
    for rank, place in enumerate(sorted(range(len(sizes)), key=lambda each: sizes[each])):
        given[place] = min(sizes[place], left / (len(sizes) - rank))
        left -= given[place]
    return given


def _spreads(strata: Sequence[Sequence[Question]]) -> list[float]:
    scores = [[q.score for q in stratum if q.score is not None] for stratum in strata]
    overall = float(np.std([score for each in scores for score in each], ddof=1))
    return [float(np.std(each, ddof=1)) if len(each) > 1 else overall for each in scores]


def _pull(question: Question, allocate: Allocation) -> float:
    if allocate != "disagreement":
        return question.mass
    low = 0.0 if question.score is None else 1 - question.score
    return question.mass * (_FLOOR + max(float(question.differs), low))


def _sample(
    stratum: Sequence[Question],
    n: int,
    allocate: Allocation,
    *,
    rng: np.random.Generator,
    seed: int,
) -> list[tuple[Question, float]]:
    """Exactly `n`, each with exactly its chance: systematic, in an order that ids decide."""
    order = sorted(stratum, key=lambda question: sha256_of([seed, question.call.id]))
    chances = inclusion_chances([_pull(question, allocate) for question in order], n)
    places = systematic_draw(chances, start=rng.random())
    return [(order[place], float(chances[place])) for place in places.tolist()]


def shares_of(strata: Sequence[Stratum]) -> Mapping[str, float]:
    """The mix of the traffic."""
    total = sum(stratum.mass for stratum in strata)
    return {stratum.name: stratum.mass / total for stratum in strata}
