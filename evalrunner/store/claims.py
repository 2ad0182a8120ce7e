"""Which trial counts what was paid for: each answer that this run bought is spent once.

An answer is marked as paid (`cached` false) in the trial that asked first. When a run is resumed,
the journal answers instead, and the mark would be lost: it goes to the first trial that needs an
answer which no trial counts yet, or stays with the trial that is only done again.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

WITHOUT_ANSWER = frozenset({"error", "skipped"})
"""Statuses of trials that nobody answered."""


@dataclass(slots=True)
class Claims:
    """What was paid in earlier sessions and may still have to be counted."""

    unclaimed: set[str] = field(default_factory=set)
    """Keys of answers that no trial counts."""
    standing: dict[tuple[int, int, int], frozenset[str]] = field(default_factory=dict)
    """Keys that a recorded trial counts, by the trials among them that are owed again."""

    @property
    def is_empty(self) -> bool:
        """Whether nothing is left to be claimed: always so in a run's first session."""
        return not self.unclaimed and not self.standing

    def take(self, record: Mapping[str, Any], *, is_owed: bool) -> None:
        """Note what a recorded trial counts."""
        keys = frozenset(call["key"] for call in calls_of(record) if not call["cached"])
        # The last record of a trial is the one that is read: what an earlier one counted is free.
        self.unclaimed |= self.standing.pop(_trial(record), frozenset())
        self.unclaimed -= keys
        if is_owed and keys:
            self.standing[_trial(record)] = keys

    def claimed(self, record: Mapping[str, Any]) -> Mapping[str, Any]:
        """A trial that is about to be recorded, with what it counts."""
        mine = self.unclaimed | self.standing.pop(_trial(record), frozenset())
        if not any(call["cached"] and call["key"] in mine for call in calls_of(record)):
            return record
        changed = copy.deepcopy(dict(record))
        for call in calls_of(changed):
            if call["cached"] and call["key"] in mine:
                call["cached"] = False
                mine.discard(call["key"])
                self.unclaimed.discard(call["key"])
        return changed


def _trial(record: Mapping[str, Any]) -> tuple[int, int, int]:
    return record["cell"], record["case"], record["repeat"]


def calls_of(record: Mapping[str, Any]) -> Iterator[Any]:
    """The candidate's answer, which the record itself describes, and those of judges."""
    if record["status"] not in WITHOUT_ANSWER:
        yield record
    for score in record.get("scores", {}).values():
        for judgement in score.get("judgements", ()):
            yield from judgement["calls"]
