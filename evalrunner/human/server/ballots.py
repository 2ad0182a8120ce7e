"""Answers on their way to the disk: on it before anybody hears that they were taken."""

from __future__ import annotations

import asyncio
import contextlib
from collections import defaultdict
from pathlib import Path
from typing import Self

from evalrunner.errors import StoreError
from evalrunner.human.server.desk import Desk
from evalrunner.store.people import VoteJournal, read_votes
from evalrunner.types.people import Rating, Vote


class Ballots:
    """Appends to a run's `votes.jsonl`, and tells the desk what is there.

    Use as an async context manager. Raises as `VoteJournal` does.
    """

    def __init__(self, directory: Path, desk: Desk) -> None:
        self._directory = directory
        self._desk = desk
        self._journal: VoteJournal | None = None
        self._door = asyncio.Lock()
        self._turns: dict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        """By rater: tabs of one may answer the same at once."""

    async def __aenter__(self) -> Self:
        await self._opened()
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._journal is not None:
            await self._journal.__aexit__(None, None, None)

    async def add(self, said: Vote | Rating, *, known: int | None = None) -> bool:
        """Return True once it is on disk, False when it is not taken.

        Args:
            said: The answer.
            known: The version (`Desk.version`) that it may replace; None = whatever there is.

        Raises StoreError when it cannot be written, ConfigError.
        """
        async with self._turns[said.rater]:
            if self._desk.is_known(said):
                return True
            # Opened anew, there may be votes that were imported meanwhile.
            journal = await self._opened()
            if known is not None and known != self._desk.version(said):
                return self._desk.is_known(said)
            try:
                await journal.append(said)
            except StoreError:
                await self._give_up(journal)
                raise
            self._desk.take(said)
            return True

    async def _opened(self) -> VoteJournal:
        async with self._door:
            if self._journal is None:
                self._journal = await VoteJournal(self._directory).__aenter__()
                self._desk.restore(read_votes(self._directory)[0])
            return self._journal

    async def _give_up(self, journal: VoteJournal) -> None:
        """Let go of a journal that the disk refused: it takes nothing any more.

        The next answer opens it anew, when there may be space again.
        """
        async with self._door:
            if self._journal is journal:
                self._journal = None
                with contextlib.suppress(StoreError):
                    await journal.__aexit__(None, None, None)
