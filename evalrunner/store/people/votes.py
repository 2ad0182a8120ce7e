"""`votes.jsonl`: what raters said of their tasks, append only and synced before they go on."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Self

from evalrunner.errors import StoreError, disk_remedy
from evalrunner.store.journal import JournalWriter, cut_torn_tail
from evalrunner.store.people.export import locked_tasks
from evalrunner.store.people.lines import append_said, number_in, read_said, text_in
from evalrunner.types.people import CHOICES, Rating, Vote

VOTES = "votes.jsonl"
LONGEST_NOTE = 10_000
"""Characters of a rater's note that are kept."""
_GROUP_DELAY_S = 0.002
"""A person waits for each vote; those that arrive during a sync share the next one anyway."""
_SENT_AGAIN = "Free some space: the rating page keeps an answer, and sends it again"


class VoteJournal:
    """Appends votes and ratings to a run's `votes.jsonl`.

    Use as an async context manager: it holds the lock of the run's human evaluation. Raises
    ConfigError when another process holds it, StoreError when the file cannot be written.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._held = contextlib.ExitStack()
        self._writer: JournalWriter | None = None

    async def __aenter__(self) -> Self:
        path = self._directory / VOTES
        with contextlib.ExitStack() as stack:
            stack.enter_context(locked_tasks(self._directory))
            try:
                if path.exists():
                    cut_torn_tail(path)
                self._writer = JournalWriter(
                    path, after_sync=_nothing, group_delay_s=_GROUP_DELAY_S, remedy=_SENT_AGAIN
                )
            except OSError as error:
                what = f"cannot open {path}: {error.strerror}; {disk_remedy(error)}"
                raise StoreError(what) from error
            self._held = stack.pop_all()
        return self

    async def __aexit__(self, *_: object) -> None:
        with self._held:
            if self._writer is not None:
                await self._writer.close()

    async def append(self, said: Vote | Rating) -> None:
        """Return once it is on disk. Raises StoreError when the disk refuses."""
        if self._writer is None:
            raise StoreError("votes are taken only while their journal is open")
        await asyncio.shield(self._writer.append(vote_json(said)))


def read_votes(directory: Path) -> tuple[list[Vote | Rating], list[int]]:
    """Everything that raters said, in the order in which they did, and the lines that are broken.

    A later line on the same task, rater and criterion replaces an earlier one; both are given.
    """
    found = list(read_said(directory / VOTES, vote_from_json))
    votes = [said for _, said in found if said is not None]
    return votes, [number for number, said in found if said is None]


def append_votes(directory: Path, said: Sequence[Vote | Rating]) -> None:
    """Record all of the votes or none; on disk when this returns.

    The caller holds `locked_tasks`. Raises StoreError.
    """
    append_said(directory / VOTES, map(vote_json, said))


def vote_json(said: Vote | Rating) -> dict[str, Any]:
    """As it stands in `votes.jsonl`."""
    row = {name: value for name, value in asdict(said).items() if name != "is_flagged"}
    return row | ({"flagged": True} if said.is_flagged else {})


def vote_from_json(record: Mapping[str, Any]) -> Vote | Rating:
    """A vote, or a rating where there is a criterion. Raises ValueError that says what is wrong."""
    common: dict[str, Any] = {
        "task_id": text_in(record, "task_id", needed=True),
        "rater": text_in(record, "rater", needed=True),
        "seconds": number_in(record, "seconds"),
        "note": (text_in(record, "note") or "")[:LONGEST_NOTE] or None,
        "is_flagged": record.get("flagged") is True,
        "at": text_in(record, "at"),
    }
    if "criterion" in record:
        criterion = text_in(record, "criterion", needed=True) or ""
        return Rating(**common, criterion=criterion, label=number_in(record, "label", most=1))
    choice = record.get("vote")
    if choice not in CHOICES:
        raise ValueError(f"'vote' must be one of {', '.join(CHOICES)}, not {choice!r:.40}")
    return Vote(**common, vote=choice)


def _nothing(extras: object) -> None:
    """Nobody waits for what was synced but the one who appended it."""
