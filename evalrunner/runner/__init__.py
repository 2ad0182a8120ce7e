"""Executes the trials of a run: one event loop, a lane a model, every failure a value."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from evalrunner.datasets import CaseFile
from evalrunner.errors import (
    BudgetExceeded,
    EvalRunnerError,
    FailureKind,
    ProviderError,
    StoreError,
)
from evalrunner.planning import Cell
from evalrunner.providers.cached import ResponseCache
from evalrunner.providers.registry import Wire
from evalrunner.runner.doors import Doors, ShutError
from evalrunner.runner.judging import Judging
from evalrunner.runner.lanes import Lane, Owed, open_lanes
from evalrunner.runner.money import Money
from evalrunner.runner.opponents import Opponents
from evalrunner.runner.progress import Cap, CellProgress, Door, Progress
from evalrunner.runner.racing import Racing
from evalrunner.runner.records import Outcome, Trial
from evalrunner.runner.stacks import Stacks
from evalrunner.runner.trial import run_trial
from evalrunner.store import RunStore
from evalrunner.types import Status

__all__ = ["Cap", "CellProgress", "Door", "Ending", "Money", "Progress", "Run", "Stop"]

_OBSERVED_EVERY_S = 0.25
_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Stop(StrEnum):
    """Why no further trial is begun."""

    INTERRUPTED = "interrupted"
    REFUSED = "refused"
    """A key, a quota or a spend limit: the provider will not answer any more."""
    MODEL = "model"
    """One model rejects every request, or asks to wait too long; the others go on."""
    BUDGET = "budget"
    DISK = "disk"


@dataclass(slots=True)
class Ending:
    """How a run ended; no reasons = every trial was done."""

    reasons: dict[Stop, str] = field(default_factory=dict)


class Run:
    """One execution of a run directory's trials.

    Args:
        cells: From the plan, or thawed.
        cases: The run's `cases.jsonl`.
        store: Open; where answers and trials are written.
        owed: Which trials are to be done.
        cache: None = answers of other runs are neither used nor kept.
        money: Budgets, and what earlier sessions spent.
        progress: Counted up as trials reach the disk.
        on_interrupt: Called with the number of requests under way at the first Ctrl-C.
    """

    def __init__(
        self,
        cells: Sequence[Cell],
        cases: CaseFile,
        store: RunStore,
        *,
        owed: Owed,
        cache: ResponseCache | None,
        money: Money,
        progress: Progress,
        on_interrupt: Callable[[int], None] = lambda _: None,
    ) -> None:
        self._cells = cells
        self._cases = cases
        self._store = store
        self._owed = owed
        self._money = money
        self._progress = progress
        self._on_interrupt = on_interrupt
        self._doors = Doors()
        self._stacks = Stacks(recorder=store, cache=cache, doors=self._doors, money=money)
        self._opponents = Opponents(cells, owed=owed, recorded=store.answer_of_trial)
        self._racing: Racing | None = None
        self._ending = Ending()
        self._stopping = False
        self._tasks: set[asyncio.Task[None]] = set()

    async def execute(self, *, paying: Iterable[Wire] = ()) -> Ending:
        """Do every owed trial, or as many as can be; answers under way are waited for.

        `paying` may send requests: their SDKs are loaded first.
        """
        if any(cell.settings.run.race for cell in self._cells):
            self._racing = self._races()
        lanes = open_lanes(self._cells, self._stacks)
        judging = Judging(self._cells, stacks=self._stacks, opponents=self._opponents)
        try:
            await self._stacks.prepare(paying)
            with self._signals():
                self._tasks = {task for lane in lanes for task in self._start(lane, judging)}
                watcher = asyncio.create_task(self._watch())
                results = await asyncio.gather(*self._tasks, return_exceptions=True)
                watcher.cancel()
                self._observe()
        finally:
            await self._stacks.aclose()
        for result in results:
            if isinstance(result, BaseException) and not isinstance(
                result, asyncio.CancelledError | EvalRunnerError
            ):
                raise result
        return self._ending

    def _races(self) -> Racing:
        return Racing(
            self._cells,
            self._cases,
            self._store,
            owed=self._owed,
            money=self._money,
            progress=self._progress,
        )

    def _start(self, lane: Lane, judging: Judging) -> Iterator[asyncio.Task[None]]:
        if self._racing is None:
            trials = lane.trials(self._cases, self._owed)
        else:
            trials = lane.trials(self._cases, self._owed, rows=self._racing.rows)
        for _ in range(lane.n_workers):
            yield asyncio.create_task(self._work(lane, trials, judging))

    async def _work(self, lane: Lane, trials: Iterator[Trial], judging: Judging) -> None:
        """Take trials from the lane until there are none, or the lane or the run must stop."""
        gate = lane.stack.gate
        try:
            while not self._stopping and not (gate and gate.stopped):
                trial = next(trials, None)
                if trial is None:
                    return
                if self._racing is None or await self._racing.enter(trial):
                    await self._take(lane, trial, judging)
        except StoreError as error:
            self._stop(Stop.DISK, str(error))
            raise
        except BudgetExceeded as error:
            # Of a stopped run it says only that requests were dropped at their worst case.
            if not self._stopping:
                self._ending.reasons.setdefault(Stop.BUDGET, str(error))
            return
        finally:
            # Whatever the reason, nobody may wait for what this lane does not hand out.
            self._opponents.close(lane.cells)
            if self._racing is not None:
                self._racing.close(lane.cells)
        if gate is not None and gate.stopped is not None:
            self._note_stopped(gate.stopped)

    async def _take(self, lane: Lane, trial: Trial, judging: Judging) -> None:
        self._opponents.begin(trial)
        is_done = False
        try:
            stopped = judging.stopped(trial.cell)
            if stopped is None:
                is_done = await self._do(lane, trial, judging)
                await self._opponents.keep_pace(trial)
            else:
                # What nobody can judge is not asked: it is still owed.
                self._note_stopped(stopped)
                await asyncio.sleep(0)
        finally:
            self._opponents.end(trial)
            if self._racing is not None and not is_done:
                self._racing.leave(trial.cell)

    async def _do(self, lane: Lane, trial: Trial, judging: Judging) -> bool:
        """Whether the trial is on disk; else it is still owed, and a resumed run asks again."""
        outcome = await run_trial(trial, lane.stack.provider, judging)
        refusal = _refusal(outcome)
        if refusal is not None:
            self._ending.reasons.setdefault(Stop.REFUSED, refusal)
        turned_away = _turned_away(outcome)
        if turned_away is not None:
            self._note_stopped(turned_away)
        is_cut_off = self._stopping and outcome.is_incomplete
        if refusal is not None or turned_away is not None or is_cut_off:
            return False
        record = outcome.to_json()
        await asyncio.shield(self._store.record_trial(record))
        self._count(outcome)
        if self._racing is not None:
            self._racing.done(record)
        return True

    def _note_stopped(self, error: ProviderError) -> None:
        if not self._stopping:
            self._ending.reasons.setdefault(Stop.MODEL, str(error))

    def _count(self, outcome: Outcome) -> None:
        cell, completion, error = outcome.trial.cell, outcome.completion, outcome.error
        self._progress.count(
            cell.id,
            status=completion.status if completion else Status.ERROR,
            error_kind=error.kind.value if error else None,
            quality=outcome.scores.get(cell.quality_scorer) if cell.role == "candidate" else None,
        )

    async def _watch(self) -> None:
        """Keep the progress display informed of what is not counted trial by trial."""
        while True:
            self._observe()
            await asyncio.sleep(_OBSERVED_EVERY_S)

    def _observe(self) -> None:
        progress, total = self._progress, self._money.total
        progress.spent_usd, progress.unpriced = total.spent, total.unpriced
        progress.budget_usd, progress.caps = total.limit, self._money.caps
        progress.doors, progress.waiting = self._doors.states(), self._doors.waits_for()
        progress.is_stopping = self._stopping
        progress.mark()

    def _stop(self, why: Stop, message: str) -> None:
        n_out = self._doors.leave_batches()
        if n_out:
            message += f"; {n_out:,} requests go on in batches, and resuming picks up their answers"
        self._ending.reasons.setdefault(why, message)
        self._stopping = True
        if self._racing is not None:
            self._racing.stop()

    def _interrupt(self) -> None:
        """First signal: begin nothing new. Second: drop what is under way."""
        if Stop.INTERRUPTED in self._ending.reasons:
            for task in self._tasks:
                task.cancel()
            return
        self._stop(Stop.INTERRUPTED, "interrupted")
        # Workers take trials long before their turn at the gate: those are not begun any more.
        in_flight = self._doors.shut()
        if in_flight:
            self._on_interrupt(in_flight)

    @contextlib.contextmanager
    def _signals(self) -> Iterator[None]:
        loop = asyncio.get_running_loop()
        handlers = dict.fromkeys(_SIGNALS, self._interrupt)
        if hasattr(signal, "SIGHUP"):
            # The terminal was closed: the journal is the truth, so the run goes on.
            handlers[signal.SIGHUP] = lambda: None
        handled = []
        for number, handler in handlers.items():
            # Only the main thread may handle signals; elsewhere the host program does.
            with contextlib.suppress(ValueError, RuntimeError, NotImplementedError):
                loop.add_signal_handler(number, handler)
                handled.append(number)
        try:
            yield
        finally:
            for number in handled:
                loop.remove_signal_handler(number)


def _refusal(outcome: Outcome) -> str | None:
    """Why a provider refuses everybody, if that is what this outcome says."""
    final = {FailureKind.AUTH, FailureKind.QUOTA}
    return next((str(error) for error in outcome.errors if error.kind in final), None)


def _turned_away(outcome: Outcome) -> ProviderError | None:
    """Why a request never went out: its model or the run was stopped first."""
    errors = outcome.errors
    return next((e for e in errors if e.attempts == 0 or isinstance(e, ShutError)), None)
