"""The layer that asks in batches: it stands in the place of the wire, and a day is its deadline.

    complete ── joins the collector ──> _submit ── id in the journal ──> _follow ── its answer
    complete, on resume ── its key is in a batch that is out ──────────────^

A batch that was created is paid, whatever happens here. So it is written down before it is created
and again before it is waited for; nobody waiting is never a reason to cancel it; and whoever asks
again for one of its requests waits for it instead of buying the answer a second time.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections.abc import Coroutine, Iterable
from dataclasses import replace
from typing import Any

from evalrunner.errors import FailureKind, ProviderError, StoreError
from evalrunner.providers.batches import BatchApi, Collector, Item, NoRoomError, State, Waiting
from evalrunner.providers.batches.outs import Out, Outs
from evalrunner.providers.batches.patience import Patience, longer
from evalrunner.providers.recorded import StillOutError
from evalrunner.providers.sdk.wire import check_encoding
from evalrunner.types import Batch, Completion, Recorder, Request

_TOO_LARGE = 413
_UNSEEN = frozenset({FailureKind.SERVER, FailureKind.TIMEOUT, FailureKind.BAD_BODY})


class Batched:
    """Answers requests by a provider's Batch API.

    Args:
        api: Of the model. Closed with this.
        recorder: Keeps which batches are out; those of earlier sessions are taken over.
        patience: How long to wait for what.
    """

    def __init__(
        self, api: BatchApi, recorder: Recorder, *, patience: Patience | None = None
    ) -> None:
        self._api = api
        self._recorder = recorder
        self._patience = patience or Patience()
        self._collector = Collector(
            self._launch,
            most_requests=api.most_requests,
            most_bytes=api.most_bytes,
            linger_s=self._patience.linger_s,
        )
        asked_here = (api.model, api.origin)
        batches = recorder.open_batches()
        self._outs = Outs(b for b in batches if (b.model, b.origin) == asked_here)
        self._active: dict[asyncio.Task[None], Out] = {}
        self._submitting: set[asyncio.Task[None]] = set()
        self._left = asyncio.Event()

    @property
    def status(self) -> str:
        """What is waited for, in one line; empty when nothing is."""
        outs = list(dict.fromkeys(self._active.values()))
        if len(outs) <= 1:
            return outs[0].status if outs else ""
        done = sum(out.state.done for out in outs if out.state is not None)
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
        out = self._outs.find(request.key)
        here = out.waiting.get(request.key) if out else self._collector.find(request)
        if here is not None and not here.future.done():
            return await asyncio.shield(here.future)
        waiting = Waiting.of(request)
        if out is None:
            self._collector.join(waiting)
        else:
            out.waiting[request.key] = waiting
            self._follow_soon(out)
        return await waiting.future

    def leave(self) -> int:
        """Wait no longer: whoever waits is cancelled, and batches go on; requests in them."""
        self._left.set()
        self._collector.close()
        waiting = [one for out in self._outs.all() for one in out.waiting.values()]
        return sum(one.future.cancel() for one in waiting)

    async def aclose(self) -> None:
        """Stop following batches; one that is being created gets its id into the journal."""
        self.leave()
        try:
            if self._submitting:
                await asyncio.wait(self._submitting)
        finally:
            following = list(self._active)
            for task in following:
                task.cancel()
            await asyncio.gather(*following, return_exceptions=True)
            await self._api.aclose()

    def _launch(self, items: Iterable[Waiting], *, since: float | None = None) -> None:
        """Make a batch of requests and hand it over."""
        waiting = {item.request.key: item for item in items}
        now = self._patience.clock()
        batch = Batch(
            token=f"{self._recorder.run}-{secrets.token_hex(8)}",
            model=self._api.model,
            origin=self._api.origin,
            keys=tuple(waiting),
            begun_at=now,
        )
        out = Out(batch, since=now if since is None else since, waiting=waiting)
        self._outs.add(out, batch.keys)
        task = self._start(out, self._submit(out))
        self._submitting.add(task)
        task.add_done_callback(self._submitting.discard)
        task.add_done_callback(lambda _: self._follow_soon(out))

    async def _submit(self, out: Out) -> None:
        """Create a batch; afterwards either its id is on disk or nobody waits for it."""
        requests = [waiting.request for waiting in out.waiting.values()]
        await asyncio.shield(self._recorder.batch_begun(out.batch))
        waits = self._patience.waits()
        while not self._left.is_set():
            try:
                batch_id = await self._api.create(out.batch, requests, run=self._recorder.run)
            except ProviderError as error:
                if _may_exist(error):
                    out.failure = error
                    return
                if error.kind is not FailureKind.RATE_LIMIT or self._patience.is_over(out.since):
                    self._refused(out, error)
                    return
                wait = longer(next(waits), error)
            else:
                await self._name(out, batch_id)
                return
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._left.wait(), wait)
        self._recorder.batch_void(out.batch)

    def _refused(self, out: Out, error: ProviderError) -> None:
        """A batch was not created: nothing in it was sent."""
        self._recorder.batch_void(out.batch)
        if error.status_code == _TOO_LARGE and len(out.waiting) > 1:
            self._relaunch(out, halve=True)
        else:
            self._outs.fail(out, error)

    def _relaunch(self, out: Out, *, halve: bool) -> None:
        items = self._outs.let_go(out)
        middle = (len(items) + 1) // 2 if halve else len(items)
        for part in (items[:middle], items[middle:]):
            if part:
                self._launch(part, since=out.since)

    async def _name(self, out: Out, batch_id: str) -> None:
        out.batch = replace(out.batch, id=batch_id)
        await asyncio.shield(self._recorder.batch_created(out.batch))

    def _follow_soon(self, out: Out) -> None:
        """Wait for a batch, unless somebody does or nobody wants to."""
        idle = out.task is None or out.task.done()
        if idle and out.waiting and not self._left.is_set():
            self._start(out, self._follow(out))

    async def _follow(self, out: Out) -> None:
        batch_id = out.batch.id or await self._find(out)
        if batch_id is None:
            return

        def note(state: State) -> None:
            out.state = state

        state = await self._patience.ended(out.batch, lambda: self._api.state(batch_id), note)
        while out.waiting:
            try:
                await self._collect(out, state)
            except NoRoomError as error:
                await self._make_room(out, error)

    async def _find(self, out: Out) -> str | None:
        """Look for a batch whose creation nobody saw; without it, its requests were not sent."""
        known = {other.batch.id for other in self._outs.all() if other.batch.id is not None}
        batch_id = await self._patience.insist(
            out.batch, lambda: self._api.find(out.batch, known=known)
        )
        if batch_id is not None:
            await self._name(out, batch_id)
            return batch_id
        self._recorder.batch_void(out.batch)
        if out.failure is not None:
            out.failure.possibly_billed = False
            self._outs.fail(out, out.failure)
        for waiting in self._outs.let_go(out):
            self._collector.join(waiting)
        return None

    async def _collect(self, out: Out, state: State) -> None:
        """Give the results to whoever waits for them now."""
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
                self._outs.settle(out, item.key, completion)

        await self._patience.insist(out.batch, lambda: self._api.results(out.batch, state, take))
        # After all answers: the gate counts rejections only while nothing has succeeded.
        for key in asked & out.waiting.keys():
            self._outs.settle(out, key, failures.get(key) or self._api.missing(state))

    def _completion(self, out: Out, request: Request, item: Item) -> Completion:
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

    async def _make_room(self, out: Out, error: NoRoomError) -> None:
        """The provider's queue is full: wait for another batch of ours, else ask for less."""
        if self._patience.is_over(out.since):
            self._outs.fail(out, error)
            return
        out.has_no_room = True
        others = [task for task, other in self._active.items() if not other.has_no_room]
        if others:
            await asyncio.wait(others, return_when=asyncio.FIRST_COMPLETED)
        elif len(out.waiting) == 1:
            await asyncio.sleep(self._patience.longest_s)
        self._relaunch(out, halve=not others)

    def _start(self, out: Out, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        out.task = task = asyncio.get_running_loop().create_task(self._guarded(out, work))
        self._active[task] = out
        task.add_done_callback(self._active.pop)
        return task

    async def _guarded(self, out: Out, work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        except (ProviderError, StoreError) as error:
            self._outs.fail(out, error)
        except Exception as error:  # noqa: BLE001 - a defect here must leave nobody waiting
            what = f"{type(error).__name__}: {error}"
            self._outs.fail(out, StillOutError(what, kind=FailureKind.INTERNAL))


def _may_exist(error: ProviderError) -> bool:
    """Whether a batch may have been created although its creation failed."""
    lost = error.kind is FailureKind.CONNECTION and error.possibly_billed
    return lost or error.kind in _UNSEEN
