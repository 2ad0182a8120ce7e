"""Pairwise votes as labels: what a pairwise scorer should have said of an answer and another."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from statistics import fmean

from evalrunner.calibrate import PASS
from evalrunner.report.people.answers import Answers
from evalrunner.report.people.matching import PeopleSaid
from evalrunner.types.people import TaskKey, Vote

_WORTH = {"left": 1.0, "right": 0.0, "tie": 0.5, "both_bad": 0.5}

Pair = tuple[int, str, int, int]
"""Cell, case id, repeat, and the cell it was compared with."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PairLabels:
    """What people said of pairs of outputs."""

    labels: Mapping[Pair, Mapping[str, float]]
    """By rater: 1 = it is better, 0 = the other is, 0.5 = neither; both ways round."""
    equal: frozenset[Pair]
    """Pairs of one text, which nobody need be asked about: a tie."""
    n_votes: int
    """Votes that say it, copies left out."""
    n_uncomparable: int
    """Votes on answers of different repeats, which no judge compares."""
    n_changed: int
    """Votes on outputs that the run does not hold any more."""

    def mean(self, pair: Pair) -> float | None:
        """The mean vote on a pair; None = nobody voted."""
        if pair in self.equal:
            return 0.5
        given = self.labels.get(pair)
        return fmean(given.values()) if given else None

    def opponents(self, cell: int) -> set[int]:
        """Cells that people compared a cell with."""
        return {pair[3] for pair in (*self.labels, *self.equal) if pair[0] == cell}


def pair_labels(said: PeopleSaid, answers: Answers) -> PairLabels:
    """From the votes of the run; the last one of a rater on a task counts."""
    keys = {} if said.export is None else {key.task_id: key for key in said.export.key}
    last = {
        (vote.task_id, vote.rater): vote
        for vote in said.votes
        if isinstance(vote, Vote) and vote.task_id in keys
    }
    labels: dict[Pair, dict[str, float]] = {}
    n_votes = n_uncomparable = n_changed = 0
    for vote in last.values():
        key = keys[vote.task_id]
        if vote.vote not in _WORTH or key.right is None or key.copy_of is not None:
            continue
        if vote.rater != key.rater:
            continue
        if key.left_repeat != key.right_repeat:
            n_uncomparable += 1
        elif not _is_current(key, answers):
            n_changed += 1
        else:
            n_votes += 1
            value = _WORTH[vote.vote]
            for pair, worth in zip(_both(key), (value, 1 - value), strict=True):
                labels.setdefault(pair, {})[vote.rater] = worth
    return PairLabels(
        labels=labels,
        equal=frozenset(
            pair
            for key in keys.values()
            if key.is_equal and key.right is not None and key.left_repeat == key.right_repeat
            for pair in _both(key)
        ),
        n_votes=n_votes,
        n_uncomparable=n_uncomparable,
        n_changed=n_changed,
    )


def pair_opinions(found: PairLabels) -> Iterator[tuple[tuple[int, str], Mapping[str, float]]]:
    """Cell and case, and which raters find it at least as good as another: both ways round."""
    for pair, values in found.labels.items():
        yield pair[:2], {rater: float(value >= PASS) for rater, value in values.items()}


def _both(key: TaskKey) -> tuple[Pair, Pair]:
    right = key.left if key.right is None else key.right
    return (
        (key.left, key.case_id, key.left_repeat, right),
        (right, key.case_id, key.left_repeat, key.left),
    )


def _is_current(key: TaskKey, answers: Answers) -> bool:
    sides = (
        (key.left, key.left_repeat, key.left_sha256),
        (key.right, key.right_repeat, key.right_sha256),
    )
    for cell, repeat, sha256 in sides:
        found = answers.find(cell or 0, key.case_id, repeat or 0)
        if found is None or found.sha256 != sha256:
            return False
    return True
