"""A lane: all trials that ask one model.

Lanes run beside each other, so that a throttled or slow model never leaves the others idle.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Awaitable, Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from evalrunner.datasets import CaseFile
from evalrunner.errors import FailureKind, ProviderError
from evalrunner.planning import Cell
from evalrunner.providers import ApiModelSettings, Limits, ModelSettings, Provider
from evalrunner.providers.batched import Batched
from evalrunner.providers.batches import batch_api
from evalrunner.providers.budgeted import Budgeted
from evalrunner.providers.cached import Cached, CacheMode, Flights, ResponseCache
from evalrunner.providers.gate import Account, Gate
from evalrunner.providers.gated import Gated
from evalrunner.providers.keys import find_key
from evalrunner.providers.primed import Primed
from evalrunner.providers.recorded import Recorded
from evalrunner.providers.registry import Wire
from evalrunner.providers.sdk import WireProvider
from evalrunner.runner.money import Money
from evalrunner.runner.trial import Trial
from evalrunner.types import Recorder

IN_PROCESS_CONCURRENCY = 32
"""Calls of a user's function that run at the same time, unless `limits.concurrency` says else."""
MOST_IN_BATCHES = 20_000
"""Requests of one model that wait for batches at the same time; each of them holds a worker."""
_BATCH_CONNECTIONS = 16
_WORKERS_OF_BASELINE = 64
_SPARE_WORKERS = 64

Owed = Callable[[int, int, int], bool]
"""Whether the trial (cell, row of `cases.jsonl`, repeat) is still to be done."""


