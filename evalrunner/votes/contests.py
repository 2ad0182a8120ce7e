"""Votes on pairs as contests of two cells, one for each case."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import fmean

from evalrunner.votes.ballots import Asked, Opinion, Question

_TIE = 0.5
_Pair = tuple[int, ...]
"""Facet and the two cells."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Contest:
    """Two cells on one case; outcomes are those of `a`, 1 = it is better."""

    facet: int
    a: int
    b: int
    case_id: str
    outcomes: tuple[float, ...]
    """One a vote; a pair of equal outputs has as many ties as other pairs have votes."""
    both_bad: int
    weight: float
    """1 / chance; of equal outputs less while other pairs still wait for votes."""

    @property
    def score(self) -> float:
        """Mean over the raters."""
        return fmean(self.outcomes)


def contests(asked: Asked) -> list[Contest]:
    """All of them, by facet, pair and case.

    Nobody is asked about equal outputs: that they are ties is known before the first vote. Until
    the others are voted on they count for as much as was, or every result would begin as a tie.
    """
    votes: dict[tuple[_Pair, str], list[Opinion]] = {}
    for each in asked.opinions:
        if each.choice is not None:
            votes.setdefault(_place(each.question), []).append(each)
    done = _voted_shares(asked, votes)
    usual = fmean(map(len, votes.values())) if votes else 1.0
    found = [_contest(asked, place, given) for place, given in votes.items()]
    found += [
        _equal(asked, place, n_votes=round(usual), share=done[place[0]])
        for place in dict.fromkeys(map(_place, asked.equal))
        if done[place[0]] > 0
    ]
    return sorted(found, key=lambda each: (each.facet, each.a, each.b, each.case_id))


def _place(question: Question) -> tuple[_Pair, str]:
    return (question.facet, *question.cells), question.case_id


def _contest(asked: Asked, place: tuple[_Pair, str], votes: Sequence[Opinion]) -> Contest:
    (facet, a, b), case_id = place
    return Contest(
        facet=facet,
        a=a,
        b=b,
        case_id=case_id,
        outcomes=tuple(each.value for each in votes),
        both_bad=sum(each.choice == "both_bad" for each in votes),
        weight=asked.weight(facet, case_id),
    )


def _equal(asked: Asked, place: tuple[_Pair, str], *, n_votes: int, share: float) -> Contest:
    (facet, a, b), case_id = place
    return Contest(
        facet=facet,
        a=a,
        b=b,
        case_id=case_id,
        outcomes=(_TIE,) * n_votes,
        both_bad=0,
        weight=share * asked.weight(facet, case_id),
    )


def _voted_shares(asked: Asked, voted: Iterable[tuple[_Pair, str]]) -> dict[_Pair, float]:
    """By pair, the share of the cases asked about that have a vote; 1 where none was asked."""
    keys = (key for key in asked.tasks.values() if key.kind == "pairwise")
    n_wanted = Counter(pair for pair, _ in {_place(asked.question(key)) for key in keys})
    n_voted = Counter(pair for pair, _ in voted)
    pairs = n_wanted.keys() | {_place(question)[0] for question in asked.equal}
    return {pair: n_voted[pair] / n_wanted[pair] if n_wanted[pair] else 1.0 for pair in pairs}
