"""What people's votes say: who wins, how sure that is, and how far the raters can be relied on.

Pure: values in, values out. Nobody is asked here and no file is read.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from evalrunner.votes.agreement import agreement, self_consistency
from evalrunner.votes.ballots import Asked, CaseGroups, Question
from evalrunner.votes.contests import contests
from evalrunner.votes.judges import Preference, judges_json
from evalrunner.votes.rankings import rankings
from evalrunner.votes.raters import raters_json, seconds_json, side_bias
from evalrunner.votes.ratings import ratings
from evalrunner.votes.wins import win_rates

__all__ = ["Asked", "CaseGroups", "Preference", "Question", "human_json"]


def human_json(
    asked: Asked,
    *,
    judges: Mapping[int, tuple[str, str, Preference]],
    broken_lines: Sequence[int] = (),
) -> dict[str, Any]:
    """`summary.json["human"]`.

    `judges` has by facet the judge's name, its scorer's, and which of two outputs it prefers;
    `broken_lines` are those of the file of votes that cannot be read.
    """
    met = contests(asked)
    kinds = {each.kind for each in asked.tasks.values()}
    times = seconds_json(asked.states)
    return {
        "kind": "both" if len(kinds) > 1 else next(iter(kinds), "pairwise"),
        "n_tasks": len(asked.tasks),
        "n_answered": sum(each.is_answered for each in asked.states),
        "n_raters": len({each.rater for each in asked.opinions}),
        "n_equal": len(asked.equal),
        "broken_lines": list(broken_lines),
        "unknown_votes": asked.unknown_votes,
        "raters": raters_json(asked),
        "win_rates": win_rates(asked, met),
        "bradley_terry": rankings(asked, met),
        "ratings": ratings(asked),
        "agreement": agreement(asked),
        "self_consistency": self_consistency(asked),
        "side_bias": side_bias(asked),
        "seconds": None if times["p50"] is None else times,
        "judges": judges_json(asked, judges),
    }
