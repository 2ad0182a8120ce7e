"""The columns of a calibration: each judge's scores of a cell beside what people said."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evalrunner.calibrate import PASS, CriteriaLabels, JudgedCell, Raters
from evalrunner.report.people.answers import Answer, Answers, Verdict
from evalrunner.report.people.matching import Said
from evalrunner.report.people.pair_labels import PairLabels

Floats = NDArray[np.float64]

_LEAST_CHANCE = 1e-6


@dataclass(frozen=True, slots=True, kw_only=True)
class SaidOfCell:
    """What people said of one cell's answers, and with which chance they were asked."""

    answers: Mapping[tuple[str, int], Mapping[str, Said]]
    """By case id and repeat, then by scorer or metric."""
    pairs: PairLabels | None = None
    """For pairwise scorers; None = people were shown none of this cell's answers."""
    chances: Mapping[str, float] | None = None
    """Of each case to be chosen for the export; None = equal."""
    drawn: frozenset[str] = frozenset()
    """Cases that were chosen for it."""


@dataclass(slots=True)
class _Row:
    """One answer, or a pair of them."""

    place: int
    case_id: str
    name: tuple[Any, ...]
    verdict: Verdict
    label: float | None
    raters: Sequence[float]
    """What each of them said; empty where nobody was asked."""
    criteria: Mapping[str, Sequence[float]]
    """What each rater said."""
    is_exported: bool


def judged_cell(
    cell: int,
    answers: Answers,
    said: SaidOfCell,
    *,
    name: str,
    scorer: str,
    member: str | None,
    is_pairwise: bool,
    about: str,
) -> JudgedCell:
    """One cell as a scorer, or a judge of its panel, scored it.

    `name` is the scorer or a metric of it, `about` the one whose labels it is held against.
    """
    rows = list((_pairs if is_pairwise else _whole)(cell, answers, said, scorer, member, about))
    values = [_value(row.verdict, name=name, scorer=scorer) for row in rows]
    scores = np.array([math.nan if v is None else v for v in values], dtype=np.float64)
    labels = np.array([math.nan if r.label is None else r.label for r in rows], dtype=np.float64)
    prices = [row.verdict.price_usd for row in rows]
    return JudgedCell(
        cell=cell,
        rows=np.array([row.place for row in rows], dtype=np.intp),
        scores=scores,
        labels=labels,
        raters=_raters([row.raters for row in rows], labels),
        prices=np.array([math.nan if p is None else p for p in prices], dtype=np.float64),
        names=[row.name for row in rows],
        criteria=_criteria(rows),
        chances=_chances(rows, scores, said),
    )


def covers(cell: int, answers: Answers, pairs: PairLabels, scorer: str) -> bool:
    """Whether people compared a cell with all whom a pairwise scorer compared it with."""
    voted = pairs.opponents(cell)
    return all(
        voted >= set(answer.scores[scorer].opponents)
        for repeats in answers.cells[cell].values()
        for answer in repeats
        if scorer in answer.scores
    )


def _whole(
    cell: int, answers: Answers, said: SaidOfCell, scorer: str, member: str | None, about: str
) -> Iterator[_Row]:
    for place, case_id, repeat, answer in _each(cell, answers):
        verdict = answer.scores.get(scorer)
        verdict = verdict if verdict is None or member is None else verdict.members.get(member)
        if verdict is None:
            continue
        given = said.answers.get((case_id, repeat), {}).get(about)
        # Labels of another scorer's criteria say nothing of this one's.
        criteria = {} if given is None or about.partition(".")[0] != scorer else given.criteria
        yield _Row(
            place=place,
            case_id=case_id,
            name=(case_id, answer.sha256),
            verdict=verdict,
            label=fmean(given.whole.values()) if given is not None and given.whole else None,
            raters=[] if given is None else list(given.whole.values()),
            criteria={text: list(raters.values()) for text, raters in criteria.items()},
            is_exported=given is not None and given.is_exported,
        )


def _pairs(
    cell: int, answers: Answers, said: SaidOfCell, scorer: str, member: str | None, about: str
) -> Iterator[_Row]:
    """Pairs with those cells that people compared it with, at all."""
    del about
    if said.pairs is None:
        return
    voted = said.pairs.opponents(cell)
    for place, case_id, repeat, answer in _each(cell, answers):
        verdict = answer.scores.get(scorer)
        verdict = verdict if verdict is None or member is None else verdict.members.get(member)
        for opponent, against in () if verdict is None else verdict.opponents.items():
            if opponent not in voted:
                continue
            other = answers.find(opponent, case_id, repeat)
            pair = (cell, case_id, repeat, opponent)
            label = said.pairs.mean(pair)
            yield _Row(
                place=place,
                case_id=case_id,
                name=(case_id, answer.sha256, None if other is None else other.sha256),
                verdict=against,
                label=label,
                raters=list(said.pairs.labels.get(pair, {}).values()),
                criteria={},
                is_exported=label is not None,
            )


def _each(cell: int, answers: Answers) -> Iterator[tuple[int, str, int, Answer]]:
    for place, (case_id, repeats) in enumerate(answers.cells[cell].items()):
        for repeat, answer in enumerate(repeats):
            yield place, case_id, repeat, answer


def _value(verdict: Verdict, *, name: str, scorer: str) -> float | None:
    if name == scorer:
        return verdict.value
    return verdict.criteria.get(name.removeprefix(f"{scorer}."))


def _criteria(rows: Sequence[_Row]) -> CriteriaLabels | None:
    found = [
        (position, judged, given)
        for position, row in enumerate(rows)
        for text, given in row.criteria.items()
        if (judged := row.verdict.criteria.get(text)) is not None
    ]
    if not found:
        return None
    positions, judge, raters = zip(*found, strict=True)
    people = np.array([fmean(given) for given in raters], dtype=np.float64)
    return CriteriaLabels(
        answers=np.array(positions, dtype=np.intp),
        judge=np.array(judge, dtype=np.float64),
        people=people,
        raters=_raters(raters, people),
    )


def _raters(said: Sequence[Sequence[float]], labels: Floats) -> Raters:
    """A label that no rater gave, as that of equal outputs, counts as one of theirs."""
    n = [max(1, len(given)) for given in said]
    passing = [
        sum(value >= PASS for value in given or [label])
        for given, label in zip(said, labels.tolist(), strict=True)
    ]
    return Raters(n=np.array(n, np.float64), passing=np.array(passing, np.float64))


def _chances(rows: Sequence[_Row], scores: Floats, said: SaidOfCell) -> Floats | None:
    """With which each answer became labelled; None = all with the same.

    The chance to be chosen for the export, times how much of what was chosen was then labelled; or
    to be labelled without any export, for which all had the same.
    """
    if said.chances is None or not rows:
        return None
    scored = ~np.isnan(scores)
    drawn = np.array([row.case_id in said.drawn for row in rows]) & scored
    asked = np.array([row.is_exported for row in rows]) & scored
    labelled = np.array([row.label is not None for row in rows]) & scored
    # Where nobody finished an answer its criteria are all that is labelled.
    exported = asked & labelled if (asked & labelled).any() else asked
    alone = labelled & ~asked
    if not exported.any():
        return None
    done = float((exported & drawn).sum() / max(drawn.sum(), 1))
    without = float(alone.sum() / max(scored.sum(), 1))
    chosen = np.array([said.chances.get(row.case_id, 0.0) for row in rows])
    chances: Floats = 1 - (1 - chosen * done) * (1 - without)
    return np.clip(chances, _LEAST_CHANCE, 1.0)
