"""Batches that are at the provider, and who waits for which of their items."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field

from evalrunner.errors import EvalRunnerError, FailureKind, ProviderError
from evalrunner.providers.batches.api import State
from evalrunner.providers.batches.collector import Waiting
from evalrunner.providers.recorded import StillOutError
from evalrunner.types import Batch, Completion


@dataclass(slots=True, eq=False)
class Out:
    """A batch at the provider, or on its way there."""

    batch: Batch
    since: float
    """Unix time from which its requests have been waiting."""
    waiting: dict[str, Waiting] = field(default_factory=dict)
    """By key; an adopted batch may have items that nobody has asked for yet."""
    state: State | None = None
    failure: ProviderError | None = None
    """Why nobody saw whether it was created."""
    has_no_room: bool = False
    """The provider's queue had no room for it."""
    task: asyncio.Task[None] | None = None

    @property
    def status(self) -> str:
        """`batch msgbatch_…: in progress, 120/400 done`."""
        if self.batch.id is None:
            return f"batch of {len(self.batch.keys):,} requests: being created"
        if self.state is None:
            return f"batch {self.batch.id}: submitted"
        word = self.state.status.replace("_", " ")
        return f"batch {self.batch.id}: {word}, {self.state.done:,}/{self.state.total:,} done"


class Outs:
    """All batches of one model that are out, by the keys of their requests."""

    def __init__(self, batches: Iterable[Batch]) -> None:
        self._by_key: dict[str, Out] = {}
        for batch in batches:
            keys = (key for key in batch.keys if key not in batch.settled)
            self.add(Out(batch, since=batch.begun_at), keys)

    def add(self, out: Out, keys: Iterable[str]) -> None:
        """Note where requests are; earlier batches of them are over."""
        self._by_key.update(dict.fromkeys(keys, out))

    def find(self, key: str) -> Out | None:
        """The batch that a request is in."""
        return self._by_key.get(key)

    def all(self) -> Collection[Out]:
        """Every batch, once."""
        return dict.fromkeys(self._by_key.values())

    def settle(self, out: Out, key: str, outcome: Completion | EvalRunnerError) -> None:
        """Give whoever waits for an item its outcome; unless it is still out, it is over."""
        waiting = out.waiting.pop(key)
        if not isinstance(outcome, StillOutError) and self._by_key.get(key) is out:
            del self._by_key[key]
        if waiting.future.done():
            return
        if isinstance(outcome, Completion):
            waiting.future.set_result(outcome)
            return
        if isinstance(outcome, ProviderError) and outcome.kind is FailureKind.RATE_LIMIT:
            # Nobody who waits for a batch can slow down: the gate must not make others wait.
            outcome.kind = FailureKind.SERVER
        waiting.future.set_exception(outcome)
        # Whoever waited may be gone by now.
        waiting.future.exception()

    def fail(self, out: Out, error: EvalRunnerError) -> None:
        """Give everybody who waits for a batch the same error."""
        for key in list(out.waiting):
            self.settle(out, key, _copy(error))
        if not isinstance(error, StillOutError):
            self.let_go(out)

    def let_go(self, out: Out) -> list[Waiting]:
        """Forget a batch; who waited for it."""
        for key in out.batch.keys:
            if self._by_key.get(key) is out:
                del self._by_key[key]
        items = [waiting for waiting in out.waiting.values() if not waiting.future.done()]
        out.waiting.clear()
        return items


def _copy(error: EvalRunnerError) -> EvalRunnerError:
    """The same error for one of many: who raises and counts it must not share it."""
    if not isinstance(error, ProviderError):
        return type(error)(str(error))
    return type(error)(
        str(error),
        kind=error.kind,
        status_code=error.status_code,
        retry_after_s=error.retry_after_s,
        possibly_billed=error.possibly_billed,
        body=error.body,
    )
