"""Requests that are out in a batch are paid: a resumed run counts them before anything else."""

from __future__ import annotations

import asyncio
from decimal import Decimal

import pytest

from evalrunner.errors import BudgetExceeded
from evalrunner.pricing import Rates, UnitPrices
from evalrunner.providers.budgeted import Budget, Budgeted
from evalrunner.providers.tariff import Tariff
from evalrunner.types import Completion, Request, Usage

# A dollar for each token of an answer; an answer has ten at most, and three in fact.
PRICES = UnitPrices(
    standard=(Rates(input=Decimal(0), output=Decimal(1_000_000)),), source="the test"
)


class Wire:
    async def complete(self, request):
        await asyncio.sleep(0)
        return Completion(text="", usage=Usage(output_tokens=3))

    async def aclose(self):
        """Nothing was opened."""


def request(name):
    body = {"max_output_tokens": 10, "name": name}
    return Request.build(provider="openai", model="m", origin="", path="/p", body=body)


def budgeted(*, limit, out):
    """A budget that an earlier session's batch of `out` is booked on, and its layer."""
    held = {request(name).key: Decimal(10) for name in out}
    budget = Budget(name="run.budget_usd", limit=Decimal(limit), spent=Decimal(10 * len(out)))
    return budget, Budgeted(Wire(), tariff=Tariff(PRICES), budgets=[budget], held_usd=held)


def test_new_requests_cannot_take_the_money_of_those_that_are_out():
    _, layer = budgeted(limit=25, out="ab")

    with pytest.raises(BudgetExceeded):
        asyncio.run(layer.complete(request("new")))


def test_what_is_out_is_answered_though_nothing_is_left():
    budget, layer = budgeted(limit=15, out="ab")

    asyncio.run(layer.complete(request("a")))

    assert (budget.spent, budget.reserved) == (13, 0)


def test_what_came_back_cheaper_makes_room_for_more():
    budget, layer = budgeted(limit=20, out="ab")

    async def run():
        await asyncio.gather(*(layer.complete(request(name)) for name in ("a", "b", "new")))

    asyncio.run(run())

    assert (budget.spent, budget.reserved) == (9, 0)


def test_second_attempt_of_a_request_is_reserved_as_any_other():
    budget, layer = budgeted(limit=12, out="a")
    asyncio.run(layer.complete(request("a")))

    with pytest.raises(BudgetExceeded):
        asyncio.run(layer.complete(request("a")))
    assert budget.spent == 3
