"""The money of a run: one budget for everything, one per model, and each model's tariff."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal

from evalrunner.planning import Cell
from evalrunner.pricing import PriceBook, PricingSettings
from evalrunner.providers import ModelSettings
from evalrunner.providers.budgeted import Budget
from evalrunner.providers.tariff import Tariff
from evalrunner.runner.progress import Cap


class Money:
    """Budgets and tariffs of all models, judges included.

    Args:
        cells: Of the run.
        at: Prices are those of this moment: when the run was started.
        spent_usd: By model, what earlier sessions paid, `held_usd` included.
        held_usd: By request key, the worst case of what is still out in batches.
    """

    def __init__(
        self,
        cells: Sequence[Cell],
        *,
        at: datetime,
        spent_usd: Mapping[str, Decimal],
        held_usd: Mapping[str, Decimal] | None = None,
    ) -> None:
        self.held_usd = dict(held_usd or {})
        self._at = at
        self._spent = spent_usd
        self.total = Budget(
            name="run.budget_usd",
            limit=cells[0].settings.run.budget_usd,
            spent=sum(spent_usd.values(), Decimal(0)),
        )
        self._by_model: dict[str, Budget] = {}

    @property
    def caps(self) -> list[Cap]:
        """The budgets that have a limit, that of the whole run first."""
        return [
            Cap(name=each.name, spent=each.spent, limit=each.limit)
            for each in (self.total, *self._by_model.values())
            if each.limit is not None
        ]

    def of(
        self, model: ModelSettings, pricing: PricingSettings
    ) -> tuple[Tariff, tuple[Budget, ...]]:
        """The tariff of a model, and the budgets that its requests count against."""
        book = PriceBook(pricing, at=self._at)
        prices = book.prices(model.price or model.name, model.seller)
        tariff = Tariff(prices, batch=getattr(model, "transport", "live") == "batch")
        if model.limits.budget_usd is None:
            return tariff, (self.total,)
        own = self._by_model.setdefault(
            model.name,
            Budget(
                name=f"limits.budget_usd of {model.name}",
                limit=model.limits.budget_usd,
                spent=self._spent.get(model.name, Decimal(0)),
            ),
        )
        return tariff, (self.total, own)
