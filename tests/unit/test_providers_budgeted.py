"""A budget is a hard cap: the worst case is reserved before anything is sent."""

from __future__ import annotations

import asyncio
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalrunner.errors import BudgetExceeded, FailureKind, ProviderError
from evalrunner.pricing import Rates, UnitPrices
from evalrunner.providers.budgeted import Budget, Budgeted
from evalrunner.providers.tariff import Tariff
from evalrunner.types import Completion, Request, Usage

DOLLAR_A_TOKEN = UnitPrices(
    standard=(Rates(input=Decimal(0), output=Decimal(1_000_000)),), source="test"
)
TARIFF = Tariff(DOLLAR_A_TOKEN)


def request(sample=0, longest=10):
    return Request.build(
        provider="openai",
        model="m",
        origin="",
        path="p",
        body={"max_output_tokens": longest},
        sample=sample,
    )


class Spends:
    """Answers after a moment, with so many output tokens; records how many were in flight."""

    def __init__(self, tokens, *, error=None):
        self.tokens, self.error = iter(tokens), error
        self.calls = 0

    async def complete(self, request):
        self.calls += 1
        await asyncio.sleep(0)
        if self.error is not None:
            raise self.error
        tokens = next(self.tokens)
        usage = None if tokens is None else Usage(output_tokens=tokens)
        return Completion(text="x", usage=usage)

    async def aclose(self):
        """Nothing to close."""


async def ask_all(provider, n):
    tasks = [asyncio.create_task(provider.complete(request(sample=i))) for i in range(n)]
    return await asyncio.gather(*tasks, return_exceptions=True)


@given(
    limit=st.integers(0, 60),
    tokens=st.lists(st.one_of(st.none(), st.integers(0, 10)), min_size=1, max_size=30),
)
def test_a_budget_is_never_exceeded_and_is_used_as_far_as_it_goes(limit, tokens):
    budget = Budget(name="run.budget_usd", limit=Decimal(limit))
    wire = Spends(tokens)
    provider = Budgeted(wire, tariff=TARIFF, budgets=(budget,))

    results = asyncio.run(ask_all(provider, len(tokens)))

    refused = [result for result in results if isinstance(result, BudgetExceeded)]
    assert budget.spent <= limit
    assert budget.reserved == 0
    assert wire.calls + len(refused) == len(tokens)
    # Whoever was refused could have cost more than was left.
    assert not refused or budget.spent + 10 > limit


def test_an_answer_without_usage_is_booked_at_its_worst_case():
    """A12."""
    budget = Budget(name="run.budget_usd", limit=Decimal(100))

    asyncio.run(ask_all(Budgeted(Spends([None]), tariff=TARIFF, budgets=(budget,)), 1))

    assert (budget.spent, budget.unpriced) == (10, 1)


@pytest.mark.parametrize(("billed", "spent"), [(True, 10), (False, 0)])
def test_a_lost_attempt_costs_its_worst_case_only_if_it_may_be_billed(billed, spent):
    budget = Budget(name="run.budget_usd", limit=Decimal(100))
    error = ProviderError("lost", kind=FailureKind.TIMEOUT, possibly_billed=billed)
    provider = Budgeted(Spends([], error=error), tariff=TARIFF, budgets=(budget,))

    asyncio.run(ask_all(provider, 1))

    assert (budget.spent, budget.reserved) == (spent, 0)


def test_a_cancelled_attempt_is_booked_at_its_worst_case():
    budget = Budget(name="run.budget_usd", limit=Decimal(100))

    async def cancel_in_flight():
        provider = Budgeted(Spends([3]), tariff=TARIFF, budgets=(budget,))
        task = asyncio.create_task(provider.complete(request()))
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    asyncio.run(cancel_in_flight())

    assert (budget.spent, budget.reserved) == (10, 0)


def test_every_budget_counts_and_a_refused_reservation_gives_the_others_back():
    total = Budget(name="run.budget_usd", limit=Decimal(100))
    own = Budget(name="limits.budget_usd of m", limit=Decimal(5))
    provider = Budgeted(Spends([1]), tariff=TARIFF, budgets=(total, own))

    (result,) = asyncio.run(ask_all(provider, 1))

    assert isinstance(result, BudgetExceeded)
    assert "limits.budget_usd of m" in str(result)
    assert (total.reserved, total.spent, own.spent) == (0, 0, 0)


def test_an_unlimited_budget_only_counts():
    budget = Budget(name="run.budget_usd")

    asyncio.run(ask_all(Budgeted(Spends([4, 5]), tariff=TARIFF, budgets=(budget,)), 2))

    assert budget.spent == 9


def test_the_ceiling_is_a_token_a_byte_at_the_dearest_input_rate_and_the_longest_answer():
    rates = Rates(
        input=Decimal(1), output=Decimal(10), cache_read=Decimal("0.1"), cache_write_1h=Decimal(2)
    )
    sent = request(longest=7)

    most = Tariff(UnitPrices(standard=(rates,), source="test")).most(sent)

    assert most == (sent.size * 2 + 70) / Decimal(1_000_000)


def test_the_ceiling_is_unknown_without_a_price_or_a_limit_on_the_answer():
    unlimited = Request.build(provider="openai", model="m", origin="", path="p", body={})

    assert Tariff(None).most(request()) is None
    assert TARIFF.most(unlimited) is None
