"""The doors of a run: one gate per model and key, shared by all who ask it, judges included."""

from __future__ import annotations

from dataclasses import dataclass, field

from evalrunner.errors import FailureKind, ProviderError
from evalrunner.providers import ApiModelSettings, Limits, ModelSettings
from evalrunner.providers.batched import Batched
from evalrunner.providers.cached import Flights
from evalrunner.providers.gate import Account, Gate
from evalrunner.providers.registry import Wire
from evalrunner.runner.progress import Door

IN_PROCESS_CONCURRENCY = 32
"""Calls of a user's function that run at the same time, unless `limits.concurrency` says else."""
MOST_IN_BATCHES = 20_000
"""Requests of one model that wait for batches at the same time; each of them holds a worker."""


class ShutError(ProviderError):
    """The run ended before this request was sent: its trial is still owed."""

    def __init__(self) -> None:
        super().__init__("the run ended before this request was sent", kind=FailureKind.INTERNAL)


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
        if is_batch(settings):
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

    def states(self) -> list[Door]:
        """How each gate stands, for the progress display."""
        return [
            Door(
                model=model,
                in_flight=gate.in_flight,
                limit=int(gate.limit),
                was=None if gate.cut_from is None else int(gate.cut_from),
                resumes_s=gate.waits_s(),
            )
            for (*_, model), gate in self.gates.items()
        ]

    def waits_for(self) -> str:
        """What batches the run waits for; empty without any."""
        return "; ".join(status for batched in self.batches if (status := batched.status))


def is_batch(settings: ModelSettings) -> bool:
    """Whether a model is asked in batches."""
    return getattr(settings, "transport", "live") == "batch"
