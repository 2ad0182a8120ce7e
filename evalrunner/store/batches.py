"""Batches in a journal: what was handed to a provider and is still to be answered there.

    intent (batched) ... batch (its keys) ... batch_id | batch_void ... call | failure

An intent alone says that a request joined the batch being collected. It is sent with the batch that
names its key, and settled by the first outcome after that, whichever session wrote it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from evalrunner.types import Batch


def batch_record(batch: Batch, *, session: int) -> dict[str, Any]:
    """The journal's record of a batch that is about to be created."""
    return {
        "type": "batch",
        "session": session,
        "token": batch.token,
        "model": batch.model,
        "origin": batch.origin,
        "keys": list(batch.keys),
        "at": batch.begun_at,
    }


class BatchLedger:
    """Follows batches through one pass over a journal."""

    def __init__(self) -> None:
        self._intents: dict[str, Mapping[str, Any]] = {}
        self._batches: dict[str, Batch] = {}
        self._token_of: dict[str, str] = {}
        """By key, the batch in which it is and which has not answered it."""

    def intend(self, intent: Mapping[str, Any]) -> None:
        """Note that a request waits for a batch: the next one, or the one that it is in."""
        self._intents[intent["key"]] = intent

    def take(self, record: Mapping[str, Any]) -> None:
        """Note a record of a batch."""
        kind, token = record["type"], record["token"]
        if kind == "batch":
            self._batches[token] = batch = _batch_of(record)
            self._token_of.update(dict.fromkeys(batch.keys, token))
        elif kind == "batch_id" and token in self._batches:
            self._batches[token] = replace(self._batches[token], id=record["id"])
        elif kind == "batch_void" and token in self._batches:
            for key in self._batches.pop(token).keys:
                if self._token_of.get(key) == token:
                    del self._token_of[key]

    def settle(self, key: str) -> Mapping[str, Any] | None:
        """Note that a request has its outcome; the intent that led to it, if it was batched."""
        self._token_of.pop(key, None)
        return self._intents.pop(key, None)

    def held(self) -> Iterator[Mapping[str, Any]]:
        """Intents of the requests that are out; those that no batch took were never sent."""
        return (intent for key, intent in self._intents.items() if key in self._token_of)

    def open_batches(self) -> tuple[Batch, ...]:
        """Batches with requests that are out, oldest first."""
        left: dict[str, set[str]] = {}
        for key, token in self._token_of.items():
            left.setdefault(token, set()).add(key)
        return tuple(
            replace(batch, settled=frozenset(batch.keys) - left[token])
            for token, batch in self._batches.items()
            if token in left
        )


def _batch_of(record: Mapping[str, Any]) -> Batch:
    return Batch(
        token=record["token"],
        model=record["model"],
        origin=record["origin"],
        keys=tuple(record["keys"]),
        begun_at=record["at"],
    )