class ShutError(ProviderError):
    """The run ended before this request was sent: its trial is still owed."""

    def __init__(self) -> None:
        super().__init__("the run ended before this request was sent", kind=FailureKind.INTERNAL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Lane:
    """One model's cells, its provider with all layers, and how many workers serve it."""

    cells: Sequence[Cell]
    provider: Provider
    gate: Gate | None
    n_workers: int
    prepare: Callable[[], Awaitable[None]] | None = None
    """Done before any trial begins, so that it slows no measured answer: a baseline's training."""

    def trials(self, cases: CaseFile, owed: Owed) -> Iterator[Trial]:
        """The trials still to be done: case by case, so that all cells advance together."""
        by_rows: dict[tuple[int, int], list[Cell]] = {}
        for cell in self.cells:
            by_rows.setdefault((cell.first, cell.n), []).append(cell)
        for (first, n), cells in by_rows.items():
            for case in cases.slice(first, n):
                for cell in cells:
                    for repeat in range(cell.repeats):
                        if owed(cell.id, case.index, repeat):
                            yield Trial(cell=cell, case=case, repeat=repeat)


@dataclass(slots=True)
class Doors:
    """The gates of a run: one per model and key, with one account per key."""

    gates: dict[tuple[str, str, str | None, str], Gate] = field(default_factory=dict)
    batch_gates: dict[tuple[str, str, str | None, str], Gate] = field(default_factory=dict)
    """Of what is asked in batches: they stop what is refused, and let everything else through."""
    accounts: dict[tuple[str, str, str | None], Account] = field(default_factory=dict)
    batches: list[Batched] = field(default_factory=list)
    flights: Flights = field(default_factory=dict)
    """Requests under way: an equal one of another lane waits for the same answer."""

    def gate(self, wire: Wire) -> Gate:
        """The gate that requests of `wire` go through."""
        settings = wire.settings
        key_name = settings.api_key_env if isinstance(settings, ApiModelSettings) else None
        holder = (settings.provider, wire.origin, key_name)
        account = self.accounts.setdefault(holder, Account())
        door = (*holder, settings.name)
        if _is_batch(settings):
            if door not in self.batch_gates:
                most = Limits(concurrency=MOST_IN_BATCHES)
                self.batch_gates[door] = Gate(most, account=account)
            return self.batch_gates[door]
        if door not in self.gates:
            limits = settings.limits
            if not wire.is_api and limits.concurrency is None:
                limits = limits.model_copy(update={"concurrency": IN_PROCESS_CONCURRENCY})
            self.gates[door] = Gate(limits, account=account)
        return self.gates[door]

    def shut(self) -> int:
        """Turn away whoever waits at a gate, and who comes later; how many are under way."""
        for account in self.accounts.values():
            account.stop(ShutError())
        return sum(gate.in_flight for gate in self.gates.values())

    def leave_batches(self) -> int:
        """Wait for no batch any more; how many requests are in batches that go on."""
        return sum(batched.leave() for batched in self.batches)

    def waits_for(self) -> str:
        """What holds the run up, for the progress display; empty while it is just working."""
        waits = [(gate.waits_s(), name) for (*_, name), gate in self.gates.items()]
        longest, name = max(waits, default=(0.0, ""))
        if longest:
            return f"rate limit of {name}: {longest:.0f} s"
        return "; ".join(status for batched in self.batches if (status := batched.status))


def open_lanes(
    cells: Sequence[Cell],
    *,
    recorder: Recorder,
    cache: ResponseCache | None,
    doors: Doors,
    money: Money,
    paying: Collection[int] = (),
) -> list[Lane]:
    """One lane per model configuration; called inside the loop that will use them.

    Lanes with a cell in `paying` load their SDK before any trial begins.
    """
    by_model: dict[str, list[Cell]] = {}
    for cell in cells:
        by_model.setdefault(cell.model_key, []).append(cell)
    return [
        _open_lane(
            group, recorder, cache, doors, money, may_pay=any(cell.id in paying for cell in group)
        )
        for group in by_model.values()
    ]


def _open_lane(
    cells: Sequence[Cell],
    recorder: Recorder,
    cache: ResponseCache | None,
    doors: Doors,
    money: Money,
    *,
    may_pay: bool,
) -> Lane:
    wire = cells[0].wire
    if not wire.is_recorded:
        n_workers = wire.settings.limits.concurrency or _WORKERS_OF_BASELINE
        provider = wire.open()
        prepare = getattr(provider, "open", None)
        return Lane(cells=cells, provider=provider, gate=None, n_workers=n_workers, prepare=prepare)
    gate = doors.gate(wire)
    tariff, budgets = money.of(cells[0])
    live = _open_live(wire, gate, os.environ)
    if isinstance(live, WireProvider) and _is_batch(wire.settings):
        live = Batched(batch_api(live), recorder)
        doors.batches.append(live)
    recorded = Recorded(live, recorder, tariff=tariff)
    budgeted = Budgeted(recorded, tariff=tariff, budgets=budgets, held_usd=money.held_usd)
    gated = Gated(budgeted, gate, max_attempts=wire.settings.limits.max_attempts)
    mode: CacheMode = cells[0].settings.run.cache if wire.is_api else "off"
    inner = Primed(gated) if _shares_prefixes(wire.settings) else gated
    cached = Cached(
        inner,
        parse=wire.parse,
        recorder=recorder,
        cache=cache,
        mode=mode,
        flights=doors.flights,
    )
    # Waiting for the disk holds a worker, not a slot of the gate: more workers than slots.
    n_workers = 2 * gate.ceiling + _SPARE_WORKERS
    if _is_batch(wire.settings):
        n_workers = min(sum(cell.n_trials for cell in cells), MOST_IN_BATCHES)
    return Lane(
        cells=cells,
        provider=cached,
        gate=gate,
        n_workers=n_workers,
        prepare=partial(_load, live) if may_pay and wire.is_api else None,
    )


def _is_batch(settings: ModelSettings) -> bool:
    return getattr(settings, "transport", "live") == "batch"


def _shares_prefixes(settings: ModelSettings) -> bool:
    """Whether one request should go first; a batch is answered as a whole."""
    is_live = getattr(settings, "transport", "") == "live"
    return is_live and bool(getattr(settings, "shares_prefixes", False))


async def _load(live: Any) -> None:
    """Import the SDK now: in mid-run that would stop the loop, and every request with it."""
    # What keeps it from opening is the first request's to report: other lanes can go on.
    with contextlib.suppress(ProviderError):
        await live.open()


def _open_live(wire: Wire, gate: Gate, environ: Mapping[str, str]) -> Provider:
    settings = wire.settings
    if isinstance(settings, ApiModelSettings):
        return wire.open(
            api_key=find_key(settings, environ),
            max_connections=_BATCH_CONNECTIONS if _is_batch(settings) else gate.ceiling,
            on_headers=None if _is_batch(settings) else gate.heed,
        )
    return wire.open()
