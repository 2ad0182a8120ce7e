"""How several verdicts on one answer become its score. Failed ones and retests never count."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from statistics import fmean

from evalrunner.scorers.base import shortened
from evalrunner.scorers.judge.verdicts import sentence
from evalrunner.types import Criterion, Judgement, Score


def combined(
    judgements: Sequence[Judgement],
    *,
    how: str,
    weights: Mapping[str, float],
    notes: Sequence[str] = (),
) -> Score:
    """The score of an answer; unscored with the first failure's reason when no verdict arrived.

    Args:
        judgements: At least one that is no retest.
        how: `majority` or `mean`.
        weights: Of the criteria; empty where verdicts are labels.
        notes: What the judges did not see.
    """
    asked = [each for each in judgements if not each.is_retest]
    given = [each for each in asked if each.value is not None]
    if not given:
        return Score(value=None, reason=asked[0].reason, judgements=tuple(judgements))
    criteria = _voted(given)
    if how == "mean":
        value: float = fmean(each.value for each in given if each.value is not None)
        label = given[0].label if len({each.label for each in given}) == 1 else None
    elif weights:
        value, label = weighted_share(criteria, weights), None
    else:
        value, label = _most_frequent(given)
    return Score(
        value=value,
        reason="; ".join([_reason(asked), *notes]),
        label=label,
        criteria=criteria,
        judgements=tuple(judgements),
    )


def weighted_share(criteria: Sequence[Criterion], weights: Mapping[str, float]) -> float:
    """How much of the weight was passed; a criterion that is undecided passes by half."""
    shares = {True: 1.0, False: 0.0, None: 0.5}
    passed = math.fsum(weights[each.criterion] * shares[each.passed] for each in criteria)
    return passed / math.fsum(weights[each.criterion] for each in criteria)


def _voted(given: Sequence[Judgement]) -> tuple[Criterion, ...]:
    """Each criterion with what most verdicts say of it, None for a draw."""
    if len(given) == 1:
        return given[0].criteria
    return tuple(map(_majority, zip(*(each.criteria for each in given), strict=True)))


def _majority(votes: Sequence[Criterion]) -> Criterion:
    n_passed, n = sum(vote.passed is True for vote in votes), len(votes)
    passed = None if 2 * n_passed == n else 2 * n_passed > n
    reasons = [vote.reason for vote in votes if vote.passed is passed or passed is None]
    return Criterion(
        criterion=votes[0].criterion,
        passed=passed,
        reason=f"{n_passed} of {n} passed it: {reasons[0]}",
    )


def _most_frequent(given: Sequence[Judgement]) -> tuple[float, str | None]:
    """Value and label; of several labels equally frequent the mean value, and no label."""
    counts = Counter(each.label for each in given)
    most = max(counts.values())
    values = {each.label: each.value for each in given if counts[each.label] == most}
    label = next(iter(values)) if len(values) == 1 else None
    return fmean(value for value in values.values() if value is not None), label


def _reason(asked: Sequence[Judgement]) -> str:
    if len(asked) == 1:
        return asked[0].reason or ""
    return sentence("; ".join(map(_told, asked)))


def _told(one: Judgement) -> str:
    name = f"{one.judge} #{one.sample + 1}" if one.sample else one.judge
    if one.value is None:
        return f"{name}: {one.reason}"
    return f"{name}: {one.label or format(one.value, '.3g')} ({shortened(one.reason or '')})"
