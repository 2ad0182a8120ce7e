"""The provider of each model with all its layers, opened once, whoever asks it.

    Cached(Primed(Gated(Budgeted(Recorded(wire | Batched(wire))))))

Candidates and judges that are the same model in the same configuration share all of it.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Awaitable, Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

from evalrunner.config import Experiment
from evalrunner.errors import ProviderError
from evalrunner.providers import ApiModelSettings, ModelSettings, Provider
from evalrunner.providers.batched import Batched
from evalrunner.providers.batches import batch_api
from evalrunner.providers.budgeted import Budgeted
from evalrunner.providers.cached import Cached, CacheMode, ResponseCache
from evalrunner.providers.gate import Gate
from evalrunner.providers.gated import Gated
from evalrunner.providers.keys import find_key
from evalrunner.providers.primed import Primed
from evalrunner.providers.recorded import Recorded
from evalrunner.providers.registry import Wire
from evalrunner.providers.sdk import WireProvider
from evalrunner.runner.doors import Doors, is_batch
from evalrunner.runner.money import Money
from evalrunner.types import Recorder, sha256_of

_BATCH_CONNECTIONS = 16
_WORKERS_OF_BASELINE = 64
_SPARE_WORKERS = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Stack:
    """One model's provider with all its layers."""

    provider: Provider
    gate: Gate | None
    """None for what costs nothing to ask again: baselines and recordings."""
    capacity: int
    """Most requests that are under way at the same time."""
    n_workers: int
    """How many tasks keep it busy."""
    prepare: Callable[[], Awaitable[None]] | None = None
    """What should happen before any trial begins: importing the SDK, training a baseline."""
    is_api: bool = False
    is_batch: bool = False


class Stacks:
    """Every model of a run; used inside one event loop.

    Args:
        recorder: Where answers are written down.
        cache: None = answers of other runs are neither used nor kept.
        doors: The gates of the run.
        money: Its budgets.
    """

    def __init__(
        self, *, recorder: Recorder, cache: ResponseCache | None, doors: Doors, money: Money
    ) -> None:
        self._recorder = recorder
        self._cache = cache
        self._doors = doors
        self._money = money
        self._stacks: dict[str, Stack] = {}
        self._keys: dict[int, tuple[Wire, str]] = {}
        """By the identity of a wire, which is kept so that no other one gets it."""

    def __iter__(self) -> Iterator[Stack]:
        return iter(self._stacks.values())

    def open(self, wire: Wire, settings: Experiment) -> Stack:
        """The stack of a wire, opened as the first cell that asks it says."""
        key = self.key_of(wire)
        if key not in self._stacks:
            opened = self._open_recorded if wire.is_recorded else _open_unrecorded
            self._stacks[key] = opened(wire, settings)
        return self._stacks[key]

    def of(self, wire: Wire) -> Stack:
        """The stack of a wire that was opened."""
        return self._stacks[self.key_of(wire)]

    def key_of(self, wire: Wire) -> str:
        """Equal for wires that ask the same model in the same way."""
        known = self._keys.get(id(wire))
        if known is None:
            dumped = wire.settings.model_dump(mode="json", by_alias=True)
            known = self._keys[id(wire)] = wire, sha256_of(dumped)
        return known[1]

    async def prepare(self, paying: Iterable[Wire]) -> None:
        """Make ready what would slow measured answers; SDKs only of wires in `paying`."""
        paid = {self.key_of(wire) for wire in paying}
        for key, stack in self._stacks.items():
            if stack.prepare is not None and (key in paid or not stack.is_api):
                await stack.prepare()

    async def aclose(self) -> None:
        """Close all providers."""
        for stack in self:
            await stack.provider.aclose()

    def _open_recorded(self, wire: Wire, settings: Experiment) -> Stack:
        model, gate = wire.settings, self._doors.gate(wire)
        tariff, budgets = self._money.of(model, settings.pricing)
        live = self._open_live(wire, gate)
        recorded = Recorded(live, self._recorder, tariff=tariff)
        held_usd = self._money.held_usd
        budgeted = Budgeted(recorded, tariff=tariff, budgets=budgets, held_usd=held_usd)
        gated = Gated(budgeted, gate, max_attempts=model.limits.max_attempts)
        mode: CacheMode = settings.run.cache if wire.is_api else "off"
        cached = Cached(
            Primed(gated) if _shares_prefixes(model) else gated,
            parse=wire.parse,
            recorder=self._recorder,
            cache=self._cache,
            mode=mode,
            flights=self._doors.flights,
        )
        return Stack(
            provider=cached,
            gate=gate,
            capacity=gate.ceiling,
            # Waiting for the disk holds a worker, not a slot of the gate: more workers than slots.
            n_workers=2 * gate.ceiling + _SPARE_WORKERS,
            prepare=partial(_load, live) if wire.is_api else None,
            is_api=wire.is_api,
            is_batch=is_batch(model),
        )

    def _open_live(self, wire: Wire, gate: Gate) -> Provider:
        settings = wire.settings
        if not isinstance(settings, ApiModelSettings):
            return wire.open()
        in_batches = is_batch(settings)
        live = wire.open(
            api_key=find_key(settings, os.environ),
            max_connections=_BATCH_CONNECTIONS if in_batches else gate.ceiling,
            on_headers=None if in_batches else gate.heed,
        )
        if not in_batches or not isinstance(live, WireProvider):
            return live
        batched = Batched(batch_api(live), self._recorder)
        self._doors.batches.append(batched)
        return batched


def _open_unrecorded(wire: Wire, settings: Experiment) -> Stack:
    del settings
    provider = wire.open()
    n = wire.settings.limits.concurrency or _WORKERS_OF_BASELINE
    prepare = getattr(provider, "open", None)
    return Stack(provider=provider, gate=None, capacity=n, n_workers=n, prepare=prepare)


def _shares_prefixes(settings: ModelSettings) -> bool:
    """Whether one request should go first; a batch is answered as a whole."""
    is_live = getattr(settings, "transport", "") == "live"
    return is_live and bool(getattr(settings, "shares_prefixes", False))


async def _load(live: Any) -> None:
    """Import the SDK now: in mid-run that would stop the loop, and every request with it."""
    # What keeps it from opening is the first request's to report: other lanes can go on.
    with contextlib.suppress(ProviderError):
        await live.open()
