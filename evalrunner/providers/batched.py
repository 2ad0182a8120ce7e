"""The layer that asks in batches: it stands in the place of the wire, and a day is its deadline.

    complete ── joins the collector ──> _submit ── id in the journal ──> _follow ── its answer
    complete, on resume ── its key is in a batch that is out ──────────────^

A batch that was created is paid, whatever happens here. So it is written down before it is created
and again before it is waited for; nobody waiting is ever a reason to cancel it; and whoever asks
again for one of its requests waits for it instead of buying the answer a second time.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from evalrunner.errors import EvalRunnerError, FailureKind, ProviderError, StoreError
from evalrunner.providers.batches import (
    BatchApi,
    Collector,
    Item,
    NoRoomError,
    State,
    Waiting,
)
from evalrunner.providers.recorded import StillOutError
from evalrunner.providers.sdk.wire import check_encoding
from evalrunner.types import Batch, Completion, Recorder, Request

T = TypeVar("T")

LINGER_S = 1.0
"""A batch is sent when nothing new has joined for so long."""
POLL_S = (1.0, 60.0)
"""First and longest wait between two looks at a batch."""
LONGEST_S = 26 * 3600.0
"""Both providers end a batch after a day; two hours more are for them to say so."""
_GROWTH = 1.5
_TIMES_UNKNOWN = 3
_LONGEST_ASKED_S = 600.0
_TOO_LARGE = 413
_FATAL = frozenset({FailureKind.AUTH, FailureKind.QUOTA})
_UNSEEN = frozenset({FailureKind.SERVER, FailureKind.TIMEOUT, FailureKind.BAD_BODY})


@dataclass(slots=True, eq=False)
class _Out:
    """A batch at the provider, or on its way there, and who waits for its items."""

    batch: Batch
    since: float
    """Unix time from which its requests have been waiting."""
    waiting: dict[str, Waiting] = field(default_factory=dict)
    state: State | None = None
    failure: ProviderError | None = None
    """Why nobody saw whether it was created."""
    task: asyncio.Task[None] | None = None

    @property
    def status(self) -> str:
        """`batch msgbatch_…: in progress, 120/400 done`."""
        if self.batch.id is None or self.state is None:
            return f"batch of {len(self.batch.keys):,} being created"
        word = self.state.status.replace("_", " ")
        done = f"{self.state.done:,}/{self.state.total:,} done"
        return f"batch {self.batch.id}: {word}, {done}"


class Batched:
    """Answers requests by a provider's Batch API.

    Args:
        api: Of the model. Closed with this.
        recorder: Keeps which batches are out; the ones of earlier sessions are taken over.
        linger_s: How long nothing new must join before a batch is sent.
        poll_s: First and longest wait between two looks at a batch.
        longest_s: How long after its creation a batch is waited for.
        clock: Unix time.
    """

    def __init__(
        self,
        api: BatchApi,
        recorder: Recorder,
        *,
        linger_s: float = LINGER_S,
        poll_s: tuple[float, float] = POLL_S,
        longest_s: float = LONGEST_S,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._api = api
        self._recorder = recorder
        self._poll_s = poll_s
        self._longest_s = longest_s
        self._clock = clock
        self._collector = Collector(
            self._launch,
            most_requests=api.most_requests,
            most_bytes=api.most_bytes,
            linger_s=linger_s,
        )
        self._outs: dict[str, _Out] | None = None
        self._submitting: set[asyncio.Task[None]] = set()
        self._active: dict[asyncio.Task[None], _Out] = {}
        self._left = asyncio.Event()

    @property
    def status(self) -> str:
        """What is waited for, in one line; empty when nothing is."""
        outs = list(dict.fromkeys(self._active.values()))
        if len(outs) < 2:  # noqa: PLR2004 - one batch can be named, several are counted
            return outs[0].status if outs else ""
        states = [out.state for out in outs if out.state is not None]
        done = sum(state.done for state in states)
        total = sum(len(out.batch.keys) for out in outs)
        return f"{len(outs)} batches: {done:,}/{total:,} done"

    async def open(self) -> None:
        """Load the SDK now. Raises ProviderError."""
        await self._api.open()

    async def complete(self, request: Request) -> Completion:
        """The answer of one attempt, hours later. Raises ProviderError."""
        check_encoding(request)
        if self._left.is_set():
            raise asyncio.CancelledError
        out = self._taken_over().get(request.key)
        here = out.waiting.get(request.key) if out else self._collector.find(request)
        if here is not None:
            return await asyncio.shield(here.future)
        waiting = Waiting.of(request)
        if out is None:
            self._collector.join(waiting)
        else:
            out.waiting[request.key] = waiting
            self._follow_soon(out)
        return await waiting.future

    def leave(self) -> int:
        """Wait no longer: whoever waits is cancelled, batches go on; requests in them."""
        self._left.set()
        self._collector.close()
        n_out = 0
        for out in set(self._taken_over().values()):
            n_out += len(out.waiting)
            for waiting in out.waiting.values():
                waiting.future.cancel()
        return n_out

    async def aclose(self) -> None:
        """Stop following batches; one that is being created gets its id into the journal."""
        self.leave()
        try:
            if self._submitting:
                await asyncio.wait(self._submitting)
        finally:
            for task in self._active:
                task.cancel()
            await asyncio.gather(*self._active, return_exceptions=True)
            await self._api.aclose()

    # Handing over.

    def _launch(self, waiting: Iterable[Waiting], *, since: float | None = None) -> None:
        items = {one.request.key: one for one in waiting}
        now = self._clock()
        batch = Batch(
            token=f"{self._recorder.run}-{secrets.token_hex(8)}",
            model=self._api.model,
            origin=self._api.origin,
            keys=tuple(items),
            begun_at=now,
        )
        out = _Out(batch, since=now if since is None else since, waiting=items)
        self._taken_over().update(dict.fromkeys(items, out))
        task = self._start(out, self._submit(out))
        self._submitting.add(task)
        task.add_done_callback(self._submitting.discard)

    async def _submit(self, out: _Out) -> None:
        requests = [waiting.request for waiting in out.waiting.values()]
        await asyncio.shield(self._recorder.batch_begun(out.batch))
        waits = self._waits()
        while not self._left.is_set():
            try:
                batch_id = await self._api.create(out.batch, requests, run=self._recorder.run)
            except ProviderError as error:
                if _may_exist(error):
                    out.failure = error
                    break
                if error.kind is not FailureKind.RATE_LIMIT or self._is_overdue(out):
                    self._refused(out, error)
                    return
                await self._rest(_longer(next(waits), error))
            else:
                await self._name(out, batch_id)
                break
        else:
            self._recorder.batch_void(out.batch)
            return
        self._follow_soon(out)

    def _refused(self, out: _Out, error: ProviderError) -> None:
        """It was not created: nothing in it was sent."""
        self._recorder.batch_void(out.batch)
        if error.status_code == _TOO_LARGE and len(out.waiting) > 1:
            self._relaunch(out, halve=True)
        else:
            self._fail(out, error)

    async def _name(self, out: _Out, batch_id: str) -> None:
        out.batch = replace(out.batch, id=batch_id)
        await asyncio.shield(self._recorder.batch_created(out.batch))

    def _relaunch(self, out: _Out, *, halve: bool) -> None:
        items = self._let_go(out)
        middle = (len(items) + 1) // 2 if halve else len(items)
        for part in (items[:middle], items[middle:]):
            if part:
                self._launch(part, since=out.since)

    # Waiting.

    def _follow_soon(self, out: _Out) -> None:
        if (out.task is None or out.task.done()) and not self._left.is_set():
            out.task = self._start(out, self._follow(out))

    async def _follow(self, out: _Out) -> None:
        if out.batch.id is None and not await self._find(out):
            return
        state = await self._ended(out)
        while out.waiting:
            try:
                await self._collect(out, state)
            except NoRoomError as error:
                await self._make_room(out, error)

    async def _find(self, out: _Out) -> bool:
        """Look for a batch whose creation nobody saw; without it, its requests were not sent."""
        ids = {o.batch.id for o in self._taken_over().values() if o.batch.id is not None}
        batch_id = await self._insist(out, lambda: self._api.find(out.batch, known=ids))
        if batch_id is not None:
            await self._name(out, batch_id)
            return True
        self._recorder.batch_void(out.batch)
        if out.failure is not None:
            out.failure.possibly_billed = False
            self._fail(out, out.failure)
        else:
            for waiting in self._let_go(out):
                self._collector.join(waiting)
        return False

    async def _ended(self, out: _Out) -> State:
        waits = self._waits()
        while True:
            out.state = await self._insist(out, lambda: self._api.state(str(out.batch.id)))
            if out.state.ended:
                return out.state
            if self._is_overdue(out):
                what = f"batch {out.batch.id} is still {out.state.status!r}, long after its day; "
                raise StillOutError(what + "resume to look again", kind=FailureKind.TIMEOUT)
            await asyncio.sleep(next(waits))

    async def _collect(self, out: _Out, state: State) -> None:
        """Hand out the results to whoever waits for them now."""
        asked = set(out.waiting)
        failures: dict[str, ProviderError] = {}

        def take(item: Item) -> None:
            waiting = out.waiting.get(item.key)
            if waiting is None:
                return
            try:
                completion = self._completion(out, waiting.request, item)
            except ProviderError as error:
                failures.setdefault(item.key, error)
            else:
                self._settle(out, item.key, completion)

        await self._insist(out, lambda: self._api.results(out.batch, state, take))
        # After all answers: the gate counts rejections only while nothing has succeeded.
        for key in asked & out.waiting.keys():
            self._settle(out, key, failures.get(key) or self._api.missing(state))

    def _completion(self, out: _Out, request: Request, item: Item) -> Completion:
        if item.error is not None:
            raise item.error
        completion = self._api.parse(request, item.body)
        return replace(
            completion,
            request_id=item.request_id or completion.request_id,
            started_at=out.batch.begun_at,
            # A batch tells nothing about how long an answer takes.
            latency_s=None,
        )

    async def _make_room(self, out: _Out, error: NoRoomError) -> None:
        """The provider's queue is full: wait for another batch of ours, else ask for less."""
        if self._is_overdue(out):
            self._fail(out, ProviderError(str(error), kind=FailureKind.SERVER))
            return
        others = [task for task, other in self._active.items() if other is not out]
        if others:
            await asyncio.wait(others, return_when=asyncio.FIRST_COMPLETED)
        elif len(out.waiting) == 1:
            await asyncio.sleep(self._poll_s[1])
        self._relaunch(out, halve=not others)

    async def _insist(self, out: _Out, ask: Callable[[], Awaitable[T]]) -> T:
        """What `ask` answers; a connection lost for hours is no reason to give a batch up."""
        waits = self._waits()
        times_unknown = 0
        while True:
            try:
                return await ask()
            except NoRoomError:
                raise
            except ProviderError as error:
                times_unknown += error.kind is FailureKind.NOT_FOUND
                if times_unknown == _TIMES_UNKNOWN:
                    raise _gone(out, error) from None
                if error.kind in _FATAL or self._is_overdue(out):
                    raise StillOutError(str(error), kind=error.kind) from None
                wait = _longer(next(waits), error)
            await asyncio.sleep(wait)

    def _is_overdue(self, out: _Out) -> bool:
        return self._clock() > out.since + self._longest_s

    def _waits(self) -> Iterator[float]:
        wait, longest = self._poll_s
        while True:
            yield wait
            wait = min(longest, wait * _GROWTH)

    async def _rest(self, wait: float) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._left.wait(), wait)

    # Handing out.

    def _settle(self, out: _Out, key: str, outcome: Completion | EvalRunnerError) -> None:
        waiting = out.waiting.pop(key)
        outs = self._taken_over()
        if not isinstance(outcome, StillOutError) and outs.get(key) is out:
            del outs[key]
        if waiting.future.done():
            return
        if isinstance(outcome, Completion):
            waiting.future.set_result(outcome)
        else:
            waiting.future.set_exception(outcome)
            # Whoever waited may be gone by now.
            waiting.future.exception()

    def _fail(self, out: _Out, error: EvalRunnerError) -> None:
        for key in list(out.waiting):
            self._settle(out, key, _copy(error))
        if not isinstance(error, StillOutError):
            self._let_go(out)

    def _let_go(self, out: _Out) -> list[Waiting]:
        """Forget a batch; who waited for it."""
        outs = self._taken_over()
        for key in out.batch.keys:
            if outs.get(key) is out:
                del outs[key]
        items = [waiting for waiting in out.waiting.values() if not waiting.future.done()]
        out.waiting.clear()
        return items

    def _taken_over(self) -> dict[str, _Out]:
        """By request key, every batch that is out, those of earlier sessions included."""
        if self._outs is None:
            self._outs = {}
            for batch in self._recorder.open_batches():
                if (batch.model, batch.origin) == (self._api.model, self._api.origin):
                    out = _Out(batch, since=batch.begun_at)
                    keys = (key for key in batch.keys if key not in batch.settled)
                    self._outs.update(dict.fromkeys(keys, out))
        return self._outs

    def _start(self, out: _Out, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(self._guarded(out, work))
        self._active[task] = out
        task.add_done_callback(self._active.pop)
        return task

    async def _guarded(self, out: _Out, work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        except (ProviderError, StoreError) as error:
            self._fail(out, error)
        except Exception as error:  # noqa: BLE001 - a defect here must not leave anybody waiting
            what = f"{type(error).__name__}: {error}"
            self._fail(out, StillOutError(what, kind=FailureKind.INTERNAL))


def _may_exist(error: ProviderError) -> bool:
    """Whether a batch may have been created although its creation failed."""
    lost = error.kind is FailureKind.CONNECTION and error.possibly_billed
    return lost or error.kind in _UNSEEN


def _longer(wait: float, error: ProviderError) -> float:
    return max(wait, min(error.retry_after_s or 0.0, _LONGEST_ASKED_S))


def _gone(out: _Out, error: ProviderError) -> ProviderError:
    what = f"batch {out.batch.id} is not there any more, and its answers are lost: {error}"
    return ProviderError(what, kind=FailureKind.SERVER, possibly_billed=True)


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
