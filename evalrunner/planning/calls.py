"""Counts requests: how many a cell makes, how many are answered already, what the rest may cost."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, cast

from evalrunner.errors import ProviderError
from evalrunner.planning.cells import Calls, Cell
from evalrunner.planning.cost import CostEstimate, CostRange
from evalrunner.planning.history import Asked, History
from evalrunner.pricing import UnitPrices
from evalrunner.prompts import PromptTemplate
from evalrunner.providers import ApiModelSettings
from evalrunner.providers.baseline import BaselineSettings, untrained_answer
from evalrunner.providers.cached import ResponseCache
from evalrunner.providers.registry import Wire
from evalrunner.providers.replay import ReplayProvider, ReplaySettings
from evalrunner.types import Case, Prompt, Request


class Answered:
    """Which requests nobody has to pay: kept answers, and what another trial of the run asks."""

    def __init__(self, responses: ResponseCache | None) -> None:
        self._responses = responses
        self._asked: set[bytes] = set()
        self._recordings: dict[int, ReplayProvider] = {}

    def take(self, request: Request) -> bool:
        """Whether this request is answered; from now on an equal one is."""
        key = bytes.fromhex(request.key)
        if key in self._asked:
            return True
        self._asked.add(key)
        return self._responses is not None and self._responses.get(request.key) is not None

    def text(self, wire: Wire, request: Request) -> str | None:
        """What a kept or recorded answer says; None when there is none, or it says nothing."""
        try:
            if isinstance(wire.settings, ReplaySettings):
                return self._recording(wire).look_up(request).text
            if isinstance(wire.settings, BaselineSettings) and request.case is not None:
                return untrained_answer(wire.settings, request.case)
            kept = self._responses.get(request.key) if self._responses and wire.is_api else None
            return None if kept is None else wire.parse(request, kept.body).text
        except ProviderError:
            return None

    def close(self) -> None:
        """Close the recordings that were looked into."""
        for recording in self._recordings.values():
            recording.close()

    def _recording(self, wire: Wire) -> ReplayProvider:
        if id(wire) not in self._recordings:
            self._recordings[id(wire)] = cast("ReplayProvider", wire.open())
        return self._recordings[id(wire)]


class Counter(Protocol):
    """Counts the requests of one cell, case by case."""

    @property
    def template(self) -> PromptTemplate:
        """What renders the prompts to count."""

    def add(self, prompt: Prompt, case: Case) -> None:
        """Count the requests of one case."""

    def calls(self) -> Calls:
        """How many there are."""

    def cost(self) -> CostRange:
        """What those to be paid may cost."""


class CallCounter:
    """The requests of one cell that asks an API.

    Args:
        cell: With its wire and template.
        settings: Of its model.
        prices: Of its model; None = unknown.
        answered: Shared by all cells of the plan.
        past: Reads the project's earlier runs; called only when there is a request to pay.
    """

    def __init__(
        self,
        cell: Cell,
        settings: ApiModelSettings,
        *,
        prices: UnitPrices | None,
        answered: Answered,
        past: Callable[[], History],
    ) -> None:
        self._cell = cell
        self._asked = Asked.of(cell.config)
        self._answered = answered
        self._past = past
        self._cached = 0
        self._estimate = CostEstimate(
            prices,
            max_output_tokens=settings.max_output_tokens,
            batch=settings.transport == "batch",
        )

    @property
    def template(self) -> PromptTemplate:
        """What renders the prompts to count."""
        return self._cell.template

    def add(self, prompt: Prompt, case: Case) -> None:
        """Count the requests of one case."""
        for repeat in range(self._cell.repeats):
            request = self._cell.wire.build_request(prompt, case, repeat)
            if self._answered.take(request):
                self._cached += 1
            else:
                self._estimate.add(request, self._past().lengths(self._asked, prompt))

    def calls(self) -> Calls:
        """How many there are."""
        total = self._cell.n_trials
        return Calls(total=total, cached=self._cached, to_pay=total - self._cached)

    def cost(self) -> CostRange:
        """What those to be paid may cost."""
        return self._estimate.range(self._past() if self.calls().to_pay else None)
