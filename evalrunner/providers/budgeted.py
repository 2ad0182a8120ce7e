"""The layer that keeps a budget: reserve the worst case before sending, settle afterwards.

Checking after the fact overshoots by whatever is in flight; reserving never does.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from evalrunner.errors import BudgetExceeded, ProviderError
from evalrunner.formatting import usd
from evalrunner.providers import Provider
from evalrunner.providers.tariff import Tariff
from evalrunner.types import Completion, Request

_ZERO = Decimal(0)


@dataclass(slots=True)
class Budget:
    """Money that may be spent, by everybody who shares it.

    Without a limit it only counts.
    """

    name: str
    """The configuration key that sets it."""
    limit: Decimal | None = None
    spent: Decimal = _ZERO
    """Settled, lost attempts at their worst case included."""
    reserved: Decimal = _ZERO
    unpriced: int = 0
    """Answers whose cost is unknown: without a limit they are counted, not booked."""
    _waiting: deque[asyncio.Future[None]] = field(default_factory=deque)

    async def reserve(self, amount: Decimal) -> None:
        """Return once `amount` fits. Raises BudgetExceeded when it cannot fit any more."""
        while not self.fits(amount):
            if self.reserved == 0:
                raise BudgetExceeded(
                    f"{self.name} is reached: {usd(self.spent)} of {usd(self.limit)} spent, and "
                    f"the next request may cost {usd(amount)}"
                )
            # What is in flight was reserved at its worst case and mostly costs less.
            freed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiting.append(freed)
            await freed
        self.reserved += amount

    def take_over(self, amount: Decimal) -> None:
        """Turn what an earlier session was booked for into a reservation."""
        self.spent -= amount
        self.reserved += amount

    def fits(self, amount: Decimal) -> bool:
        """Whether `amount` may be reserved now."""
        return self.limit is None or self.spent + self.reserved + amount <= self.limit

    def settle(self, amount: Decimal, cost: Decimal | None) -> None:
        """Replace a reservation by what it cost; None = unknown, booked at its worst case."""
        self.reserved -= amount
        self.spent += amount if cost is None else cost
        while self._waiting:
            freed = self._waiting.popleft()
            if not freed.done():
                freed.set_result(None)


class Budgeted:
    """Reserves every attempt of `inner` in all budgets that it counts against.

    Args:
        inner: One recorded attempt.
        tariff: Prices of the model.
        budgets: The run's, and the model's own.
        held_usd: By key, requests that an earlier session sent and that are still out: they are
            booked at this worst case already, and taken out here when they are asked for.
    """

    def __init__(
        self,
        inner: Provider,
        *,
        tariff: Tariff,
        budgets: Sequence[Budget],
        held_usd: dict[str, Decimal] | None = None,
    ) -> None:
        self._inner = inner
        self._tariff = tariff
        self._budgets = budgets
        self._held_usd = {} if held_usd is None else held_usd

    async def complete(self, request: Request) -> Completion:
        """The answer of one attempt. Raises BudgetExceeded before sending, ProviderError after."""
        amount = await self._reserve(request)
        cost: Decimal | None = None
        try:
            completion = await self._inner.complete(request)
            cost = self._tariff.cost(completion)
            self._note_unpriced(cost)
        except ProviderError as error:
            cost = None if error.possibly_billed else _ZERO
            raise
        finally:
            # Cancelled in flight: nobody knows, so the worst case is booked.
            self._settle(self._budgets, amount, cost)
        return completion

    async def aclose(self) -> None:
        """Close the provider that is paid."""
        await self._inner.aclose()

    async def _reserve(self, request: Request) -> Decimal:
        held = self._held_usd.pop(request.key, None)
        if held is not None:
            for budget in self._budgets:
                budget.take_over(held)
            return held
        amount = self._tariff.most(request) or _ZERO
        for done, budget in enumerate(self._budgets):
            try:
                await budget.reserve(amount)
            except BaseException:
                self._settle(self._budgets[:done], amount, _ZERO)
                raise
        return amount

    def _note_unpriced(self, cost: Decimal | None) -> None:
        if cost is None:
            for budget in self._budgets:
                budget.unpriced += 1

    @staticmethod
    def _settle(budgets: Sequence[Budget], amount: Decimal, cost: Decimal | None) -> None:
        for budget in budgets:
            budget.settle(amount, cost)
