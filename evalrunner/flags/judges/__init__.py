"""When a judge's verdicts should not be trusted."""

from __future__ import annotations

from collections.abc import Iterator

from evalrunner.flags.base import Flag, Rule, Summary
from evalrunner.flags.judges.bias import (
    judge_dependence,
    length_bias,
    position_bias,
    self_preference,
)
from evalrunner.flags.judges.canaries import passing_canaries
from evalrunner.flags.judges.noise import judge_failures, judge_noise
from evalrunner.flags.judges.people import inflated_scores, judge_misaligned, judge_uneven


def judge_inflation(summary: Summary) -> Iterator[Flag]:
    """Answers that must fail, and pass; scores above those of people."""
    yield from passing_canaries(summary)
    yield from inflated_scores(summary)


RULES: tuple[Rule, ...] = (
    judge_inflation,
    judge_uneven,
    judge_misaligned,
    judge_failures,
    judge_noise,
    position_bias,
    length_bias,
    self_preference,
    judge_dependence,
)
